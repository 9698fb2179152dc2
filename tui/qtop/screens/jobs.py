"""The jobs that wait in a queue, or what was set aside from it: a window of them at a time, or what
a filter finds in the whole list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from textual.widget import Widget
from textual.worker import WorkType

from qtop.actions.request import Delete, Move, PutBack, Request
from qtop.keymap.keymap import Where
from qtop.monitor.incidents.incident import to_serving
from qtop.monitor.state import ViewState
from qtop.screens import details, frame_texts, queue_bars
from qtop.screens.base import RowsScreen, TextScreen, bindings
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.payload_editor import edit_job
from qtop.search.fields import Subject
from qtop.search.list_walk import Follower, Visit
from qtop.search.selection import JobSource
from qtop.systems.resque.job_actions import RefusalCheck, nothing_refused, unusable
from qtop.systems.resque.queues import (
    MOST_LISTED,
    JobMatches,
    JobRow,
    JobSearch,
    chosen_of,
    fetch,
    rows_of,
    shifted,
    source_of,
)
from qtop.text import format
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column, figure
from qtop.widgets.paged_table import PagedTable, marks_spans
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from queuecore import windows
from queuecore.errors import StoreError

# One waiting job, or one item that was set aside, with everything in it.


class JobScreen(TextScreen):
    """The job as it was when it was opened."""

    PLACES: ClassVar[tuple[Where, ...]] = ("job", "texts")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def __init__(self, row: JobRow, source: JobSource) -> None:
        super().__init__()
        self._row, self._source = row, source
        self._item = row.item

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job; it never changes."""
        redactor = view.policy.redactor
        return details.job_lines(self._item, self._source.name, self._row.place, redactor)

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        super().on_mount()
        if self._item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        try:
            raw = await self.app.read(fetch(self._source.key(self.app.keys), self._row))
        except StoreError as error:
            self.app.say(f"the rest of the job: {safe(str(error))}", "bad")
            return
        if raw is None:
            self.app.say("the rest of the job: it is gone, or far from where it was seen", "warn")
            return
        self._item = windows.whole(raw)
        self.show_view(self.app.state.view())

    def action_delete_jobs(self) -> None:
        """Delete this very job."""
        chosen = chosen_of([self._row], self._source)
        self.app.actions.request(Delete(self._source, chosen))

    def action_move_jobs(self) -> None:
        """Move this very job to another queue."""
        chosen = chosen_of([self._row], self._source)
        ask_for_queue(
            self.app,
            self._source,
            "Move the job to which queue?",
            lambda queue: self.app.actions.request(Move(self._source, chosen, queue)),
        )

    def action_edit_job(self) -> None:
        """Edit this very job."""
        if not self.app.actions.refuses():
            self.run_worker(edit_job(self.app, self._row, self._source), group="edit")

    def action_export_jobs(self) -> None:
        """Write this job to a file."""
        self.run_worker(export(self.app, [self._row], None, self._source), group="export")


# The columns of waiting jobs, and their table.


def _class(row: JobRow) -> str:
    if row.is_large:
        return "(large)"
    return "unreadable" if row.problem is not None else format.job_class(row.class_name, None)


COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        "place",
        "place",
        8,
        lambda r: format.number(r.place + 1),
        priority=90,
        align="right",
        style="dim",
        sort_key=lambda r: r.place,
    ),
    Column(
        "class",
        "class",
        18,
        _class,
        flex=1,
        priority=100,
        style=lambda r: "warn" if r.problem and not r.is_large else None,
        sort_key=_class,
    ),
    Column("args", "args", 30, lambda r: r.args, flex=3, priority=95),
    figure("size", "bytes", 8, lambda r: r.item.size, format.number, priority=50, style="dim"),
    Column("id", "id", 12, lambda r: r.item.sha[:12], priority=20, style="dim"),
)


# What the keys on waiting jobs and on items set aside do.


class JobActions(RowsScreen):
    """The keys of a list of jobs; `source` is the list."""

    TAB: ClassVar[Where] = "queues"
    is_set_aside: ClassVar[bool] = False
    marks_gone = "the marked jobs have left the queue: nothing was done"

    def __init__(self, queue: str) -> None:
        self.source: JobSource = source_of(queue, is_set_aside=self.is_set_aside)
        self.window, self.service = Bar(id="window"), Bar(id="service")
        super().__init__()

    def show_service(self, view: ViewState) -> None:
        """Say who serves the queue."""
        fleet, name = view.fleet, self.source.name
        if fleet is not None:
            if fleet.queues is None:
                why = fleet.totals.problems.get("queues", "")
                self.service.show([Span(f" {frame_texts.unknown_word(why)}", "warn")])
                return
            row = next((row for row in fleet.queues if row.name == name), None)
            served_by, workers = self.app.state.served_by, fleet.workers
            serving = None if workers is None else queue_bars.serving(name, workers, served_by)
            if row is not None and self.is_set_aside:
                row = row._replace(unreadable=0)
            self.service.show(*queue_bars.service(row, serving, view.policy.sign))

    async def action_show_serving(self) -> None:
        """Show the workers that serve the queue."""
        fleet, name = self.app.state.view().fleet, self.source.name
        rows = (fleet.queues or ()) if fleet is not None else ()
        serving = next((row.serving for row in rows if row.name == name), None)
        await self.app.follow(to_serving(name, serving))

    # The chosen ones

    def chosen_rows(self) -> list[JobRow]:
        """The marked jobs, or the one under the cursor."""
        rows: list[JobRow] = self.meant()
        return rows

    def action_delete_jobs(self) -> None:
        """Delete the chosen jobs, these very ones."""
        self._act(Delete)

    def action_put_back(self) -> None:
        """Put the chosen items back onto their queue, these very ones."""
        self._act(PutBack, unusable)

    def action_move_jobs(self) -> None:
        """Move the chosen jobs, these very ones, to another queue."""
        rows = self.chosen_rows()
        if not rows:
            return
        chosen = chosen_of(rows, self.source)
        self._ask_where(
            f"Move {_jobs(len(rows))} to which queue?",
            lambda queue: self.app.actions.request(Move(self.source, chosen, queue), self.table),
        )

    def action_edit_job(self) -> None:
        """Edit the job under the cursor."""
        row: JobRow | None = self.table.cursor_row
        if row is not None and not self.app.actions.refuses():
            self.run_worker(edit_job(self.app, row, self.source, self.table), group="edit")

    def action_export_jobs(self) -> None:
        """Write the chosen jobs, or all that match, to a file."""
        search = JobSearch(self.source, self.filter)
        work = export(self.app, self.chosen_rows(), search, self.source)
        self.run_worker(work, group="export")

    def _act(self, make: Callable[..., Request], refusal: RefusalCheck = nothing_refused) -> None:
        if rows := self.chosen_rows():
            request = make(self.source, chosen_of(rows, self.source, refusal))
            self.app.actions.request(request, self.table)

    # All that match

    def action_delete_matching(self) -> None:
        """Delete all that match."""
        self._act_on_all(Delete)

    def action_put_back_matching(self) -> None:
        """Put all that match back onto their queue."""
        self._act_on_all(PutBack, unusable)

    def action_move_matching(self) -> None:
        """Move all that match to another queue."""
        every = "all" if self.filter.is_empty else "all that match"
        self._ask_where(
            f"Move {every} to which queue?", lambda queue: self._act_on_all(partial(Move, to=queue))
        )

    def _ask_where(self, title: str, move: Callable[[str], None]) -> None:
        ask_for_queue(self.app, self.source, title, move)

    def _act_on_all(
        self, make: Callable[..., Request], refusal: RefusalCheck = nothing_refused
    ) -> None:
        make = partial(make, self.source, filter=self.filter.text, is_found=True)
        search = JobSearch(self.source, self.filter)
        self.app.actions.request_found(search, make, self.table, refusal=refusal)


def _jobs(number: int) -> str:
    return "the job" if number == 1 else counted(number, "job")


WINDOW: Final = 200
#: Of longer items only the beginning is listed; opening one fetches the whole.
_LISTED_BYTES: Final = 4_096
#: A filter that is being typed is not looked for yet.
_TYPING_S: Final = 0.15


class JobsScreen(JobActions):
    """A window on a queue, which stays on its jobs as the queue drains; with a filter, the jobs of
    the whole queue that match."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "jobs")
    BINDINGS = bindings(PLACES)
    nothing: ClassVar[str] = "Nothing waits in this queue."

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self._start = 0
        self._lands_last: bool | None = None
        self._length: int | None = None
        self._is_unread = False
        self._matches: JobMatches | None = None
        self._counting: JobMatches | None = None
        self._follower: Follower | None = None

    def make_table(self) -> Table[Any]:
        """The table."""
        return PagedTable(COLUMNS, key=lambda row: row.key, clock=self.app.clock, pages=self)

    def compose_body(self) -> Iterable[Widget]:
        """A line that says which jobs, one that says who serves them, the table, the filter."""
        yield self.window
        yield self.service
        yield from super().compose_body()

    # Looking

    def show_view(self, view: ViewState) -> None:
        """Read again whenever there was a look."""
        self.table.stale = view.is_stale
        if self.has_news(view):
            self.look()
        self.show_service(view)
        self._show_title()

    def look(self) -> None:
        """Bring what is listed up to date."""
        if self.filter.is_empty:
            self._load()
            return
        if self._follower is None:
            self._begin_search()
        work: WorkType[None] = self._follow
        self.run_worker(work, group="search")

    def filter_changed(self) -> None:
        """Look for what matches now."""
        self.tell_late()
        self.workers.cancel_group(self, "search")
        self._matches = self._counting = self._follower = None
        self.table.clear_marks()
        # What is listed is no window any more, or not yet: nothing can have left at its front.
        self.pane.rows = ()
        if not self.filter.is_empty:
            self._put((), "Looking through the whole list …")
        self.look()
        self._show_title()

    # Windows

    def turn(self, pages: int) -> bool:
        """Go to the next jobs, or to those before."""
        at = max(0, self._start + pages * WINDOW)
        if pages > 0 and at >= (self._length or 0):
            return False
        self._go_to(at, lands_last=pages < 0)
        return True

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last."""
        self._go_to(0 if way < 0 else max(0, (self._length or 0) - WINDOW), lands_last=way > 0)

    def _go_to(self, start: int, *, lands_last: bool) -> None:
        if start != self._start and self.filter.is_empty:
            self.tell_late()
            self._start, self._lands_last = start, lands_last
            self._load()

    def _load(self) -> None:
        # Not a coroutine: one that is replaced before it began would never be awaited.
        work: WorkType[None] = self._read
        self.run_worker(work, exclusive=True, group="window")

    async def _read(self) -> None:
        start, before = self._start, self.pane.rows if self._lands_last is None else ()
        window = await self._window(start)
        if window is not None and start and before:
            # Jobs left at the front: the window goes with those that it shows.
            left = shifted(before, window)
            if left:
                start = self._start = max(0, start - left)
                window = await self._window(start)
        if window is None or not self.filter.is_empty:
            return
        self._length = window.length
        if start and not window.items:
            # The queue has drained below this window.
            self._go_to(max(0, window.length - 1) // WINDOW * WINDOW, lands_last=True)
            return
        self._put(rows_of(window, start), self.nothing)
        if self._lands_last is not None:
            # Not the table's own keys: at the end of a window those turn to the next.
            last, self._lands_last = self._lands_last, None
            (Table.action_cursor_last if last else Table.action_cursor_first)(self.table)
        self._show_title()

    async def _window(self, start: int) -> windows.Window | None:
        key, last = self.source.key(self.app.keys), start + WINDOW - 1
        try:
            return await self.app.read(windows.window(key, start, last, max_bytes=_LISTED_BYTES))
        except StoreError as error:
            self.app.say(safe(str(error)), "bad")
            self.table.stale = self._is_unread = True
            if self._length is None:
                self._put((), frame_texts.unknown_word(str(error)))
                self._show_title()
            return None

    # Searching

    def _begin_search(self) -> None:
        search_for = self.filter

        def begin() -> Visit:
            self._counting = JobMatches(JobSearch(self.source, search_for))
            if self._matches is None:
                self._matches = self._counting
            return self._counting.visit

        def finish() -> None:
            self._matches = self._counting

        key, rest = self.source.key(self.app.keys), self.app.actions.precedence.rest
        self._follower = Follower(key, begin, finish, sleep=rest)

    async def _follow(self) -> None:
        follower = self._follower
        if follower is None:
            return
        if not follower.of and not follower.is_running:
            await asyncio.sleep(_TYPING_S)
        await follower.follow(self.app.read, self._found_more)
        if follower is self._follower:
            self._show_matches()

    def _found_more(self) -> None:
        self._show_title()
        if self._matches is self._counting and self.table.row_count < MOST_LISTED:
            self._show_matches()

    def _show_matches(self) -> None:
        follower = self._follower
        if self._matches is not None and follower is not None:
            none = self.no_match if follower.is_complete else "Looking through the whole list …"
            if follower.problem is not None and not follower.is_complete:
                none = frame_texts.unknown_word(follower.problem)
            self._put(self._matches.listed(), none)
        self._show_title()

    def action_stop_looking(self) -> None:
        """Stop an action over many jobs, or the look through the list; once more goes on."""
        follower = self._follower
        if self.app.actions.stop():
            return
        if follower is None or (follower.is_complete and not follower.is_stopped):
            self.app.say("nothing is under way here", "dim")
            return
        follower.is_stopped = not follower.is_stopped
        if follower.is_stopped:
            self.workers.cancel_group(self, "search")
        else:
            self.look()
        self._show_title()

    # Showing

    def _put(self, rows: Sequence[JobRow], none: str) -> None:
        """Show rows that match already."""
        is_part = self.filter.is_empty and len(rows) < (self._length or 0)
        self.pane.show_matching(rows, none, is_all=not is_part)

    def _show_title(self) -> None:
        rows = self.table.row_count
        if self._follower is not None:
            found = queue_bars.matches(self.source, self._matches, rows)
            progress = queue_bars.progress(self._follower, self.app.state.policy.sign)
            self.window.show(found + marks_spans(self.table), progress)
        else:
            at, unread = self._start, self._is_unread
            which = queue_bars.window(self.source, at, rows, self._length, is_unread=unread)
            self.window.show(which + marks_spans(self.table))

    def action_show_aside(self) -> None:
        """Show what was set aside from the queue."""
        self.app.push_screen(SetAsideScreen(self.source.name))

    def shown_of(self) -> str:
        """How many match, of how many."""
        found, follower = self._matches, self._follower
        if found is None or follower is None:
            return super().shown_of()
        return f"{found.count:,} of {follower.of:,}"

    def subject(self, row: JobRow) -> Subject:
        """A job as filters see it."""
        return Subject(class_name=row.class_name, queue=self.source.name, id=row.item.sha)

    def on_table_marked(self) -> None:
        """Say how many are marked."""
        self._show_title()

    def on_table_opened(self, event: Table.Opened[JobRow]) -> None:
        """Show the whole job."""
        event.stop()
        self.app.push_screen(JobScreen(event.row, self.source))


class SetAsideScreen(JobsScreen):
    """What workers set aside from a queue because they could not read it."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "aside")
    BINDINGS = bindings(PLACES)
    is_set_aside = True
    nothing = "Nothing is set aside from this queue."
