"""Hides secrets in what is shown: the value of a name like `password` becomes `[redacted]`. Pure.

Only what is shown is changed: filters, actions and exports use the data as they are. This protects
against people who look at the screen or at a screenshot. It is no security boundary: a secret under
a harmless name, or one whose name was cut off, cannot be recognised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import islice, pairwise
from string import ascii_letters, digits
from typing import Any, Final

# Which names are those of secrets.

#: Parts that name a secret wherever they are, also joined with others: `PGPASSWORD`.
_ANYWHERE: Final = re.compile(
    r"passw(?:or)?d|passphrase|passcode|pwd|secret(?!ar)|credential|authori[sz]ation(?!s?_?url)"
    r"|cookie|cvv"
)
#: Words that name a secret wherever they are, but are also parts of other words.
_WORDS_ANYWHERE: Final = frozenset({"ssn", "otp", "totp", "cvc", "passwds", "pgpass"})
#: Words that name a secret alone or at the end: `access_token`, but not `token_count`.
_LAST: Final = frozenset({"token", "auth", "jwt", "hmac", "signature"})
#: Words before `key`, `keys` or `tokens` that make these secrets: `primary_key` is none.
_QUALIFIERS: Final = frozenset(
    (
        *("api", "access", "secret", "private", "auth", "encryption", "signing", "session"),
        *("decryption", "hmac", "master", "ssh", "pass"),
    )
)
_TOKEN_QUALIFIERS: Final = _QUALIFIERS | {"refresh", "bearer", "csrf", "id", "device", "push"}
_JOINED: Final = frozenset(f"{each}{key}" for each in _QUALIFIERS for key in ("key", "keys"))
_ALONE: Final = frozenset({"key", "tokens"})

HINTS: Final = (
    *("passwd", "passw", "passphrase", "passcode", "pwd", "pgpass", "secret", "credential"),
    *("authori", "cookie", "cvv", "cvc", "ssn", "otp", "token", "key", "auth", "jwt", "hmac"),
    "signature",
)
"""Every name of a secret contains one of these, in any case."""

#: A word within a name: `apiKey` has two, so has `APIKey`; digits begin and end a word.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether the value under a name is to be hidden.

    A name is split at everything that is no letter, and before a capital letter. Strong words
    (`password`, `secret`, `cookie` ...) count anywhere, also as part of a word; `token` and a few
    more only alone or as the last word; `key` only alone, or after a word like `api`. O(n).
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    if _ANYWHERE.search("_".join(words)) or not _WORDS_ANYWHERE.isdisjoint(words):
        return True
    if words[-1] in _LAST or words[-1].endswith("token") or not _JOINED.isdisjoint(words):
        return True
    if len(words) == 1:
        return words[0] in _ALONE
    return any(
        (word in ("key", "keys") and before in _QUALIFIERS)
        or (word == "tokens" and before in _TOKEN_QUALIFIERS)
        for before, word in pairwise(words)
    )


# Where the value of a secret is in a text, once its name was found.

SecretPlace = tuple[int, int]

#: How many characters before a hint are read, and the characters that names consist of.
_MOST_BEFORE: Final = 80
_IN_NAMES: Final = f"{ascii_letters}{digits}_-.:"
_MOST_OF_ELEMENT: Final = 2_000
#: Words that harmless names have, too: `token:refresh` is a queue, `key:users:1` a Redis key.
_BROAD: Final = frozenset({"key", "token", "auth"})
_NO_SECRET: Final = re.compile(r"(error|exception)$", re.IGNORECASE)

_SPELLED: Final = re.compile(r"\\{1,16}u([0-9a-f]{4})", re.IGNORECASE)
#: User and password of a URL, up to the last `@` before the path.
_USERINFO: Final = re.compile(r"""[^\s/?#"'<>\\]{1,500}@""")
#: From the end of a hint to the value: the rest of the name, the quote that ends it (with the
#: backslashes of JSON within JSON), and `:`, `=>` or `=`.
_TO_VALUE: Final = re.compile(
    r"""
    (?P<rest> (?: [\w.\-] | \\{1,16}u[0-9a-f]{4} ){0,80}+ (?:\]|%5D)?
            | [\w.\-\ ]{0,80}+ (?=\\{0,16}["']) )
    (?P<quote> \\{0,16}["'] )?
    \s{0,20} (?P<sign> => | =(?![=~]) | :(?!:) ) (?P<space> \s{0,20} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REST_OF_NAME: Final = re.compile(r"(?:[\w.\-]|\\{1,16}u[0-9a-f]{4}){0,80}+", re.IGNORECASE)
_REST: Final = re.compile(r"[\w.\-]*+")
_QUOTE: Final = re.compile(r"""(\\{0,16})(["'])""")
_WHOLE: Final = {
    '"': re.compile(r'(?:[^"\\]|\\.)*+', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*+", re.DOTALL),
}
_TOKEN: Final = re.compile(r"""(\\{0,16})(["'])|[\[{(]|[\]})]""")
#: A value without quotes: one word; two after the name of a scheme (`Bearer x`); or the pairs that
#: follow such a name (`Digest username="x", response="y"`).
_BARE: Final = re.compile(
    r"""
      (?: digest | oauth | hawk | signature | aws4-[\w\-]{1,40} ) \s{1,8}
      (?: [\w\-]++= (?: \\{0,16}"[^"\\]*+\\{0,16}" | [^\s,"'\\]*+ ) (?: ,\s{0,8}(?=[\w\-]++=) )? )++
    | (?:(?:bearer|basic|digest|negotiate|token|apikey)\s{1,8})?[^\s,;&}\])"'\\]++
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: What may follow `name:` directly and is no secret: a line of a file, a port, a process id; words.
_NUMBER: Final = re.compile(r"\d{1,7}(?!\w)")
_WORDS: Final = re.compile(
    r"""
    (?: [a-z]{1,20}+ | \d{1,7}+ ) (?: [:_.,/*\-]{1,4}+ (?: [a-z]{1,20}+ | \d{1,7}+ )? ){0,20}+
    (?= [\s,;&}\])"'\\] | \Z )
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: From the name of an option to its value: spaces, or a comma where the words are a list.
_TO_ARGUMENT: Final = re.compile(
    r"""[\w.\-]{0,80}+ (?: \s{1,20} | \\{0,16}["']\s{0,20},\s{0,20}(?=\\{0,16}["']) )""",
    re.VERBOSE,
)
_ARGUMENT: Final = re.compile(r"""[^\s"'\\\-][^\s"'\\]*+""")
_NAMES_A_VALUE: Final = re.compile(r"""\\{0,16}["']\s{0,20}(?::|=>)""")

#: A pair like `"name": "password", "value": "x"`: from its name on, and from its value to its name.
_NAMES: Final = "name|key|field|param|parameter|header|k"
_VALUES: Final = "value|val|content|data|v"
_NAME_FIELDS: Final = frozenset(_NAMES.split("|"))
_VALUE_FIELDS: Final = frozenset(_VALUES.split("|"))
_SIGN: Final = r"""\\{0,16}["']?\s{0,20}(?:=>|:)\s{0,20}"""
_TO_NAMED: Final = re.compile(
    rf"""[\w.\-]{{0,80}}+\\{{0,16}}["']\s{{0,20}},\s{{0,20}}
    (?:\\{{0,16}}["']|:)?(?:{_VALUES}){_SIGN}""",
    re.VERBOSE | re.IGNORECASE,
)
_VALUE_BEFORE: Final = re.compile(rf"""\b(?:{_VALUES}){_SIGN}""", re.IGNORECASE)
_TO_NAME: Final = re.compile(
    rf"""\\{{0,16}}["']?\s{{0,20}},\s{{0,20}}(?:\\{{0,16}}["']|:)?(?:{_NAMES}){_SIGN}\\{{0,16}}["']""",
    re.IGNORECASE,
)
#: The end of the text before a name that is itself a value.
_IS_NAMED: Final = re.compile(rf"""(?:{_NAMES}){_SIGN}\\{{0,16}}["']\Z""", re.IGNORECASE)
_MOST_OF_PAIR: Final = 600

#: A private key: the rest of its first line, and what ends it.
_PEM_TITLE: Final = re.compile(r"[A-Z0-9 ]{0,60}-----")
_PEM_END: Final = "-----END"
_SIGNATURE: Final = re.compile(r"""[^\s&#"'<>\\]++""")
#: From the option of curl to the login, and the login.
_TO_LOGIN: Final = re.compile(r"""[\s"',\\=]{0,20}""")
_LOGIN: Final = re.compile(r"""[^\s"'\\:]{0,200}+:[^\s"'\\]++""")
_MOST_OF_COMMAND: Final = 500

#: The opening angle bracket of a tag, also as JSON and HTML write it.
_ANGLES: Final = ("<", "&lt;", "u003c")
_TO_CONTENT: Final = re.compile(
    r"(?P<rest>[\w.\-:]{0,80}+)(?:\s[^<>]{0,300}?)?(?<![/=])(?:>|\\{1,16}u003e|&gt;)",
    re.IGNORECASE,
)
_CONTENT: Final = re.compile(r"\w[^\s<>&\\]*+")


def _span(pattern: re.Pattern[str], text: str, at: int) -> SecretPlace | None:
    """The place of what a pattern matches at `at`."""
    found = pattern.match(text, at)
    return None if found is None else found.span()


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where what a pattern matches at `at` ends; `at` where it matches nothing."""
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _of_pem(text: str, at: int) -> SecretPlace | None:
    """The place of what a PEM block holds whose `-----BEGIN ` ends at `at`; to the end of the text
    where the block has no end."""
    title = _PEM_TITLE.match(text, at)
    if title is None:
        return None
    end = text.find(_PEM_END, title.end())
    return title.end(), len(text) if end < 0 else end


def _of_login(text: str, at: int) -> SecretPlace | None:
    """The place of user and password after an option of curl that ends at `at`."""
    begun = max(0, at - _MOST_OF_COMMAND)
    if "curl" not in text[begun:at]:
        return None
    at = _end_of(_TO_LOGIN, text, at)
    quote = text[at - 1]
    if quote in "\"'" and ":" in text[at : (end := text.find(quote, at, at + _MOST_OF_COMMAND))]:
        return at, at + len(text[at:end].rstrip("\\"))
    return _span(_LOGIN, text, at)


def _name_at(text: str, start: int, end: int) -> str:
    """The whole name around a hint from `start` to `end`, with `\\uXXXX` decoded."""
    before = _read(text[max(0, start - _MOST_BEFORE) : start])
    before = before[len(before.rstrip(_IN_NAMES)) :].rpartition(":")[2]
    name = before + _read(text[start : _end_of(_REST_OF_NAME, text, end)])
    # A decoded character may be no part of the name.
    return name[: _end_of(_REST, name, 0)]


def _read(text: str) -> str:
    """A text with its `\\uXXXX` decoded."""
    return _SPELLED.sub(lambda code: chr(int(code[1], 16)), text) if "\\" in text else text


def _of_name(text: str, start: int, end: int) -> SecretPlace | None:
    """The place of the value of the name around a hint from `start` to `end`: in a pair, an option
    of a command, or an XML element. None when there is no value."""
    if (pair := _of_pair(text, start, end) or _of_named(text, start, end)) is not None:
        return pair
    begin = _begin_of_name(text, start)
    if text.startswith("-", begin) and not text.startswith("---", begin):
        return _of_option(text, end)
    return _of_element(text, begin, end)


def _of_pair(text: str, start: int, end: int) -> SecretPlace | None:
    found = _TO_VALUE.match(text, end)
    if found is None or _NO_SECRET.search(text[start : found.end("rest")]):
        return None
    at = found.end()
    if found["sign"] == ":" and not found["quote"] and not found["space"]:
        is_broad = text[start:end].lower() in _BROAD
        if (found["rest"] or is_broad) and _NUMBER.match(text, at):
            return None
        if is_broad and _WORDS.match(text, at):
            return None
    return _value_at(text, at)


def _of_named(text: str, start: int, end: int) -> SecretPlace | None:
    """The place of the value beside a name that is itself a value, in either order:
    `"name": "password", "value": "x"`."""
    if (after := _TO_NAMED.match(text, end)) is not None:
        return _value_at(text, after.end())
    name = _begin_of_name(text, start)
    if _IS_NAMED.search(text[max(0, name - _MOST_BEFORE) : name]) is None:
        return None
    begun = max(0, name - _MOST_OF_PAIR)
    # Within a window, so that the search is bounded.
    window = text[begun:name]
    before = next(reversed(list(_VALUE_BEFORE.finditer(window))), None)
    value = None if before is None else _value_at(window, before.end())
    if value is None or _TO_NAME.fullmatch(window, value[1]) is None:
        return None
    return begun + value[0], begun + value[1]


def _value_at(text: str, at: int) -> SecretPlace | None:
    if (quoted := _quoted(text, at)) is not None:
        return quoted
    if text.startswith(("[", "{", "("), at):
        return at, _end_of_container(text, at)
    return _span(_BARE, text, at)


def _begin_of_name(text: str, start: int) -> int:
    before = text[max(0, start - _MOST_BEFORE) : start]
    return start - len(before) + len(before.rstrip(_IN_NAMES))


def _of_option(text: str, end: int) -> SecretPlace | None:
    found = _TO_ARGUMENT.match(text, end)
    if found is None:
        return None
    quoted = _quoted(text, found.end())
    if quoted is None:
        return _span(_ARGUMENT, text, found.end())
    if text.startswith("-", quoted[0]) or _NAMES_A_VALUE.match(text, quoted[1]):
        return None
    return quoted


def _of_element(text: str, begin: int, end: int) -> SecretPlace | None:
    begin += 5 if text.startswith(("u003c", "u003C"), begin) else 0
    angle = next((each for each in _ANGLES if text.endswith(each, 0, begin)), None)
    found = None if angle is None else _TO_CONTENT.match(text, end)
    if angle is None or found is None:
        return None
    at = found.end()
    name = text[begin : found.end("rest")]
    closings = (f"{angle}{slash}{name}" for slash in ("/", r"\/", r"\\\/"))
    closed = [text.find(closing, at, at + _MOST_OF_ELEMENT) for closing in closings]
    until = min((place for place in closed if place >= 0), default=-1)
    if until < 0:
        # `List<Token>` and `SET <key> <value>` are no elements; one that was cut is.
        tag = begin - len(angle)
        is_type = text[max(0, tag - 1) : tag].isalnum()
        return None if is_type else _span(_CONTENT, text, at)
    content_end = at + len(text[at:until].rstrip("\\"))
    return (at, content_end) if text[at:content_end].strip() else None


def _quoted(text: str, at: int) -> SecretPlace | None:
    """The place of the text in quotes that open at `at`; to the end of the whole text where the
    quotes do not close."""
    opening = _QUOTE.match(text, at)
    if opening is None:
        return None
    begin, slashes, quote = opening.end(), opening[1], opening[2]
    if not slashes:
        return begin, _end_of(_WHOLE[quote], text, begin)
    end = text.find(slashes + quote, begin)
    while end > begin and text[end - 1] == "\\":
        end = text.find(slashes + quote, end + 1)
    return begin, len(text) if end < 0 else end


def _end_of_container(text: str, begin: int) -> int:
    """Where the list or hash ends that begins at `begin`; the end of the text if it does not."""
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


HIDDEN: Final = "[redacted]"

#: How much is searched of one text, and of one value. The rest is left out, not shown unsearched.
MOST_CHARACTERS: Final = 200_000
_MOST_NODES: Final = 20_000
_MOST_LEVELS: Final = 60
_LONGEST_NAME: Final = 1_000
#: A hash like `{"name": "password", "value": "x"}` has few fields.
_MOST_FIELDS: Final = 20

_LEFT_OUT: Final = " [the rest is left out: not checked for secrets]"

#: Secrets without a name: logins in URLs and of curl, signatures, private keys.
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
_OPTION: Final = re.compile(r"--?[a-zA-Z][\w.\-]*+")


def _however_spelled(pattern: str) -> str:
    """A pattern for a text whose characters may be written `\\uXXXX`, as in JSON."""
    return "".join(map(_spellings, pattern))


def _spellings(character: str) -> str:
    codes = [each.encode("utf-16-be").hex() for each in {character.lower(), character.upper()}]
    spelled = (
        "".join(rf"\\{{1,16}}u{code[i : i + 4]}" for i in range(0, len(code), 4)) for code in codes
    )
    return f"(?:{re.escape(character)}|{'|'.join(spelled)})"


class Redactor:
    """Hides the values of names like `password`, logins, signatures and private keys.

    Args:
        patterns: A name that contains one of them, in any case, is the name of a secret. Empty:
            nothing is hidden. None: the usual names, see `is_secret`.
    """

    def __init__(self, patterns: Sequence[str] | None = None) -> None:
        self._is_usual = patterns is None
        chosen = HINTS if patterns is None else patterns
        self._patterns = tuple(pattern for pattern in chosen if pattern)
        names = "|".join(map(re.escape, self._patterns))
        self._name = re.compile(names, re.IGNORECASE) if names else None
        # Checked by the first character: most texts have no secret.
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
        return not self._is_usual or is_secret(name)

    def text(self, text: str) -> str:
        """A text without its secrets: in JSON, also within JSON, in Ruby's hashes, in `name=value`,
        in headers, in URLs, in options of commands, in XML.

        A text without secrets is returned as it is. After 200,000 characters the rest is left out,
        and the text says so. O(n).
        """
        if self._hint is None:
            return text
        seen = text[:MOST_CHARACTERS]
        # Names written as `\uXXXX` are rare, and expensive to search for.
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
                # Skip the rest of the name: it would be searched for hints again.
                at = _end_of(_REST, seen, at)
        if kept:
            seen = "".join([*pieces, seen[kept:]])
        if len(text) > MOST_CHARACTERS:
            return seen + _LEFT_OUT
        return seen if kept else text

    def _hidden(self, text: str, hint: re.Match[str]) -> tuple[SecretPlace | None, str]:
        """The place of what is to be hidden at a hint (None: nothing), and what replaces it."""
        start, end = hint.span()
        match hint.lastgroup:
            case "url":
                return _span(_USERINFO, text, end), f"{HIDDEN}@"
            case "signed":
                return _span(_SIGNATURE, text, end), HIDDEN
            case "pem":
                return _of_pem(text, end), HIDDEN
            case "login":
                return _of_login(text, end), HIDDEN
        name = _name_at(text, start, end)
        if not self.is_secret(name):
            return None, HIDDEN
        place = _of_name(text, start, end)
        if place is not None and name.lower() in _NAME_FIELDS:
            # `"key": "password", "value": "x"`: the name is no secret, the value beside it is.
            beside = _of_named(text, *place)
            if beside is not None and self.is_secret(text[slice(*place)]):
                return beside, HIDDEN
        return place, HIDDEN

    def raw(self, raw: bytes) -> bytes:
        """The bytes of a payload without their secrets; see `text`. O(n)."""
        if self._name is None:
            return raw
        # A character has at most four bytes: what `text` would leave out is not decoded.
        text = raw[: MOST_CHARACTERS * 4 + 4].decode("utf-8", "surrogateescape")
        hidden = self.text(text)
        return raw if hidden is text else hidden.encode("utf-8", "surrogateescape")

    def value(self, value: Any) -> Any:
        """A decoded value without its secrets, also those in its texts. What is deeper than 60
        levels, or comes after 20,000 values or 200,000 characters, is left out."""
        return value if self._name is None else _Walk(self).value(value, 0)


OPEN: Final = Redactor(())
"""Hides nothing."""


class _Walk:
    """One bounded pass over a value."""

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
        """Whether one field holds the name of a secret, so that another holds its value."""
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
        """Whether an item is the secret value of the option before it: `["--password", "x"]`."""
        option, item = items[index - 1] if index else None, items[index]
        if not isinstance(option, str) or not isinstance(item, str | int):
            return False
        if len(option) > 100 or not _OPTION.fullmatch(option) or str(item).startswith("-"):
            return False
        if option in _LOGIN_OPTIONS:
            return ":" in str(item) and "curl" in str(items[0])
        return self._redactor.is_secret(option)
