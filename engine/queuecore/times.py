"""The four ways Resque writes a moment, and reading of all that other implementations write.

| where              | looks like                  | zone                     |
|--------------------|-----------------------------|--------------------------|
| `worker:<id>:started` | `2026-11-23 07:15:45 -0500` | local                    |
| heartbeat          | `2026-11-23T07:15:45-05:00` | local offset, never `Z`  |
| `run_at`           | `2026-11-23T12:15:46Z`      | always UTC               |
| `failed_at`        | `2026/11/23 12:15:48 UTC`   | local, letters if it has |

Moments are aware datetimes; clocks are arguments (`Clock` returns an aware datetime).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from queuecore.errors import NotRedis

#: Gives the present moment as an aware datetime in the local zone.
Clock = Callable[[], datetime]


def wall_now() -> datetime:
    """The present moment in the local zone."""
    return datetime.now().astimezone()


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def in_utc(clock: Clock) -> Clock:
    """The clock for callers that do not look at its zone: to read the machine's in the local zone
    takes longer."""
    return utc_now if clock is wall_now else clock


class ServerClock:
    """Gives the present moment by the server's clock, from what it was last (`learn`) and the
    seconds since (`mono_now`): the clocks of machines differ, and a scheduler whose own is an hour
    ahead would move jobs an hour early. Before it is known, and where the server does not give it,
    `own` counts."""

    def __init__(self, own: Clock, mono_now: Callable[[], float]) -> None:
        self._own = own
        self._mono_now = mono_now
        self._known: tuple[datetime, float] | None = None

    def learn(self, moment: datetime | None) -> None:
        """Take over what the server just said; None: it does not tell."""
        self._known = None if moment is None else (moment, self._mono_now())

    def ahead_s(self) -> float:
        """How many seconds the server's clock is ahead of this machine's."""
        return (self() - self._own()).total_seconds()

    def __call__(self) -> datetime:
        if self._known is None:
            return self._own()
        moment, then = self._known
        return moment + timedelta(seconds=self._mono_now() - then)


def started(moment: datetime) -> str:
    """As Ruby's `Time#to_s`: `2026-11-23 07:15:45 -0500`."""
    return moment.strftime("%Y-%m-%d %H:%M:%S %z")


def heartbeat(moment: datetime) -> str:
    """ISO 8601 with the offset in figures, `+00:00` even for UTC."""
    return moment.isoformat(timespec="seconds")


def run_at(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def failed_at(moment: datetime) -> str:
    """`2026/11/23 12:15:48 UTC`; a zone without letters is written as Ruby does: `-03`."""
    return moment.strftime("%Y/%m/%d %H:%M:%S %Z")


def from_server(seconds: bytes | int, micros: bytes | int, clock: Clock = wall_now) -> datetime:
    """The reply of TIME as a moment in the zone of `clock`."""
    instant = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros))
    return instant.astimezone(clock().tzinfo)


def read_server_time(reply: object) -> datetime:
    """As `from_server`, of a reply that may be anything: raises NotRedis for one that no Redis
    gives. Something else may speak Redis's language."""
    if isinstance(reply, list) and len(reply) == 2:
        seconds, micros = reply
        if isinstance(seconds, bytes) and isinstance(micros, bytes):
            with suppress(ValueError, OverflowError):
                return from_server(seconds, micros)
    raise NotRedis("what answers does not tell the time as Redis does: check host and port")


_DATE_TIME = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ](\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?"
    r"(?:\s*(Z|[+-]\d{2}(?::?\d{2})?|[A-Z]{3,5}))?"
)
#: As Ruby and qtop write it: most of all. ISO 8601 but for the slashes.
_AS_RUBY = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d UTC", re.ASCII)
_JS = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>\w{3}) (?P<day>\d{1,2}) (?P<year>\d{4}) "
    r"(?P<clock>\d{2}:\d{2}:\d{2}) (?:GMT|UTC)(?P<zone>[+-]\d{4})"
)
#: As `date` prints it, and older php-resque.
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>\w{3}) {1,2}(?P<day>\d{1,2}) "
    r"(?P<clock>\d{2}:\d{2}:\d{2}) (?P<zone>[A-Z]{1,5}|[+-]\d{4}) (?P<year>\d{4})"
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LONGEST = 128
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}")


def parse(text: object) -> datetime | None:
    """Read a moment in any of the forms Resque and its relatives write.

    Ruby's four, ISO 8601 of Go, PHP, Java and Python, JavaScript's `Date#toString`, what `date`
    prints (php-resque), epoch seconds or milliseconds as number or text. Returns None for
    everything else, and for a time whose zone is missing or an abbreviation other than UTC, GMT
    and the local zone's own: which moment it names is unknown, and a guess would be hours off.
    """
    if type(text) is str and len(text) < _LONGEST:
        # Mostly.
        moment = _read(text.strip())
        return _in_own_zone(*moment) if isinstance(moment, tuple) else moment
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        # The longest that is a moment is half as long; what is remembered is to be bounded.
        moment = _read(str(text).strip()[:_LONGEST])
    except ValueError:  # Python writes no integers of more than 4,300 digits
        return None
    return _in_own_zone(*moment) if isinstance(moment, tuple) else moment


# Failures come in bursts, many of them in one second.
@lru_cache(maxsize=4096)
def _read(word: str) -> datetime | tuple[datetime, str] | None:
    """A moment; where its zone is a word of this place only, the time of day and that word."""
    try:
        if _AS_RUBY.fullmatch(word):
            return datetime.fromisoformat(f"{word[:4]}-{word[5:7]}-{word[8:19]}Z")
        if _EPOCH.fullmatch(word):
            seconds = float(word)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        if found := _JS.match(word) or _DATE.match(word):
            month, zone = _MONTHS.index(found["month"]) + 1, found["zone"]
            hour, minute, second = map(int, found["clock"].split(":"))
            day = int(found["year"]), month, int(found["day"])
            return _in_zone(datetime(*day, hour, minute, second), zone)
        if (found := _DATE_TIME.match(word)) and found[8]:
            micros = int((found[7] or "0")[:6].ljust(6, "0"))
            year, month_, day_, hour_, minute_, second_ = (int(found[i]) for i in range(1, 7))
            naive = datetime(year, month_, day_, hour_, minute_, second_, micros)
            return _in_zone(naive, found[8])
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _in_zone(naive: datetime, zone: str) -> datetime | tuple[datetime, str]:
    if zone.isalpha() and zone not in ("Z", "UTC", "GMT"):
        return naive, zone
    return naive.replace(tzinfo=_zone(zone))


def _in_own_zone(naive: datetime, zone: str) -> datetime | None:
    try:
        local = naive.astimezone()
    except (ValueError, OverflowError, OSError):
        return None
    return local if local.tzname() == zone else None


def _zone(text: str) -> timezone:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    figures = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(figures[:2]), minutes=int(figures[2:]))
    return timezone(-offset if text[0] == "-" else offset)
