"""Runs the work of a system on a Redis: one connection for watching, another for acting."""

from __future__ import annotations

from typing import Final, TypeVar

from qtop.systems.system import System, Work
from queuecore.address import Address
from queuecore.exchange import Exchange
from queuecore.reading import reading_only

T = TypeVar("T")

WATCH_TIMEOUT_S: Final = 2.0
ACTION_TIMEOUT_S: Final = 5.0


class RedisRunner:
    """Runs the work of one system. Making a runner imports the client, which takes some 100 ms, and
    connects nothing.

    With `read_only` it sends nothing that could change data: who asks for that gets ReadingOnly.
    """

    def __init__(self, system: System, address: Address, *, read_only: bool = False) -> None:
        # Imported here: the first frame must not wait for it.
        from queuecore.stores import AsyncStore

        self.system = system
        self._read_only = read_only
        self._watching = AsyncStore(address, timeout_s=WATCH_TIMEOUT_S, client_name="qtop-looks")
        self._acting = AsyncStore(address, timeout_s=ACTION_TIMEOUT_S, client_name="qtop-actions")

    async def watch(self, work: Work[T]) -> T:
        """As `SystemRunner.watch`."""
        return await self._watching.run(self._let_through(work))

    async def run(self, work: Work[T]) -> T:
        """As `SystemRunner.run`. After work that may have changed something, the next snapshot
        reads everything."""
        try:
            return await self._acting.run(self.system.guarded(self._let_through(work)))
        finally:
            if not isinstance(work, Exchange) or work.writes:
                self.system.note_change()

    def _let_through(self, work: Work[T]) -> Work[T]:
        return reading_only(work) if self._read_only else work

    async def close(self) -> None:
        """Close both connections."""
        await self._watching.close()
        await self._acting.close()
