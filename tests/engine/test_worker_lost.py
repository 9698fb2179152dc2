"""Jobs whose process died: put back a bounded number of times, then failed; and the pruned."""

from __future__ import annotations

import json
from signal import SIGTERM, SIGUSR1

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_results import (
    TURNS,
    await_begun,
    await_run,
    failed,
    failures,
    forget,
    stat,
    trace,
    waiting,
    where,
)

TWICE = {"RESQUE_REQUEUE_LOST": "2", "RESQUE_REQUIRE": TURNS}


@pytest.mark.parametrize("jobs_per_fork", ["1", "10"])
def test_a_job_that_kills_its_process_runs_three_times_and_fails_then(
    direct: Direct, push: Push, start_worker: StartWorker, jobs_per_fork: str
) -> None:
    push("Where", "before")
    push("Dies", "kill")
    push("Where", "after")
    worker = start_worker(INTERVAL="0", JOBS_PER_FORK=jobs_per_fork, **TWICE)
    assert worker.wait() == 0
    assert direct("HGET", "own:runs", "Dies") == b"3"
    assert failed(direct) == [("Dies", ["kill"], "Resque::DirtyExit")]
    assert [name for name, _ in where(direct)] == ["before", "after"]
    # A run that was lost is no job that was processed.
    assert (stat(direct, "processed"), stat(direct, "failed")) == (3, 0)
    assert worker.log().count("put 'Dies' back on 'default'") == 2
    assert worker.log().count("failed 'Dies'") == 1
    assert "done 'Dies'" not in worker.log()


def test_a_job_of_workers_killed_thrice_is_put_back_twice_by_those_who_prune_them(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    payload = b'{"args": [1.50], "class": "Hangs", "id": 7}'
    direct("SADD", "resque:queues", "default")
    direct("RPUSH", "resque:queue:default", payload)
    push("Where", "behind it")
    for run in (1, 2, 3):
        worker = start_worker(RESQUE_PRUNE_INTERVAL="300", **TWICE)
        # At the head of its queue, byte for byte as it was.
        await_run(direct, "Hangs", run)
        record = direct("GET", f"resque:worker:{worker.id}")
        assert record.endswith(b'"payload":' + payload + b"}")
        child = worker.await_child()
        worker.kill()
        child.kill()
        forget(direct, worker.id)
    last = start_worker(INTERVAL="0", RESQUE_PRUNE_INTERVAL="300", **TWICE)
    assert last.wait() == 0
    assert failed(direct) == [("Hangs", [1.5], "Resque::PruneDeadWorkerDirtyExit")]
    assert [name for name, _ in where(direct)] == ["behind it"]
    assert direct("EXISTS", "resque:workers", "resque:queue:default") == 0


def test_a_job_ended_by_usr1_fails_for_its_end_was_ordered(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", 1)
    worker = start_worker(**TWICE)
    await_run(direct, "Hangs")
    worker.send(SIGUSR1)
    eventually(lambda: failures(direct), "it has failed")
    assert worker.leave() == 0
    assert direct("HGET", "own:runs", "Hangs") == b"1"
    assert waiting(direct) == []


def test_a_job_ended_because_its_worker_was_asked_to_leave_goes_back(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Hangs", 1)
    worker = start_worker(**TWICE)
    await_run(direct, "Hangs")
    assert worker.leave(SIGTERM) == 0
    assert waiting(direct) == [[1]]
    assert direct("EXISTS", "resque:failed", f"resque:worker:{worker.id}") == 0


@pytest.mark.parametrize(
    "record",
    [
        b"not JSON",
        b"[1]",
        b"{}",
        b'{"queue":"mail","payload":null}',
        b'{"queue":"mail","payload":{"args":[1]}}',
        b'{"payload":{"class":"A","args":[]}}',
    ],
)
def test_what_a_dead_worker_held_and_is_no_job_is_a_failure_never_put_back(
    direct: Direct, start_worker: StartWorker, record: bytes
) -> None:
    direct("SADD", "resque:workers", "h:1:mail")
    direct("SET", "resque:worker:h:1:mail", record)
    forget(direct, "h:1:mail")
    worker = start_worker(INTERVAL="0", **TWICE)
    assert worker.wait() == 0
    [entry] = failures(direct)
    assert entry["exception"] == "Resque::PruneDeadWorkerDirtyExit"
    assert entry["worker"] == "h:1:mail"
    assert direct("EXISTS", "resque:queue:", "resque:queue:mail", "resque:worker:h:1:mail") == 0


def test_the_failure_hooks_of_a_pruned_job_run_in_the_worker_that_prunes(
    direct: Direct, start_worker: StartWorker
) -> None:
    payload = {"class": "Hooked", "args": ["ok", 1]}
    record = {"queue": "default", "run_at": "2026-01-01T00:00:00Z", "payload": payload}
    direct("SADD", "resque:workers", "oh:9:default")
    direct("SET", "resque:worker:oh:9:default", json.dumps(record, separators=(",", ":")))
    forget(direct, "oh:9:default")
    worker = start_worker("zz", INTERVAL="0")
    assert worker.wait() == 0
    expected = golden.recorded("prune_runs_on_failure_hooks")
    # Named difference: hooks see the exception under its name in Python.
    lines = expected["trace"]["value"]
    expected["trace"]["value"] = [line.replace("Resque::Prune", "Prune") for line in lines]
    # The recording's pruner is the only worker of its host there.
    assert golden.ours(direct, worker.host_pid) == expected


def test_a_pruned_job_fails_into_the_list_of_its_queue_where_there_are_such(
    direct: Direct, start_worker: StartWorker
) -> None:
    record = '{"queue":"mail","run_at":"2026-01-01T00:00:00Z","payload":{"class":"A","args":[1]}}'
    direct("SET", "resque:worker:h:1:mail", record)
    forget(direct, "h:1:mail")
    worker = start_worker(INTERVAL="0", FAILURE_BACKEND="redis_multi_queue")
    assert worker.wait() == 0
    [entry] = failures(direct, "resque:mail_failed")
    assert entry["exception"] == "Resque::PruneDeadWorkerDirtyExit"
    assert direct("SMEMBERS", "resque:failed_queues") == [b"mail_failed"]
    assert direct("EXISTS", "resque:failed") == 0


def test_a_job_left_behind_by_a_predecessor_fails_into_the_list_of_its_queue_too(
    direct: Direct, start_worker: StartWorker
) -> None:
    record = '{"queue":"mail","run_at":"2026-01-01T00:00:00Z","payload":{"class":"A","args":[1]}}'
    worker = start_worker(
        module="tests.support.programs.worker_with_old_id",
        ODD_PREDECESSOR=record,
        FAILURE_BACKEND="redis_multi_queue",
    )
    worker.await_ready()
    [entry] = failures(direct, "resque:mail_failed")
    assert (entry["error"], entry["worker"]) == ("Job still being processed", worker.id)


def test_a_worker_never_takes_itself_for_dead(direct: Direct, start_worker: StartWorker) -> None:
    # Heartbeats have whole seconds: most are older than this as soon as they are written.
    for _ in range(3):
        direct("DEL", "resque:pruning_dead_workers_in_progress")
        worker = start_worker(INTERVAL="0", RESQUE_PRUNE_INTERVAL="0.01")
        assert worker.wait() == 0
        assert "pruned" not in worker.log()


def test_a_living_worker_that_was_pruned_finishes_its_job_and_is_on_the_register_again(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Gate", "slow")
    # Its next beat is a minute away: until then it looks dead to others.
    worker = start_worker(RESQUE_REQUIRE=TURNS, RESQUE_HEARTBEAT_INTERVAL="3600")
    await_begun(direct, 1)
    forget(direct, worker.id)
    second = start_worker("zz", INTERVAL="0")
    assert second.wait() == 0
    direct("SET", "own:open", "yes")
    eventually(lambda: stat(direct, "processed"), "the job is counted")
    found = golden.ours(direct, worker.host_pid, second.host_pid)
    expected = golden.recorded("prune_alive_then_finished")
    # As in Ruby the job has failed and is counted; here it was another one.
    assert trace(direct) == ["slow done"]
    del found["trace"]
    entries = [text.replace("SlowJob", "Gate") for text in expected["resque:failed"]["value"]]
    expected["resque:failed"]["value"] = [e.replace("[2.5]", '["slow"]') for e in entries]
    # Named difference: it is on the register again; Ruby's works on unseen. See
    # test_worker_heartbeat for an idle one.
    for key in ("workers", "workers:heartbeat", "worker:<worker 1>:default:started"):
        del found[f"resque:{key}"]
    assert found == expected
    assert worker.leave() == 0


def test_a_living_worker_that_was_pruned_in_a_job_comes_back_with_its_next_beat(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Gate", "slow")
    worker = start_worker(RESQUE_REQUIRE=TURNS, RESQUE_HEARTBEAT_INTERVAL="0.05")
    await_begun(direct, 1)
    direct("SREM", "resque:workers", worker.id)
    direct("HDEL", "resque:workers:heartbeat", worker.id)
    direct("DEL", f"resque:worker:{worker.id}", f"resque:worker:{worker.id}:started")
    eventually(lambda: direct("SMEMBERS", "resque:workers"), "it registers again")
    direct("SET", "own:open", "yes")
    eventually(lambda: stat(direct, "processed"), "the job is counted")
    push("Where", "next")
    await_begun(direct, 2)
    assert worker.leave() == 0
    assert stat(direct, "processed") == 2
    assert direct("EXISTS", "resque:workers", "resque:failed", f"resque:worker:{worker.id}") == 0
