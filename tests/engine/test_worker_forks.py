"""JOBS_PER_FORK: several jobs share a child process, and each of them is answered for."""

from __future__ import annotations

from itertools import groupby
from signal import SIGCONT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import (
    TURNS,
    await_begun,
    await_run,
    failed,
    failures,
    stat,
    trace,
    waiting,
    where,
)

from resque.worker.child_monitor import TimeLimit

TEN = {"JOBS_PER_FORK": "10", "RESQUE_REQUIRE": TURNS}


def test_ten_jobs_share_a_child(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    for number in range(25):
        push("Where", number)
    worker = start_worker(INTERVAL="0", **TEN)
    assert worker.wait() == 0
    ran = where(direct)
    assert [name for name, _ in ran] == [str(number) for number in range(25)]
    shares = [(pid, len(list(jobs))) for pid, jobs in groupby(pid for _, pid in ran)]
    assert [jobs for _, jobs in shares] == [10, 10, 5]
    assert worker.pid not in {pid for pid, _ in shares}
    assert stat(direct, "processed") == 25
    assert worker.log().count("done 'Where'") == 25
    assert direct("EXISTS", "resque:failed", "resque:workers", f"resque:worker:{worker.id}") == 0


def test_failures_in_the_middle_and_at_the_end_are_recorded_each_with_its_own_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    bad = {2, 3, 9, 11}
    for number in range(12):
        push("FailJob" if number in bad else "Where", number)
    push("EndBadly", "exit")
    worker = start_worker(INTERVAL="0", **TEN)
    assert worker.wait() == 0
    assert failed(direct) == [
        *(("FailJob", [number], "RuntimeError") for number in sorted(bad)),
        ("EndBadly", ["exit"], "SystemExit"),
    ]
    assert [entry["error"] for entry in failures(direct)] == ["2", "3", "9", "11", "leaving"]
    assert (stat(direct, "processed"), stat(direct, "failed")) == (13, 5)
    assert worker.log().count("failed 'FailJob'") == 4
    assert worker.log().count("done 'Where'") == 8


def test_items_that_cannot_be_read_are_set_aside_between_the_others(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    # The script that takes jobs does not look into items as long as the last one.
    long = b'{"class":' + b"x" * (1 << 20)
    push("Where", 1)
    direct("RPUSH", "resque:queue:default", "no JSON")
    push("Where", 2)
    direct("RPUSH", "resque:queue:default", long)
    push("Where", 3)
    worker = start_worker(INTERVAL="0", **TEN)
    assert worker.wait() == 0
    assert [name for name, _ in where(direct)] == ["1", "2", "3"]
    assert direct("LRANGE", "resque:unreadable:default", 0, -1) == [b"no JSON", long]
    assert stat(direct, "processed") == 3
    assert direct("EXISTS", "resque:failed") == 0


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_quit_lets_the_running_job_end_and_leaves_the_next_one_waiting(
    direct: Direct, push: Push, start_worker: StartWorker, before: int
) -> None:
    for number in range(before):
        push("Where", number)
    worker = start_worker(INTERVAL="60", **TEN)
    eventually(lambda: stat(direct, "processed") == before, "the first jobs are closed")
    eventually(lambda: not worker.children(), "their child has ended")
    push("UntilAsked", "last")
    await_begun(direct, before + 1)
    push("Where", "next")
    assert worker.leave(SIGQUIT) == 0
    assert [name for name, _ in where(direct)][before:] == ["last"]
    assert waiting(direct) == [["next"]]
    assert direct("EXISTS", "resque:failed", f"resque:worker:{worker.id}") == 0
    assert stat(direct, "processed") == before + 1


def test_a_quit_in_the_middle_of_a_child_closes_what_it_did(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for number in range(3):
        push("Where", number)
    push("UntilAsked", "last")
    push("Where", "next")
    worker = start_worker(INTERVAL="60", **TEN)
    await_begun(direct, 4)
    assert worker.leave(SIGQUIT) == 0
    assert len({pid for _, pid in where(direct)}) == 1
    assert waiting(direct) == [["next"]]
    assert direct("EXISTS", "resque:failed") == 0
    assert stat(direct, "processed") == 4


def test_a_pause_in_the_middle_of_a_child_takes_no_more_jobs_until_it_ends(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Where", "first")
    push("UntilAsked", "second")
    push("Where", "third")
    worker = start_worker(INTERVAL="60", **TEN)
    await_begun(direct, 2)
    worker.send(SIGUSR2)
    eventually(lambda: worker.title().endswith(": Paused"), "the worker pauses")
    assert stat(direct, "processed") == 2
    assert waiting(direct) == [["third"]]
    worker.send(SIGCONT)
    await_begun(direct, 3)
    first, second, third = (pid for _, pid in where(direct))
    assert first == second != third
    assert worker.leave() == 0
    assert stat(direct, "processed") == 3


def test_a_term_ends_only_the_running_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Where", 1)
    push("Hangs", "here")
    push("Where", 2)
    worker = start_worker(INTERVAL="60", **TEN)
    await_run(direct, "Hangs")
    assert worker.leave(SIGTERM) == 0
    assert failed(direct) == [("Hangs", ["here"], "Resque::DirtyExit")]
    assert waiting(direct) == [[2]]
    assert (stat(direct, "processed"), stat(direct, "failed")) == (2, 0)


def test_a_job_ended_by_usr1_and_term_is_its_childs_last(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Where", "before")
    push("Hangs", "here")
    push("Where", "after")
    worker = start_worker(INTERVAL="60", TERM_CHILD="1", **TEN)
    await_run(direct, "Hangs")
    worker.send(SIGUSR1)
    await_begun(direct, 2)
    assert failed(direct) == [("Hangs", ["here"], "Resque::TermException")]
    assert trace(direct) == ["cleaned up after SIGTERM"]
    # Had the child gone on, the KILL that follows the TERM would find another job.
    (_, before), (_, after) = where(direct)
    assert before != after
    assert worker.leave() == 0


def test_a_job_that_forgives_its_own_errors_ends_all_the_same(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Forgiving")
    worker = start_worker(
        RESQUE_REQUIRE=TURNS, TERM_CHILD="1", RESQUE_TERM_TIMEOUT="60", JOBS_PER_FORK="1"
    )
    await_run(direct, "Hangs")
    assert worker.leave(SIGTERM) == 0
    assert failed(direct) == [("Forgiving", [], "Resque::TermException")]
    assert trace(direct) == ["cleaned up after SIGTERM"]


@pytest.mark.parametrize("environment", [{}, TEN], ids=["one", "ten"])
def test_a_term_that_comes_just_before_a_job_blocks_is_noticed(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    push("HardOfHearing")
    of_the_test = {"RESQUE_REQUIRE": TURNS, "TERM_CHILD": "1", "RESQUE_TERM_TIMEOUT": "60"}
    worker = start_worker(**environment | of_the_test)
    await_run(direct, "Hangs")
    assert worker.leave(SIGTERM) == 0
    assert failed(direct) == [("HardOfHearing", [], "Resque::TermException")]
    assert trace(direct) == ["cleaned up after SIGTERM"]


@pytest.mark.parametrize(
    ("way", "found"), [("kill", "SIGKILL (signal 9)"), ("0", "status 0"), ("7", "status 7")]
)
def test_a_child_that_dies_at_its_third_job_fails_that_one_alone(
    direct: Direct, push: Push, start_worker: StartWorker, way: str, found: str
) -> None:
    push("Where", 1)
    push("FailJob", "two")
    push("Dies", way)
    push("Where", 4)
    push("Where", 5)
    worker = start_worker(INTERVAL="0", **TEN)
    assert worker.wait() == 0
    assert failed(direct) == [
        ("FailJob", ["two"], "RuntimeError"),
        ("Dies", [way], "Resque::DirtyExit"),
    ]
    assert found in failures(direct)[1]["error"]
    (_, first), (_, fourth), (_, fifth) = where(direct)
    assert first != fourth == fifth
    assert direct("HGET", "own:runs", "Dies") == b"1"
    # A dirty exit does not count as failed, as in Ruby.
    assert (stat(direct, "processed"), stat(direct, "failed")) == (5, 1)
    assert worker.log().count("'Dies'") == 1


def test_a_time_limit_is_that_of_each_job() -> None:
    limit = TimeLimit(10, 100.0)
    assert limit.up_at_s == 110
    # Done with the first job, and without another one: no time runs.
    assert not limit.is_reached(1, 109)
    assert limit.up_at_s == float("inf")
    assert not limit.is_reached(1, 500)
    # The second job has ten seconds of its own.
    assert not limit.is_reached(2, 500)
    assert limit.up_at_s == 510
    assert not limit.is_reached(2, 509.9)
    assert limit.is_reached(2, 510)
    assert not limit.is_reached(2, 511), "said once"
    assert limit.was_reached


def test_a_job_without_a_limit_runs_for_ever() -> None:
    limit = TimeLimit(None, 100.0)
    assert not limit.is_reached(0, 1e9)
    assert not limit.is_reached(2, 1e10)
    assert not limit.was_reached


@pytest.mark.parametrize("environment", [{}, {"TERM_CHILD": "1"}])
def test_a_job_over_its_time_ends_between_others_that_do_not(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    push("Where", 1)
    push("Hangs", "here")
    push("Where", 3)
    worker = start_worker(INTERVAL="0", RESQUE_JOB_TIMEOUT="1", **TEN, **environment)
    assert worker.wait() == 0
    assert failed(direct) == [("Hangs", ["here"], "resque.errors.JobTimeout")]
    (_, first), (_, third) = where(direct)
    assert first != third
    assert stat(direct, "processed") == 3
