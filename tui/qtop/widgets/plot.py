"""Figures over time as dots of braille, or as blocks where a terminal has no braille. No widget.

A step is the time that one value of a course is for; steps are numbered from the console's
beginning. A slot is what is drawn in one column of dots, or in one column of blocks: one step or
several. What is drawn changes as little as possible: a slot is for the same steps while it is
shown, and the scale stays while all values fit it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

#: How a chart is drawn: two by four dots in a cell, or eight levels of blocks.
DrawnAs = Literal["braille", "blocks"]

#: From the top to the bottom, those at the left of a cell and those at the right.
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE: Final = 0x2800
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_LEVELS: Final = len(_BLOCKS) - 1
_DOTS_HIGH: Final = 4
#: A slot is for so many steps at most: after that the oldest leave.
_MOST_STEPS: Final = 4
#: What the highest value of a scale may begin with.
_ROUND: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: A figure that changes by less than this part of itself looks flat.
_LEAST_SPAN: Final = 0.1
#: So few jobs are counted from zero: one more or less is no slope.
_FEW: Final = 50
_LABELS_MIN: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440)
_LABEL_CELLS: Final = 5
_LABEL_GAP: Final = 4


class Course(NamedTuple):
    """One figure over time: a value for each step, the oldest first, None where it is unknown; and
    the tone in which it is drawn."""

    values: Sequence[float | None]
    tone: str


class ChartClock(NamedTuple):
    """When the values of courses were: the number of the first step that is still known, how many
    seconds a step takes, when step 0 began by the server's clock (None: unknown)."""

    first: int = 0
    step_s: float = 1.0
    began: datetime | None = None


class DrawnSteps(NamedTuple):
    """Which steps are drawn: from `first` up to `end`, which is not drawn, `steps` in each slot."""

    first: int = 0
    steps: int = 1
    end: int = 0


def steps_at(end: int, slots: int, kept: int) -> DrawnSteps:
    """Which steps to draw when there are so many slots. First slots come to be for more steps;
    after that the oldest quarter leaves whenever all are full. `kept` is how many steps are known
    at most."""
    steps = 1
    while steps < _MOST_STEPS and end > slots * steps and slots * steps * 2 <= kept:
        steps *= 2
    over = end - slots * steps
    quarter = max(1, slots // 4) * steps
    return DrawnSteps(max(0, -(-over // quarter) * quarter), steps, end)


def slotted(course: Course, clock: ChartClock, shown: DrawnSteps) -> list[float | None]:
    """The highest value of each slot; None where nothing is known. O(values)."""
    found: list[float | None] = []
    for begin in range(shown.first, shown.end, shown.steps):
        at, to = begin - clock.first, min(begin + shown.steps, shown.end) - clock.first
        known = [each for each in course.values[max(0, at) : max(0, to)] if _is_known(each)]
        found.append(max((each for each in known if each is not None), default=None))
    return found


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


class Scale(NamedTuple):
    """The values at the bottom and at the top of a chart."""

    lowest: float
    highest: float

    def row(self, value: float | None, rows: int) -> int | None:
        """In which row a value is, from 0 at the bottom; None for what is unknown. More than zero
        does not look like zero where that is the bottom."""
        if value is None:
            return None
        part = (value - self.lowest) / (self.highest - self.lowest)
        row = max(0, min(rows - 1, round(part * (rows - 1))))
        return max(row, min(1, rows - 1)) if value > self.lowest == 0 else row

    def holds(self, values: Sequence[float | None]) -> bool:
        """Whether all values are between the bottom and the top."""
        return all(value is None or self.lowest <= value <= self.highest for value in values)


def scale_of(values: Sequence[float | None], *, is_from_zero: bool) -> Scale:
    """A scale with round ends for some values. It begins at zero if it `is_from_zero`, where the
    lowest value is less than half of the highest, and where the highest is not much."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    if is_from_zero or low < high / 2 or high < _FEW:
        return Scale(min(0.0, low), _round_up(high) if high > 0 else 1.0)
    step = _round_up(max(high - low, high * _LEAST_SPAN) / 2)
    lowest = math.floor(low / step) * step
    return Scale(lowest, max(math.ceil(high / step), lowest / step + 1) * step)


def _round_up(value: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(value))
    # What was rounded when it was divided may be above the last one by a hair.
    return next((each for each in _ROUND if each * power >= value), 10.0) * power


# What is drawn: cells, each with the tone of the course that it shows.

#: A character, and a tone; the tone is empty for a blank.
PlotCell = tuple[str, str]
_BLANK: Final[PlotCell] = (" ", "")
#: The rows of a course, slot by slot.
Rows = Sequence[int | None]


def rows_of(drawn_as: DrawnAs, lines: int) -> int:
    """How many rows of dots, or levels, there are in so many lines."""
    return lines * (_DOTS_HIGH if drawn_as == "braille" else _LEVELS)


def slots_of(drawn_as: DrawnAs, cells: int) -> int:
    """How many slots there are in so many cells beside each other."""
    return max(0, cells) * (2 if drawn_as == "braille" else 1)


def drawn(
    drawn_as: DrawnAs, courses: Sequence[tuple[Rows, str]], cells: int, lines: int
) -> list[list[PlotCell]]:
    """Draw courses, each as the rows of its slots and its tone, on so many cells and lines, from
    the top line to the bottom one. A later course is drawn over an earlier one. O(cells drawn)."""
    draw = _braille if drawn_as == "braille" else _blocks
    return draw(courses, cells, lines)


def _braille(courses: Sequence[tuple[Rows, str]], cells: int, lines: int) -> list[list[PlotCell]]:
    bits = [[0] * cells for _ in range(lines)]
    tones = [[""] * cells for _ in range(lines)]
    for rows, tone in courses:
        for slot, row in _dots(rows[: cells * 2]):
            line, dot = divmod(lines * _DOTS_HIGH - 1 - row, _DOTS_HIGH)
            bits[line][slot // 2] |= _DOTS[slot % 2][dot]
            tones[line][slot // 2] = tone
    return [
        [(chr(_BRAILLE + bit), tone) if bit else _BLANK for bit, tone in zip(*both, strict=True)]
        for both in zip(bits, tones, strict=True)
    ]


def _dots(rows: Rows) -> Iterator[tuple[int, int]]:
    """The dots of a course: one in the row of each value, and those that join it to the value
    before."""
    before: int | None = None
    for slot, row in enumerate(rows):
        if row is not None:
            start = row if before is None or before == row else before + (1 if row > before else -1)
            for each in range(min(start, row), max(start, row) + 1):
                yield slot, each
        before = row


def _blocks(courses: Sequence[tuple[Rows, str]], cells: int, lines: int) -> list[list[PlotCell]]:
    picture = [[_BLANK] * cells for _ in range(lines)]
    for slot in range(cells):
        here = [(rows[slot], tone) for rows, tone in courses if slot < len(rows)]
        known = [(row, tone) for row, tone in here if row is not None]
        # The lowest is drawn last: of the others it leaves what is above it.
        for row, tone in sorted(known, key=lambda each: -each[0]):
            for line in range(lines):
                level = min(_LEVELS, row + 1 - (lines - 1 - line) * _LEVELS)
                if level > 0:
                    picture[line][slot] = _BLOCKS[level], tone
    return picture


# The clock below a chart.


def clock_line(clock: ChartClock, shown: DrawnSteps, cells: int, slots_in_cell: int) -> str:
    """The local times below a chart, each where its minute begins: first when the console began,
    where that is still shown. Exactly `cells` long."""
    if clock.began is None:
        return " " * cells
    cell_s = clock.step_s * shown.steps * slots_in_cell
    begin = (clock.began + timedelta(seconds=clock.step_s * shown.first)).astimezone()
    text = "" if shown.first else f"since {begin:%H:%M}"
    minutes = next(
        (each for each in _LABELS_MIN if each * 60 >= cell_s * (_LABEL_CELLS + _LABEL_GAP)),
        _LABELS_MIN[-1],
    )
    offset = begin.utcoffset() or timedelta()
    local_s = begin.timestamp() + offset.total_seconds()
    at_s = math.ceil(local_s / (minutes * 60)) * minutes * 60.0
    while (x := math.floor((at_s - local_s) / cell_s)) + _LABEL_CELLS <= cells:
        if x >= len(text) + (2 if text else 0):
            moment = begin + timedelta(seconds=at_s - local_s)
            text = f"{text:{x}}{moment:%H:%M}"
        at_s += minutes * 60
    return f"{text[:cells]:{cells}}"
