"""The lines that draw how the totals went since the console began. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from qtop.monitor.rows import Totals
from qtop.monitor.series import Values
from qtop.monitor.trends import STEP_S, Trend, fewer
from qtop.text import format
from qtop.text.charts import area
from qtop.text.safe import ago
from qtop.widgets.bars import Span

LINES: Final = 4
_AROUND_CELLS: Final = 18 + 13
TrendLine = tuple[list[Span], list[Span]]


def trend_lines(trend: Trend, totals: Totals | None, width: int) -> list[TrendLine]:
    """A heading, and for each of three figures what it is now, its course, the highest it was."""
    room = max(1, width - _AROUND_CELLS)
    _, together = fewer(trend.waiting, room)
    since = "" if trend.began is None else f", {trend.began.astimezone():%Y-%m-%d %H:%M}"
    step = ago(max(STEP_S, trend.step_s * together))
    heading = [Span(f" since the console began{since}", "strong", 90)]
    rates = (None, None) if totals is None else (totals.processed_per_s, totals.failed_per_s)
    return [
        (heading, [Span(f"  each bar the highest of {step} ", "dim", 50)]),
        _line("waiting", format.waiting(totals), trend.waiting, room, "accent", _count),
        _line("done/s", format.rate(rates[0]), trend.processed_per_s, room, "accent", format.rate),
        _line("failed/s", format.rate(rates[1]), trend.failed_per_s, room, "bad", format.rate),
    ]


def _line(
    label: str,
    figure: str,
    values: Values,
    room: int,
    tone: str,
    text: Callable[[float | None], str],
) -> TrendLine:
    bars, _ = fewer(values, room)
    highest = max((value for value in values if value is not None), default=None)
    left = [Span(f" {label:<8} {figure:>7} ", "dim", 90), Span(area(bars, room)[0], tone, 80)]
    return left, [Span(f"  max {text(highest):>6} ", "dim", 70)]


def _count(value: float | None) -> str:
    return format.number(None if value is None else int(value))
