"""How often we ask Redis for what Ruby's Resque did in the recorded traces: never more often.

Ruby's numbers are counted in the traces, ours on the wire, connections with their greetings
included. A pipeline, a transaction or a script is one round trip; the server knows the scripts.
What an operator does begins with the look that named it, with either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support import golden, list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.lua_scripts import SCRIPTS
from tests.support.operations import KEYS, entry, fill
from tests.support.round_trips import RoundTripCounter, of_ruby, trace
from tests.support.waiting import eventually
from tests.support.worker_claims import claimed
from tests.support.worker_results import forget

from queuecore import times
from queuecore.address import parse_url
from queuecore.stores import Store
from resque import Job, Registry, Resque
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.store import claims, failures, queues, schedules, snapshot
from resque.worker.reserve import work

NAMES = Registry()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class OkJob(Job, into=NAMES):
    queue = "default"
    name = "OkJob"

    @staticmethod
    def perform(*args: Any) -> None: ...


@dataclass
class Wire:
    """A server behind a counter, and what goes through it."""

    counter: RoundTripCounter
    direct: Direct
    resque: Resque
    push: Push
    start_worker: StartWorker

    def trips(self, do: Callable[[], object]) -> int:
        before = self.counter.round_trips
        do()
        return self.counter.round_trips - before

    def life(self, queues: str, **env: str) -> int:
        """The round trips of a worker from its start to its end, when nothing is left to do."""
        return self.trips(lambda: self._live(queues, **env))

    def _live(self, queues: str, **env: str) -> None:
        worker = self.start_worker(queues, url=self.counter.url, INTERVAL="0", **env)
        assert worker.wait() == 0, worker.log()

    def fail(self, *stamps: str) -> None:
        """Put failures on their list, all but the first stamped."""
        fill(
            self.direct,
            [entry(n)[:-1] + b"%s}" % s.encode() for n, s in enumerate(stamps)],
            "resque:failed",
        )


@pytest.fixture
def wire(redis_url: str, direct: Direct, push: Push, start_worker: StartWorker) -> Iterator[Wire]:
    path = parse_url(redis_url).path
    assert path is not None
    for script in SCRIPTS.values():
        direct("SCRIPT", "LOAD", script.text)
    with RoundTripCounter(Path(path)) as counter:
        resque = Resque(counter.url)
        # Once for each of its queues a client looks whether that is Sidekiq's.
        resque.dequeue(OkJob, "none")
        yield Wire(counter, direct, resque, push, start_worker)
        resque.close()


# ---- the client


def enqueue(wire: Wire) -> int:
    return wire.trips(lambda: wire.resque.enqueue(OkJob, 1, "two"))


def delay(wire: Wire) -> int:
    return wire.trips(lambda: wire.resque.enqueue_at(1_900_000_000, OkJob, 1, "x"))


def dequeue(wire: Wire) -> int:
    wire.push("OkJob", 1, "two")
    return wire.trips(lambda: wire.resque.dequeue(OkJob, 1, "two"))


def dequeue_class(wire: Wire) -> int:
    wire.push("OkJob", "x")
    return wire.trips(lambda: wire.resque.dequeue(OkJob))


def remove_queue(wire: Wire) -> int:
    wire.push("OkJob")
    return wire.trips(lambda: wire.resque.remove_queue("default"))


def look_at_a_queue(wire: Wire) -> int:
    resque = wire.resque
    return wire.trips(lambda: (resque.peek("default", 0, 5), resque.size("default")))


def list_queues(wire: Wire) -> int:
    return wire.trips(wire.resque.queues)


def info(wire: Wire) -> int:
    wire.push("OkJob")
    return wire.trips(wire.resque.info)


# ---- the worker


def no_job(wire: Wire) -> int:
    return wire.life("nothing")


def one_job(wire: Wire) -> int:
    wire.push("OkJob", 1)
    return wire.life("default")


def one_failing_job(wire: Wire) -> int:
    wire.push("FailJob", "x")
    return wire.life("default")


def three_jobs(wire: Wire) -> int:
    wire.push("OkJob", 1)
    wire.push("FailJob", "x")
    wire.push("KillSelf", "KILL", queue="b")
    return wire.life("default,b")


def jobs_of_all_queues(wire: Wire) -> int:
    wire.push("OkJob", 1, queue="a")
    wire.push("OkJob", 1, queue="b")
    return wire.life("*")


def failures_of_each_queue(wire: Wire) -> int:
    for text in "ab":
        wire.push("FailJob", text, 1)
    wire.push("KillSelf", "KILL")
    wire.push("FailJob", "c", 3, queue="other")
    wire.push("FailJob", "d", queue="x_failed")
    return wire.life("*", FAILURE_BACKEND="redis_multi_queue")


def prune_one(wire: Wire) -> int:
    record = '{"queue":"default","run_at":"2026-01-01T00:00:00Z","payload":{"class":"A","args":[]}}'
    wire.direct("SADD", "resque:workers", "h:1:default")
    wire.direct("SET", "resque:worker:h:1:default", record)
    forget(wire.direct, "h:1:default")
    trips = wire.life("default")
    assert wire.direct("LLEN", "resque:failed") == 1
    return trips


def leave(wire: Wire) -> int:
    worker = wire.start_worker(url=wire.counter.url, INTERVAL="3600")
    eventually(lambda: b"cmd=blmove" in wire.direct("CLIENT", "LIST"), "the worker waits")
    return wire.trips(worker.leave)


def idle_look(wire: Wire) -> int:
    mine = claimed(wire.direct, "h:1:q")
    look = work(KEYS, mine, ["q"], closing=None, processed=0, take=True, now=NOW)
    return wire.trips(lambda: wire.resque.run(look))


def heartbeat(wire: Wire) -> int:
    mine = claimed(wire.direct, "h:1:q")
    text = times.heartbeat(NOW)
    return wire.trips(lambda: wire.resque.run(claims.beat(KEYS, mine, text, lasts_s=300)))


# ---- the operator


def requeue_one(wire: Wire) -> int:
    wire.fail("")
    [failure] = newest(wire)
    mark = list_actions.ref_of(failure)
    return wire.trips(lambda: wire.resque.run(list_actions.requeue(KEYS, [mark])))


def newest(wire: Wire) -> list[failures.Failure]:
    return wire.resque.run(failures.newest(KEYS, limit=1000))[1]


def requeue_all(wire: Wire) -> int:
    wire.fail("", "", "")

    def do() -> None:
        marks = wire.resque.run(list_actions.select(KEYS, lambda _: True))
        assert wire.resque.run(list_actions.requeue(KEYS, marks)).done == 3

    return wire.trips(do)


def delete_one(wire: Wire) -> int:
    wire.fail("", "")
    mark = list_actions.ref_of(newest(wire)[0])
    return wire.trips(lambda: wire.resque.run(list_actions.delete_failures(KEYS, [mark])))


def delete_retried(wire: Wire) -> int:
    wire.fail(*[',"retried_at":"2026/11/23 12:00:00 UTC"'] * 3)
    return wire.trips(lambda: wire.resque.run(failures.clear_retried(KEYS)))


def clear_failures(wire: Wire) -> int:
    wire.fail("", "")
    seen = wire.resque.run(list_actions.failures_extent(KEYS))
    return wire.trips(lambda: wire.resque.run(list_actions.clear_failures(KEYS, seen)))


def remove_a_queue(wire: Wire) -> int:
    wire.push("OkJob")
    seen = wire.resque.run(list_actions.extent(KEYS, "default"))
    return wire.trips(lambda: wire.resque.run(list_actions.clear_and_remove(KEYS, "default", seen)))


def overview(wire: Wire) -> int:
    wire.push("OkJob")
    wire.push("OkJob", queue="other")
    return wire.trips(lambda: wire.resque.run(snapshot.take(KEYS, failures_limit=20)))


def page_of_failures(wire: Wire) -> int:
    wire.fail("", "", "")
    return wire.trips(lambda: wire.resque.run(failures.newest(KEYS, limit=20)))


def page_of_jobs(wire: Wire) -> int:
    wire.push("OkJob")
    return wire.trips(lambda: wire.resque.peek("default", 0, 20))


# ---- the scheduler


def scheduler(wire: Wire, store: Store) -> Scheduler:
    store.run(queues.size(KEYS, "warm"))
    options = SchedulerOptions(is_dynamic=True)
    return Scheduler(
        store, KEYS, version="0", zone=UTC, options=options, queue_of=lambda _: "default"
    )


def move_two_moments(wire: Wire) -> int:
    golden.restore(wire.direct, "delayed_due_before")
    with Store(wire.counter.url) as store:
        moving = scheduler(wire, store)
        trips = wire.trips(moving.step)
    assert wire.direct("EXISTS", "resque:delayed_queue_schedule") == 0
    return trips


def idle_scheduler(wire: Wire) -> int:
    with Store(wire.counter.url) as store:
        idle = scheduler(wire, store)
        idle.step()
        return wire.trips(idle.step)


def scheduler_leaves(wire: Wire) -> int:
    with Store(wire.counter.url) as store:
        leaving = scheduler(wire, store)
        leaving.step()
        lock = KEYS.master_lock()
        trips = wire.trips(lambda: store.run(schedules.release(lock, leaving.id)))
    assert wire.direct("EXISTS", lock) == 0
    return trips


@dataclass(frozen=True)
class Compared:
    """An operation, the lines of a trace in which Ruby does it, its round trips and the most that
    ours may take."""

    what: Callable[[Wire], int]
    trace: str
    lines: range | None
    ruby: int
    ours: int
    without: range = range(0)


ALL = None
TABLE = [
    Compared(enqueue, "enqueue", range(0, 2), 1, 1),
    Compared(dequeue, "enqueue", range(4, 5), 1, 1),
    Compared(dequeue_class, "enqueue", range(5, 7), 2, 2),
    Compared(remove_queue, "enqueue", range(7, 9), 1, 1),
    Compared(look_at_a_queue, "enqueue", range(9, 11), 2, 2),
    Compared(list_queues, "enqueue", range(11, 12), 1, 1),
    Compared(info, "enqueue", range(12, 18), 6, 2),
    Compared(delay, "enqueue_at", ALL, 3, 1),
    Compared(no_job, "worker_boot", ALL, 11, 8),
    Compared(one_job, "reserve_perform_success", ALL, 19, 9),
    Compared(one_failing_job, "failure", ALL, 22, 9),
    # Ruby's second look at empty queues is no part of it.
    Compared(three_jobs, "worker_lifecycle", ALL, 37, 11, without=range(42, 46)),
    Compared(jobs_of_all_queues, "star_queue", ALL, 30, 11),
    Compared(failures_of_each_queue, "multi_queue_failure", ALL, 72, 14),
    Compared(prune_one, "prune", ALL, 17, 10, without=range(21, 30)),
    Compared(leave, "shutdown", ALL, 2, 2),
    Compared(idle_look, "heartbeat_1s", range(0, 3), 3, 1),
    Compared(heartbeat, "heartbeat_1s", range(12, 14), 2, 1),
    Compared(requeue_one, "web_retry", range(0, 4), 3, 2),
    Compared(requeue_all, "web_retry_all", ALL, 10, 3),
    Compared(delete_one, "web_remove", ALL, 2, 2),
    Compared(delete_retried, "web_clear_retried", ALL, 8, 3),
    Compared(clear_failures, "web_clear", range(0, 1), 1, 1),
    Compared(remove_a_queue, "web_clear", range(1, 3), 1, 1),
    Compared(overview, "web_pages", range(0, 7), 6, 2),
    Compared(page_of_failures, "web_pages", range(9, 11), 2, 1),
    Compared(page_of_jobs, "web_pages", range(16, 19), 3, 1),
    Compared(move_two_moments, "scheduler_run", range(2, 43), 19, 10),
    Compared(idle_scheduler, "scheduler_run", range(48, 52), 4, 3),
    Compared(scheduler_leaves, "scheduler_run", range(72, 74), 2, 1),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.what.__name__)
def test_we_ask_no_more_often_than_ruby(wire: Wire, row: Compared) -> None:
    numbered = enumerate(trace(row.trace))
    in_them = [c for at, c in numbered if row.lines is None or at in row.lines]
    commands = [c for at, c in enumerate(in_them) if at not in row.without]
    assert of_ruby(commands) == row.ruby
    took = row.what(wire)
    assert 0 < took <= row.ours <= row.ruby, wire.counter.asked


def test_every_recorded_trace_is_compared() -> None:
    recorded = {path.name.removesuffix(".monitor.txt") for path in golden.FOLDER.glob("*.txt")}
    assert recorded == {row.trace for row in TABLE}
    assert len(recorded) == 18
