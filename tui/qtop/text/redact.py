"""Secrets out of what is shown: the values of names that sound like one become `[redacted]`. Pure.

It looks at what is shown and changes nothing else: filters, actions and exports see the data as
they are. It is a help against eyes and screenshots, not a wall: a secret under a harmless name, or
behind a key that a cut has taken away, cannot be known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Final

from qtop.text import secret_names, secret_values

HIDDEN: Final = "[redacted]"

#: What is looked through of one text, and of one value: more is left out, not shown unseen.
MOST_CHARACTERS: Final = 200_000
_MOST_NODES: Final = 20_000
_MOST_LEVELS: Final = 60
_LONGEST_NAME: Final = 1_000
#: A pair that is spelled out has few fields.
_MOST_FIELDS: Final = 20

_LEFT_OUT: Final = " [the rest is left out: it was not looked through for secrets]"

#: What is a secret whatever its name: logins in URLs and of curl, signatures, private keys.
_FORMS: Final = "|".join(
    (
        r"(?P<url>:(?:\\{0,16}/){2})",
        r"(?P<signed>[?&]sig=)",
        r"(?P<pem>-----BEGIN )",
        r"(?P<login>(?<=[\s\"'])-(?:u|-(?:proxy-)?user))",
    )
)
_BEGINNINGS_OF_FORMS: Final = r"(?=[:?&\-])"
_LOGIN_OPTIONS: Final = frozenset({"-u", "-U", "--user", "--proxy-user"})
#: The fields of a pair that is spelled out: `{"name": "password", "value": "x"}`.
_NAME_FIELDS: Final = frozenset({"name", "key", "field", "param", "parameter", "header", "k"})
_VALUE_FIELDS: Final = frozenset({"value", "val", "content", "data", "v"})
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
    """Hides the values of names that sound like secrets, logins, signatures and private keys.

    Args:
        patterns: A name that contains one of them, whatever its case, is a secret's; without any
            nothing is hidden. None: the usual names, see `secret_names.is_secret`.
    """

    def __init__(self, patterns: Sequence[str] | None = None) -> None:
        self._is_usual = patterns is None
        chosen = secret_names.HINTS if patterns is None else patterns
        self._patterns = tuple(pattern for pattern in chosen if pattern)
        names = "|".join(map(re.escape, self._patterns))
        self._name = re.compile(names, re.IGNORECASE) if names else None
        # A look at the first character makes a text without secrets three times cheaper.
        firsts = "".join(sorted({re.escape(pattern[0]) for pattern in self._patterns}))
        hints = f"(?=[{firsts}])(?:{names})|{_BEGINNINGS_OF_FORMS}(?:{_FORMS})"
        self._hint = re.compile(hints, re.IGNORECASE) if names else None

    @cached_property
    def _escaped_hint(self) -> re.Pattern[str]:
        names = "|".join(map(_however_spelled, self._patterns))
        return re.compile(f"{names}|{_FORMS}", re.IGNORECASE)

    @property
    def hides_nothing(self) -> bool:
        """Whether everything is shown as it is."""
        return self._name is None

    def is_secret(self, name: str) -> bool:
        """Whether the value under a name is to be hidden."""
        if self._name is None or self._name.search(name) is None:
            return False
        return not self._is_usual or secret_names.is_secret(name)

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
            place, instead = self._hidden(seen, hint)
            if place is not None and place[0] >= kept:
                pieces += [seen[kept : place[0]], instead]
                kept = place[1]
                at = max(at, kept)
            elif hint.lastgroup is None:
                # The same name cannot be found again: text without secrets stays cheap.
                at = secret_values.after_name(seen, at)
        if kept:
            seen = "".join([*pieces, seen[kept:]])
        if len(text) > MOST_CHARACTERS:
            return seen + _LEFT_OUT
        return seen if kept else text

    def _hidden(
        self, text: str, hint: re.Match[str]
    ) -> tuple[secret_values.SecretPlace | None, str]:
        """What is to be hidden at a hint, and what is shown instead."""
        start, end = hint.span()
        match hint.lastgroup:
            case "url":
                return secret_values.in_url(text, end), f"{HIDDEN}@"
            case "signed":
                return secret_values.of_signature(text, end), HIDDEN
            case "pem":
                return secret_values.of_pem(text, end), HIDDEN
            case "login":
                return secret_values.of_login(text, end), HIDDEN
        name = secret_values.name_at(text, start, end)
        if not self.is_secret(name):
            return None, HIDDEN
        place = secret_values.of_name(text, start, end)
        if place is not None and name.lower() in _NAME_FIELDS:
            # `"key": "password", "value": "x"`: the name of a secret is none.
            beside = secret_values.of_named(text, *place)
            if beside is not None and self.is_secret(text[slice(*place)]):
                return beside, HIDDEN
        return place, HIDDEN

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
        return value if self._name is None else _Walk(self).value(value, 0)


OPEN: Final = Redactor(())
"""Hides nothing."""


class _Walk:
    """One pass over a value, with an end to its work."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
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
        is_named = self._names_a_secret(mapping)
        for key, item in mapping.items():
            if self._is_over:
                shown["[left out]"] = len(mapping) - len(shown)
                break
            name = str(key)[:_LONGEST_NAME]
            is_secret = self._redactor.is_secret(name)
            if is_named:
                field = name.lower()
                is_secret = field in _VALUE_FIELDS or (is_secret and field not in _NAME_FIELDS)
            shown[self.value(key, level)] = HIDDEN if is_secret else self.value(item, level + 1)
        return shown

    def _names_a_secret(self, mapping: Mapping[Any, Any]) -> bool:
        """Whether a field of it says that another one holds a secret."""
        fields = {str(key)[:_LONGEST_NAME].lower() for key in islice(mapping, _MOST_FIELDS + 1)}
        if len(fields) > _MOST_FIELDS or fields.isdisjoint(_VALUE_FIELDS):
            return False
        names = (item for key, item in mapping.items() if str(key).lower() in _NAME_FIELDS)
        return any(isinstance(each, str) and self._redactor.is_secret(each) for each in names)

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
        if option in _LOGIN_OPTIONS:
            return ":" in str(item) and "curl" in str(items[0])
        return self._redactor.is_secret(option)
