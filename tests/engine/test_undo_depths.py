"""Many items come back into the depths of a list: in order, in bearable portions, all or none."""

from __future__ import annotations

import random

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartRedis
from tests.support.operations import KEYS, QUEUE, StepByStep, fill, marks, numbered, trail, waiting

from queuecore.action_record import ActionRecord
from queuecore.stores import Store
from resque.errors import StoreError
from resque.store import queues
from resque.store.undo import Undone, undo


def deleted(store: Store, direct: Direct, items: list[bytes], places: list[int]) -> ActionRecord:
    fill(direct, items)
    mine = trail("delete")
    assert store.run(list_actions.delete(KEYS, "q", marks(items, places), mine)).done == len(places)
    return mine


@pytest.mark.parametrize("size", [0, 700])
@pytest.mark.parametrize(
    ("first", "last", "share"),
    [(0, 500, 0.5), (2400, 3000, 0.5), (0, 3000, 0.3), (0, 3000, 1.0), (1000, 2000, 1.0)],
)
def test_scattered_or_not_they_find_their_places_before_the_newcomers(
    store: Store, direct: Direct, first: int, last: int, share: float, size: int
) -> None:
    chance = random.Random(first + last)
    items = numbered(3000, size)
    places = sorted(chance.sample(range(first, last), int((last - first) * share)))
    mine = deleted(store, direct, items, places)
    newcomers = [b"new %d" % number for number in range(17)]
    fill(direct, newcomers)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert waiting(direct) == [*items, *newcomers]


@pytest.mark.parametrize("first", [5_000, 190_000])
def test_near_either_end_of_a_long_list_a_script_takes_back_many(
    store: Store, direct: Direct, first: int
) -> None:
    items = numbered(200_000)
    mine = deleted(store, direct, items, list(range(first, first + 5000)))
    fill(direct, [b"new"])
    hand = StepByStep(store, undo(KEYS, mine.id))
    scripts = 0
    while hand.next is not None:
        scripts += hand.next.writes
        hand.step()
    # Walking there, each would take back fifty near the head and one near the tail.
    assert scripts < 30
    assert waiting(direct) == [*items, b"new"]


@pytest.mark.parametrize(("first", "forbidden"), [(100, "linsert"), (100, "lset"), (800, "rpush")])
def test_a_user_who_may_not_do_all_of_it_does_nothing(
    redis_url: str, store: Store, direct: Direct, first: int, forbidden: str
) -> None:
    items = numbered(1000)
    mine = deleted(store, direct, items, list(range(first, first + 100)))
    before = waiting(direct)
    rights = (">sesame", "~*", "+@all", f"-{forbidden}")
    direct("ACL", "SETUSER", "modest", "reset", "on", *rights)
    try:
        with Store(redis_url.replace("unix://", "unix://modest:sesame@")) as modest:
            with pytest.raises(StoreError):
                modest.run(undo(KEYS, mine.id))
            assert waiting(direct) == before
    finally:
        direct("ACL", "DELUSER", "modest")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=100)
    assert waiting(direct) == items


def test_a_server_without_memory_still_takes_them_back(start_redis: StartRedis) -> None:
    server = start_redis("--maxmemory-policy", "noeviction")
    with Store(server.url) as store, server.direct() as direct:
        items = numbered(1000)
        mine = deleted(store, direct, items, list(range(400, 500)))
        direct("CONFIG", "SET", "maxmemory", "1")
        assert store.run(undo(KEYS, mine.id)) == Undone(done=100)
        assert waiting(direct) == items


def test_a_queue_onto_which_its_own_jobs_were_moved_gets_its_order_back(
    store: Store, direct: Direct
) -> None:
    items = numbered(2000)
    fill(direct, items)
    mine = trail("move")
    places = range(300, 1700)
    assert store.run(queues.move(KEYS, "q", marks(items, places), "q", mine)).done == 1400
    assert waiting(direct) == [*items[:300], *items[1700:], *items[300:1700]]
    direct("RPUSH", QUEUE, b"new")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1400)
    assert waiting(direct) == [*items, b"new"]


@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.parametrize("place", ["", "x", "-5", "1.5", "nan", "inf", "9" * 40])
def test_what_is_no_place_loses_no_job(
    store: Store, direct: Direct, place: str, count: int
) -> None:
    items, back = numbered(100), [b"back %d" % number for number in range(count)]
    fill(direct, items)
    fill(direct, back, "resque:queue:r")
    mine = trail("move")
    direct("HSET", KEYS.undo(mine.id), "shape", "items", "source", QUEUE)
    for each in back:
        direct("RPUSH", KEYS.undo_items(mine.id), place, each, "resque:queue:r", each)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=count)
    assert sorted(waiting(direct)) == sorted(items + back)


@pytest.mark.parametrize("shape", ["items", "list"])
def test_memory_that_does_not_say_of_which_list_it_is_cannot_be_undone(
    store: Store, direct: Direct, shape: str
) -> None:
    mine = trail("move")
    direct("HSET", KEYS.undo(mine.id), "shape", shape)
    direct("RPUSH", KEYS.undo_items(mine.id), "0", "a job", "", "")
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
