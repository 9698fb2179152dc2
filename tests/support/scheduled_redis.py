"""A Redis with delayed jobs and schedules, and the console's scheduled screen on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeVar

from tests.support.console import console, until_polled, until_shown
from tests.support.sample_data import FakeSystem, snapshot
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.model.fleet import Snapshot
from qtop.screens.scheduled import ScheduledScreen
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from qtop.systems.system import Work
from queuecore.address import parse_url
from queuecore.cooperative import Slices
from queuecore.exchange import Arg, Steps, single
from resque.errors import Unreachable
from resque.keys import Keys
from resque.store import delayed, delayed_windows, queues
from resque.store.delayed_windows import Position

T = TypeVar("T")

KEYS = Keys("resque")
#: Far enough in the future that it never comes due during a test.
LATER = 4_000_000_000


@dataclass
class Scheduled:
    """The server behind the console."""

    url: str
    source: RedisRunner

    async def __call__(self, *command: Arg) -> object:
        return await self.source.run(single(command, lambda reply: reply, writes=True))

    async def park(self, at: int, *args: object, name: str = "Job", queue: str = "q") -> None:
        await self.source.run(delayed.schedule(KEYS, at, queue, name, list(args)))

    async def schedule(self, name: str, config: object) -> None:
        text = config if isinstance(config, bytes) else json.dumps(config).encode()
        await self("HSET", KEYS.persistent_schedules(), name, text)

    async def parked(self) -> list[tuple[str, bytes]]:
        page = await self.source.run(delayed_windows.page(KEYS, Position(), 1000))
        return [(p.moment.stamp, p.job.item.raw) for p in page.jobs if p.job is not None]

    async def waiting(self, queue: str = "q") -> int:
        return await self.source.run(queues.size(KEYS, queue))


def on(redis: Scheduled, **more: object) -> QtopApp:
    return console(url=redis.url, **more)  # type: ignore[arg-type]


def page(app: QtopApp) -> ScheduledScreen:
    assert isinstance(app.screen, ScheduledScreen)
    return app.screen


async def to_scheduled(pilot: Pilot[None], text: str) -> QtopApp:
    app = pilot.app
    assert isinstance(app, QtopApp)
    await until_polled(pilot)
    await pilot.press("5")
    await until_shown(pilot, text)
    return app


class StillSource(RedisRunner):
    """A Redis whose clock does not move in its snapshots; it may stop answering."""

    is_silent = False

    async def watch(self, work: Work[T]) -> T:
        if self.is_silent:
            raise Unreachable("queues.example.com:6379 does not answer")
        return await super().watch(work)


class StillSystem(ResqueSystem):
    """Resque whose snapshots are all the same."""

    def snapshot(self) -> Steps[Slices[Snapshot]]:
        return FakeSystem(snapshot()).snapshot()


def still_source(url: str) -> StillSource:
    return StillSource(StillSystem(KEYS), parse_url(url))
