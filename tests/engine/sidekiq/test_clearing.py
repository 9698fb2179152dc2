"""Clearing queues and emptying sets: what was there at the preview goes, what came since stays."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_processes import KEYS, taken_back, trail

from queuecore import audit
from queuecore.errors import WrongType
from queuecore.exchange import Exchange, Steps, checked
from queuecore.reading import reading_only
from queuecore.stores import Store
from queuecore.values import Any
from sidekiq.keys import SidekiqKeys
from sidekiq.store import clearing
from sidekiq.store.clearing import SetExtent

QUEUE = "queue:q"
#: The newest first, as in a queue: the last is next.
JOBS = [b"job %d" % number for number in range(50, 0, -1)]
VERSIONS = ("v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7")


def fill(direct: Direct) -> None:
    direct("SADD", "queues", "q", "other")
    direct("RPUSH", QUEUE, *JOBS)


def test_a_clear_deletes_what_was_there_and_no_newcomer(direct: Direct, store: Store) -> None:
    fill(direct)
    seen = store.run(clearing.extent(KEYS, "q"))
    assert seen.length == 50
    for _ in range(3):
        direct("RPOP", QUEUE)
    direct("LPUSH", QUEUE, "new 1", "new 2")
    mine = trail("clear", KEYS.queue("q"))
    assert store.run(clearing.clear(KEYS, "q", seen, mine)) == 47
    assert direct("LRANGE", QUEUE, 0, -1) == [b"new 2", b"new 1"]
    assert direct("SISMEMBER", "queues", "q") == 1
    direct("LPUSH", QUEUE, "new 3")
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (47, 0)
    assert direct("LRANGE", QUEUE, 0, -1) == [b"new 3", b"new 2", b"new 1", *JOBS[:-3]]


def test_a_queue_that_is_empty_then_loses_its_name_and_gets_it_back(
    direct: Direct, store: Store
) -> None:
    fill(direct)
    mine = trail("clear", KEYS.queue("q"))
    seen = store.run(clearing.extent(KEYS, "q"))
    assert store.run(clearing.clear(KEYS, "q", seen, mine)) == 50
    assert direct("SMEMBERS", "queues") == [b"other"]
    assert direct("EXISTS", QUEUE) == 0
    assert taken_back(store, mine).done == 50
    assert {*direct("SMEMBERS", "queues")} == {b"q", b"other"}
    assert direct("LRANGE", QUEUE, 0, -1) == JOBS


def test_what_cannot_be_told_from_others_stays(direct: Direct, store: Store) -> None:
    fill(direct)
    seen = store.run(clearing.extent(KEYS, "q"))
    direct("LPOP", QUEUE)
    assert store.run(clearing.clear(KEYS, "q", seen, trail("clear"))) is None
    assert direct("LLEN", QUEUE) == 49


@pytest.mark.parametrize("version", VERSIONS)
def test_a_queue_is_cleared_as_the_recorded_api_does(
    direct: Direct, store: Store, version: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    prefix = "app:" if keys.namespace else ""
    restore(direct, f"sidekiq/{version}-api-queue_job_delete")
    assert direct("LLEN", keys.queue("idle")) > 0
    seen = store.run(clearing.extent(keys, "idle"))
    assert store.run(clearing.clear(keys, "idle", seen)) == seen.length
    after = load(f"sidekiq/{version}-api-queue_clear")["keys"]
    assert direct("EXISTS", keys.queue("idle")) == (f"{prefix}queue:idle" in after)
    assert sorted(each.decode() for each in direct("SMEMBERS", keys.queues())) == sorted(
        after[f"{prefix}queues"]["value"]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_set_is_emptied_as_the_recorded_api_does(
    direct: Direct, store: Store, version: str
) -> None:
    keys = SidekiqKeys("app" if "namespaced" in version else "")
    restore(direct, f"sidekiq/{version}-api-stats_reset")
    before = contents(direct, keys.jobs("dead").decode())
    seen = store.run(clearing.set_extent(keys, "dead"))
    mine = trail("empty", keys.jobs("dead"))
    assert store.run(clearing.empty(keys, seen, mine)).done == len(before) > 0
    after = load(f"sidekiq/{version}-api-dead_clear")["keys"]
    assert {each for each in direct("KEYS", "*") if b"qtop:" not in each} == {
        each.encode() for each in after
    }
    assert taken_back(store, mine, keys).done == len(before)
    assert contents(direct, keys.jobs("dead").decode()) == before


def test_only_the_name_of_an_empty_queue_is_taken_off(direct: Direct, store: Store) -> None:
    fill(direct)
    mine = trail("forget")
    assert store.run(clearing.forget(KEYS, "q", mine)) == "not empty"
    assert store.run(clearing.forget(KEYS, "none", mine)) == "no such queue"
    assert store.run(clearing.forget(KEYS, "other", mine)) == "forgotten"
    assert direct("SMEMBERS", "queues") == [b"q"]
    assert taken_back(store, mine).done == 1
    assert {*direct("SMEMBERS", "queues")} == {b"q", b"other"}


def entries(count: int, *, size: int = 0) -> dict[bytes, str]:
    """Jobs of a set by their scores, thousands of them with the same."""
    return {
        b'{"jid":"%024d"}%s' % (number, b"x" * size): "7.5" if number % 3 else f"{number}.25"
        for number in range(count)
    }


def put(direct: Direct, wanted: dict[bytes, str], key: str = "retry") -> None:
    pairs = [part for member, score in wanted.items() for part in (score, member)]
    for first in range(0, len(pairs), 10_000):
        direct("ZADD", key, *pairs[first : first + 10_000])


def contents(direct: Direct, key: str = "retry") -> dict[bytes, str]:
    flat = direct("ZRANGE", key, 0, -1, "WITHSCORES")
    return {member: score.decode() for member, score in zip(flat[::2], flat[1::2], strict=True)}


def test_a_set_is_emptied_of_what_was_there_while_others_change_it(
    direct: Direct, store: Store
) -> None:
    there = entries(5000)
    put(direct, there)
    seen = store.run(reading_only(clearing.set_extent(KEYS, "retry")))
    assert len(seen) == 5000
    assert seen.size_bytes == sum(map(len, there))
    chance = random.Random(7)
    newcomers: dict[bytes, str] = {}
    taken: set[bytes] = set()

    def change(_: Exchange[Any]) -> Steps[None]:
        # A poller takes from the front; new ones come anywhere, also with the same score.
        [member] = direct("ZRANGE", "retry", 0, 0) or [b""]
        if member in there:
            direct("ZREM", "retry", member)
            taken.add(member)
        for score in ("7.5", f"{chance.randrange(6000)}.75"):
            new = b"new %d" % len(newcomers)
            newcomers[new] = score
            direct("ZADD", "retry", score, new)
        yield from ()

    mine = trail("empty", KEYS.jobs("retry"), len(seen))
    result = store.run(checked(clearing.empty(KEYS, seen, mine), change))
    assert contents(direct) == newcomers
    assert (result.done, result.gone) == (5000 - len(taken), len(taken))
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (result.done, 0)
    assert contents(direct) == newcomers | {k: v for k, v in there.items() if k not in taken}


@pytest.mark.parametrize("score", ["inf", "-inf", "-3.5", "1e+300", "0"])
def test_entries_go_back_to_their_very_scores(direct: Direct, store: Store, score: str) -> None:
    put(direct, {b"\xff\0": score, b"": score, b"x": "1795436196.4331234"})
    before = contents(direct)
    mine = trail("empty", KEYS.jobs("retry"))
    assert store.run(clearing.empty(KEYS, store.run(clearing.set_extent(KEYS, "retry")), mine)).done
    assert direct("EXISTS", "retry") == 0
    assert taken_back(store, mine).done == 3
    assert contents(direct) == before


def test_an_entry_that_was_moved_or_is_there_again_is_left(direct: Direct, store: Store) -> None:
    put(direct, {b"a": "1", b"b": "2", b"c": "3"})
    seen = store.run(clearing.set_extent(KEYS, "retry"))
    direct("ZADD", "retry", 9, "b")
    mine = trail("empty", KEYS.jobs("retry"))
    result = store.run(clearing.empty(KEYS, seen, mine))
    assert (result.done, result.gone) == (2, 1)
    direct("ZADD", "retry", 5, "a")
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (1, 1)
    assert contents(direct) == {b"a": "5", b"b": "9", b"c": "3"}


def test_large_entries_are_few_at_once_and_what_is_too_large_is_not_kept(
    direct: Direct, store: Store
) -> None:
    there = entries(12, size=700_000)
    put(direct, there, "dead")
    seen = store.run(clearing.set_extent(KEYS, "dead"))
    trips: list[int] = []

    def count(_: Exchange[Any]) -> Steps[None]:
        trips.append(direct("ZCARD", "dead"))
        yield from ()

    mine = trail("empty", KEYS.jobs("dead"))
    doing = clearing.empty(KEYS, seen, mine, undo_bytes=8_000_000)
    assert store.run(checked(doing, count)).done == 12
    assert all(before - after <= 3 for before, after in pairwise(trips))
    assert store.run(audit.newest(KEYS, 1))[0].undo_left_s is None
    assert not taken_back(store, mine).is_known


def test_a_set_of_another_kind_is_an_error(direct: Direct, store: Store) -> None:
    direct("SET", "retry", "x")
    with pytest.raises(WrongType):
        store.run(clearing.set_extent(KEYS, "retry"))
    seen = SetExtent("retry")
    seen.add(1.0, 1, "0" * 40)
    assert isinstance(store.run(clearing.empty(KEYS, seen)).stopped, WrongType)
