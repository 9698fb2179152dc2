"""Waiting jobs in a real Redis, and the console's screen that lists them."""

from tests.support.console import table_of, until, until_mode, until_polled, until_shown
from tests.support.console_redis import KEYS, Redis
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.jobs import JobsScreen
from queuecore.exchange import Arg, single
from resque.codec import encode_job
from resque.store import queues


async def command(redis: Redis, *parts: Arg) -> object:
    return await redis.source.run(single(parts, lambda reply: reply, writes=True))


async def waiting(redis: Redis, queue: str) -> list[bytes]:
    found = await command(redis, "LRANGE", KEYS.queue(queue), 0, -1)
    assert isinstance(found, list)
    return found


async def push(redis: Redis, queue: str, *payloads: bytes) -> None:
    await redis.source.run(queues.push(KEYS, queue, payloads))


async def drain(redis: Redis, queue: str, number: int) -> None:
    """Take jobs as workers do, from the front."""
    await command(redis, "LPOP", KEYS.queue(queue), number)


def job(number: int, name: str = "Job") -> bytes:
    return encode_job(name, ["mail", number])


async def opened(app: QtopApp, pilot: Pilot[None], text: str) -> JobsScreen:
    """The jobs of the first queue."""
    await until_polled(pilot)
    await pilot.press("2")
    await until_mode(pilot, "queues")
    await until(pilot, lambda: table_of(app).row_count > 0, "a queue")
    await pilot.press("enter")
    await until_shown(pilot, text)
    assert isinstance(app.screen, JobsScreen)
    return app.screen
