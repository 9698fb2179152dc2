"""What was decided for items when they were chosen is done to them later, though nobody reads them
again, and only that. Whatever happened to the list meanwhile, the books balance.

Chance is seeded: a failure comes again with its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from tests.support.direct import Direct
from tests.support.operations import KEY, StepByStep, fill, marks, numbered, trail, waiting

from queuecore import bulk, turning
from queuecore.bulk import Decide, JobRefs, Result, Taking
from queuecore.stores import Store
from resque.keys import Keys
from resque.store.undo import Undone, undo

KEYS = Keys()
ITEMS = [item.strip() for item in numbered(600)]
TARGETS = ("resque:queue:r1", "resque:queue:r2", "resque:queue:r3")


@pytest.fixture(autouse=True)
def short_lists_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of hundreds are turned, in steps of tens."""
    for name, number in (
        *(("SHALLOW_ITEMS", 20), ("FEW_ITEMS", 3), ("STEP_ITEMS", 7), ("STEP_PLACES", 30)),
        ("STEP_BYTES", 13_000),
    ):
        monkeypatch.setattr(turning, name, number)


class Deciding:
    """Decides for items, and keeps book of those it was asked about: those whose number ends with
    a zero stay, the others go to one of three queues, or nowhere."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, raw: bytes) -> Taking | str:
        self.asked.append(raw)
        kind = raw[-1] % 4
        if raw.endswith(b"0"):
            return "it ends with a zero"
        return Taking(0, raw, f"r{kind}", raw[kind:]) if kind else Taking(0, raw)

    def outcome(self, items: Iterable[bytes]) -> dict[str, list[bytes]]:
        """What these items come to, by the key they go to."""
        put: dict[str, list[bytes]] = {key: [] for key in TARGETS}
        for raw in items:
            taking = self(raw)
            if isinstance(taking, Taking) and taking.queue is not None:
                put[f"resque:queue:{taking.queue}"].append(taking.payload)
        return put


def chosen(places: Iterable[int], decide: Decide) -> JobRefs:
    refs = JobRefs()
    refs.decide = decide
    for ref in marks(ITEMS, places):
        taking = decide(ITEMS[ref.place])
        refs.add(ref, 0, bulk.kept(taking) if isinstance(taking, Taking) else None)
    return refs


def went(direct: Direct) -> dict[str, list[bytes]]:
    return {key: waiting(direct, key) for key in TARGETS}


def is_refused(raw: bytes) -> bool:
    return raw.endswith(b"0")


@pytest.mark.parametrize("with_refused", [False, True])
def test_it_is_done_without_asking_again_and_can_be_undone(
    store: Store, direct: Direct, *, with_refused: bool
) -> None:
    fill(direct, ITEMS)
    places = [at for at in range(25, 580, 3) if with_refused or not is_refused(ITEMS[at])]
    decide, mine = Deciding(), trail("requeue")
    refs = chosen(places, decide)
    decide.asked.clear()
    result = store.run(bulk.take(KEYS, KEY, refs, decide, mine))
    refused = [at for at in places if is_refused(ITEMS[at])]
    assert result.done == len(places) - len(refused)
    assert sum(number for _, number in result.refused) == len(refused)
    assert bool(decide.asked) is with_refused
    gone = {ITEMS[at] for at in places} - {ITEMS[at] for at in refused}
    assert went(direct) == decide.outcome(ITEMS[at] for at in places)
    assert waiting(direct) == [item for item in ITEMS if item not in gone]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=result.done)
    assert waiting(direct) == ITEMS


def test_what_was_decided_for_one_action_is_not_done_by_another(
    store: Store, direct: Direct
) -> None:
    fill(direct, ITEMS)
    places = range(25, 580, 3)
    result = store.run(bulk.take(KEYS, KEY, chosen(places, Deciding()), bulk.delete))
    assert result == Result(done=len(places))
    assert not any(went(direct).values())


def test_what_is_no_part_of_its_item_is_decided_again(store: Store, direct: Direct) -> None:
    fill(direct, ITEMS)

    def decide(raw: bytes) -> Taking | str:
        return Taking(0, raw, "r1", raw.upper())

    assert store.run(bulk.take(KEYS, KEY, chosen(range(25, 580), decide), decide)).done == 555
    assert waiting(direct, "resque:queue:r1") == [item.upper() for item in ITEMS[25:580]]


def test_more_queues_than_are_kept_get_their_jobs_all_the_same(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_MOST_KEPT", 2)
    fill(direct, ITEMS)
    places, decide = range(25, 580), Deciding()
    store.run(bulk.take(KEYS, KEY, chosen(places, decide), decide))
    assert went(direct) == decide.outcome(ITEMS[25:580])


@pytest.mark.parametrize("seed", range(6))
def test_others_who_change_the_list_meanwhile_lose_nothing_by_it(
    store: Store, direct: Direct, seed: int
) -> None:
    chance = Random(seed)
    fill(direct, ITEMS)
    places = sorted(chance.sample(range(600), 400))
    decide, taken = Deciding(), list[bytes]()

    def others() -> None:
        kind = chance.randrange(12)
        if kind == 0:
            taken.extend(direct("LPOP", KEY, chance.randrange(1, 90)) or [])
        elif kind == 1:
            direct("RPUSH", KEY, b"new %d" % chance.getrandbits(64))
        elif kind == 2:
            for item in chance.sample(ITEMS, 5):
                taken.extend([item] * direct("LREM", KEY, 1, item))

    refs = chosen(places, decide)
    taken.extend(direct("LPOP", KEY, chance.choice([0, 60, 250])) or [])
    result = StepByStep(store, bulk.take(KEYS, KEY, refs, decide)).finish(others)

    there = [ITEMS[at] for at in places if ITEMS[at] not in set(taken)]
    assert {key: sorted(items) for key, items in went(direct).items()} == {
        key: sorted(items) for key, items in decide.outcome(there).items()
    }
    assert result.done == sum(not is_refused(raw) for raw in there)
    left = [item for item in waiting(direct) if not item.startswith(b"new")]
    moved = {raw for raw in there if not is_refused(raw)}
    assert left == [item for item in ITEMS if item not in moved and item not in set(taken)]


@pytest.mark.parametrize("is_turned", [False, True])
def test_items_that_workers_moved_far_are_found_without_a_search_for_each(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch, *, is_turned: bool
) -> None:
    if not is_turned:
        monkeypatch.setattr(turning, "SHALLOW_ITEMS", 10_000)
    there, taken = numbered(4_000), 1_500
    refs = marks(there, range(2_000, 3_900, 19))

    def round_trips() -> int:
        hand, many = StepByStep(store, bulk.take(KEYS, KEY, refs, bulk.delete)), 1
        while hand.step():
            many += 1
        return many

    fill(direct, there)
    usual = round_trips()
    direct("DEL", KEY)
    fill(direct, there)
    direct("LPOP", KEY, taken)
    assert round_trips() <= usual + 5
    assert direct("LLEN", KEY) == len(there) - taken - len(refs)
