"""Dead workers are pruned as Ruby prunes them, where Ruby's rule is ours."""

from __future__ import annotations

from tests.engine import golden
from tests.engine.conftest import Push, StartWorker
from tests.engine.direct import Direct

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


def test_nobody_prunes_while_the_lock_is_held(
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
