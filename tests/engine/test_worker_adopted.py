"""Process 1 collects what jobs leave behind, and nothing that is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import failures, stat

from resque.worker.upkeep import Adopted, adopted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process 1 of a container")


def ended() -> int:
    """A child of this process that has ended and was not collected; to this process it looks as
    one that it adopted. Returns its pid."""
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def is_there(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


@pytest.fixture
def own() -> Iterator[set[int]]:
    """The pids that the program collects itself; collected at the end."""
    pids: set[int] = set()
    yield pids
    for pid in pids:
        os.waitpid(pid, 0)


def test_what_has_ended_is_collected(own: set[int]) -> None:
    pids = [ended() for _ in range(3)]
    Adopted(lambda: own).collect()
    assert not any(map(is_there, pids))


def test_what_the_program_collects_itself_keeps_its_exit_status(own: set[int]) -> None:
    own.add(ended())
    Adopted(lambda: own).collect()
    assert [os.WEXITSTATUS(os.waitpid(pid, 0)[1]) for pid in own] == [3]
    own.clear()


def test_what_runs_is_left_alone(own: set[int]) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as running:
        Adopted(lambda: own).collect()
    assert running.returncode == 0


def test_what_another_thread_waits_for_is_left_alone(own: set[int]) -> None:
    started, go_on = threading.Event(), threading.Event()
    statuses: list[int] = []

    def run() -> None:
        pid = ended()
        started.set()
        go_on.wait()
        statuses.append(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    Adopted(lambda: own).collect()
    go_on.set()
    thread.join()
    assert statuses == [3]


def test_a_process_without_children_has_nothing_to_collect(own: set[int]) -> None:
    code = "from resque.worker.upkeep import Adopted\nAdopted(set).collect()\nprint('went on')\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "went on\n"


def test_only_process_1_collects() -> None:
    assert adopted(set, pid=1) is not None
    assert adopted(set, pid=2) is None
    assert adopted(set) is None


@pytest.mark.parametrize(
    "environment", [{}, {"COUNT": "2"}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "3"}], ids=str
)
def test_a_worker_that_is_process_1_keeps_no_zombies_and_steals_no_exit_status(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    for _ in range(3):
        push("Leaves")
        push("Asks")
    worker = start_worker(
        module="tests.support.programs.worker_as_process_1",
        RESQUE_REQUIRE="tests.support.programs.worker_as_process_1",
        **environment,
    )
    eventually(lambda: stat(direct, "processed") == 6, "all jobs are done")
    eventually(
        lambda: not any(child.status() == psutil.STATUS_ZOMBIE for child in worker.children()),
        "no zombie is left",
    )
    assert failures(direct) == []
    assert worker.leave() == 0
