"""What is wrong now, and why; below, in brief, the figures, queues, jobs and failures."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import nlargest, nsmallest
from typing import Any, ClassVar, Final, NamedTuple

from textual import events
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from qtop.keymap.keymap import SCREENS, Where
from qtop.monitor import row_text
from qtop.monitor.incidents.incident import Incident, Link
from qtop.monitor.poller import PollResult
from qtop.monitor.rows import NOT_ALIVE, TROUBLED, NewestGroup, QueueRow, WorkerRow
from qtop.monitor.state import UiPolicy, ViewState
from qtop.screens import frame
from qtop.screens.base import ConsoleScreen, TextScreen
from qtop.screens.queues import COLUMNS
from qtop.search.filter_language import term
from qtop.text import format
from qtop.text.format import both_times
from qtop.text.safe import ago, area, safe
from qtop.widgets.bars import Bar, Span, server
from qtop.widgets.columns import Column, RowT, ToneOf
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine


class IncidentScreen(TextScreen):
    """An incident that no other screen has more about; as it was, when it no longer holds."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts",)
    TAB: ClassVar[Where] = "overview"
    NAME = "one incident"

    def __init__(self, incident: Incident) -> None:
        super().__init__()
        self._incident = incident

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        key = self._incident.row_key
        now = next((each for each in view.insights.incidents if each.row_key == key), None)
        self._incident = incident = now or self._incident
        if now is None or now.is_over:
            yield TextLine("This is no longer so.", "dim")
        yield TextLine(safe(incident.text))
        yield TextLine("")
        yield TextLine(incident.severity, "bad" if incident.severity == "bad" else "", "severity")
        since = both_times(incident.since)
        yield TextLine(f"before {since}" if incident.is_older else since, "", "since")
        if incident.cause:
            yield TextLine(safe(incident.cause), "", "cause")
        yield from (TextLine(safe(each), "", "evidence") for each in incident.evidence)
        yield from (TextLine(safe(each), "", "what to do") for each in incident.remedies)


# The tables of Overview: what is wrong, and the queues, jobs and failures that need attention.

#: More than fit on any terminal: those below are on the screens of their own.
MOST_ROWS: Final = 60


class IncidentRow(NamedTuple):
    """An incident, and the server's time now; None before the first poll."""

    incident: Incident
    now: datetime | None

    @property
    def system(self) -> str:
        """The label of the place that it is about."""
        return self.incident.system


def coarse(age_s: float | None) -> str:
    """An age that does not change every second: that would be bytes over ssh and no news."""
    return "<1 min" if age_s is not None and age_s < 60 else format.duration(age_s)


def since(row: IncidentRow) -> str:
    """How long an incident has held; of one that is older than the console, at least how long."""
    incident = row.incident
    if incident.is_over:
        return "over"
    if incident.since is None or row.now is None:
        return ""
    age_s = (row.now - incident.since).total_seconds()
    if incident.is_older:
        return f">{ago(age_s)}" if age_s >= 60 else "?"
    return coarse(age_s)


def _tone(row: IncidentRow) -> ToneOf:
    severity = row.incident.severity
    return "dim" if row.incident.is_over or severity == "note" else severity


def _severity(row: IncidentRow) -> str:
    severity = row.incident.severity
    return "ok" if severity == "good" else severity


def _text(row: IncidentRow) -> str:
    return safe(row.incident.text)


INCIDENTS: Final[tuple[Column[IncidentRow], ...]] = (
    Column("severity", "", 4, _severity, priority=90, style=_tone),
    Column("incident", "what is wrong now", 30, _text, flex=1, priority=100, style=_tone),
    Column("since", "for", 7, since, priority=80, align="right", style="dim"),
)


def advice(incident: Incident, policy: UiPolicy, *, read_only: bool) -> str:
    """What to do about an incident, the keys that do it first; empty when that depends."""
    keys = _mending(incident, policy, read_only)
    return ", or ".join(part for part in (keys and f"press {keys}", incident.remedy) if part)


def _mending(incident: Incident, policy: UiPolicy, read_only: bool) -> str:
    wanted = incident.mends

    def works(where: Where) -> bool:
        actions = policy.actions({where}, read_only=read_only)
        return any(action.id == wanted for action in actions)

    if not wanted:
        return ""
    if works("overview"):
        return policy.sign(wanted)
    if incident.link is None or not works(incident.link.place):
        return ""
    return f"{policy.sign('table.open')}, then {policy.sign(wanted)}"


_QUEUE_PRIORITIES: Final = {
    "queue": 100,
    "depth": 95,
    "state": 90,
    "empty": 80,
    "out": 70,
    "in": 60,
    "workers": 50,
    "trend": 40,
}
QUEUES: Final[tuple[Column[QueueRow], ...]] = tuple(
    replace(
        column,
        flex=1 if column.key in ("queue", "state") else 0,
        priority=_QUEUE_PRIORITIES[column.key],
        sort_key=None,
        descends=False,
    )
    for column in COLUMNS
    if column.key in _QUEUE_PRIORITIES
)


def _job(row: WorkerRow) -> str:
    # Without its arguments: they are data, and on the screen of the workers.
    job = row.job
    named = "" if job is None else format.job_class(job.class_name, job.args)
    return named + row_text.more_jobs(row)


def _error(group: NewestGroup) -> str:
    job = group.newest.job
    if job.exception is None:
        return row_text.error_of(job)
    return f"{format.exception_name(job.exception)}: {row_text.error_of(job)}"


def _trouble(row: WorkerRow) -> str:
    return row.condition if row.condition in TROUBLED else ""


def _trouble_tone(row: WorkerRow) -> ToneOf:
    return "bad" if row.condition in NOT_ALIVE else "warn"


def _last(group: NewestGroup) -> str:
    return coarse(group.newest.age_s)


JOBS: Final[tuple[Column[WorkerRow], ...]] = (
    Column("job", "running", 14, _job, flex=2, priority=100),
    Column("elapsed", "for", 6, lambda r: coarse(r.elapsed_s), priority=95, align="right"),
    Column("state", "", 6, _trouble, priority=60, style=_trouble_tone),
    Column("worker", "on", 12, row_text.worker_place, 1, priority=80, style="dim", tail=":"),
)

FAILURES: Final[tuple[Column[NewestGroup], ...]] = (
    Column("number", "failed", 6, lambda g: format.number(g.number), priority=90, align="right"),
    Column("class", "class", 12, lambda g: row_text.class_of(g.newest.job), 2, priority=100),
    Column("error", "error", 12, _error, 3, priority=95, style="bad"),
    Column("last", "last", 6, _last, priority=80, align="right", style="dim"),
)


def incident_rows(view: ViewState) -> list[IncidentRow]:
    moments = {part.label: _moment(part.server_time, part.poll, view) for part in view.parts}
    now = None if view.fleet is None else _moment(view.fleet.server_time, view.poll, view)
    return [IncidentRow(each, moments.get(each.system, now)) for each in view.insights.incidents]


def _moment(server_time: datetime | None, poll: PollResult, view: ViewState) -> datetime | None:
    """The server's time now. Without an answer troubles last on, as far as is known."""
    if server_time is None:
        return None
    is_stale = poll.error is not None
    waited_s = view.now_mono - (poll.taken_mono or view.now_mono) if is_stale else 0.0
    return server_time + timedelta(seconds=max(0.0, waited_s))


def neediest(rows: Sequence[QueueRow]) -> list[QueueRow]:
    """The queues that need attention most. O(queues)."""
    return nsmallest(MOST_ROWS, rows, key=_need)


def _need(row: QueueRow) -> tuple[bool, bool, bool, bool, int, str]:
    depth = row.depth or 0
    never = row.empty_in_s is not None and math.isinf(row.empty_in_s)
    is_held_up = row.is_paused and depth > 0
    return row.problem is None, not row.is_unserved, not is_held_up, not never, -depth, row.name


def longest(rows: Sequence[WorkerRow]) -> list[WorkerRow]:
    """The workers whose jobs have run longest. O(workers)."""
    busy = [row for row in rows if row.jobs]
    return nlargest(MOST_ROWS, busy, key=lambda row: row.elapsed_s or 0.0)


_CHARTS: Final = 3
_TALL_LINES: Final = 3
_HIGH: Final = 45
#: From how many lines on the screen has which parts; see the style below.
_SHAPES: Final = [(0, "-low"), (20, "-usual"), (30, "-tall"), (_HIGH, "-high")]


class OverviewScreen(ConsoleScreen):
    """The first screen: to be read in ten seconds."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "overview")
    TAB: ClassVar[Where] = "overview"
    VERTICAL_BREAKPOINTS = _SHAPES
    DEFAULT_CSS = """
    OverviewScreen {
        & #incidents { height: 8; }
        & #advice { background: $surface; }
        & #left { padding-right: 2; }
        & #jobs { display: none; }
        &.-low #incidents { height: 7; }
        &.-low #right, &.-low #queues { display: none; }
        &.-tall #incidents { height: 11; }
        &.-tall #jobs { display: block; }
        &.-high #incidents { height: 15; }
        &.-high #jobs { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._advice = Bar(id="advice")
        self._charts = [Bar() for _ in range(_CHARTS * _TALL_LINES)]
        self.table = self._brief(
            "incidents", INCIDENTS, lambda row: row.incident.row_key, on_cursor=self._advise
        )
        self.queues = self._brief("queues", QUEUES, lambda row: row.key)
        self.jobs = self._brief("jobs", JOBS, lambda row: row.key)
        self.failures = self._brief("failures", FAILURES, lambda group: group.key)

    def _brief(
        self,
        id: str,
        columns: Sequence[Column[RowT]],
        key: Callable[[RowT], Hashable],
        on_cursor: Callable[[RowT | None], None] | None = None,
    ) -> Table[RowT]:
        clock = self.app.clock
        return Table(columns, key=key, markable=False, on_cursor=on_cursor, clock=clock, id=id)

    def compose_body(self) -> Iterable[Widget]:
        yield self.table
        yield self._advice
        with Horizontal(id="parts"):
            with Vertical(id="left"):
                yield from self._charts
                yield self.queues
            with Vertical(id="right"):
                yield self.jobs
                yield self.failures

    @property
    def tables(self) -> tuple[Table[Any], ...]:
        """The tables, in the order of the tab key."""
        return self.table, self.queues, self.jobs, self.failures

    # What is shown

    def show_view(self, view: ViewState) -> None:
        """Show what is wrong, and the rest in brief. Cost: what has changed, and a pass over
        queues and workers."""
        fleet, insights = view.fleet, view.insights
        # That Redis does not answer is news, whatever else is old.
        self.table.stale = False
        self.table.dim_rows(None)
        self.table.empty_text = frame.empty_word(view, "verdicts", "")
        self.table.set_rows(incident_rows(view))
        self._advise(self.table.cursor_row)
        self.queues.empty_text = frame.empty_word(view, "queues", "", "queues")
        self.queues.set_rows(neediest(fleet.queues or ()) if fleet else ())
        self.jobs.empty_text = frame.none_runs(view)
        self.jobs.set_rows(longest(fleet.workers or ()) if fleet else ())
        self.failures.empty_text = frame.empty_word(view, "failed jobs", "", "failures")
        self.failures.label("number", row_text.failed_label(fleet))
        self.failures.set_rows(insights.groups)
        self._show_charts(view)

    def _advise(self, row: IncidentRow | None) -> None:
        """Say what to do about an incident, and beside it which server it is."""
        view = self.app.state.view()
        what = ""
        if row is not None:
            incident = row.incident
            if incident.system in self.app.state.lacking(incident.mends):
                incident = replace(incident, mends="")
            what = advice(incident, view.policy, read_only=view.read_only)
        left = [Span(f" → {safe(what)}", "dim")] if what else []
        self._advice.show(left, server(view.insights.facts))

    def _show_charts(self, view: ViewState) -> None:
        height = _TALL_LINES if self.size.height >= _HIGH else 1
        width = self._charts[0].size.width - frame.HEAD_CELLS
        heads = frame.chart_heads(view.fleet.totals if view.fleet else None)
        bars = iter(self._charts)
        for (head, tone), values in zip(heads, view.insights.series_now, strict=True):
            for at, line in enumerate(area(values, width, height)):
                bar = next(bars)
                bar.display = True
                left = Span(" " * len(head) if at else head, "dim", 90)
                bar.show([left, Span(line, tone, 80)])
        for bar in bars:
            bar.display = False

    def on_resize(self, event: events.Resize) -> None:
        """Draw the charts for another width, once that is known."""
        self.call_after_refresh(lambda: self._show_charts(self.app.state.view()))

    # Keys

    def action_next_part(self) -> None:
        self._go(1)

    def action_previous_part(self) -> None:
        self._go(-1)

    def _go(self, step: int) -> None:
        shown = [table for table in self.tables if table.is_on_screen]
        at = shown.index(self._part) if self._part in shown else 0
        # At once: a table's own `focus` comes after keys that were typed ahead.
        self.set_focus(shown[(at + step) % len(shown)])

    @property
    def _part(self) -> Table[Any]:
        return next((table for table in self.tables if table is self.focused), self.table)

    def copied(self) -> list[str]:
        row = self._part.cursor_row
        return [] if row is None else [self._part.row_text(row)]

    def action_start_workers(self) -> None:
        """Ask which workers to start here: for the queue under the cursor, if there is one."""
        row = self._part.cursor_row
        if self._part is self.queues and row is not None:
            self.app.worker_actions.ask([row.name], [row.system])
        elif isinstance(row, IncidentRow) and row.incident.check == "queues":
            self.app.worker_actions.ask([row.incident.subject or "*"], [row.system])
        else:
            super().action_start_workers()

    async def on_table_opened(self, event: Table.Opened[Any]) -> None:
        row = event.row
        if event.table is self.queues:
            await self.app.follow(Link("queues", row.key))
        elif event.table is self.jobs:
            await self.app.follow(Link("workers", row.key))
        elif event.table is self.failures:
            await self.app.follow(_link_of(row))
        elif row.incident.link is not None and row.incident.link.place in SCREENS:
            await self.app.follow(row.incident.link)
        else:
            self.app.push_screen(IncidentScreen(row.incident))


def _link_of(group: NewestGroup) -> Link:
    """Where the failures of a group are: as a group, or else one by one."""
    job = group.newest.job
    class_name, _ = job.unwrapped
    terms = [
        term(field, value)
        for field, value in (("class", class_name), ("exception", job.exception))
        if value is not None
    ]
    return Link("failed", group.fingerprint.id, " ".join(terms), group.system)
