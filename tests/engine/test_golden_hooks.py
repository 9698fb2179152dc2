"""A job's hooks run in Ruby's order and have Ruby's effects.

Named difference: the hooks of the worker itself (`W:` in the recordings) do not exist here.
"""

from __future__ import annotations

import json

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker

from resque import Job, Registry, Resque


def without_worker_hooks(database: golden.Database) -> golden.Database:
    trace = database["trace"]
    trace["value"] = [line for line in trace["value"] if not line.startswith("W:")]
    return database


@pytest.mark.parametrize(
    ("scenario", "how"), [("hooks_trace_ok", "ok"), ("hooks_trace_fail", "fail")]
)
def test_all_hooks_of_a_job(
    direct: Direct, push: Push, start_worker: StartWorker, scenario: str, how: str
) -> None:
    push("Hooked", how, 1)
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    expected = without_worker_hooks(golden.recorded(scenario))
    assert golden.ours(direct, worker.host_pid) == expected


def test_hooks_that_skip_swallow_and_raise(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    jobs = ("DontBefore", "NoYield", "Swallow", "AfterFails", "DontInAround", "FailureHookFails")
    for name in jobs:
        push(name, 1)
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    expected = golden.recorded("hooks_special")
    # Named difference: of a failing on_failure hook we tell the job by its name alone, and the
    # first error's class once.
    entries = expected["resque:failed"]["value"]
    entries[2] = (
        entries[2]
        .replace("(Job{default} | FailureHookFails | [1])", "FailureHookFails")
        .replace("RuntimeError: RuntimeError: orig", "RuntimeError: orig")
    )
    assert golden.ours(direct, worker.host_pid) == expected


def test_failure_hooks_run_in_the_worker_when_the_child_died(
    direct: Direct, redis_url: str, start_worker: StartWorker
) -> None:
    names = Registry()

    def tells(hook: str) -> staticmethod[..., None]:
        return staticmethod(
            lambda *args: direct("RPUSH", "trace", f"{hook}({json.dumps(args)}) other")
        )

    class Hooked(Job, into=names):
        """The side of the client; the worker has its own."""

        queue = "default"
        name = "Hooked"
        perform = tells("never")
        before_enqueue = tells("before_enqueue")
        before_enqueue_a = tells("before_enqueue_a")
        before_enqueue_z = tells("before_enqueue_z")
        after_enqueue = tells("after_enqueue")
        after_enqueue_a = tells("after_enqueue_a")
        after_enqueue_b = tells("after_enqueue_b")

    client = Resque(redis_url)
    assert client.enqueue(Hooked, "kill") is True
    client.close()
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    # Named difference: hooks see the exception under its name in Python.
    expected = golden.replaced(
        golden.recorded("child_killed_hooks"), {"(Resque::DirtyExit": "(DirtyExit"}
    )
    assert golden.ours(direct, worker.host_pid) == expected
