"""What counts the entries that commands and scripts touch sees every walk along a list."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.operations import fill, numbered
from tests.support.touched_entries import Watched

#: Longer than what any script may touch.
LONG = 30_000


def touched(url: str, direct: Direct, script: str) -> tuple[int, int]:
    """How many entries a script on a long list touches, and how deep it goes."""
    fill(direct, numbered(LONG))
    fill(direct, [b"a", b"b", b"c"], "own:short")
    with Watched(url) as watched:
        direct("EVAL", script, 2, "resque:queue:q", "own:short", "item 20000 ")
    [found] = watched.touched
    assert found.command.startswith("EVAL")
    return found.entries, found.deepest


@pytest.mark.parametrize(
    ("call", "entries"),
    [
        ("'LREM', KEYS[1], 1, ARGV[1]", 20_001),
        ("'LREM', KEYS[1], -1, ARGV[1]", 10_000),
        ("'LREM', KEYS[1], -1, 'none'", LONG),
        ("'LPOS', KEYS[1], ARGV[1]", 20_001),
        ("'LPOS', KEYS[1], ARGV[1], 'RANK', -1", 10_000),
        ("'LPOS', KEYS[1], ARGV[1], 'COUNT', 0", LONG),
        ("'LINSERT', KEYS[1], 'BEFORE', ARGV[1], 'new'", 20_001),
    ],
)
def test_a_script_that_looks_for_an_entry_is_seen_to_walk(
    redis_url: str, direct: Direct, call: str, entries: int
) -> None:
    assert touched(redis_url, direct, f"redis.call({call})") == (entries, entries)


@pytest.mark.parametrize(
    ("call", "depth"),
    [
        ("'LSET', KEYS[1], 20000, 'new'", 10_000),
        ("'LINDEX', KEYS[1], -20000", 10_001),
        ("'LINDEX', KEYS[1], 40000", 0),
    ],
)
def test_a_script_that_reaches_one_entry_is_seen_to_reach_deep(
    redis_url: str, direct: Direct, call: str, depth: int
) -> None:
    assert touched(redis_url, direct, f"redis.call({call})") == (1, depth)


@pytest.mark.parametrize(
    ("calls", "entries"),
    [
        ("redis.call('LRANGE', KEYS[1], 5, 9) redis.call('LRANGE', KEYS[1], -9, -1)", 14),
        ("redis.call('RPUSH', KEYS[1], unpack(redis.call('LPOP', KEYS[1], 500)))", 1_000),
        ("redis.call('LTRIM', KEYS[1], 7, -4) redis.call('LLEN', KEYS[1])", 10),
        ("redis.call('LMOVE', KEYS[2], KEYS[1], 'RIGHT', 'LEFT') redis.call('RPOP', KEYS[1])", 2),
        ("redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'a', 'b')", LONG + 2),
        ("redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)", LONG),
        ("redis.call('LREM', KEYS[2], 0, 'b')", 3),
    ],
)
def test_what_all_commands_of_a_script_touch_is_one_sum(
    redis_url: str, direct: Direct, calls: str, entries: int
) -> None:
    assert touched(redis_url, direct, calls)[0] == entries


def test_a_command_whose_cost_is_unknown_is_an_error(redis_url: str, direct: Direct) -> None:
    with pytest.raises(AssertionError, match="what SORT touches is unknown"):
        touched(redis_url, direct, "redis.call('SORT', KEYS[1], 'ALPHA')")


def test_each_command_of_a_client_counts_for_itself(redis_url: str, direct: Direct) -> None:
    fill(direct, numbered(1_000))
    with Watched(redis_url) as watched:
        direct("LRANGE", "resque:queue:q", 0, -1)
        direct("EVAL", "redis.call('LPOP', KEYS[1])", 1, "resque:queue:q")
        direct("LPOP", "resque:queue:q", 3)
    assert [each.entries for each in watched.touched] == [1_000, 1, 3]
