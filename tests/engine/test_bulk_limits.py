"""Bulk actions on servers in need, on keys of the wrong kind, and in bearable portions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hiredis
import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.operations import (
    FAILED,
    KEY,
    KEYS,
    QUEUE,
    StepByStep,
    call_of,
    entry,
    fill,
    marks,
    newest_failures,
    numbered,
    trail,
    waiting,
)
from tests.support.proxy import Proxy

from queuecore import bulk, turning
from queuecore.address import parse_url
from queuecore.bulk import Result
from queuecore.stores import Store
from resque.errors import OutcomeUnknown, WrongType
from resque.store import queues

TARGET = "resque:queue:r"


@pytest.fixture
def full(start_redis: StartRedis) -> Iterator[tuple[Store, Direct, Callable[[], None]]]:
    """A server of the test's own, and what takes its memory away."""
    server = start_redis("--maxmemory-policy", "noeviction")
    with Store(server.url) as store, server.direct() as direct:

        def no_more() -> None:
            direct("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(hiredis.ReplyError, match="OOM"):
                direct("SET", "own:more", "x")

        yield store, direct, no_more


def test_a_server_without_memory_still_deletes_moves_and_requeues(
    full: tuple[Store, Direct, Callable[[], None]],
) -> None:
    store, direct, no_more = full
    items = numbered(50)
    fill(direct, items)
    fill(direct, [entry(n) for n in range(50)], FAILED)
    no_more()
    deleted = list_actions.delete(KEYS, "q", marks(items, range(0, 20)), trail("delete"))
    assert store.run(deleted) == Result(done=20)
    moved = queues.move(KEYS, "q", marks(items, range(20, 30)), "r", trail("move"))
    assert store.run(moved) == Result(done=10)
    found = [list_actions.ref_of(each) for each in newest_failures(store)]
    assert store.run(list_actions.requeue(KEYS, found)) == Result(done=50)
    assert store.run(list_actions.clear(KEYS, "r", store.run(list_actions.extent(KEYS, "r")))) == 10
    assert waiting(direct) == items[30:] + [b'{"class":"A","args":[]}'] * 50
    assert direct("XLEN", KEYS.audit()) == 2


def test_an_item_whose_queue_is_no_list_stays_where_it_is(store: Store, direct: Direct) -> None:
    entries = [entry(n, queue="qr"[n % 2]) for n in range(10)]
    fill(direct, entries, FAILED)
    direct("SET", TARGET, "no list")
    chosen = [list_actions.ref_of(each) for each in newest_failures(store)]
    result = store.run(list_actions.requeue(KEYS, chosen, trail("requeue", KEYS.failed())))
    assert result == Result(done=5, refused=(("where it should go holds no list", 5),))
    assert waiting(direct, FAILED) == entries[1::2]
    assert direct("GET", TARGET) == b"no list"


@pytest.mark.parametrize("key", [KEYS.queues(), KEYS.audit(), KEY])
def test_a_key_of_the_wrong_kind_stops_an_action_before_it_begins(
    store: Store, direct: Direct, key: bytes
) -> None:
    items = numbered(5)
    fill(direct, items)
    if key == KEY:
        direct("RENAME", KEY, "own:kept")
    direct("SET", key, "of another kind")
    result = store.run(queues.move(KEYS, "q", marks(items, [1, 2]), "r", trail("move")))
    assert (result.done, type(result.stopped)) == (0, WrongType)
    assert waiting(direct, "own:kept" if key == KEY else KEY) == items
    assert direct("EXISTS", TARGET) == 0


def parts(store: Store, direct: Direct, size: int, places: range, length: int) -> list[int]:
    """How many items each script takes of a list."""
    items = numbered(length, size)
    fill(direct, items)
    hand = StepByStep(store, list_actions.delete(KEYS, "q", marks(items, places)))
    taken, before = [], length
    while hand.next is not None:
        is_script = hand.next.writes
        hand.step()
        if is_script:
            now = direct("LLEN", QUEUE)
            taken.append(before - now)
            before = now
    assert sum(taken) == len(places)
    return taken


def test_near_the_ends_a_script_takes_many_and_in_the_depths_few(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hundred thousand jobs of a kilobyte: reaching the middle is a walk over 6,000 nodes.
    near = parts(store, direct, 1000, range(400), 100_000)
    assert near == [200, 200]
    direct("DEL", QUEUE)
    # Else the list would be turned for so many.
    monkeypatch.setattr(turning, "FEW_ITEMS", 200)
    deep = parts(store, direct, 1000, range(50_000, 50_200), 100_000)
    assert max(deep) < 50


def test_large_items_are_taken_a_megabyte_at_a_time(store: Store, direct: Direct) -> None:
    assert max(parts(store, direct, 100_000, range(30), 40)) <= 10


def test_what_vanished_is_not_looked_for_without_end(store: Store, direct: Direct) -> None:
    items = numbered(20_000)
    fill(direct, items)
    hand = StepByStep(store, list_actions.delete(KEYS, "q", marks(items, range(10_000, 10_200))))
    count = len(call_of(hand.step_until_it_writes()).args)
    assert count > 400
    direct("LTRIM", QUEUE, 0, 9_000)
    fill(direct, [b"new %d" % n for n in range(11_000)])
    direct("CONFIG", "RESETSTAT")
    hand.step()
    looked = direct("INFO", "commandstats").decode().partition("cmdstat_lindex:calls=")[2]
    # Each of 200 looking 50 places around itself would be 20,000 looks.
    assert int(looked.partition(",")[0]) < 10_000
    assert hand.finish() == Result(gone=200)


class Losing:
    """Swallows the answer to every script that takes items, while it is set to."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, command: list[bytes], reply: Any) -> bool:
        return not (self.on and bulk.BLANK in command and isinstance(reply, list))


def test_a_lost_answer_is_reported_and_what_was_done_is_not_done_again(
    redis_url: str, store: Store, direct: Direct
) -> None:
    items = numbered(500)
    fill(direct, items)
    chosen = marks(items, range(0, 500, 2))
    path = parse_url(redis_url).path
    assert path is not None
    losing = Losing()
    with Proxy(Path(path), losing) as proxy, Store(proxy.url) as lossy:
        assert lossy.run(list_actions.delete(KEYS, "q", marks(items, [499]))) == Result(done=1)
        losing.on = True
        result = lossy.run(queues.move(KEYS, "q", chosen, "r"))
        assert isinstance(result.stopped, OutcomeUnknown)
        assert (result.done, direct("LLEN", TARGET)) == (0, 200)
        losing.on = False
        assert lossy.run(queues.move(KEYS, "q", chosen, "r")) == Result(done=50, gone=200)
    assert waiting(direct, TARGET) == items[::2]
    assert waiting(direct) == items[1:-1:2]


def test_a_script_that_is_sent_twice_takes_nothing_twice(store: Store, direct: Direct) -> None:
    items = numbered(20)
    fill(direct, items)
    hand = StepByStep(store, queues.move(KEYS, "q", marks(items, [3, 4, 5]), "r"))
    script = hand.step_until_it_writes()
    assert store.run(script) == (3, [], [])
    assert store.run(script) == (0, [1, 2, 3], [])
    assert waiting(direct, TARGET) == items[3:6]
    assert hand.finish() == Result(gone=3)


def test_an_item_with_the_text_of_a_blank_is_like_any_other(store: Store, direct: Direct) -> None:
    # A reader of the source may push what an older version used.
    items = [b"a", b"\0qtop: taken\0", b"b", b"\0qtop: taken\0", b"c", b"d"]
    fill(direct, items)
    assert store.run(list_actions.delete(KEYS, "q", marks(items, [0, 3, 5]))) == Result(done=3)
    assert waiting(direct) == [b"\0qtop: taken\0", b"b", b"c"]
