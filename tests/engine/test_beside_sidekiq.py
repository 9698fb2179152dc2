"""What is Sidekiq's is never touched by the client, the worker and the scheduler."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.operations import KEYS
from tests.support.round_trips import RoundTripCounter
from tests.support.sidekiq_databases import (
    FLEETS,
    RESQUES_JOB,
    SIDEKIQS_JOB,
    database,
    mixed,
    resque,
    sidekiq,
)
from tests.support.waiting import eventually
from tests.support.worker_claims import HERE, TOKEN, claimed
from tests.support.worker_process import ROOT

from queuecore.address import parse_url
from queuecore.exchange import single
from queuecore.stores import Store
from queuecore.times import utc_now
from resque import Job, Registry, Resque
from resque.errors import BelongsToSidekiq
from resque.scheduler.enqueue_checks import OwnershipCheck
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.store.claims import Claim
from resque.store.guard import Guard
from resque.store.ownership import find_owners
from resque.worker.reserve import Taken, work

NAMES = Registry()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Mail(Job, into=NAMES):
    queue = "idle"
    name = "A"

    @staticmethod
    def perform(*args: Any) -> None: ...


@pytest.fixture
def client(redis_url: str) -> Iterator[Resque]:
    opened = Resque(redis_url)
    yield opened
    opened.close()


CLIENTS: list[Callable[[Resque], object]] = [
    lambda resque: resque.enqueue(Mail, 1),
    lambda resque: resque.enqueue_many([(Mail, [1])]),
    lambda resque: resque.enqueue_at(4_000_000_000, Mail, 1),
    lambda resque: resque.dequeue(Mail, 1),
    lambda resque: resque.dequeue(Mail),
    lambda resque: resque.remove_queue("idle"),
    lambda resque: resque.move("idle", "mail"),
]


@pytest.mark.parametrize("fleet", ["under resque", "mixed"])
def test_a_client_refuses_before_it_writes(client: Resque, direct: Direct, fleet: str) -> None:
    FLEETS[fleet](direct)
    before = database(direct)
    for write in CLIENTS:
        with pytest.raises(BelongsToSidekiq, match="nothing was changed"):
            write(client)
    assert database(direct) == before


def test_a_client_refuses_a_queue_that_is_mixed_and_uses_the_others(
    client: Resque, direct: Direct
) -> None:
    mixed(direct)
    with pytest.raises(BelongsToSidekiq, match="is mixed"):
        client.enqueue_to("both", Mail, 1)
    with pytest.raises(BelongsToSidekiq, match="'idle'"):
        client.move("mail", "idle")
    assert client.enqueue_to("mail", Mail, 1)
    assert client.enqueue_to("new", Mail, 1)


def test_a_client_looks_once_at_each_of_its_queues(redis_url: str) -> None:
    path = parse_url(redis_url).path
    assert path is not None
    with RoundTripCounter(Path(path)) as counter:
        counted = Resque(counter.url)
        trips = []
        for queue in ("a", "a", "b", "a", "b"):
            before = counter.round_trips
            counted.enqueue_to(queue, Mail, 1)
            trips.append(counter.round_trips - before)
        counted.close()
    assert trips[1:] == [1, 3, 1, 1]


@pytest.mark.parametrize("key", [KEYS.queue, KEYS.pause_queue, KEYS.unreadable])
def test_a_guard_knows_each_key_that_belongs_to_a_queue(
    store: Store, direct: Direct, key: Callable[[str], bytes]
) -> None:
    mixed(direct)
    before = database(direct)
    guard = Guard(KEYS, utc_now)
    with pytest.raises(BelongsToSidekiq, match="'idle'"):
        store.run(guard.watching(single(("DEL", key("idle")), int, writes=True)))
    assert database(direct) == before
    store.run(guard.watching(single(("DEL", key("mail")), int, writes=True)))


def test_where_sidekiq_perhaps_lives_a_guard_warns_and_lets_pass(
    store: Store, direct: Direct
) -> None:
    direct("ZADD", "resque:retry", 1, "no JSON")
    said: list[str] = []
    store.run(Guard(KEYS, utc_now, said.append).vouch(["q"]))
    assert len(said) == 1
    assert "perhaps Sidekiq" in said[0]


# ---- the worker


@pytest.mark.parametrize("queues", ["*", "idle,critical", "new"])
@pytest.mark.parametrize("count", ["1", "2"])
def test_a_worker_does_not_start_where_all_is_sidekiqs(
    direct: Direct, start_worker: StartWorker, queues: str, count: str
) -> None:
    sidekiq(direct, prefix="resque:")
    before = database(direct)
    worker = start_worker(queues, COUNT=count)
    assert worker.wait() == 1
    assert database(direct) == before
    (line,) = [line for line in worker.log().splitlines() if "Sidekiq" in line]
    assert "nothing was changed" in line


def test_a_worker_serves_resques_queues_of_a_mixed_list_and_leaves_the_others(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    mixed(direct)
    push("OkJob", queue="default")
    left = {key: value for key, value in database(direct).items() if is_left(key)}
    direct("DEL", "resque:queue:mail", "resque:workers")
    worker = start_worker("both,idle,ok,mail", INTERVAL="0.05")
    worker.await_ready()
    push("OkJob", queue="ok")
    eventually(lambda: direct("GET", "resque:stat:processed:" + worker.id) == b"1", "it is done")
    assert worker.leave() == 0
    after = database(direct)
    assert {key: after[key] for key in left} == left
    log = worker.log()
    assert log.count("leaves queue 'both' alone") == 1
    assert log.count("leaves queue 'idle' alone") == 1
    assert "'ok' alone" not in log


def is_left(key: bytes) -> bool:
    """Whether a key is Sidekiq's, or of a mixed queue."""
    return key.removeprefix(b"resque:").startswith(
        (b"queue:idle", b"queue:both", b"retry", b"dead")
    )


@pytest.mark.parametrize("forks", [{}, {"JOBS_PER_FORK": "5"}, {"FORK_PER_JOB": "false"}])
def test_a_worker_of_all_queues_leaves_one_of_sidekiqs_that_appears_later(
    direct: Direct, push: Push, start_worker: StartWorker, forks: dict[str, str]
) -> None:
    worker = start_worker("*", INTERVAL="0.05", **forks)
    worker.await_ready()
    direct("SADD", "resque:queues", "a", "emptied")
    direct("LPUSH", "resque:queue:a", SIDEKIQS_JOB, SIDEKIQS_JOB)
    push("OkJob", queue="b")
    worker.await_log("leaves queue 'a' alone")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "Resque's job is done")
    # One that it knew as empty.
    direct("LPUSH", "resque:queue:emptied", SIDEKIQS_JOB)
    push("OkJob", queue="emptied2")
    worker.await_log("leaves queue 'emptied' alone")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"2", "another is done")
    assert worker.leave() == 0
    assert direct("LRANGE", "resque:queue:a", 0, -1) == [SIDEKIQS_JOB] * 2
    assert direct("LRANGE", "resque:queue:emptied", 0, -1) == [SIDEKIQS_JOB]
    assert direct("EXISTS", "resque:failed", "resque:unreadable:a") == 0


def test_a_queue_that_is_resques_again_is_served(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    resque(direct)
    direct("RPUSH", "resque:queue:a", SIDEKIQS_JOB)
    worker = start_worker("a,b", INTERVAL="0.05", RESQUE_HEARTBEAT_INTERVAL="0.2")
    worker.await_log("leaves queue 'a' alone")
    direct("DEL", "resque:queue:a")
    push("OkJob", queue="a")
    worker.await_log("serves queue 'a' from now on")
    eventually(lambda: direct("GET", "resque:stat:processed") == b"1", "its job is done")
    assert worker.leave() == 0


def take(store: Store, *queues: str) -> Taken:
    exchange = work(
        KEYS, Claim("h:1:q", TOKEN, HERE), queues, closing=None, processed=0, take=True, now=NOW
    )
    return store.run(exchange)


def test_the_script_that_takes_jobs_leaves_those_with_a_jid_where_they_are(
    store: Store, direct: Direct
) -> None:
    claimed(direct, "h:1:q")
    uuid = SIDEKIQS_JOB.replace(
        b"393119af5a0ea98f3ac98825", b"0d5e9d4e-7d5e-4f0e-9a57-0123456789ab"
    )
    for job in (SIDEKIQS_JOB, uuid):
        direct("DEL", "resque:queue:a")
        direct("RPUSH", "resque:queue:a", job, RESQUES_JOB)
        assert take(store, "a", "b") == Taken(0, "empty", foreign=frozenset("a"))
        assert direct("LRANGE", "resque:queue:a", 0, -1) == [job, RESQUES_JOB]
    # A jid that is another's.
    nested = b'{"class":"A","args":[%s]}' % SIDEKIQS_JOB
    direct("RPUSH", "resque:queue:b", nested)
    taken = take(store, "a", "b")
    assert (taken.state, taken.foreign) == ("job", frozenset("a"))
    assert taken.record is not None
    assert taken.record.payload == nested
    assert direct("EXISTS", "resque:queue:b") == 0


def test_a_job_with_a_jid_that_could_not_go_back_is_not_lost(
    redis_url: str, direct: Direct
) -> None:
    claimed(direct, "h:1:q")
    direct("RPUSH", "resque:queue:a", SIDEKIQS_JOB)
    direct("ACL", "SETUSER", "half", "reset", "on", ">pw", "~*", "+@all", "-lpush")
    try:
        with Store(redis_url.replace("unix://", "unix://half:pw@")) as half:
            taken = take(half, "a")
    finally:
        direct("ACL", "DELUSER", "half")
    assert taken.record is not None
    assert taken.record.payload == SIDEKIQS_JOB
    assert SIDEKIQS_JOB in direct("GET", "resque:worker:h:1:q")


# ---- the scheduler


def test_a_scheduler_does_not_start_where_all_is_sidekiqs(direct: Direct, redis_url: str) -> None:
    sidekiq(direct, prefix="resque:")
    before = database(direct)
    ended = subprocess.run(
        [sys.executable, "-m", "resque.scheduler"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine"), "REDIS_URL": redis_url},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert b"nothing was changed" in ended.stderr
    assert database(direct) == before


def test_a_scheduler_looks_again_each_minute_and_rests_while_all_is_sidekiqs(
    store: Store, direct: Direct
) -> None:
    said: list[str] = []
    now = NOW
    admission = OwnershipCheck(store, KEYS, lambda: now, said.append)
    admission.open()
    FLEETS["under resque"](direct)
    assert admission.is_open()
    for seconds in (60, 120):
        now = NOW + timedelta(seconds=seconds)
        assert not admission.is_open()
    assert len(said) == 1
    direct("FLUSHALL")
    assert not admission.is_open()
    now = NOW + timedelta(seconds=180)
    assert admission.is_open()


def test_a_scheduler_puts_nothing_on_sidekiqs_queues_and_keeps_the_job(
    store: Store, direct: Direct
) -> None:
    mixed(direct)
    entries = [b'{"class":"A","args":[],"queue":"%s"}' % name for name in (b"idle", b"mail")]
    direct("ZADD", "resque:delayed_queue_schedule", 1, "1")
    direct("RPUSH", "resque:delayed:1", *entries)
    idle = direct("LRANGE", "resque:queue:idle", 0, -1)
    log: list[str] = []
    scheduler = Scheduler(
        store,
        KEYS,
        version="0",
        zone=UTC,
        options=SchedulerOptions(),
        queue_of=lambda _: None,
        log=log.append,
    )
    scheduler._ownership.open()
    scheduler.step()
    assert direct("LRANGE", "resque:queue:idle", 0, -1) == idle
    assert direct("LRANGE", "resque:unreadable:delayed", 0, -1) == entries[:1]
    assert direct("LLEN", "resque:queue:mail") == 2
    assert any("idle" in line and "Sidekiq" in line for line in log)


def test_looking_changes_nothing(store: Store, direct: Direct) -> None:
    mixed(direct)
    before = database(direct)
    store.run(find_owners(KEYS, now=NOW))
    assert database(direct) == before
