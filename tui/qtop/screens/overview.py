"""What is wrong now, and why; below, in brief, the figures, queues, jobs and failures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual import events
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from qtop.keymap.keymap import Where
from qtop.monitor.incidents.incident import Link
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.base import ListScreen, bindings
from qtop.screens.incident import IncidentScreen
from qtop.screens.links import follow
from qtop.screens.overview_tables import (
    FAILURES,
    JOBS,
    QUEUES,
    VERDICTS,
    VerdictRow,
    advice,
    longest,
    neediest,
    verdict_rows,
)
from qtop.screens.rows import MainKeys
from qtop.search.filter_language import term
from qtop.search.newest import NewestGroup
from qtop.text import format
from qtop.text.charts import area
from qtop.text.safe import safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.server_bar import server
from qtop.widgets.table import Table
from queuecore.active_job import unwrapped

_FIGURE_CELLS: Final = 18
_CHARTS: Final = 3
_TALL_LINES: Final = 3
_HIGH: Final = 45
#: From how many lines on the screen has which parts; see the style below.
_SHAPES: Final = [(0, "-low"), (20, "-usual"), (30, "-tall"), (_HIGH, "-high")]


class OverviewScreen(MainKeys, ListScreen):
    """The first screen: to be read in ten seconds."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "overview")
    TAB: ClassVar[Where] = "overview"
    BINDINGS = bindings(PLACES)
    VERTICAL_BREAKPOINTS = _SHAPES
    DEFAULT_CSS = """
    OverviewScreen {
        & #verdicts { height: 8; }
        & #advice { background: $surface; }
        & #left { padding-right: 2; }
        & #jobs { display: none; }
        &.-low #verdicts { height: 7; }
        &.-low #right, &.-low #queues { display: none; }
        &.-tall #verdicts { height: 11; }
        &.-tall #jobs { display: block; }
        &.-high #verdicts { height: 15; }
        &.-high #jobs { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._advice = Bar(id="advice")
        self._charts = [Bar() for _ in range(_CHARTS * _TALL_LINES)]
        clock = self.app.clock
        self.queues = Table(
            QUEUES, key=lambda row: row.name, markable=False, clock=clock, id="queues"
        )
        self.jobs = Table(
            JOBS,
            key=lambda row: row.identity.text,
            markable=False,
            clock=clock,
            id="jobs",
        )
        self.failures = Table(
            FAILURES,
            key=lambda group: group.fingerprint,
            markable=False,
            clock=clock,
            id="failures",
        )

    def make_table(self) -> Table[Any]:
        """The table of the verdicts."""
        return Table(
            VERDICTS,
            key=lambda row: row.verdict.key,
            markable=False,
            on_cursor=self._advise,
            clock=self.app.clock,
            id="verdicts",
        )

    def compose_body(self) -> Iterable[Widget]:
        """The verdicts, what to do about the one under the cursor, and the parts in brief."""
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
    def parts(self) -> tuple[Table[Any], ...]:
        """The tables, in the order of the tab key."""
        return self.table, self.queues, self.jobs, self.failures

    # What is shown

    def show(self, view: ViewState) -> None:
        """Show the state of the console; secrets in the rows are hidden."""
        for table in self.parts:
            table.veil(view.manner.redactor.text)
        super().show(view)

    def show_board(self, view: ViewState) -> None:
        """Show what is wrong, and the rest in brief. Cost: what has changed, and a pass over
        queues and workers."""
        board, glance = view.board, view.glance
        for table in self.parts:
            table.stale = view.is_stale
        # That Redis does not answer is news, whatever else is old.
        self.table.stale = False
        self.table.empty_text = frame_texts.empty_word(view, "verdicts", "")
        self.table.set_rows(verdict_rows(view))
        self._advise(self.table.cursor_row)
        self.queues.empty_text = frame_texts.empty_word(view, "queues", "", "queues")
        self.queues.set_rows(neediest(board.queues or ()) if board else ())
        self.jobs.empty_text = _none_runs(view)
        self.jobs.set_rows(longest(board.workers or ()) if board else ())
        self.failures.empty_text = frame_texts.empty_word(view, "failed jobs", "", "failures")
        self.failures.label("number", format.failed_label(board))
        self.failures.set_rows(glance.groups)
        self._show_charts(view)

    def _advise(self, row: VerdictRow | None) -> None:
        """Say what to do about a verdict, and beside it which server it is."""
        view = self.app.stage.view()
        told = "" if row is None else advice(row.verdict, view.manner, read_only=view.read_only)
        left = [Span(f" → {safe(told)}", "dim")] if told else []
        self._advice.show(left, server(view.glance.facts))

    def _show_charts(self, view: ViewState) -> None:
        courses = view.glance.courses
        totals = view.board.totals if view.board else None
        height = _TALL_LINES if self.size.height >= _HIGH else 1
        width = self._charts[0].size.width - _FIGURE_CELLS
        shown = (
            ("waiting", format.waiting(totals), courses.waiting, ""),
            (
                "done/s",
                format.rate(totals.processed_per_s if totals else None),
                courses.processed_per_s,
                "",
            ),
            (
                "failed/s",
                format.rate(totals.failed_per_s if totals else None),
                courses.failed_per_s,
                "bad",
            ),
        )
        bars = iter(self._charts)
        for label, figure, values, tone in shown:
            head = f" {label:<8} {figure:>7} "
            for at, line in enumerate(area(values, width, height)):
                left = Span(" " * len(head) if at else head, "dim", 90)
                bar = next(bars)
                bar.display = True
                bar.show([left, Span(line, tone or "accent", 80)])
        for bar in bars:
            bar.display = False

    def on_resize(self, event: events.Resize) -> None:
        """Draw the charts for another width, once that is known."""
        self.call_after_refresh(lambda: self._show_charts(self.app.stage.view()))

    # Keys

    def action_next_part(self) -> None:
        """To the next table that is on the screen."""
        self._go(1)

    def action_previous_part(self) -> None:
        """To the table before."""
        self._go(-1)

    def _go(self, step: int) -> None:
        shown = [table for table in self.parts if table.is_on_screen]
        at = shown.index(self._part) if self._part in shown else 0
        # At once: a table's own `focus` comes after keys that were typed ahead.
        self.set_focus(shown[(at + step) % len(shown)])

    @property
    def _part(self) -> Table[Any]:
        """The table that has the focus."""
        return next((table for table in self.parts if table is self.focused), self.table)

    def copied(self) -> list[str]:
        """The row under the cursor."""
        row = self._part.cursor_row
        return [] if row is None else [self._part.row_text(row)]

    def action_start_workers(self) -> None:
        """Ask which workers to start here: for the queue under the cursor, if there is one."""
        row = self._part.cursor_row
        if self._part is self.queues and row is not None:
            self.app.desk.local.ask([row.name])
        elif isinstance(row, VerdictRow) and row.verdict.check == "queues" and row.verdict.subject:
            self.app.desk.local.ask([row.verdict.subject])
        else:
            super().action_start_workers()

    async def on_table_opened(self, event: Table.Opened[Any]) -> None:
        """Go where more is told about the row."""
        row = event.row
        if event.table is self.queues:
            await self.follow(Link("queues", row.name))
        elif event.table is self.jobs:
            await self.follow(Link("workers", row.identity.text))
        elif event.table is self.failures:
            await self.follow(_lead_of(row))
        elif row.verdict.lead is not None and row.verdict.lead.place in self.app.MODES:
            await self.follow(row.verdict.lead)
        else:
            self.app.push_screen(IncidentScreen(row.verdict))

    async def follow(self, lead: Link) -> None:
        """Show a numbered screen with the cursor on a row; where there is no such row, with the
        filter set."""
        await follow(self.app, lead)


def _none_runs(view: ViewState) -> str:
    """What the list of running jobs says when there are none."""
    if view.board is None:
        return frame_texts.empty_word(view, "jobs", "")
    problems = view.board.totals.problems
    why = problems.get("workers") or problems.get("jobs in hand")
    return "No job is running." if why is None else frame_texts.unknown_word(why)


def _lead_of(group: NewestGroup) -> Link:
    """Where the failures of a group are: as a group, or else one by one."""
    failure = group.newest.failure
    class_name, _ = unwrapped(failure.class_name, failure.args)
    terms = [
        term(field, value)
        for field, value in (("class", class_name), ("exception", failure.exception))
        if value is not None
    ]
    return Link("failed", group.fingerprint.id, " ".join(terms))
