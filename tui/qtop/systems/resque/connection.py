"""What the console asks of Redis, and how: one connection for looking, another for acting, so that
neither waits for the other."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from queuecore.address import Address
from queuecore.exchange import Exchange, Operation
from queuecore.reading import reading_only
from queuecore.times import wall_now
from resque.keys import Keys
from resque.store import health
from resque.store.guard import Guard
from resque.store.health import HealthReport
from resque.store.snapshot import Snapshot, SnapshotReader

T = TypeVar("T")

LOOK_TIMEOUT_S: Final = 2.0
ACTION_TIMEOUT_S: Final = 5.0
FAILURES_READ: Final = 500


class System(Protocol):
    """Where looks come from and actions go."""

    async def look(self, tails: Mapping[str, str]) -> Snapshot:
        """Look at everything; `tails` are those of the look before. Raises StoreError."""

    async def survey(self, queues: Sequence[str] = ()) -> HealthReport:
        """What is wanted to be known now and then, also of these queues. Raises StoreError."""

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation. Raises StoreError and BelongsToSidekiq."""

    async def close(self) -> None:
        """Close the connections."""


class ResqueSystem:
    """A Redis. Making one imports the client, which takes some 100 ms, and connects nothing.

    With `read_only` it sends nothing that could change data, whatever it is asked to: whoever asks
    gets ReadingOnly.
    """

    def __init__(self, address: Address, keys: Keys, *, read_only: bool = False) -> None:
        # Imported here: the first frame must not wait for it.
        from queuecore.stores import AsyncStore

        self._keys = keys
        self._looker = SnapshotReader(keys, failures_limit=FAILURES_READ)
        self._read_only = read_only
        self._guard = Guard(keys, wall_now)
        self._looks = AsyncStore(address, timeout_s=LOOK_TIMEOUT_S, client_name="qtop-looks")
        self._actions = AsyncStore(address, timeout_s=ACTION_TIMEOUT_S, client_name="qtop-actions")

    async def look(self, tails: Mapping[str, str]) -> Snapshot:
        """Two round trips; see `Looker.look`. One at a time."""
        # Imported here: commands do without asyncio.
        from qtop.app.turns import in_turns

        reading = await self._looks.run(self._let_through(self._looker.look(tails)))
        return await in_turns(reading)

    async def survey(self, queues: Sequence[str] = ()) -> HealthReport:
        """Three round trips on the connection of the looks; see `survey.look`."""
        lock = self._keys.master_lock(os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", ""))
        before_s = time.time()
        look = health.look(self._keys, lock, queues, now=wall_now())
        found = await self._looks.run(self._let_through(look))
        if found.taken is None:
            return found
        return replace(found, skew_s=skew_s(found.taken.timestamp(), before_s, time.time()))

    async def run(self, operation: Operation[T]) -> T:
        """As `AsyncStore.run`; raises BelongsToSidekiq before anything is written to what is
        Sidekiq's (see `Guard.watching`). After what may have changed something, the next look reads
        all."""
        try:
            return await self._actions.run(self._guard.watching(self._let_through(operation)))
        finally:
            if not isinstance(operation, Exchange) or operation.writes:
                self._looker.read_all()

    def _let_through(self, operation: Operation[T]) -> Operation[T]:
        return reading_only(operation) if self._read_only else operation

    async def close(self) -> None:
        """Close both connections."""
        await self._looks.close()
        await self._actions.close()


def skew_s(server_s: float, before_s: float, after_s: float) -> float:
    """How far a clock is at least ahead of ours, or behind it, when it was read between two moments
    of ours. 0 when it may be right."""
    return max(0.0, server_s - after_s) + min(0.0, server_s - before_s)
