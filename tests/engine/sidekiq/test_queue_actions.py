"""What an operator does with jobs that wait in Sidekiq's queues touches exactly those that were
named, and is taken back to their places."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.operations import StepByStep
from tests.support.rights import refused
from tests.support.sidekiq_jobs import KEYS, fill_queue, job, record, state_of, waiting_in

from queuecore.bulk import BARRED, BLANK, JobRef, JobRefs, Result
from queuecore.exchange import Steps
from queuecore.stores import Store
from queuecore.windows import sha_of
from sidekiq.errors import AuthRefused
from sidekiq.store import queue_actions, undo

KEY = KEYS.queue("q")
EDITED = job(999)

Act = Callable[[Sequence[JobRef], Any], Steps[Result]]
ACTS: dict[str, Act] = {
    "delete": lambda refs, mine: queue_actions.delete(KEYS, "q", refs, mine),
    "move": lambda refs, mine: queue_actions.move(KEYS, "q", refs, "r", mine),
    "move to its own back": lambda refs, mine: queue_actions.move(KEYS, "q", refs, "q", mine),
    "edit": lambda refs, mine: queue_actions.edit(KEYS, "q", refs[:1], lambda raw: EDITED, mine),
}


def jobs(count: int) -> list[bytes]:
    return [job(number, queue="q") for number in range(count)]


def test_jobs_move_to_the_back_of_another_queue_in_their_order(
    store: Store, direct: Direct
) -> None:
    items = jobs(6)
    refs = fill_queue(direct, "q", items)
    fill_queue(direct, "r", [job(77)])
    assert store.run(queue_actions.move(KEYS, "q", [refs[4], refs[1]], "r")) == Result(done=2)
    assert waiting_in(direct, "q") == [items[0], *items[2:4], items[5]]
    moved = [item.replace(b'"queue":"q"', b'"queue":"r"') for item in (items[1], items[4])]
    assert waiting_in(direct, "r") == [job(77), *moved]
    assert sorted(direct("SMEMBERS", KEYS.queues())) == [b"q", b"r"]


def test_a_job_is_edited_in_its_place(store: Store, direct: Direct) -> None:
    items = jobs(5)
    refs = fill_queue(direct, "q", items)
    assert store.run(queue_actions.edit(KEYS, "q", [refs[2]], lambda raw: EDITED)) == Result(done=1)
    assert waiting_in(direct, "q") == [*items[:2], EDITED, *items[3:]]


@pytest.mark.parametrize("edited", [b"", b"[]", b'{"class":"A"}', b'{"args":[]}'])
def test_what_is_no_job_is_not_written(store: Store, direct: Direct, edited: bytes) -> None:
    refs = fill_queue(direct, "q", jobs(1))
    result = store.run(queue_actions.edit(KEYS, "q", refs, lambda raw: edited))
    assert (result.done, len(result.refused)) == (0, 1)
    assert waiting_in(direct, "q") == jobs(1)


@pytest.mark.parametrize("args", [b"[NaN]", b'[{"a":[-Infinity]}]', b'["\\ud83dx"]'])
def test_what_ruby_cannot_read_is_not_written(store: Store, direct: Direct, args: bytes) -> None:
    refs = fill_queue(direct, "q", jobs(1))
    edited = b'{"class":"A","args":%s}'
    result = store.run(queue_actions.edit(KEYS, "q", refs, lambda raw: edited % args))
    assert (result.done, len(result.refused)) == (0, 1)
    assert waiting_in(direct, "q") == jobs(1)
    as_text = edited % b'["NaN \\ud83d\\ude00"]'
    assert store.run(queue_actions.edit(KEYS, "q", refs, lambda raw: as_text)).done == 1
    assert waiting_in(direct, "q") == [as_text]


@pytest.mark.parametrize("act", [act for act in ACTS if act != "delete"])
def test_what_is_no_job_can_only_be_deleted(store: Store, direct: Direct, act: str) -> None:
    refs = fill_queue(direct, "q", [b"[1]"])
    result = store.run(ACTS[act](refs, None))
    assert (result.done, len(result.refused)) == (0, 1)
    assert store.run(ACTS["delete"](refs, None)) == Result(done=1)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("count", [30, 1300])
def test_each_action_is_taken_back_to_the_byte_and_once(
    store: Store, direct: Direct, act: str, count: int
) -> None:
    refs = JobRefs()
    for ref in fill_queue(direct, "q", jobs(count)):
        if ref.place % 5 in (0, 1, 3) and ref.place > 3:
            refs.add(ref)
    before, mine = state_of(direct), record(act, KEY)
    result = store.run(ACTS[act](refs, mine))
    assert result == Result(done=1 if act == "edit" else len(refs))
    assert state_of(direct) != before
    undone = store.run(undo.undo(KEYS, mine.id))
    assert (undone.done, undone.lost) == (result.done, 0)
    assert state_of(direct) == before
    assert not store.run(undo.undo(KEYS, mine.id)).is_known


@pytest.mark.parametrize("act", ["delete", "move"])
def test_jobs_near_the_end_of_a_long_queue_come_back_to_their_places(
    store: Store, direct: Direct, act: str
) -> None:
    items = [b'{"class":"A","args":[%d],"queue":"q"}' % number for number in range(30_000)]
    refs = fill_queue(direct, "q", items)
    before, mine = waiting_in(direct, "q"), record(act, KEY)
    chosen = [*refs[3:300:3], *refs[440:450], *refs[3500:3520], *refs[-2:]]
    assert store.run(ACTS[act](chosen, mine)) == Result(done=len(chosen))
    assert store.run(undo.undo(KEYS, mine.id)).done == len(chosen)
    assert waiting_in(direct, "q") == before


def test_what_moved_far_is_found_in_the_whole_queue(store: Store, direct: Direct) -> None:
    items = jobs(2600)
    refs = fill_queue(direct, "q", items)[2000:2010]
    direct("RPOP", KEY, 1000)
    direct("RPUSH", KEY, *jobs(50))
    assert store.run(queue_actions.delete(KEYS, "q", refs)) == Result(done=10)
    left = waiting_in(direct, "q")
    assert left[::-1][-50:] == jobs(50)
    assert left[50:] == items[1000:2000] + items[2010:]


def test_newcomers_change_no_place(store: Store, direct: Direct) -> None:
    refs = fill_queue(direct, "q", jobs(100))[20:30]
    hand = StepByStep(store, queue_actions.delete(KEYS, "q", refs, at_once=3))

    def clients() -> None:
        direct("LPUSH", KEY, *[b"new"] * 200)

    assert hand.finish(clients) == Result(done=10)
    assert waiting_in(direct, "q")[:90] == jobs(20) + jobs(100)[30:]


class Others:
    """Workers and clients, who do something now and then, and keep book."""

    def __init__(self, direct: Direct, chance: Random) -> None:
        self._direct, self._chance = direct, chance
        self.taken: list[bytes] = []
        self.pushed: list[bytes] = []

    def act(self) -> None:
        """One thing or nothing; and a look, in which no half-done work may be seen."""
        kind = self._chance.randrange(4)
        if kind == 0:
            self.taken += self._direct("RPOP", KEY, self._chance.randrange(1, 9)) or []
        elif kind == 1:
            new = [b"new %d" % self._chance.getrandbits(64) for _ in range(7)]
            self._direct("LPUSH", KEY, *new)
            self.pushed += new
        assert BLANK not in waiting_in(self._direct, "q")


def plain(item: bytes) -> bytes:
    """A job as it was before it was moved."""
    return item.replace(b'"queue":"r"', b'"queue":"q"')


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("act", ["delete", "move"])
def test_among_others_and_two_undos_each_job_is_in_one_place(
    store: Store, direct: Direct, seed: int, act: str
) -> None:
    chance = Random(seed)
    items = jobs(500)
    refs = fill_queue(direct, "q", items)
    chosen = chance.sample(refs, 150)
    others, mine = Others(direct, chance), record(act, KEY)
    result = StepByStep(store, ACTS[act](chosen, mine)).finish(others.act)
    assert result.done + result.gone == len(chosen)
    worked = direct("RPOP", KEYS.queue("r"), 9) or []
    there = Counter(map(plain, waiting_in(direct, "q") + waiting_in(direct, "r") + worked))
    deleted = {ref.sha for ref in chosen} if act == "delete" else set()
    known = Counter(item for item in items + others.pushed if sha_of(item) not in deleted)
    taken = Counter(item for item in others.taken if sha_of(item) not in deleted)
    assert there + taken == known

    undoing = [StepByStep(store, undo.undo(KEYS, mine.id)) for _ in range(2)]
    while any(hand.next for hand in undoing):
        others.act()
        chance.choice(undoing).step()
    undone = [hand.finish() for hand in undoing]
    assert sum(each.done + each.lost for each in undone) == result.done
    assert waiting_in(direct, "r") == []
    left = Counter(waiting_in(direct, "q")) + Counter(others.taken) + Counter(map(plain, worked))
    assert left == Counter(items + others.pushed)


def test_the_same_bytes_are_taken_as_often_as_they_were_named(store: Store, direct: Direct) -> None:
    refs = fill_queue(direct, "q", [job(1)] * 50)
    mine = record("move", KEY)
    assert store.run(queue_actions.move(KEYS, "q", refs[10:15], "r", mine)) == Result(done=5)
    assert (len(waiting_in(direct, "q")), len(waiting_in(direct, "r"))) == (45, 5)
    direct("RPOP", KEYS.queue("r"))
    undone = store.run(undo.undo(KEYS, mine.id))
    assert (undone.done, undone.lost) == (4, 1)


def test_a_queue_of_another_kind_is_refused(store: Store, direct: Direct) -> None:
    refs = fill_queue(direct, "q", jobs(3))
    direct("SET", KEYS.queue("r"), "x")
    result = store.run(queue_actions.move(KEYS, "q", refs, "r"))
    assert result == Result(refused=((BARRED, 3),))
    assert waiting_in(direct, "q") == jobs(3)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("command", ["-lset", "-lrem", "-lpush", "-rpush", "-sadd", "-xadd"])
def test_without_a_right_nothing_is_done(
    store: Store, direct: Direct, act: str, command: str
) -> None:
    refs = fill_queue(direct, "q", jobs(3))
    before = state_of(direct)
    with refused(direct, command):
        result = store.run(ACTS[act](refs[:1], record(act, KEY)))
    if result.stopped is None:
        assert result.done == 1
    else:
        assert isinstance(result.stopped, AuthRefused)
        assert state_of(direct) == before


@pytest.mark.parametrize("to", ["", "half \ud800"])
def test_a_queue_needs_a_name(store: Store, direct: Direct, to: str) -> None:
    refs = fill_queue(direct, "q", jobs(1))
    result = store.run(queue_actions.move(KEYS, "q", refs, to))
    assert (result.done, len(result.refused)) == (0, 1)
    assert waiting_in(direct, "q") == jobs(1)


def test_a_moved_payload_differs_in_its_queue_alone(store: Store, direct: Direct) -> None:
    raw = b'{"class":"A","args":[1.50, "queue"] ,"x":{"queue":"z"},"queue" : "q"}'
    refs = fill_queue(direct, "q", [raw])
    assert store.run(queue_actions.move(KEYS, "q", refs, 'r"\n')) == Result(done=1)
    [moved] = waiting_in(direct, 'r"\n')
    assert moved == raw.replace(b': "q"', b': "r\\"\\n"')
    assert json.loads(moved)["queue"] == 'r"\n'
