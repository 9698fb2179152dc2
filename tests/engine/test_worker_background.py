"""Workers in the background, with a file for the pid, or that leave with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL, SIGQUIT

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import PATIENCE_S, eventually
from tests.support.worker_process import ROOT
from tests.support.worker_results import TURNS, await_begun, has_left, stat, trace, waiting

#: Starts a worker that follows it, and waits.
PARENT = """
import os, subprocess, sys
environ = os.environ | {"RESQUE_PARENT_PID": str(os.getpid())}
subprocess.Popen([sys.executable, "-m", "resque.worker"], env=environ).wait()
"""


@pytest.fixture
def ending() -> Iterator[list[psutil.Process]]:
    """Processes that are no children of ours, and end with the test."""
    found: list[psutil.Process] = []
    yield found
    for process in found:
        if not has_left(process):
            process.kill()


def test_a_pid_file_holds_the_pid_and_nothing_else(
    direct: Direct, start_worker: StartWorker, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    file.write_text("an older and much longer content\n")
    worker = start_worker(PIDFILE=str(file))
    worker.await_ready()
    assert file.read_text() == str(worker.pid)
    assert worker.leave() == 0
    # As with Ruby it stays.
    assert file.read_text() == str(worker.pid)


def test_a_worker_in_the_background_is_a_session_of_its_own(
    direct: Direct,
    push: Push,
    start_worker: StartWorker,
    tmp_path: Path,
    ending: list[psutil.Process],
) -> None:
    file = tmp_path / "pid"
    starter = start_worker(BACKGROUND="1", PIDFILE=str(file), RESQUE_REQUIRE=TURNS)
    assert starter.wait() == 0
    pid = int(eventually(lambda: file.exists() and file.read_text(), "the pid is written"))
    worker = psutil.Process(pid)
    ending.append(worker)
    assert pid != starter.pid
    assert os.getsid(pid) == pid
    push("Note", "done behind the scenes")
    eventually(lambda: trace(direct) == ["done behind the scenes"], "it works")
    [worker_id] = direct("SMEMBERS", "resque:workers")
    assert worker_id.split(b":")[1] == b"%d" % pid
    assert starter.log() == ""
    worker.send_signal(SIGQUIT)
    eventually(lambda: has_left(worker), "it leaves")
    assert direct("EXISTS", "resque:workers") == 0


@pytest.mark.parametrize("environment", [{}, {"BACKGROUND": "1"}])
def test_a_pid_file_that_cannot_be_written_is_said_also_before_going_into_the_background(
    start_worker: StartWorker, tmp_path: Path, environment: dict[str, str]
) -> None:
    worker = start_worker(PIDFILE=str(tmp_path / "no" / "folder"), **environment)
    assert worker.wait() == 2
    assert worker.log().startswith("worker: cannot write PIDFILE ")
    assert worker.log().count("\n") == 1


@pytest.mark.parametrize("pid", ["me", "-1", "1.5", "9" * 5000])
def test_a_parent_that_is_no_process_is_refused(start_worker: StartWorker, pid: str) -> None:
    worker = start_worker(RESQUE_PARENT_PID=pid)
    assert worker.wait() == 2
    assert worker.log().startswith("worker: RESQUE_PARENT_PID must be a process id")
    assert worker.log().count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of a parent's end on Linux")
@pytest.mark.parametrize("count", ["1", "2"])
def test_a_worker_finishes_its_job_and_leaves_when_its_parent_is_killed(
    direct: Direct, push: Push, redis_url: str, ending: list[psutil.Process], count: str
) -> None:
    push("Gate", "in hand")
    environ = os.environ | {
        "PYTHONPATH": str(ROOT / "engine"),
        "REDIS_URL": redis_url,
        "QUEUES": "default",
        "RESQUE_REQUIRE": TURNS,
        "COUNT": count,
    }
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await_begun(direct, 1)
        ending += psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.send_signal(SIGKILL)
        parent.wait(PATIENCE_S)
    push("Gate", "next")
    direct("SET", "own:open", "yes")
    eventually(lambda: all(map(has_left, ending)), "all of them leave")
    eventually(lambda: not direct("EXISTS", "resque:workers"), "none is on the register")
    assert "in hand done" in trace(direct)
    assert direct("EXISTS", "resque:failed") == 0
    assert stat(direct, "processed") + len(waiting(direct)) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full disk to lend")
@pytest.mark.parametrize("environment", [{}, {"BACKGROUND": "1"}], ids=str)
def test_a_pid_file_on_a_full_disk_is_said_and_no_worker_begins(
    direct: Direct, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    worker = start_worker(PIDFILE="/dev/full", **environment)
    assert worker.wait() == 2
    assert worker.log() == "worker: cannot write PIDFILE '/dev/full': No space left on device\n"
    assert direct("EXISTS", "resque:workers") == 0


@pytest.mark.parametrize("module", ["resque.worker", "resque.scheduler"])
def test_a_folder_that_was_removed_keeps_no_worker_from_starting(
    redis_url: str, tmp_path: Path, module: str
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    command = f"rmdir {folder} && exec {sys.executable} -m {module}"
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "engine"), "REDIS_URL": redis_url, "QUEUES": "default"},
    )
    assert process.stdout is not None
    with process, process.stdout:
        begun = process.stdout.readline()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, begun
