"""Bulk actions touch exactly what was marked, wherever it is by then, and nothing else."""

from __future__ import annotations

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import KEY, KEYS, QUEUE, StepByStep, fill, marks, numbered, waiting

from queuecore import bulk
from queuecore.bulk import JobRef, Result
from queuecore.stores import Store
from queuecore.windows import Item
from resque.store import queues

HOSTILE = [b"", b"\0", b"\xff\xfe", b'{"class":"\\ud800"}', b"a\r\nb", b"-1", b"\x1b]0;x\x07"]


def without(items: list[bytes], places: list[int]) -> list[bytes]:
    return [item for place, item in enumerate(items) if place not in set(places)]


def test_the_marked_go_and_all_others_keep_their_bytes_and_order(
    store: Store, direct: Direct
) -> None:
    items = HOSTILE + numbered(50) + HOSTILE
    fill(direct, items)
    places = [0, 2, 9, 10, 11, 40, len(items) - 1]
    result = store.run(list_actions.delete(KEYS, "q", marks(items, places)))
    assert result == Result(done=7)
    # The same bytes stand at both ends: which of them went is only known by their places.
    assert waiting(direct) == without(items, places)


def test_nothing_marked_is_nothing_done(store: Store, direct: Direct) -> None:
    fill(direct, numbered(3))
    assert store.run(list_actions.delete(KEYS, "q", [])) == Result()
    assert waiting(direct) == numbered(3)


def test_a_ref_given_twice_counts_once(store: Store, direct: Direct) -> None:
    fill(direct, [b"same", b"same", b"other"])
    twice = marks([b"same"], [0, 0])
    assert store.run(list_actions.delete(KEYS, "q", twice)) == Result(done=1)
    assert waiting(direct) == [b"same", b"other"]


@pytest.mark.parametrize("popped", [1, 49, 51, 400])
def test_items_are_found_after_workers_took_the_head(
    store: Store, direct: Direct, popped: int
) -> None:
    items = numbered(3000)
    fill(direct, items)
    places = [*range(500, 520), 1500, 2999]
    chosen = marks(items, places)
    direct("LPOP", QUEUE, popped)
    direct("RPUSH", QUEUE, b"new")
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(done=22)
    assert waiting(direct) == [*without(items, places)[popped:], b"new"]


def test_items_are_found_after_others_between_them_were_deleted(
    store: Store, direct: Direct
) -> None:
    items = numbered(400)
    fill(direct, items)
    places = list(range(0, 400, 4))
    for item in items[1::4]:
        direct("LREM", QUEUE, 1, item)
    assert store.run(list_actions.delete(KEYS, "q", marks(items, places))) == Result(done=100)
    assert waiting(direct) == [item for at, item in enumerate(items) if at % 4 > 1]


def test_what_another_took_is_reported_gone(store: Store, direct: Direct) -> None:
    items = numbered(300)
    fill(direct, items)
    direct("LPOP", QUEUE, 10)
    for item in items[100:105]:
        direct("LREM", QUEUE, 1, item)
    chosen = marks(items, [*range(20), *range(100, 120)])
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(done=25, gone=15)
    assert waiting(direct) == items[20:100] + items[120:]
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(gone=40)


def test_a_list_that_is_gone_altogether_has_nothing_left(store: Store, direct: Direct) -> None:
    chosen = marks(numbered(10), range(10))
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(gone=10)
    fill(direct, [b"new"])
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(gone=10)
    assert waiting(direct) == [b"new"]


def test_what_is_taken_between_the_look_and_the_act_is_counted_once(
    store: Store, direct: Direct
) -> None:
    items = numbered(60)
    fill(direct, items)
    chosen = marks(items, [20, 22, 40, 42])
    # The marks are two places away from where they point; one is taken at the last moment.
    direct("LPOP", QUEUE, 2)
    hand = StepByStep(store, list_actions.delete(KEYS, "q", chosen))
    hand.step_until_it_writes()
    direct("LREM", QUEUE, 1, items[42])
    assert hand.finish() == Result(done=3, gone=1)
    assert waiting(direct) == without(items, [0, 1, 20, 22, 40, 42])


@pytest.mark.parametrize("places", [[0], [3], [1, 4], [0, 1, 2, 3, 4]])
def test_of_identical_items_as_many_go_as_were_marked(
    store: Store, direct: Direct, places: list[int]
) -> None:
    items = [b"same"] * 5
    fill(direct, items)
    assert store.run(list_actions.delete(KEYS, "q", marks(items, places))).done == len(places)
    assert waiting(direct) == [b"same"] * (5 - len(places))


def test_more_equal_refs_than_are_left_are_gone(store: Store, direct: Direct) -> None:
    items = [b"same", b"other", b"same", b"same"]
    fill(direct, items)
    chosen = marks(items, [0, 2, 3])
    direct("LPOP", QUEUE)
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(done=2, gone=1)
    assert waiting(direct) == [b"other"]


def test_a_list_of_fifty_thousand_loses_every_seventh(store: Store, direct: Direct) -> None:
    items = numbered(50_000)
    fill(direct, items)
    chosen = marks(items, range(0, 50_000, 7))
    assert store.run(list_actions.delete(KEYS, "q", chosen)) == Result(done=len(chosen))
    assert waiting(direct) == [item for at, item in enumerate(items) if at % 7]


def test_huge_items_go_and_stay_whole(store: Store, direct: Direct) -> None:
    items = [b"%d" % n + b"x" * 3_000_000 for n in range(6)]
    for item in items:
        direct("RPUSH", QUEUE, item)
    chosen = marks(items, [1, 2, 4])
    direct("LPOP", QUEUE)
    assert store.run(queues.move(KEYS, "q", chosen, "r")) == Result(done=3)
    assert waiting(direct) == [items[3], items[5]]
    assert waiting(direct, "resque:queue:r") == [items[1], items[2], items[4]]


@pytest.mark.parametrize("count", [3, 450, 2500])
def test_what_is_moved_keeps_its_order_and_registers_its_queue(
    store: Store, direct: Direct, count: int
) -> None:
    items = numbered(2500)
    fill(direct, items)
    direct("RPUSH", "resque:queue:r", b"before")
    chosen = marks(items, range(count))
    assert store.run(queues.move(KEYS, "q", chosen[::-1], "r")) == Result(done=count)
    assert waiting(direct) == items[count:]
    assert waiting(direct, "resque:queue:r") == [b"before", *items[:count]]
    assert direct("SMEMBERS", "resque:queues") == [b"r"]


def test_moving_to_the_same_queue_puts_jobs_at_its_end(store: Store, direct: Direct) -> None:
    items = numbered(450)
    fill(direct, items)
    chosen = marks(items, range(0, 450, 2))
    assert store.run(queues.move(KEYS, "q", chosen, "q")) == Result(done=225)
    assert waiting(direct) == items[1::2] + items[::2]


def test_each_item_may_go_to_a_queue_of_its_own_or_be_refused(store: Store, direct: Direct) -> None:
    items = numbered(400)
    fill(direct, items)

    def decide(raw: bytes) -> bulk.Taking | str:
        number = int(raw.split()[1])
        if number % 4 == 0:
            return "no multiples of four"
        if number % 4 == 1:
            return f"no odd ones such as {number % 8}"
        return bulk.Taking(0, raw, f"n{number % 4} \udcff", raw.upper())

    result = store.run(bulk.take(KEYS, KEY, marks(items, range(400)), decide))
    assert (result.done, result.gone) == (200, 0)
    assert dict(result.refused) == {
        "no multiples of four": 100,
        "no odd ones such as 1": 50,
        "no odd ones such as 5": 50,
    }
    assert waiting(direct) == [item for at, item in enumerate(items) if at % 4 < 2]
    for rest in (2, 3):
        pushed = [item.upper() for at, item in enumerate(items) if at % 4 == rest]
        assert waiting(direct, b"resque:queue:n%d \xff" % rest) == pushed
    assert sorted(direct("SMEMBERS", "resque:queues")) == [b"n2 \xff", b"n3 \xff"]


def see(item: Item, place: int) -> tuple[bytes, JobRef]:
    return item.raw, JobRef(place, item.sha)


def test_a_scan_goes_from_the_newest_to_the_oldest(store: Store, direct: Direct) -> None:
    items = numbered(3500)
    fill(direct, items)
    found = store.run(bulk.scan(KEY, see))
    assert [raw for raw, _ in found] == items[::-1]
    assert [mark for _, mark in found] == marks(items, range(3499, -1, -1))
    assert store.run(bulk.scan(KEY, lambda _, place: place if place < 3 else None)) == [2, 1, 0]
    assert store.run(bulk.scan(KEYS.queue("nothing"), see)) == []


def test_a_scan_names_each_item_once_though_the_head_is_taken_meanwhile(
    store: Store, direct: Direct
) -> None:
    items = numbered(3500)
    fill(direct, items)

    def meanwhile() -> None:
        direct("LPOP", QUEUE, 130)
        direct("RPUSH", QUEUE, b"new")

    hand = StepByStep(store, bulk.scan(KEY, see))
    hand.step()  # the length, too: what comes later is not seen
    found = hand.finish(meanwhile)
    raws = [raw for raw, _ in found if raw != b"new"]
    # 3,500 items are four looks, and 390 items were taken by the last of them.
    assert raws == items[:389:-1]
    done = store.run(list_actions.delete(KEYS, "q", [mark for raw, mark in found if raw != b"new"]))
    assert done == Result(done=3110)
    assert set(waiting(direct)) == {b"new"}


def test_a_scan_of_identical_items_sees_all(store: Store, direct: Direct) -> None:
    fill(direct, [b"same"] * 2500)
    assert store.run(bulk.scan(KEY, lambda _, place: place)) == list(range(2499, -1, -1))
