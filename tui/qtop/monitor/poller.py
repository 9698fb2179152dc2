"""One look after the other, for as long as the console is open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

from qtop.model import health
from qtop.model.fleet import Snapshot
from qtop.model.health import HealthReport
from qtop.systems.system import SystemRunner
from queuecore.cooperative import in_turns
from queuecore.errors import StoreError

MIN_INTERVAL_S: Final = 0.25
MAX_INTERVAL_S: Final = 60.0
MAX_BACK_OFF_S: Final = 10.0
#: Longer than two round trips that both just make it; against answers that trickle.
LOOK_LIMIT_S: Final = 5.0
#: Pauses at least so long, however slow the looks: half the time belongs to others.
_MIN_PAUSE_S: Final = 0.1
#: From one survey to the next.
SURVEY_EVERY_S: Final = 10.0
#: So many queues are part of one.
SURVEYED: Final = 200


@dataclass(frozen=True, slots=True)
class PollResult:
    """What the last look gave, and what is known when it failed.

    Attributes:
        snapshot: The newest there is; None before the first.
        taken_mono: When it was taken.
        rtt_ms: What the look cost: two round trips and the server's work.
        error: Why the last look failed; None when it did not.
        failing_since_mono: When looks began to fail.
        next_try_mono: When the next one comes.
    """

    snapshot: Snapshot | None = None
    taken_mono: float | None = None
    rtt_ms: float | None = None
    error: str | None = None
    failing_since_mono: float | None = None
    next_try_mono: float | None = None


def clamped_interval_s(interval_s: float) -> float:
    """The nearest interval that is allowed."""
    return min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, interval_s))


class Poller:
    """Looks again and again, never two at a time.

    Args:
        source: Where to look.
        on_look: Called after every try, in the event loop. What it returns is waited for: the next
            look comes after the last was taken in.
        on_survey: Called with a survey now and then, after a look; without it none is made.
        interval_s: From the begin of one look to the begin of the next.
        clock: Monotonic seconds.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        source: SystemRunner,
        on_look: Callable[[PollResult], Awaitable[None] | None],
        *,
        on_survey: Callable[[HealthReport], None] | None = None,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._on_look = on_look
        self._on_survey = on_survey
        self._next_survey_mono = float("-inf")
        self._is_survey_first = False
        self._interval_s = clamped_interval_s(interval_s)
        self._clock = clock
        self._sleep = sleep
        self._poked = asyncio.Event()
        self._failures = 0
        self.last = PollResult()

    @property
    def interval_s(self) -> float:
        """Seconds from look to look; setting it holds at once, within the limits."""
        return self._interval_s

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        self._interval_s = clamped_interval_s(seconds)
        self.poke()

    def poke(self) -> None:
        """Look now, or as soon as the present look is done."""
        self._poked.set()

    def survey_next(self, *, first: bool = False) -> None:
        """Make a survey after the next look, or after the present one while it is taken in. With
        `first` it comes before the next look, so that what is seen then can be explained."""
        self._next_survey_mono = float("-inf")
        self._is_survey_first = first

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._poked.clear()
            if self._is_survey_first and self.last.error is None:
                self._is_survey_first = False
                await self._survey()
            began_mono = self._clock()
            self.last = await self._try(began_mono)
            taking = self._on_look(self.last)
            if taking is not None:
                await taking
            if self.last.error is None and began_mono >= self._next_survey_mono:
                self._next_survey_mono = began_mono + SURVEY_EVERY_S
                await self._survey()
            await until(self._sleep(self._pause_s(began_mono)), self._poked)

    async def _try(self, began_mono: float) -> PollResult:
        before = self.last
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                reading = await self._source.watch(self._source.system.snapshot())
                snapshot = await in_turns(reading)
        except StoreError as error:
            return self._failed(before, began_mono, str(error))
        except TimeoutError:
            return self._failed(before, began_mono, "its answer takes too long")
        except Exception as error:
            # Data that nobody foresaw must not end a console that somebody needs now.
            return self._failed(before, began_mono, nonsense(error))
        self._failures = 0
        now_mono = self._clock()
        return PollResult(snapshot, now_mono, (now_mono - began_mono) * 1_000)

    async def _survey(self) -> None:
        if self._on_survey is None:
            return
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                found = await self._source.watch(self._source.system.health(self._deepest()))
        except StoreError as error:
            found = health.failed(str(error))
        except TimeoutError:
            found = health.failed("its answer takes too long")
        except Exception as error:
            found = health.failed(nonsense(error))
        self._on_survey(found)

    def _deepest(self) -> list[str]:
        """The queues to be surveyed: those with most jobs, the others only at a look."""
        queues = self.last.snapshot.queues if self.last.snapshot else None
        waiting = (queue for queue in queues or () if queue.size)
        return [each.name for each in nlargest(SURVEYED, waiting, key=lambda q: q.size or 0)]

    def _failed(self, before: PollResult, began_mono: float, reason: str) -> PollResult:
        self._failures += 1
        now_mono = self._clock()
        since_mono = before.failing_since_mono
        return PollResult(
            before.snapshot,
            before.taken_mono,
            before.rtt_ms,
            reason,
            began_mono if since_mono is None else since_mono,
            now_mono + self._back_off_s(),
        )

    def _back_off_s(self) -> float:
        return float(min(MAX_BACK_OFF_S, 2 ** (min(self._failures, 10) - 1)))

    def _pause_s(self, began_mono: float) -> float:
        if self._failures:
            return self._back_off_s()
        took_s = self._clock() - began_mono
        return max(_MIN_PAUSE_S, took_s, self._interval_s - took_s)


async def until(sleep: Awaitable[None], poked: asyncio.Event) -> None:
    """Wait until a sleep is over, or the event is set."""
    sleeping = asyncio.ensure_future(sleep)
    poking = asyncio.ensure_future(poked.wait())
    try:
        await asyncio.wait((sleeping, poking), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Not awaited: our own cancellation would be taken for theirs.
        sleeping.cancel()
        poking.cancel()


def nonsense(error: Exception) -> str:
    """What to say of an answer whose data were not foreseen."""
    return f"its answer makes no sense to qtop ({type(error).__name__}): a bug"
