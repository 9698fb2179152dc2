"""When a schedule fires: cron expressions and intervals, as resque-scheduler's libraries (fugit,
rufus-scheduler) read them.

Daylight saving, for a cron expression that names its minutes and hours: a time that the spring
change leaves out fires once, at the first moment after the gap; a time that the autumn change
brings twice fires once, the first time. Expressions that repeat (`*`, `*/5` in minutes or hours)
follow the clock on the wall: they do not fire in the gap and fire in both of the repeated hours.
An interval knows no zones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from cronsim import CronSimError

from resque.scheduler.cron_fields import Days, Simulation, rewritten, with_field
from resque.scheduler.zones import parse_zone

_SHORTHAND = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@noon": "0 12 * * *",
    "@hourly": "0 * * * *",
}
_WEEKDAYS = re.compile(
    r"(?i)(?![+-]\d\d)[0-9,*/#%+&L-]*((SUN|MON|TUE|WED|THU|FRI|SAT|LAST)[0-9,*/#%+&L-]*)*"
)
_REPEATS = ("*", "*/1")


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression in 5 fields, or 6 with seconds first, and its zone (None: the local one).

    `lag_s` is a fixed second of the minute, taken out of the expression so that such schedules
    keep the rules above. `days` are those that the expression cannot name for the library.
    """

    text: str
    fields: str
    lag_s: int
    zone: tzinfo | None
    days: Days = field(default_factory=Days)

    def next_after(self, moment: datetime, local: tzinfo) -> datetime | None:
        """The first firing after `moment`, in the schedule's zone; None when there is none within
        50 years. Cost: microseconds for common expressions, up to a second for absurd ones."""
        zone = self.zone or local
        # By the epoch throughout: datetime arithmetic is by the clock on the wall, and forgets
        # which of two repeated hours was meant.
        epoch = moment.timestamp() - self.lag_s
        for found in self._simulation(datetime.fromtimestamp(epoch, zone)):
            # Within the repeated hour the library may answer with its first pass, which is over.
            if found.timestamp() > epoch:
                return datetime.fromtimestamp(found.timestamp() + self.lag_s, zone)
        return None

    def _simulation(self, start: datetime) -> Simulation:
        simulation = Simulation(self.fields, start)
        simulation.extra = self.days
        days, _, weekdays = self.fields.split()[-3:]
        # In fugit only a bare `*` makes days and weekdays both count; in Debian `*/2` does too.
        simulation.day_and = self.days.must_match_both or days in _REPEATS or weekdays == "*"
        return simulation


def parse_cron(text: str) -> Cron:
    """Read a cron expression, with an optional zone (`Europe/Berlin`, `+02:00`) at its end. Raises
    ValueError with the reason in words."""
    words = text.split()
    if words and words[0].startswith("@"):
        if words[0].lower() not in _SHORTHAND:
            raise ValueError(f"{words[0]!r} is none of {', '.join(_SHORTHAND)}")
        words = _SHORTHAND[words[0].lower()].split() + words[1:]
    zone = None
    if len(words) > 5 and not _WEEKDAYS.fullmatch(words[-1]):
        zone = parse_zone(words.pop())
    if len(words) not in (5, 6):
        raise ValueError(f"a cron expression has 5 or 6 fields, not {len(words)}")
    lag_s = 0
    if len(words) == 6 and words[0].isdecimal() and int(words[0]) < 60:
        lag_s = int(words.pop(0))
    fields, days = rewritten(words)
    cron = Cron(" ".join(text.split()), " ".join(fields), lag_s, zone, days)
    try:
        never = cron.next_after(datetime(2000, 1, 1, tzinfo=UTC), UTC) is None
    except CronSimError as error:
        raise ValueError(with_field(str(error), words)) from None
    if never:
        raise ValueError("it names a day that never comes")
    return cron


@dataclass(frozen=True, slots=True)
class Every:
    """An interval in whole seconds. `first_in_s` is when a schedule that never fired does so,
    counted from when it was loaded."""

    text: str
    interval_s: int
    first_in_s: int

    def next_after(self, moment: datetime, anchor: datetime) -> datetime:
        """The first whole number of intervals after `anchor` that lies after `moment`."""
        elapsed_s = max(0, int(moment.timestamp() - anchor.timestamp()))
        ahead_s = (elapsed_s // self.interval_s + 1) * self.interval_s
        return datetime.fromtimestamp(anchor.timestamp() + ahead_s, UTC)


#: In seconds; a month is 30 days and a year 365, as in fugit. The case of `m` and `M` matters.
_UNITS = (
    (r"(?i:y(?:ears?)?)", 31_536_000),
    (r"(?:M|months?)", 2_592_000),
    (r"(?i:w(?:eeks?)?)", 604_800),
    (r"(?i:d(?:ays?)?)", 86_400),
    (r"(?i:h(?:ours?)?)", 3600),
    (r"(?:m(?:in(?:ute)?s?)?)", 60),
    (r"(?i:s(?:ec(?:ond)?)?s?)", 1),
)
# A unit may be followed by the next number at once (`1h30m`), never by further letters.
_PART = re.compile(
    r"(\d+\.?\d*|\.\d+) *(?:" + "|".join(f"({unit})" for unit, _ in _UNITS) + r"|$)"
    r"(?![a-zA-Z])(?:[ \t,]|and)*"
)
_ISO = re.compile(
    r"(?i)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d*\.?\d+)S)?)?"
)
#: No interval is longer than this.
_LONGEST_S = 100 * 31_536_000


def parse_duration(text: str) -> int:
    """Seconds of a duration as fugit writes them: `30s`, `5m`, `1h30m`, `2d`, `1 hour and 5 min`,
    `90`, and as ISO 8601 does: `PT1H30M`. Raises ValueError for anything else, and for fractions
    of a second."""
    total, at = 0.0, 0
    word = _plain(text.strip())
    while at < len(word):
        found = _PART.match(word, at)
        if found is None:
            raise ValueError(f"{text!r} is no duration: write it like 30s, 5m, 1h30m or 2d")
        number, *units = found.groups()
        scale = next((s for (_, s), unit in zip(_UNITS, units, strict=True) if unit), 1)
        total += float(number) * scale
        at = found.end()
        if total > _LONGEST_S:
            raise ValueError(f"{text!r} is longer than 100 years")
    if not word or total != int(total):
        raise ValueError(f"{text!r} is no duration in whole seconds: write it like 30s or 1h30m")
    return int(total)


def _plain(word: str) -> str:
    """An ISO 8601 duration in the other form; anything else as it is."""
    found = _ISO.fullmatch(word)
    if found is None or not any(found.groups()):
        return word
    return " ".join(
        f"{number}{unit}" for number, unit in zip(found.groups(), "yMwdhms", strict=True) if number
    )


def parse_every(text: str, first_in_s: int | None = None) -> Every:
    """Read an interval and when it begins. Raises ValueError with the reason in words."""
    interval_s = parse_duration(text)
    if interval_s < 1:
        raise ValueError(f"{text!r} is too short: an interval is at least 1s")
    return Every(text, interval_s, interval_s if first_in_s is None else first_in_s)
