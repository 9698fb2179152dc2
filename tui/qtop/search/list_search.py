"""Looks through lists in the background: in slices that no key has to wait for, with rests that
leave Redis to others; once through all of a list, and then through what is new."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Any, Final, Generic, Protocol, TypeVar

from qtop.model.job import Job
from qtop.model.job_list import NO_EXTENT, Entry, JobList, Walk
from qtop.model.placed import UnreadPart
from qtop.search.byte_tests import Sieve
from qtop.search.failure_groups import KeyMaker, KnownEntry
from qtop.text.progress import ProgressMeter
from queuecore.errors import StoreError
from queuecore.exchange import Operation
from queuecore.windows import Extent

T = TypeVar("T")

#: Work goes on for so long before others get their turn.
SLICE_S: Final = 0.004
#: How long to rest after a window, in terms of what it took.
REST: Final = 0.5
#: Counts that no one waits for take so much of Redis's time, at most.
BACKGROUND_SHARE: Final = 0.05
_LOOKS_AT_CLOCK_EVERY: Final = 16
#: How often it says how far it is.
_REPORT_EVERY_S: Final = 0.2


class Send(Protocol):
    """Carries out an operation on Redis."""

    async def __call__(self, operation: Operation[T], /) -> T:
        """Return its result. Raises StoreError."""


async def walk(
    read: Send,
    way: Walk,
    visit: Callable[[Entry], Any],
    report: Callable[[int, int], None] = lambda done, of: None,
    settle: Callable[[], Awaitable[None]] | None = None,
    *,
    sieve: Sieve | None = None,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    share: float = 1.0,
) -> int:
    """Show every entry to `visit`, in the order of the walk, until it returns False. Returns how
    many were shown.

    While one window is looked into the next one is fetched, after a rest half as long as the last
    one took, with its way through the network but without the looks at entries meanwhile: Redis has
    time for others. May be cancelled at any moment.

    Args:
        report: Called now and then, and at the end, with how many of how many were seen.
        settle: Awaited after each window, to read what its entries make necessary.
        sieve: Entries that it leaves out are counted, and not shown to `visit`.
        share: Of Redis's time so much is taken, at most, by its own clock: the rests are longer
            for it where the walk says how long a window kept Redis busy.

    Raises StoreError.
    """

    looked_s = 0.0

    async def fetch(
        window: Operation[Iterator[Entry]], rest_s: float
    ) -> tuple[Iterator[Entry], float]:
        if rest_s > 0:
            await rest(rest_s)
        began_s = perf_counter() - looked_s
        return await read(window), perf_counter() - looked_s - began_s

    window = way.window()
    coming: asyncio.Task[tuple[Iterator[Entry], float]] | None = None
    shown = 0
    try:
        took_s = report_at_s = 0.0
        while window is not None:
            fresh, took_s = await (coming or fetch(window, 0.0))
            done, window = way.done, way.window()
            rest_s = max(took_s * REST, _rest_s(way, share))
            coming = None if window is None else asyncio.create_task(fetch(window, rest_s))
            # The way to the next window begins before this one is looked into.
            await asyncio.sleep(0)
            since_s = perf_counter()
            entries = fresh if sieve is None else _sifted(fresh, sieve)
            for count, entry in enumerate(entries, 1):
                shown += 1
                if entry is not None and visit(entry) is False:
                    return shown
                if count % _LOOKS_AT_CLOCK_EVERY == 0 and perf_counter() > since_s + SLICE_S:
                    looked_s += perf_counter() - since_s
                    await asyncio.sleep(0)
                    since_s = perf_counter()
            looked_s += perf_counter() - since_s
            if settle is not None:
                await settle()
            if window is None or perf_counter() >= report_at_s:
                report(done, way.length or 0)
                report_at_s = perf_counter() + _REPORT_EVERY_S
            await asyncio.sleep(0)
        return shown
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(BaseException):
                await coming


def _rest_s(way: Walk, share: float) -> float:
    """How long Redis is left to others after the last window, so that this walk has no more than a
    share of its time."""
    return (way.took_us or 0) / 1e6 * (1 / share - 1)


def _sifted(entries: Iterator[Entry], sieve: Sieve) -> Iterator[Entry | None]:
    """The entries in their order; None in place of those that the sieve leaves out."""
    while met := list(islice(entries, _LOOKS_AT_CLOCK_EVERY)):
        sifted: list[Entry | None] = [None] * len(met)
        for at in sieve([each.raw for each in met]):
            sifted[at] = met[at]
        yield from sifted


# Looking at all items of a list once, then at those that come: no whole walk for a newcomer.

#: A list that keeps changing at its head is walked through again and again: after so long, and
#: after so many times what the last walk took.
_LEAST_REST_S: Final = 1.0
_REST: Final = 4.0
#: A list that does not tell what is new is walked through every time, unless it is longer.
_QUICK: Final = 5_000


class Findings(Protocol):
    """What is made of the entries of a list.

    Attributes:
        is_complete: It is made of the whole list.
    """

    is_complete: bool

    @property
    def sieve(self) -> Sieve | None:
        """Leaves out what need not be looked at; None: all is to be looked at."""

    @property
    def count(self) -> int:
        """How many entries it is made of."""

    def visit(self, entry: Entry) -> Any:
        """Look at an entry."""


FoundT = TypeVar("FoundT", bound=Findings)


class ListSearch(Generic[FoundT]):
    """Looks through a whole list, newest first, and later at what is new. What it finds first is
    shown as it grows; when it has to begin anew, because the list has lost some or the like, what
    was found before stays until that is complete.

    Args:
        jobs: The list.
        new: Makes findings without entries.
        rest: Waits for some seconds, and for those who go first.
        group: What the work of a screen for this search is called.
        clock: Monotonic seconds.
        meter: Measures how fast it goes.
        share: As of `walk`.
    """

    def __init__(
        self,
        jobs: JobList,
        new: Callable[[], FoundT],
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
        group: str = "search",
        clock: Callable[[], float] = time.monotonic,
        meter: ProgressMeter | None = None,
        share: float = 1.0,
    ) -> None:
        self.group = group
        self._share = share
        self._jobs = jobs
        self._new = new
        self._rest = rest
        self._clock = clock
        self._growing: FoundT | None = None
        #: What was in the list, once everything in it was seen.
        self._extent: Extent | None = None
        self._not_before_s = 0.0
        self._shown = self._changes_expected = 0
        #: What to show; None when there is nothing yet.
        self.found: FoundT | None = None
        #: All of the list is known without a search.
        self.is_known = False
        #: It is not to go on.
        self.is_stopped = False
        self.is_running = False
        #: How fast it goes.
        self.meter = meter or ProgressMeter(clock)
        #: Entries seen of those there were, by the walk under way or the last one.
        self.done, self.of = 0, 0
        #: Why the last attempt failed.
        self.problem: str | None = None
        #: The places whose part of the list could not be read: what is found is without it.
        self.unread: tuple[UnreadPart, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether everything that was there the last time was seen."""
        return self._extent is not None

    @property
    def is_complete(self) -> bool:
        """Whether what is shown was found in the whole list."""
        return self.found is not None and self.found.is_complete

    @property
    def is_over(self) -> bool:
        """Whether what is shown does not grow: it is complete, or the search was stopped."""
        return self.is_complete or self.is_stopped

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to stop, or to go on with."""
        return self.is_known or (self.is_current and not self.is_stopped)

    def take(self, jobs: Sequence[Job], *, is_all: bool) -> None:
        """Look at jobs that are known, which are `is_all` there are, or what is shown at first."""
        found = self._new()
        maker = KeyMaker()
        for job in jobs:
            found.visit(KnownEntry(job, maker))
        found.is_complete = is_all
        self.found, self.is_known = found, is_all
        if is_all:
            self.of = len(jobs)

    def show_growth(self) -> bool:
        """Show the findings that grow, once they are as many as those that are shown; False
        before that, and where those that are shown are complete."""
        shown, growing = self.found, self._growing
        if growing is None:
            return False
        if shown is not None and (shown.is_complete or growing.count < shown.count):
            return False
        self.found = growing
        return True

    def expect_change(self) -> None:
        """Something is about to be done to the jobs: walk through them again the next two times,
        also where the list does not tell what is new and is long."""
        self.is_stopped, self._changes_expected = False, 2

    async def follow(self, read: Send, report: Callable[[], None] = lambda: None) -> bool:
        """Look at what has not been seen. Returns whether there was anything; reports after each
        window. Never raises a StoreError: `problem` says it. May be cancelled; then the next time
        begins anew what was not finished."""
        if self.is_running or self.is_stopped:
            return False
        self.is_running = True
        try:
            self.problem = None
            return await self._follow(read, report)
        except StoreError as error:
            self.problem = str(error)
            return False
        finally:
            self.is_running = False

    async def _follow(self, read: Send, report: Callable[[], None]) -> bool:
        now = await read(self._jobs.extent())
        before, growing = self._extent, self._growing
        if now == NO_EXTENT:
            is_long = self._shown > _QUICK
            if before is not None and is_long and not self._changes_expected and not self.unread:
                return False
            self._changes_expected = max(0, self._changes_expected - 1)
        elif now == before:
            return False
        elif before is not None and growing is not None and now.length > before.length > 0:
            # Until the end of it, the old extent holds: newcomers that were missed come again.
            self._extent = None
            way = self._jobs.walk(before)
            visit, sieve, rest = growing.visit, growing.sieve, self._rest
            await walk(read, way, visit, sieve=sieve, rest=rest, share=self._share)
            if not way.is_broken:
                self._extent = way.extent
                return True
        await self._rest(max(0.0, self._not_before_s - self._clock()))
        await self._walk_all(read, report)
        return True

    async def _walk_all(self, read: Send, report: Callable[[], None]) -> None:
        def note(done: int, of: int) -> None:
            self.done, self.of = done, of
            self.meter.note(done, of)
            report()

        began_s = self._clock()
        way = self._jobs.walk()
        growing = self._growing = self._new()
        self._extent, self.done, self.of = None, 0, 0
        visit, sieve, rest = growing.visit, growing.sieve, self._rest
        share = self._share
        self._shown = await walk(read, way, visit, note, sieve=sieve, rest=rest, share=share)
        took_s = self._clock() - began_s
        self._not_before_s = self._clock() + max(_LEAST_REST_S, _REST * took_s)
        self._extent = way.extent
        self.unread = way.unread
        if way.is_broken:
            # What was seen is nearly right; soon it is walked through again.
            self._extent = Extent(self._extent.length, None)
        growing.is_complete = not way.unread
        self.found = growing
