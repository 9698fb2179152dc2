"""Keys of Resque that hold something else: no job is lost to them, and none recorded twice."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually

from queuecore.address import parse_url
from queuecore.lean import LeanStore
from resque.keys import Keys
from resque.worker.waiting import Waiter

OTHER = "another kind of value"


def test_a_failure_that_cannot_be_recorded_stays_in_its_workers_hands(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:failed", "no list")
    push("FailJob", "boom")
    worker = start_worker()
    worker.await_log(OTHER)
    assert b'"class":"FailJob"' in direct("GET", f"resque:worker:{worker.id}")
    # It cannot be recorded by leaving either.
    assert worker.leave() == 0
    assert b'"class":"FailJob"' in direct("GET", f"resque:worker:{worker.id}")
    assert direct("SMEMBERS", "resque:workers") == [worker.id.encode()]


def test_a_failure_is_recorded_once_when_the_list_is_mended(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "resque:failed", "no list")
    push("FailJob", "boom")
    worker = start_worker()
    worker.await_log(OTHER)
    direct("DEL", "resque:failed")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "it is closed")
    assert direct("LLEN", "resque:failed") == 1
    assert worker.leave() == 0
    assert direct("LLEN", "resque:failed") == 1


@pytest.mark.parametrize("value", ["list", "text"])
@pytest.mark.parametrize("key", ["stat:failed", "stat:processed", "stat:failed:ID"])
def test_a_spoilt_count_neither_holds_a_job_up_nor_records_it_twice(
    direct: Direct, push: Push, start_worker: StartWorker, key: str, value: str
) -> None:
    worker = start_worker()
    worker.await_ready()
    spoilt = f"resque:{key}".replace("ID", worker.id)
    if value == "list":
        direct("RPUSH", spoilt, "x")
    else:
        direct("SET", spoilt, "no number")
    push("FailJob", "boom")
    push("Mark", 1)
    eventually(lambda: direct("HGET", "marks", "1") == b"1", "the next job is performed")
    assert direct("LLEN", "resque:failed") == 1
    assert worker.leave() == 0


@pytest.mark.parametrize("value", ["list", "text"])
def test_the_workers_own_count_is_mended_by_the_next_job(
    direct: Direct, push: Push, start_worker: StartWorker, value: str
) -> None:
    worker = start_worker()
    worker.await_ready()
    own = f"resque:stat:processed:{worker.id}"
    if value == "list":
        direct("RPUSH", own, "x")
    else:
        direct("SET", own, "no number")
    push("Mark", 1)
    push("Mark", 2)
    eventually(lambda: direct("GET", "resque:stat:processed") == b"2", "both are closed")
    assert direct("GET", own).isdigit()
    assert direct("HGETALL", "marks") == [b"1", b"1", b"2", b"1"]
    assert worker.leave() == 0


def test_a_switch_that_is_no_text_pauses_no_worker(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("RPUSH", "resque:pause-all-workers", "true")
    push("OkJob")
    assert start_worker(INTERVAL="0").wait() == 0
    assert direct("GET", "resque:stat:processed") == b"1"


def test_what_cannot_be_set_aside_stays_in_its_queue(
    direct: Direct, start_worker: StartWorker
) -> None:
    direct("SET", "resque:unreadable:default", "no list")
    direct("RPUSH", "resque:queue:default", "no job", '{"class":"OkJob","args":[]}')
    worker = start_worker()
    worker.await_log(OTHER)
    assert direct("LINDEX", "resque:queue:default", 0) == b"no job"
    direct("DEL", "resque:unreadable:default")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "the job behind it is done")
    assert direct("LRANGE", "resque:unreadable:default", 0, -1) == [b"no job"]
    assert worker.leave() == 0


@pytest.mark.parametrize("key", ["resque:queues", "resque:queue:default"])
def test_a_lost_job_that_cannot_go_back_stays_in_its_workers_hands(
    direct: Direct, push: Push, start_worker: StartWorker, key: str
) -> None:
    push("SlowJob", 600)
    worker = start_worker(RESQUE_REQUEUE_LOST="2")
    child = worker.await_child()
    direct("DEL", key)
    direct("SET", key, "something else")
    child.kill()
    worker.await_log(OTHER)
    assert b'"class":"SlowJob"' in direct("GET", f"resque:worker:{worker.id}")


def test_a_queue_of_another_type_does_not_keep_the_others_from_waking_a_worker(
    direct: Direct, redis_url: str
) -> None:
    direct("SET", "resque:queue:spoilt", "no list")

    def connect() -> LeanStore:
        return LeanStore(parse_url(redis_url), timeout_s=10, client_name="test")

    waiter = Waiter(Keys(), connect)
    waiter.wait_for(["spoilt", "sound"])
    # The answer for the first is there at once.
    waiter.wake(set(waiter.filenos()[:1]))
    assert len(waiter.filenos()) == 1
    assert not waiter.wait_for(["spoilt", "sound"])
    assert waiter.wait_for(["sound"])
    waiter.close()
