"""Moments as people type them: from now on, or by the clock and the calendar. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from qtop.search.filter_language import duration_s

ALLOWED: Final = "in 10m, +1h30m, 18:00, tomorrow 8:00, 2026-12-01 08:00 (or …Z for UTC)"
#: Further ahead than this nobody means it.
_LONGEST: Final = timedelta(days=100 * 365)
_AHEAD: Final = re.compile(r"(?:in\s+|\+\s*)(.+)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(today\s+|tomorrow\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


class BadMoment(ValueError):
    """A text that names no moment to come. The message says why, and what is allowed."""


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment that is meant, in whole seconds.

    Args:
        text: Such as `in 10m` or `2026-12-01 08:00`.
        now: An aware datetime, by the server's clock, in the zone of whoever types.

    Raises BadMoment, also for a moment that is past.
    """
    word = " ".join(text.split())
    if not word:
        raise BadMoment(f"when? Write {ALLOWED}")
    try:
        moment = _moment(word, now)
    except BadMoment:
        raise
    except (ValueError, OverflowError) as error:
        raise BadMoment(f"{word!r}: {error}. Write {ALLOWED}") from None
    if moment <= now:
        raise BadMoment(f"{word!r} is past: a job can be run now instead. Write {ALLOWED}")
    if moment - now > _LONGEST:
        raise BadMoment(f"{word!r} is more than 100 years ahead")
    return moment.replace(microsecond=0)


def _moment(word: str, now: datetime) -> datetime:
    if found := _AHEAD.fullmatch(word):
        seconds = duration_s(found[1].replace(" ", "").lower())
        # By the clock of the world, not by the one on the wall: an hour is an hour.
        return (now.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(now.tzinfo)
    if found := _CLOCK.fullmatch(word):
        day = (found[1] or "").strip().lower()
        hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
        wall = now.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
        if day == "tomorrow" or (not day and wall <= now.replace(tzinfo=None)):
            wall += timedelta(days=1)
        return _local(wall, now)
    if found := _DATE.fullmatch(word):
        year, month, day_, hour, minute = (int(found[at]) for at in range(1, 6))
        wall = datetime(year, month, day_, hour, minute, int(found[6] or 0))
        zone = (found[7] or "").upper()
        if not zone:
            return _local(wall, now)
        offset = "+00:00" if zone in ("Z", "UTC") else zone
        return datetime.fromisoformat(f"{wall.isoformat()}{offset}")
    raise BadMoment(f"{word!r} is no time: write {ALLOWED}")


def _local(wall: datetime, now: datetime) -> datetime:
    """A time on the wall of whoever types. Its daylight saving may differ from that of now, so a
    fixed offset, which is what a local moment has, asks the system again."""
    if now.tzinfo is UTC or now.tzinfo is None or hasattr(now.tzinfo, "key"):
        return wall.replace(tzinfo=now.tzinfo)
    return wall.astimezone()
