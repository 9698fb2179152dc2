"""Reads again and again, for as long as the console is open: a snapshot at every poll, now and then
a health report, and jobs that no index leads to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Final, Protocol, TypeVar

from qtop.model import health
from qtop.model.fleet import Snapshot
from qtop.model.health import Acknowledgement, HealthReport, Strays
from qtop.systems.system import SystemRunner
from queuecore.cooperative import in_turns
from queuecore.errors import StoreError
from queuecore.values import replace as changed

T = TypeVar("T")

MIN_INTERVAL_S: Final = 0.25
MAX_INTERVAL_S: Final = 60.0
MAX_BACK_OFF_S: Final = 10.0
#: Longer than two round trips that both just make it; against answers that trickle.
POLL_LIMIT_S: Final = 5.0
#: Pauses at least so long, however slow the polls: half the time belongs to others.
_MIN_PAUSE_S: Final = 0.1
#: From one health report to the next.
REPORT_EVERY_S: Final = 10.0
#: So many queues are part of one, the deepest.
REPORTED_QUEUES: Final = 200
#: When jobs that no index leads to are first searched for: the first poll is to be on the screen
#: before. And from one search to the next.
STRAYS_AFTER_S: Final = 2.0
STRAYS_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class PollResult:
    """What the last poll gave, and what is known when it failed.

    Attributes:
        snapshot: The newest there is; None before the first.
        taken_mono: When it was taken.
        rtt_ms: What the poll cost: two round trips and the server's work.
        error: Why the last poll failed; None when it did not.
        failing_since_mono: When polls began to fail.
        next_try_mono: When the next one comes.
    """

    snapshot: Snapshot | None = None
    taken_mono: float | None = None
    rtt_ms: float | None = None
    error: str | None = None
    failing_since_mono: float | None = None
    next_try_mono: float | None = None


def clamped_interval_s(interval_s: float) -> float:
    return min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, interval_s))


class Watcher(Protocol):
    """Takes in what was found, in the event loop."""

    def on_poll(self, result: PollResult) -> Awaitable[None] | None:
        """Called after every poll, also one that failed. What it returns is waited for: the next
        poll comes after the last was taken in."""

    def on_health_report(self, health_report: HealthReport) -> None:
        """Called with a health report now and then, after a poll."""

    def on_strays(self, found: Strays | None, why: str) -> None:
        """Called with the jobs that no index leads to; with None and the reason when they could not
        be searched for."""


class Poller:
    """Takes a snapshot again and again, never two at a time; from the beginning of one to that of
    the next it takes `interval_s`, if it can. `clock` gives monotonic seconds."""

    def __init__(
        self,
        source: SystemRunner,
        watcher: Watcher,
        *,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._watcher = watcher
        self._next_report_mono = float("-inf")
        self._is_report_first = False
        self._interval_s = clamped_interval_s(interval_s)
        self._clock = clock
        self._sleep = sleep
        self._poked = asyncio.Event()
        self._failures = 0
        self.last = PollResult()

    @property
    def interval_s(self) -> float:
        """Seconds from poll to poll; setting it takes effect at once, within the limits."""
        return self._interval_s

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        self._interval_s = clamped_interval_s(seconds)
        self.poke()

    def poke(self) -> None:
        """Poll now, or as soon as the present poll is done."""
        self._poked.set()

    def report_next(self, *, first: bool = False) -> None:
        """Make a health report after the next poll, or after this one while it is processed. With
        `first` it comes before the next poll, so that what is seen then can be explained."""
        self._next_report_mono = float("-inf")
        self._is_report_first = first

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            self._poked.clear()
            if self._is_report_first and self.last.error is None:
                self._is_report_first = False
                await self._health_report()
            began_mono = self._clock()
            self.last = await self._try(began_mono)
            taking = self._watcher.on_poll(self.last)
            if taking is not None:
                await taking
            if self.last.error is None and began_mono >= self._next_report_mono:
                self._next_report_mono = began_mono + REPORT_EVERY_S
                await self._health_report()
            await _until(self._sleep(self._pause_s(began_mono)), self._poked)

    async def _try(self, began_mono: float) -> PollResult:
        snapshot, why = await _found(self._snapshot(), POLL_LIMIT_S)
        now_mono = self._clock()
        if not why:
            self._failures = 0
            return PollResult(snapshot, now_mono, (now_mono - began_mono) * 1_000)
        self._failures += 1
        since_mono = self.last.failing_since_mono
        return replace(
            self.last,
            error=why,
            failing_since_mono=began_mono if since_mono is None else since_mono,
            next_try_mono=now_mono + self._back_off_s(),
        )

    async def _snapshot(self) -> Snapshot:
        return await in_turns(await self._source.watch(self._source.system.snapshot()))

    async def _health_report(self) -> None:
        found, why = await _found(self._health(), POLL_LIMIT_S)
        self._watcher.on_health_report(health.failed(why) if found is None else found)

    async def _health(self) -> HealthReport:
        queues = self.last.snapshot.queues if self.last.snapshot else None
        waiting = (queue for queue in queues or () if queue.size)
        deepest = nlargest(REPORTED_QUEUES, waiting, key=lambda queue: queue.size or 0)
        health_report = self._source.system.health([queue.name for queue in deepest])
        found = await self._source.watch(health_report)
        return changed(found, acknowledged=await self._acknowledged())

    async def _acknowledged(self) -> tuple[Acknowledgement, ...] | None:
        """None where that may not be read: then incidents are acknowledged here only."""
        try:
            found = await self._source.watch(self._source.system.acknowledged())
        except StoreError:
            return None
        return tuple(found)

    def _back_off_s(self) -> float:
        return float(min(MAX_BACK_OFF_S, 2 ** (min(self._failures, 10) - 1)))

    def _pause_s(self, began_mono: float) -> float:
        if self._failures:
            return self._back_off_s()
        took_s = self._clock() - began_mono
        return max(_MIN_PAUSE_S, took_s, self._interval_s - took_s)


class StrayWatch:
    """Searches for jobs that no index leads to, once a minute, never twice at a time."""

    def __init__(
        self, source: SystemRunner, watcher: Watcher, *, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._source, self._watcher, self._sleep = source, watcher, sleep
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Search now, or as soon as the present search is done."""
        self._poked.set()

    async def run(self) -> None:
        """Search until cancelled. Each search costs what `System.strays` costs."""
        pause_s = STRAYS_AFTER_S
        while True:
            await _until(self._sleep(pause_s), self._poked)
            self._poked.clear()
            self._watcher.on_strays(*await _found(self._search()))
            pause_s = STRAYS_EVERY_S

    async def _search(self) -> Strays:
        return await self._source.run(self._source.system.strays())


async def _found(work: Awaitable[T], limit_s: float | None = None) -> tuple[T | None, str]:
    """What was found; None, and why, when that failed. Data that were not foreseen must not end a
    console."""
    try:
        async with asyncio.timeout(limit_s):
            return await work, ""
    except StoreError as error:
        return None, str(error)
    except TimeoutError:
        return None, "its answer takes too long"
    except Exception as error:
        return None, f"its answer makes no sense to qtop ({type(error).__name__}): a bug"


async def _until(sleep: Awaitable[None], poked: asyncio.Event) -> None:
    """Wait until a sleep is over, or the event is set."""
    sleeping = asyncio.ensure_future(sleep)
    poking = asyncio.ensure_future(poked.wait())
    try:
        await asyncio.wait((sleeping, poking), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Not awaited: our own cancellation would be taken for theirs.
        sleeping.cancel()
        poking.cancel()
