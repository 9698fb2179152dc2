"""Secrets out of what is shown: the values of keys that sound like one become `[redacted]`. Pure.

It looks at what is shown and changes nothing else: filters, actions and exports see the data as
they are. It is a help against eyes and screenshots, not a wall: a secret under a harmless name, or
behind a key that a cut has taken away, cannot be known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

DEFAULT_PATTERNS: Final = ("password", "token", "secret", "key", "authorization")
HIDDEN: Final = "[redacted]"

#: What is looked through of one text, and of one value: more is left out, not shown unseen.
MOST_CHARACTERS: Final = 200_000
_MOST_NODES: Final = 20_000
_MOST_LEVELS: Final = 60

_LEFT_OUT: Final = " [the rest is left out: it was not looked through for secrets]"

_URL: Final = "://"
#: User and password of a URL, up to the last `@` before the path.
_USERINFO: Final = re.compile(r"""[^\s/?#"'<>\\]{1,500}@""")
#: From the end of what sounds like a secret to where its value begins: the rest of the name, the
#: quote that ends it (with the backslashes of JSON within JSON), and `:`, `=>` or `=`.
_TO_VALUE: Final = re.compile(
    r"""
    (?P<rest> [\w.\-]{0,80}+ (?:\]|%5D)? | [\w.\-\ ]{0,80} (?=\\{0,16}["']) )
    (?P<quote> \\{0,16}["'] )?
    \s{0,20} (?P<sign> => | =(?![=~]) | :(?!:) ) (?P<space> \s{0,20} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REST: Final = re.compile(r"[\w.\-]*+")
_QUOTE: Final = re.compile(r"""(\\{0,16})(["'])""")
_WHOLE: Final = {
    '"': re.compile(r'(?:[^"\\]|\\.)*+', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*+", re.DOTALL),
}
_TOKEN: Final = re.compile(r"""(\\{0,16})(["'])|[\[{(]|[\]})]""")
#: A value without quotes: one word, or two where the first says how the second proves something.
_BARE: Final = re.compile(
    r"""(?:(?:bearer|basic|digest|negotiate|token|apikey)\s{1,8})?[^\s,;&}\])"'\\]{1,}+""",
    re.IGNORECASE,
)
_NO_SECRET: Final = re.compile(r"(error|exception)$", re.IGNORECASE)


class Redactor:
    """Hides the values of keys whose names contain one of `patterns`, whatever their case. Without
    patterns it hides nothing."""

    def __init__(self, patterns: Sequence[str] = DEFAULT_PATTERNS) -> None:
        self.patterns = tuple(pattern for pattern in patterns if pattern)
        names = "|".join(map(re.escape, self.patterns))
        self._name = re.compile(names, re.IGNORECASE) if names else None
        self._hint = re.compile(f"{names}|{_URL}", re.IGNORECASE) if names else None

    def text(self, text: str) -> str:
        """A text without the secrets that it spells out: in JSON, also within JSON, in Ruby's
        hashes, in `name=value`, in headers, in URLs.

        What has nothing to hide comes back as it is. Of more than 200,000 characters the rest is
        left out, and that is said. O(n).
        """
        if self._hint is None:
            return text
        seen = text[:MOST_CHARACTERS]
        pieces: list[str] = []
        kept = at = 0
        while (hint := self._hint.search(seen, at)) is not None:
            at = hint.end()
            found = _userinfo(seen, at) if hint[0] == _URL else _value(seen, hint.start(), at)
            if found is None:
                # The same name cannot be found again: text without secrets stays cheap.
                at = _REST.match(seen, at).end()  # type: ignore[union-attr]
            else:
                begin, at, instead = found
                pieces += [seen[kept:begin], instead]
                kept = at
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
        for item in items:
            if self._is_over:
                shown.append(f"[{len(items) - len(shown):,} left out]")
                break
            shown.append(self.value(item, level + 1))
        return shown


def _userinfo(text: str, at: int) -> tuple[int, int, str] | None:
    """What to hide of a URL whose `://` ends at `at`: from where to where, and what to say."""
    found = _USERINFO.match(text, at)
    return None if found is None else (at, found.end(), f"{HIDDEN}@")


def _value(text: str, start: int, end: int) -> tuple[int, int, str] | None:
    """The value of the name that has a pattern from `start` to `end`; None when none follows."""
    found = _TO_VALUE.match(text, end)
    if found is None or _NO_SECRET.search(text[start : found.end("rest")]):
        return None
    at = found.end()
    opening = _QUOTE.match(text, at)
    if opening is not None:
        begin = opening.end()
        return begin, _end_of_quoted(text, begin, opening[1], opening[2]), HIDDEN
    if text.startswith(("[", "{", "("), at):
        return at, _end_of_container(text, at), HIDDEN
    # `Password::Reset` and `token:refresh` are names, not pairs.
    if found["sign"] == ":" and not found["quote"] and not found["space"]:
        return None
    bare = _BARE.match(text, at)
    return None if bare is None else (at, bare.end(), HIDDEN)


def _end_of_quoted(text: str, begin: int, slashes: str, quote: str) -> int:
    """Where a quoted text ends that begins at `begin`: before its quote, else with everything."""
    if not slashes:
        found = _WHOLE[quote].match(text, begin)
        return len(text) if found is None else found.end()
    end = text.find(slashes + quote, begin)
    while end > begin and text[end - 1] == "\\":
        end = text.find(slashes + quote, end + 1)
    return len(text) if end < 0 else end


def _end_of_container(text: str, begin: int) -> int:
    """Where the list or hash ends that begins at `begin`; with everything when it does not."""
    level = 0
    within: str | None = None
    for token in _TOKEN.finditer(text, begin):
        sign = token[0]
        if within is not None:
            is_even = len(within) == 1 and token[2] == within and len(token[1]) % 2 == 0
            within = None if sign == within or is_even else within
        elif token[2] is not None:
            within = sign
        else:
            level += 1 if sign in "[{(" else -1
            if level == 0:
                return token.end()
    return len(text)
