"""`l` on the workers' screen and on one worker: the log of workers that were started here, and the
place of the log for others."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests import words
from tests.support.console import console, until, until_screen, until_shown
from tests.support.local_screen import running, start
from tests.support.sample_data import FakeSystem, snapshot, worker

from qtop.app.app import QtopApp
from qtop.local.processes import ancestors
from qtop.screens.local import LogScreen
from qtop.screens.workers import WorkerScreen, WorkersScreen

HOST = socket.gethostname()


def registered(app: QtopApp, *workers: Any) -> None:
    """Let the next poll find these workers."""
    source = app.places.first.source
    assert isinstance(source, FakeSystem)
    source.snapshots = [snapshot(workers=workers)]
    app.poll_now()


async def test_l_opens_the_log_of_a_worker_that_was_started_here(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        registered(app, worker(f"{HOST}:{app.local.all[0].pid}:mail"))
        await pilot.press("3")
        await until_shown(pilot, f"● {HOST}")
        await pilot.press("l")
        await until_screen(pilot, LogScreen)
        await until_shown(pilot, "ready")
        await pilot.press("escape")
        assert isinstance(app.screen, WorkersScreen)
        await pilot.press("enter", "l")
        await until_screen(pilot, LogScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, WorkerScreen)


async def test_the_log_of_a_worker_that_has_ended_since_is_still_its_own(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        registered(app, worker(f"{HOST}:{app.local.all[0].pid}:mail"))
        await pilot.press("3")
        await until_shown(pilot, f"● {HOST}")
        await pilot.press("enter")
        await until_shown(pilot, "heartbeat")
        app.local.stop_all(now=True)
        await until(pilot, lambda: not app.local.alive, "its end")
        registered(app)
        await until_shown(pilot, words.NO_LONGER_REGISTERED)
        await pilot.press("l")
        await until_screen(pilot, LogScreen)


@pytest.mark.parametrize(
    ("worker_id", "reason"),
    [
        ("web1:4242:mail", "its log is where it was started: host web1"),
        ("[/x]\x1b:4242:mail", "its log is where it was started: host [/x]␛"),
        (f"{HOST}:1:mail", "its log is where it was started: on this machine, but not from here"),
        ("not an id", "its log is where it was started: its id names no host"),
    ],
)
async def test_for_other_workers_it_says_where_their_log_is(worker_id: str, reason: str) -> None:
    app = console(FakeSystem(snapshot(workers=[worker(worker_id)])))
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "idle")
        await pilot.press("l")
        await until_shown(pilot, reason)
        await pilot.press("enter")
        await until_screen(pilot, WorkerScreen)
        app.say("")
        await pilot.press("l")
        await until_shown(pilot, reason)


def test_a_process_is_found_by_its_ancestors() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert ancestors(process.pid)[:2] == [process.pid, os.getpid()]
        process.communicate(b"\n")
    assert ancestors(process.pid) == [process.pid]
