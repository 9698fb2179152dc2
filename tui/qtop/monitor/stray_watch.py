"""Looks for jobs that no index leads to, once a minute, beside the looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from qtop.model.health import Strays
from qtop.monitor.poller import nonsense, until
from qtop.systems.system import SystemRunner
from queuecore.errors import StoreError

#: The first look at a fleet is to be on the screen before.
FIRST_AFTER_S: Final = 2.0
EVERY_S: Final = 60.0


class StrayWatch:
    """Searches again and again, never two at a time.

    Args:
        source: Where to search.
        on_found: Called with what a search found; with None and the reason when it could not be
            made.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        source: SystemRunner,
        on_found: Callable[[Strays | None, str], None],
        *,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._source = source
        self._on_found, self._sleep = on_found, sleep
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Search now, or as soon as the present search is done."""
        self._poked.set()

    async def run(self) -> None:
        """Search until cancelled."""
        pause_s = FIRST_AFTER_S
        while True:
            await until(self._sleep(pause_s), self._poked)
            self._poked.clear()
            await self.search()
            pause_s = EVERY_S

    async def search(self) -> None:
        """Search once. Costs what `System.strays` costs."""
        try:
            found = await self._source.run(self._source.system.strays())
        except StoreError as error:
            self._on_found(None, str(error))
        except Exception as error:
            # Data that were not foreseen must not end a console.
            self._on_found(None, nonsense(error))
        else:
            self._on_found(found, "")
