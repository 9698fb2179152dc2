"""Jobs that do to their process what no job should: a true record, and the worker lives on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import failed, failures, has_left, stat, trace

from resque.worker import child

WILD = "tests.support.jobs.sample_jobs,tests.support.jobs.misbehaving_jobs"
#: The ways a worker may perform its jobs.
FORKS: list[dict[str, str]] = [{}, {"JOBS_PER_FORK": "3"}, {"FORK_PER_JOB": "false"}]
IN_CHILDREN = FORKS[:2]


def run(start_worker: StartWorker, **env: str) -> str:
    """Let a worker do all that waits. Returns what it printed."""
    worker = start_worker(INTERVAL="0", RESQUE_REQUIRE=WILD, **env)
    assert worker.wait() == 0, worker.log()
    return worker.log()


@pytest.mark.parametrize("env", FORKS)
def test_an_error_that_leaves_when_it_is_looked_at_is_recorded_by_its_name(
    direct: Direct, push: Push, start_worker: StartWorker, env: dict[str, str]
) -> None:
    push("Speechless")
    push("Note", "still here")
    run(start_worker, **env)
    [entry] = failures(direct)
    assert entry["exception"] == "tests.support.jobs.misbehaving_jobs.Leaves"
    assert entry["error"] == "(no message: its __str__ raised SystemExit)"
    assert entry["backtrace"][0].endswith(":in `speechless'")
    assert trace(direct) == ["still here"]


def test_a_failure_hook_that_leaves_does_not_take_the_worker_along(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("LeavesTwice")
    push("Note", "still here")
    run(start_worker)
    [entry] = failures(direct)
    assert entry["exception"] == "RuntimeError"
    assert entry["error"].startswith("Additional error (SystemExit: from the hook)")
    assert "status 5 before its job was done" in entry["error"]
    assert trace(direct) == ["still here"]


@pytest.mark.parametrize("env", FORKS)
@pytest.mark.parametrize("name", ["Coroutine", "Generator", "AsyncHook"])
def test_what_never_ran_is_not_done(
    direct: Direct, push: Push, start_worker: StartWorker, env: dict[str, str], name: str
) -> None:
    push(name)
    said = run(start_worker, **env)
    [entry] = failures(direct)
    assert entry["exception"] == "resque.errors.NeverRan"
    assert "of which nothing was run" in entry["error"]
    assert trace(direct) == []
    assert "never awaited" not in said


@pytest.mark.parametrize("env", FORKS)
@pytest.mark.parametrize("how", ["returns", "raises"])
def test_a_copy_that_a_job_made_of_its_process_has_no_say_and_does_not_stay(
    direct: Direct, push: Push, start_worker: StartWorker, env: dict[str, str], how: str
) -> None:
    worker = start_worker(RESQUE_REQUIRE=WILD, **env)
    push("ForksAndReturns", how)
    push("Note", "next")
    eventually(lambda: stat(direct, "processed") == 2, "both jobs are done")
    [copy] = direct("LRANGE", "own:copies", 0, -1)
    eventually(lambda: _is_gone(int(copy)), "the copy is gone")
    assert worker.leave() == 0
    assert (failed(direct), trace(direct)) == ([], ["next"])
    assert ("RuntimeError: from the copy" in worker.log()) == (how == "raises")


def _is_gone(pid: int) -> bool:
    try:
        return has_left(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("env", IN_CHILDREN)
def test_a_job_that_closes_the_workers_pipe_is_said_to_have_done_that(
    direct: Direct, push: Push, start_worker: StartWorker, tmp_path: Path, env: dict[str, str]
) -> None:
    push("ClosesAll")
    push("ClosesAllAndOpens", str(tmp_path / "own"))
    push("Note", "still here")
    # It came to its end: it is not to be repeated.
    run(start_worker, RESQUE_REQUEUE_LOST="3", **env)
    assert [entry["exception"] for entry in failures(direct)] == ["Resque::DirtyExit"] * 2
    assert all("could not say how its job ended" in e["error"] for e in failures(direct))
    assert trace(direct) == ["still here"]
    # Nor is the report written to what has the pipe's number by now.
    assert (tmp_path / "own").read_bytes() == b""


def test_a_child_of_several_jobs_that_can_take_no_more_has_still_done_its_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("OpensNoMore")
    push("Note", "still here")
    run(start_worker, JOBS_PER_FORK="3")
    assert (failed(direct), trace(direct)) == ([], ["still here"])
    assert stat(direct, "processed") == 2


@pytest.mark.parametrize("env", FORKS)
def test_a_job_that_breaks_the_output_is_done(
    direct: Direct, push: Push, start_worker: StartWorker, env: dict[str, str]
) -> None:
    push("BreaksOutput")
    push("Note", "still here")
    run(start_worker, **env)
    assert (failed(direct), trace(direct)) == ([], ["still here"])


@pytest.mark.parametrize("env", FORKS)
def test_threads_that_a_job_leaves_behind_keep_no_worker_from_leaving(
    direct: Direct, push: Push, start_worker: StartWorker, env: dict[str, str]
) -> None:
    worker = start_worker(RESQUE_REQUIRE=WILD, **env)
    push("LeavesThread")
    push("Note", "still here")
    eventually(lambda: stat(direct, "processed") == 2, "both jobs are done")
    assert worker.leave() == 0
    assert (failed(direct), trace(direct)) == ([], ["still here"])


@pytest.mark.parametrize(
    ("error", "printed"),
    [(RuntimeError("boom"), "RuntimeError: boom"), (ProcessLookupError("no parent"), "")],
)
def test_what_a_child_raises_outside_of_its_job_is_printed_unless_its_parent_is_gone(
    capfd: pytest.CaptureFixture[str], error: Exception, printed: str
) -> None:
    def life(step: Callable[[], None]) -> child.ChildReport:
        raise error

    forked = child.fork(life)
    eventually(forked.has_left, "the child has left")
    assert forked.report() is None
    assert "exit status 1" in forked.death()
    said = capfd.readouterr().err
    assert printed in said
    assert bool(said) == bool(printed)
