"""The hooks of the worker itself run where and when Ruby's do, and one that raises costs no more
than it must.

Named differences: Ruby's `shutdown` runs in the signal's handler, ours when the present job has
ended; a raising `before_fork` ends Ruby's worker, with ours it fails the job as `after_fork` does.
"""

from __future__ import annotations

from signal import SIGCONT, SIGQUIT, SIGTERM, SIGUSR2

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import TURNS, await_begun, failures, stat, trace

JOBS = "tests.support.jobs.sample_jobs,tests.support.jobs.hook_jobs,tests.support.jobs.worker_hooks"
HOOKS = {"RESQUE_REQUIRE": JOBS}


@pytest.mark.parametrize(
    ("scenario", "how"), [("hooks_trace_ok", "ok"), ("hooks_trace_fail", "fail")]
)
def test_the_hooks_of_worker_and_job_in_their_order(
    direct: Direct, push: Push, start_worker: StartWorker, scenario: str, how: str
) -> None:
    push("Hooked", how, 1)
    worker = start_worker(INTERVAL="0", **HOOKS)
    assert worker.wait() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded(scenario)


def test_a_pause_and_a_quit_call_their_hooks(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("OkJob")
    worker = start_worker(**HOOKS)
    eventually(lambda: "W:queue_empty" in trace(direct), "the first job is done")
    worker.send(SIGUSR2)
    eventually(lambda: "W:before_pause" in trace(direct), "the worker pauses")
    push("OkJob")
    worker.send(SIGCONT)
    eventually(lambda: trace(direct).count("W:queue_empty") == 2, "the second job is done")
    assert worker.leave() == 0
    assert golden.ours(direct, worker.host_pid) == golden.recorded("pause_signals")


@pytest.mark.parametrize("number", [SIGQUIT, SIGTERM])
def test_a_worker_that_is_asked_to_leave_in_a_pause_ends_it_first(
    direct: Direct, start_worker: StartWorker, number: int
) -> None:
    worker = start_worker(**HOOKS)
    worker.await_ready()
    worker.send(SIGUSR2)
    eventually(lambda: "W:before_pause" in trace(direct), "the worker pauses")
    assert worker.leave(number) == 0  # type: ignore[arg-type]
    assert trace(direct) == [
        "W:before_first_fork parent",
        "W:before_pause",
        "W:after_pause",
        "W:shutdown",
        "W:worker_exit",
    ]


def test_without_forking_there_are_no_hooks_of_the_fork(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("OkJob")
    worker = start_worker(INTERVAL="0", FORK_PER_JOB="false", **HOOKS)
    assert worker.wait() == 0
    assert trace(direct) == ["W:before_first_fork parent", "W:queue_empty", "W:worker_exit"]


def test_a_child_of_several_jobs_is_forked_once(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    for _ in range(3):
        push("Note", "job")
    worker = start_worker(INTERVAL="0", JOBS_PER_FORK="10", **HOOKS)
    assert worker.wait() == 0
    assert trace(direct) == [
        "W:before_first_fork parent",
        "W:before_fork parent",
        "W:after_fork child",
        *["job"] * 3,
        "W:queue_empty",
        "W:worker_exit",
    ]


def two_jobs(push: Push) -> None:
    push("OkJob", 1)
    push("OkJob", 2)


def test_a_raising_after_fork_fails_each_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    two_jobs(push)
    worker = start_worker(INTERVAL="0", HOOK_RAISES="after_fork", **HOOKS)
    assert worker.wait() == 0
    assert without_backtraces(golden.ours(direct, worker.host_pid)) == golden.recorded(
        "hook_raises_after_fork"
    )


def test_a_raising_before_fork_fails_each_job_and_the_worker_goes_on(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    two_jobs(push)
    worker = start_worker(INTERVAL="0", HOOK_RAISES="before_fork", **HOOKS)
    assert worker.wait() == 0
    found = without_backtraces(golden.ours(direct, worker.host_pid))
    expected = golden.recorded("hook_raises_before_fork")
    [first] = expected["resque:failed"]["value"]
    expected["resque:failed"]["value"].append(first.replace('"args":[1]', '"args":[2]'))
    del expected["resque:queue:default"]
    for total in ("processed", "failed"):
        expected[f"resque:stat:{total}"] = {"type": "string", "value": "2"}
    assert found == expected


def without_backtraces(database: golden.Database) -> golden.Database:
    """Named difference: Ruby cuts away the frame of the hook that raised."""
    entries = database["resque:failed"]["value"]
    frame = '"<file>:<line>:in `hook\'"'
    assert all(f'"backtrace":[{frame}]' in entry for entry in entries)
    database["resque:failed"]["value"] = [entry.replace(frame, "") for entry in entries]
    return database


def test_a_raising_before_first_fork_keeps_the_worker_from_the_register(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    two_jobs(push)
    worker = start_worker(INTERVAL="0", HOOK_RAISES="before_first_fork", **HOOKS)
    # Ruby's leaves with status 0.
    assert worker.wait() == 1
    [sentence] = [line for line in worker.log().splitlines() if line.startswith("worker: ")]
    assert (
        sentence == "worker: a before_first_fork hook raised RuntimeError: hook before_first_fork"
    )
    assert "Traceback" not in worker.log()
    assert "is ready" not in worker.log()
    assert golden.ours(direct, worker.host_pid) == golden.recorded("hook_raises_before_first_fork")


@pytest.mark.parametrize("event", ["queue_empty", "shutdown", "worker_exit", "before_pause"])
def test_another_hook_that_raises_ends_the_worker_in_order(
    direct: Direct, push: Push, start_worker: StartWorker, event: str
) -> None:
    push("Where", 1)
    worker = start_worker(
        HOOK_RAISES=event, RESQUE_REQUIRE=f"{TURNS},tests.support.jobs.worker_hooks"
    )
    await_begun(direct, 1)
    if event == "before_pause":
        worker.send(SIGUSR2)
    elif event != "queue_empty":
        worker.send(SIGQUIT)
    assert worker.wait() == 1
    assert f"worker: a {event} hook raised RuntimeError: hook {event}\n" in worker.log()
    assert "Traceback" not in worker.log()
    # The job it had done is closed, and nothing of the worker is left.
    assert stat(direct, "processed") == 1
    assert failures(direct) == []
    assert direct("EXISTS", "resque:workers", "resque:workers:heartbeat") == 0
