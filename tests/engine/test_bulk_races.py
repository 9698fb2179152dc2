"""Whatever others do between two steps of a bulk action, the books balance in the end.

Chance is seeded: a failure comes again with its number.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import QUEUE, StepByStep, fill, marks, numbered, trail, waiting

from queuecore import bulk
from queuecore.bulk import JobRef, Result
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import queues, undo

KEYS = Keys()
TARGET = "resque:queue:r"


class Others:
    """Workers, clients and other operators, who do something now and then, and keep book."""

    def __init__(self, direct: Direct, chance: Random, known: list[bytes]) -> None:
        self._direct = direct
        self._chance = chance
        self._known = known
        self.taken: list[bytes] = []
        self.pushed: list[bytes] = []

    def act(self) -> None:
        """One thing or nothing; and a look, in which no half-done work may be seen."""
        kind = self._chance.randrange(5)
        if kind == 0:
            self.taken += self._direct("LPOP", QUEUE, self._chance.randrange(1, 20)) or []
        elif kind == 1:
            new = [b"new %d" % self._chance.getrandbits(64) for _ in range(7)]
            self._direct("RPUSH", QUEUE, *new)
            self.pushed += new
        elif kind == 2:
            for item in self._chance.sample(self._known, 5):
                removed = self._direct("LREM", QUEUE, self._chance.choice([1, -1]), item)
                self.taken += [item] * removed
        self.look()

    def look(self) -> None:
        seen = waiting(self._direct)
        assert bulk.BLANK not in seen
        assert set(seen) <= {*self._known, *self.pushed}


def chosen_places(chance: Random, count: int) -> list[int]:
    """Some here and there, and a stretch without a gap."""
    start = chance.randrange(count)
    scattered = chance.sample(range(count), chance.randrange(count // 2))
    return sorted({*scattered, *range(start, min(count, start + 250))})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("times_stopped", [0, 2])
def test_of_different_items_the_marked_are_moved_or_taken_by_others(
    store: Store, direct: Direct, seed: int, times_stopped: int
) -> None:
    chance = Random(seed)
    items = numbered(1500)
    fill(direct, items)
    places = chosen_places(chance, len(items))
    chosen = marks(items, places)
    others = Others(direct, chance, items)
    done = 0
    for _ in range(times_stopped):
        hand = StepByStep(store, queues.move(KEYS, "q", chosen, "r"))
        for _ in range(chance.randrange(1, 8)):
            others.act()
            hand.step()
        hand.abandon()
        done = direct("LLEN", TARGET)
        others.look()
    result = StepByStep(store, queues.move(KEYS, "q", chosen, "r")).finish(others.act)

    wanted = {items[place] for place in places} - set(others.taken)
    assert sorted(waiting(direct, TARGET)) == sorted(wanted)
    assert result == Result(done=len(wanted) - done, gone=len(chosen) - (len(wanted) - done))
    away = wanted | set(others.taken)
    assert waiting(direct) == [item for item in items + others.pushed if item not in away]


@pytest.mark.parametrize("seed", range(12))
def test_of_identical_items_never_more_are_moved_than_were_marked(
    store: Store, direct: Direct, seed: int
) -> None:
    chance = Random(seed)
    items = [b"kind %d" % chance.randrange(12) for _ in range(900)]
    fill(direct, items)
    marked_kinds = {b"kind %d" % kind for kind in range(6)}
    places = [at for at in chosen_places(chance, 900) if items[at] in marked_kinds]
    others = Others(direct, chance, items)
    result = StepByStep(store, queues.move(KEYS, "q", marks(items, places), "r")).finish(others.act)

    moved = waiting(direct, TARGET)
    assert result.done == len(moved)
    assert result.done + result.gone == len(places)
    assert Counter(moved) <= Counter(items[place] for place in places)
    left = waiting(direct)
    assert Counter(left) + Counter(moved) + Counter(others.taken) == Counter(items + others.pushed)
    # What had no mark stayed in order; which of the equal items the others took is unknown.
    unmarked = iter(item for item in items + others.pushed if item not in marked_kinds)
    assert all(item in unmarked for item in left if item not in marked_kinds)


def sought(items: list[bytes], chance: Random) -> list[JobRef]:
    return marks(items, chosen_places(chance, len(items)))


@pytest.mark.parametrize("seed", range(8))
def test_two_actions_on_the_same_refs_share_them(store: Store, direct: Direct, seed: int) -> None:
    chance = Random(seed)
    items = numbered(1200)
    fill(direct, items)
    chosen = sought(items, chance)
    hands = [StepByStep(store, queues.move(KEYS, "q", chosen, to)) for to in ("r", "s")]
    while any(hand.next for hand in hands):
        chance.choice(hands).step()
    done = [hand.finish() for hand in hands]
    assert sum(each.done for each in done) == len(chosen)
    assert [each.done + each.gone for each in done] == [len(chosen)] * 2
    moved = waiting(direct, TARGET) + waiting(direct, "resque:queue:s")
    marked = {mark.sha for mark in chosen}
    left = [item for item in items if marks([item], [0])[0].sha not in marked]
    assert waiting(direct) == left
    assert sorted(moved + left) == sorted(items)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("act", ["delete", "move"])
def test_an_undo_among_others_restores_each_item_once(
    store: Store, direct: Direct, seed: int, act: str
) -> None:
    chance = Random(seed)
    items = numbered(800)
    fill(direct, items)
    chosen = sought(items, chance)
    mine = trail(act)
    others = Others(direct, chance, items)
    todo = (
        list_actions.delete(KEYS, "q", chosen, mine)
        if act == "delete"
        else queues.move(KEYS, "q", chosen, "r", mine)
    )
    done = StepByStep(store, todo).finish(others.act).done
    worked = direct("LPOP", TARGET, 9) or []
    undoing = [StepByStep(store, undo.undo(KEYS, mine.id)) for _ in range(2)]
    while any(hand.next for hand in undoing):
        others.act()
        chance.choice(undoing).step()
    undone = [hand.finish() for hand in undoing]

    assert sum(each.done for each in undone) == done - len(worked)
    assert sum(each.lost for each in undone) == len(worked)
    assert direct("EXISTS", TARGET) == 0
    gone = Counter(others.taken + worked)
    assert Counter(waiting(direct)) == Counter(items + others.pushed) - gone
    # What was never touched is still in its order.
    untouched = set(items) - {items[mark.place] for mark in chosen} - set(gone)
    assert [item for item in waiting(direct) if item in untouched] == [
        item for item in items if item in untouched
    ]
