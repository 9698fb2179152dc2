"""The course of a few figures over the last minutes. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from qtop.monitor.drops import NO_FALLS
from qtop.monitor.rows import Totals

STEP_S: Final = 5.0
"""What one value of a course stands for."""
KEPT: Final = 60

Values = tuple[float | None, ...]


class Series:
    """One figure. A value stands for the same moments for as long as it is kept, so that bars made
    from it do not dance."""

    def __init__(self) -> None:
        self._values: deque[float | None] = deque(maxlen=KEPT)
        self._step: int | None = None
        self._cut: int | None = None

    def add(self, value: float | None, at_mono: float) -> None:
        """Note what the figure is; until the next time it is that. None when it is unknown."""
        step = int(at_mono // STEP_S)
        if step == self._cut:
            value = None
        passed = 1 if self._step is None else min(step - self._step, KEPT)
        if passed < 1:
            self._values[-1] = value
            return
        # The steps since the last time have the value that was known then.
        before = self._values[-1] if self._values else None
        self._values.extend([before] * (passed - 1))
        self._values.append(value)
        self._step = step

    def cut(self, at_mono: float) -> None:
        """Break it at this moment: what was before is no slope to what follows."""
        self._cut = int(at_mono // STEP_S)

    @property
    def values(self) -> Values:
        """What is known, oldest first; None where nothing is."""
        return tuple(self._values)


class FleetSeries(NamedTuple):
    """The courses that Overview draws."""

    waiting: Values = ()
    processed_per_s: Values = ()
    failed_per_s: Values = ()


class SeriesRecorder:
    """Follows the totals of a console's looks."""

    def __init__(self) -> None:
        self._waiting, self._processed, self._failed = Series(), Series(), Series()
        self._is_least: bool | None = None

    def add(self, totals: Totals | None, at_mono: float) -> None:
        """Take in a look; None when it failed."""
        falls = NO_FALLS if totals is None else totals.falls
        is_least = self._is_least if totals is None else totals.waiting_is_least
        was_least, self._is_least = self._is_least, is_least
        # Of other queues than before: what was before is no slope to it either.
        is_other = was_least is not None and is_least != was_least
        if falls.breaks_waiting or is_other:
            self._waiting.cut(at_mono)
        if falls.breaks_counts:
            self._processed.cut(at_mono)
            self._failed.cut(at_mono)
        self._waiting.add(totals.waiting if totals else None, at_mono)
        self._processed.add(totals.processed_per_s if totals else None, at_mono)
        self._failed.add(totals.failed_per_s if totals else None, at_mono)

    @property
    def courses(self) -> FleetSeries:
        """All of them, up to the last look."""
        return FleetSeries(self._waiting.values, self._processed.values, self._failed.values)
