"""The screens on a recorded Sidekiq as text, at three sizes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.console import (
    assert_at_every_size,
    console,
    table_of,
    until_checked,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.sidekiq_console import SHOWN, StillSystem, restored

from qtop.app.app import QtopApp
from qtop.screens.failed import FailureScreen
from qtop.screens.jobs import JobsScreen
from qtop.screens.scheduled import DelayedJobScreen
from qtop.screens.workers import WorkerScreen

pytestmark = pytest.mark.usefixtures("in_utc")


@pytest.fixture
async def still(direct: Direct, redis_url: str) -> AsyncIterator[StillSystem]:
    """The state that is shown."""
    system = restored(direct, redis_url, SHOWN)
    yield system
    system.shut()


def under_cursor(app: QtopApp) -> Any:
    return table_of(app).cursor_row


def opened(still: StillSystem) -> QtopApp:
    return console(still, namespace="")


async def test_overview(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await until_shown(pilot, "idle: no live workers")
        text = "\n".join(each.text for each in app.state.view().insights.incidents)
        assert "prune" not in text
        assert "scheduler" not in text


async def test_queues_and_the_jobs_of_one(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("2")
        await until_shown(pilot, "idle")
        await assert_at_every_size(app, pilot, "sidekiq-queues")
        await pilot.press("enter")
        await until_screen(pilot, JobsScreen)
        await until_shown(pilot, "IdleJob")
        await assert_at_every_size(app, pilot, "sidekiq-jobs")


async def test_processes_and_one_of_them(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("3")
        await until_shown(pilot, "SlowJob")
        await assert_at_every_size(app, pilot, "sidekiq-workers")
        await pilot.press("enter")
        await until_screen(pilot, WorkerScreen)
        await until_shown(pilot, "weighted")
        await assert_at_every_size(app, pilot, "sidekiq-worker")


async def test_failed_jobs_and_one_of_them(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("4")
        await until_shown(pilot, "KeyError")
        await pilot.press("t")
        await until_shown(pilot, "retry 1 of")
        await assert_at_every_size(app, pilot, "sidekiq-failed")
        jid = under_cursor(app).job.jid
        await pilot.press("enter")
        await until_screen(pilot, FailureScreen)
        await until_shown(pilot, jid)
        await assert_at_every_size(app, pilot, "sidekiq-failure")


async def test_the_sets_of_failed_jobs_one_after_the_other(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_checked(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "dead on arrival")
        await pilot.press("b")
        await until_shown(pilot, " retry   entries 1 to 3 of 3")
        await pilot.press("b")
        await until_shown(pilot, " dead   entries 1 to 2 of 2")


async def test_scheduled_jobs_and_one_of_them(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, "same score 2")
        await assert_at_every_size(app, pilot, "sidekiq-scheduled")
        await pilot.press("enter")
        await until_screen(pilot, DelayedJobScreen)
        await until_shown(pilot, "SHA-1")
        await assert_at_every_size(app, pilot, "sidekiq-delayed")


async def test_a_filter_finds_a_job_by_its_jid(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_checked(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "dead on arrival")
        jid = under_cursor(app).job.jid
        await pilot.press("/", *jid, "enter")
        await until_shown(pilot, "1 match")
        assert under_cursor(app).job.jid == jid


async def test_what_it_cannot_do_says_why(still: StillSystem) -> None:
    app = opened(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_checked(pilot)
        await pilot.press("2")
        await until_shown(pilot, "idle")
        await pilot.press("p")
        await until_shown(pilot, "open-source Sidekiq")
