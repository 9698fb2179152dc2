"""An action on many jobs keeps its rate limit, and stops between two steps."""

from typing import Any

import pytest

from qtop.actions.plan import Throttle
from qtop.actions.runner import paced
from qtop.actions.stopping import reined
from queuecore.bulk import TAKE_ITEMS
from queuecore.exchange import Exchange, Steps, drive
from resque.errors import StoreError, Unreachable


def step(done: int, *, writes: bool = False) -> Exchange[int]:
    progress = None if writes else (done, 100)
    return Exchange((("PING",),), lambda replies: 0, writes, progress=progress)


def action(log: list[str]) -> Steps[int]:
    """Ten times: read, then take ten; logs how many were done when it is stopped."""
    done = 0
    try:
        for _ in range(10):
            yield step(done)
            yield step(done, writes=True)
            done += 10
    except StoreError as error:
        log.append(type(error).__name__)
    return done


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def rest(self, seconds: float) -> None:
        self.now_s += seconds


async def test_no_more_jobs_a_second_than_asked_for() -> None:
    clock, sent = Clock(), []

    async def send(operation: Any) -> Any:
        sent.append((operation.writes, clock.now_s))
        return 0

    pace = Throttle(jobs_per_s=20)
    assert await paced(send, action([]), pace, clock=clock, rest=clock.rest) == 100
    snapshots = [at_s for writes, at_s in sent if not writes]
    assert snapshots == pytest.approx([done / 20 for done in range(0, 100, 10)])


async def test_a_stop_does_not_wait_for_the_rate_limit() -> None:
    clock, pace, log = Clock(), Throttle(jobs_per_s=1), list[str]()

    async def send(operation: Any) -> Any:
        return 0

    async def rest(seconds: float) -> None:
        clock.now_s += seconds
        pace.is_stopped = clock.now_s > 1

    steps = reined(action(log), pace, lambda done, of: None)
    assert await paced(send, steps, pace, clock=clock, rest=rest) == 20
    assert clock.now_s < 2
    assert log == ["Stopped"]


def test_a_stop_takes_effect_only_after_the_write_of_the_step() -> None:
    pace, log, sent = Throttle(), list[str](), list[bool]()

    def run(exchange: Exchange[Any]) -> Any:
        sent.append(exchange.writes)
        pace.is_stopped = pace.is_stopped or len(sent) == 3
        return 0

    assert drive(reined(action(log), pace, lambda done, of: None), run) == 20
    # Stopped during the second read: the write of that step still happens.
    assert sent == [False, True, False, True]
    assert log == ["Stopped"]


def test_errors_and_progress_pass_through() -> None:
    told: list[tuple[int, int]] = []

    def run(exchange: Exchange[Any]) -> Any:
        if exchange.writes:
            raise Unreachable("gone")
        return 0

    log: list[str] = []
    steps = reined(action(log), None, lambda done, of: told.append((done, of)))
    assert drive(steps, run) == 0
    assert log == ["Unreachable"]
    assert told == [(0, 100)]


@pytest.mark.parametrize(
    ("limit", "at_once"), [(None, TAKE_ITEMS), (1, 1), (40, 10), (10_000, TAKE_ITEMS)]
)
def test_slow_actions_take_small_steps(limit: float | None, at_once: int) -> None:
    assert Throttle(limit).at_once == at_once


def test_a_stopped_operation_may_send_what_leaves_everything_in_order() -> None:
    pace, sent = Throttle(is_stopped=True), list[int | None]()

    def tidying() -> Steps[str]:
        try:
            yield step(0)
        except StoreError as error:
            yield step(1)
            yield step(2, writes=True)
            return str(error)
        return "never stopped"

    def run(exchange: Exchange[Any]) -> Any:
        sent.append(None if exchange.progress is None else exchange.progress[0])
        return 0

    assert drive(reined(tidying(), pace), run) == "stopped"
    assert sent == [1, None]
