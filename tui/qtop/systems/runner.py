"""Runs the work of a system on a Redis: one connection for watching, another for acting."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from qtop.systems.system import System, Work
from queuecore.address import Address
from queuecore.exchange import Exchange
from queuecore.reading import reading_only

if TYPE_CHECKING:
    from queuecore.stores import AsyncStore

T = TypeVar("T")

WATCH_TIMEOUT_S: Final = 2.0
ACTION_TIMEOUT_S: Final = 5.0


class RedisRunner:
    """Runs the work of one system: see `SystemRunner`. With `read_only` it sends nothing that
    could change data: such work raises ReadingOnly."""

    def __init__(self, system: System, address: Address, *, read_only: bool = False) -> None:
        self.system = system
        self._address, self._read_only = address, read_only

    def open(self) -> None:
        """As `SystemRunner.open`. Imports the client, which takes some 100 ms; connects nothing."""
        _ = self._stores

    @cached_property
    def _stores(self) -> tuple[AsyncStore, AsyncStore]:
        # Imported here: the first frame must not wait for it.
        from queuecore.stores import AsyncStore

        return (
            AsyncStore(self._address, timeout_s=WATCH_TIMEOUT_S, client_name="qtop-looks"),
            AsyncStore(self._address, timeout_s=ACTION_TIMEOUT_S, client_name="qtop-actions"),
        )

    async def watch(self, work: Work[T]) -> T:
        return await self._stores[0].run(self._let_through(work))

    async def run(self, work: Work[T]) -> T:
        """As `SystemRunner.run`. After work that may have changed something, the next snapshot
        reads everything."""
        try:
            return await self._stores[1].run(self.system.guarded(self._let_through(work)))
        finally:
            if not isinstance(work, Exchange) or work.writes:
                self.system.note_change()

    def _let_through(self, work: Work[T]) -> Work[T]:
        return reading_only(work) if self._read_only else work

    async def close(self) -> None:
        if "_stores" in self.__dict__:
            for store in self._stores:
                await store.close()
