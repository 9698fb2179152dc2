"""A few figures over time. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from qtop.monitor.changes import NO_DROPS
from qtop.monitor.rows import Totals

#: What one value of a series stands for.
STEP_S: Final = 5.0
KEPT: Final = 480
#: A clock that goes otherwise than that of the polls by more than this was set, or the machine was
#: asleep.
_SET_S: Final = 30.0

Values = tuple[float | None, ...]


class Series:
    """One figure. A value stands for the same moments for as long as it is kept, so that bars made
    from it do not jump."""

    def __init__(self) -> None:
        self._values: deque[float | None] = deque(maxlen=KEPT)
        self._step: int | None = None
        self._cut: int | None = None
        #: How many values it ever had.
        self.added = 0

    def add(self, value: float | None, at_mono: float) -> None:
        """Note what the figure is; until the next time it is that. None when it is unknown."""
        step = int(at_mono // STEP_S)
        if step == self._cut:
            value = None
        passed = 1 if self._step is None else step - self._step
        if passed < 1:
            self._values[-1] = value
            return
        # The steps since the last time have the value that was known then.
        before = self._values[-1] if self._values else None
        self._values.extend([before] * min(passed - 1, KEPT))
        self._values.append(value)
        self.added += passed
        self._step = step

    def cut(self, at_mono: float) -> None:
        """Break it at this moment: no slope goes from what was before to what follows."""
        self._cut = int(at_mono // STEP_S)

    @property
    def values(self) -> Values:
        """What is known, oldest first; None where nothing is."""
        return tuple(self._values)


Row = tuple[float | None, float | None, float | None]
_UNKNOWN: Final[Row] = (None, None, None)


def _figures(totals: Totals | None) -> Row:
    if totals is None:
        return _UNKNOWN
    return totals.waiting, totals.processed_per_s, totals.failed_per_s


class FleetSeries(NamedTuple):
    """The totals over the last minutes, oldest first, a value for each `STEP_S`.

    Attributes:
        busy: Which part of what workers can run at once they run.
        first: The number of the first value: how many steps the console had begun before it.
        began: When step 0 was, by the server's clock; None before the first poll.
    """

    waiting: Values = ()
    in_per_s: Values = ()
    processed_per_s: Values = ()
    failed_per_s: Values = ()
    busy: Values = ()
    first: int = 0
    began: datetime | None = None


_Figures = tuple[float | None, float | None, float | None, float | None, float | None]
_NONE_KNOWN: Final[_Figures] = (None, None, None, None, None)


def _all_figures(totals: Totals | None) -> _Figures:
    if totals is None:
        return _NONE_KNOWN
    busy = None
    if totals.slots and totals.busy is not None:
        busy = totals.busy / totals.slots
    rates = totals.in_per_s, totals.processed_per_s, totals.failed_per_s
    return totals.waiting, *rates, busy


class SeriesRecorder:
    """Follows the totals of a console's polls. With `has_one_clock` all moments are those of one
    server: where they jump, the clock was set or the machine slept, and the series begin anew."""

    def __init__(self, *, has_one_clock: bool = True) -> None:
        self._has_one_clock = has_one_clock
        self._is_least: bool | None = None
        self._begin()

    def _begin(self) -> None:
        self._series = tuple(Series() for _ in _NONE_KNOWN)
        self._first_mono: float | None = None
        self._began: datetime | None = None

    def add(self, totals: Totals | None, at_mono: float, now: datetime | None = None) -> None:
        """Take in a poll, which was at `now` by the server's clock; None when it failed."""
        self._note_clock(at_mono, now)
        waiting, came, processed, failed, _ = self._series
        drops = NO_DROPS if totals is None else totals.drops
        is_least = self._is_least if totals is None else totals.waiting_is_least
        was_least, self._is_least = self._is_least, is_least
        # Of other queues than before: what was before is no slope to it either.
        is_other = was_least is not None and is_least != was_least
        if drops.breaks_waiting or is_other:
            waiting.cut(at_mono)
        if drops.breaks_counts:
            for each in (came, processed, failed):
                each.cut(at_mono)
        for series, value in zip(self._series, _all_figures(totals), strict=True):
            series.add(value, at_mono)

    def _note_clock(self, at_mono: float, now: datetime | None) -> None:
        began = self._began_by(at_mono, now)
        if self._has_one_clock and _jumps(self._began, began):
            self._begin()
            began = self._began_by(at_mono, now)
        if self._first_mono is None:
            self._first_mono = at_mono // STEP_S * STEP_S
        self._began = self._began or began

    def _began_by(self, at_mono: float, now: datetime | None) -> datetime | None:
        """When step 0 was, if it is `now`."""
        passed_s = 0.0 if self._first_mono is None else at_mono - self._first_mono
        return None if now is None else now - timedelta(seconds=passed_s)

    @property
    def series_now(self) -> FleetSeries:
        waiting, came, processed, failed, busy = (each.values for each in self._series)
        passed = self._series[0].added - len(waiting)
        return FleetSeries(waiting, came, processed, failed, busy, passed, self._began)


def _jumps(before: datetime | None, now: datetime | None) -> bool:
    if before is None or now is None:
        return False
    return abs((now - before).total_seconds()) > _SET_S


# How the totals went since the console began, however long ago that was.

TREND_KEPT: Final = 240
"""Values at most: before there are more, each two become one, which stands for twice the time."""


class Trend(NamedTuple):
    """The totals since `began` by the server's clock, oldest first. A value is the highest there
    was in its `step_s`; None where nothing is known."""

    began: datetime | None = None
    step_s: float = STEP_S
    waiting: Values = ()
    processed_per_s: Values = ()
    failed_per_s: Values = ()


class TrendRecorder:
    """Follows the totals from the first poll on. Memory: `TREND_KEPT` values of each."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._step_s = STEP_S
        self._began: datetime | None = None
        self._began_mono = 0.0

    def add(self, totals: Totals | None, at_mono: float, now: datetime | None = None) -> None:
        """Take in a poll, which was at `now`; None when it failed. O(1), now and then O(kept)."""
        if self._began is None:
            if now is None:
                return
            self._began, self._began_mono = now, at_mono
        at = self._place(at_mono)
        while at >= TREND_KEPT:
            pairs = zip(self._rows[::2], [*self._rows[1::2], _UNKNOWN], strict=False)
            self._rows = [_higher(first, second) for first, second in pairs]
            self._step_s *= 2
            at = self._place(at_mono)
        row = _figures(totals)
        if at < len(self._rows):
            self._rows[at] = _higher(self._rows[at], row)
            return
        # Between two polls the figures were what was known then.
        before = self._rows[-1] if self._rows else _UNKNOWN
        self._rows.extend([before] * (at - len(self._rows)))
        self._rows.append(row)

    @property
    def trend(self) -> Trend:
        if not self._rows:
            return Trend()
        return Trend(self._began, self._step_s, *zip(*self._rows, strict=True))

    def _place(self, at_mono: float) -> int:
        return max(0, int((at_mono - self._began_mono) // self._step_s))


def fewer(values: Values, most: int) -> tuple[Values, int]:
    """At most so many values, each the highest of as many of those given, and of how many. Which go
    together does not change when others follow, so that bars do not jump."""
    together = 1
    while -(-len(values) // together) > max(1, most):
        together *= 2
    parts = (values[at : at + together] for at in range(0, len(values), together))
    return tuple(_highest(part) for part in parts), together


def _highest(values: Values) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _higher(one: Row, other: Row) -> Row:
    first, second, third = (_highest(both) for both in zip(one, other, strict=True))
    return first, second, third
