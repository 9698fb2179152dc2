"""Dead workers are pruned as Ruby prunes them, where Ruby's rule is ours."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.worker_process import WorkerProcess
from tests.support.worker_results import failed, forget

from queuecore.stores import Store
from resque.keys import Keys
from resque.store import workers

LONG_AGO = "2020-01-01T00:00:00+00:00"


def test_a_worker_whose_heart_stopped_is_pruned_and_its_job_fails(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("SlowJob", 30)
    dead = start_worker()
    child = dead.await_child()
    dead.kill()
    child.kill()
    direct("DEL", "resque:pruning_dead_workers_in_progress")
    direct("HSET", "resque:workers:heartbeat", dead.id, LONG_AGO)
    assert golden.ours(direct, dead.host_pid) == golden.recorded("prune_before_expired")

    second = start_worker()
    second.await_ready()
    assert golden.ours(direct, dead.host_pid, second.host_pid) == golden.recorded(
        "prune_after_expired"
    )


def test_no_worker_prunes_while_the_lock_is_held(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("SlowJob", 30)
    first = start_worker()
    first.await_child()
    second = start_worker()
    second.await_ready()
    # Recorded with the first one dead; here it lives, and what is in Redis is the same.
    assert golden.ours(direct, first.host_pid, second.host_pid) == golden.recorded(
        "prune_lock_held"
    )


def test_foreign_workers(direct: Direct, start_worker: StartWorker) -> None:
    record = (
        '{"queue":"default","run_at":"2026-01-01T00:00:00Z",'
        '"payload":{"class":"PyThing","args":[1]}}'
    )
    for busy in ("otherhost:999:default", "otherhost:998:default"):
        direct("SADD", "resque:workers", busy)
        direct("SET", f"resque:worker:{busy}", record)
    direct("SADD", "resque:workers", "otherhost:997:other")
    for silent in ("otherhost:998:default", "otherhost:997:other", "ghost:1:q"):
        direct("HSET", "resque:workers:heartbeat", silent, LONG_AGO)
    worker = start_worker()
    worker.await_ready()
    found = golden.ours(direct, worker.host_pid)
    assert found == golden.recorded("prune_foreign")


def test_a_heartbeat_that_is_no_time_is_left_alone(
    direct: Direct, start_worker: StartWorker
) -> None:
    # Named difference: a booting Ruby worker crashes on it; ours serves.
    before = golden.recorded("prune_bad_heartbeat")
    direct("SADD", "resque:workers", "h:1:default")
    direct("HSET", "resque:workers:heartbeat", "h:1:default", "garbage")
    worker = start_worker()
    worker.await_ready()
    assert worker.leave() == 0
    assert golden.ours(direct, worker.host_pid) == before


@pytest.fixture
def killed(direct: Direct, push: Push, start_worker: StartWorker) -> WorkerProcess:
    """A worker that was killed in a job, with its child; its last heartbeat is fresh."""
    push("SlowJob", 30)
    dead = start_worker()
    child = dead.await_child()
    dead.kill()
    child.kill()
    direct("DEL", "resque:pruning_dead_workers_in_progress")
    return dead


def test_a_dead_worker_with_a_fresh_heartbeat_is_left_alone_by_one_of_another_queue(
    direct: Direct, start_worker: StartWorker, killed: WorkerProcess
) -> None:
    second = start_worker("other")
    second.await_ready()
    found = golden.ours(direct, killed.host_pid, second.host_pid)
    assert found == golden.recorded("prune_other_queues_not_pruned")


@pytest.mark.parametrize(
    ("scenario", "queues"),
    [("prune_same_host_dead_pid", "default"), ("prune_star_prunes_any", "*")],
)
def test_a_dead_worker_of_this_host_is_pruned_when_its_heart_has_been_silent_long_enough(
    direct: Direct, start_worker: StartWorker, killed: WorkerProcess, scenario: str, queues: str
) -> None:
    # Ruby prunes it at once, by its process id, and in containers the living too; ours waits.
    second = start_worker(queues, INTERVAL="0")
    second.wait()
    assert failed(direct) == []
    assert direct("SISMEMBER", "resque:workers", killed.id) == 1
    forget(direct, killed.id)
    third = start_worker(queues)
    third.await_ready()
    expected = golden.recorded(scenario)
    words = "Worker <worker 1>:default did not gracefully exit while processing SlowJob"
    expected = golden.replaced(
        expected,
        {
            '"Resque::DirtyExit"': '"Resque::PruneDeadWorkerDirtyExit"',
            '"Job still being processed"': f'"{words}"',
        },
    )
    assert golden.ours(direct, killed.host_pid, third.host_pid) == expected


@pytest.mark.parametrize("queues", ["default", "other", "*"])
def test_a_living_process_of_any_title_is_never_pruned(
    direct: Direct, start_worker: StartWorker, queues: str
) -> None:
    # Ruby judges it by its title: this one, of a test run, would be pruned by two of the three.
    assert (
        golden.load("prune_live_foreign_process")["results"][
            'title "python worker.py", Ruby worker on default'
        ]
        == "PRUNED"
    )
    worker_id = f"{socket.gethostname()}:{os.getpid()}:default"
    record = (
        '{"queue":"default","run_at":"2026-01-01T00:00:00Z",'
        '"payload":{"class":"PyThing","args":[1]}}'
    )
    direct("SADD", "resque:workers", worker_id)
    direct("SET", f"resque:worker:{worker_id}", record)
    beat = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    direct("HSET", "resque:workers:heartbeat", worker_id, beat)
    before = golden.dump(direct)
    worker = start_worker(queues, INTERVAL="0")
    assert worker.wait() == 0
    found = golden.dump(direct)
    assert found.pop("resque:pruning_dead_workers_in_progress")["value"] == worker.id
    assert found == before
    # What Ruby records of it instead.
    assert list(golden.recorded("prune_live_foreign_process")) == [
        *("resque:failed", "resque:pruning_dead_workers_in_progress")
    ]


def test_a_busy_worker_that_is_taken_off_the_register_leaves_a_failure(
    direct: Direct, push: Push, start_worker: StartWorker, store: Store
) -> None:
    push("SlowJob", 30)
    dead = start_worker()
    child = dead.await_child()
    dead.kill()
    child.kill()
    keys = Keys()
    left = workers.left_behind(dead.id, lambda: datetime.now(UTC))
    assert store.run(workers.unregister(keys, dead.id, left)) is True
    assert golden.ours(direct, dead.host_pid) == golden.recorded("remove_worker_busy")


def test_odd_ids_on_the_register_keep_no_worker_of_ours_from_booting(
    direct: Direct, start_worker: StartWorker
) -> None:
    cases = golden.load("odd_worker_ids")["results"].values()
    odd = [case["id"] for case in cases if "id" in case]
    stopped = [c["id"] for c in cases if "Failed to start" in c.get("boot_of_a_worker", "")]
    assert len(stopped) == 5
    direct("SADD", "resque:workers", *odd)
    direct("SADD", "resque:workers", "h:1:q")
    direct("SET", "resque:worker:h:1:q", "not json")
    before = golden.dump(direct)
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    found = golden.dump(direct)
    del found["resque:pruning_dead_workers_in_progress"]
    assert found == before
    after = {member.decode() for member in direct("SMEMBERS", "resque:workers")} - {"h:1:q"}
    assert after == {name for c in cases for name in c.get("workers_after", ())}
