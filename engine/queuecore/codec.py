"""JSON exactly as Ruby's queue systems write it, and reading that keeps the bytes.

Writing follows Ruby's json gem (up to 2.10) behind MultiJson: no blanks, insertion order kept,
UTF-8 raw, `/` not escaped, floats as `Float#to_s` prints them. The Python encoder has no hook
for floats, hence the small encoder of our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from json.encoder import py_encode_basestring

from queuecore.errors import EncodeError
from queuecore.values import Any

#: How a value is decoded; strict=False because other implementations write raw tabs in strings.
_DECODER = json.JSONDecoder(strict=False)
#: Its core, in C where there is C.
_SCAN: Callable[[str, int], tuple[Any, int]] = vars(_DECODER)["scan_once"]

#: All that the reasons of this module may say, but for numbers: those of Python's decoder, too.
REASONS = """
    not JSON: Expecting value, ',' delimiter, ':' delimiter, property name enclosed in double
    quotes; Illegal trailing comma before end of object, of array; Extra data; Unexpected UTF-8 BOM
    (decode using utf-8-sig); Invalid control character at; Unterminated string starting at;
    Invalid \\escape; Invalid \\uXXXX escape; at byte; nested too deeply; Exceeds the limit for
    integer string conversion: value has digits; use sys.set_int_max_str_digits() to increase the
    limit; empty; JSON, but null, a boolean, a number, a text, a list instead of an object; not a
    JSON object
"""

_BLANKS = " \t\r\n"
#: Of the value of one member so much is read first.
_MEMBER_BYTES = 512

#: Deeper than this Ruby's parser refuses; ours stops here instead of exhausting the stack.
MAX_DEPTH = 100

_KINDS = {
    **{bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"},
}
_WORDS = {None: "null", True: "true", False: "false"}


def encode(value: Any) -> bytes:
    """Write a value as Ruby does.

    Text, numbers, booleans, None, mappings, lists and tuples; a datetime is written as Ruby's
    `Time#to_s`. Text that came from bytes that are not UTF-8 (lone surrogates) goes back to
    those bytes.

    Raises EncodeError for NaN, infinities, any other type, and nesting deeper than 100.
    Cost: O(size).
    """
    parts: list[str] = []
    _write(value, parts.append, 0)
    text = "".join(parts)
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise EncodeError(
            f"a text holds half of a surrogate pair at position {error.start}: "
            "not a character, cannot be written as JSON"
        ) from None


def _write(value: Any, put: Callable[[str], None], depth: int) -> None:
    if isinstance(value, str):
        put(py_encode_basestring(value))
    elif value is None or value is True or value is False:
        put(_WORDS[value])
    elif isinstance(value, int):
        # int(...) first: an IntEnum prints itself by its name.
        put(format(int(value), "d"))
    elif isinstance(value, float):
        put(encode_float(value))
    elif isinstance(value, Mapping):
        _write_object(value, put, _inner(depth))
    elif isinstance(value, list | tuple):
        _write_array(value, put, _inner(depth))
    elif isinstance(value, datetime):
        put(py_encode_basestring(_ruby_time(value)))
    else:
        raise EncodeError(
            f"a {type(value).__qualname__} cannot be a job argument: "
            "use text, numbers, booleans, None, lists and mappings"
        )


def _inner(depth: int) -> int:
    """How many lists and mappings there are around what is in one more of them."""
    if depth >= MAX_DEPTH:
        raise EncodeError(f"nested deeper than {MAX_DEPTH} levels (or into itself)")
    return depth + 1


def _write_array(
    value: list[Any] | tuple[Any, ...], put: Callable[[str], None], depth: int
) -> None:
    lead = "["
    for item in value:
        put(lead)
        _write(item, put, depth)
        lead = ","
    put("]" if value else "[]")


def _write_object(value: Mapping[Any, Any], put: Callable[[str], None], depth: int) -> None:
    lead = "{"
    for key, item in value.items():
        put(lead)
        put(py_encode_basestring(_key_text(key)))
        put(":")
        _write(item, put, depth)
        lead = ","
    put("}" if value else "{}")


def _key_text(key: Any) -> str:
    """A key as Ruby's `to_s` gives it: nil is empty."""
    if isinstance(key, str):
        return key
    if key is None:
        return ""
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return format(int(key), "d")
    if isinstance(key, float):
        return encode_float(key)
    raise EncodeError(f"a {type(key).__qualname__} cannot be the key of a mapping in a job")


def _ruby_time(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise EncodeError("a datetime without a zone is ambiguous: give it a tzinfo")
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return text + (" UTC" if moment.tzname() == "UTC" else moment.strftime(" %z"))


def encode_float(value: float) -> str:
    """A float as Ruby's `Float#to_s`: the shortest digits that read back as the same number,
    plain between 1e-4 and 1e16, otherwise as `d.ddde+XX`.

    Raises EncodeError for NaN and infinities, which JSON has no words for.
    """
    if value != value or value in (float("inf"), float("-inf")):
        raise EncodeError(f"{value} cannot be written as JSON")
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    shifted = whole + fraction
    digits = shifted.lstrip("0")
    if not digits.strip("0"):
        return sign + "0.0"
    # Position of the decimal point relative to the first digit that counts.
    point = len(whole) + int(exponent or 0) - (len(shifted) - len(digits))
    digits = digits.rstrip("0")
    if 0 < point <= 15 or (point == 16 and len(digits) == 17):
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
        return f"{sign}{whole}.{fraction or '0'}"
    if -3 <= point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = point - 1
    return f"{sign}{digits[0]}.{digits[1:] or '0'}e{'-' if power < 0 else '+'}{abs(power):02d}"


def decode(raw: bytes) -> Any:
    """Read JSON. Bytes that are not UTF-8 inside texts become lone surrogates.

    Raises ValueError with the reason in words, for any input whatever.
    """
    text = raw.decode("utf-8", "surrogateescape")
    try:
        # Most JSON has no blanks around it: then this is all, and it is all in C.
        value, end = _SCAN(text, 0)
        if end == len(text):
            return value
    except (ValueError, StopIteration, RecursionError):
        pass  # Read once more, for the words.
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at byte {_byte_of(text, error.pos)}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:  # Python refuses to read integers of more than 4,300 digits
        raise ValueError(str(error)) from None


def value_at(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at a position of JSON, after a blank at most, and where it ends; what
    follows is not looked at. Raises ValueError. O(value)."""
    try:
        return _SCAN(text, at + text.startswith(" ", at))
    except (StopIteration, RecursionError):
        raise ValueError("no value") from None


def _byte_of(text: str, position: int) -> int:
    return len(text[:position].encode("utf-8", "surrogateescape"))


def decode_object(raw: bytes) -> dict[str, Any]:
    """The members of a JSON object. Raises ValueError that says what it is. Costs as `decode`."""
    try:
        value = decode(raw)
    except ValueError as error:
        raise ValueError(str(error) if raw.strip() else "empty") from None
    if not isinstance(value, dict):
        kind = "null" if value is None else _KINDS[type(value)]
        raise ValueError(f"JSON, but {kind} instead of an object")
    return value


def members(raw: bytes) -> dict[str, bytes]:
    """Cut a JSON object into its members, each value as its original bytes.

    With this a part of an entry can go back to Redis without being re-encoded. Of duplicate
    keys the last wins, as in `decode`. Raises ValueError when `raw` is not a JSON object.
    """
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return {key: _bytes(text[start:end]) for key, start, end in _members(text)}
    except (IndexError, RecursionError) as error:
        raise ValueError("not a JSON object") from error


def member(raw: bytes, name: str) -> bytes:
    """As `members(raw)[name]`, of an object that `decode` can read and that has this member; its
    name is of ASCII letters and digits. O(bytes), mostly without a look at the other members."""
    key = b'"%s"' % name.encode()
    at = raw.find(key)
    # Without `\u` a key has no other spelling; and what is there once, it is.
    has_codes = b"\\" in raw and b"\\u" in raw
    if at < 0 or has_codes or raw.find(key, at + 1) >= 0:
        return members(raw)[name]
    begin = raw.index(b":", at + len(key)) + 1
    # Mostly it ends long before the object does.
    text = raw[begin : begin + _MEMBER_BYTES].decode("utf-8", "surrogateescape")
    start = 0 if text[:1] not in _BLANKS else _skip(text, 0)
    try:
        end = _SCAN(text, start)[1]
        if end < len(text):
            if text.isascii():
                return raw[begin + start : begin + end]
            return _bytes(text[start:end])
    except (ValueError, StopIteration, RecursionError):
        pass  # It is longer.
    text = _text(raw[begin:])
    start = _skip(text, 0)
    return _bytes(text[start : value_at(text, start)[1]])


def spliced(raw: bytes, changes: Mapping[str, bytes], known: Any = None) -> bytes:
    """A JSON object with other values for some members, given as JSON; all its other bytes are as
    they were. Of a member that is there twice, the last one counts, as in `decode`; those that are
    not there are added at the end. The names are of ASCII letters, digits and `_`. `known` is what
    `decode` made of it, where that was done before. Raises ValueError when `raw` is no JSON
    object. O(bytes)."""
    known = decode(raw) if known is None else known
    if not isinstance(known, dict):
        raise ValueError("not a JSON object")
    # Without `\u` a key has no other spelling. Mostly there is no backslash at all.
    is_plain = b"\\" not in raw or b"\\u" not in raw
    replaced: list[tuple[int, int, bytes]] = []
    added: list[bytes] = []
    for name, value in changes.items():
        if name not in known:
            added.append(b"%b:%b" % (_key(name), value))
        elif is_plain and (place := _simple_place(raw, _key(name))) is not None:
            replaced.append((*place, value))
        else:
            is_plain = False
    if not is_plain:
        replaced = _places_of(raw, changes)
    if len(replaced) > 1:
        replaced.sort(reverse=True)
    for start, end, value in replaced:
        raw = raw[:start] + value + raw[end:]
    if added:
        end = raw.rindex(b"}")
        raw = raw[:end] + b"," * bool(known) + b",".join(added) + raw[end:]
    return raw


@lru_cache(maxsize=32)
def _key(name: str) -> bytes:
    """A member's name as JSON."""
    return b'"%b"' % name.encode()


def _places_of(raw: bytes, changes: Mapping[str, bytes]) -> list[tuple[int, int, bytes]]:
    """Where the values of the members that change begin and end, and the new ones. O(bytes)."""
    text = _text(raw)
    # Of one that is there twice, the last one.
    places = {key: (start, end) for key, start, end in _members(text) if key in changes}
    return [
        (len(_bytes(text[:start])), len(_bytes(text[:end])), changes[key])
        for key, (start, end) in places.items()
    ]


#: A value that is neither a list nor an object, nor a text with escapes.
_SIMPLE = re.compile(rb':\s*(-?[0-9][0-9.eE+-]*|"[^"\\]*"|true|false|null)')


def _simple_place(raw: bytes, key: bytes) -> tuple[int, int] | None:
    """Where the simple value of a member that is there begins and ends; None where a look at all
    members is needed to tell. The key has no other spelling: what is there once, it is."""
    at = raw.find(key)
    value = None if raw.find(key, at + 1) >= 0 else _SIMPLE.match(raw, at + len(key))
    return value and value.span(1)


def span_at(raw: bytes, path: Sequence[str]) -> tuple[int, int]:
    """Where the value at the end of a path begins and ends: at each step the name of a member, or
    the number of an item. Of a member that is there twice, the last one counts, as in `decode`.

    Raises LookupError where there is no such value, ValueError where `raw` is no JSON. O(bytes).
    """
    decode(raw)
    text = _text(raw)
    start, end = _skip(text, 0), len(text.rstrip(" \t\r\n"))
    for step in path:
        parts = _parts_at(text, start)
        found = [(first, last) for name, first, last in parts if name == step]
        if not found:
            raise LookupError(step)
        start, end = found[-1]
    return len(_bytes(text[:start])), len(_bytes(text[:end]))


def _parts_at(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """The members of the object, or the items of the list, that begins at a position of JSON; none
    of any other value."""
    if text[at] == "{":
        yield from _members(text, at=at)
    elif text[at] == "[":
        at, number = _skip(text, at + 1), 0
        while text[at] != "]":
            start = at
            _, end = _DECODER.raw_decode(text, start)
            yield str(number), start, end
            at = _skip(text, end)
            if text[at] == ",":
                at = _skip(text, at + 1)
            number += 1


def members_of_beginning(raw: bytes) -> dict[str, bytes]:
    """As `members`, of the beginning of a JSON object that was cut anywhere: the members before
    the cut, and of the one that was cut as much as there is. Never raises."""
    text = raw.decode("utf-8", "surrogateescape")
    found: dict[str, bytes] = {}
    with suppress(ValueError, IndexError, RecursionError):
        for key, start, end in _members(text, is_cut=True):
            found[key] = _bytes(text[start:end])
    return found


def text_of(raw: bytes | None) -> str | None:
    """A member's value when it is a whole text, else None. Never raises."""
    with suppress(ValueError):
        value = None if raw is None else decode(raw)
        return value if isinstance(value, str) else None
    return None


def _members(text: str, *, at: int = 0, is_cut: bool = False) -> Iterator[tuple[str, int, int]]:
    """The keys of the object at a position, and where their values begin and end. With `is_cut` a
    value that cannot be read goes on to the end."""
    at = _skip(text, at)
    if text[at : at + 1] != "{":
        raise ValueError("not a JSON object")
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(key, str) or text[at] != ":":
            raise ValueError(f"no member at position {at}")
        start = _skip(text, at + 1)
        try:
            _, at = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            if not is_cut:
                raise
            at = len(text)
        yield key, start, at
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "}":
            raise ValueError(f"no comma at position {at}")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
