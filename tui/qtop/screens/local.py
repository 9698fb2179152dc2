"""The workers that were started here: each group, its workers below it, and the log of one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from qtop.keymap.keymap import Where
from qtop.local.groups import LocalWorker
from qtop.local.logs import Tail, level, without_colours
from qtop.local.processes import Sampler, Usage
from qtop.local.state_file import DONE
from qtop.monitor import row_text
from qtop.monitor.rows import LocalGroupRow, LocalRow, LocalWorkerRow, local_rows
from qtop.monitor.state import ViewState
from qtop.screens.base import ConsoleScreen, RowsScreen
from qtop.search.fields import Subject
from qtop.text import format
from qtop.text.safe import ago, counted, safe
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, ToneOf
from qtop.widgets.filter_input import InputField
from qtop.widgets.panel import Panel
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import LogView
from queuecore.active_job import unwrapped

#: How often more of the file is read, while the screen shows.
READ_EVERY_S: Final = 0.1


class SearchLine(InputField):
    """A line to type what to look for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,ctrl+q", "leave", show=False, priority=True)
    ]

    def action_leave(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class LogScreen(ConsoleScreen):
    """The log of one place of a group: also of the processes that follow in it."""

    AUTO_FOCUS = "LogView"
    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "log")
    TAB: ClassVar[Where] = "local"
    NAME = "one log"

    def __init__(self, worker: LocalWorker) -> None:
        super().__init__()
        self.log_view = LogView()
        self._worker = worker
        self._tail = Tail(worker.log)
        self._is_held = False
        self._shows_secrets: bool | None = None
        self._panel = Panel(self.log_view)
        self._search = SearchLine(id="search", compact=True, placeholder="find")
        self._search.display = False

    def compose_body(self) -> Iterable[Widget]:
        yield self._panel
        yield self._search

    def show_view(self, view: ViewState) -> None:
        if self._shows_secrets not in (None, view.policy.is_revealed):
            self._tail.restart()
            self.log_view.clear()
        self._shows_secrets = view.policy.is_revealed
        group = self._worker.group
        number = self._worker.place.number
        place = next((each for each in group.places if each.number == number), self._worker.place)
        self._worker = LocalWorker(group, place)
        registered = (view.fleet.workers or ()) if view.fleet else ()
        seen = next((r for r in registered if r.is_local and r.process.pid == place.pid), None)
        row = LocalWorkerRow(self._worker, seen, None, view.now_mono)
        self._show_head(row)

    def _show_head(self, row: LocalWorkerRow) -> None:
        who = f"{name_of(row).strip()} of {safe(self._worker.queues)}"
        left = [*self.opened_from(), Span(who, "strong", 90), Span(f"  {state_of(row)}", "", 85)]
        if problems := problems_of(row):
            left.append(Span(f"  {problems}", "bad", 80))
        if reason := reason_of(row):
            left.append(Span(f"  {reason}", "warn", 60))
        right = [Span(safe(str(self._tail.path)), "dim", 20)]
        if self._is_held:
            right[:0] = [Span(" PAUSED ", "flag", 95), Span(" ", "", 20)]
        elif not self.log_view.follows:
            right[:0] = [Span(" not following ", "flag", 94), Span(" ", "", 20)]
        self._panel.show(left, right)

    # What comes

    def on_mount(self) -> None:
        super().on_mount()
        self.repeat(READ_EVERY_S, self.read_more)

    def on_unmount(self) -> None:
        self._tail.close()

    def read_more(self) -> None:
        """Show a little of what is new: a bounded step, however much there is."""
        if self._is_held or not self.is_mounted:
            return
        try:
            piece = self._tail.read()
        except OSError as error:
            self.app.say(f"the log cannot be read: {safe(str(error.strerror))}", "bad")
            return
        lines: list[TextLine] = []
        if piece.passed_over:
            lines.append(TextLine(f"… {piece.passed_over:,} bytes skipped …", "own"))
        redact = self.app.state.policy.redactor.text
        for raw in piece.lines:
            plain = without_colours(raw).replace(b"\t", b"    ").rstrip(b"\r")
            text = redact(safe(plain))
            lines.append(TextLine(text, level(text)))
        self.log_view.append(lines)

    def copied(self) -> list[str]:
        return [line.text for line in self.log_view.lines]

    # Keys

    def action_follow(self) -> None:
        self.log_view.follow(not self.log_view.follows)
        self.show_view(self.app.state.view())

    @on(LogView.Moved)
    def show_whether_it_follows(self) -> None:
        self.show_view(self.app.state.view())

    def action_hold(self) -> None:
        self._is_held = not self._is_held
        self.show_view(self.app.state.view())

    def action_search(self) -> None:
        self._search.display = True
        self._search.focus()

    @on(Input.Changed, "#search")
    def search_for(self, event: Input.Changed) -> None:
        self.log_view.search(event.value)

    @on(Input.Submitted, "#search")
    def found(self, event: Input.Submitted) -> None:
        self._search.display = False
        self.log_view.focus()
        if event.value:
            self._go(-1)

    def action_next_match(self) -> None:
        self._go(1)

    def action_previous_match(self) -> None:
        self._go(-1)

    def _go(self, step: int) -> None:
        if self.log_view.to_match(step):
            self.app.say(f"{counted(self.log_view.matches(), 'line')} with it", "dim")
        else:
            self.app.say("not found; / searches for something else", "dim")
        self.show_view(self.app.state.view())


# The cells.

_MIB: Final = 1024 * 1024
#: So soon after its start a worker need not be registered yet.
_STARTS_WITHIN_S: Final = 30.0
_TONES: Final[dict[str, ToneOf]] = {
    **dict.fromkeys(("gave up", "lost"), "bad"),
    **dict.fromkeys(("waiting", "paused", "stopping"), "warn"),
    **dict.fromkeys(("finishing", "starting"), "accent"),
    **dict.fromkeys(("ended", "idle"), "dim"),
}


def name_of(row: LocalRow) -> str:
    if isinstance(row, LocalGroupRow):
        return safe(row.group.about.queues)
    return f"  {row.place.pid}" if row.place.is_alive else f"  #{row.place.number}"


def state_of(row: LocalRow) -> str:
    return _group_state(row) if isinstance(row, LocalGroupRow) else _place_state(row)


def state_tone(row: LocalRow) -> ToneOf | None:
    if isinstance(row, LocalGroupRow):
        states = {each.place.state for each in row.workers}
        if states & {"gave up", "lost"}:
            return "bad"
        return "warn" if "waiting" in states else None
    is_running = row.place.state == "running"
    return _TONES.get(_place_state(row) if is_running else row.place.state)


def _group_state(row: LocalGroupRow) -> str:
    group = row.group
    if group.is_gone:
        return "ended"
    figures = f"{row.alive}/{group.wanted}"
    places = [each.place.state for each in row.workers]
    if "gave up" in places:
        return f"{figures} gave up"
    if "waiting" in places:
        return f"{figures} restarting"
    if row.alive > group.wanted:
        return f"{row.alive - group.wanted} of {row.alive} ending"
    return f"{figures} staying" if group.is_detached else f"{figures} alive"


def _place_state(row: LocalWorkerRow) -> str:
    place = row.place
    for_s = max(0.0, row.now_mono - place.since_mono)
    left = ago(max(0.0, (place.until_mono or 0.0) - row.now_mono))
    if place.state == "waiting":
        return f"again in {left}"
    if place.state in ("finishing", "stopping"):
        if place.until_mono is not None:
            return f"{'stops' if place.state == 'finishing' else 'killed'} in {left}"
        return f"{place.state} {ago(for_s)}"
    if place.state != "running":
        return place.state
    if row.seen is None:
        # It may be a child of what was started, or on another Redis: then all we know is this.
        return "starting" if for_s < _STARTS_WITHIN_S else "running"
    busy = row.seen.process.is_busy
    return "running" if busy is None else "working" if busy else "idle"


def job_of(row: LocalRow) -> str:
    """What a worker holds, or why there is none; of a group, what was started."""
    if isinstance(row, LocalGroupRow):
        shown = safe(row.group.about.shown)
        # Of our own worker the path of the interpreter would be all that there is room for.
        _, _, own = shown.partition(" -m qtop worker ")
        return f"qtop worker {own}" if own else shown
    does = reason_of(row) if row.seen is None else row_text.worker_job(row.seen)
    return "; ".join(part for part in (problems_of(row), does) if part)


def problems_of(row: LocalWorkerRow) -> str:
    alone = row.usage.left_alone if row.usage is not None else ""
    unknown = f"skips {alone}: unknown classes" if alone else ""
    every = (unknown, row.place.problem, row.place.log_problem)
    return "; ".join(safe(each) for each in every if each)


def reason_of(row: LocalWorkerRow) -> str:
    """How the last process of a place ended, with what it said last."""
    place = row.place
    before = "before: " if place.is_alive else ""
    # What was in order needs no explanation.
    said = f": {safe(place.said[-1])}" if place.said and place.ending != DONE else ""
    return f"{before}{safe(place.ending)}{said}" if place.ending else ""


def elapsed_of(row: LocalRow) -> str:
    seen = None if isinstance(row, LocalGroupRow) else row.seen
    return "" if seen is None else row_text.worker_elapsed(seen)


def cpu_of(row: LocalRow) -> str:
    """Of one processor; of a group, of its workers together."""
    parts = [each.usage.cpu_percent for each in _parts(row) if each.usage is not None]
    known = [part for part in parts if part is not None]
    return f"{sum(known):.0f}%" if known else ""


def memory_of(row: LocalRow) -> str:
    """Resident memory, with what the workers have started."""
    parts = [each.usage.memory_bytes for each in _parts(row) if each.usage is not None]
    return f"{sum(parts) / _MIB:,.0f} MB" if parts else ""


def processed_of(row: LocalRow) -> str:
    return _sum([each.seen.process.processed for each in _parts(row) if each.seen is not None])


def failed_of(row: LocalRow) -> str:
    return _sum([each.seen.process.failed for each in _parts(row) if each.seen is not None])


def failed_tone(row: LocalRow) -> ToneOf | None:
    return None if any(each.seen and each.seen.process.failed for each in _parts(row)) else "dim"


def restarts_of(row: LocalRow) -> str:
    number = sum(each.place.restarts for each in _parts(row))
    return f"{number:,}" if number else ""


def _parts(row: LocalRow) -> tuple[LocalWorkerRow, ...]:
    return row.workers if isinstance(row, LocalGroupRow) else (row,)


def _sum(numbers: list[int | None]) -> str:
    known = [number for number in numbers if number is not None]
    return format.partly(sum(known), is_least=len(known) < len(numbers)) if known else ""


SAMPLE_EVERY_S: Final = 2.0

COLUMNS: Final[tuple[Column[LocalRow], ...]] = (
    Column("name", "queues", 14, name_of, flex=1, priority=100),
    Column("state", "state", 14, state_of, priority=98, style=state_tone),
    Column("job", "job", 20, job_of, flex=5, priority=95),
    Column("elapsed", "for", 6, elapsed_of, priority=85, align="right"),
    Column("cpu", "cpu", 5, cpu_of, priority=80, align="right"),
    Column("memory", "memory", 7, memory_of, priority=75, align="right"),
    Column("processed", "processed", 9, processed_of, priority=50, align="right", style="dim"),
    Column("failed", "failed", 6, failed_of, priority=60, align="right", style=failed_tone),
    Column("restarts", "restarts", 8, restarts_of, priority=65, align="right", style="warn"),
)


class LocalScreen(RowsScreen):
    """All groups, in the order in which they were started."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "local")
    TAB: ClassVar[Where] = "local"

    def __init__(self) -> None:
        super().__init__()
        self.is_of_one = True
        self._sampler = Sampler(self.app.local.system.left_alone)
        self._usages: Mapping[int, Usage] = {}
        self._is_sampling = False
        self._is_shown = False

    def make_table(self) -> Table[Any]:
        return Table(COLUMNS, key=lambda row: row.key, clock=self.app.clock)

    def show_view(self, view: ViewState) -> None:
        is_frozen = view.frozen_since_mono is not None
        if not self.has_news(view) and is_frozen and self._is_shown:
            return
        self._is_shown = True
        table: Table[LocalRow] = self.table
        key = view.policy.sign("start_workers")
        how = f"press {key}, then enter queues and how many"
        how = view.policy.forbidden.get("start_workers", how)
        table.empty_text = f"No workers were started here: {how}."
        here = socket.gethostname()
        registered = (view.fleet.workers or ()) if view.fleet else ()
        system = self.app.local.system
        on_host = [row for row in registered if system.may_run_on(row.process, here)]
        self.pane.show_rows(local_rows(self.app.local.groups, on_host, self._usages, view.now_mono))

    def subject(self, row: LocalRow) -> Subject:
        words = (name_of(row).strip(), state_of(row), job_of(row))
        if isinstance(row, LocalGroupRow):
            return Subject(queue=row.group.about.queues, words=words)
        held = None if row.seen is None else row.seen.job
        job = (None, None) if held is None else unwrapped(held.class_name, held.args)
        return Subject(
            class_name=job[0],
            args=job[1],
            queue=row.worker.queues,
            worker=str(row.place.pid),
            age_s=None if row.seen is None else row.seen.elapsed_s,
            words=words,
        )

    # What processes cost, only while the screen shows

    def on_mount(self) -> None:
        super().on_mount()
        self.repeat(SAMPLE_EVERY_S, self._sample)

    def _sample(self) -> None:
        if self.app.local.pids and not self._is_sampling:
            self._is_sampling = True
            self.run_worker(self._take_sample(), group="usage")

    async def _take_sample(self) -> None:
        try:
            pids = self.app.local.pids
            self._usages = await asyncio.to_thread(self._sampler.sample, pids)
        finally:
            self._is_sampling = False
        if self.app.state.view().frozen_since_mono is None:
            self.show_view(self.app.state.view())

    # Keys

    def chosen_workers(self) -> list[LocalWorker]:
        """The marked workers, and those of marked groups; else what is under the cursor."""
        found: dict[tuple[str, int], LocalWorker] = {}
        for row in self.pane.meant():
            for part in row.workers if isinstance(row, LocalGroupRow) else (row,):
                found[part.key] = part.worker
        return list(found.values())

    def on_table_opened(self, event: Table.Opened[LocalRow]) -> None:
        self.action_log()

    def action_log(self) -> None:
        row: LocalRow | None = self.table.cursor_row
        if isinstance(row, LocalGroupRow):
            # Of what is wrong first; else of the first that lives.
            ranks = {"gave up": 0, "waiting": 1, "lost": 2, "ended": 4}
            ranked = sorted(row.workers, key=lambda each: ranks.get(each.place.state, 3))
            row = ranked[0] if ranked else None
        if row is not None:
            self.app.push_screen(LogScreen(row.worker))

    def action_stop_worker(self) -> None:
        workers = self.chosen_workers()
        if workers:
            self.app.worker_actions.stop(workers)

    def action_pause_worker(self) -> None:
        workers = self.chosen_workers()
        if workers:
            self.app.worker_actions.pause(workers)

    def action_more_workers(self) -> None:
        self._scale(1)

    def action_fewer_workers(self) -> None:
        self._scale(-1)

    def _scale(self, by: int) -> None:
        row: LocalRow | None = self.table.cursor_row
        if row is not None:
            group = row.group if isinstance(row, LocalGroupRow) else row.worker.group
            self.app.worker_actions.scale(group, by)

    def action_next_sort(self) -> None:
        self.app.say("groups keep their order, with their workers below them", "dim")

    action_reverse_sort = action_next_sort
