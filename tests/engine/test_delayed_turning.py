"""Many delayed jobs of one second leave the depths of a long list, and come back: the list is
turned for that. Whatever happens meanwhile, no job is lost or doubled, each is known to be delayed,
and a moment is in the schedule as long as it has jobs.

Chance is seeded: a failure comes again with its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from tests.support.delayed_jobs import MOMENTS, job, park
from tests.support.direct import Direct
from tests.support.operations import KEYS, StepByStep, contents, trail, waiting
from tests.support.soak import either

from queuecore import turning, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.exchange import Steps
from queuecore.keys import turn, turn_apart
from queuecore.stores import Store
from resque.scheduler import delayed_actions, moving
from resque.store import delayed_windows
from resque.store.delayed_windows import DelayedEntry, DelayedRef, Position
from resque.store.undo import Undone, undo

T = 1_900_000_000
KEY = KEYS.delayed(str(T))
LATER = KEYS.delayed(str(T + 60))
QUEUE = KEYS.queue("q")
#: Equal ones are among these.
JOBS = [job(Random(n).randrange(120)) for n in range(200)]
ACTS = ["run", "delete", "reschedule", "to the same moment"]
#: Jobs of a list of which it is not known that they are delayed until then.
UNKNOWN = """
local unknown = {}
for _, job in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if redis.call('SISMEMBER', ARGV[1] .. job, ARGV[2]) == 0 then
    unknown[#unknown + 1] = job
  end
end
return unknown
"""
PARTS = [(0, 200), (0, 40), (160, 200), (80, 120)]


@pytest.fixture(autouse=True)
def short_lists_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of hundreds are turned, in steps of tens."""
    for name, number in (
        *(("SHALLOW_ITEMS", 20), ("FEW_ITEMS", 3), ("STEP_ITEMS", 7), ("STEP_PLACES", 30)),
        *(("STEP_BYTES", 20_000), ("BACK_ITEMS", 9), ("_WAIT_S", 0.001)),
    ):
        monkeypatch.setattr(turning, name, number)


def refs(jobs: Sequence[bytes], places: Sequence[int]) -> list[DelayedRef]:
    found = [(place, windows.whole(jobs[place])) for place in places]
    return [DelayedRef(str(T), place, item.sha, item.size) for place, item in found]


def acted(act: str, chosen: list[DelayedRef], record: ActionRecord | None = None) -> Steps[Result]:
    if act == "run":
        return delayed_actions.run(KEYS, chosen, record)
    if act == "delete":
        return delayed_actions.delete(KEYS, chosen, record)
    at = T + 60 if act == "reschedule" else T
    return delayed_actions.reschedule(KEYS, chosen, at, record)


def scattered(chance: Random, first: int = 0, last: int = len(JOBS)) -> list[int]:
    count = chance.randrange(1 + (last - first) // 2, last - first)
    return sorted(chance.sample(range(first, last), count))


def seen_in_order(store: Store) -> list[bytes]:
    """The moment's jobs as qtop lists them."""
    page = store.run(delayed_windows.page(KEYS, Position(), 10_000))
    found: list[DelayedEntry] = [each for each in page.jobs if each.moment.stamp == str(T)]
    return [each.job.item.raw for each in found if each.job is not None]


def is_turned(direct: Direct) -> bool:
    assert not direct("EXISTS", turn_apart(KEY))
    return bool(direct("EXISTS", turn(KEY)))


def check_all_are_known(direct: Direct) -> None:
    """Each job is known to be delayed until its moment, and a moment is in the schedule as long
    as it has jobs."""
    for at, key in ((T, KEY), (T + 60, LATER)):
        assert (direct("ZSCORE", MOMENTS, at) is not None) == bool(direct("LLEN", key))
        assert direct("EVAL", UNKNOWN, 1, key, KEYS.delayed_stamps(b""), f"delayed:{at}") == []


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("first", "last"), PARTS)
def test_what_is_meant_leaves_in_order_and_comes_back_to_the_byte(
    store: Store, direct: Direct, act: str, first: int, last: int
) -> None:
    park(direct, T, *JOBS)
    park(direct, T + 60, *JOBS[:50:7], job("another"))
    before = contents(direct)
    places = scattered(Random(first + last), first, last)
    meant, mine = set(places), trail(act, MOMENTS)
    hand = StepByStep(store, acted(act, refs(JOBS, places), mine))
    was_turned = []
    assert hand.finish(lambda: was_turned.append(is_turned(direct))) == Result(done=len(places))
    assert sum(was_turned) > 1
    left = [raw for place, raw in enumerate(JOBS) if place not in meant]
    gone = [JOBS[place] for place in places]
    assert waiting(direct, KEY) == left + (gone if act == "to the same moment" else [])
    if act == "reschedule":
        assert waiting(direct, LATER)[-len(gone) :] == gone
    if act == "run":
        assert direct("LLEN", QUEUE) == len(gone)
    known = {raw for raw in JOBS if direct("SISMEMBER", KEYS.delayed_stamps(raw), f"delayed:{T}")}
    assert known == set(waiting(direct, KEY))
    check_all_are_known(direct)
    assert not is_turned(direct)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert contents(direct) == before


@pytest.mark.parametrize("act", ["run", "delete", "reschedule"])
def test_all_jobs_of_a_moment_leave_it_and_come_back(
    store: Store, direct: Direct, act: str
) -> None:
    park(direct, T, *JOBS)
    before, mine = contents(direct), trail(act, MOMENTS)
    result = store.run(acted(act, refs(JOBS, range(len(JOBS))), mine))
    assert result == Result(done=len(JOBS))
    assert (direct("EXISTS", KEY), direct("ZSCORE", MOMENTS, T)) == (0, None)
    assert not is_turned(direct)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(JOBS))
    assert contents(direct) == before


def test_qtop_lists_a_moment_in_its_order_all_the_time(store: Store, direct: Direct) -> None:
    jobs = [job(number) for number in range(200)]
    park(direct, T, *jobs)
    chance, mine = Random(1), trail("delete", MOMENTS)
    known = list(jobs)
    for operation in (acted("delete", refs(jobs, scattered(chance)), mine), undo(KEYS, mine.id)):
        hand = StepByStep(store, operation)
        was_turned = 0
        while hand.step():
            if chance.random() < 0.2:
                known.append(job(len(known)))
                park(direct, T, known[-1])
            inside = set(waiting(direct, KEY))
            assert seen_in_order(store) == [raw for raw in known if raw in inside]
            was_turned += is_turned(direct)
        assert was_turned > 5
    assert waiting(direct, KEY) == known


def ruby_takes(direct: Direct, taken: list[bytes]) -> None:
    """A job as resque-scheduler takes it off a moment that is due: in steps of its own, each of
    which leaves what the next one expects."""
    if (raw := direct("LPOP", KEY)) is not None:
        taken.append(raw)
        if direct("LPOS", KEY, raw) is None:
            direct("SREM", KEYS.delayed_stamps(raw), f"delayed:{T}")
    if direct("LLEN", KEY) == 0:
        direct("DEL", KEY)
        direct("ZREM", MOMENTS, T)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("seed", range(either(1, 60)))
def test_schedulers_and_clients_meanwhile_lose_nothing_by_it(
    store: Store, direct: Direct, act: str, seed: int
) -> None:
    chance = Random(f"{act} {seed}")
    park(direct, T, *JOBS)
    taken: list[bytes] = []
    added: list[bytes] = []
    places, mine = scattered(chance), trail(act, MOMENTS)
    busy = chance.choice((0.1, 0.6))

    def act_of_others() -> None:
        if chance.random() < busy:
            for _ in range(chance.randrange(1, 12)):
                ruby_takes(direct, taken)
        elif chance.random() < 0.3:
            added.append(job(chance.randrange(150)))
            park(direct, T, added[-1])
        # What is deleted is in the memory for the undo alone.
        if act != "delete":
            there = waiting(direct, KEY) + waiting(direct, LATER)
            ran = [windows.whole(raw).sha for raw in waiting(direct, QUEUE)]
            assert len(there) + len(ran) + len(taken) == len(JOBS) + len(added)
            if act != "run":
                assert Counter(there + taken) == Counter(JOBS + added)
        check_all_are_known(direct)

    result = StepByStep(store, acted(act, refs(JOBS, places), mine)).finish(act_of_others)
    assert result.done + result.gone == len(places)
    undone = StepByStep(store, undo(KEYS, mine.id)).finish(act_of_others)
    if act != "to the same moment":
        assert (undone.done, undone.lost) == (result.done, 0)
    assert Counter(waiting(direct, KEY) + taken) == Counter(JOBS + added)
    assert not is_turned(direct)


@pytest.mark.parametrize("act", ["run", "delete", "reschedule"])
@pytest.mark.parametrize("seed", range(either(2, 60)))
def test_after_it_was_killed_the_next_one_puts_the_moment_in_order(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch, act: str, seed: int
) -> None:
    monkeypatch.setattr(turning, "GRACE_S", 0)
    chance = Random(f"{act} {seed}")
    jobs = [job(number) for number in range(200)]
    park(direct, T, *jobs)
    before = contents(direct)
    operations: list[str] = []
    for _ in range(3):
        there = waiting(direct, KEY) if not is_turned(direct) else seen_in_order(store)
        chosen, mine = scattered(chance, 0, len(there)), trail(act, MOMENTS)
        operations.append(mine.id)
        for operation in (acted(act, refs(there, chosen), mine), undo(KEYS, mine.id)):
            hand = StepByStep(store, operation)
            for _ in range(chance.randrange(30)):
                if not hand.step():
                    break
            hand.abandon()
            inside = set(waiting(direct, KEY))
            assert seen_in_order(store) == [raw for raw in jobs if raw in inside]
            check_all_are_known(direct)
    for each in operations[::-1]:
        store.run(undo(KEYS, each))
    store.run(turning.settled(KEYS, KEY))
    assert contents(direct) == before


def test_what_an_older_qtop_remembered_comes_back(store: Store, direct: Direct) -> None:
    park(direct, T, *JOBS)
    before, mine = contents(direct), trail("reschedule", MOMENTS)
    places = scattered(Random(5))
    store.run(acted("reschedule", refs(JOBS, places), mine))
    memory = KEYS.undo_items(mine.id)
    for at in range(0, direct("LLEN", memory), 4):
        place, score, new, moment = direct("LINDEX", memory, at).split(b" ")
        direct("LSET", memory, at, b" ".join((place, score, new.split(b"@")[0], moment)))
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert contents(direct) == before


def test_a_job_that_is_delayed_there_by_another_stays_known_after_an_undo(
    store: Store, direct: Direct
) -> None:
    park(direct, T, *JOBS)
    mine, places = trail("reschedule", MOMENTS), range(50, 150)
    store.run(acted("reschedule", refs(JOBS, places), mine))
    park(direct, T + 60, *JOBS[60:140:10], job("new"))
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    assert Counter(waiting(direct, LATER)) == Counter([*JOBS[60:140:10], job("new")])
    check_all_are_known(direct)


def test_an_action_waits_until_another_program_has_turned_the_moment(
    store: Store, direct: Direct
) -> None:
    jobs = [job(number) for number in range(200)]
    park(direct, T, *jobs)
    first = StepByStep(store, acted("delete", refs(jobs, range(0, 200, 2))))
    while not store.run(turning.turned([KEY])):
        first.step()
    # Too few to turn it for them.
    second = StepByStep(store, acted("delete", refs(jobs, [101, 103])))
    for _ in range(30):
        second.step()
    assert second.next is not None
    assert first.finish() == Result(done=100)
    assert second.finish() == Result(done=2)
    assert waiting(direct, KEY) == [
        raw for at, raw in enumerate(jobs) if at % 2 and at not in (101, 103)
    ]


def test_the_undo_of_few_waits_until_another_program_has_turned_the_moment(
    store: Store, direct: Direct
) -> None:
    jobs = [job(number) for number in range(200)]
    park(direct, T, *jobs)
    mine = trail("delete", MOMENTS)
    store.run(acted("delete", refs(jobs, [101, 103]), mine))
    there = waiting(direct, KEY)
    first = StepByStep(store, acted("delete", refs(there, range(110, 190, 2))))
    while not store.run(turning.turned([KEY])):
        first.step()
    second = StepByStep(store, undo(KEYS, mine.id))
    for _ in range(30):
        second.step()
    assert second.next is not None
    assert first.finish() == Result(done=40)
    assert second.finish() == Undone(done=2)
    gone = {there[place] for place in range(110, 190, 2)}
    assert waiting(direct, KEY) == [raw for raw in jobs if raw not in gone]


def test_a_user_who_may_not_turn_lists_walks(redis_url: str, store: Store, direct: Direct) -> None:
    park(direct, T, *JOBS)
    before, mine, places = contents(direct), trail("delete", MOMENTS), range(0, 200, 3)
    direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+@all", "-lmove")
    try:
        with Store(redis_url.replace("unix://", "unix://modest:sesame@")) as modest:
            done = modest.run(acted("delete", refs(JOBS, places), mine))
            assert done == Result(done=len(places))
            assert modest.run(undo(KEYS, mine.id)) == Undone(done=len(places))
    finally:
        direct("ACL", "DELUSER", "modest")
    assert contents(direct) == before


def test_our_scheduler_moves_a_moment_that_is_turned_and_due(store: Store, direct: Direct) -> None:
    jobs = [job(number) for number in range(200)]
    park(direct, T, *jobs)
    hand = StepByStep(store, acted("reschedule", refs(jobs, range(100, 200, 2))))
    for _ in range(6):
        hand.step()
    assert is_turned(direct)
    store.run(moving.move_due(KEYS, T + 1))
    assert (direct("EXISTS", KEY), direct("ZSCORE", MOMENTS, T)) == (0, None)
    result = hand.finish()
    assert result.done + result.gone == 50
    assert direct("LLEN", QUEUE) + direct("LLEN", LATER) == len(jobs)
    assert not is_turned(direct)
