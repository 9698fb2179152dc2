"""The jobs that wait in a queue, a window of them at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from textual.widget import Widget

from qtop import cells, details
from qtop.keymap import Where
from qtop.screens.base import ListScreen, TextScreen, bindings
from qtop.stage import View
from qtop.text import safe
from qtop.widgets.bar import Bar, Span
from qtop.widgets.columns import Column
from qtop.widgets.text_lines import TextLine
from qtop.widgets.vtable import VTable
from resque.errors import StoreError
from resque.state import queues, windows
from resque.state.snapshot import Snapshot
from resque.state.windows import Item, Window
from resque.wire.codec import Payload, decode_payload

WINDOW: Final = 200
#: Of longer items only the beginning is listed; opening one fetches the whole.
LISTED_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class JobRow:
    """A waiting job. `place` 0 is next; `key` tells it from others with the same bytes."""

    key: tuple[str, int]
    place: int
    item: Item
    class_name: str | None
    args: Any
    problem: str | None


def job_rows(window: Window, start: int) -> list[JobRow]:
    """The rows of a window. O(bytes)."""
    seen: Counter[str] = Counter()
    rows = []
    for index, item in enumerate(window.items):
        payload = decode_payload(item.raw)
        key = (item.sha, seen[item.sha])
        seen[item.sha] += 1
        if isinstance(payload, Payload):
            rows.append(JobRow(key, start + index, item, payload.class_name, payload.args, None))
        else:
            problem = "large" if item.is_cut else payload.reason
            rows.append(JobRow(key, start + index, item, None, None, problem))
    return rows


def _class(row: JobRow) -> str:
    if row.problem is not None:
        return "(large)" if row.item.is_cut else "unreadable"
    return cells.job_class(row.class_name, row.args)


def _args(row: JobRow) -> str:
    if row.problem is not None:
        return safe(row.item.raw[:1_000]) if row.item.is_cut else safe(row.problem)
    return cells.short_json(cells.unwrapped(row.class_name, row.args)[1])


COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        "place",
        "place",
        8,
        lambda r: cells.number(r.place + 1),
        priority=90,
        align="right",
        style="dim",
    ),
    Column(
        "class",
        "class",
        20,
        _class,
        flex=1,
        priority=100,
        style=lambda r: "warn" if r.problem and not r.item.is_cut else None,
    ),
    Column("args", "args", 20, _args, flex=3, priority=95),
    Column(
        "size",
        "bytes",
        8,
        lambda r: cells.number(r.item.size),
        priority=50,
        align="right",
        style="dim",
    ),
)


class JobsTable(VTable[JobRow]):
    """Asks for other jobs when a page key meets its end."""

    def action_page_down(self) -> None:
        """One page down, or the next jobs."""
        if self.cursor_index >= self.row_count - 1 and isinstance(self.screen, JobsScreen):
            self.screen.turn(+1)
        else:
            super().action_page_down()

    def action_page_up(self) -> None:
        """One page up, or the jobs before."""
        if self.cursor_index == 0 and isinstance(self.screen, JobsScreen):
            self.screen.turn(-1)
        else:
            super().action_page_up()


class JobsScreen(ListScreen):
    """A window on a queue; it follows the queue as it drains."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "jobs")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def __init__(self, queue: str) -> None:
        super().__init__()
        self._window = Bar(id="window")
        self._queue = queue
        self._start = 0
        self._length: int | None = None
        self._seen: Snapshot | None = None

    def make_table(self) -> VTable[Any]:
        """The table."""
        return JobsTable(COLUMNS, key=lambda row: row.key, markable=False, clock=self.app.clock)

    def compose_body(self) -> Iterable[Widget]:
        """A line that says which jobs, and the table."""
        yield self._window
        yield self.table

    def show_board(self, view: View) -> None:
        """Read the window again whenever there was a look."""
        self.table.stale = view.is_stale
        if view.frozen_since_mono is None and view.look.snapshot is not self._seen:
            self._seen = view.look.snapshot
            self._load()
        self._show_title()

    def turn(self, pages: int) -> None:
        """Go to the next jobs, or to those before."""
        last = max(0, ((self._length or 1) - 1) // WINDOW * WINDOW)
        start = min(last, max(0, self._start + pages * WINDOW))
        if start != self._start:
            self._start = start
            self._load(cursor_last=pages < 0)

    def on_vtable_opened(self, event: VTable.Opened[JobRow]) -> None:
        """Show the whole job."""
        event.stop()
        self.app.push_screen(JobScreen(event.row, self._queue, self._length or 0))

    def _load(self, *, cursor_last: bool | None = None) -> None:
        self.run_worker(self._read(cursor_last), exclusive=True, group="window")

    async def _read(self, cursor_last: bool | None) -> None:
        start = self._start
        peek = queues.peek(self.app.keys, self._queue, start, WINDOW, max_bytes=LISTED_BYTES)
        try:
            window = await self.app.read(peek)
        except StoreError as error:
            self.app.say(safe(str(error)), "bad")
            return
        self._length = window.length
        if start and not window.items:
            # The queue has drained below this window.
            self.turn(-1)
            return
        table: VTable[JobRow] = self.table
        table.empty_text = "Nothing waits in this queue."
        table.set_rows(job_rows(window, start))
        if cursor_last is not None:
            (table.action_cursor_last if cursor_last else table.action_cursor_first)()
        self._show_title()

    def _show_title(self) -> None:
        rows = self.table.row_count
        which = "" if not rows else f"jobs {self._start + 1:,} to {self._start + rows:,} of "
        total = "reading …" if self._length is None else f"{which}{self._length:,} waiting"
        spans = [Span(f" {safe(self._queue)}", "current"), Span(f"   {total}", "dim", 90)]
        self._window.show(spans)


class JobScreen(TextScreen):
    """One waiting job with everything in its payload."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts",)
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def __init__(self, row: JobRow, queue: str, length: int) -> None:
        super().__init__()
        self._item, self._place, self._queue = row.item, row.place, queue
        self._length = length

    def lines(self, view: View) -> Iterable[TextLine]:
        """The job as it was when it was opened."""
        return details.job_lines(self._item, self._queue, self._place)

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        if self._item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        # Counted from the end: a queue loses jobs at its front all the time.
        place = min(-1, self._place - self._length)
        find = windows.find(self.app.keys.queue(self._queue), self._item.sha, place)
        try:
            raw = await self.app.read(find)
        except StoreError as error:
            self.app.say(safe(str(error)), "bad")
            return
        if raw is not None:
            self._item = windows.whole(raw)
            self.show_board(self.app.stage.view())
