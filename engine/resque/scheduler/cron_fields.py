"""The fields of cron expressions as Ruby's fugit reads them, in the words of the library that is
used here.

What fugit knows beyond common cron: ranges over the end (`22-2`, `fri-mon`), the hour 24, the last
day as `last` or `-1`, the last Monday as `mon#-1` or `mon#L`, a step without a range (`/5`), `&`
for a day that must match both fields, and days that the library cannot name: counted from the end
of the month (`-2`, `mon#-2`), or in every n-th week (`sun%2`). Weeks are counted from Monday
2018-12-31, which begins week 0, as et-orbi does since 1.4. Values at random (`0~30`) are refused.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from cronsim import CronSim

_FIRST_MONDAY = date(2018, 12, 31).toordinal()


@dataclass(frozen=True, slots=True)
class Days:
    """The days of an expression that the library cannot name. A weekday is 0 on Sunday.

    Attributes:
        from_the_end: Days of the month; -1 is the last one.
        weekdays_from_the_end: Weekday and which one of the month; -1 is the last one.
        weeks: Weekday, divisor and remainder of the number of its week.
        are_all_days, are_all_weekdays: The field names no other day.
        must_match_both: Day of the month and weekday must match; else one of them.
    """

    from_the_end: frozenset[int] = frozenset()
    weekdays_from_the_end: frozenset[tuple[int, int]] = frozenset()
    weeks: frozenset[tuple[int, int, int]] = frozenset()
    are_all_days: bool = False
    are_all_weekdays: bool = False
    must_match_both: bool = False

    def has_day(self, day: date) -> bool:
        last = calendar.monthrange(day.year, day.month)[1]
        return day.day - last - 1 in self.from_the_end

    def has_weekday(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        last = calendar.monthrange(day.year, day.month)[1]
        if (weekday, -((last - day.day) // 7) - 1) in self.weekdays_from_the_end:
            return True
        week = (day.toordinal() - _FIRST_MONDAY) // 7
        return any(
            weekday == wanted and week % divisor == remainder % divisor
            for wanted, divisor, remainder in self.weeks
        )


class Simulation(CronSim):
    """The library's, with these days."""

    #: Set after the library has read the expression.
    extra = Days()

    def match_dom(self, d: date) -> bool:
        return self.extra.has_day(d) or (not self.extra.are_all_days and super().match_dom(d))

    def match_dow(self, d: date) -> bool:
        return self.extra.has_weekday(d) or (
            not self.extra.are_all_weekdays and super().match_dow(d)
        )


@dataclass(frozen=True, slots=True)
class _Field:
    """A field: its name, its bounds, and the names of its values from the first one on."""

    name: str
    least: int
    greatest: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        """A value as a number; None when it is none of this field's."""
        if text in self.names:
            return self.names.index(text) + self.least
        # 24 o'clock, and Sunday as the seventh day.
        extra = self.name in ("hour", "day-of-week")
        value = int(text) if text.isascii() and text.isdecimal() else -1
        return value if self.least <= value <= self.greatest + extra else None


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day-of-month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 6, _DAYS),
)
_RANGE: Final = re.compile(r"(\w+)(?:-(\w+))?(?:/(\d+))?")
_LAST_OF: Final = re.compile(r"(\w+)#(?:-1|l|last)")
_BACK: Final = re.compile(r"(-\d+|l|last)(?:-(-\d+|l|last))?(?:/(\d+))?")
_TO_THE_END: Final = re.compile(r"(\d+)-(?:-\d+|l|last)")
_NTH_BACK: Final = re.compile(r"(\w+)#-([1-5])")
_WEEKS: Final = re.compile(r"(\w+)%(\d+)(?:\+(\d+))?")
#: What the library gets for a field that names only such `Days`; the library never matches it.
_NONE_OF_ITS_OWN: Final = "1"


def rewritten(fields: list[str]) -> tuple[list[str], Days]:
    """The fields of an expression, 5 or 6 with seconds first, as the library takes them, and the
    days that it does not know. What neither knows is left as it is. Raises ValueError for what is
    refused."""
    kinds = _FIELDS[-len(fields) :]
    days, weekdays = fields[-3], fields[-1]
    plain = [field.removesuffix("&") for field in fields]
    back = set[int]()
    weekdays_back, weeks = set[tuple[int, int]](), set[tuple[int, int, int]]()
    found = []
    for kind, field in zip(kinds, plain, strict=True):
        usual = []
        for element in field.split(","):
            word = element.lower()
            if kind.name == "day-of-month" and (named := _days_back(word)):
                back |= named
            elif kind.name == "day-of-week" and (nth := _weekday_back(kind, word)):
                weekdays_back.add(nth)
            elif kind.name == "day-of-week" and (week := _week(kind, word)):
                weeks.add(week)
            else:
                usual.append(_element(kind, element))
        found.append(",".join(usual))
    extra = Days(
        from_the_end=frozenset(back),
        weekdays_from_the_end=frozenset(weekdays_back),
        weeks=frozenset(weeks),
        are_all_days=not found[-3],
        are_all_weekdays=not found[-1],
        must_match_both=days.endswith("&") or weekdays.endswith("&"),
    )
    return [field or _NONE_OF_ITS_OWN for field in found], extra


def _days_back(word: str) -> set[int]:
    """Days counted from the end; none for the last one alone, which the library knows."""
    found = _BACK.fullmatch(word)
    if found is None or word in ("-1", "l", "last"):
        return set()
    first, last = (-1 if text in ("l", "last") else int(text or 0) for text in found.group(1, 2))
    if found[2] is None:
        last = first
    if not -31 <= first <= last <= -1 or found[3] == "0" or (found[3] and found[2] is None):
        raise ValueError(f"Bad day-of-month {word!r}: days are counted back from -1 to -31")
    return set(range(first, last + 1, int(found[3] or 1)))


def _weekday_back(kind: _Field, word: str) -> tuple[int, int] | None:
    found = _NTH_BACK.fullmatch(word)
    day = None if found is None or found[2] == "1" else kind.number(found[1])
    return None if day is None or found is None else (day % 7, -int(found[2]))


def _week(kind: _Field, word: str) -> tuple[int, int, int] | None:
    found = _WEEKS.fullmatch(word)
    day = None if found is None else kind.number(found[1])
    if found is None or day is None:
        return None
    if int(found[2]) == 0:
        raise ValueError(f"Bad day-of-week {word!r}: there is no week 0")
    return day % 7, int(found[2]), int(found[3] or 0)


def with_field(reason: str, fields: list[str]) -> str:
    """What the library says is bad, with the text it means: `Bad hour '25'`."""
    named = dict(zip((kind.name for kind in _FIELDS[-len(fields) :]), fields, strict=True))
    text = named.get(reason.removeprefix("Bad "))
    return reason if text is None else f"{reason} {text!r}"


def _element(kind: _Field, element: str) -> str:
    word = element.lower()
    if kind.name == "day-of-month" and word in ("last", "-1"):
        return "L"
    if kind.name == "day-of-week" and (found := _LAST_OF.fullmatch(word)):
        day = kind.number(found[1])
        return element if day is None else f"{day % 7}L"
    if kind.name == "day-of-month" and (found := _TO_THE_END.fullmatch(word)):
        return f"{found[1]}-31"
    if "~" in word:
        raise ValueError(f"Bad {kind.name} {element!r}: no value is chosen at random here")
    if word.startswith("/"):
        return f"*{word}"
    if found := _RANGE.fullmatch(word):
        return _values(kind, element, found)
    return element


def _values(kind: _Field, element: str, found: re.Match[str]) -> str:
    """A value, or a range, with a step or without."""
    first = kind.number(found[1])
    last = None if found[2] is None else kind.number(found[2])
    step = int(found[3] or 1)
    if first is None or step == 0 or (found[2] is not None and last is None):
        return element
    span = kind.greatest - kind.least + 1
    if last is None:
        # A weekday with a step is that weekday, and a step of one is none.
        is_alone = step == 1 or kind.name == "day-of-week"
        return str(first % span if kind.name == "hour" else first) if is_alone else element
    if first < last <= kind.greatest:
        return element
    values = range(first, last + 1 if first <= last else last + span + 1, step)
    return ",".join(str((value - kind.least) % span + kind.least) for value in values)
