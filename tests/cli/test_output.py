"""Output: JSON that keeps every byte and has no control characters, tables for pipes and
terminals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.commands import Push, Qtop, encoded
from tests.support.direct import Direct

from qtop.commands.output import json_line

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(), values, max_size=4))
def test_json_is_one_line_of_printable_ascii(fields: dict[str, Any]) -> None:
    line = json_line(fields)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line).keys() == fields.keys()


@given(st.binary())
def test_the_same_bytes_come_back_from_json(raw: bytes) -> None:
    shown = json.loads(json_line({"raw": raw}))["raw"]
    assert shown.encode("utf-8", "surrogateescape") == raw


def test_json_holds_no_python_words() -> None:
    line = json_line({"a": math.nan, "b": [math.inf], "at": datetime(2026, 11, 23, tzinfo=UTC)})
    assert line == '{"a": "nan", "b": ["inf"], "at": "2026-11-23T00:00:00Z"}'


def test_endless_depth_is_cut() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert "too deeply" in json_line({"args": deep})


def test_output_to_a_pipe_is_uncut_with_tabs_between_columns(qtop: Qtop, fail: Push) -> None:
    fail("A" * 200, error="first\tline\nsecond " + "x" * 3000)
    row = qtop("failed").rows[0]
    assert row[1] == "A" * 200
    assert row[3] == "first⇥line⏎second " + "x" * 3000
    assert len(row) == 6


def test_on_a_terminal_long_columns_are_cut_to_fit(
    fail: Push, on_terminal: Callable[..., tuple[int, str]]
) -> None:
    fail("A" * 200, error="x" * 3000)
    status, shown = on_terminal("failed", columns=100)
    assert status == 0
    lines = shown.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert lines[0].startswith("FAILED")
    assert max(map(len, lines)) <= 100
    assert "…" in lines[1]


def test_no_byte_from_redis_reaches_the_terminal_as_a_command(
    direct: Direct, fail: Push, on_terminal: Callable[..., tuple[int, str]]
) -> None:
    fail("Evil\x1b]0;owned\x07", "\x9b31m", error="\x1b[2J\u202e", queue="q\x1b[H\r")
    direct("SADD", "resque:queues", b"mail\x1b[2J\xff\n")
    direct("SADD", "resque:workers", b"h\x1b[5n:1:mail")
    commands = (
        ["failed"],
        ["show", "--from", "failed"],
        ["queues"],
        ["workers"],
        ["--once"],
        ["failed", "--json"],
        ["doctor"],
    )
    for words in commands:
        _, shown = on_terminal(*words)
        ours = shown
        for style in ("\x1b[1m", "\x1b[0m", "\x1b[32m", "\x1b[33m", "\x1b[31m"):
            ours = ours.replace(style, "")
        controls = {character for character in ours if not character.isprintable()}
        assert controls <= {"\r", "\n"}, words
        assert "\u202e" not in ours


def test_a_narrow_encoding_shows_escapes_and_does_not_fail(
    qtop_program: Qtop, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "mail→\n")
    ran = qtop_program("queues", PYTHONIOENCODING="latin-1")
    assert ran.status == 0
    assert ran.rows[0][0] == r"mail\u2192\u23ce"


def test_huge_and_broken_entries_are_listed_and_shown(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    huge = fail("Huge", "x" * 3_000_000)
    direct("RPUSH", "resque:failed", b"\xff\xfe no json", b"[1]", b"", b"[" * 100_000)
    listed = qtop("failed", "--json").objects
    assert [row["class"] for row in listed[:4]] == [None] * 4
    assert "too large to list" in listed[4]["problem"]
    (found,) = qtop("failed", "--json", "--filter", "class:Huge").objects
    assert found["size"] == len(huge)
    (shown,) = qtop("show", "--from", "failed", "--filter", f"id:{found['id']}", "--json").objects
    assert shown["raw"].encode("utf-8", "surrogateescape") == huge
    assert shown["args"] == ["x" * 3_000_000]
    text = qtop("show", "--from", "failed", "--limit", "0")
    assert text.status == 0
    assert "\\xff\\xfe no json" in text.out
    assert max(map(len, text.out.splitlines())) < 25_000


def test_numbers_beyond_json_do_not_break_a_listing(qtop: Qtop, direct: Direct) -> None:
    raw = b'{"payload":{"class":"A","args":[NaN,1e999,12345678901234567890,"\\ud800"]}}'
    direct("RPUSH", "resque:failed", raw)
    (row,) = qtop("failed", "--json").objects
    assert row["args"][:3] == ["nan", "inf", 12345678901234567890]
    assert qtop("show", "--from", "failed", "--json").objects[0]["raw"] == raw.decode()
    assert qtop("show", "--from", "failed").status == 0


def test_a_payload_is_encoded_as_ruby_writes_it() -> None:
    assert encoded({"class": "A", "args": [1]}) == b'{"class":"A","args":[1]}'
