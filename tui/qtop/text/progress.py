"""How far something long is, how fast it goes and how long it still takes, in words."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from qtop.text.safe import ago

#: The rate is that of the last so many seconds.
_WINDOW_S: Final = 10.0
#: It is known from so many advances on, over so long; those that follow each other faster are one.
_LEAST_ADVANCES: Final = 3
_LEAST_S: Final = 1.0
_GRAIN_S: Final = 0.1
#: After so long without an advance the rate is unknown, and begins anew with the next one.
_STILL_S: Final = 5.0
#: A cell of a bar that is done, and one that is not.
_FULL, _EMPTY = "█", "·"
#: The units of a length of time above a second.
_UNITS_S: Final = (86_400, 3_600, 60)


class ProgressMeter:
    """Measures something long from what is noted of it. What is not known yet, or no longer, is
    None, and left out of the words. Keeps about a hundred samples. It may be read by another thread
    than the one that notes.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: When it advanced, and how far it was then.
        self._advances: deque[tuple[float, int]] = deque()
        self.done, self.of = 0, 0

    def note(self, done: int, of: int) -> None:
        """So many of so many are done now. Fewer than before: it has begun anew. O(1)."""
        now_s, advances = self._clock(), self._advances
        # After a pause the time before it says nothing about the time to come.
        if done < self.done or (advances and now_s - advances[-1][0] > _STILL_S):
            advances.clear()
        if not advances or done > advances[-1][1]:
            if len(advances) > 1 and now_s - advances[-2][0] < _GRAIN_S:
                advances.pop()
            advances.append((now_s, done))
        while now_s - advances[0][0] > _WINDOW_S:
            advances.popleft()
        self.done, self.of = done, of

    @property
    def per_s(self) -> float | None:
        """How many a second."""
        # A copy, made in one step: meanwhile another thread may note something.
        advances = tuple(self._advances)
        if len(advances) < _LEAST_ADVANCES or self._clock() - advances[-1][0] > _STILL_S:
            return None
        (began_s, first), (ended_s, last) = advances[0], advances[-1]
        took_s = ended_s - began_s
        return (last - first) / took_s if took_s >= _LEAST_S else None

    @property
    def left_s(self) -> float | None:
        """How many seconds the rest takes at that rate."""
        per_s = self.per_s
        return None if per_s is None or self.of <= self.done else (self.of - self.done) / per_s

    @property
    def percent(self) -> str:
        """`12 %`, rounded down; empty without a total."""
        return f"{self.done * 100 // self.of} %" if self.of > 0 else ""

    def bar(self, cells: int) -> str:
        """How far it is as a bar of so many cells; empty without a total."""
        if self.of <= 0:
            return ""
        full = min(cells, self.done * cells // self.of)
        return _FULL * full + _EMPTY * (cells - full)

    @property
    def speed(self) -> str:
        """The rate in two figures, `3,100/s`; empty while it is unknown."""
        per_s = self.per_s
        return "" if per_s is None else f"{_rounded(per_s)}/s"

    @property
    def time_left(self) -> str:
        """`28 s left`, `2 min left`, rounded up; empty while it is unknown."""
        left_s = self.left_s
        if left_s is None:
            return ""
        unit_s = next((unit_s for unit_s in _UNITS_S if left_s > unit_s), 1)
        return f"{ago(math.ceil(left_s / unit_s) * unit_s)} left"

    def words(self) -> str:
        """All of that: `12,400 of 100,000, 3,100/s, 28 s left`."""
        far = f"{self.done:,} of {self.of:,}"
        return ", ".join(filter(None, (far, self.speed, self.time_left)))


def _rounded(per_s: float) -> str:
    if per_s < 10:
        return f"{per_s:.1f}" if per_s >= 0.05 else "<0.1"
    # More figures would only flicker.
    return f"{int(round(per_s, 1 - math.floor(math.log10(per_s)))):,}"
