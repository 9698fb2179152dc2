"""What a worker and a scheduler print: nothing that happens to it stops their work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push
from tests.support.waiting import PATIENCE_S, eventually
from tests.support.worker_process import ROOT
from tests.support.worker_results import failed, stat

from queuecore.stores import Store
from resque.keys import Keys
from resque.store import delayed


@pytest.fixture
def unread() -> Iterator[int]:
    """The writing end of a pipe that has no reader any more."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    yield write_fd
    os.close(write_fd)


def start(
    url: str, output: int, *, before: str = "", module: str = "resque.worker", **env: str
) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to `output`, by way of a shell that first does `before`."""
    return subprocess.Popen(
        ["/bin/sh", "-c", f'{before} exec "$0" -m "$1"', sys.executable, module],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT / "engine"),
            "REDIS_URL": url,
            "QUEUES": "default,caf\udce9",
            "RESQUE_REQUIRE": "tests.support.jobs.sample_jobs",
        }
        | env,
    )


@pytest.mark.parametrize("before", ["", "exec >&-;", "exec <&- >&- 2>&-;"])
@pytest.mark.parametrize("env", [{}, {"COUNT": "2"}, {"FORK_PER_JOB": "false"}])
def test_a_worker_works_on_when_its_output_is_closed(
    redis_url: str, direct: Direct, push: Push, unread: int, before: str, env: dict[str, str]
) -> None:
    for number in range(3):
        push("OkJob", number)
    worker = start(redis_url, unread, before=before, INTERVAL="0", **env)
    assert worker.wait(PATIENCE_S) == 0
    assert (stat(direct, "processed"), failed(direct)) == (3, [])


def test_what_the_encoding_of_the_output_cannot_carry_is_escaped(
    redis_url: str, direct: Direct
) -> None:
    environ = {"PYTHONIOENCODING": "ascii:strict", "INTERVAL": "0"}
    worker = start(redis_url, subprocess.PIPE, **environ)
    said, _ = worker.communicate(timeout=PATIENCE_S)
    assert (worker.returncode, b"default,caf\\udce9 is ready" in said) == (0, True)


def test_a_scheduler_works_on_when_its_output_is_closed(
    redis_url: str, direct: Direct, store: Store, keys: Keys, unread: int
) -> None:
    store.run(delayed.schedule(keys, time.time() - 1, "q", "A", [1]))
    scheduler = start(redis_url, unread, module="resque.scheduler")
    eventually(lambda: direct("LLEN", "resque:queue:q") == 1, "the job is due")
    scheduler.terminate()
    assert scheduler.wait(PATIENCE_S) == 0
