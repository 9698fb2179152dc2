"""Long work in slices: a generator that pauses often, so that its runner can do something else
meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Generator

from queuecore.values import TypeVar

T = TypeVar("T")

#: Work that pauses at each `yield`, a few milliseconds apart, and returns a T.
Slices = Generator[None, None, T]


def at_once(work: Slices[T]) -> T:
    """Do all of it, without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


#: A key goes through several tasks before it is painted, and each takes a turn.
_TURNS = 4


async def in_turns(work: Slices[T]) -> T:
    """Do work in slices, with some turns of the event loop for others between two of them.
    Cancelled, it is left where it paused."""
    # Imported here: a worker does without it.
    import asyncio

    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        for _ in range(_TURNS):
            await asyncio.sleep(0)
