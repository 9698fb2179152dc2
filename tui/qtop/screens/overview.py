"""What is wrong now, and why; below, in brief, the figures, queues, failures and jobs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from textual import events
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from qtop.actions.request import Placed, Quarantine
from qtop.keymap.keymap import SCREENS, Where
from qtop.model.job import FAILED, JobSource
from qtop.monitor.incidents import acknowledged
from qtop.monitor.incidents.incident import Incident, Link
from qtop.monitor.rows import WorkerRow
from qtop.monitor.state import ViewState
from qtop.screens import frame
from qtop.screens.base import ConsoleScreen
from qtop.screens.incidents import (
    IncidentRow,
    IncidentScreen,
    IncidentTexts,
    KeyedRemedy,
    brief_advice,
    detail,
    incident_columns,
    incident_rows,
    keyed_remedies,
)
from qtop.screens.overview_charts import WIDE_CELLS, ChartRow
from qtop.screens.overview_tables import (
    FAILURES,
    QUEUES,
    failures_link,
    job_columns,
    longest,
    neediest,
)
from qtop.text.format import number, partly
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span, server
from qtop.widgets.columns import Column, RowT
from qtop.widgets.panel import JOINED, OPEN, Panel
from qtop.widgets.span_lines import SpanLines
from qtop.widgets.table import Table

#: Of the panel beside the incidents; what does not fit is on the page of the incident.
_DETAIL_LINES: Final = 16
#: From how many lines of the terminal on there are labels above the columns, and running jobs.
_TALL: Final = 30
#: A list that becomes shorter by fewer lines keeps its place: what moves cannot be read.
_SLACK: Final = 3
_MOST_CHART_LINES: Final = 18
#: The cells before the text of an incident: frame and sign.
_BEFORE_TEXT: Final = 4
#: The lines of the bars around: status, tabs, result, keys.
_BARS: Final = 4


class Heights(NamedTuple):
    """How many lines the three parts of the screen have: incidents, charts, lists."""

    incidents: int
    charts: int
    lists: int


def heights(lines: int, incidents: int, lists: int) -> Heights:
    """Share out the lines of the screen.

    Args:
        lines: How many there are.
        incidents, lists: How many these would fill.

    The charts get what the others do not need, up to what is still read at a glance. Where there
    is no room for two rows of lists, there are none.
    """
    least = 5 if lines < 26 else 7 if lines < 36 else 9
    rest = lines - least
    first = max(3, min(incidents, rest // 2))
    if lines < 15:
        return Heights(rest, least, 0)
    last = max(4, min(lists, rest - first))
    charts = min(lines - first - last, _MOST_CHART_LINES)
    return Heights(first, charts, lines - first - charts)


class _Parts(Vertical):
    """What is between the bars of Overview. It gets another size when one of them comes or goes."""

    def on_resize(self, event: events.Resize) -> None:
        """Share out the lines anew."""
        if isinstance(self.screen, OverviewScreen):
            self.screen.share_out()


class _Top(Horizontal):
    """The incidents, and beside them all about one. How much is said depends on its size."""

    def on_resize(self, event: events.Resize) -> None:
        """Say as much as there is room for now."""
        if isinstance(self.screen, OverviewScreen):
            self.screen.share_out()
            self.screen.explain()


class OverviewScreen(ConsoleScreen):
    """The first screen: to be read in ten seconds."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "overview")
    TAB: ClassVar[Where] = "overview"
    DEFAULT_CSS = """
    OverviewScreen {
        & #incidents-panel { width: 5fr; }
        & #detail { width: 3fr; }
        & #left { width: 5fr; }
        & #right { width: 3fr; }
        &.-narrow #left { width: 1fr; }
        &.-narrow #right { width: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._texts = IncidentTexts()
        #: Also the incidents that are acknowledged are listed one by one.
        self._shows_all = False
        columns = incident_columns(self._texts)
        self.table = self._brief(
            "incidents", columns, lambda row: row.incident.row_key, on_cursor=self._explain
        )
        self.queues = self._brief("queues", QUEUES, lambda row: row.key)
        self.failures = self._brief("failures", FAILURES, lambda group: group.key)
        self.jobs = self._brief("jobs", job_columns(self._usual_s), lambda row: row.key)
        self._advice = Bar(id="advice")
        self._detail = SpanLines()
        self._incidents_panel = Panel(self.table, self._advice, id="incidents-panel")
        self._detail_panel = Panel(self._detail, id="detail")
        self._top = _Top(self._incidents_panel, self._detail_panel, id="top")
        self._charts = ChartRow(self.app.drawn_as, id="charts")
        self._queues_panel = Panel(self.queues)
        self._failures_panel = Panel(self.failures)
        self._jobs_panel = Panel(self.jobs)
        self._left = Vertical(self._queues_panel, id="left")
        self._right = Vertical(self._failures_panel, self._jobs_panel, id="right")
        self._lists = Horizontal(self._left, self._right, id="lists")
        self._parts = _Parts(self._top, self._charts, self._lists, id="parts")
        self._said: list[Span] = []
        #: How many lines the incidents and the lists were given room for.
        self._room: tuple[int, int] = (0, 0)

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
        yield self._parts

    @property
    def tables(self) -> tuple[Table[Any], ...]:
        """The tables, in the order of the tab key."""
        return self.table, self.queues, self.failures, self.jobs

    # What is shown

    def show_view(self, view: ViewState) -> None:
        """Show what is wrong, and the rest in brief. Cost: what has changed, and a pass over
        queues and workers."""
        fleet, insights = view.fleet, view.insights
        # That Redis does not answer is news, whatever else is old.
        self.table.stale = False
        self.table.dim_rows(None)
        self.table.empty_text = frame.empty_word(view, "incidents", "")
        incidents = incident_rows(view, shows_all=self._shows_all)
        self._texts.fit(incidents, self._incident_cells // 2 - _BEFORE_TEXT)
        self.table.set_rows(incidents)
        self.queues.empty_text = frame.empty_word(view, "queues", "", "queues")
        self.queues.set_rows(neediest(fleet.queues or (), insights.incidents) if fleet else ())
        self.failures.empty_text = frame.empty_word(view, "failed jobs", "", "failures")
        self.failures.set_rows(insights.groups)
        self.jobs.empty_text = frame.none_runs(view)
        self.jobs.set_rows(longest(fleet.workers or ()) if fleet else ())
        self.share_out()
        self._show_titles(view)
        self.explain()
        self._charts.show(view)
        self._show_result(view)

    def say(self, text: str, tone: str = "") -> None:
        """Show a safe one-line result until the next one; beside it, which server it is."""
        self._said = [Span(f" {text}", tone)]
        self._show_result(self.app.state.view())

    def _show_result(self, view: ViewState) -> None:
        self._result.show(self._said, server(view.insights.facts))

    def _show_titles(self, view: ViewState) -> None:
        totals = None if view.fleet is None else view.fleet.totals
        dim = view.is_stale
        incidents = [each for each in view.insights.incidents if not each.is_over]
        figures = []
        for severity, tone in (("crit", "bad"), ("warn", "warn")):
            count = sum(each.severity == severity for each in incidents)
            if count:
                figures.append(Span(f" {number(count)}", tone))
        self._incidents_panel.show([Span("Incidents", "strong"), *figures], [Span("for", "dim")])
        queues = "" if totals is None else partly(totals.queues, is_least=totals.queues_is_least)
        self._queues_panel.show(
            [Span("Queues", "dim" if dim else "strong"), Span(f" {queues}", "dim")],
            [Span("worst first", "dim", 50)],
        )
        self._failures_panel.show(
            [Span("Failures", "dim" if dim else "strong"), *failure_figures(view)]
        )
        running = "" if totals is None else partly(totals.busy)
        self._jobs_panel.show(
            [Span("Running", "dim" if dim else "strong"), Span(f" {running}", "dim")],
            [Span("slowest first", "dim", 50)],
        )

    def explain(self) -> None:
        """Say all about the incident under the cursor anew, for the size there is now."""
        self._explain(self.table.cursor_row)

    def _usual_s(self, row: WorkerRow) -> float | None:
        return self.app.state.usual_s(row.job, row.system)

    def _explain(self, row: IncidentRow | None) -> None:
        """Say all about an incident beside the list, or in brief below it."""
        remedies = [] if row is None else self._remedies(row.incident)
        if not self._is_wide:
            none: tuple[list[Span], list[Span]] = ([], [])
            self._advice.show(*(none if row is None else brief_advice(row.incident, remedies)))
            return
        title = "" if row is None else safe(row.incident.text)
        self._detail_panel.show([Span(title, "strong", least=12)] if title else [])
        width = self._detail_cells
        lines = min(_DETAIL_LINES, max(1, self._top.size.height - (2 if self._is_tall else 1)))
        self._detail.show([] if row is None else detail(row, remedies, width, lines))

    def _remedies(self, incident: Incident) -> list[KeyedRemedy]:
        view = self.app.state.view()
        found = keyed_remedies(incident, view.policy, read_only=view.read_only)
        # What the place of this incident cannot do has no key, though others can do it.
        return [
            KeyedRemedy(each.remedy)
            if incident.system in self.app.state.lacking(each.remedy.action)
            else each
            for each in found
        ]

    # Where it is shown

    @property
    def _is_wide(self) -> bool:
        return self.app.size.width >= WIDE_CELLS

    @property
    def _is_tall(self) -> bool:
        return self.app.size.height >= _TALL

    def share_out(self) -> None:
        """Give each part the lines that it needs now. Cost: a layout, where they have changed."""
        # Before the first layout: without the bars around.
        lines = self._parts.size.height or self.app.size.height - _BARS
        # On a low terminal panels share a line with the one above.
        upper_lines, labels = (2, 1) if self._is_tall else (1, 0)
        incidents = self.table.row_count + upper_lines
        if self._is_wide:
            incidents = max(incidents, self._detail_room() + upper_lines)
        else:
            incidents += 1
        queues = self.queues.row_count + labels + 2
        failures = max(1, self.failures.row_count) + labels + 2
        jobs = max(1, self.jobs.row_count) + labels + 2 if self._is_tall else 0
        wanted = (incidents, max(queues, failures + jobs))
        now = tuple(
            new if new > old or old - new >= _SLACK else old
            for new, old in zip(wanted, self._room, strict=True)
        )
        self._room = (now[0], now[1])
        found = heights(lines, *self._room)
        self._top.styles.height = found.incidents
        self._charts.styles.height = found.charts
        self._lists.display = found.lists > 0
        self._lists.styles.height = found.lists
        for panel in self._charts.panels:
            panel.set_class(not self._is_tall and found.lists > 0, OPEN)
        if jobs:
            most = found.lists - min(jobs, found.lists // 2)
            self._failures_panel.styles.height = max(4, min(failures, most))

    def _detail_room(self) -> int:
        row = self.table.cursor_row
        if row is None:
            return 0
        found = detail(row, self._remedies(row.incident), self._detail_cells, _DETAIL_LINES)
        return len(found)

    @property
    def _incident_cells(self) -> int:
        return self.app.size.width * 5 // 8 if self._is_wide else self.app.size.width

    @property
    def _detail_cells(self) -> int:
        width = self._detail_panel.outer_size.width or self.app.size.width * 3 // 8
        return max(1, width - 4)

    def _take_shape(self) -> None:
        """Show what there is room for."""
        self.set_class(not self._is_wide, "-narrow")
        self._detail_panel.display = self._is_wide
        self._advice.display = not self._is_wide
        self._jobs_panel.display = self._is_tall
        for panel in (self._incidents_panel, self._detail_panel):
            panel.set_class(not self._is_tall, OPEN)
        for panel in (*self._charts.panels, self._queues_panel, self._failures_panel):
            panel.set_class(not self._is_tall, JOINED)
        self.table.show_labels(False)
        for table in self.tables[1:]:
            table.show_labels(self._is_tall)

    def on_mount(self) -> None:
        """Take the shape of the terminal, then show what is known."""
        self._take_shape()
        super().on_mount()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for another size, once that is known."""
        self._take_shape()
        self._room = (0, 0)
        self.call_after_refresh(lambda: self.show_view(self.app.state.view()))

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

    def action_acknowledge(self) -> None:
        """Acknowledge the incident under the cursor, or end that."""
        row = self.table.cursor_row
        if row is not None:
            self.app.actions.acknowledge(row.incident)

    def action_quarantine(self) -> None:
        """Put the job of the incident under the cursor into quarantine, its copies too."""
        row = self.table.cursor_row
        job = None if row is None else row.incident.job
        if row is None or job is None:
            self.app.say("this incident is about no job that can go into quarantine", "dim")
            return
        request = Quarantine(JobSource("failed", FAILED, row.system), job)
        placed = Placed(row.system, request) if row.system else request
        self.app.actions.request(placed, looking="searching for copies of this job")

    def action_show_acknowledged(self) -> None:
        """List the incidents that were acknowledged one by one, or only count them again."""
        view = self.app.state.view()
        if not any(each.is_acknowledged for each in view.insights.incidents):
            self.app.say("no incident is acknowledged", "dim")
        self._shows_all = not self._shows_all
        self.show(view)

    def ticket(self) -> list[str]:
        """About the incident or the group of failures under the cursor."""
        from qtop.screens.tickets import incident_ticket, newest_group_ticket

        row, view = self._part.cursor_row, self.app.state.view()
        if isinstance(row, IncidentRow):
            return incident_ticket(row.incident, view)
        if self._part is self.failures and row is not None:
            return newest_group_ticket(row.fingerprint, row.number, view)
        return []

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
            await self.app.follow(failures_link(row))
        elif row.incident.link is not None and row.incident.link.place in SCREENS:
            await self.app.follow(row.incident.link)
        elif row.incident.kind == acknowledged.SUMMARY:
            self.action_show_acknowledged()
        else:
            self.app.push_screen(IncidentScreen(row.incident))


def failure_figures(view: ViewState) -> list[Span]:
    """How many groups of failures there are, how many failures; of a long list, of which of them
    the groups are."""
    if view.fleet is None:
        return []
    totals, read = view.fleet.totals, view.fleet.failures
    in_all = partly(totals.failed, is_least=totals.failed_is_least)
    if read is None or totals.failed is None:
        return [Span(f" {in_all}", "dim", 60)]
    groups = Span(f" {counted(len(view.insights.groups), 'group')}", "dim", 80)
    if view.insights.groups_are_all or len(read) >= totals.failed:
        return [groups, Span(f", {in_all}", "dim", 60)]
    newest = Span(f" of newest {number(len(read))}", "dim", 70)
    return [groups, newest, Span(f", {in_all} in all", "dim", 60)]
