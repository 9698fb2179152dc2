"""Walking through a list from the console: in slices that no key has to wait for, with rests that
leave Redis to others."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from qtop.search.list_walk import Ask, Walk
from queuecore.exchange import Operation
from queuecore.windows import Stretch

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
