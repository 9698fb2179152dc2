"""The JSON of Resque, whatever the values and whatever the bytes."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from queuecore.codec import MAX_DEPTH, decode, encode, encode_float, member, members
from resque.codec import Payload, Unreadable, decode_payload, encode_job
from resque.errors import EncodeError

TEXT = some.text(some.characters(codec="utf-8"))
SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | TEXT
    | some.floats(allow_nan=False, allow_infinity=False)
)
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXT, inner, max_size=4),
)

STRANGE: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t ",
    "a number": b"5",
    "null": b"null",
    "true": b"true",
    "a list": b"[1,2]",
    "a text": b'"str"',
    "not UTF-8": b"\xff\xfe{}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "cut": b'{"class":"A","args":[1',
    "more after the end": b'{"class":"A"} x',
    "100,000 deep in lists": b"[" * 100_000,
    "100,000 deep in objects": b'{"a":' * 100_000,
    "100,000 deep and closed": b'{"args":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an integer of 5,000 digits": b'{"class":"A","args":[' + b"9" * 5_000 + b"]}",
    "NUL": b"\0",
    "an escape too short": b'{"a":"\\u12"}',
}


def same(left: Any, right: Any) -> bool:
    """Equal in value and in kind: not 1 and True, 1 and 1.0, 0.0 and -0.0."""
    return json.dumps(left) == json.dumps(right)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(VALUES)
def test_other_parsers_read_it_the_same(value: Any) -> None:
    raw = encode(value)
    assert same(json.loads(raw), value)
    assert raw == encode(decode(raw))


@given(some.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_its_value_and_its_shortest_digits(value: float) -> None:
    text = encode_float(value)
    assert same(float(text), value)
    mantissa = text.partition("e")[0]
    digits = mantissa.lstrip("-").replace(".", "").strip("0")
    shortest = repr(value).partition("e")[0].lstrip("-").replace(".", "").strip("0")
    assert digits == shortest
    assert "." in mantissa


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(EncodeError):
        encode([value])


@given(some.binary())
def test_reading_any_bytes_raises_nothing_but_value_errors(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(raw)
    assert decode_payload(raw).raw == raw


@given(some.text(alphabet='{}[]",:0123456789.eE+-\\u trfalsn\udcff', max_size=60))
def test_reading_what_looks_like_json_raises_nothing_either(text: str) -> None:
    raw = text.encode("utf-8", "surrogateescape")
    assert decode_payload(raw).raw == raw
    try:
        parts = members(raw)
    except ValueError:
        return
    assert all(isinstance(part, bytes) for part in parts.values())


@pytest.mark.parametrize("raw", STRANGE.values(), ids=STRANGE.keys())
def test_strange_bytes_are_kept_with_a_reason(raw: bytes) -> None:
    reading = decode_payload(raw)
    assert isinstance(reading, Unreadable)
    assert reading.raw == raw
    assert reading.reason
    assert "\n" not in reading.reason
    with pytest.raises(ValueError, match=r"."):
        members(raw) if raw[:1] != b"{" else decode(raw)


@pytest.mark.parametrize(
    ("raw", "class_name", "args"),
    [
        (b'{"class":"A","args":[NaN,-Infinity]}', "A", None),
        (b'{"class":"A","class":"B","args":[1],"args":[2]}', "B", [2]),
        (b'{"class":"\\ud800","args":["\\udcff"]}', "\ud800", ["\udcff"]),
        (b'{"class":"\xff","args":["raw\ttab"]}', "\udcff", ["raw\ttab"]),
        (b' {"class" : "A"\n} ', "A", None),
        (b'{"class":7,"args":"text"}', None, "text"),
        (b'{"args":[%d]}' % 2**70, None, [2**70]),
    ],
)
def test_odd_objects_are_jobs_all_the_same(raw: bytes, class_name: str | None, args: Any) -> None:
    reading = decode_payload(raw)
    assert isinstance(reading, Payload)
    assert reading.raw == raw
    assert reading.class_name == class_name
    assert args is None or reading.args == args


def test_what_a_payload_holds_besides_is_kept() -> None:
    reading = decode_payload(b'{"id":1,"class":"A","args":[],"queue":"q"}')
    assert isinstance(reading, Payload)
    assert reading.extra == {"id": 1, "queue": "q"}


@given(some.dictionaries(TEXT, VALUES, min_size=1, max_size=4))
def test_members_are_cut_out_to_the_byte(value: dict[str, Any]) -> None:
    assert members(encode(value)) == {key: encode(item) for key, item in value.items()}


def test_members_keep_spellings_that_encoding_would_lose() -> None:
    payload = b'{ "args":[1.50, 1e3,NaN,1180591620717411303424 ],"x":"\\u00e9\\/\xff","x":2}'
    entry = b' {"queue" : "q",\n"payload":' + payload + b' , "payload" :' + payload + b"}"
    assert members(entry) == {"queue": b'"q"', "payload": payload}


def test_the_deepest_value_that_ruby_reads_is_written_and_no_deeper_one() -> None:
    # Its parser says "nesting of 101 is too deep".
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert decode(encode(deep)) == deep
    with pytest.raises(EncodeError):
        encode([deep])
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError):
        encode(loop)


def test_bytes_that_are_not_utf_8_go_back_as_they_came() -> None:
    raw = b'["\xff\xc3","\xed\xa0\x80"]'
    assert encode(decode(raw)) == raw


@pytest.mark.parametrize("value", [object(), {1}, b"x", {"k": object()}, {(1,): 2}, 1j, "\ud800"])
def test_what_json_cannot_carry_is_refused_before_anything_is_sent(value: object) -> None:
    with pytest.raises(EncodeError):
        encode_job("A", [value])


#: Keys and texts that look like the member, or are it in another spelling.
LOOKALIKES = (
    *('"payload"', '"p\\u0061yload"', '"payload\\""', '"\\"payload"', '"\\"payload\\":1"'),
    *('"a"', '"payloads"', '"\\\\"', '"\x80"', '"\t"'),
)
BLANKS = some.sampled_from(("", " ", "\n\t "))


def object_of(pairs: list[tuple[str, str, str]]) -> str:
    """JSON with these keys, blanks and values."""
    inside = ",".join(f"{blank}{key}{blank}:{blank}{value}{blank}" for key, blank, value in pairs)
    return f"{{{inside}}}"


JSON_TEXTS = some.recursive(
    some.sampled_from((*LOOKALIKES, "1", "-0.50", "null", "[]", " {}")),
    lambda inner: some.builds(
        object_of, some.lists(some.tuples(some.sampled_from(LOOKALIKES), BLANKS, inner), max_size=4)
    ),
    max_leaves=12,
)


@given(
    some.builds(
        object_of,
        some.lists(some.tuples(some.sampled_from(LOOKALIKES), BLANKS, JSON_TEXTS), max_size=5),
    )
)
def test_one_member_has_the_bytes_that_it_has_among_all(text: str) -> None:
    raw = text.encode("latin-1")
    if "payload" in decode(raw):
        assert member(raw, "payload") == members(raw)["payload"]


@pytest.mark.parametrize("size", [*range(500, 520), 4_000])
def test_a_member_of_any_length_is_cut_out_whole(size: int) -> None:
    for value in (b"7" * size, b'"%s"' % (b"x" * size), b'[" %s]"]' % (b"]" * size)):
        for raw in (b'{"payload": %s}' % value, b'{"payload":%s ,"b":[1]}' % value):
            assert member(raw, "payload") == value
