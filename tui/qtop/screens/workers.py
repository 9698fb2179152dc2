"""The workers: what each does, for how long, and whether it still lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from qtop.actions.request import (
    AnyRequest,
    Cancel,
    Placed,
    Prune,
    PruneEvidence,
    Several,
    Signal,
    Wish,
    by_place,
)
from qtop.keymap.keymap import Where
from qtop.local.groups import LocalWorker
from qtop.model.fleet import Process
from qtop.monitor import row_text
from qtop.monitor.rows import (
    CONDITIONS,
    TAKES_NONE,
    TROUBLED,
    HostRow,
    WorkerRow,
    host_rows,
)
from qtop.monitor.state import ViewState
from qtop.screens import frame, preview
from qtop.screens.base import RowsScreen, TextScreen
from qtop.screens.details import worker_lines
from qtop.screens.preview import RowLook
from qtop.search.fields import Subject
from qtop.search.filter_language import term
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, ToneOf, figure, text_column
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from queuecore.active_job import unwrapped
from queuecore.errors import StoreError


def _name(row: HostRow) -> str:
    return "(ids of another shape)" if row.name is None else safe(row.name)


HOST_COLUMNS: Final[tuple[Column[HostRow], ...]] = (
    text_column("host", "host", 16, _name, flex=3, priority=100),
    figure("workers", "workers", 8, lambda r: r.workers, priority=95),
    figure("working", "working", 8, lambda r: r.working, priority=90, zero="dim"),
    figure("troubled", "silent", 7, lambda r: r.troubled, priority=92, style="warn", zero="dim"),
    figure("longest", "longest", 8, lambda r: r.longest_s, format.duration, priority=70),
    figure("beat", "last beat", 9, lambda r: r.beat_age_s, format.stepped, priority=80),
    figure("processed", "processed", 9, lambda r: r.processed, priority=50, style="dim"),
    figure("failed", "failed", 7, lambda r: r.failed, priority=55, zero="dim"),
)


class HostsScreen(RowsScreen):
    """All machines; opening one shows its workers.

    Args:
        on_chosen: Called with the row of the machine that was opened.
        on_next: Shows all running jobs in place of the machines.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "hosts")
    TAB: ClassVar[Where] = "workers"
    NAME = "machines"

    def __init__(self, on_chosen: Callable[[HostRow], None], on_next: Callable[[], None]) -> None:
        super().__init__()
        self._on_chosen, self._on_next = on_chosen, on_next

    def make_table(self) -> Table[Any]:
        return Table(HOST_COLUMNS, key=lambda row: row.key, sort="troubled", clock=self.app.clock)

    def show_view(self, view: ViewState) -> None:
        self.table.empty_text = frame.empty_word(view, "machines", "workers bring them.", "workers")
        self.pane.show_rows(host_rows(view.fleet.workers or ()) if view.fleet else ())

    def subject(self, row: HostRow) -> Subject:
        system = row.system or self.app.system.name
        return Subject(worker=row.name, words=(row.name or "",), system=system)

    def on_table_opened(self, event: Table.Opened[HostRow]) -> None:
        event.stop()
        self.dismiss()
        self._on_chosen(event.row)

    def action_hosts(self) -> None:
        self.dismiss()
        self._on_next()


class WorkerScreen(TextScreen):
    """The worker as it is now; when it has left, as it was last seen."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "worker")
    TAB: ClassVar[Where] = "workers"

    def __init__(self, row: WorkerRow) -> None:
        super().__init__()
        self._row = row
        #: How far its jobs are that go on from a cursor, by their jids; as of when that was read.
        self._iterations: Mapping[str, str] = {}
        self._read_of: object = None

    def show_view(self, view: ViewState) -> None:
        super().show_view(view)
        jids = [job.jid for job in self._row.jobs or () if job.jid is not None]
        # Once for each look at its jobs.
        if jids and self._read_of is not view.fleet:
            self._read_of = view.fleet
            self.run_worker(self._read(jids), group="iterations", exclusive=True)

    async def _read(self, jids: list[str]) -> None:
        try:
            found = await self.app.read(self.app.system.iterations(jids, self._row.system))
        except StoreError as error:
            found = dict.fromkeys(jids, f"unknown: {safe(str(error))}")
        if found != self._iterations:
            self._iterations = found
            self.show_view(self.app.state.view())

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        workers = (view.fleet.workers or ()) if view.fleet else ()
        key = self._row.key
        now = next((row for row in workers if row.key == key), None)
        self._row = now or self._row
        if view.fleet is not None and view.fleet.workers is None:
            why = view.fleet.totals.problems.get("workers", "")
            yield TextLine(f"Unknown whether it is still registered: {safe(why)}", "warn")
        elif now is None:
            yield TextLine("This worker is no longer registered.", "bad")
        local = self.app.local.get(self._row.process.pid) if self._row.is_local else None
        log = None if local is None else str(local.log)
        usual_s = partial(self.app.state.usual_s, system=self._row.system)
        redactor, far = view.policy.redactor, self._iterations
        yield from worker_lines(self._row, log, redactor, usual_s, far)

    @property
    def name(self) -> str:
        return safe(self._row.id)

    def action_log(self) -> None:
        self.app.worker_actions.show_log(self._row)

    def action_cancel(self) -> None:
        jids = tuple(job.jid for job in self._row.jobs or () if job.jid is not None)
        if jids:
            self.ask_of([self._row], lambda _: Cancel(jids), "cancel")
        else:
            self.app.say("its running jobs have no ids", "dim")


_TONES: Final[dict[str, ToneOf | None]] = {
    "dead?": "bad",
    "gone": "bad",
    "unregistered": "bad",
    "silent": "warn",
    "unknown": "warn",
    "quiet": "accent",
    "working": None,
    "no heartbeat": "warn",
    "idle": "dim",
}


def _state_tone(row: WorkerRow) -> ToneOf | None:
    is_asked = row_text.worker_state(row) != row.condition
    return "accent" if is_asked else _TONES[row.condition]


def _heartbeat_tone(row: WorkerRow) -> ToneOf | None:
    return _TONES[row.condition] if row.condition in TROUBLED else "dim"


def _place(row: WorkerRow) -> str:
    return f"{'●' if row.is_local else ' '} {row_text.worker_place(row)}"


_STATE_CELLS: Final = 12
COLUMNS: Final[tuple[Column[WorkerRow], ...]] = (
    Column(
        "state",
        "state",
        _STATE_CELLS,
        row_text.worker_state,
        priority=100,
        style=_state_tone,
        sort_key=lambda r: (CONDITIONS.index(r.condition), -(r.elapsed_s or 0)),
    ),
    Column("busy", "busy", 5, row_text.busy, priority=91, align="right"),
    text_column("job", "job", 22, row_text.worker_job, flex=4, priority=95),
    figure("elapsed", "for", 6, lambda r: r.elapsed_s, priority=90, cell=row_text.worker_elapsed),
    # What is usual, only the screen knows: see `make_table`.
    Column("usual", "usual", 6, lambda r: "", priority=44, align="right", style="dim"),
    figure(
        "beat",
        "beat",
        6,
        lambda r: r.beat_age_s,
        priority=80,
        cell=lambda row: row_text.heartbeat(row, format.stepped),
        style=_heartbeat_tone,
    ),
    Column(
        "worker", "  worker", 16, _place, flex=1, priority=93, sort_key=lambda r: r.id, tail=":"
    ),
    Column(
        "queues",
        "queues",
        8,
        row_text.worker_queues,
        flex=1,
        priority=60,
        sort_key=lambda r: r.process.listed,
    ),
    figure("processed", "processed", 9, lambda r: r.process.processed, priority=50, style="dim"),
    figure("failed", "failed", 7, lambda r: r.process.failed, priority=45, zero="dim"),
    Column("version", "version", 8, row_text.version, priority=56, style="dim"),
    figure("memory", "memory", 7, row_text.memory_bytes, row_text.mib, priority=52, style="dim"),
    figure("trip", "trip", 6, row_text.round_trip_us, row_text.microseconds, priority=40),
    Column("tag", "tag", 8, row_text.tag, priority=38, style="dim"),
)
#: Columns of processes with threads, and those that only others have.
_OF_THREADS: Final = frozenset({"busy", "version", "memory", "trip", "tag"})
_OF_COUNTS: Final = frozenset({"processed", "failed"})
#: What is left out where there are processes with threads, and where there are others.
_LEFT_OUT: Final = {
    (True, False): _OF_COUNTS,
    (False, True): _OF_THREADS,
    (True, True): frozenset[str](),
}


class WorkersScreen(RowsScreen):
    """All registered workers, troubles first."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "workers")
    TAB: ClassVar[Where] = "workers"

    def __init__(self) -> None:
        super().__init__()
        # By worker id: what signals asked for shows nowhere in Redis.
        self._asked_to_finish: set[str] = set()
        self._paused: set[str] = set()
        #: Columns of which no process tells anything; None while that is not known.
        self._left_out: frozenset[str] | None = None
        self._show_columns(_OF_THREADS)

    def _show_columns(self, left_out: frozenset[str]) -> None:
        """Show all columns but these, unless the settings name others."""
        if left_out != self._left_out and "workers" not in self.app.settings.columns:
            self.table.show_columns([each.key for each in COLUMNS if each.key not in left_out])
        self._left_out = left_out

    def make_table(self) -> Table[Any]:
        usual = self._usual
        columns = [replace(c, cell=usual) if c.key == "usual" else c for c in COLUMNS]
        return Table(columns, key=lambda row: row.key, sort="state", clock=self.app.clock)

    def _usual(self, row: WorkerRow) -> str:
        if row.process.is_busy is False:
            return ""
        usual_s = self.app.state.usual_s(row.job, row.system)
        return format.duration(None if usual_s is None else max(1.0, usual_s))

    def show_view(self, view: ViewState) -> None:
        table: Table[WorkerRow] = self.table
        advice = f"press {view.policy.sign('start_workers')} to start one here"
        advice = f"{view.policy.forbidden.get('start_workers', advice)}."
        table.empty_text = frame.empty_word(view, "workers", advice, "workers")
        fleet = view.fleet
        rows = () if fleet is None else (*(fleet.workers or ()), *view.insights.unregistered)
        kinds = {row.process.facts is not None for row in rows}
        if rows:
            self._show_columns(_LEFT_OUT[True in kinds, False in kinds])
        if True in kinds:
            longest = max((len(row_text.worker_state(row)) for row in rows), default=0)
            table.widen("state", max(_STATE_CELLS, longest))
        self.pane.show_rows(rows)

    def look_at(self, row: WorkerRow) -> RowLook:
        usual_s = partial(self.app.state.usual_s, system=row.system)
        title, *lines = worker_lines(row, None, self.app.state.policy.redactor, usual_s)
        last = preview.keys(self.app.state.view(), self.PLACES, ("stop_worker", "unregister"))
        name = [Span(title.text, "strong", 90, least=8)]
        return RowLook(row.key, name, tuple(lines), None, tuple(last))

    def figures(self) -> list[Span]:
        rows: Sequence[WorkerRow] = self.pane.rows
        found = Counter(row.condition for row in rows)
        named = [each for each in CONDITIONS if each in TROUBLED and found[each]]
        return [
            Span(f" · {found[each]:,} {each}", _TONES[each] or "", 80 - at)
            for at, each in enumerate(named)
        ]

    def subject(self, row: WorkerRow) -> Subject:
        """A worker as filters see it: by its job, its id, its state; its age is the job's."""
        job = row.job
        served = self.app.state.served_by(row.process.listed, row.system)
        name, args = (None, None) if job is None else unwrapped(job.class_name, job.args)
        return Subject(
            class_name=name,
            args=args,
            queue=None if job is None else job.queue,
            worker=row.id,
            age_s=row.elapsed_s,
            state=f"{row.condition} {row_text.worker_state(row)}",
            words=(row.id, row.condition, row_text.worker_state(row)),
            is_readable=row.jobs is not None and (job is None or job.problem is None),
            serves=served if row.condition not in TAKES_NONE else (),
            lists=served,
            system=row.system or self.app.system.name,
        )

    def on_table_opened(self, event: Table.Opened[WorkerRow]) -> None:
        self._open(event.row)

    def action_log(self) -> None:
        row: WorkerRow | None = self.table.cursor_row
        if row is not None:
            self.app.worker_actions.show_log(row)

    def action_hosts(self) -> None:
        self.app.push_screen(HostsScreen(self._show_host, self._show_running))

    def _show_running(self) -> None:
        # Imported here: seldom needed.
        from qtop.screens.running import RunningScreen

        self.app.push_screen(RunningScreen(self._open))

    def _open(self, row: WorkerRow) -> None:
        self.app.push_screen(WorkerScreen(row))

    def _show_host(self, row: HostRow) -> None:
        ids = r"!worker:/^[^:]+:\d+:/" if row.name is None else term("worker", f"{row.name}:")
        # Where one system is shown, all rows are its own.
        is_one = row.system in ("", self.app.state.view().shown)
        self.pane.set_filter(ids if is_one else f"{ids} {term('system', row.system)}")

    def action_stop_worker(self) -> None:
        mine, others = self._by_starter()
        if mine:
            # One question for all of them.
            self.app.worker_actions.stop(mine)
        if others:
            self.ask_of(others, self._stopping, "stop_worker")

    def _stopping(self, rows: list[WorkerRow]) -> Signal:
        # Those that were asked to finish, not those that a question was about.
        again = {row.id for row in rows} <= self._asked_to_finish
        wish: Wish = "stop now" if again else "finish"
        return Signal(_processes(rows), wish, self._asked_to_finish.add)

    def action_pause_worker(self) -> None:
        mine, others = self._by_starter()
        if mine:
            self.app.worker_actions.pause(mine)
        if others:
            self.ask_of(others, self._pausing, "pause_worker")

    def _pausing(self, rows: list[WorkerRow]) -> Signal:
        processes = _processes(rows)
        # Of a process that says so itself, only that counts.
        is_paused = all(
            each.id in self._paused if each.facts is None else each.is_quiet for each in processes
        )
        wish: Wish = "resume" if is_paused else "pause"
        return Signal(processes, wish, self._paused.discard if is_paused else self._paused.add)

    def action_dump_worker(self) -> None:
        rows: list[WorkerRow] = self.pane.meant()
        if rows:
            self.ask_of(rows, lambda rows: Signal(_processes(rows), "dump"), "dump_worker")

    def action_unregister(self) -> None:
        rows: list[WorkerRow] = self.pane.meant()
        if rows:
            chosen = by_place(rows)
            names = {place: [row.id for row in chosen[place]] for place in chosen}
            self._ask_about(names, "unregister", forces=True)

    def action_prune(self) -> None:
        self._ask_about(None, "prune", forces=False)

    def _ask_about(
        self, names: Mapping[str, Sequence[str]] | None, action_id: str, *, forces: bool
    ) -> None:
        """Gather evidence about processes, those with these names or all that may be dead, and ask
        what to do with it."""

        def prune(found: PruneEvidence) -> AnyRequest:
            parts = [
                Placed(place, Prune(tuple(found.cases[place]), forces)) for place in found.cases
            ]
            if not found.lacking and len(parts) == 1:
                return parts[0] if parts[0].place else parts[0].request
            return Several(tuple(parts), found.lacking)

        looking = self.app.evidence(names, self.app.state.lacking(action_id))
        self.app.actions.request_after("checking for heartbeats", looking, prune)

    def _by_starter(self) -> tuple[list[LocalWorker], list[WorkerRow]]:
        """The chosen workers: those started from this console, and the others."""
        rows: list[WorkerRow] = self.pane.meant()
        mine = [self.app.local.get(row.process.pid) for row in rows if row.is_local]
        others = [row for row in rows if not row.is_local]
        return [worker for worker in mine if worker is not None], others


def _processes(rows: Sequence[WorkerRow]) -> tuple[Process, ...]:
    return tuple(row.process for row in rows)
