"""A worker has a child ready before there is a job for it: it shows only in `ps`."""

from __future__ import annotations

import sys
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess
from tests.support.worker_results import TURNS, await_begun, failed, has_left, stat, where

from resque.store.workers import Record
from resque.worker.child import ChildReport
from resque.worker.child_monitor import Cores
from resque.worker.prefork import Prefork
from resque.worker.signals import SignalState

AHEAD = {"RESQUE_REQUIRE": f"{TURNS},tests.support.jobs.prefork_jobs", "INTERVAL": "3600"}
CROWDED = AHEAD | {"RESQUE_REQUIRE": f"{TURNS},tests.support.jobs.busy_cores_jobs"}


def await_ready_child(worker: WorkerProcess) -> psutil.Process:
    return eventually(worker.ready, "a child is ready")[0]


def await_done(direct: Direct, jobs: int) -> None:
    eventually(lambda: stat(direct, "processed") == jobs, f"{jobs} jobs are done")


def test_each_job_is_performed_by_the_child_that_was_ready(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(**AHEAD)
    ready = []
    for number in range(1, 4):
        ready.append(await_ready_child(worker).pid)
        push("Where", number)
        await_done(direct, number)
    assert where(direct) == [(str(number), pid) for number, pid in enumerate(ready, 1)]
    assert len(set(ready)) == 3
    assert worker.leave() == 0


def test_while_a_job_is_performed_the_next_child_is_made_ready(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Gate", "first")
    worker = start_worker(**AHEAD)
    await_begun(direct, 1)
    ready = await_ready_child(worker)
    assert [child.pid for child in worker.performing()] == [where(direct)[0][1]]
    push("Where", "second")
    direct("SET", "own:open", "yes")
    await_done(direct, 2)
    assert where(direct)[1] == ("second", ready.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the job reads /proc")
def test_beside_short_jobs_no_child_is_made_ready_where_no_core_is_idle(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for _ in range(3):
        push("Siblings")
    worker = start_worker(**CROWDED | {"LONG_S": "3600", "INTERVAL": "0"})
    assert worker.wait() == 0
    assert direct("LRANGE", "own:siblings", 0, -1) == [b"1"] * 3


def test_beside_a_long_job_the_next_child_is_made_ready_on_any_core(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Gate", "long")
    worker = start_worker(**CROWDED | {"LONG_S": "0.02"})
    await_begun(direct, 1)
    await_ready_child(worker)
    direct("SET", "own:open", "yes")
    await_done(direct, 1)


def test_a_worker_looks_now_and_then_whether_there_are_cores_enough(tmp_path: Path) -> None:
    load = tmp_path / "loadavg"
    load.write_text("0.06 0.10 0.20 3/187 4711\n")
    cores = Cores(2, str(load))
    assert cores.are_enough()
    load.write_text("0.06 0.10 0.20 4/187 4712\n")
    assert [cores.are_enough() for _ in range(16)] == [True] * 7 + [False] * 8 + [False]


@pytest.mark.parametrize("said", [None, "", "0.06 0.10 0.20 many"])
def test_cores_are_enough_where_the_system_does_not_tell(tmp_path: Path, said: str | None) -> None:
    load = tmp_path / "loadavg"
    if said is not None:
        load.write_text(said)
    assert Cores(1, str(load)).are_enough()


@pytest.mark.parametrize("is_seen", [True, False], ids=["while it waits", "as it is given a job"])
def test_a_ready_child_that_is_killed_takes_no_job_with_it(
    direct: Direct, push: Push, start_worker: StartWorker, is_seen: bool
) -> None:
    worker = start_worker(**AHEAD)
    ready = await_ready_child(worker)
    if not is_seen:
        worker.send(SIGSTOP)
        parent = psutil.Process(worker.pid)
        eventually(lambda: parent.status() == psutil.STATUS_STOPPED, "the worker is stopped")
    ready.kill()
    # A killed process takes a moment to end; a job that it gets in that time is a failure.
    eventually(lambda: has_left(ready), "it has ended")
    if is_seen:
        eventually(lambda: not worker.children(), "the worker has collected it")
    push("Where", "job")
    worker.send(SIGCONT)
    await_done(direct, 1)
    [(name, pid)] = where(direct)
    assert name == "job"
    assert pid != ready.pid
    assert not direct("EXISTS", "resque:failed")
    await_ready_child(worker)


def test_a_ready_child_that_is_asked_to_end_fails_no_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(**AHEAD | {"TERM_CHILD": "1"})
    ready = await_ready_child(worker)
    ready.send_signal(SIGTERM)
    eventually(lambda: not worker.children(), "it leaves")
    push("Where", "job")
    await_done(direct, 1)
    assert [name for name, _ in where(direct)] == ["job"]
    assert failed(direct) == []


def test_a_ready_child_does_not_outlive_a_worker_that_is_killed(start_worker: StartWorker) -> None:
    worker = start_worker(**AHEAD)
    ready = await_ready_child(worker)
    worker.kill()
    eventually(lambda: has_left(ready), "the child leaves")


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_worker_that_leaves_takes_its_ready_child_along(
    start_worker: StartWorker, is_stopped: bool
) -> None:
    worker = start_worker(**AHEAD)
    ready = await_ready_child(worker)
    if is_stopped:
        ready.send_signal(SIGSTOP)
    assert worker.leave(SIGTERM) == 0
    assert has_left(ready)


def test_a_job_too_long_to_hand_over_is_performed_by_a_child_of_its_own(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    worker = start_worker(**AHEAD)
    ready = await_ready_child(worker)
    for length in (32_000, 40_000, 3_000_000, 10):
        push("Length", "x" * length)
    await_done(direct, 4)
    said = where(direct)
    assert [name for name, _ in said] == ["32000", "40000", "3000000", "10"]
    assert said[0][1] == ready.pid
    assert len({pid for _, pid in said}) == 4


def test_the_next_job_begins_when_the_process_of_the_last_is_gone(
    direct: Direct, push: Push, start_worker: StartWorker, tmp_path: Path
) -> None:
    for _ in range(50):
        push("Locks", str(tmp_path / "lock"))
    worker = start_worker(**AHEAD | {"INTERVAL": "0"})
    assert worker.wait() == 0
    assert failed(direct) == []
    assert stat(direct, "processed") == 50


def test_what_a_hook_leaves_in_the_worker_the_next_child_finds(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Leaves")
    push("Finds")
    worker = start_worker(**AHEAD | {"INTERVAL": "0"})
    assert worker.wait() == 0
    assert direct("LRANGE", "own:found", 0, -1) == [b"DirtyExit"]


def test_no_child_is_made_ready_where_hooks_run_between_jobs(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    hooks = AHEAD | {"RESQUE_REQUIRE": f"{TURNS},tests.support.jobs.worker_hooks"}
    push("Gate", "first")
    worker = start_worker(**hooks)
    await_begun(direct, 1)
    assert [child.pid for child in worker.children()] == [where(direct)[0][1]]
    direct("SET", "own:open", "yes")
    await_done(direct, 1)
    eventually(lambda: not worker.children(), "the child has left")
    assert worker.leave() == 0


@pytest.mark.parametrize("missing", ["pipe", "fork"])
def test_where_the_system_has_no_room_no_child_is_made_ready(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def refuse() -> None:
        raise OSError(24, "too many")

    def perform(*_: object) -> ChildReport:
        return ChildReport()

    record = Record(b"{}", "default", None, "Where", [], b"{}")
    with SignalState() as signals:
        ahead = Prefork(signals, lambda: None, perform)
        monkeypatch.setattr(f"os.{missing}", refuse)
        ahead.fork(tells_of_steps=False)
        assert ahead.give(record, 0.0) is None
