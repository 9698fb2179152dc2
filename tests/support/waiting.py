"""Waiting with a time limit: for processes and servers. `console` waits for screens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 30.0
_EVERY_S = 0.005


def eventually(check: Callable[[], T], what: str, *, patience_s: float = PATIENCE_S) -> T:
    """Call `check` again and again until its result is true, and return it. Fails after a while."""
    deadline_s = time.monotonic() + patience_s
    while True:
        began_s = time.monotonic()
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline_s:
            raise AssertionError(f"it never happened that {what}")
        time.sleep(_rest_s(began_s))


async def eventually_async(check: Callable[[], object], what: str = "it is true") -> None:
    """As `eventually`, while the event loop goes on."""
    began_s = time.monotonic()
    deadline_s = began_s + PATIENCE_S
    while not check():
        assert time.monotonic() < deadline_s, f"it never happened that {what}"
        await asyncio.sleep(_rest_s(began_s))
        began_s = time.monotonic()


def _rest_s(began_s: float) -> float:
    """How long to wait after a check that began then. One that takes long, such as a look at all
    processes, would otherwise take the processor from what it waits for."""
    return max(_EVERY_S, 4 * (time.monotonic() - began_s))
