"""The server's clock, by which jobs come due and schedules fire: the clocks of machines differ, and
a scheduler whose own is an hour ahead would move jobs an hour early."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from queuecore import times


class ServerClock:
    """Gives the present moment by the server's clock (UTC), from what it was last (`learn`) and
    the seconds since (`mono_now`). Before it is known, and where the server does not tell it,
    `own` counts."""

    def __init__(
        self,
        own: times.Clock = times.utc_now,
        mono_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._mono_now = mono_now
        self._known: tuple[datetime, float] | None = None

    def learn(self, moment: datetime | None) -> None:
        """Take over what the server just said; None: it does not tell."""
        self._known = None if moment is None else (moment.astimezone(UTC), self._mono_now())

    def ahead_s(self) -> float:
        """How many seconds the server's clock is ahead of this machine's."""
        return (self() - self._own()).total_seconds()

    def __call__(self) -> datetime:
        if self._known is None:
            return self._own()
        moment, then = self._known
        return moment + timedelta(seconds=self._mono_now() - then)
