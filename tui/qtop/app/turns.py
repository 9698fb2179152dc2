"""Turns on the event loop: long work lets keys through."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar

from queuecore.cooperative import Slices

T = TypeVar("T")

#: A key goes through several tasks' hands before it is painted, and each takes a turn.
_TURNS: Final = 4


async def in_turns(work: Slices[T]) -> T:
    """Do work in slices, with some turns for everybody else between two of them. Cancelled, it is
    left where it paused."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        for _ in range(_TURNS):
            await asyncio.sleep(0)
