"""Regular expressions that cannot take for ever: their worst cost is known before they run.

Python's engine tries one choice after the other, and a pattern such as `(a+)+b` has so many that a
line of forty characters keeps it busy for years. Here the choices are counted first: patterns with
too many are refused, and the others get to see only as much of a text as they can afford. Pure.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 200
#: How much of a text is looked at, the most that a pattern can afford first ...
_LIMITS: Final = (4000, 2000, 1000, 500, 250)
#: ... within about so many steps, most of which no real text ever causes.
_STEPS: Final = 4 * 10**9
_REPEAT: Final = re.compile(r"([*+?]|\{[0-9]*(?:,[0-9]*)?\})[?+]?")


class BadPattern(ValueError):
    """A pattern that is no regular expression, or one that may cost too much. Says why."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression and how many characters of a text it looks at."""

    compiled: re.Pattern[str]
    limit: int

    def is_in(self, text: str) -> bool:
        """Whether it is found in the first `limit` characters. Bounded, whatever the text."""
        return self.compiled.search(text[: self.limit]) is not None


def pattern(text: str) -> Pattern:
    """Read a regular expression that ignores case.

    Allowed are characters, `.`, sets, escapes such as `\\d`, `^`, `$`, groups, `|` and repeats;
    not lookarounds, references, flags, and what varies within a repeat without an end.
    Raises BadPattern. Cost: O(text).
    """
    if len(text) > _LONGEST:
        raise BadPattern(f"longer than {_LONGEST} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(text, re.IGNORECASE)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise BadPattern(f"no regular expression: {error}") from None
    cost = _Reader(text).whole()
    for limit in _LIMITS:
        if cost.choices * limit ** (cost.open_ended + 1) <= _STEPS:
            return Pattern(compiled, limit)
    raise BadPattern("it may cost too much: use fewer repeats and alternatives")


@dataclass(frozen=True, slots=True)
class _Cost:
    """How many ways there are to match: `choices` times the length of the text to the power of
    `open_ended`. `varies` says that there is more than one."""

    choices: int = 1
    open_ended: int = 0

    @property
    def varies(self) -> bool:
        return self.choices > 1 or self.open_ended > 0


class _Reader:
    """Counts the choices of a pattern that is known to be well formed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> _Cost:
        return self._alternatives()

    def _alternatives(self) -> _Cost:
        branches = [self._sequence()]
        while self._text[self._at : self._at + 1] == "|":
            self._at += 1
            branches.append(self._sequence())
        return _Cost(
            sum(branch.choices for branch in branches),
            max(branch.open_ended for branch in branches),
        )

    def _sequence(self) -> _Cost:
        choices, open_ended = 1, 0
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            cost = self._repeated(self._atom())
            # Beyond this it is refused anyway, and the figures stay small.
            choices = min(choices * cost.choices, _STEPS + 1)
            open_ended += cost.open_ended
        return _Cost(choices, open_ended)

    def _atom(self) -> _Cost:
        char = self._text[self._at]
        self._at += 1
        if char == "(":
            return self._group()
        if char == "[":
            self._set()
        elif char == "\\":
            if self._text[self._at].isdigit():
                raise BadPattern(f"a reference (\\{self._text[self._at]}) is not allowed")
            self._at += 1
        return _Cost()

    def _group(self) -> _Cost:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._text.startswith("?", self._at):
            raise BadPattern("of groups with (? only (?: ) is allowed")
        inside = self._alternatives()
        self._at += 1
        return inside

    def _set(self) -> None:
        if self._text[self._at] == "^":
            self._at += 1
        first = self._at
        while self._text[self._at] != "]" or self._at == first:
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at += 1

    def _repeated(self, atom: _Cost) -> _Cost:
        found = _REPEAT.match(self._text, self._at)
        if found is None or found[1] in ("{}", "{,}"):
            return atom
        self._at = found.end()
        least, most = _bounds(found[1])
        if most is None:
            if atom.varies:
                raise BadPattern("a repeat without an end holds another repeat or alternatives")
            return _Cost(open_ended=1)
        if atom.varies and most > 50:
            raise BadPattern("a repeat holds too many others")
        choices = atom.choices**most * (most - least + 1)
        return _Cost(min(choices, _STEPS + 1), atom.open_ended * most)


def _bounds(repeat: str) -> tuple[int, int | None]:
    """The least and the most times; None when there is no end."""
    fixed: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
    if repeat in fixed:
        return fixed[repeat]
    low, comma, high = repeat[1:-1].partition(",")
    if not comma:
        return int(low), int(low)
    return int(low or 0), int(high) if high else None
