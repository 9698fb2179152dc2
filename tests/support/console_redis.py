"""A real Redis behind the console under test."""

from dataclasses import dataclass
from typing import Any

from tests.support import list_actions
from tests.support.console import console
from tests.support.sample_data import failure

from qtop.app.app import QtopApp
from qtop.systems.runner import RedisRunner
from queuecore.exchange import single
from resque.codec import encode_job
from resque.keys import Keys
from resque.store import queues

KEYS = Keys("resque")


@dataclass
class Redis:
    """The server behind the console."""

    url: str
    source: RedisRunner

    async def push(self, queue: str, number: int) -> None:
        jobs = [encode_job("Job", [queue, index]) for index in range(number)]
        await self.source.run(queues.push(KEYS, queue, jobs))

    async def fail(self, number: int, **fields: Any) -> None:
        entries = [failure(n, **fields).item.raw for n in range(number, 0, -1)]
        await self.source.run(single(("RPUSH", KEYS.failed(), *entries), int, writes=True))

    async def size(self, queue: str) -> int:
        return await self.source.run(queues.size(KEYS, queue))

    async def failed(self) -> int:
        return await self.source.run(list_actions.count_of_failures(KEYS))


def on(redis: Redis, **more: object) -> QtopApp:
    return console(url=redis.url, **more)  # type: ignore[arg-type]
