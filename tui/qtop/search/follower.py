"""Walks through lists in the background: in slices that no key has to wait for, with rests that
leave Redis to others; once through all of a list, and then through what is new."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

from qtop.model.job_list import NO_EXTENT, Ask, Entry, JobList, Walk
from queuecore.errors import StoreError
from queuecore.exchange import Operation
from queuecore.windows import Extent

T = TypeVar("T")

#: Work goes on for so long before others get their turn.
SLICE_S: Final = 0.004
#: How long to rest after a window, in terms of what it took.
REST: Final = 0.5
_LOOKS_AT_CLOCK_EVERY: Final = 16
#: How often it says how far it is.
_TELL_EVERY_S: Final = 0.2

#: Looks at an entry. One that returns False ends the walk.
Visit = Callable[[Entry], Any]


class Send(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T], /) -> T:
        """Return its result. Raises StoreError."""


async def walk(
    read: Send,
    way: Walk,
    visit: Visit,
    tell: Callable[[int, int], None] = lambda done, of: None,
    settle: Callable[[], Awaitable[None]] | None = None,
    *,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Show every entry to `visit`, in the order of the walk, until it returns False. Returns how
    many were shown.

    While one window is looked into the next one is fetched, after a rest half as long as the last
    one took, with its way through the network: Redis has time for others. May be cancelled at any
    moment.

    Args:
        tell: Called now and then, and at the end, with how many of how many were seen.
        settle: Awaited after each window, to read what its entries make necessary.

    Raises StoreError.
    """

    async def fetch(ask: Ask, rest_s: float) -> tuple[Any, float]:
        if rest_s > 0:
            await rest(rest_s)
        began_s = perf_counter()
        seen = await read(ask.work)
        return seen, perf_counter() - began_s

    ask = way.ask()
    coming: asyncio.Task[tuple[Any, float]] | None = None
    shown = 0
    try:
        took_s = tell_at_s = 0.0
        while ask is not None:
            seen, took_s = await (coming or fetch(ask, 0.0))
            fresh = way.take(ask, seen)
            seen_before, ask = way.done, way.ask()
            coming = None if ask is None else asyncio.create_task(fetch(ask, took_s * REST))
            until_s = perf_counter() + SLICE_S
            for count, entry in enumerate(fresh, 1):
                shown += 1
                if visit(entry) is False:
                    return shown
                if count % _LOOKS_AT_CLOCK_EVERY == 0 and perf_counter() > until_s:
                    await asyncio.sleep(0)
                    until_s = perf_counter() + SLICE_S
            if settle is not None:
                await settle()
            if ask is None or perf_counter() >= tell_at_s:
                tell(seen_before, way.length or 0)
                tell_at_s = perf_counter() + _TELL_EVERY_S
            await asyncio.sleep(0)
        return shown
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(BaseException):
                await coming


# Looking at all items of a list once, then at those that come: no whole walk for a newcomer.

#: A list that keeps changing at its head is walked through again and again: after so long, and
#: after so many times what the last walk took.
_LEAST_REST_S: Final = 1.0
_REST: Final = 4.0
#: A list that does not tell what is new is walked through at every look, unless it is longer.
_QUICK: Final = 5_000


class Follower:
    """Shows the entries of a list, newest first, and later those that are new.

    Args:
        jobs: The list.
        begin: Called when a walk through the whole list begins; gives what looks at its entries,
            and later at the newcomers. When the list has lost some, or the like, there is another.
        finish: Called when such a walk is over.
        clock: Monotonic seconds.
        sleep: Waits for some seconds, and for those who go first.
    """

    def __init__(
        self,
        jobs: JobList,
        begin: Callable[[], Visit],
        finish: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs = jobs
        self._begin = begin
        self._finish = finish
        self._clock = clock
        self._sleep = sleep
        self._visit: Visit | None = None
        self._extent: Extent | None = None
        self._not_before_s = 0.0
        self._shown = self._looks_expected = 0
        #: It is not to go on.
        self.is_stopped = False
        self.is_running = False
        #: A walk through the whole list is under way.
        self.is_walking = False
        #: Entries seen of those there were, by the walk under way or the last one.
        self.done, self.of = 0, 0
        #: Why the last look failed.
        self.problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything was seen, at the last look."""
        return self._extent is not None and not self.is_walking

    def expect_change(self) -> None:
        """Something is about to be done to the jobs: at the next two looks walk through them again,
        also where the list does not tell what is new and is long."""
        self.is_stopped, self._looks_expected = False, 2

    async def follow(self, read: Send, tell: Callable[[], None] = lambda: None) -> bool:
        """Look at what has not been seen. Returns whether there was anything; tells after each
        window. Never raises a StoreError: `problem` says it. May be cancelled; then the next time
        begins anew what was not finished."""
        if self.is_running or self.is_stopped:
            return False
        self.is_running = True
        try:
            self.problem = None
            return await self._follow(read, tell)
        except StoreError as error:
            self.problem = str(error)
            return False
        finally:
            self.is_running = self.is_walking = False

    async def _follow(self, read: Send, tell: Callable[[], None]) -> bool:
        now = await read(self._jobs.extent())
        before = self._extent
        if now == NO_EXTENT:
            if before is not None and not self._looks_expected and self._shown > _QUICK:
                return False
            self._looks_expected = max(0, self._looks_expected - 1)
        elif now == before:
            return False
        elif before is not None and self._visit is not None and now.length > before.length > 0:
            # Until the end of it, the old extent holds: newcomers that were missed come again.
            self._extent = None
            way = self._jobs.walk(before)
            await walk(read, way, self._visit, rest=self._sleep)
            if not way.is_broken:
                self._extent = way.extent
                return True
        await self._sleep(max(0.0, self._not_before_s - self._clock()))
        await self._walk_all(read, tell)
        return True

    async def _walk_all(self, read: Send, tell: Callable[[], None]) -> None:
        def note(done: int, of: int) -> None:
            self.done, self.of = done, of
            tell()

        began_s = self._clock()
        way = self._jobs.walk()
        self._extent, self._visit = None, self._begin()
        self.is_walking, self.done, self.of = True, 0, 0
        self._shown = await walk(read, way, self._visit, note, rest=self._sleep)
        took_s = self._clock() - began_s
        self._not_before_s = self._clock() + max(_LEAST_REST_S, _REST * took_s)
        self._extent = way.extent
        if way.is_broken:
            # What was seen is nearly right; soon there will be a better look.
            self._extent = Extent(self._extent.length, None)
        self.is_walking = False
        self._finish()
