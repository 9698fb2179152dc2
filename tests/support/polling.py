"""A poller with a clock of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from qtop.model.health import HealthReport, Strays
from qtop.monitor.poller import Poller, PollResult

DEADLINE_S = 10.0


class Clock:
    """Time that passes only during `sleep`."""

    def __init__(self) -> None:
        self.now_mono = 100.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now_mono

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now_mono += seconds
        await asyncio.sleep(0)


async def run_until(poller: Poller, enough: asyncio.Event) -> None:
    running = asyncio.create_task(poller.run())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await enough.wait()
    finally:
        running.cancel()
        await asyncio.wait((running,))


@dataclass
class Watching:
    """Takes in what a poller finds, as a test wants."""

    on_poll: Callable[[PollResult], Awaitable[None] | None] = lambda look: None
    on_health_report: Callable[[HealthReport], None] = lambda health_report: None
    on_strays: Callable[[Strays | None, str], None] = lambda found, why: None
