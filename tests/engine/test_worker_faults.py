"""Workers are killed and their Redis restarted: no job is lost, and none is done twice."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from signal import SIGKILL

import psutil
import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartRedis, StartWorker
from tests.support.soak import either
from tests.support.waiting import eventually
from tests.support.worker_process import await_marks

JOBS = either(120, 300)
KILLS = either(6, 15)


def numbers_in(direct: Direct) -> tuple[list[int], dict[int, int], list[int], list[int]]:
    """Where the jobs are: in the queue, done (how often), in workers' hands, failed."""
    waiting = [json.loads(p)["args"][0] for p in direct("LRANGE", "resque:queue:default", 0, -1)]
    marks = direct("HGETALL", "marks")
    done = {int(n): int(often) for n, often in zip(marks[::2], marks[1::2], strict=True)}
    records = [
        direct("GET", key)
        for key in direct("KEYS", "resque:worker:*")
        if not key.endswith(b":started")
    ]
    held = [json.loads(record)["payload"]["args"][0] for record in records]
    failed = [
        json.loads(entry)["payload"]["args"][0]
        for entry in direct("LRANGE", "resque:failed", 0, -1)
    ]
    return waiting, done, held, failed


def test_no_job_is_lost_to_workers_killed_at_any_moment(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    chance = random.Random(20261123)
    for number in range(JOBS):
        push("Mark", number)
    for _ in range(KILLS):
        worker = start_worker(INTERVAL="0")
        wanted = direct("HLEN", "marks") + chance.randrange(1, JOBS // KILLS - 2)
        await_marks(direct, worker, wanted)
        # Into any part of the next job's life, which takes about 3 ms.
        time.sleep(chance.random() * 0.003)
        worker.kill()
        waiting, done, held, failed = numbers_in(direct)
        assert {*waiting, *done, *held, *failed} == set(range(JOBS))
    last = start_worker(INTERVAL="0")
    assert last.wait() == 0
    waiting, done, held, failed = numbers_in(direct)
    assert {*done, *held, *failed} == set(range(JOBS))
    assert waiting == []
    assert len(held) <= KILLS
    assert set(done.values()) == {1}
    # Every job that was closed is counted; a kill can leave one performed and not yet closed.
    processed = int(direct("GET", "resque:stat:processed"))
    assert processed + len(held) == JOBS


def test_jobs_of_killed_workers_become_failures_when_they_are_pruned(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("SlowJob", 600)
    worker = start_worker()
    child = worker.await_child()
    worker.kill()
    child.kill()
    direct("HSET", "resque:workers:heartbeat", worker.id, "2020-01-01T00:00:00+00:00")
    direct("DEL", "resque:pruning_dead_workers_in_progress")
    second = start_worker(INTERVAL="0")
    assert second.wait() == 0
    [entry] = direct("LRANGE", "resque:failed", 0, -1)
    assert b"Resque::PruneDeadWorkerDirtyExit" in entry
    assert direct("EXISTS", f"resque:worker:{worker.id}", "resque:workers") == 0


def test_a_worker_outlives_a_restart_of_its_redis(
    start_redis: StartRedis, start_worker: StartWorker, tmp_path: Path
) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always")
    file = tmp_path / "performed"

    def push(path: Path, seconds: float) -> None:
        with server.direct() as direct:
            payload = json.dumps({"class": "Line", "args": [str(path), seconds]})
            direct("RPUSH", "resque:queue:default", payload)

    push(file, 0.5)
    worker = start_worker(url=server.url, INTERVAL="60")
    eventually(file.exists, "the job has begun")
    server.stop()
    eventually(lambda: worker.children() == worker.ready(), "the job has ended without a Redis")
    server.start()
    with server.direct() as direct:
        eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "the job is closed")
        assert direct("EXISTS", f"resque:worker:{worker.id}", "resque:failed") == 0
    assert file.read_text() == "performed\n"
    eventually(lambda: ": Waiting for" in worker.title(), "the worker waits")

    # And once more while it waits for a job.
    server.stop()
    server.start()
    push(file, 0)
    with server.direct() as direct:
        eventually(lambda: direct("GET", "resque:stat:processed") == b"2", "the job is closed")
        assert direct("SMEMBERS", "resque:workers") == [worker.id.encode()]
    assert file.read_text() == "performed\n" * 2
    assert worker.leave() == 0
    with server.direct() as direct:
        assert direct("EXISTS", "resque:workers") == 0


def test_a_job_done_while_redis_was_away_is_not_failed_by_a_worker_asked_to_leave(
    start_redis: StartRedis, start_worker: StartWorker, tmp_path: Path
) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always")
    file = tmp_path / "performed"
    with server.direct() as direct:
        payload = json.dumps({"class": "Line", "args": [str(file), 0.3]})
        direct("RPUSH", "resque:queue:default", payload)
    worker = start_worker(url=server.url)
    eventually(file.exists, "the job has begun")
    server.stop()
    worker.await_log("next try")
    server.start()
    assert worker.leave() == 0
    with server.direct() as direct:
        assert direct("EXISTS", "resque:failed") == 0
        assert direct("GET", "resque:stat:processed") == b"1"


@pytest.mark.parametrize("environment", [{}, {"INTERVAL": "-1"}, {"INTERVAL": "soon"}])
def test_a_worker_that_cannot_begin_says_why(
    start_worker: StartWorker, environment: dict[str, str]
) -> None:
    queues = "default" if environment else " , "
    worker = start_worker(queues, **environment)
    assert worker.wait() == 2
    assert worker.log().startswith("worker: ")
    assert worker.log().count("\n") == 1


def test_a_worker_does_not_begin_when_the_parent_it_follows_has_ended(
    start_worker: StartWorker,
) -> None:
    worker = start_worker(RESQUE_PARENT_PID="1")
    assert worker.wait() == 2
    assert "ended already" in worker.log()


def test_a_child_that_is_killed_from_outside_is_reported_by_its_signal(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("SlowJob", 600)
    worker = start_worker()
    child: psutil.Process = worker.await_child()
    child.send_signal(SIGKILL)
    [entry] = eventually(lambda: direct("LRANGE", "resque:failed", 0, -1), "it is recorded")
    assert b"pid %d SIGKILL (signal 9)" % child.pid in entry


def test_a_failure_that_cannot_be_written_down_leaves_the_job_in_its_workers_record(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:failed", "no list")
    push("FailJob", 1)
    worker = start_worker()
    worker.await_log("another kind of value")
    worker.await_log("next try")
    worker.kill()
    direct("DEL", "resque:failed")
    assert numbers_in(direct) == ([], {}, [1], [])


def test_a_worker_that_leaves_then_stays_on_the_register_until_it_is_pruned(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:failed", "no list")
    push("FailJob", 1)
    worker = start_worker()
    worker.await_log("next try")
    worker.leave()
    direct("DEL", "resque:failed")
    assert direct("SCARD", "resque:workers") == 1
    assert numbers_in(direct) == ([], {}, [1], [])


def test_a_count_that_is_no_number_does_not_write_a_failure_down_again_and_again(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:stat:failed", "many")
    push("FailJob", 1)
    push("FailJob", 2)
    assert start_worker(INTERVAL="0").wait() == 0
    assert numbers_in(direct) == ([], {}, [], [1, 2])
    assert direct("GET", "resque:stat:processed") == b"2"
