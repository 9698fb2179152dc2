"""Many jobs leave the depths of a long queue of Sidekiq's, are edited there, and come back: its
list is turned for that, towards its head, where newcomers come. Whatever happens meanwhile, no job
is lost or doubled, and in the end the list is in its order.

Chance is seeded: a failure comes again with its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.operations import StepByStep
from tests.support.sidekiq_jobs import KEYS, fill_queue, job, record, waiting_in
from tests.support.soak import either

from queuecore import bulk, turning, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Steps
from queuecore.keys import turn, turn_apart
from queuecore.stores import Store
from queuecore.undo import Undone
from queuecore.windows import sha_of
from sidekiq.store import clearing, queue_actions, waiting_jobs
from sidekiq.store.undo import undo

KEY = KEYS.queue("q")
ITEMS = [job(number, queue="q") for number in range(600)]


@pytest.fixture(autouse=True)
def short_lists_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of hundreds are turned, in steps of tens."""
    for name, number in (
        *(("SHALLOW_ITEMS", 20), ("FEW_ITEMS", 3), ("STEP_ITEMS", 7), ("STEP_PLACES", 30)),
        *(("STEP_BYTES", 13_000), ("BACK_ITEMS", 9), ("_WAIT_S", 0.001)),
    ):
        monkeypatch.setattr(turning, name, number)


def edited(raw: bytes) -> bytes:
    return raw.replace(b'"HardJob"', b'"Edited!"')


def plain(raw: bytes) -> bytes:
    """A job as it was before it was edited or moved."""
    return raw.replace(b'"Edited!"', b'"HardJob"').replace(b'"queue":"r"', b'"queue":"q"')


def acting(act: str, refs: Sequence[JobRef], mine: ActionRecord | None = None) -> Steps[Result]:
    if act == "move":
        return queue_actions.move(KEYS, "q", refs, "r", mine)
    if act == "edit":
        return queue_actions.edit(KEYS, "q", refs, edited, mine)
    return queue_actions.delete(KEYS, "q", refs, mine)


def scattered(chance: Random, first: int = 0, last: int = len(ITEMS)) -> list[int]:
    count = chance.randrange(1 + (last - first) // 2, last - first)
    return sorted(chance.sample(range(first, last), count))


def expected(act: str, places: Sequence[int]) -> list[bytes]:
    chosen = set(places)
    if act == "edit":
        return [edited(item) if at in chosen else item for at, item in enumerate(ITEMS)]
    return [item for at, item in enumerate(ITEMS) if at not in chosen]


def seen_in_order(store: Store) -> list[bytes]:
    """The queue as qtop reads it: the next job first."""
    whole = store.run(waiting_jobs.stretch(KEY, 0, 10**6))
    return [windows.read_item(each).raw for each in whole.replies]


def is_turned(direct: Direct) -> bool:
    assert not direct("EXISTS", turn_apart(KEY))
    return bool(direct("EXISTS", turn(KEY)))


PARTS = [(0, 600), (0, 90), (500, 600), (40, 45), (250, 330), (590, 600)]


@pytest.mark.parametrize(("first", "last"), PARTS)
@pytest.mark.parametrize("act", ["move", "edit"])
def test_an_action_leaves_the_others_in_their_order_and_is_taken_back(
    store: Store, direct: Direct, act: str, first: int, last: int
) -> None:
    refs = fill_queue(direct, "q", ITEMS)
    places = scattered(Random(first + last), first, last)
    mine = record(act, KEY)
    done = len(places)
    assert store.run(acting(act, [refs[at] for at in places], mine)) == Result(done=done)
    assert waiting_in(direct, "q") == expected(act, places)
    moved = [ITEMS[at] for at in places] if act == "move" else []
    assert list(map(plain, waiting_in(direct, "r"))) == moved
    assert not is_turned(direct)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=done)
    assert waiting_in(direct, "q") == ITEMS
    assert not direct("EXISTS", KEYS.queue("r"))
    assert direct("SMEMBERS", KEYS.queues()) == [b"q"]
    assert not is_turned(direct)


@pytest.mark.parametrize("act", ["move", "edit"])
@pytest.mark.parametrize("seed", range(either(1, 30)))
def test_qtop_reads_the_queue_in_its_order_at_every_moment(
    store: Store, direct: Direct, seed: int, act: str
) -> None:
    chance = Random(seed)
    refs = fill_queue(direct, "q", ITEMS)
    mine, known, was_turned = record(act, KEY), list(ITEMS), 0
    chosen = [refs[at] for at in scattered(chance)]
    for operation in (acting(act, chosen, mine), undo(KEYS, mine.id)):
        hand = StepByStep(store, operation)
        while hand.step():
            if chance.random() < 0.3:
                known.append(b"new %d" % len(known))
                direct("LPUSH", KEY, known[-1])
            if chance.random() < 0.8:
                continue
            inside = set(map(plain, waiting_in(direct, "q")))
            seen = list(map(plain, seen_in_order(store)))
            assert seen == [item for item in known if item in inside]
            was_turned += is_turned(direct)
    assert was_turned > 5
    assert waiting_in(direct, "q") == known


class Others:
    """Workers, clients, a process that gives a job back, and somebody who removes some."""

    def __init__(self, direct: Direct, chance: Random) -> None:
        self._direct, self._chance = direct, chance
        self.taken: list[bytes] = []
        self.pushed: list[bytes] = []

    def act(self) -> None:
        """One thing or nothing."""
        kind = self._chance.randrange(6)
        if kind == 0:
            self.taken += self._direct("RPOP", KEY, self._chance.randrange(1, 12)) or []
        elif kind == 1:
            new = [b"new %d" % self._chance.getrandbits(64) for _ in range(5)]
            self._direct("LPUSH", KEY, *new)
            self.pushed += new
        elif kind == 2 and self.taken:
            self._direct("RPUSH", KEY, self.taken.pop())
        elif kind == 3:
            item = self._chance.choice(ITEMS)
            self.taken += [item] * self._direct("LREM", KEY, 1, item)

    def everywhere(self) -> Counter[bytes]:
        """All jobs, as they were before."""
        waiting = waiting_in(self._direct, "q") + waiting_in(self._direct, "r")
        return Counter(map(plain, waiting + self.taken))


@pytest.mark.parametrize("act", ["move", "edit"])
@pytest.mark.parametrize("seed", range(either(2, 100)))
def test_others_who_take_and_push_meanwhile_lose_nothing_by_it(
    store: Store, direct: Direct, seed: int, act: str
) -> None:
    chance = Random(seed)
    refs = fill_queue(direct, "q", ITEMS)
    others, mine = Others(direct, chance), record(act, KEY)
    places = scattered(chance)

    def look() -> None:
        others.act()
        if chance.random() < 0.2:
            assert others.everywhere() == Counter(ITEMS + others.pushed)

    doing = acting(act, [refs[at] for at in places], mine)
    result = StepByStep(store, doing).finish(look)
    assert result.done + result.gone == len(places)
    undone = StepByStep(store, undo(KEYS, mine.id)).finish(look)
    assert undone.done + undone.lost == result.done
    assert not is_turned(direct)
    assert waiting_in(direct, "r") == []
    assert act == "edit" or not undone.lost
    assert others.everywhere() == Counter(ITEMS + others.pushed)


@pytest.mark.parametrize("act", ["move", "edit"])
@pytest.mark.parametrize("seed", range(either(2, 100)))
def test_after_it_was_killed_the_next_one_puts_the_queue_in_order(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch, seed: int, act: str
) -> None:
    monkeypatch.setattr(turning, "GRACE_S", 0)
    chance = Random(seed)
    refs = fill_queue(direct, "q", ITEMS)
    chosen, mine = [refs[at] for at in scattered(chance)], record(act, KEY)
    pushed: list[bytes] = []
    for _ in range(3):
        for operation in (acting(act, chosen, mine), undo(KEYS, mine.id)):
            hand = StepByStep(store, operation)
            for _ in range(chance.randrange(40)):
                if not hand.step():
                    break
                if chance.random() < 0.1:
                    pushed += [b"new %d" % chance.getrandbits(64)]
                    direct("LPUSH", KEY, pushed[-1])
            hand.abandon()
            inside = set(map(plain, waiting_in(direct, "q")))
            seen = list(map(plain, seen_in_order(store)))
            assert seen == [item for item in ITEMS + pushed if item in inside]
    store.run(undo(KEYS, mine.id))
    store.run(turning.settled(KEYS, KEY, "head"))
    assert waiting_in(direct, "q") == ITEMS + pushed
    assert not is_turned(direct)


def test_two_who_turn_the_same_queue_do_it_one_after_the_other(
    store: Store, direct: Direct
) -> None:
    refs = fill_queue(direct, "q", ITEMS)
    first = StepByStep(store, acting("move", refs[::2]))
    second = StepByStep(store, acting("delete", refs[::3]))
    chance = Random(1)
    while first.next is not None or second.next is not None:
        chance.choice((first, second)).step()
    assert waiting_in(direct, "q") == [item for at, item in enumerate(ITEMS) if at % 2 and at % 3]
    both = first.finish().plus(second.finish().done, second.finish().gone)
    assert (both.done, both.gone) == (400, 100)


@pytest.mark.parametrize("taken", [0, 10, 70, 130])
def test_an_edit_is_taken_back_where_workers_took_what_came_before(
    store: Store, direct: Direct, taken: int
) -> None:
    refs = fill_queue(direct, "q", ITEMS)
    mine = record("edit", KEY)
    assert store.run(acting("edit", refs[100:500:4], mine)) == Result(done=100)
    if taken:
        direct("RPOP", KEY, taken)
    lost = len(range(100, min(taken, 500), 4)) if taken > 100 else 0
    assert store.run(undo(KEYS, mine.id)) == Undone(done=100 - lost, lost=lost)
    assert waiting_in(direct, "q") == ITEMS[taken:]


def test_jobs_that_go_to_the_back_of_their_own_queue_come_after_all(
    store: Store, direct: Direct
) -> None:
    refs, mine = fill_queue(direct, "q", ITEMS), record("move", KEY)
    chosen = list(range(100, 500, 5))
    moving = queue_actions.move(KEYS, "q", [refs[at] for at in chosen], "q", mine)
    assert store.run(moving) == Result(done=len(chosen))
    assert waiting_in(direct, "q") == expected("move", chosen) + [ITEMS[at] for at in chosen]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(chosen))
    assert waiting_in(direct, "q") == ITEMS


def test_a_queue_that_is_being_turned_is_not_cleared(store: Store, direct: Direct) -> None:
    refs = fill_queue(direct, "q", ITEMS)
    seen = store.run(clearing.extent(KEYS, "q"))
    hand = StepByStep(store, acting("delete", refs[::2]))
    for _ in range(10):
        hand.step()
    assert is_turned(direct)
    assert store.run(clearing.clear(KEYS, "q", seen)) is None
    assert hand.finish() == Result(done=300)
    assert waiting_in(direct, "q") == ITEMS[1::2]


def test_a_turn_that_was_left_is_ended_the_way_it_began(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends it, also where they take the list for one of another system."""
    monkeypatch.setattr(turning, "GRACE_S", 0)
    refs = fill_queue(direct, "q", ITEMS)
    hand = StepByStep(store, acting("delete", refs[::2]))
    for _ in range(20):
        hand.step()
    hand.abandon()
    assert is_turned(direct)
    left = seen_in_order(store)
    assert waiting_in(direct, "q") != left
    assert store.run(turning.settled(KEYS, KEY)) == len(left)
    assert waiting_in(direct, "q") == left
    assert {sha_of(item) for item in left} >= {ref.sha for ref in refs[1::2]}


def test_an_edit_of_a_job_that_is_gone_edits_no_other(store: Store, direct: Direct) -> None:
    refs = fill_queue(direct, "q", ITEMS)
    direct("LREM", KEY, 1, ITEMS[300])
    assert store.run(acting("edit", refs[200:400:2])) == Result(done=99, gone=1)
    changed = [item for item in waiting_in(direct, "q") if plain(item) != item]
    assert changed == [edited(ITEMS[at]) for at in range(200, 400, 2) if at != 300]
    assert bulk.BLANK not in waiting_in(direct, "q")
