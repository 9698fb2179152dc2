"""Secrets out of what is shown: the values of keys that sound like one become `[redacted]`. Pure.

It looks at what is shown and changes nothing else: filters, actions and exports see the data as
they are. It is a help against eyes and screenshots, not a wall: a secret under a harmless name, or
behind a key that a cut has taken away, cannot be known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from qtop.display import secret_values

DEFAULT_PATTERNS: Final = ("password", "token", "secret", "key", "authorization")
HIDDEN: Final = "[redacted]"

#: What is looked through of one text, and of one value: more is left out, not shown unseen.
MOST_CHARACTERS: Final = 200_000
_MOST_NODES: Final = 20_000
_MOST_LEVELS: Final = 60

_LEFT_OUT: Final = " [the rest is left out: it was not looked through for secrets]"

_URL: Final = r"(?P<url>:(?:\\{0,16}/){2})"
_OPTION: Final = re.compile(r"--?[a-zA-Z][\w.\-]*+")


def _however_spelled(pattern: str) -> str:
    """A pattern for a text whose characters may be spelled `\\uXXXX`, as in JSON."""
    return "".join(map(_spellings, pattern))


def _spellings(character: str) -> str:
    codes = [each.encode("utf-16-be").hex() for each in {character.lower(), character.upper()}]
    spelled = (
        "".join(rf"\\{{1,16}}u{code[i : i + 4]}" for i in range(0, len(code), 4)) for code in codes
    )
    return f"(?:{re.escape(character)}|{'|'.join(spelled)})"


class Redactor:
    """Hides the values of keys whose names contain one of `patterns`, whatever their case. Without
    patterns it hides nothing."""

    def __init__(self, patterns: Sequence[str] = DEFAULT_PATTERNS) -> None:
        self.patterns = tuple(pattern for pattern in patterns if pattern)
        names = "|".join(map(re.escape, self.patterns))
        self._name = re.compile(names, re.IGNORECASE) if names else None
        self._hint = re.compile(f"{names}|{_URL}", re.IGNORECASE) if names else None

    @cached_property
    def _escaped_hint(self) -> re.Pattern[str]:
        names = "|".join(map(_however_spelled, self.patterns))
        return re.compile(f"{names}|{_URL}", re.IGNORECASE)

    def text(self, text: str) -> str:
        """A text without the secrets that it spells out: in JSON, also within JSON, in Ruby's
        hashes, in `name=value`, in headers, in URLs, in options of commands, in XML.

        What has nothing to hide comes back as it is. Of more than 200,000 characters the rest is
        left out, and that is said. O(n).
        """
        if self._hint is None:
            return text
        seen = text[:MOST_CHARACTERS]
        # Names spelled by their code points are rare, and dear to look for.
        hints = self._escaped_hint if "\\u" in seen else self._hint
        pieces: list[str] = []
        kept = at = 0
        while (hint := hints.search(seen, at)) is not None:
            at = hint.end()
            if hint["url"]:
                place, instead = secret_values.in_url(seen, at), f"{HIDDEN}@"
            else:
                place, instead = secret_values.of_name(seen, hint.start(), at), HIDDEN
            if place is None:
                # The same name cannot be found again: text without secrets stays cheap.
                at = secret_values.after_name(seen, at)
            else:
                pieces += [seen[kept : place[0]], instead]
                kept = at = place[1]
        if kept:
            seen = "".join([*pieces, seen[kept:]])
        if len(text) > MOST_CHARACTERS:
            return seen + _LEFT_OUT
        return seen if kept else text

    def raw(self, raw: bytes) -> bytes:
        """The bytes of a payload, as text. O(n), as `text`."""
        if self._name is None:
            return raw
        # A character has at most four bytes; the whole is decoded only where it may be shown.
        text = raw[: MOST_CHARACTERS * 4 + 4].decode("utf-8", "surrogateescape")
        hidden = self.text(text)
        return raw if hidden is text else hidden.encode("utf-8", "surrogateescape")

    def value(self, value: Any) -> Any:
        """A decoded value without secrets, also those in its texts. What lies deeper than 60
        levels, and what comes after 20,000 values or 200,000 characters, is left out."""
        return value if self._name is None else _Walk(self, self._name).value(value, 0)


OPEN: Final = Redactor(())
"""Hides nothing."""


class _Walk:
    """One pass over a value, with an end to its work."""

    def __init__(self, redactor: Redactor, name: re.Pattern[str]) -> None:
        self._redactor, self._name = redactor, name
        self._nodes, self._characters = _MOST_NODES, MOST_CHARACTERS

    def value(self, value: Any, level: int) -> Any:
        self._nodes -= 1
        if isinstance(value, str):
            text = self._redactor.text(value)[: max(0, self._characters)]
            self._characters -= len(text)
            return text
        if isinstance(value, bytes):
            return self._redactor.raw(value)
        if not isinstance(value, Mapping | list | tuple):
            return value
        if level >= _MOST_LEVELS:
            return "[nested too deeply]"
        if isinstance(value, Mapping):
            return self._pairs(value, level)
        return self._items(value, level)

    @property
    def _is_over(self) -> bool:
        return self._nodes <= 0 or self._characters <= 0

    def _pairs(self, mapping: Mapping[Any, Any], level: int) -> dict[Any, Any]:
        shown: dict[Any, Any] = {}
        for key, item in mapping.items():
            if self._is_over:
                shown["[left out]"] = len(mapping) - len(shown)
                break
            is_secret = self._name.search(str(key)[:1_000]) is not None
            shown[self.value(key, level)] = HIDDEN if is_secret else self.value(item, level + 1)
        return shown

    def _items(self, items: Sequence[Any], level: int) -> list[Any]:
        shown: list[Any] = []
        for index, item in enumerate(items):
            if self._is_over:
                shown.append(f"[{len(items) - len(shown):,} left out]")
                break
            shown.append(HIDDEN if self._is_argument(items, index) else self.value(item, level + 1))
        return shown

    def _is_argument(self, items: Sequence[Any], index: int) -> bool:
        """Whether an item is what an option before it says: `["--password", "x"]`."""
        option, item = items[index - 1] if index else None, items[index]
        if not isinstance(option, str) or not isinstance(item, str | int):
            return False
        if len(option) > 100 or not _OPTION.fullmatch(option) or str(item).startswith("-"):
            return False
        return self._name.search(option) is not None
