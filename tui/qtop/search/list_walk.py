"""Reads a whole list from its newest item to its oldest, in windows.

The list may change meanwhile. Items that are added are not seen. Items that are removed at the head
move the others: the last item of the window before is read again with each window, and shows how
far. `Walk` does no input or output; the functions below it drive walks for the console.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from queuecore import windows
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Operation
from queuecore.windows import Extent, Stretch, read_item

#: An item comes whole up to here.
LISTED_BYTES: Final = 65_536
#: The first window is small: it is what somebody waits for.
_FIRST_ITEMS: Final = 250
#: Later ones carry about so much. Reaching the middle of a list takes Redis as long as carrying it.
_WINDOW_BYTES: Final = 4 << 20
_MOST_ITEMS: Final = 4_000
_FEWEST_ITEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """One window to read. `first` is the place of its first item, `end` where what was seen before
    begins; both are unknown (-1) for the newest window."""

    exchange: Exchange[Stretch]
    first: int = -1
    end: int = -1


class Walk:
    """One way through a list.

    Args:
        key: The list.
        floor: What lies before this place is not looked at; the item just before it is `anchor`
            (SHA-1), if the list is still the one it was.
    """

    def __init__(self, key: bytes, *, floor: int = 0, anchor: str | None = None) -> None:
        self._key = key
        self._floor = floor
        self._floor_anchor = anchor
        # The anchor is read as well, to see whether it is still there.
        self._lowest = floor - (anchor is not None)
        self._asked_to: int | None = None
        self._anchor: str | None = None
        self._page = _FIRST_ITEMS
        #: How long the list was at the beginning.
        self.length: int | None = None
        #: SHA-1 of the newest item then.
        self.newest: str | None = None
        #: The list changed so much that items may have been missed or met twice.
        self.is_broken = False

    @property
    def done(self) -> int:
        """How many items were asked for so far."""
        return 0 if self.length is None or self._asked_to is None else self.length - self._asked_to

    def ask(self) -> Ask | None:
        """What to read next; None at the end. The first window must be taken in before the second
        is asked for; later ones may be asked for one ahead."""
        if self.length is None:
            newest = windows.stretch(self._key, -self._page, -1, max_bytes=LISTED_BYTES)
            return Ask(newest)
        end = self._asked_to
        if end is None or end <= self._lowest:
            return None
        first = max(self._lowest, end - self._page)
        self._asked_to = first
        # One more at the end, which was seen before: where it is now says what has moved.
        seen = windows.stretch(self._key, first, end, max_bytes=LISTED_BYTES)
        return Ask(seen, first, end)

    def take(self, ask: Ask, seen: Stretch) -> Iterator[tuple[bytes | list[bytes | int], int]]:
        """What is new in a window, newest first, each with its place. Raises nothing; look at
        `is_broken` at the end."""
        replies = seen.replies
        first, fresh = ask.first, len(replies)
        if ask.first < 0:
            self.length = seen.length
            first = seen.length - len(replies)
            self.newest = read_item(replies[-1]).sha if replies else None
            self._asked_to = max(first, self._lowest)
            self.is_broken = seen.length < self._floor
        else:
            fresh = self._fresh(ask, seen)
        if replies:
            self._anchor = read_item(replies[0]).sha
            self._measure(seen)
        if first <= self._lowest and self._floor_anchor is not None:
            self._check_floor(seen, first)
        begin = max(0, self._floor - first)
        return ((replies[at], first + at) for at in reversed(range(begin, fresh)))

    def _fresh(self, ask: Ask, seen: Stretch) -> int:
        """How many items of a window come before the one that was seen last."""
        expected = ask.end - ask.first
        for at in range(min(expected, len(seen.replies) - 1), -1, -1):
            if read_item(seen.replies[at]).sha == self._anchor:
                return at
        self.is_broken = True
        return min(expected, len(seen.replies))

    def _measure(self, seen: Stretch) -> None:
        size = sum(len(each) if isinstance(each, bytes) else LISTED_BYTES for each in seen.replies)
        each_bytes = max(1, size // len(seen.replies))
        self._page = max(_FEWEST_ITEMS, min(_MOST_ITEMS, _WINDOW_BYTES // each_bytes))

    def _check_floor(self, seen: Stretch, first: int) -> None:
        before = self._floor - 1 - first
        is_there = 0 <= before < len(seen.replies)
        if not is_there or read_item(seen.replies[before]).sha != self._floor_anchor:
            self.is_broken = True


# Walks of the console: in short slices, so that keys are answered, and with pauses, so that others
# can use Redis.

T = TypeVar("T")

#: Work goes on for so long before others get their turn.
SLICE_S: Final = 0.004
#: How long to rest after a window, in terms of what it took.
REST: Final = 0.5
_LOOKS_AT_CLOCK_EVERY: Final = 16
#: How often people are told how far it is.
_TELL_EVERY_S: Final = 0.2

#: Looks at an item as a stretch holds it, and at its place.
Visit = Callable[[bytes | list[bytes | int], int], Any]


class Read(Protocol):
    """Reads from Redis."""

    async def __call__(self, operation: Operation[T]) -> T:
        """Return the result of an operation. Raises StoreError."""


async def walk(
    read: Read,
    way: Walk,
    visit: Visit,
    tell: Callable[[int, int], None] = lambda done, of: None,
    settle: Callable[[], Awaitable[None]] | None = None,
    *,
    clock: Callable[[], float] = time.perf_counter,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Show every item to `visit`, newest first.

    While one window is looked into the next one is fetched, after a rest half as long as the last
    one took, with its way through the network: Redis has time for others. May be cancelled at any
    moment.

    Args:
        tell: Told now and then, and at the end, how many items of how many were seen.
        settle: Awaited after each window, to read what its items make necessary.

    Raises StoreError.
    """

    async def fetch(ask: Ask, rest_s: float) -> tuple[Stretch, float]:
        if rest_s > 0:
            await rest(rest_s)
        began_s = clock()
        seen = await read(ask.exchange)
        return seen, clock() - began_s

    ask = way.ask()
    coming: asyncio.Task[tuple[Stretch, float]] | None = None
    try:
        took_s = tell_at_s = 0.0
        while ask is not None:
            seen, took_s = await (coming or fetch(ask, 0.0))
            fresh = way.take(ask, seen)
            seen_before, ask = way.done, way.ask()
            coming = None if ask is None else asyncio.create_task(fetch(ask, took_s * REST))
            until_s = clock() + SLICE_S
            for count, (reply, place) in enumerate(fresh, 1):
                visit(reply, place)
                if count % _LOOKS_AT_CLOCK_EVERY == 0 and clock() > until_s:
                    await asyncio.sleep(0)
                    until_s = clock() + SLICE_S
            if settle is not None:
                await settle()
            if ask is None or clock() >= tell_at_s:
                tell(seen_before, way.length or 0)
                tell_at_s = clock() + _TELL_EVERY_S
            await asyncio.sleep(0)
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(BaseException):
                await coming


# Following a list: all items once, then only those that are new.

#: A list that keeps changing at its head is walked through again and again: after so long, and
#: after so many times what the last walk took.
_LEAST_REST_S: Final = 1.0
_REST: Final = 4.0


class Follower:
    """Shows the items of a list to somebody, newest first, and later those that are new.

    Args:
        key: The list.
        begin: Called when a walk through the whole list begins; gives who looks at its items, and
            later at the newcomers. When the list has lost items, or the like, there is another.
        finish: Called when such a walk is over.
        clock: Monotonic seconds.
        sleep: Waits for some seconds, and for those who go first.
    """

    def __init__(
        self,
        key: bytes,
        begin: Callable[[], Visit],
        finish: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._key = key
        self._begin = begin
        self._finish = finish
        self._clock = clock
        self._sleep = sleep
        self._visit: Visit | None = None
        self._extent: Extent | None = None
        self._not_before_s = 0.0
        #: Somebody does not want it to go on.
        self.is_stopped = False
        self.is_running = False
        #: A walk through the whole list is under way.
        self.is_walking = False
        #: Items seen of those there were, by the walk under way or the last one.
        self.done, self.of = 0, 0
        #: Why the last look failed.
        self.problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything was seen, at the last look."""
        return self._extent is not None and not self.is_walking

    async def follow(self, read: Read, tell: Callable[[], None] = lambda: None) -> bool:
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

    async def _follow(self, read: Read, tell: Callable[[], None]) -> bool:
        now = await read(windows.extent(self._key))
        before = self._extent
        if now == before:
            return False
        if before is not None and self._visit is not None and now.length > before.length > 0:
            # Until the end of it, the old extent holds: newcomers that were missed come again.
            self._extent = None
            way = Walk(self._key, floor=before.length, anchor=before.last)
            await walk(read, way, self._visit, rest=self._sleep)
            if not way.is_broken:
                self._extent = _extent_of(way)
                return True
        await self._sleep(max(0.0, self._not_before_s - self._clock()))
        await self._walk_all(read, tell)
        return True

    async def _walk_all(self, read: Read, tell: Callable[[], None]) -> None:
        def told(done: int, of: int) -> None:
            self.done, self.of = done, of
            tell()

        began_s = self._clock()
        way = Walk(self._key)
        self._extent, self._visit = None, self._begin()
        self.is_walking, self.done, self.of = True, 0, 0
        await walk(read, way, self._visit, told, rest=self._sleep)
        took_s = self._clock() - began_s
        self._not_before_s = self._clock() + max(_LEAST_REST_S, _REST * took_s)
        self._extent = _extent_of(way)
        if way.is_broken:
            # What was seen is nearly right; soon there will be a better look.
            self._extent = Extent(self._extent.length, None)
        self.is_walking = False
        self._finish()


def _extent_of(way: Walk) -> Extent:
    return Extent(way.length or 0, way.newest)
