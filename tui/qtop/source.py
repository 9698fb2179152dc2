"""What the console asks of Redis, and how: one connection for looking, another for acting, so that
neither waits for the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, TypeVar

from resque.state import snapshot
from resque.state.snapshot import Snapshot
from resque.wire.address import Address
from resque.wire.exchange import Operation
from resque.wire.keys import Keys

T = TypeVar("T")

LOOK_TIMEOUT_S: Final = 2.0
ACTION_TIMEOUT_S: Final = 5.0
FAILURES_READ: Final = 500


class Source(Protocol):
    """Where looks come from and actions go."""

    async def look(self, tails: Mapping[str, str]) -> Snapshot:
        """Look at everything; `tails` are those of the look before. Raises StoreError."""

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation. Raises StoreError."""

    async def close(self) -> None:
        """Close the connections."""


class RedisSource:
    """A Redis. Making one imports the client, which takes some 100 ms, and connects nothing."""

    def __init__(self, address: Address, keys: Keys) -> None:
        # Imported here: the first frame must not wait for it.
        from resque.wire.stores import AsyncStore

        self._keys = keys
        self._looks = AsyncStore(address, timeout_s=LOOK_TIMEOUT_S, client_name="qtop-looks")
        self._actions = AsyncStore(address, timeout_s=ACTION_TIMEOUT_S, client_name="qtop-actions")

    async def look(self, tails: Mapping[str, str]) -> Snapshot:
        """Two round trips; see `snapshot.take`."""
        return await self._looks.run(
            snapshot.take(self._keys, tails=tails, failures_limit=FAILURES_READ)
        )

    async def run(self, operation: Operation[T]) -> T:
        """As `AsyncStore.run`."""
        return await self._actions.run(operation)

    async def close(self) -> None:
        """Close both connections."""
        await self._looks.close()
        await self._actions.close()
