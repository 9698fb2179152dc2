"""RESQUE_JOB_TIMEOUT: a job that runs too long is ended and recorded, and the worker goes on."""

from __future__ import annotations

from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.worker_results import TURNS, failed, failures, stat, trace

LIMIT = {"RESQUE_JOB_TIMEOUT": "0.5", "RESQUE_REQUIRE": TURNS, "INTERVAL": "0"}


def test_a_job_over_its_time_is_killed_and_the_worker_goes_on(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", 1)
    worker = start_worker(**LIMIT)
    assert worker.wait() == 0
    [entry] = failures(direct)
    assert (entry["exception"], entry["backtrace"]) == ("resque.errors.JobTimeout", [])
    assert entry["error"].startswith(
        "Job ran longer than 0.5 s and was ended: Child process received unhandled signal pid "
    )
    assert entry["error"].endswith(" SIGKILL (signal 9)")
    assert (entry["worker"], entry["queue"]) == (worker.id, "default")
    assert (stat(direct, "processed"), stat(direct, "failed")) == (1, 0)


def test_with_term_child_it_may_clean_up_and_tells_where_it_was(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", 1)
    worker = start_worker(TERM_CHILD="1", **LIMIT)
    assert worker.wait() == 0
    [entry] = failures(direct)
    assert entry["exception"] == "resque.errors.JobTimeout"
    assert entry["error"] == "Job ran longer than 0.5 s and was told to stop"
    assert any(line.endswith(":in `hangs'") for line in entry["backtrace"])
    assert trace(direct) == ["cleaned up after SIGTERM"]
    assert (stat(direct, "processed"), stat(direct, "failed")) == (1, 1)


def test_with_term_child_it_may_even_succeed(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", "rescue")
    worker = start_worker(TERM_CHILD="1", **LIMIT)
    assert worker.wait() == 0
    assert direct("EXISTS", "resque:failed") == 0
    assert stat(direct, "processed") == 1


def test_with_term_child_a_job_that_does_not_listen_is_killed(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("IgnoreTerm")
    worker = start_worker(TERM_CHILD="1", RESQUE_TERM_TIMEOUT="0.2", **LIMIT)
    assert worker.wait() == 0
    [entry] = failures(direct)
    assert entry["exception"] == "resque.errors.JobTimeout"
    assert entry["error"].endswith(" SIGKILL (signal 9)")


def test_a_job_over_its_time_is_not_put_back_for_it_would_be_so_again(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", 1)
    worker = start_worker(RESQUE_REQUEUE_LOST="5", **LIMIT)
    assert worker.wait() == 0
    assert direct("HGET", "own:runs", "Hangs") == b"1"
    assert failed(direct) == [("Hangs", [1], "resque.errors.JobTimeout")]
