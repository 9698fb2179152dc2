"""The console reports where Sidekiq is, and its keys change nothing there."""

from __future__ import annotations

from typing import Any

import pytest
from tests import words
from tests.support.console import console, screen_text, table_of, until, until_checked, until_shown
from tests.support.direct import Direct
from tests.support.sidekiq_databases import FLEETS, database
from textual.pilot import Pilot

from qtop.app.app import QtopApp


@pytest.fixture
async def app(redis_url: str) -> QtopApp:
    return console(url=redis_url)


async def reported(app: QtopApp, pilot: Pilot[Any]) -> None:
    """Let the console poll, make a health report, and poll again, which shows the report."""
    await until_checked(pilot)
    before = app.state.poll
    app.poll_now()
    await until(pilot, lambda: app.state.poll is not before, "the next look")


@pytest.mark.parametrize(
    ("fleet", "text"),
    [
        ("bare", ""),
        ("namespaced", ""),
        ("under resque", "Sidekiq lives under 'resque'"),
        ("mixed", "Sidekiq and Resque share 'resque'"),
        ("resque", ""),
        ("empty", ""),
    ],
)
async def test_overview_says_which_systems_share_the_namespace(
    app: QtopApp, direct: Direct, fleet: str, text: str
) -> None:
    FLEETS[fleet](direct)
    async with app.run_test(size=(120, 40)) as pilot:
        await reported(app, pilot)
        shown = screen_text(app)
        assert text in shown
        assert ("Sidekiq" in shown) == bool(text)
        if text:
            assert "qtop worker '*'" not in shown
            await pilot.press("2")
            await until_shown(pilot, "Sidekiq's")


#: Keys that change something, on Queues, on a queue's jobs, and everywhere.
KEYS = ("p", "P", "c", "D", "s")


async def test_no_key_changes_anything_where_only_sidekiq_is(app: QtopApp, direct: Direct) -> None:
    FLEETS["under resque"](direct)
    before = database(direct)
    async with app.run_test(size=(120, 40)) as pilot:
        await reported(app, pilot)
        for key in KEYS:
            await pilot.press("2", key)
            await until_shown(pilot, "nothing was changed: Sidekiq lives under")
            assert len(app.screen_stack) == 1, f"{key} asks nothing"
        assert database(direct) == before


async def test_keys_are_refused_on_sidekiqs_queue_beside_resque(
    app: QtopApp, direct: Direct
) -> None:
    FLEETS["mixed"](direct)
    before = database(direct)
    async with app.run_test(size=(120, 40)) as pilot:
        await reported(app, pilot)
        await pilot.press("2")
        await until_shown(pilot, "idle")
        for queue, why in (("idle", "is Sidekiq's"), ("both", "is mixed")):
            assert table_of(app).move_to(queue)
            await pilot.press("p")
            await until_shown(pilot, why)
            await pilot.press("s")
            await until_shown(pilot, why)
            assert len(app.screen_stack) == 1
        assert database(direct) == before
        assert table_of(app).move_to("mail")
        await pilot.press("p")
        await until_shown(pilot, words.paused("mail"))
