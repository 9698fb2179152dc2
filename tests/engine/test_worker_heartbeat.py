"""The heart beats by the server's clock, in Ruby's form, also during a long job."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.operations import call_of
from tests.support.waiting import eventually
from tests.support.worker_claims import place

from queuecore import times
from queuecore.exchange import Exchange
from resque.keys import Keys
from resque.worker.heartbeat import Heartbeat

HEARTS = "resque:workers:heartbeat"


class Clock:
    """A monotonic clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def written(exchange: Exchange[bool]) -> str:
    return str(call_of(exchange).args[2])


def test_beats_follow_the_servers_clock_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = timezone(timedelta(hours=-5))
    monkeypatch.setattr(times, "wall_now", lambda: datetime(1999, 1, 1, tzinfo=zone))
    clock = Clock()
    heart = Heartbeat(Keys(), place(), 60, clock)
    server = datetime(2030, 6, 1, 12, tzinfo=UTC)

    assert heart.due_in_s() == 0
    heart.first().parse([[b"%d" % server.timestamp(), b"0"]])
    clock.now_s += 7
    beat = heart.beat()
    moment = times.parse(written(beat))
    assert moment == server + timedelta(seconds=7)
    # The server says that its clock was set back meanwhile; the next beat believes it.
    beat.parse([[1, b"%d" % (server.timestamp() - 100), b"0"]])
    assert heart.due_in_s() == 60
    clock.now_s += 60
    assert heart.due_in_s() == 0
    assert times.parse(written(heart.beat())) == server + timedelta(seconds=-100 + 60)


def test_the_servers_clock_is_known_between_two_beats() -> None:
    mono, own = Clock(), datetime(1999, 1, 1, tzinfo=UTC)
    heart = Heartbeat(Keys(), place(), 60, mono, lambda: own)
    assert heart.clock() == own
    heart.first().parse([[b"1800000000", b"0"]])
    mono.now_s += 7
    assert heart.clock() == datetime.fromtimestamp(1_800_000_007, UTC)


def test_a_beat_that_got_lost_is_tried_again_soon() -> None:
    clock = Clock()
    heart = Heartbeat(Keys(), place(), 60, clock)
    heart.first().parse([[b"1800000000", b"0"]])
    heart.beat()
    assert 0 < heart.due_in_s() < 60


def test_the_heart_beats_through_a_long_job(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    push("SlowJob", 600)
    worker = start_worker(RESQUE_HEARTBEAT_INTERVAL="0.05", TZ="<-03>3")
    child = worker.await_child()
    for _ in range(3):
        direct("DEL", HEARTS)
        eventually(lambda: direct("EXISTS", HEARTS), "the heart beats again")
    beat = direct("HGET", HEARTS, worker.id).decode()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-03:00", beat)
    moment = times.parse(beat)
    assert moment is not None
    seconds, _ = direct("TIME")
    assert abs(int(seconds) - moment.timestamp()) < 60
    assert child.is_running()


def test_a_living_worker_that_was_pruned_comes_back(
    direct: Direct, start_worker: StartWorker
) -> None:
    worker = start_worker(RESQUE_HEARTBEAT_INTERVAL="0.05")
    worker.await_ready()
    direct("SREM", "resque:workers", worker.id)
    eventually(lambda: direct("EXISTS", "resque:workers"), "the worker registers again")
    assert worker.leave() == 0
    assert direct("EXISTS", HEARTS, "resque:workers") == 0
