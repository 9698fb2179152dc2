"""Days and moments in filters, in the zone of the person who types. Pure but for the zone.

`today` moves on at midnight: a filter that stays set means the day that it is, not the day on which
it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

#: What is allowed, for errors.
ALLOWED_DAYS: Final = "today, yesterday, tomorrow or 2026-12-01"
ALLOWED_MOMENTS: Final = (
    '08:00 (of today), yesterday, "yesterday 08:00", 2026-12-01, 2026-12-01T08:00 (or …Z for UTC)'
)

#: The clock, in seconds since the epoch.
ClockS = Callable[[], float]
#: Gives the first second of a day, and that of the day after.
DayBounds = Callable[[], tuple[float, float]]
#: Gives a moment.
MomentOf = Callable[[], float]

_NAMED: Final = {"today": 0, "yesterday": -1, "tomorrow": 1}
_DATE: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_ZONE: Final = re.compile(r"(Z|UTC|[+-]\d{2}:?\d{2})$", re.IGNORECASE)


def day_bounds(text: str, clock_s: ClockS) -> DayBounds:
    """When a day begins and ends. Raises ValueError with what is allowed."""
    begins = _day(text, clock_s)
    if begins is None:
        raise ValueError(f"{text!r} is no day: write {ALLOWED_DAYS}")
    return lambda: (_stamp(begins()), _stamp(begins() + timedelta(days=1)))


def moment_of(text: str, clock_s: ClockS) -> MomentOf:
    """A moment: a day alone is its beginning. Raises ValueError with what is allowed."""
    words = text.strip()
    zone = _ZONE.search(words) if _CLOCK.search(words) else None
    if zone is not None:
        return _in_zone(words, zone)
    day, blank, clock = words.replace("T", " ", 1).rpartition(" ")
    if not blank and _CLOCK.fullmatch(clock) is None:
        day, clock = clock, "0:00"
    begins, found = _day(day.strip() or "today", clock_s), _CLOCK.fullmatch(clock)
    if begins is None or found is None:
        raise ValueError(f"{text!r} is no time: write {ALLOWED_MOMENTS}")
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    try:
        begins().replace(hour=hour, minute=minute, second=second)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; write {ALLOWED_MOMENTS}") from None
    return lambda: _stamp(begins().replace(hour=hour, minute=minute, second=second))


def _in_zone(words: str, zone: re.Match[str]) -> MomentOf:
    """A moment with its zone, which is fixed."""
    offset = "+00:00" if zone[0].upper() in ("Z", "UTC") else zone[0]
    wall = words[: zone.start()].strip().replace(" ", "T", 1)
    try:
        moment = datetime.fromisoformat(f"{wall}{offset}").timestamp()
    except ValueError:
        why = f"{words!r} is no time: with a zone write 2026-12-01T08:00Z"
        raise ValueError(why) from None
    return lambda: moment


def _day(text: str, clock_s: ClockS) -> Callable[[], datetime] | None:
    """Gives the midnight with which a day begins, as the clock on the wall says it; None for what
    names no day."""
    shift = _NAMED.get(text.lower())
    if shift is not None:
        return _Midnight(shift, clock_s)
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        date = datetime(int(found[1]), int(found[2]), int(found[3]))
        _stamp(date)
        # Its end is that of the next day, which the last one of all does not have.
        _stamp(date + timedelta(days=1))
    except (ValueError, OverflowError, OSError):
        return None
    return lambda: date


class _Midnight:
    """The midnight of a day that is so many days from today."""

    def __init__(self, shift: int, clock_s: ClockS) -> None:
        self._shift, self._clock_s = shift, clock_s
        self._today_s, self._until_s = 0.0, 0.0
        self._midnight = datetime.min

    def __call__(self) -> datetime:
        now_s = self._clock_s()
        if not self._today_s <= now_s < self._until_s:
            # In local time, whose days have 23 to 25 hours.
            today = datetime.fromtimestamp(now_s).replace(hour=0, minute=0, second=0, microsecond=0)
            self._midnight = today + timedelta(days=self._shift)
            self._today_s = _stamp(today)
            self._until_s = _stamp(today + timedelta(days=1))
        return self._midnight


def _stamp(wall: datetime) -> float:
    """A time on the wall, in seconds since the epoch."""
    return wall.timestamp()
