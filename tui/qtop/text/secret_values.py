"""Where in a text the value of a secret stands, once its name was found. Pure.

A place is `(begin, end)`; None says that the name is only a word. Every look is bounded, or goes on
where the one before ended.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import Final

SecretPlace = tuple[int, int]

#: Looked at before what sounds like a secret, and what names are written in there.
_MOST_BEFORE: Final = 80
_IN_NAMES: Final = f"{ascii_letters}{digits}_-.:"
_MOST_OF_ELEMENT: Final = 2_000
#: Words that many names have: `token:refresh` is a queue, `key:users:1` a key of Redis.
_BROAD: Final = frozenset({"key", "token", "auth"})
_NO_SECRET: Final = re.compile(r"(error|exception)$", re.IGNORECASE)

_SPELLED: Final = re.compile(r"\\{1,16}u([0-9a-f]{4})", re.IGNORECASE)
#: User and password of a URL, up to the last `@` before the path.
_USERINFO: Final = re.compile(r"""[^\s/?#"'<>\\]{1,500}@""")
#: From the end of what sounds like a secret to where its value begins: the rest of the name, the
#: quote that ends it (with the backslashes of JSON within JSON), and `:`, `=>` or `=`.
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
#: A value without quotes: one word; where the first says how the second proves something, two; or
#: the pairs by which it does.
_BARE: Final = re.compile(
    r"""
      (?: digest | oauth | hawk | signature | aws4-[\w\-]{1,40} ) \s{1,8}
      (?: [\w\-]++= (?: \\{0,16}"[^"\\]*+\\{0,16}" | [^\s,"'\\]*+ ) (?: ,\s{0,8}(?=[\w\-]++=) )? )++
    | (?:(?:bearer|basic|digest|negotiate|token|apikey)\s{1,8})?[^\s,;&}\])"'\\]++
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: What follows `name:` at once and is no secret: the line of a file, a port, a process; words.
_NUMBER: Final = re.compile(r"\d{1,7}(?!\w)")
_WORDS: Final = re.compile(
    r"""
    (?: [a-z]{1,20}+ | \d{1,7}+ ) (?: [:_.,/*\-]{1,4}+ (?: [a-z]{1,20}+ | \d{1,7}+ )? ){0,20}+
    (?= [\s,;&}\])"'\\] | \Z )
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: From the name of an option to its value: blanks, or the comma of a list of texts.
_TO_ARGUMENT: Final = re.compile(
    r"""[\w.\-]{0,80}+ (?: \s{1,20} | \\{0,16}["']\s{0,20},\s{0,20}(?=\\{0,16}["']) )""",
    re.VERBOSE,
)
_ARGUMENT: Final = re.compile(r"""[^\s"'\\\-][^\s"'\\]*+""")
_NAMES_A_VALUE: Final = re.compile(r"""\\{0,16}["']\s{0,20}(?::|=>)""")

#: A pair that is spelled out, from its name on, and from its value to its name.
_NAMES: Final = "name|key|field|param|parameter|header|k"
_SIGN: Final = r"""\\{0,16}["']?\s{0,20}(?:=>|:)\s{0,20}"""
_TO_NAMED: Final = re.compile(
    rf"""[\w.\-]{{0,80}}+\\{{0,16}}["']\s{{0,20}},\s{{0,20}}
    (?:\\{{0,16}}["']|:)?(?:value|val|content|data|v){_SIGN}""",
    re.VERBOSE | re.IGNORECASE,
)
_VALUE_BEFORE: Final = re.compile(rf"""\b(?:value|val|content|data|v){_SIGN}""", re.IGNORECASE)
_TO_NAME: Final = re.compile(
    rf"""\\{{0,16}}["']?\s{{0,20}},\s{{0,20}}(?:\\{{0,16}}["']|:)?(?:{_NAMES}){_SIGN}\\{{0,16}}["']""",
    re.IGNORECASE,
)
#: The end of what is before a name that is a value.
_IS_NAMED: Final = re.compile(rf"""(?:{_NAMES}){_SIGN}\\{{0,16}}["']\Z""", re.IGNORECASE)
_MOST_OF_PAIR: Final = 600

#: A private key: the rest of its first line; what ends it.
_PEM_TITLE: Final = re.compile(r"[A-Z0-9 ]{0,60}-----")
_PEM_END: Final = "-----END"
_SIGNATURE: Final = re.compile(r"""[^\s&#"'<>\\]++""")
#: From the option of curl to the login, and that.
_TO_LOGIN: Final = re.compile(r"""[\s"',\\=]{0,20}""")
_LOGIN: Final = re.compile(r"""[^\s"'\\:]{0,200}+:[^\s"'\\]++""")
_MOST_OF_COMMAND: Final = 500

#: The angles of a tag, also as JSON and HTML spell them.
_ANGLES: Final = ("<", "&lt;", "u003c")
_TO_CONTENT: Final = re.compile(
    r"(?P<rest>[\w.\-:]{0,80}+)(?:\s[^<>]{0,300}?)?(?<![/=])(?:>|\\{1,16}u003e|&gt;)",
    re.IGNORECASE,
)
_CONTENT: Final = re.compile(r"\w[^\s<>&\\]*+")


def in_url(text: str, at: int) -> SecretPlace | None:
    """User and password, with their `@`, of the URL whose `://` ends at `at`."""
    found = _USERINFO.match(text, at)
    return None if found is None else (at, found.end())


def of_signature(text: str, at: int) -> SecretPlace | None:
    """The signature that a URL carries in its options; its name ends at `at`."""
    found = _SIGNATURE.match(text, at)
    return None if found is None else found.span()


def of_pem(text: str, at: int) -> SecretPlace | None:
    """What a block in PEM format holds, of which `-----BEGIN ` ends at `at`; to the end of
    everything where it does not end."""
    title = _PEM_TITLE.match(text, at)
    if title is None:
        return None
    end = text.find(_PEM_END, title.end())
    return title.end(), len(text) if end < 0 else end


def of_login(text: str, at: int) -> SecretPlace | None:
    """User and password behind an option of curl that ends at `at`."""
    begun = max(0, at - _MOST_OF_COMMAND)
    if "curl" not in text[begun:at]:
        return None
    between = _TO_LOGIN.match(text, at)
    at = at if between is None else between.end()
    quote = text[at - 1]
    if quote in "\"'" and ":" in text[at : (end := text.find(quote, at, at + _MOST_OF_COMMAND))]:
        return at, at + len(text[at:end].rstrip("\\"))
    found = _LOGIN.match(text, at)
    return None if found is None else found.span()


def name_at(text: str, start: int, end: int) -> str:
    """The whole name of which `start` to `end` sounds like a secret, as it reads."""
    before = _read(text[max(0, start - _MOST_BEFORE) : start])
    before = before[len(before.rstrip(_IN_NAMES)) :].rpartition(":")[2]
    rest = _REST_OF_NAME.match(text, end)
    name = before + _read(text[start:end] + (rest[0] if rest is not None else ""))
    # What is spelled by its code point may be no part of the name.
    found = _REST.match(name)
    return name if found is None else found[0]


def _read(text: str) -> str:
    """A text whose characters may be spelled by their code points, as it reads."""
    return _SPELLED.sub(lambda code: chr(int(code[1], 16)), text) if "\\" in text else text


def of_name(text: str, start: int, end: int) -> SecretPlace | None:
    """The value of the name of which `start` to `end` sounds like a secret: of a pair, of an option
    of a command, of an element."""
    if (pair := _of_pair(text, start, end) or of_named(text, start, end)) is not None:
        return pair
    begin = _begin_of_name(text, start)
    if text.startswith("-", begin) and not text.startswith("---", begin):
        return _of_option(text, end)
    return _of_element(text, begin, end)


def after_name(text: str, at: int) -> int:
    """Where the name ends that reaches to `at` and further."""
    return _REST.match(text, at).end()  # type: ignore[union-attr]


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


def of_named(text: str, start: int, end: int) -> SecretPlace | None:
    """The value beside a name that is itself a value: `"name": "password", "value": "x"`, in this
    order or the other."""
    if (after := _TO_NAMED.match(text, end)) is not None:
        return _value_at(text, after.end())
    name = _begin_of_name(text, start)
    if _IS_NAMED.search(text[max(0, name - _MOST_BEFORE) : name]) is None:
        return None
    begun = max(0, name - _MOST_OF_PAIR)
    # Within a window, so that a look has an end.
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
    bare = _BARE.match(text, at)
    return None if bare is None else bare.span()


def _begin_of_name(text: str, start: int) -> int:
    before = text[max(0, start - _MOST_BEFORE) : start]
    return start - len(before) + len(before.rstrip(_IN_NAMES))


def _of_option(text: str, end: int) -> SecretPlace | None:
    found = _TO_ARGUMENT.match(text, end)
    if found is None:
        return None
    quoted = _quoted(text, found.end())
    if quoted is None:
        bare = _ARGUMENT.match(text, found.end())
        return None if bare is None else bare.span()
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
        content = _CONTENT.match(text, at)
        tag = begin - len(angle)
        is_type = text[max(0, tag - 1) : tag].isalnum()
        return None if content is None or is_type else content.span()
    content_end = at + len(text[at:until].rstrip("\\"))
    return (at, content_end) if text[at:content_end].strip() else None


def _quoted(text: str, at: int) -> SecretPlace | None:
    """What stands in quotes that open at `at`: to its quote, else to the end of everything."""
    opening = _QUOTE.match(text, at)
    if opening is None:
        return None
    begin, slashes, quote = opening.end(), opening[1], opening[2]
    if not slashes:
        found = _WHOLE[quote].match(text, begin)
        return begin, len(text) if found is None else found.end()
    end = text.find(slashes + quote, begin)
    while end > begin and text[end - 1] == "\\":
        end = text.find(slashes + quote, end + 1)
    return begin, len(text) if end < 0 else end


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
