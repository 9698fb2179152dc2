"""A real Sidekiq and the console: what its signals show on the screen; what it lost is put back by
consoles and commands at once."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.support.console import (
    console,
    screen_text,
    table_of,
    until,
    until_checked,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.real_sidekiq import RealSidekiq, StartSidekiq
from tests.support.real_sidekiq import sidekiq_program as sidekiq_program
from tests.support.real_sidekiq import start_sidekiq as start_sidekiq
from tests.support.soak import TIMEOUT_S, either
from tests.support.waiting import eventually
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.dialogs import ConfirmDialog
from qtop.systems.runner import RedisRunner
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.address import parse_url
from sidekiq.keys import SidekiqKeys

pytestmark = [pytest.mark.ruby, pytest.mark.timeout(TIMEOUT_S)]
KEYS = SidekiqKeys()
ROUNDS = either(3, 20)
CONSOLES, COMMANDS = 2, 2
#: Others may have been faster; none is refused.
_PUT_BACK = re.compile(r"\brescued (\d+)(?:, skipped \d+ \(already gone\))?(?!, |\d)")


@asynccontextmanager
async def opened(redis_url: str) -> AsyncIterator[tuple[QtopApp, Pilot[None]]]:
    """A console on Sidekiq that shows its processes."""
    source = RedisRunner(SidekiqSystem(KEYS), parse_url(redis_url))
    app = console(source, url=redis_url, namespace="")
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await until_checked(pilot)
            await pilot.press("3")
            yield app, pilot
    finally:
        await source.close()


async def confirm(pilot: Pilot[None]) -> None:
    await until_screen(pilot, ConfirmDialog)
    await pilot.press("y")


async def test_the_row_of_a_process_shows_each_step_from_asked_to_quiet_and_its_end(
    redis_url: str, direct: Direct, start_sidekiq: StartSidekiq
) -> None:
    process = start_sidekiq(beats_when_asked=True)
    async with opened(redis_url) as (app, pilot):
        await until_polled(pilot)

        def shows(state: str) -> Callable[[], bool]:
            def is_shown() -> bool:
                app.poll_now()
                row = table_of(app).cursor_row
                return row is not None and table_of(app).row_text(row).startswith(state)

            return is_shown

        await until(pilot, shows("idle"), "its row")
        await pilot.press("p")
        await confirm(pilot)
        await until(pilot, shows("quiet asked"), "the signal waits")
        process.beat()
        await until(pilot, shows("read"), "it has read the signal")
        process.beat()
        await until(pilot, shows("quiet"), "it says that it is quiet")
        await pilot.press("x")
        await confirm(pilot)
        await until(pilot, shows("stop asked"), "the other signal waits")
        process.beat()
        await until(pilot, lambda: shows("")() is False, "it has left")
        await asyncio.to_thread(eventually, lambda: process.wait() == 0, "it ends well")


def crashed(direct: Direct, process: RealSidekiq) -> None:
    """Kill a process, and shorten the life of what it wrote last."""
    process.send(signal.SIGKILL)
    names = (KEYS.process(process.identity), KEYS.old_work(process.identity))
    for key in names:
        direct("PEXPIRE", key, 1)
    eventually(lambda: not direct("EXISTS", *names), "it expires")


class Operators:
    """Some who rescue the same jobs at once: each is ready, then all do it."""

    def __init__(self, redis_url: str, direct: Direct) -> None:
        self._url, self._direct = redis_url, direct
        self._start = asyncio.Barrier(CONSOLES + 1)

    async def at_console(self, app: QtopApp, pilot: Pilot[None]) -> int:
        """Ask, wait for the others, confirm. Returns how many jobs this console put back."""
        app.say("")
        await pilot.press("D")
        await until_screen(pilot, ConfirmDialog)
        await until_shown(pilot, "2. Hold of default")
        await self._start.wait()
        # Now the commands begin; they come to the server some time later.
        await self._start.wait()
        await pilot.press("y")
        await until(pilot, lambda: _PUT_BACK.search(screen_text(app)) is not None, "the result")
        found = _PUT_BACK.search(screen_text(app))
        assert found is not None
        return int(found[1])

    async def by_commands(self) -> int:
        """Begin some commands when the consoles are ready, and let these go on when the first of
        those has come to the server. Returns how many jobs the commands put back."""
        await self._start.wait()
        connected = self._connections()
        words = ("-m", "qtop", "rescue", "--yes", "--json")
        running = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, *words),
                env={**os.environ, "REDIS_URL": self._url},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            for _ in range(COMMANDS)
        ]
        while self._connections() == connected and any(each.returncode is None for each in running):
            await asyncio.sleep(0.01)
        await self._start.wait()
        done = 0
        for each in running:
            out, _ = await each.communicate()
            told = [json.loads(line) for line in out.splitlines()]
            # One that comes when all is put back has nothing to say, and status 1.
            done += sum(line["done"] for line in told)
            assert each.returncode == (0 if sum(line["done"] for line in told) else 1)
        return done

    def _connections(self) -> int:
        return len(self._direct("CLIENT", "LIST").splitlines())


async def test_what_it_lost_is_put_back_once_by_consoles_and_commands_at_once(
    redis_url: str, direct: Direct, start_sidekiq: StartSidekiq
) -> None:
    process = start_sidekiq()
    jids = [process.push("Hold", number) for number in range(2)]
    work = KEYS.old_work(process.identity)
    eventually(lambda: direct("HLEN", work) == 2, "it says what it runs")
    remembering = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "qtop", "watch", "--once"),
        env={**os.environ, "REDIS_URL": redis_url},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await remembering.wait() == 0
    ready, operators = asyncio.Barrier(CONSOLES + 1), Operators(redis_url, direct)
    over = asyncio.Barrier(CONSOLES + 1)

    async def operate() -> list[int]:
        """A console that watches the process die, and rescues its jobs in each round."""
        done: list[int] = []
        async with opened(redis_url) as (app, pilot):
            await ready.wait()
            for _ in range(ROUNDS):
                await ready.wait()
                done.append(await operators.at_console(app, pilot))
                await over.wait()
        return done

    async with asyncio.TaskGroup() as tasks:
        consoles = [tasks.create_task(operate()) for _ in range(CONSOLES)]
        await ready.wait()
        crashed(direct, process)
        by_commands: list[int] = []
        for _ in range(ROUNDS):
            await ready.wait()
            by_commands.append(await operators.by_commands())
            await over.wait()
            back = [json.loads(raw)["jid"] for raw in direct("LRANGE", "queue:default", 0, -1)]
            assert Counter(back) == Counter(jids)
            direct("DEL", "queue:default", KEYS.rescued())
    by_all = zip(by_commands, *(each.result() for each in consoles), strict=True)
    assert [sum(each) for each in by_all] == [2] * ROUNDS
