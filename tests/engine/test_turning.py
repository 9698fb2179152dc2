"""Many items leave the depths of a long list, and come back: the list is turned for that. Whatever
happens meanwhile, no item is lost or doubled, and in the end the list is in its order.

Chance is seeded: a failure comes again with its number.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.operations import KEY, QUEUE, StepByStep, fill, marks, numbered, trail, waiting
from tests.support.soak import either

from queuecore import bulk, turning, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Steps
from queuecore.keys import turn, turn_apart
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import queues
from resque.store.undo import Undone, undo

KEYS = Keys()
TARGET = "resque:queue:r"
ITEMS = numbered(600)


@pytest.fixture(autouse=True)
def short_lists_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of hundreds are turned, in steps of tens."""
    for name, number in (
        *(("SHALLOW_ITEMS", 20), ("FEW_ITEMS", 3), ("STEP_ITEMS", 7), ("STEP_PLACES", 30)),
        *(("STEP_BYTES", 13_000), ("BACK_ITEMS", 9), ("_WAIT_S", 0.001)),
    ):
        monkeypatch.setattr(turning, name, number)


def scattered(chance: Random, first: int = 0, last: int = len(ITEMS)) -> list[int]:
    count = chance.randrange(1 + (last - first) // 2, last - first)
    return sorted(chance.sample(range(first, last), count))


def without(places: list[int]) -> list[bytes]:
    left = set(range(len(ITEMS))) - set(places)
    return [ITEMS[place] for place in sorted(left)]


def moved(chosen: list[JobRef], record: ActionRecord | None = None) -> Steps[Result]:
    return queues.move(KEYS, "q", chosen, "r", record)


def seen_in_order(store: Store) -> list[bytes]:
    """The list as qtop reads it."""
    window = store.run(windows.window(KEY, 0, -1, max_bytes=100))
    return [item.raw for item in window.items]


def is_turned(direct: Direct) -> bool:
    assert not direct("EXISTS", turn_apart(KEY))
    return bool(direct("EXISTS", turn(KEY)))


PARTS = [(0, 600), (0, 90), (500, 600), (40, 45), (250, 330), (590, 600)]


@pytest.mark.parametrize(("first", "last"), PARTS)
def test_matches_leave_in_order_and_the_others_stay_in_theirs(
    store: Store, direct: Direct, first: int, last: int
) -> None:
    fill(direct, ITEMS)
    places = scattered(Random(first + last), first, last)
    mine = trail("move")
    assert store.run(moved(marks(ITEMS, places), mine)) == Result(done=len(places))
    assert waiting(direct) == without(places)
    assert waiting(direct, TARGET) == [ITEMS[place] for place in places]
    assert not is_turned(direct)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert waiting(direct) == ITEMS
    assert direct("EXISTS", TARGET) == 0
    assert not is_turned(direct)


@pytest.mark.parametrize("seed", range(either(2, 30)))
def test_qtop_reads_the_list_in_its_order_at_every_moment(
    store: Store, direct: Direct, seed: int
) -> None:
    chance = Random(seed)
    fill(direct, ITEMS)
    mine = trail("move")
    known, new = list(ITEMS), 0
    for operation in (
        moved(marks(ITEMS, scattered(chance)), mine),
        undo(KEYS, mine.id),
    ):
        hand = StepByStep(store, operation)
        was_turned = 0
        while hand.step():
            if chance.random() < 0.3:
                new += 1
                known.append(b"new %d" % new)
                direct("RPUSH", QUEUE, known[-1])
            inside = set(waiting(direct))
            assert seen_in_order(store) == [item for item in known if item in inside]
            was_turned += is_turned(direct)
        assert was_turned > 10
    assert waiting(direct) == known


def others_act(direct: Direct, chance: Random, taken: list[bytes], pushed: list[bytes]) -> None:
    """Workers take, clients push, one puts a job back to the front, one removes some by bytes."""
    kind = chance.randrange(6)
    if kind == 0:
        taken += direct("LPOP", QUEUE, chance.randrange(1, 12)) or []
    elif kind == 1:
        new = [b"new %d" % chance.getrandbits(64) for _ in range(5)]
        direct("RPUSH", QUEUE, *new)
        pushed += new
    elif kind == 2 and taken:
        direct("LPUSH", QUEUE, taken.pop())
    elif kind == 3:
        item = chance.choice(ITEMS)
        taken += [item] * direct("LREM", QUEUE, 1, item)


@pytest.mark.parametrize("seed", range(either(5, 100)))
def test_others_who_take_and_push_meanwhile_lose_nothing_by_it(
    store: Store, direct: Direct, seed: int
) -> None:
    chance = Random(seed)
    fill(direct, ITEMS)
    taken: list[bytes] = []
    pushed: list[bytes] = []
    ever_taken: set[bytes] = set()
    places = scattered(chance)
    mine = trail("move")

    def act() -> None:
        others_act(direct, chance, taken, pushed)
        ever_taken.update(taken)
        everywhere = Counter(waiting(direct) + waiting(direct, TARGET) + taken)
        assert everywhere == Counter(ITEMS + pushed)

    result = StepByStep(store, moved(marks(ITEMS, places), mine)).finish(act)
    chosen = {ITEMS[place] for place in places}
    assert set(waiting(direct, TARGET)) <= chosen
    assert result.done == direct("LLEN", TARGET)
    assert result.done + result.gone == len(places)
    # What was there all the time has moved.
    assert not chosen & set(waiting(direct)) - ever_taken
    undone = StepByStep(store, undo(KEYS, mine.id)).finish(act)
    assert undone == Undone(done=result.done)
    assert not is_turned(direct)
    assert Counter(waiting(direct) + taken) == Counter(ITEMS + pushed)


@pytest.mark.parametrize("seed", range(either(5, 100)))
def test_after_it_was_killed_the_next_one_puts_the_list_in_order(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(turning, "GRACE_S", 0)
    chance = Random(seed)
    fill(direct, ITEMS)
    places = scattered(chance)
    mine = trail("move")
    pushed: list[bytes] = []
    for _ in range(3):
        for operation in (moved(marks(ITEMS, places), mine), undo(KEYS, mine.id)):
            hand = StepByStep(store, operation)
            for _ in range(chance.randrange(40)):
                if not hand.step():
                    break
                if chance.random() < 0.1:
                    pushed += [b"new %d" % chance.getrandbits(64)]
                    direct("RPUSH", QUEUE, pushed[-1])
            hand.abandon()
            inside = set(waiting(direct))
            assert seen_in_order(store) == [item for item in ITEMS + pushed if item in inside]
            assert Counter(waiting(direct) + waiting(direct, TARGET)) == Counter(ITEMS + pushed)
    store.run(undo(KEYS, mine.id))
    store.run(turning.settled(KEYS, KEY))
    assert waiting(direct) == ITEMS + pushed
    assert not is_turned(direct)


def test_two_who_turn_the_same_list_do_it_one_after_the_other(store: Store, direct: Direct) -> None:
    fill(direct, ITEMS)
    first = StepByStep(store, moved(marks(ITEMS, range(0, 600, 2))))
    second = StepByStep(store, moved(marks(ITEMS, range(0, 600, 3))))
    chance = Random(1)
    while first.next is not None or second.next is not None:
        chance.choice((first, second)).step()
    assert waiting(direct) == [item for at, item in enumerate(ITEMS) if at % 2 and at % 3]
    both = first.finish().plus(second.finish().done, second.finish().gone)
    assert (both.done, both.gone) == (400, 100)


def test_a_reader_of_the_whole_list_misses_nothing_while_it_is_turned(
    store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS)
    places = list(range(0, 600, 4))
    reading = StepByStep(store, bulk.scan(KEY, lambda item, place: item.raw))
    hand = StepByStep(store, moved(marks(ITEMS, places)))
    while hand.next is not None:
        hand.step()
        reading.step()
    assert set(without(places)) <= set(reading.finish())


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"nonsense",
        b"ab 1 2 3",
        b"ab 99999999999999999999 5 0 600 aa bb",
        b"ab 0 999999999999999 999999999999999 0 aa bb",
        b"ab 0 600 0 600 " + b"a" * 100_000 + b" bb",
        "list",
    ],
)
def test_a_state_that_makes_no_sense_is_no_turn(
    store: Store, direct: Direct, state: bytes | str
) -> None:
    fill(direct, ITEMS)
    if isinstance(state, str):
        direct("RPUSH", turn(KEY), "x")
    else:
        direct("SET", turn(KEY), state)
    assert seen_in_order(store) == ITEMS
    places = list(range(50, 500, 3))
    assert store.run(moved(marks(ITEMS, places))) == Result(done=len(places))
    assert waiting(direct) == without(places)


def test_an_old_state_is_not_applied_to_a_list_that_was_made_anew(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "GRACE_S", 0)
    fill(direct, ITEMS)
    hand = StepByStep(store, moved(marks(ITEMS, range(0, 600, 2))))
    for _ in range(20):
        hand.step()
    hand.abandon()
    assert is_turned(direct)
    direct("DEL", QUEUE)
    others = [b"other %d" % number for number in range(500)]
    fill(direct, others)
    assert seen_in_order(store) == others
    assert store.run(moved(marks(others, range(0, 500, 2)))).done == 250
    assert waiting(direct) == others[1::2]


def test_a_job_that_goes_to_the_end_of_its_own_list_comes_after_all(
    store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS)
    places = list(range(100, 500, 5))
    mine = trail("move")
    assert store.run(queues.move(KEYS, "q", marks(ITEMS, places), "q", mine)).done == len(places)
    assert waiting(direct) == without(places) + [ITEMS[place] for place in places]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert waiting(direct) == ITEMS


@pytest.mark.parametrize("kinds", [2, 5, 40])
@pytest.mark.parametrize("seed", range(4))
def test_newcomers_come_last_where_jobs_are_equal_and_workers_take_meanwhile(
    store: Store, direct: Direct, seed: int, kinds: int
) -> None:
    chance = Random(seed)
    items = [b"kind %d" % chance.randrange(kinds) for _ in range(600)]
    fill(direct, items)
    pushed: list[bytes] = []

    def act() -> None:
        if chance.random() < 0.7:
            return
        direct("LPOP", QUEUE, 2)
        pushed.extend((b"kind %d" % chance.randrange(kinds), b"new %d" % len(pushed)))
        direct("RPUSH", QUEUE, *pushed[-2:])

    chosen = marks(items, range(300, 600, 5))
    StepByStep(store, moved(chosen)).finish(act)
    left = waiting(direct)
    new = [item for item in left if item.startswith(b"new")]
    # Workers may take some of them while the list is turned.
    assert new == [item for item in pushed if item in set(new)]
    assert len(left) - left.index(new[0]) < len(pushed)


def test_a_list_that_was_nearly_emptied_while_a_bulk_waited_is_left_again(
    store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS)
    hand = StepByStep(store, moved(marks(ITEMS, range(300, 600, 3))))
    hand.step()
    direct("LTRIM", QUEUE, 0, 4)
    for _ in range(100):
        hand.step()
    assert hand.next is None
    assert hand.finish() == Result(gone=100)
    assert waiting(direct) == ITEMS[:5]


def test_a_queue_whose_key_is_that_of_a_turn_keeps_its_jobs(store: Store, direct: Direct) -> None:
    fill(direct, ITEMS)
    fill(direct, [b"a", b"b"], turn(KEY).decode())
    places = list(range(50, 500, 3))
    mine = trail("move")
    assert store.run(moved(marks(ITEMS, places), mine)) == Result(done=len(places))
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert waiting(direct) == ITEMS
    assert store.run(queues.remove_queue(KEYS, "q")) == len(ITEMS)
    assert waiting(direct, turn(KEY)) == [b"a", b"b"]


@pytest.mark.parametrize("steps", [2, 4, 10])
def test_an_undo_goes_on_where_its_list_was_emptied_meanwhile(
    store: Store, direct: Direct, steps: int
) -> None:
    fill(direct, ITEMS)
    places = list(range(100, 500, 3))
    mine = trail("move")
    store.run(moved(marks(ITEMS, places), mine))
    hand = StepByStep(store, undo(KEYS, mine.id))
    for _ in range(steps):
        hand.step()
    taken = waiting(direct)
    direct("DEL", QUEUE)
    for _ in range(100):
        hand.step()
    assert hand.next is None
    assert hand.finish() == Undone(done=len(places))
    assert sorted(waiting(direct) + taken) == sorted(ITEMS)


def test_an_undo_that_was_killed_with_nothing_left_to_put_back_leaves_the_order_to_the_next(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = list(range(100, 160))
    fill(direct, ITEMS)
    mine = trail("move")
    store.run(moved(marks(ITEMS, places), mine))
    # Workers have them all: none comes back.
    direct("DEL", TARGET)
    killed = StepByStep(store, undo(KEYS, mine.id))
    while direct("LLEN", KEYS.undo_items(mine.id)):
        assert killed.step()
    assert waiting(direct) != without(places), "its list is not turned when it is killed"
    monkeypatch.setattr(turning, "GRACE_S", 0.0)
    store.run(undo(KEYS, mine.id))
    assert waiting(direct) == without(places)
    assert not is_turned(direct)
