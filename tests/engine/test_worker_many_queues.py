"""Thousands of queues: each is looked at, in order, in steps that keep Redis busy for short."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartWorker
from tests.support.proxy import Proxy
from tests.support.waiting import eventually
from tests.support.worker_claims import TOKEN, claimed, context

from queuecore import times
from queuecore.address import parse_url
from queuecore.exchange import Exchange
from queuecore.lean import LeanStore
from queuecore.stores import Store
from resque.errors import Unreachable
from resque.jobs import Registry
from resque.keys import Keys
from resque.store.claims import Claim
from resque.store.ownership import KeyOwners
from resque.worker.job_fetcher import JobFetcher, ServedQueues
from resque.worker.locks import Locks
from resque.worker.reserve import Closing, Taken, work
from resque.worker.signals import SignalState
from resque.worker.unknown_classes import UnknownClasses

JOB = '{"class":"Mark","args":[%d]}'
CLAIM = Claim("h:1:q", TOKEN)
#: More than are looked at in one round trip.
MANY = [f"q{number:04d}" for number in range(4100)]


@pytest.fixture(autouse=True)
def claim(direct: Direct) -> None:
    claimed(direct, CLAIM.worker_id)


def take(store: Store, keys: Keys, queues: list[str]) -> Taken:
    exchange = work(keys, CLAIM, queues, closing=None, processed=0, take=True, now=times.wall_now())
    return store.run(exchange)


@pytest.mark.parametrize("place", [0, 1, 48, 49, 50, 51, 99, 100, 118, 119])
def test_the_first_queue_with_a_job_is_found_among_many_empty_ones(
    direct: Direct, store: Store, keys: Keys, place: int
) -> None:
    queues = [f"q{number}" for number in range(120)]
    for later in range(place, 120):
        direct("RPUSH", f"resque:queue:q{later}", JOB % later)
    taken = take(store, keys, queues)
    assert taken.record is not None
    assert (taken.record.queue, taken.record.args) == (f"q{place}", [place])


@pytest.mark.parametrize("place", [0, 49, 50, 51, 119])
def test_paused_and_spoilt_queues_are_seen_among_many_empty_ones(
    direct: Direct, store: Store, keys: Keys, place: int
) -> None:
    queues = [f"q{number}" for number in range(120)]
    direct("SET", f"resque:pause:queue:q{place}", "true")
    direct("RPUSH", f"resque:queue:q{place}", JOB % 1)
    direct("SET", f"resque:queue:q{(place + 3) % 120}", "no list")
    direct("RPUSH", f"resque:queue:q{(place + 7) % 120}", "no job")
    taken = take(store, keys, queues)
    assert (taken.state, taken.paused) == ("empty", frozenset({f"q{place}"}))
    assert direct("LLEN", f"resque:unreadable:q{(place + 7) % 120}") == 1


@pytest.fixture
def many(direct: Direct) -> Iterator[list[str]]:
    """The names of many registered queues."""
    direct("SADD", "resque:queues", *MANY)
    yield MANY
    direct("DEL", "resque:queues")


@pytest.mark.parametrize("way", [{}, {"JOBS_PER_FORK": "3"}, {"FORK_PER_JOB": "false"}], ids=str)
def test_jobs_in_the_last_of_thousands_of_queues_are_performed_and_counted_once(
    direct: Direct, many: list[str], start_worker: StartWorker, way: dict[str, str]
) -> None:
    for number, queue in enumerate((many[0], many[2500], many[-1], many[-1])):
        direct("RPUSH", f"resque:queue:{queue}", JOB % number)
    worker = start_worker("*", INTERVAL="0", **way)
    assert worker.wait() == 0
    assert direct("HGETALL", "marks") == [b"0", b"1", b"1", b"1", b"2", b"1", b"3", b"1"]
    assert direct("GET", "resque:stat:processed") == b"4"
    assert direct("EXISTS", "resque:failed") == 0


def test_a_lost_answer_about_later_queues_neither_closes_nor_takes_a_job_twice(
    direct: Direct, many: list[str], redis_url: str, start_worker: StartWorker
) -> None:
    for number in range(6):
        direct("RPUSH", f"resque:queue:{many[2500]}", JOB % number)
    path = parse_url(redis_url).path
    assert path is not None
    swallowed: list[Any] = []

    def incident(command: list[bytes], reply: Any) -> bool:
        is_job = isinstance(reply, list) and len(reply) > 1 and reply[1] == b"job"
        if is_job and reply[2] not in swallowed:
            swallowed.append(reply[2])
            return False
        return True

    with Proxy(Path(path), incident) as proxy:
        worker = start_worker("*", url=proxy.url)
        eventually(lambda: direct("GET", "resque:stat:processed") == b"6", "all are done")
        assert worker.leave() == 0
    assert len(swallowed) == 6
    assert set(direct("HGETALL", "marks")[1::2]) == {b"1"}
    assert direct("EXISTS", "resque:failed") == 0


def test_a_job_that_was_closed_is_not_closed_again_when_later_queues_do_not_answer() -> None:
    answers: list[Taken | KeyOwners | Unreachable] = [
        KeyOwners("'resque'"),
        Taken(8, "empty"),
        Unreachable("away"),
    ]

    class Scripted(LeanStore):
        def run(self, operation: object) -> Any:
            answer = answers.pop(0)
            assert isinstance(operation, Exchange) or isinstance(answer, KeyOwners)
            if isinstance(answer, Unreachable):
                raise answer
            return answer

    store = Scripted(parse_url("unix:///nowhere"), timeout_s=1, client_name="test")
    with SignalState() as wishes:
        supply = JobFetcher(
            context(store, wishes, queues=",".join(MANY)),
            ServedQueues(store, Keys(), 60.0, print, times.wall_now, time.monotonic),
            UnknownClasses(Registry(), print, time.monotonic),
            Locks(store, Keys(), print, time.monotonic),
            lambda error, seconds: None,
        )
        wishes.leave = True
        taken = supply.take(Closing())
    # None would mean that the job is still to be closed.
    assert taken is not None
    assert (taken.state, taken.processed) == ("none", 8)
    assert answers == []
