"""What was run in several places: each that can tell has its own rows, and what is missing is
said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
from tests.support.both_places import places_at, until_all_polled
from tests.support.both_systems import RESQUE, SIDEKIQ
from tests.support.console import (
    console_of,
    table_of,
    until_rows,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.config.places import PlaceOptions
from qtop.model.run_counts import DAYS
from qtop.screens.failed import FailedScreen
from qtop.screens.runs import RunsScreen
from queuecore.address import parse_url
from queuecore.times import utc_now
from sidekiq.keys import SidekiqKeys

pytestmark = pytest.mark.redis
Opened = tuple[QtopApp, Pilot[None]]

OTHER: Final = SidekiqKeys("billing")


def count(direct: Direct, keys: SidekiqKeys, runs: int, class_name: str) -> None:
    """What was run today, and one class of it in the last minutes."""
    now = utc_now()
    direct("SADD", keys.queues(), "default")
    direct("SET", keys.day("processed", f"{now:%Y-%m-%d}"), runs)
    direct("SET", keys.day("failed", f"{now:%Y-%m-%d}"), 1)
    minute = keys.minute(now - timedelta(minutes=3))
    direct("HSET", minute, f"{class_name}|p", runs, f"{class_name}|f", 1)


@pytest.fixture
async def runs(direct: Direct, redis_url: str) -> AsyncIterator[Opened]:
    """A console of Resque and two Sidekiqs at what was run."""
    direct("SADD", RESQUE.queues(), "mail")
    count(direct, SIDEKIQ, 500, "Report")
    count(direct, OTHER, 70, "Invoice")
    billing = PlaceOptions("billing", "sidekiq", parse_url(redis_url), "billing", redis_url)
    app = console_of((*places_at(redis_url), billing))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await pilot.press("7", "t")
        await until_screen(pilot, RunsScreen)
        yield app, pilot


async def test_each_place_that_can_tell_has_its_own_days(runs: Opened) -> None:
    app, pilot = runs
    await until_rows(pilot, 2 * DAYS)
    table = table_of(app)
    newest = [table.rows[at] for at in range(2)]
    assert [(row.system, row.runs) for row in newest] == [("sidekiq", 500), ("billing", 70)]
    await until_shown(pilot, "sidekiq, billing only")
    # The course is that of both: a bar a day.
    await until_shown(pilot, f"{DAYS} days in UTC")
    await until_shown(pilot, "max    570")


async def test_classes_are_those_of_each_place_and_lead_to_its_failures(runs: Opened) -> None:
    app, pilot = runs
    await until_rows(pilot, 2 * DAYS)
    await pilot.press("t")
    await until_rows(pilot, 2)
    table = table_of(app)
    rows = [table.rows[at] for at in range(2)]
    assert [(row.system, row.class_name) for row in rows] == [
        ("sidekiq", "Report"),
        ("billing", "Invoice"),
    ]
    await pilot.press("j", "enter")
    await until_screen(pilot, FailedScreen)
    await until_shown(pilot, 'class:"Invoice"')
    await until_shown(pilot, 'system:"billing"')


async def test_a_place_that_cannot_be_read_is_named_beside_the_others(
    runs: Opened, direct: Direct
) -> None:
    app, pilot = runs
    await until_rows(pilot, 2 * DAYS)
    direct("SET", SIDEKIQ.day("processed", f"{utc_now() - timedelta(days=1):%Y-%m-%d}"), "many")
    await pilot.press(*"tttt")
    await until_shown(pilot, "unknown: sidekiq: counts of some days")
    assert table_of(app).row_count == 2 * DAYS
