"""Who goes first: a search that somebody waits for, before those that go on in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class ForegroundPriority:
    """Has walks through lists in the background wait while an action looks through one.

    Side by side they would burden Redis twice, and whoever waits for the action would wait for
    twice as long.
    """

    def __init__(self) -> None:
        self._ahead = 0
        self._is_clear = asyncio.Event()
        self._is_clear.set()

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """Go before the others until the end of this."""
        self._ahead += 1
        self._is_clear.clear()
        try:
            yield
        finally:
            self._ahead -= 1
            if not self._ahead:
                self._is_clear.set()

    async def rest(self, seconds: float) -> None:
        """Wait for some seconds, and until nobody goes first."""
        await asyncio.sleep(seconds)
        await self._is_clear.wait()
