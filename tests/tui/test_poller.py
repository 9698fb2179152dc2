"""Polls follow each other, never two at a time; failures are reported and polling goes on."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from tests.support.known import known
from tests.support.polling import DEADLINE_S, Clock, Watching, run_until
from tests.support.sample_data import FakeSystem, queue, read_snapshot, snapshot

from qtop.model.health import HealthReport
from qtop.monitor.poller import REPORTED_QUEUES, Poller, PollResult, clamped_interval_s
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from qtop.systems.system import SystemRunner, Work
from queuecore.address import parse_url
from queuecore.exchange import Exchange, Steps, single
from resque.errors import Unreachable
from resque.keys import Keys
from resque.store import queues

T = TypeVar("T")


async def results_of(
    source: SystemRunner, number: int, clock: Clock, *, interval_s: float = 1.0
) -> list[PollResult]:
    """Let a poller run until it has tried so many times."""
    seen: list[PollResult] = []
    enough = asyncio.Event()

    def on_result(result: PollResult) -> None:
        seen.append(result)
        if len(seen) == number:
            enough.set()

    poller = Poller(
        source, Watching(on_result), interval_s=interval_s, clock=clock, sleep=clock.sleep
    )
    await run_until(poller, enough)
    return seen[:number]


async def test_a_poll_reports_the_snapshot_and_its_time() -> None:
    source = FakeSystem(snapshot())
    (result,) = await results_of(source, 1, Clock())
    assert (result.snapshot, result.taken_mono, result.error) == (source.snapshots[0], 100.0, None)


async def test_polls_happen_at_the_interval() -> None:
    clock = Clock()
    await results_of(FakeSystem(snapshot()), 3, clock, interval_s=2.5)
    assert clock.sleeps[:2] == [2.5, 2.5]


def test_the_interval_has_limits() -> None:
    assert [clamped_interval_s(s) for s in (0.0, 1.0, 1_000.0)] == [0.25, 1.0, 60.0]


async def test_failures_keep_the_last_snapshot_and_back_off() -> None:
    clock, good = Clock(), snapshot()
    down = Unreachable("nobody there")
    results = await results_of(FakeSystem(good, down, down, down, down, down, down), 7, clock)
    assert clock.sleeps[:7] == [1.0, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert all(each.snapshot == good for each in results)
    assert {each.error for each in results[1:]} == {"nobody there"}
    assert {each.failing_since_mono for each in results[1:]} == {101.0}
    assert results[2].next_try_mono == 104.0


async def test_an_answer_ends_the_error_state_and_its_back_off() -> None:
    clock = Clock()
    down = Unreachable("nobody there")
    results = await results_of(FakeSystem(down, down, snapshot(), down, snapshot()), 5, clock)
    assert [result.error is None for result in results] == [False, False, True, False, True]
    assert results[2].failing_since_mono is None
    assert clock.sleeps[:4] == [1.0, 2.0, 1.0, 1.0]


async def test_unexpected_data_do_not_end_the_polling() -> None:
    results = await results_of(FakeSystem(TypeError("secret"), snapshot()), 2, Clock())
    assert results[0].error is not None
    assert "TypeError" in results[0].error
    assert "secret" not in results[0].error
    assert results[1].error is None


async def test_a_poke_ends_the_wait() -> None:
    seen: list[PollResult] = []
    enough = asyncio.Event()

    async def forever(_seconds: float) -> None:
        await asyncio.Event().wait()

    def on_result(result: PollResult) -> None:
        seen.append(result)
        enough.set() if len(seen) == 3 else poller.poke()

    poller = Poller(FakeSystem(snapshot()), Watching(on_result), interval_s=60, sleep=forever)
    await run_until(poller, enough)
    assert len(seen) == 3


async def test_a_poller_ends_whenever_it_is_cancelled() -> None:
    poller = Poller(FakeSystem(snapshot()), Watching(lambda _: poller.poke()), interval_s=60)
    for turns in range(40):
        running = asyncio.create_task(poller.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait((running,), timeout=DEADLINE_S)
        assert running.cancelled(), f"lost after {turns} turns of the loop"


async def test_two_looks_never_overlap_however_often_it_is_poked() -> None:
    source = SlowSystem()
    poller = Poller(source, Watching(), interval_s=0.25)
    source.on_poll = poller.poke
    await run_until(poller, source.enough)
    assert source.most_at_once == 1


class SlowSystem(FakeSystem):
    """Counts how many polls run at once."""

    def __init__(self) -> None:
        super().__init__(snapshot())
        self.at_once = self.most_at_once = self.count = 0
        self.enough = asyncio.Event()
        self.on_poll: Callable[[], None] = lambda: None

    async def watch(self, work: Work[T]) -> T:
        self.count += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(5):
            self.on_poll()
            await asyncio.sleep(0)
        self.at_once -= 1
        if self.count == 5:
            self.enough.set()
        return await super().watch(work)


@pytest.mark.redis
async def test_a_real_server_is_polled(redis_url: str) -> None:
    keys = Keys("resque")
    source = RedisRunner(ResqueSystem(keys), parse_url(redis_url))
    await source.run(queues.push(keys, "mail", [b'{"class":"A","args":[1]}']))
    (result,) = await results_of(source, 1, Clock())
    await source.close()
    assert result.snapshot is not None
    assert [(q.name, q.size) for q in known(result.snapshot.queues)] == [("mail", 1)]


@pytest.mark.redis
async def test_a_change_by_an_action_in_a_large_fleet_is_seen_at_once(redis_url: str) -> None:
    keys = Keys("resque")
    source = RedisRunner(ResqueSystem(keys), parse_url(redis_url))
    entries = [b'{"error":"%d"}' % number for number in range(3)]
    fleet = [b"h:%d:a" % number for number in range(1_001)]
    await source.run(
        Exchange(
            (("SADD", keys.workers(), *fleet), ("RPUSH", keys.failed(), *entries)),
            lambda _: None,
            writes=True,
        )
    )
    for _ in range(3):
        await read_snapshot(source)
    marked = b'{"error":"1","retried_at":"2026/11/23 12:00:00"}'
    await source.run(single(("LSET", keys.failed(), 1, marked), lambda _: None, writes=True))
    seen = await read_snapshot(source)
    await source.close()
    assert known(seen.failures)[1].retried_at == "2026/11/23 12:00:00"


@pytest.mark.redis
async def test_a_missing_server_is_reported_in_words(tmp_path: Path) -> None:
    source = RedisRunner(ResqueSystem(Keys("resque")), parse_url(f"unix://{tmp_path}/none"))
    (result,) = await results_of(source, 1, Clock())
    await source.close()
    assert result.error is not None
    assert "no such socket" in result.error


async def reports_of(source: FakeSystem, seconds: int) -> list[HealthReport]:
    """Let a poller run for so long, and return the health reports that it made."""
    clock, enough = Clock(), asyncio.Event()
    seen: list[HealthReport] = []

    def on_result(result: PollResult) -> None:
        if clock.now_mono >= 100.0 + seconds:
            enough.set()

    poller = Poller(
        source,
        Watching(on_result, seen.append),
        interval_s=1.0,
        clock=clock,
        sleep=clock.sleep,
    )
    await run_until(poller, enough)
    return seen


async def test_a_health_report_is_made_after_the_first_poll_and_every_ten_seconds() -> None:
    assert len(await reports_of(FakeSystem(snapshot()), 9)) == 1
    assert len(await reports_of(FakeSystem(snapshot()), 31)) == 4


async def test_the_health_report_asks_for_the_largest_queues() -> None:
    depths = {f"q{number}": number for number in range(REPORTED_QUEUES + 1)}
    source = FakeSystem(
        snapshot(queues=[queue(*each) for each in (*depths.items(), ("odd", None))])
    )
    await reports_of(source, 1)
    (asked,) = source.surveyed_queues
    assert sorted(asked) == sorted(depths.keys() - {"q0"})


async def test_no_health_report_is_made_while_polls_fail() -> None:
    assert await reports_of(FakeSystem(Unreachable("gone")), 31) == []


class FailingReports(FakeSystem):
    """A system whose health reports fail."""

    def __init__(self, error: Exception) -> None:
        super().__init__(snapshot())
        self.error = error

    def health(self, queues: Sequence[str] = ()) -> Steps[HealthReport]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Unreachable("gone"), "gone"),
        (TimeoutError(), "its answer takes too long"),
        (KeyError("x"), "its answer makes no sense to qtop (KeyError): a bug"),
    ],
)
async def test_a_failed_health_report_is_unknown_and_polls_go_on(
    error: Exception, why: str
) -> None:
    found = await reports_of(FailingReports(error), 11)
    assert [set(each.problems.values()) for each in found] == [{why}, {why}]


@pytest.mark.redis
async def test_a_health_report_of_a_real_server_compares_its_clock(redis_url: str) -> None:
    source = RedisRunner(ResqueSystem(Keys("resque")), parse_url(redis_url))
    found = await source.watch(source.system.health())
    await source.close()
    assert found.problems == {}
    assert found.skew_s == pytest.approx(0.0, abs=1.0)
