"""A worker whose lines nobody can take goes on with its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engine.conftest import Push
from tests.engine.direct import PATIENCE_S, Direct, eventually
from tests.engine.worker_process import ROOT


def begin(url: str, stdout: int, **env: str) -> subprocess.Popen[bytes]:
    """A worker that prints to `stdout`, which is closed here."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("QUEUES", "REDIS_URL")}
    told = {
        "PYTHONPATH": str(ROOT / "engine"),
        "REDIS_URL": url,
        "QUEUES": "default",
        "RESQUE_REQUIRE": "tests.engine.sample_jobs",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "resque.worker"],
        cwd=ROOT,
        env=inherited | told | env,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
    )
    os.close(stdout)
    return worker


def work(worker: subprocess.Popen[bytes], direct: Direct, push: Push, jobs: int) -> None:
    """Let it perform some jobs and leave."""
    try:
        for number in range(jobs):
            push("OkJob", number)
        eventually(lambda: direct("GET", "resque:stat:processed") == b"%d" % jobs, "all are done")
        worker.send_signal(signal.SIGQUIT)
        assert worker.wait(PATIENCE_S) == 0
    finally:
        worker.kill()
        worker.wait()
    assert direct("GET", "resque:stat:failed") in (None, b"0")
    assert direct("LLEN", "resque:failed") == 0


@pytest.mark.parametrize("env", [{}, {"FORK_PER_JOB": "false"}, {"COUNT": "2"}])
def test_a_reader_that_has_gone_costs_no_job(
    redis_url: str, direct: Direct, push: Push, env: dict[str, str]
) -> None:
    reader, writer = os.pipe()
    worker = begin(redis_url, writer, **env)
    with open(reader, "rb") as lines:
        assert b"is ready" in lines.readline()
    work(worker, direct, push, 5)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_costs_no_job(redis_url: str, direct: Direct, push: Push) -> None:
    work(begin(redis_url, os.open("/dev/full", os.O_WRONLY)), direct, push, 5)
