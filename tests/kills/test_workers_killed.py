"""Workers and their children are killed at random: no job is lost, and none is run twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.job_counts import done, failed_numbers, held
from tests.support.soak import SEEDS, TIMEOUT_S, either
from tests.support.worker_process import WorkerProcess
from tests.support.worker_results import failures, forget, stat, waiting

JOBS = either(300, 3000)
WORKERS = 4
KILL_EVERY_S = 0.03
PATIENCE_S = TIMEOUT_S * 0.8


class Crew:
    """Workers that are replaced when they are killed."""

    def __init__(self, start: Callable[[], WorkerProcess], chance: random.Random) -> None:
        self._start = start
        self._chance = chance
        self.workers = [start() for _ in range(WORKERS)]

    def kill_one(self, direct: Direct) -> int:
        """Kill a worker's parent or its child. One that has not begun is spared. Returns how many
        processes died."""
        begun = [
            w for w in self.workers if direct("SISMEMBER", "resque:workers", w.id) or w.children()
        ]
        if not begun:
            return 0
        worker = self._chance.choice(begun)
        if self._chance.random() < 0.6:
            return sum(map(_kill, worker.children()))
        worker.kill()
        self.workers[self.workers.index(worker)] = self._start()
        return 1

    def leave(self) -> None:
        """Ask all workers to end, and wait until they have."""
        for worker in self.workers:
            # Before that it has no signal handlers.
            worker.await_ready()
            assert worker.leave() == 0, worker.log()


def _kill(child: psutil.Process) -> bool:
    try:
        child.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def prune_the_dead(direct: Direct, start: Callable[..., WorkerProcess]) -> None:
    """Let a last worker find all workers that were killed, and prune them."""
    for dead_id in direct("SMEMBERS", "resque:workers"):
        # Without a heartbeat no worker would ever find it.
        assert direct("HEXISTS", "resque:workers:heartbeat", dead_id) == 1
        forget(direct, dead_id.decode())
    last = start(INTERVAL="0")
    assert last.wait() == 0
    assert direct("EXISTS", "resque:workers", "resque:workers:heartbeat") == 0


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("jobs_per_fork", ["1", "10"])
def test_every_job_ran_once_or_failed_after_kills_of_any_process(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(JOBS):
        push("MarkSlowly", number, round(chance.random() * 0.01, 4))

    def start(**more: str) -> WorkerProcess:
        env = {"RESQUE_REQUIRE": "tests.support.jobs.mark_jobs", "JOBS_PER_FORK": jobs_per_fork}
        return start_worker(**env, **more)

    crew = Crew(start, chance)
    kills = 0
    deadline_s = time.monotonic() + PATIENCE_S
    while direct("LLEN", "resque:queue:default"):
        assert time.monotonic() < deadline_s, f"{kills} kills left too little time to work"
        kills += crew.kill_one(direct)
        time.sleep(KILL_EVERY_S)
    crew.leave()
    prune_the_dead(direct, start)
    assert kills >= JOBS / 100
    assert waiting(direct) == []
    assert held(direct) == []
    performed, failed = done(direct), failed_numbers(direct)
    assert {*performed, *failed} == set(range(JOBS))
    assert set(performed.values()) == {1}
    assert len(failed) == len(set(failed)) <= kills
    assert {each["payload"]["class"] for each in failures(direct)} == {"MarkSlowly"}
    pruned = [e for e in failures(direct) if e["exception"] == "Resque::PruneDeadWorkerDirtyExit"]
    assert stat(direct, "processed") + len(pruned) == JOBS
