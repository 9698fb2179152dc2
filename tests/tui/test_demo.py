"""What `qtop demo` shows: both systems, and a crashed process whose jobs can be rescued."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.support import private_server
from tests.support.both_places import until_all_polled
from tests.support.console import (
    console_of,
    screen_text,
    table_of,
    until,
    until_checked,
    until_mode,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.local_workers import of_folder
from tests.support.pty_console import open_terminal
from tests.support.sample_shop import KEYS, SampleShop, process_of
from tests.support.waiting import eventually

from qtop.app.app import QtopApp
from qtop.config.places import PlaceOptions
from qtop.demo import NAMESPACE, demo_places
from qtop.demo.feed import fill
from qtop.monitor.state import ALL
from qtop.screens.dialogs import ConfirmDialog
from queuecore.stores import Store
from resque import Resque

pytestmark = pytest.mark.redis
folder = private_server.folder
DEMO = "from qtop.commands.cli import main; main(['demo'])"
Shop = tuple[SampleShop, Direct]


@pytest.fixture
def places(redis_url: str) -> tuple[PlaceOptions, ...]:
    """The demo's, on the empty server; Resque has its first jobs."""
    url = redis_url.partition("?")[0]
    fill(Resque(url, namespace=NAMESPACE))
    return demo_places(url)


@pytest.fixture
def shop(places: tuple[PlaceOptions, ...], direct: Direct) -> Iterator[Shop]:
    """Sidekiq's side, which has lived until one of its processes was killed; and a connection to
    its database."""
    direct("SELECT", places[1].address.db)
    with Store(places[1].url) as store:
        begun = SampleShop(store, direct, ago_s=25)
        begun.live(25)
        yield begun, direct


@pytest.fixture
def app(places: tuple[PlaceOptions, ...], tmp_path: Path) -> QtopApp:
    return console_of(places, folder=tmp_path)


async def test_it_opens_on_the_jobs_of_both_systems(app: QtopApp, shop: Shop) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        assert app.places.shown == ALL
        await pilot.press("2")
        await until_mode(pilot, "queues")
        await until_shown(pilot, "mailers")
        table = table_of(app)
        queues = {
            (row.system, row.name) for row in map(table.rows.__getitem__, range(table.row_count))
        }
    assert queues >= {("resque", "legacy"), ("sidekiq", "archive"), ("sidekiq", "low")}


async def test_each_job_of_the_process_of_is_put_back_once(app: QtopApp, shop: Shop) -> None:
    _, direct = shop
    killed = process_of(direct, 4101)
    lost = [json.loads(raw) for raw in direct("HVALS", KEYS.work(killed))]
    assert lost
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await until_checked(pilot)
        direct("DEL", KEYS.process(killed), KEYS.work(killed))
        await pilot.press("3")
        await until_shown(pilot, killed.partition(":")[0])
        await pilot.press("D")
        await until_screen(pilot, ConfirmDialog)
        classes = [json.loads(each["payload"])["class"] for each in lost]
        await until(
            pilot, lambda: all(each in screen_text(app) for each in classes), "each lost job"
        )
        await pilot.press("y")

        def waiting() -> list[str]:
            keys = {each["queue"] for each in lost}
            found = [raw for key in keys for raw in direct("LRANGE", KEYS.queue(key), 0, -1)]
            return [each["payload"] for each in lost if found.count(each["payload"].encode()) == 1]

        await until(pilot, lambda: len(waiting()) == len(lost), "each lost job")


def test_the_command_shows_both_systems_and_ends_all_that_it_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent))
    with open_terminal(DEMO) as terminal:
        terminal.read_until(b"archive")
        terminal.read_until(b"started 2 here")
        started = psutil.Process(terminal.process.pid).children(recursive=True)
        terminal.press(b"q")
        terminal.read_until(b"Finish and stop")
        terminal.press(b"\t\r")
        assert terminal.wait() == 0
    # At least a feeder of each system.
    assert len(started) >= 2
    eventually(lambda: not any(each.is_running() for each in started), "its children have ended")
    eventually(lambda: not of_folder(folder.parent), "its workers have ended")
