"""Many delayed jobs of one moment: each is taken without a look at all others, and what is known of
a job's moments stays right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest
from tests.support.delayed_jobs import MOMENTS, job, park
from tests.support.direct import Direct
from tests.support.operations import KEYS, StepByStep, contents, fill, trail, waiting
from tests.support.touched_entries import Watched

from queuecore import windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.exchange import Steps
from queuecore.stores import Store
from resque.keys import Keys
from resque.scheduler import delayed_actions
from resque.store.delayed_windows import DelayedRef
from resque.store.undo import Undone, undo

T = 1_900_000_000
LIST = f"resque:delayed:{T}"
#: Equal ones are among these.
JOBS = [job(Random(n).randrange(250)) for n in range(600)]


def refs(jobs: list[bytes], places: Iterable[int]) -> list[DelayedRef]:
    whole = [(place, windows.whole(jobs[place])) for place in places]
    return [DelayedRef(str(T), place, item.sha, item.size) for place, item in whole]


def reschedule(keys: Keys, refs: list[DelayedRef], record: ActionRecord) -> Steps[Result]:
    return delayed_actions.reschedule(keys, refs, T + 60, record)


def reschedule_to_the_same_moment(
    keys: Keys, refs: list[DelayedRef], record: ActionRecord
) -> Steps[Result]:
    return delayed_actions.reschedule(keys, refs, T, record)


ACTIONS: dict[str, Callable[[Keys, list[DelayedRef], ActionRecord], Steps[Result]]] = {
    "run": delayed_actions.run,
    "delete": delayed_actions.delete,
    "reschedule": reschedule,
    "to the same moment": reschedule_to_the_same_moment,
}


def known(direct: Direct, jobs: Iterable[bytes]) -> set[bytes]:
    """The jobs of which it is known that they are delayed until the moment."""
    stamps = {raw: KEYS.delayed_stamps(raw) for raw in jobs}
    return {r for r, key in stamps.items() if direct("SISMEMBER", key, f"delayed:{T}")}


@pytest.mark.parametrize("act", ACTIONS)
@pytest.mark.parametrize("many", [120, 400, len(JOBS)])
def test_the_moments_of_equal_jobs_are_those_of_the_ones_that_are_left(
    store: Store, direct: Direct, act: str, many: int
) -> None:
    park(direct, T, *JOBS)
    before = contents(direct)
    places = sorted(Random(many).sample(range(len(JOBS)), many))
    mine = trail(act, MOMENTS)
    assert store.run(ACTIONS[act](KEYS, refs(JOBS, places), mine)) == Result(done=many)
    taken = set(places)
    left = [raw for place, raw in enumerate(JOBS) if place not in taken]
    assert waiting(direct, LIST)[: len(left)] == left
    assert known(direct, JOBS) == set(waiting(direct, LIST))
    assert store.run(undo(KEYS, mine.id)) == Undone(done=many)
    assert contents(direct) == before


@pytest.mark.parametrize("seed", range(12))
def test_a_job_that_is_delayed_meanwhile_is_known_whatever_else_happens(
    store: Store, direct: Direct, seed: int
) -> None:
    chance = Random(seed)
    park(direct, T, *JOBS)
    places = sorted(chance.sample(range(len(JOBS)), chance.randrange(110, len(JOBS) + 1)))
    mine = trail("delete", MOMENTS)

    def others_act() -> None:
        kind = chance.randrange(4)
        if kind == 0:
            park(direct, T, *(job(chance.randrange(250)) for _ in range(chance.randrange(1, 30))))
        elif kind == 1:
            direct("LPOP", LIST, chance.randrange(1, 10))
        elif kind == 2 and chance.random() < 0.3:
            store.run(undo(KEYS, mine.id))
        assert set(waiting(direct, LIST)) <= known(direct, map(job, range(250)))

    action = delayed_actions.delete(KEYS, refs(JOBS, places), mine)
    StepByStep(store, action).finish(others_act)


@pytest.mark.parametrize("act", ACTIONS)
@pytest.mark.parametrize("many", [600, 3_000])
def test_no_script_looks_through_all_jobs_of_a_moment_for_each(
    redis_url: str, store: Store, direct: Direct, act: str, many: int
) -> None:
    jobs = [job(number) for number in range(3_000)]
    fill(direct, jobs, LIST)
    direct("ZADD", MOMENTS, T, T)
    chosen = refs(jobs, sorted(Random(1).sample(range(len(jobs)), many)))
    with Watched(redis_url) as watched:
        assert store.run(ACTIONS[act](KEYS, chosen, trail(act, MOMENTS))) == Result(done=many)
    # What leaves is taken out in one go; where the others begin is found in another.
    assert max(each.entries for each in watched.touched) < 4 * len(jobs)


@pytest.mark.parametrize("popped", [1, 5, 30])
def test_jobs_that_a_scheduler_moved_to_the_front_are_not_said_to_be_gone(
    store: Store, direct: Direct, popped: int
) -> None:
    jobs = [job(number) for number in range(3_000)]
    park(direct, T, *jobs)
    there = KEYS.delayed(str(T))
    meant = jobs[2_400:2_900]
    act = StepByStep(store, delayed_actions.delete(KEYS, refs(jobs, range(2_400, 2_900))))

    def pop() -> None:
        for _ in range(popped):
            if direct("LLEN", there) > 600:
                direct("LPOP", there)

    result = act.finish(pop)
    left = set(direct("LRANGE", there, 0, -1)) & set(meant)
    assert (result.done, result.gone) == (len(meant) - len(left), 0)
    assert sum(count for _, count in result.refused) == len(left)
