"""What an operator does with delayed jobs: exactly those that were named, and taken back once."""

from __future__ import annotations

import pytest
from tests.support.delayed_jobs import MOMENTS, job, marks, park
from tests.support.direct import Direct
from tests.support.operations import KEYS, StepByStep, contents, trail, waiting

from queuecore import audit
from queuecore.bulk import Result
from queuecore.stores import Store
from resque.scheduler import delayed_actions
from resque.store import delayed
from resque.store.undo import Undone, undo

T = 1_900_000_000


def at(direct: Direct, stamp: int | str) -> list[bytes]:
    return waiting(direct, f"resque:delayed:{stamp}")


def test_jobs_run_now_go_to_their_queues_and_come_back_with_an_undo(
    store: Store, direct: Direct
) -> None:
    park(direct, T, *(job(n) for n in range(5)))
    park(direct, T + 1, job("x", "other"))
    before = contents(direct)
    mine = trail("run now", MOMENTS)
    assert store.run(delayed_actions.run(KEYS, marks(store, [1, 3, 5]), mine)) == Result(done=3)
    assert set(waiting(direct, "resque:queue:q")) == {
        b'{"class":"Job","args":[1]}',
        b'{"class":"Job","args":[3]}',
    }
    assert waiting(direct, "resque:queue:other") == [b'{"class":"Job","args":["x"]}']
    assert at(direct, T) == [job(0), job(2), job(4)]
    assert direct("ZRANGE", MOMENTS, 0, -1) == [str(T).encode()]
    assert direct("EXISTS", KEYS.delayed_stamps(job(1))) == 0

    assert store.run(undo(KEYS, mine.id)) == Undone(done=3)
    assert contents(direct) == before
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)
    assert contents(direct) == before


@pytest.mark.parametrize("wanted", [[0], [6], [0, 1, 2], [2, 3, 4, 5], [0, 3, 6, 7], range(8)])
def test_deleted_jobs_come_back_to_the_byte_and_in_order(
    store: Store, direct: Direct, wanted: list[int]
) -> None:
    odd = b'{ "class" : "A", "args":[1.50], "queue":"q" }'
    park(direct, T, job(1), odd, job(1), b"no job \xff", job(2), job(1), b"", score=T + 0.25)
    park(direct, "not a number", job(3), score=5)
    before = contents(direct)
    mine = trail("delete", MOMENTS)
    assert store.run(delayed_actions.delete(KEYS, marks(store, wanted), mine)).done == len(wanted)
    assert sum(len(at(direct, stamp)) for stamp in (T, "not a number")) == 8 - len(wanted)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(wanted))
    assert contents(direct) == before
    assert float(direct("ZSCORE", MOMENTS, str(T))) == T + 0.25


def test_rescheduled_jobs_keep_their_bytes_and_go_back_to_their_moments(
    store: Store, direct: Direct
) -> None:
    park(direct, T, job(1), job(2))
    park(direct, T + 1, job(1))
    before = contents(direct)
    mine = trail("reschedule", MOMENTS)
    done = store.run(delayed_actions.reschedule(KEYS, marks(store), T + 60.9, mine))
    assert done == Result(done=3)
    assert sorted(at(direct, T + 60)) == [job(1), job(1), job(2)]
    assert store.run(delayed.scheduled_at(KEYS, job(1))) == [T + 60]
    assert direct("ZRANGE", MOMENTS, 0, -1, "WITHSCORES") == [str(T + 60).encode()] * 2
    assert store.run(undo(KEYS, mine.id)) == Undone(done=3)
    assert contents(direct) == before


def test_rescheduling_to_the_same_moment_and_back_loses_nothing(
    store: Store, direct: Direct
) -> None:
    park(direct, T, job(1), job(2), job(1))
    before = contents(direct)
    mine = trail("reschedule", MOMENTS)
    assert store.run(delayed_actions.reschedule(KEYS, marks(store, [0]), T, mine)).done == 1
    assert at(direct, T) == [job(2), job(1), job(1)]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1)
    assert contents(direct) == before


def test_what_a_worker_took_since_stays_taken(store: Store, direct: Direct) -> None:
    park(direct, T, job(1), job(2))
    mine = trail("run now", MOMENTS)
    store.run(delayed_actions.run(KEYS, marks(store), mine))
    taken = direct("LPOP", "resque:queue:q")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1, lost=1)
    assert len(at(direct, T)) == 1
    assert taken.endswith(b"[2]}")
    assert direct("LLEN", "resque:queue:q") == 0


def test_jobs_are_found_wherever_they_are_by_then(store: Store, direct: Direct) -> None:
    park(direct, T, *(job(n) for n in range(3000)))
    chosen = marks(store, [900, 950, 999])
    direct("LTRIM", f"resque:delayed:{T}", 800, -1)
    direct("LREM", f"resque:delayed:{T}", 1, job(950))
    mine = trail("delete", MOMENTS)
    result = store.run(delayed_actions.delete(KEYS, chosen, mine))
    assert result == Result(done=2, gone=1)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=2)
    left = [n for n in range(800, 3000) if n != 950]
    assert at(direct, T) == [job(n) for n in left]


def test_what_is_gone_is_reported_and_nothing_else_is_taken(store: Store, direct: Direct) -> None:
    park(direct, T, job(1))
    park(direct, T + 1, job(1))
    chosen = marks(store, [0])
    direct("DEL", f"resque:delayed:{T}")
    assert store.run(delayed_actions.delete(KEYS, chosen, trail("delete"))) == Result(gone=1)
    assert at(direct, T + 1) == [job(1)]
    assert store.run(audit.newest(KEYS, 5)) == []


def test_equal_jobs_are_taken_one_for_each_that_was_named(store: Store, direct: Direct) -> None:
    park(direct, T, *[job(1)] * 5)
    assert store.run(delayed_actions.delete(KEYS, marks(store, [1, 4]))) == Result(done=2)
    assert at(direct, T) == [job(1)] * 3
    assert store.run(delayed.scheduled_at(KEYS, job(1))) == [T]


def test_jobs_that_cannot_run_are_refused_with_the_reason(store: Store, direct: Direct) -> None:
    park(direct, T, b"junk", b'{"class":"A","args":[]}', job(1, "wrong"), job(2))
    direct("SET", "resque:queue:wrong", "no list")
    result = store.run(delayed_actions.run(KEYS, marks(store)))
    assert (result.done, result.gone) == (1, 0)
    assert [count for _, count in result.refused] == [1, 1, 1]
    assert any("names no queue" in reason for reason, _ in result.refused)
    assert at(direct, T) == [b"junk", b'{"class":"A","args":[]}', job(1, "wrong")]


def test_a_moment_that_turned_into_something_else_is_left_alone(
    store: Store, direct: Direct
) -> None:
    park(direct, T, job(1))
    park(direct, T + 1, job(2))
    chosen = marks(store)
    direct("DEL", f"resque:delayed:{T}")
    direct("SET", f"resque:delayed:{T}", "no list")
    result = store.run(delayed_actions.delete(KEYS, chosen))
    assert (result.done, sum(count for _, count in result.refused)) == (1, 1)
    assert direct("GET", f"resque:delayed:{T}") == b"no list"


def test_a_list_that_changes_between_finding_and_taking_yields_only_what_was_named(
    store: Store, direct: Direct
) -> None:
    park(direct, T, *(job(n) for n in range(10)))
    steps = StepByStep(store, delayed_actions.delete(KEYS, marks(store, [4, 5])))
    steps.step_until_it_writes()
    direct("LPOP", f"resque:delayed:{T}", 5)
    assert steps.finish() == Result(done=1, gone=1)
    assert at(direct, T) == [job(n) for n in (6, 7, 8, 9)]


def test_many_jobs_of_many_moments_are_done_with_progress_and_undone(
    store: Store, direct: Direct
) -> None:
    for number in range(250):
        park(direct, T + number, job(number), job("same"))
    before = contents(direct)
    mine = trail("delete", MOMENTS)
    steps = StepByStep(store, delayed_actions.delete(KEYS, marks(store), mine))
    found: list[tuple[int, int]] = []

    def look() -> None:
        if steps.next is not None and steps.next.progress is not None:
            found.append(steps.next.progress)

    assert steps.finish(look) == Result(done=500)
    assert found == [(done, 500) for done in range(0, 500, 100)]
    assert direct("KEYS", "resque:delayed*") == []
    assert direct("KEYS", "resque:timestamps*") == []
    assert store.run(undo(KEYS, mine.id)) == Undone(done=500)
    assert contents(direct) == before
    [audit_entry] = store.run(audit.newest(KEYS, 5))
    assert (audit_entry.action, audit_entry.done, audit_entry.undone) == ("delete", 500, 500)


def test_two_undos_at_once_restore_each_job_once(store: Store, direct: Direct) -> None:
    park(direct, T, *(job(n) for n in range(300)))
    before = contents(direct)
    mine = trail("delete", MOMENTS)
    store.run(delayed_actions.delete(KEYS, marks(store), mine))
    first, second = (StepByStep(store, undo(KEYS, mine.id)) for _ in range(2))
    while first.step() | second.step():
        pass
    assert contents(direct) == before


def test_a_job_as_large_as_jobs_get_is_taken_and_comes_back(store: Store, direct: Direct) -> None:
    large = job("x" * 3_000_000)
    park(direct, T, job(1), large, job(2))
    before = contents(direct)
    mine = trail("run now", MOMENTS)
    assert store.run(delayed_actions.run(KEYS, marks(store, [1]), mine)) == Result(done=1)
    assert direct("LLEN", "resque:queue:q") == 1
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1)
    assert contents(direct) == before
