"""Schedulers are killed at random while they move jobs: none is lost, none is moved twice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartWorker
from tests.support.soak import SEEDS, TIMEOUT_S, either
from tests.support.waiting import eventually
from tests.support.worker_process import WorkerProcess

JOBS = either(100, 3000)
#: Not all at one moment: the last job of a moment removes its entry of the schedule.
A_MOMENT = 7
LONGEST_WAIT_S = 0.01


def moved(direct: Direct) -> int:
    count: int = direct("LLEN", "resque:queue:q")
    return count


def kill_while_moving(
    direct: Direct, start: Callable[[], WorkerProcess], chance: random.Random
) -> int:
    """Have two masters at once (of different locks), and kill them one after the other, each in
    the middle of its moving. Returns how many were killed."""
    kills = 0
    masters = [start(), start()]
    # One question for both: between two questions the last job may be moved.
    while (before := moved(direct)) < JOBS:
        eventually(lambda before=before: moved(direct) > before, "jobs are moved")  # type: ignore[misc]
        time.sleep(chance.random() * LONGEST_WAIT_S)
        masters.pop(0).kill()
        kills += 1
        masters.append(start())
    for master in masters:
        master.await_log("is the master")
        assert master.leave() == 0
    return kills


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_delayed_job_is_moved_once_after_kills_of_any_scheduler(
    direct: Direct, start_worker: StartWorker, seed: int
) -> None:
    payloads = [b'{"class":"A","args":[%d]}' % number for number in range(JOBS)]
    now = int(time.time())
    for number, payload in enumerate(payloads):
        at = now - 3600 + number // A_MOMENT
        item = payload[:-1] + b',"queue":"q"}'
        direct("RPUSH", f"resque:delayed:{at}", item)
        direct("SADD", b"resque:timestamps:" + item, f"delayed:{at}")
        direct("ZADD", "resque:delayed_queue_schedule", at, at)
    prefixes = (f"kin-{number}" for number in range(JOBS))

    def start() -> WorkerProcess:
        # One more than is needed: the lock of one that was killed stays for a while.
        return start_worker(
            module="resque.scheduler",
            RESQUE_SCHEDULER_INTERVAL="0.05",
            DELAYED_REQUEUE_BATCH_SIZE="1",
            RESQUE_SCHEDULER_MASTER_LOCK_PREFIX=next(prefixes),
        )

    kills = kill_while_moving(direct, start, random.Random(seed))
    assert kills >= 1
    assert Counter(direct("LRANGE", "resque:queue:q", 0, -1)) == Counter(payloads)
    # The locks of the killed schedulers, and what they published, expire.
    left = [key for key in direct("KEYS", "*") if direct("TTL", key) == -1]
    assert sorted(left) == [b"resque:queue:q", b"resque:queues"]
