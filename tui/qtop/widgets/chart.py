"""Charts: lines of braille dots with the scale at the left and the clock below.

A quiet screen costs nothing: a stretch in which no figure changes is drawn at the next change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from qtop.text.format import axis_label
from qtop.text.safe import pad
from qtop.widgets.plot import (
    ChartClock,
    Course,
    DrawnAs,
    DrawnSteps,
    PlotCell,
    Scale,
    clock_line,
    drawn,
    rows_of,
    scale_of,
    slots_of,
    slotted,
    steps_at,
)
from qtop.widgets.theme import toned

#: The cells of the scale, with a blank one.
_SCALE_CELLS: Final = 5
#: Charts that are smaller have no scale, or no clock.
_SCALE_FROM_CELLS: Final = 20
_CLOCK_FROM_LINES: Final = 4
#: The row of a value that the scale does not hold.
_OUTSIDE: Final = -1


class Chart(Widget):
    """One figure over time, or several with the same scale. It is shown by a `Timeline`.

    Args:
        label: The text of a value of the scale, in four cells at most.
        scale: What the scale always is; None: as the values need it.
        is_from_zero: A scale that is not given begins at zero.
        drawn_as: What the terminal can show.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Chart {
        height: 1fr;
        width: 1fr;
    }
    """

    def __init__(
        self,
        *,
        label: Callable[[float], str] = axis_label,
        scale: Scale | None = None,
        is_from_zero: bool = True,
        drawn_as: DrawnAs = "braille",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.drawn_as: DrawnAs = drawn_as
        self.timeline: Timeline | None = None
        self._label, self._given, self._is_from_zero = label, scale, is_from_zero
        self._courses: Sequence[Course] = ()
        self._is_stale = False
        #: The scale of what is drawn, the rows of its slots, and the size that it was drawn for.
        self._scale: Scale | None = scale
        self._rows: list[list[int | None]] = []
        self._drawn: tuple[DrawnSteps, int, int] = (DrawnSteps(), -1, -1)
        self._began: datetime | None = None
        self._lines: list[list[PlotCell]] = []

    @property
    def slots(self) -> int:
        """How many slots it has room for."""
        return slots_of(self.drawn_as, self.size.width - self._scale_cells)

    @property
    def _scale_cells(self) -> int:
        return _SCALE_CELLS if self.size.width >= _SCALE_FROM_CELLS else 0

    @property
    def _plot_lines(self) -> int:
        height = self.size.height
        return height - 1 if height >= _CLOCK_FROM_LINES else height

    def take(self, courses: Sequence[Course], *, is_stale: bool) -> None:
        """Take in what to draw next; `is_stale` dims all of it."""
        self._courses = courses
        if is_stale != self._is_stale:
            self._is_stale = is_stale
            self.refresh()

    def differs(self, clock: ChartClock, end: int) -> bool:
        """Whether what was taken in would look different, up to the step `end`, from what is drawn
        and goes on as it was. O(values)."""
        shown, width, height = self._drawn
        if (width, height) != tuple(self.size) or len(self._rows) != len(self._courses):
            return True
        if clock.began != self._began or end < shown.end:
            return True
        # What is not known any more is drawn as it was.
        known_from = max(0, -(-(clock.first - shown.first) // shown.steps))
        for before, after in zip(
            self._rows, self._all_rows(clock, shown._replace(end=end)), strict=True
        ):
            last = before[-1] if before else None
            on = [*before, *[last] * (len(after) - len(before))]
            if on[known_from:] != after[known_from:]:
                return True
        return False

    def draw(self, clock: ChartClock, shown: DrawnSteps) -> None:
        """Draw what was taken in: these steps. Cost: painting the cells that differ."""
        was = self._drawn[0]
        values = [slotted(each, clock, shown) for each in self._courses]
        every = [value for each in values for value in each]
        is_same_part = (was.first, was.steps) == (shown.first, shown.steps)
        if self._given is None and not (
            self._scale is not None and is_same_part and self._scale.holds(every)
        ):
            self._scale = scale_of(every, is_from_zero=self._is_from_zero)
        self._drawn = shown, *self.size
        self._began = clock.began
        self._rows = self._all_rows(clock, shown)
        self._show(self._picture(clock, shown))

    def _all_rows(self, clock: ChartClock, shown: DrawnSteps) -> list[list[int | None]]:
        rows, scale = rows_of(self.drawn_as, self._plot_lines), self._scale

        def row(value: float | None) -> int | None:
            if scale is None or (self._given is None and not scale.holds((value,))):
                return _OUTSIDE
            return scale.row(value, rows)

        return [list(map(row, slotted(course, clock, shown))) for course in self._courses]

    def _picture(self, clock: ChartClock, shown: DrawnSteps) -> list[list[PlotCell]]:
        cells = max(0, self.size.width - self._scale_cells)
        lines = self._plot_lines
        both = zip(self._rows, self._courses, strict=True)
        picture = drawn(self.drawn_as, [(rows, each.tone) for rows, each in both], cells, lines)
        found = [[*self._end(at, lines), *line] for at, line in enumerate(picture)]
        if lines < self.size.height:
            times = clock_line(clock, shown, cells, slots_of(self.drawn_as, 1))
            found.append(_dim(" " * self._scale_cells + times))
        return found

    def _end(self, line: int, lines: int) -> list[PlotCell]:
        """What is at the left of a line: an end of the scale at the first and the last one."""
        if self._scale is None or not self._scale_cells:
            return []
        text = self._label(self._scale.lowest) if line == lines - 1 else ""
        if line == 0:
            text = self._label(self._scale.highest)
        return _dim(f"{pad(text, _SCALE_CELLS - 1, 'right')} ")

    def _show(self, lines: list[list[PlotCell]]) -> None:
        before, self._lines = self._lines, lines
        width = self.size.width
        if not self.is_mounted or not width:
            return
        if len(before) != len(lines):
            self.refresh()
            return
        regions = []
        for y, (was, now) in enumerate(zip(before, lines, strict=True)):
            if was != now:
                pairs = enumerate(zip(was, now, strict=False))
                other = [x for x, (old, new) in pairs if old != new]
                is_whole = len(was) != len(now) or not other
                x = 0 if is_whole else other[0]
                regions.append(Region(x, y, width if is_whole else other[-1] - x + 1, 1))
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self.rich_style
        stale = ("stale",) if self._is_stale else ()
        cells = self._lines[y] if y < len(self._lines) else ()
        segments = [
            Segment(
                "".join(character for character, _ in run),
                toned(self, *filter(None, (tone, *stale))),
            )
            for tone, run in groupby(cells, key=itemgetter(1))
        ]
        return Strip(segments).adjust_cell_length(width, ground)

    def on_resize(self, event: events.Resize) -> None:
        """Draw it for its new size."""
        if self.timeline is not None:
            self.timeline.update()


def _dim(text: str) -> list[PlotCell]:
    return [(character, "dim") for character in text]


class Timeline:
    """Charts beside each other that show the same time: they are drawn when one of them changes.

    Args:
        charts: From left to right.
        kept: How many values are known of a course at most.
    """

    def __init__(self, charts: Sequence[Chart], kept: int) -> None:
        self._charts, self._kept = charts, kept
        self._clock, self._end = ChartClock(), 0
        for chart in charts:
            chart.timeline = self

    def show(
        self, courses: Sequence[Sequence[Course]], clock: ChartClock, *, is_stale: bool = False
    ) -> None:
        """Show courses: those of each chart, all with as many values. Costs no output while all go
        on as they were. O(values)."""
        for chart, each in zip(self._charts, courses, strict=True):
            chart.take(each, is_stale=is_stale)
        lengths = [len(course.values) for each in courses for course in each]
        self._clock, self._end = clock, clock.first + max(lengths, default=0)
        self.update()

    def update(self) -> None:
        """Draw the charts if any of them would look different: also for another size."""
        charts = [chart for chart in self._charts if chart.is_mounted and chart.slots > 0]
        if any(chart.differs(self._clock, self._end) for chart in charts):
            shown = steps_at(self._end, min(chart.slots for chart in charts), self._kept)
            for chart in charts:
                chart.draw(self._clock, shown)
