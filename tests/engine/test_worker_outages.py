"""Redis is away, or refuses, for longer than a worker's heart goes without a beat."""

from __future__ import annotations

import time

from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartRedis, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_claims import context

from queuecore.address import parse_url
from queuecore.lean import LeanStore
from resque.keys import Keys
from resque.worker.heartbeat import Heartbeat
from resque.worker.membership import Membership
from resque.worker.signals import SignalState

HEARTS = "resque:workers:heartbeat"


def test_a_worker_without_its_redis_tries_no_oftener_than_it_says(
    start_redis: StartRedis, start_worker: StartWorker
) -> None:
    server = start_redis()
    worker = start_worker(url=server.url, RESQUE_HEARTBEAT_INTERVAL="0.05")
    worker.await_ready()
    began_s = time.monotonic()
    server.stop()
    worker.await_log("next try in 1.6 s")
    # The pauses before that one; a slow machine only makes it more.
    assert time.monotonic() - began_s >= 0.1 + 0.2 + 0.4 + 0.8
    server.start()
    worker.await_log("next try in 1.6 s")
    with server.direct() as direct:
        eventually(lambda: direct("HEXISTS", HEARTS, worker.id) == 1, "it beats again")
    assert worker.leave() == 0


def test_the_heart_beats_while_redis_refuses_something_else(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:failed", "no list")
    worker = start_worker(RESQUE_HEARTBEAT_INTERVAL="0.05")
    worker.await_ready()
    push("FailJob", "cannot be recorded")
    worker.await_log("another kind of value")
    direct("HDEL", HEARTS, worker.id)
    eventually(lambda: direct("HEXISTS", HEARTS, worker.id) == 1, "it beats again")
    direct("DEL", "resque:failed")
    eventually(lambda: direct("LLEN", "resque:failed") == 1, "the failure is recorded")
    assert worker.leave() == 0


def test_a_worker_that_was_cut_off_leaves_the_others_the_time_to_come_back(
    redis_url: str, keys: Keys
) -> None:
    now_s = [1000.0]
    store = LeanStore(parse_url(redis_url), timeout_s=10, client_name="test")
    mine = context(store, SignalState(), keys=keys, mono_now=lambda: now_s[0])
    membership = Membership(mine, Heartbeat(keys, mine.worker_id, 60, mine.mono_now))
    due = [membership.is_prune_due]
    membership.put_off_prune()
    due.append(membership.is_prune_due)
    now_s[0] += 60
    due.append(membership.is_prune_due)
    assert due == [True, False, True]
