"""With several jobs to a child, workers and children are killed: nothing is lost or done twice."""

from __future__ import annotations

import random
import time
from signal import SIGSTOP

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.job_counts import done, failed_numbers, held
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess, await_marks
from tests.support.worker_results import TURNS, await_begun, has_left, stat, waiting, where

JOBS = 300
KILLS = 16
TEN = {"JOBS_PER_FORK": "10", "RESQUE_REQUIRE": TURNS}


def kill_all(worker: WorkerProcess) -> None:
    """Kill a worker, and wait until the child that it leaves behind has ended by itself."""
    process = psutil.Process(worker.pid)
    worker.send(SIGSTOP)
    # While it is stopped it cannot fork another child.
    eventually(
        lambda: process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE), "it is stopped"
    )
    children = worker.children()
    worker.kill()
    for child in children:
        eventually(lambda c=child: has_left(c), "the child leaves without its parent")  # type: ignore[misc]


def kill_child(worker: WorkerProcess) -> None:
    for child in worker.children():
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


def test_no_job_is_lost_to_kills_at_any_moment(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    chance = random.Random(20261124)
    for number in range(JOBS):
        push("Mark", number)
    everything = set(range(JOBS))
    worker = start_worker(INTERVAL="0", **TEN)
    for kill in range(KILLS):
        await_marks(direct, worker, direct("HLEN", "marks") + chance.randrange(1, 12))
        # Into any part of a job's life.
        time.sleep(chance.random() * 0.002)
        if kill % 2:
            kill_child(worker)
            continue
        kill_all(worker)
        # Read in the direction in which jobs move: none can slip through.
        seen = [n for (n,) in waiting(direct)] + held(direct) + failed_numbers(direct)
        assert {*seen, *done(direct)} == everything
        worker = start_worker(INTERVAL="0", **TEN)
    assert worker.wait() == 0
    assert waiting(direct) == []
    left, failures = held(direct), failed_numbers(direct)
    assert {*done(direct), *left, *failures} == everything
    assert set(done(direct).values()) == {1}
    assert len(left) + len(failures) <= KILLS
    assert len(failures) == len(set(failures))
    # Every job that was closed is counted, once.
    assert stat(direct, "processed") + len(left) == JOBS


@pytest.mark.parametrize("jobs_per_fork", ["1", "10"])
def test_a_child_without_its_parent_takes_no_other_job(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str
) -> None:
    push("Gate", "in hand")
    push("Gate", "next")
    worker = start_worker(**TEN | {"JOBS_PER_FORK": jobs_per_fork})
    await_begun(direct, 1)
    child = worker.await_child()
    worker.kill()
    direct("SET", "own:open", "yes")
    eventually(lambda: has_left(child), "the child leaves")
    assert [name for name, _ in where(direct)] == ["in hand"]
    assert waiting(direct) == [["next"]]
