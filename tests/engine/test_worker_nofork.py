"""FORK_PER_JOB=false: jobs run in the worker's own process, which outlives them all."""

from __future__ import annotations

import threading
from typing import Any

from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually
from tests.support.worker_claims import place
from tests.support.worker_results import TURNS, await_begun, failed, stat, trace, where

from queuecore.address import parse_url
from queuecore.lean import LeanStore
from resque.keys import Keys
from resque.worker.heartbeat import Beater, Heartbeat

NO_FORK = {"FORK_PER_JOB": "false", "RESQUE_REQUIRE": TURNS}
HEARTS = "resque:workers:heartbeat"


def test_jobs_run_in_the_worker(direct: Direct, push: Push, start_worker: StartWorker) -> None:
    for number in range(3):
        push("Where", number)
    worker = start_worker(INTERVAL="0", **NO_FORK)
    assert worker.wait() == 0
    assert where(direct) == [(str(number), worker.pid) for number in range(3)]
    assert stat(direct, "processed") == 3


def test_the_heart_beats_through_a_long_job_in_the_worker(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("Gate", "long")
    worker = start_worker(RESQUE_HEARTBEAT_INTERVAL="0.02", **NO_FORK)
    await_begun(direct, 1)
    for _ in range(3):
        direct("DEL", HEARTS)
        eventually(lambda: direct("EXISTS", HEARTS), "the heart beats again")
    assert trace(direct) == []
    direct("SET", "own:open", "yes")
    assert worker.leave() == 0
    assert trace(direct) == ["long done"]
    assert direct("EXISTS", HEARTS, "resque:workers") == 0


def test_however_a_job_ends_the_worker_goes_on(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    ways = ["exit", "exit 3", "interrupt", "memory", "recursion", "unspeakable"]
    for way in ways:
        push("EndBadly", way)
    push("NoSuchClass")
    push("Note", "still here")
    worker = start_worker(INTERVAL="0", **NO_FORK)
    assert worker.wait() == 0
    assert [args for _, args, _ in failed(direct)] == [*([way] for way in ways), []]
    assert trace(direct) == ["still here"]
    assert (stat(direct, "processed"), stat(direct, "failed")) == (8, 7)


class SlowStore:
    """A store whose second beat is under way until it is let through."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.is_under_way = threading.Event()
        self.may_end = threading.Event()

    def run(self, operation: Any) -> bool:
        if self.events:
            self.is_under_way.set()
            assert self.may_end.wait(30)
        self.events.append("beat")
        return True


def no_renewal() -> Any:
    raise AssertionError("the id stays the worker's own")


def test_no_beat_comes_after_the_last(redis_url: str) -> None:
    heart = Heartbeat(Keys(), place(), 0.001, lambda: 0.0)
    with_clock = LeanStore(parse_url(redis_url), timeout_s=5, client_name="t")
    with_clock.run(heart.first())
    with_clock.close()
    store: Any = SlowStore()
    beater = Beater(heart, store, lambda line: None, no_renewal, in_thread=True)
    beater.go_on()
    assert store.is_under_way.wait(30)

    def stop() -> None:
        beater.stop()
        store.events.append("stopped")

    # A beat under way would put the worker back on the register that it is about to leave.
    stopping = threading.Thread(target=stop)
    stopping.start()
    store.may_end.set()
    stopping.join(30)
    assert store.events[-1] == "stopped"
