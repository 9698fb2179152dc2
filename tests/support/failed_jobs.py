"""Failed jobs in a real Redis, and the console's screen that lists them."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support.console import until_polled, until_screen
from tests.support.console_redis import KEYS, Redis
from tests.support.sample_data import failure_entry
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.failed import FailedScreen
from queuecore.exchange import single


def entry(number: int, **fields: Any) -> bytes:
    """One of three groups, on one of two queues."""
    return failure_entry(1, **(_usual(number) | fields)) if fields else _usual_entry(number)


@cache
def _usual_entry(number: int) -> bytes:
    # Long lists of them are in many tests.
    return failure_entry(1, **_usual(number))


def _usual(number: int) -> dict[str, Any]:
    kind = number % 3
    names = ("Mailers::Welcome", "Images::Resize", "Reports::Weekly")
    return {
        "failed_at": f"2026/11/23 12:{number // 60 % 60:02}:{number % 60:02} UTC",
        "payload": {"class": names[kind], "args": [number]},
        "exception": "Net::ReadTimeout" if kind else "NoMethodError",
        "error": f"user {number} not found",
        "queue": "mail" if kind < 2 else "images",
    }


async def fill(redis: Redis, *entries: bytes, key: bytes = KEYS.failed()) -> None:
    for start in range(0, len(entries), 1_000):
        part = entries[start : start + 1_000]
        await redis.source.run(single(("RPUSH", key, *part), int, writes=True))


async def listed(redis: Redis, key: bytes) -> list[bytes]:
    found: list[bytes] = await redis.source.run(single(("LRANGE", key, 0, -1), list))
    return found


async def open_failed(pilot: Pilot[Any], app: QtopApp, *keys: str) -> FailedScreen:
    await until_polled(pilot)
    await pilot.press("4")
    await until_screen(pilot, FailedScreen)
    screen = app.screen
    assert isinstance(screen, FailedScreen)
    await pilot.press(*keys)
    return screen
