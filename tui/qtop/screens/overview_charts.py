"""The charts of Overview: what waits, what comes and is done, what fails, how busy workers are.

They begin where this console began: before that, nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal

from qtop.monitor import row_text
from qtop.monitor.rows import Totals
from qtop.monitor.series import KEPT, STEP_S, FleetSeries, Values
from qtop.monitor.state import ViewState
from qtop.text.format import NOTHING, number, rate
from qtop.text.safe import ago
from qtop.widgets.bars import Span
from qtop.widgets.chart import Chart, Timeline
from qtop.widgets.panel import Panel
from qtop.widgets.plot import ChartClock, Course, DrawnAs, Scale

#: The growth of what waits is that of so many last steps.
_GROWTH_STEPS: Final = 12
#: From how many cells on the charts' titles are written out, and a fourth chart has room.
WIDE_CELLS: Final = 110

#: From how many on the titles are spelled out.
_ROOMY_CELLS: Final = 140

Title = tuple[list[Span], list[Span]]


class ChartRow(Horizontal):
    """Four charts beside each other, each in a panel; three where there is little room."""

    def __init__(self, drawn_as: DrawnAs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.charts = [
            Chart(is_from_zero=False, drawn_as=drawn_as),
            Chart(drawn_as=drawn_as),
            Chart(drawn_as=drawn_as),
            Chart(label=_percent, scale=Scale(0.0, 1.0), drawn_as=drawn_as),
        ]
        self.panels = [Panel(chart) for chart in self.charts]
        self._timeline = Timeline(self.charts, KEPT)

    def compose(self) -> ComposeResult:
        yield from self.panels

    def show(self, view: ViewState) -> None:
        """Show the course of the totals. Costs nothing while all goes on as it was."""
        totals = view.fleet.totals if view.fleet else None
        series = view.insights.series_now
        cells = self.app.size.width
        self.panels[-1].display = cells >= WIDE_CELLS
        for panel, (left, right) in zip(self.panels, titles(totals, series, cells), strict=True):
            if view.is_stale:
                left, right = _dimmed(left), _dimmed(right)
            panel.show(left, right)
        courses = [
            [Course(series.waiting, "accent")],
            [Course(series.in_per_s, "dim"), Course(series.processed_per_s, "good")],
            [Course(series.failed_per_s, "bad")],
            [Course(series.busy, "accent")],
        ]
        clock = ChartClock(series.first, STEP_S, series.began)
        self._timeline.show(courses, clock, is_stale=view.is_stale)


def titles(totals: Totals | None, series: FleetSeries, cells: int) -> list[Title]:
    """What is said above each chart, at its left and at its right: what it is, and its figure now;
    for a terminal with so many cells."""
    is_wide = cells >= WIDE_CELLS
    failed = None if totals is None else totals.failed_per_s
    per_s = "Failed per s" if is_wide else "Failed/s"
    return [
        ([Span("Waiting", "strong")], _waiting(totals, series.waiting)),
        _rates(totals, cells),
        ([Span(per_s, "strong")], [Span(rate(failed), "bad" if failed else "dim")]),
        ([Span("Workers busy", "strong")], _busy(totals)),
    ]


def _rates(totals: Totals | None, cells: int) -> Title:
    came = done = NOTHING
    over_s = None
    if totals is not None:
        came = rate(totals.in_per_s, is_estimate=totals.in_is_estimate)
        done, over_s = rate(totals.processed_per_s), totals.rates_over_s
    figures = [Span("in ", "dim"), Span(came, "dim"), Span(" done ", "good"), Span(done, "good")]
    if cells < WIDE_CELLS:
        return [*figures, Span(" per s", "dim", 50)], []
    average = "" if over_s is None else f", average of {ago(over_s)}"
    what = "In / done per s" if cells >= _ROOMY_CELLS else "Per s"
    return [Span(what, "strong"), Span(average, "dim", 50)], figures


def _waiting(totals: Totals | None, values: Values) -> list[Span]:
    spans = [Span(row_text.waiting(totals), "strong")]
    growth = growth_per_s(values)
    if growth:
        sign, tone = ("▲", "warn") if growth > 0 else ("▼", "good")
        spans.append(Span(f" {sign} {rate(abs(growth))}/s", tone, 80))
    return spans


def growth_per_s(values: Values) -> float | None:
    """How many more jobs waited each second of the last minute, or of what is known of it; None
    when that is unknown, also where there is a gap."""
    last = list(islice(reversed(values), _GROWTH_STEPS + 1))
    known = [value for value in last if value is not None]
    if len(known) < len(last) or len(known) < 2:
        return None
    return (known[0] - known[-1]) / ((len(known) - 1) * STEP_S)


def _busy(totals: Totals | None) -> list[Span]:
    if totals is None or totals.busy is None or totals.slots is None:
        return [Span(NOTHING if totals is None else "unknown", "dim")]
    spans = [Span(number(totals.busy), "strong"), Span(f" of {number(totals.slots)}", "dim")]
    if totals.dead:
        spans.append(Span(f"  {number(totals.dead)} dead", "bad"))
    return spans


def _dimmed(spans: Sequence[Span]) -> list[Span]:
    return [span._replace(tone="dim") for span in spans]


def _percent(part: float) -> str:
    return f"{part:.0%}"
