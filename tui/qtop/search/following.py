"""Looking at all items of a list once, then at those that come: no whole walk for a newcomer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from qtop.search.list_walk import Walk
from qtop.search.walker import Read, Visit, walk
from queuecore import windows
from queuecore.windows import Extent
from resque.errors import StoreError

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
