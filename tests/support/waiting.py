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
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline_s:
            raise AssertionError(f"it never happened that {what}")
        time.sleep(_EVERY_S)


async def eventually_async(check: Callable[[], object], what: str = "it is true") -> None:
    """As `eventually`, while the event loop goes on."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < deadline_s, f"it never happened that {what}"
        await asyncio.sleep(_EVERY_S)
