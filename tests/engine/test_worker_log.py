"""Nobody takes what a worker prints: it goes on, and no job suffers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push
from tests.support.waiting import PATIENCE_S, eventually
from tests.support.worker_process import ROOT

Start = Callable[..., subprocess.Popen[bytes]]
WAYS = [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "3"}]


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    """Starts a worker that prints to where the test says."""
    started: list[subprocess.Popen[bytes]] = []

    def starting(
        out: int, closed: tuple[int, ...] = (), module: str = "resque.worker", **env: str
    ) -> subprocess.Popen[bytes]:
        close = "".join(f" {fd}>&-" for fd in closed)
        command = f"exec {sys.executable} -m {module}{close}"
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=os.environ
            | {"PYTHONPATH": str(ROOT / "engine"), "REDIS_URL": redis_url, "QUEUES": "default"}
            | {"RESQUE_REQUIRE": "tests.support.jobs.sample_jobs"}
            | env,
        )
        started.append(process)
        return process

    yield starting
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


def goes_on(worker: subprocess.Popen[bytes], direct: Direct, push: Push) -> None:
    """Jobs are performed, one fails, and the worker leaves when it is told to."""
    push("OkJob", 1)
    push("FailJob", "boom")
    push("OkJob", 2)
    eventually(lambda: direct("GET", "resque:stat:processed") == b"3", "all are closed")
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b'"error":"boom"' in entry
    worker.terminate()
    assert worker.wait(PATIENCE_S) == 0
    assert direct("EXISTS", "resque:workers") == 0


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_reader_of_its_pipe_has_gone(
    direct: Direct, push: Push, start: Start, way: dict[str, str]
) -> None:
    read_fd, write_fd = os.pipe()
    worker = start(write_fd, **way)
    os.close(write_fd)
    assert b"is ready" in os.read(read_fd, 65_536)
    os.close(read_fd)
    goes_on(worker, direct, push)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full disk to lend")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_its_disk_is_full(direct: Direct, push: Push, start: Start, way: dict[str, str]) -> None:
    with open("/dev/full", "wb") as full:
        goes_on(start(full.fileno(), **way), direct, push)


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)], ids=str)
def test_it_has_no_output_at_all(
    direct: Direct, push: Push, start: Start, closed: tuple[int, ...]
) -> None:
    worker = start(subprocess.DEVNULL, closed)
    eventually(lambda: direct("EXISTS", "resque:workers"), "it is registered")
    for fd in (0, 1, 2):
        assert os.path.exists(f"/proc/{worker.pid}/fd/{fd}") or not os.path.exists("/proc")
    goes_on(worker, direct, push)


def test_a_pool_whose_reader_has_gone_still_replaces_who_dies(direct: Direct, start: Start) -> None:
    read_fd, write_fd = os.pipe()
    pool = start(write_fd, COUNT="2")
    os.close(write_fd)
    eventually(lambda: direct("SCARD", "resque:workers") == 2, "both are registered")
    os.close(read_fd)
    first = {int(name.split(b":")[1]) for name in direct("SMEMBERS", "resque:workers")}
    os.kill(min(first), 9)

    def pids() -> set[int]:
        return {int(name.split(b":")[1]) for name in direct("SMEMBERS", "resque:workers")}

    eventually(lambda: pids() - first, "another takes its place")
    pool.terminate()
    assert pool.wait(PATIENCE_S) == 0


def test_a_scheduler_whose_reader_has_gone_still_moves_jobs(direct: Direct, start: Start) -> None:
    read_fd, write_fd = os.pipe()
    scheduler = start(write_fd, module="resque.scheduler", RESQUE_SCHEDULER_INTERVAL="0.1")
    os.close(write_fd)
    assert os.read(read_fd, 65_536)
    os.close(read_fd)
    for _ in range(2):
        direct("RPUSH", "resque:delayed:1", '{"class":"OkJob","args":[],"queue":"default"}')
        direct("ZADD", "resque:delayed_queue_schedule", 1, "1")
        eventually(lambda: direct("LPOP", "resque:queue:default"), "it is moved")
    scheduler.terminate()
    assert scheduler.wait(PATIENCE_S) == 0
