"""What the console's keys do to a real Redis, and to real processes."""

import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.tui.console import console, screen_text, table_of, until, until_shown
from tests.tui.looks import failure
from textual.widgets import Input

from qtop.app import QtopApp
from qtop.source import RedisSource
from resque.state import failures, queues, switches
from resque.wire.address import parse_url
from resque.wire.codec import encode_job
from resque.wire.exchange import single
from resque.wire.keys import Keys

pytestmark = pytest.mark.redis

KEYS = Keys("resque")
STAND_IN = Path(__file__).with_name("stand_in_worker.py")


@dataclass
class Redis:
    """The server behind the console."""

    url: str
    source: RedisSource

    async def push(self, queue: str, number: int) -> None:
        jobs = [encode_job("Job", [queue, index]) for index in range(number)]
        await self.source.run(queues.push(KEYS, queue, jobs))

    async def fail(self, number: int) -> None:
        entries = [failure(n).item.raw for n in range(number, 0, -1)]
        await self.source.run(single(("RPUSH", KEYS.failed(), *entries), int, writes=True))

    async def size(self, queue: str) -> int:
        return await self.source.run(queues.size(KEYS, queue))

    async def failed(self) -> int:
        return await self.source.run(failures.count(KEYS))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    source = RedisSource(parse_url(redis_url), KEYS)
    yield Redis(redis_url, source)
    await source.close()


def on(redis: Redis, **more: object) -> QtopApp:
    return console(url=redis.url, **more)  # type: ignore[arg-type]


async def test_one_failure_is_requeued_at_once(redis: Redis) -> None:
    await redis.fail(3)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: app.stage.look.snapshot is not None, "a look")
        await pilot.press("4", "r")
        await until_shown(pilot, "requeued 1, gone meanwhile 0, refused 0")
        await until(pilot, lambda: table_of(app).row_count == 2, "the next look")
    assert (await redis.size("mail"), await redis.failed()) == (1, 2)


async def test_several_failures_are_requeued_after_a_question(redis: Redis) -> None:
    await redis.fail(5)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: app.stage.look.snapshot is not None, "a look")
        await pilot.press("4", "space", "space", "space", "r")
        await until_shown(pilot, "Requeue 3 failed jobs?")
        await pilot.press("enter")
        await until_shown(pilot, "nothing was changed")
        assert await redis.failed() == 5
        await pilot.press("r", "y")
        await until_shown(pilot, "requeued 3, gone meanwhile 0, refused 0")
        assert table_of(app).marked == frozenset()
    assert (await redis.size("mail"), await redis.failed()) == (3, 2)


async def test_a_question_acts_on_what_was_marked_when_it_was_asked(redis: Redis) -> None:
    await redis.fail(2)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: app.stage.look.snapshot is not None, "a look")
        await pilot.press("4", "a", "r")
        await until_shown(pilot, "Requeue 2 failed jobs?")
        await redis.fail(1)
        app.look_now()
        await until_shown(pilot, "4 Failed 3")
        await pilot.press("y")
        await until_shown(pilot, "requeued 2")
    assert await redis.failed() == 1


async def test_a_failure_is_requeued_from_its_page(redis: Redis) -> None:
    await redis.fail(1)
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.stage.look.snapshot is not None, "a look")
        await pilot.press("4", "enter", "r")
        await until_shown(pilot, "requeued 1")
    assert await redis.size("mail") == 1


async def test_clearing_a_queue_needs_its_name(redis: Redis) -> None:
    await redis.push("mail", 4)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "mail")
        await pilot.press("c")
        await until_shown(pilot, "Deletes the 4 jobs that wait in mail now.")
        await until(pilot, lambda: isinstance(app.focused, Input), "the field")
        await pilot.press(*"mai", "enter")
        assert "Clear queue mail?" in screen_text(app)
        await pilot.press("l", "enter")
        await until_shown(pilot, "deleted 4 jobs from mail")
    assert await redis.size("mail") == 0


async def test_keys_typed_ahead_of_a_question_do_nothing_else(redis: Redis) -> None:
    await redis.push("ppp", 4)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "ppp")
        await pilot.press("c", "p", "p", "p")
        await until_shown(pilot, "Clear queue ppp?")
        await pilot.press("escape")
        await until_shown(pilot, "nothing was changed")
    assert not await redis.source.run(switches.resume(KEYS, ["ppp"]))


async def test_clearing_the_failures_needs_the_word(redis: Redis) -> None:
    await redis.fail(3)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: app.stage.look.snapshot is not None, "a look")
        await pilot.press("4", "c")
        await until(pilot, lambda: isinstance(app.focused, Input), "the field")
        await pilot.press(*"failed", "enter")
        await until_shown(pilot, "deleted 3 jobs from the failures")
    assert await redis.failed() == 0


async def test_a_queue_is_paused_and_resumed_with_the_same_key(redis: Redis) -> None:
    await redis.push("mail", 1)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "mail")
        await pilot.press("p")
        await until_shown(pilot, "paused mail")
        await until_shown(pilot, "paused, ")
        await pilot.press("p")
        await until_shown(pilot, "resumed mail")
    assert not await redis.source.run(switches.resume(KEYS, ["mail"]))


async def test_everything_is_paused_after_a_question_and_the_screen_says_so(redis: Redis) -> None:
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "No queues yet")
        await pilot.press("P", "y")
        await until_shown(pilot, " PAUSED ")
        await pilot.press("P")
        await until_shown(pilot, "Resume everything?")
        await pilot.press("y")
        await until_shown(pilot, "resumed everything")


async def test_waiting_jobs_are_paged_two_hundred_at_a_time(redis: Redis) -> None:
    await redis.push("mail", 450)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "mail")
        await pilot.press("enter")
        await until_shown(pilot, "jobs 1 to 200 of 450 waiting")
        await pilot.press("G", "pagedown")
        await until_shown(pilot, "jobs 201 to 400 of 450 waiting")
        await until(pilot, lambda: table_of(app).cursor_index == 0, "the first of them")
        await pilot.press("G", "pagedown")
        await until_shown(pilot, "jobs 401 to 450 of 450 waiting")
        await pilot.press("G", "pagedown")
        await pilot.pause()
        assert "jobs 401 to 450" in screen_text(app)
        await pilot.press("g", "pageup")
        await until_shown(pilot, "jobs 201 to 400 of 450 waiting")
        await until(pilot, lambda: table_of(app).cursor_index == 199, "the last of them")
        await pilot.press("enter")
        await until_shown(pilot, '{"class":"Job","args":["mail",399]}')
        await pilot.press("escape", "escape")
        await until_shown(pilot, "queue")


async def test_a_window_follows_a_queue_that_drains(redis: Redis) -> None:
    await redis.push("mail", 250)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "mail")
        await pilot.press("enter")
        await until_shown(pilot, "jobs 1 to 200 of 250")
        await pilot.press("G", "pagedown")
        await until_shown(pilot, "jobs 201 to 250 of 250")
        pop = single(("LPOP", KEYS.queue("mail"), 240), lambda reply: len(reply), writes=True)
        await redis.source.run(pop)
        app.look_now()
        await until_shown(pilot, "jobs 1 to 10 of 10 waiting")


async def test_large_jobs_and_failures_are_fetched_whole_when_opened(redis: Redis) -> None:
    large = encode_job("Large", ["x" * 70_000, "the end"])
    await redis.source.run(queues.push(KEYS, "mail", [large]))
    entry = failure(1, error="y" * 70_000 + "\nthe last line").item.raw
    await redis.source.run(single(("RPUSH", KEYS.failed(), entry), int, writes=True))
    app = on(redis)
    async with app.run_test(size=(100, 60)) as pilot:
        await until_shown(pilot, "mail")
        await pilot.press("enter")
        await until_shown(pilot, "(large)")
        await pilot.press("enter")
        await until_shown(pilot, '"the end"')
        await pilot.press("4", "enter")
        await until_shown(pilot, "Net::ReadTimeout")


async def test_workers_are_started_marked_and_stopped_here(redis: Redis, tmp_path: Path) -> None:
    finish = tmp_path / "finish"
    app = on(
        redis,
        folder=tmp_path / "log",
        command=lambda wanted: [sys.executable, str(STAND_IN), str(finish), wanted],
    )
    await redis.push("mail", 1)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "mail")
        await pilot.press("s")
        await until_shown(pilot, "Start workers on this machine?")
        await until(pilot, lambda: isinstance(app.focused, Input), "the field")
        await pilot.press("tab", "backspace", "2", "enter")
        await until_shown(pilot, "started 2 here")
        assert [w.queues for w in app.local.alive] == ["mail", "mail"]
        await until(
            pilot, lambda: all("ready" in w.log.read_text() for w in app.local.alive), "two workers"
        )
        await pilot.press("q")
        await until_shown(pilot, "Leave, with 2 workers started here?")
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("q")
        await until_shown(pilot, "Finish and stop")
        await pilot.press("enter")
        await until_shown(pilot, "Waiting for workers to finish their jobs")
        assert {w.state for w in app.local.alive} == {"finishing"}
        finish.touch()
        await until(pilot, lambda: not app.is_running, "the end")
    assert {w.ending for w in app.local.all} == {"exited with 0"}


async def test_x_stops_a_worker_that_was_started_here(redis: Redis, tmp_path: Path) -> None:
    app = on(
        redis,
        folder=tmp_path / "log",
        workers=("mail",),
        command=lambda wanted: [sys.executable, str(STAND_IN), str(tmp_path / "f"), wanted],
    )
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "started 1 here")
        (worker,) = app.local.alive
        await until(pilot, lambda: "ready" in worker.log.read_text(), "the worker")
        worker_id = f"{socket.gethostname()}:{worker.pid}:mail"
        await redis.source.run(single(("SADD", KEYS.workers(), worker_id), int, writes=True))
        await pilot.press("3")
        app.look_now()
        await until_shown(pilot, f"● {socket.gethostname()}:{worker.pid}")
        await pilot.press("x")
        await until_shown(pilot, "finishes its job and ends; x again stops it now")
        await pilot.press("x")
        await until_shown(pilot, "stops now")
        await until(pilot, lambda: not app.local.alive, "its end")
    (ended,) = app.local.all
    assert ended.ending == "ended by SIGTERM"
