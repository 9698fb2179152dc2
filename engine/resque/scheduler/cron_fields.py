"""The fields of cron expressions as Ruby's fugit reads them, in the words of the library that is
used here.

What fugit knows beyond common cron: ranges over the end (`22-2`, `fri-mon`), the hour 24, the last
day as `last` or `-1`, the last Monday as `mon#-1` or `mon#L`. Other days counted from the end
(`-2`) and weeks counted through (`mon%2`) are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


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
_FROM_THE_END: Final = re.compile(r"-\d.*|\w+#-\d|\w+%.*")


def rewritten(fields: list[str]) -> list[str]:
    """The fields of an expression, 5 or 6 with seconds first, as the library takes them. What it
    would not understand either is left as it is. Raises ValueError for what fugit has and the
    library has not."""
    kinds = _FIELDS[-len(fields) :]
    return [
        ",".join(_element(kind, element) for element in field.split(","))
        for kind, field in zip(kinds, fields, strict=True)
    ]


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
    if _FROM_THE_END.fullmatch(word):
        raise ValueError(f"Bad {kind.name} {element!r}: only the last one can be counted back")
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
