"""Jobs with a `Retry` are tried again by the worker, with resque-retry's keys."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.worker_results import TURNS, failed, failures, forget, stat, trace, waiting

JOBS = {"RESQUE_REQUIRE": TURNS, "INTERVAL": "0"}
COUNTERS = "resque:resque-retry:*"


def test_failed_attempts_leave_what_the_plugin_leaves(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("RetryJob", 1, "a b")
    push("RetryLater", "x")
    push("RetryLater")
    before = int(direct("TIME")[0])
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    after = int(direct("TIME")[0])
    direct("DEL", "resque:pause-all-workers", "resque:pruning_dead_workers_in_progress")
    # The recording was made without a worker, hence without its statistics.
    assert (stat(direct, "processed"), stat(direct, "failed")) == (3, 3)
    direct("DEL", "resque:stat:processed", "resque:stat:failed")

    expected = golden.recorded("plugin_retry")
    entries, [epoch] = delayed_in(expected)
    found_epochs = [int(e) for e in direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1)]
    # Two of them when a second passed between the two jobs.
    assert all(before + 3600 <= found <= after + 3600 for found in found_epochs)
    delayed = [e for at in found_epochs for e in direct("LRANGE", f"resque:delayed:{at}", 0, -1)]
    assert [entry.decode() for entry in delayed] == entries
    scores = [int(direct("ZSCORE", "resque:delayed_queue_schedule", at)) for at in found_epochs]
    assert scores == found_epochs
    direct("DEL", "resque:delayed_queue_schedule", *(f"resque:delayed:{at}" for at in found_epochs))
    found = golden.ours(direct, worker.host_pid)
    for key, entry in found.items():
        if key.startswith("resque:timestamps:"):
            [member] = entry["value"]
            assert int(member.removeprefix("delayed:")) in found_epochs
            entry["value"] = [f"delayed:{epoch}"]
    assert found == expected


def delayed_in(database: golden.Database) -> tuple[list[str], list[int]]:
    """Take the delayed jobs out of a recording. Returns them, and when they are due."""
    key = next(key for key in database if re.fullmatch(r"resque:delayed:\d+", key))
    schedule: list[list[Any]] = database.pop("resque:delayed_queue_schedule")["value"]
    return database.pop(key)["value"], [int(score) for _, score in schedule]


def test_a_job_is_tried_again_until_its_limit_and_given_up_then(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Tried", 9)
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    assert trace(direct) == ["run 1, counter 0", "run 2, counter 1", "run 3, counter 2"]
    assert [entry["error"] for entry in failures(direct)] == ["run 1", "run 2", "run 3"]
    assert direct("KEYS", COUNTERS) == []
    assert waiting(direct) == []


@pytest.mark.parametrize("environment", [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "10"}])
def test_a_success_forgets_the_count(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    push("Tried", 2)
    worker = start_worker(**JOBS, **environment)
    assert worker.wait() == 0
    assert trace(direct) == ["run 1, counter 0", "run 2, counter 1"]
    assert failed(direct) == [("Tried", [2], "RuntimeError")]
    assert direct("KEYS", COUNTERS) == []
    assert (stat(direct, "processed"), stat(direct, "failed")) == (2, 1)


@pytest.mark.parametrize("environment", [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "10"}])
def test_arguments_that_cannot_be_written_again_cost_the_retry_and_nothing_else(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    # Longer than what the script looks into: it would set half of a surrogate pair aside.
    long = '["\\ud800", "%s"]' % ("x" * 2**20)
    for args in ("[NaN]", "[1e400]", "[" * 150 + "]" * 150, long):
        direct("RPUSH", "resque:queue:default", '{"class":"RetryJob","args":' + args + "}")
    push("Note", "still here")
    worker = start_worker(**JOBS, **environment)
    assert worker.wait() == 0, worker.log()
    assert [entry["exception"] for entry in failures(direct)] == ["RuntimeError"] * 4
    assert trace(direct) == ["still here"]
    assert worker.log().count("retry: ") >= 4


@pytest.mark.parametrize("jobs_per_fork", ["1", "10"])
def test_an_attempt_whose_child_was_killed_counts(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str
) -> None:
    push("RetryDies")
    worker = start_worker(JOBS_PER_FORK=jobs_per_fork, **JOBS)
    assert worker.wait() == 0
    assert direct("HGET", "own:runs", "RetryDies") == b"2"
    assert failed(direct) == [("RetryDies", [], "Resque::DirtyExit")] * 2
    assert direct("KEYS", COUNTERS) == []


def test_a_lost_job_is_put_back_first_and_tried_again_when_that_is_exhausted(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("RetryDies")
    worker = start_worker(RESQUE_REQUEUE_LOST="1", **JOBS)
    assert worker.wait() == 0
    # Put back once; its second run is an attempt too, and the last that the limit allows.
    assert direct("HGET", "own:runs", "RetryDies") == b"2"
    assert failed(direct) == [("RetryDies", [], "Resque::DirtyExit")]
    assert direct("KEYS", COUNTERS) == []


def test_a_job_whose_worker_died_is_tried_again_by_the_one_that_prunes(
    direct: Direct, start_worker: StartWorker
) -> None:
    payload = {"class": "RetryLater", "args": ["x"]}
    record = {"queue": "mail", "run_at": "2026-01-01T00:00:00Z", "payload": payload}
    direct("SET", "resque:worker:h:1:mail", json.dumps(record))
    direct("SET", "resque:resque-retry:RetryLater:11f6ad8ec52a2984abaafd7c3b516503785c2072", 0)
    forget(direct, "h:1:mail")
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    assert failed(direct) == [("RetryLater", ["x"], "Resque::PruneDeadWorkerDirtyExit")]
    [at] = direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1)
    [again] = direct("LRANGE", b"resque:delayed:" + at, 0, -1)
    assert again == b'{"class":"RetryLater","args":["x"],"queue":"mail"}'
