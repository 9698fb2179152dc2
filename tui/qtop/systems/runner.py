"""Chooses the queue system that an address leads to, and runs its work on a Redis: one connection
for watching, another for acting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from queuecore.exchange import Exchange

if TYPE_CHECKING:
    from qtop.systems.system import System, Work
    from queuecore.address import Address
    from queuecore.stores import AsyncStore

T = TypeVar("T")

WATCH_TIMEOUT_S: Final = 2.0
ACTION_TIMEOUT_S: Final = 5.0


def open_system(
    address: Address | None,
    namespace: str,
    *,
    url: str = "",
    failures_read: int = 500,
    warn: Callable[[str], None] = lambda text: None,
    system: str = "resque",
) -> System:
    """The queue system in a namespace, which remembers nothing yet. No round trip. Without an
    `address` it does what needs no server.

    Args:
        url: The address with its password, for workers that are started here.
        failures_read: How many of the newest failures are part of a snapshot.
        warn: Gets a sentence where another system perhaps lives there, too, before a change.
        system: Which one: a key of `SYSTEMS`.
    """
    around = {"url": url, "failures_read": failures_read, "warn": warn}
    return SYSTEMS[system](namespace, address, around)


# What a system needs is imported when it is opened: many commands do without it.


def _resque(namespace: str, address: Address | None, around: dict[str, Any]) -> System:
    from qtop.systems.resque.system import ResqueSystem
    from resque.keys import Keys

    return ResqueSystem(Keys(namespace), address, **around)


def _sidekiq(namespace: str, address: Address | None, around: dict[str, Any]) -> System:
    from qtop.systems.sidekiq.system import SidekiqSystem
    from sidekiq.keys import SidekiqKeys

    keys, failures_read = SidekiqKeys(namespace), around["failures_read"]
    return SidekiqSystem(keys, address, failures_read=failures_read)


#: What opens each system, by its name.
SYSTEMS: Final[Mapping[str, Callable[[str, Address | None, dict[str, Any]], System]]] = {
    "resque": _resque,
    "sidekiq": _sidekiq,
}


class RedisRunner:
    """Runs the work of one system: see `PartRunner`. With `read_only` it sends nothing that
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

    async def send(self, exchange: Exchange[T]) -> T:
        """As `PartRunner.send`. After what may have changed something, the next snapshot reads
        everything."""
        try:
            return await self._stores[1].run(self._let_through(exchange))
        finally:
            if exchange.writes:
                self.system.note_change()

    def _let_through(self, work: Work[T]) -> Work[T]:
        if not self._read_only:
            return work
        # Imported here: commands load this file, and need it no earlier.
        from queuecore.reading import reading_only

        return reading_only(work)

    async def close(self) -> None:
        if "_stores" in self.__dict__:
            for store in self._stores:
                await store.close()
