"""How the totals went since the console began, however long ago that was. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from qtop.monitor.rows import Totals
from qtop.monitor.series import Values

STEP_S: Final = 5.0
"""What one value stands for at first."""
TREND_KEPT: Final = 240
"""Values at most: before there are more, each two become one, which stands for twice the time."""

Row = tuple[float | None, float | None, float | None]
_UNKNOWN: Final[Row] = (None, None, None)


class Trend(NamedTuple):
    """The totals since `began` by the server's clock, oldest first. A value is the highest there
    was in its `step_s`; None where nothing is known."""

    began: datetime | None = None
    step_s: float = STEP_S
    waiting: Values = ()
    processed_per_s: Values = ()
    failed_per_s: Values = ()


class TrendRecorder:
    """Follows the totals from the first look on. Memory: `KEPT` values of each."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._step_s = STEP_S
        self._began: datetime | None = None
        self._began_mono = 0.0

    def add(self, totals: Totals | None, at_mono: float, now: datetime | None = None) -> None:
        """Take in a look, which was at `now`; None when it failed. O(1), now and then O(kept)."""
        if self._began is None:
            if now is None:
                return
            self._began, self._began_mono = now, at_mono
        at = self._place(at_mono)
        while at >= TREND_KEPT:
            self._halve()
            at = self._place(at_mono)
        row = _UNKNOWN
        if totals is not None:
            row = (totals.waiting, totals.processed_per_s, totals.failed_per_s)
        if at < len(self._rows):
            self._rows[at] = _higher(self._rows[at], row)
            return
        # Between two looks the figures were what was known then.
        before = self._rows[-1] if self._rows else _UNKNOWN
        self._rows.extend([before] * (at - len(self._rows)))
        self._rows.append(row)

    @property
    def trend(self) -> Trend:
        """All of it, up to the last look."""
        if not self._rows:
            return Trend()
        return Trend(self._began, self._step_s, *zip(*self._rows, strict=True))

    def _place(self, at_mono: float) -> int:
        return max(0, int((at_mono - self._began_mono) // self._step_s))

    def _halve(self) -> None:
        pairs = zip(self._rows[::2], [*self._rows[1::2], _UNKNOWN], strict=False)
        self._rows = [_higher(first, second) for first, second in pairs]
        self._step_s *= 2


def fewer(values: Values, most: int) -> tuple[Values, int]:
    """At most so many values, each the highest of as many of those given, and of how many. Which go
    together does not change when others follow, so that bars do not dance."""
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
