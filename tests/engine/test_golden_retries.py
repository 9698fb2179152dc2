"""Failures of attempts that are not the last are kept off the list where a job asks for that, as
resque-retry's MultipleWithRetrySuppression does it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.worker_results import failures, forget, stat, waiting

JOBS = {
    "RESQUE_REQUIRE": "tests.support.jobs.sample_jobs,tests.support.jobs.suppressing_jobs",
    "INTERVAL": "0",
}
FAILURE = "resque:failure-resque-retry:RetryLater:11f6ad8ec52a2984abaafd7c3b516503785c2072"
EPOCHS = re.compile(r"\b1[789]\d{8}\b")


def without_times(database: golden.Database) -> golden.Database:
    """A database with one token for each moment in epoch seconds, in keys and values."""
    text = json.dumps(database)
    return dict(json.loads(EPOCHS.sub("<epoch>", text).replace('"<epoch>", <epoch>', '"<epoch>"')))


def kept_failure(database: golden.Database) -> tuple[dict[str, Any], int]:
    """Take the failure that is kept beside the list out of a database, with its lifetime."""
    entry = database.pop(FAILURE)
    return json.loads(entry["value"]), entry["ttl"]


def test_a_suppressed_failure_leaves_what_the_plugin_leaves(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("RetryLater", "x")
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    # The recording was made without a worker, hence without its statistics.
    assert (stat(direct, "processed"), stat(direct, "failed")) == (1, 1)
    direct("DEL", "resque:stat:processed", "resque:stat:failed")
    direct("DEL", "resque:pruning_dead_workers_in_progress")

    expected, found = golden.load("plugin_retry_suppression")["keys"], golden.dump(direct)
    theirs, their_ttl_s = kept_failure(expected)
    ours, our_ttl_s = kept_failure(found)
    assert without_times(found) == without_times(expected)
    assert their_ttl_s - 60 <= our_ttl_s <= their_ttl_s
    assert list(ours) == list(theirs)
    # Named difference: theirs is not cut at the frames of the job here, ours as everywhere.
    assert [line.rpartition(":in ")[2] for line in ours.pop("backtrace")] == ["`perform'"]
    assert theirs.pop("backtrace")[0].endswith("`perform'")
    without_zone = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
    assert without_zone.fullmatch(ours.pop("failed_at"))
    assert without_zone.fullmatch(theirs.pop("failed_at"))
    assert (ours.pop("worker"), theirs.pop("worker")) == (worker.id, "vm:23354:default")
    assert ours == theirs


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"FORK_PER_JOB": "false"},
        {"JOBS_PER_FORK": "10"},
        {"FAILURE_BACKEND": "redis_multi_queue"},
    ],
)
def test_only_the_last_attempt_is_recorded_and_all_are_counted(
    direct: Direct, push: Push, start_worker: StartWorker, environment: dict[str, str]
) -> None:
    push("Tried", 9)
    worker = start_worker(**JOBS, **environment)
    assert worker.wait() == 0
    own_list = "FAILURE_BACKEND" in environment
    key = "resque:default_failed" if own_list else "resque:failed"
    assert [entry["error"] for entry in failures(direct, key)] == ["run 3"]
    assert (stat(direct, "processed"), stat(direct, "failed")) == (3, 3)
    assert worker.log().count("failed 'Tried'") == 3
    assert direct("KEYS", "resque:*resque-retry:*") == []
    assert waiting(direct) == []


def test_a_success_leaves_no_failure_behind(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Tried", 2)
    direct("SET", FAILURE.replace("RetryLater", "Tried"), "of another job")
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    assert failures(direct) == []
    assert (stat(direct, "processed"), stat(direct, "failed")) == (2, 1)
    assert len(direct("KEYS", "resque:*resque-retry:*")) == 1, "the other job's"


@pytest.mark.parametrize("how", ["its child dies", "its worker dies"])
def test_the_death_of_a_process_is_suppressed_too_while_the_job_is_tried_again(
    direct: Direct, push: Push, start_worker: StartWorker, how: str
) -> None:
    if how == "its child dies":
        push("Dies")
    else:
        record = {"queue": "default", "payload": {"class": "Dies", "args": []}}
        direct("SET", "resque:worker:h:1:default", json.dumps(record))
        direct("SET", "resque:resque-retry:Dies", 0)
        forget(direct, "h:1:default")
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    assert failures(direct) == []
    kept = json.loads(direct("GET", "resque:failure-resque-retry:Dies"))
    assert kept["exception"] in ("Resque::DirtyExit", "Resque::PruneDeadWorkerDirtyExit")
    assert 0 < direct("TTL", "resque:failure-resque-retry:Dies") <= 120
    [at] = direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1)
    assert direct("LRANGE", b"resque:delayed:" + at, 0, -1) == [
        b'{"class":"Dies","args":[],"queue":"default"}'
    ]
    assert direct("EXISTS", "resque:worker:h:1:default", "resque:workers") == 0

    # The second attempt is the last.
    push("Dies")
    assert start_worker(**JOBS).wait() == 0
    assert [entry["exception"] for entry in failures(direct)] == ["Resque::DirtyExit"]
    assert direct("KEYS", "resque:*resque-retry:*") == []


def test_a_retry_that_cannot_be_enqueued_suppresses_nothing(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:delayed_queue_schedule", "no set of moments")
    push("RetryLater", "x")
    worker = start_worker(**JOBS)
    assert worker.wait() == 0
    assert [entry["error"] for entry in failures(direct)] == ["later"]
