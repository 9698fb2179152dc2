"""The system has no room for another process: workers wait until it has."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess

Start = Callable[..., WorkerProcess]
NO_ROOM = "Resource temporarily unavailable"


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """While this file is there, no process can be made."""
    path = tmp_path / "full"
    path.touch()
    return path


@pytest.fixture
def start(start_worker: StartWorker, full: Path) -> Start:
    """Starts workers on such a system."""

    def starting(**env: str) -> WorkerProcess:
        return start_worker(
            module="tests.support.programs.worker_without_fork", ROOM=str(full), **env
        )

    return starting


@pytest.mark.parametrize("several", ["1", "3"])
def test_a_job_waits_in_its_workers_hands_until_there_is_room(
    direct: Direct, push: Push, start: Start, full: Path, several: str
) -> None:
    push("OkJob")
    worker = start(JOBS_PER_FORK=several)
    worker.await_log(f"no process for a job: {NO_ROOM}; next try in 0.2 s")
    assert direct("EXISTS", f"resque:worker:{worker.id}") == 1
    full.unlink()
    eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "it is performed")
    assert direct("EXISTS", "resque:failed") == 0
    assert worker.leave() == 0


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM], ids=str)
def test_a_worker_that_is_asked_to_leave_meanwhile_says_why_its_job_failed(
    direct: Direct, push: Push, start: Start, number: signal.Signals
) -> None:
    push("OkJob")
    worker = start()
    worker.await_log("no process for a job")
    assert worker.leave(number) == 0
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b"No process could be made for the job" in entry
    assert direct("EXISTS", "resque:workers") == 0


def test_a_job_that_never_began_goes_back_where_lost_ones_do(
    direct: Direct, push: Push, start: Start
) -> None:
    push("OkJob")
    worker = start(RESQUE_REQUEUE_LOST="2")
    worker.await_log("no process for a job")
    assert worker.leave() == 0
    assert direct("LLEN", "resque:queue:default") == 1
    assert direct("EXISTS", "resque:failed") == 0


def test_a_pool_without_room_for_a_worker_keeps_the_others(
    direct: Direct, start: Start, full: Path
) -> None:
    full.unlink()
    pool = start(COUNT="2")

    def pids() -> set[int]:
        return {int(name.split(b":")[1]) for name in direct("SMEMBERS", "resque:workers")}

    eventually(lambda: len(pids()) == 2, "both are registered")
    first = pids()
    full.touch()
    os.kill(min(first), signal.SIGKILL)
    pool.await_log(f"no process for a worker: {NO_ROOM}")
    full.unlink()
    eventually(lambda: pids() - first, "another takes its place")
    assert pool.leave() == 0
