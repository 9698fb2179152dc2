"""Texts name the keys in force, also where the settings rebind them."""

from typing import Any

import pytest
from tests import words
from tests.support.console import console, screen_text, until_mode, until_shown
from tests.support.console_redis import Redis, on
from tests.support.failed_jobs import entry, fill
from tests.support.sample_data import FakeSystem, failed_job, fleet, prepared, snapshot

from qtop.actions.plan import Operator
from qtop.actions.request import (
    Delete,
    DeleteSchedules,
    PauseAll,
    Requeue,
    RunSchedules,
)
from qtop.config.limits import UndoLimits
from qtop.config.settings import DEFAULTS, Settings
from qtop.keymap import keymap
from qtop.model.job import JobSource
from qtop.monitor.state import UiPolicy
from qtop.screens.payload_editor import EditorDialog
from qtop.search.selection import Selection, chosen_of
from qtop.systems.resque.actions import ResqueActions
from qtop.systems.resque.job_lists import job_list
from qtop.systems.resque.system import ResqueSystem
from qtop.text.safe import safe
from queuecore.action_record import Actor
from resque.keys import Keys

OTHERS = {
    "undo": ("f9",),
    "pause_all": ("f8",),
    "start_workers": ("f7",),
    "clear_filter": ("f6",),
    "show_local": ("f5",),
    "undo_deed": ("f4",),
    "toggle_groups": ("f3",),
    "table.open": ("f2",),
    "jobs_or_schedules": ("Z",),
    "by_class": ("Y",),
    "filter": ("X",),
}
SETTINGS = Settings(values=DEFAULTS, tables={"keys": OTHERS})
WHO = Actor("ada@example", "qtop test")


def test_the_sign_of_an_action_follows_the_settings() -> None:
    assert keymap.sign("undo") == "u"
    assert keymap.sign("filter") == "/"
    assert keymap.sign("undo", OTHERS) == "f9"
    assert keymap.sign("dialog.yes", in_text=True) == "ctrl+s"
    assert keymap.sign("dialog.no", {"dialog.no": ("q", "f1")}, in_text=True) == "f1"
    with pytest.raises(KeyError):
        keymap.sign("no such action")


def test_plans_name_the_undo_key_and_the_pause_key_in_force() -> None:
    sign = UiPolicy(rebound=OTHERS).sign
    rest: Any = (Keys("resque"), Operator(WHO, UndoLimits(), sign), ResqueSystem.abilities)
    failed = JobSource("failed", "failed")
    one = chosen_of(job_list(Keys("resque"), failed), [failed_job(1)])
    plans = [
        prepared(ResqueActions(*rest).prepare(PauseAll())),
        prepared(ResqueActions(*rest).prepare(Requeue(failed, one))),
        prepared(ResqueActions(*rest).prepare(Delete(JobSource("queue", "mail"), Selection()))),
        prepared(ResqueActions(*rest).prepare(Delete(JobSource("delayed", ""), Selection()))),
        prepared(ResqueActions(*rest).prepare(RunSchedules(()))),
        prepared(ResqueActions(*rest).prepare(DeleteSchedules(()))),
    ]
    said = [" ".join(plan.details) for plan in plans]
    assert "f8 resumes." in said[0]
    assert all("Undo: f9." in text for text in said[1:])
    assert not any("u takes" in text for text in said)


async def test_screens_name_the_keys_in_force() -> None:
    app = console(FakeSystem(snapshot()), settings=SETTINGS)
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "press f7 to start one here")
        await pilot.press("f5")
        await until_shown(pilot, "No workers were started here: press f7")
    app = console(FakeSystem(fleet()), settings=SETTINGS)
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "search-index")
        await pilot.press("X", *"nothing", "enter")
        await until_shown(pilot, "Nothing matches the filter; f6 takes it away.")


@pytest.mark.redis
async def test_a_question_and_its_screen_name_the_keys_in_force(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(9)))
    app = on(redis, settings=SETTINGS)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("4")
        await until_shown(pilot, words.groups(3, 9))
        await pilot.press("e")
        await until_shown(pilot, "f2 opens the group, f3 lists them all")
        await pilot.press("D")
        await until_shown(pilot, "Undo: f9.")
        await pilot.press("escape", "5")
        await until_mode(pilot, "scheduled")
        await pilot.press("x")
        await until_shown(pilot, "X filters, Y counts by class")
        await pilot.press("7")
        await until_shown(pilot, "and f4 undoes them.")
        assert safe("u takes") not in screen_text(app)


async def test_the_editor_names_keys_that_cannot_be_typed_as_text() -> None:
    app = console(FakeSystem(snapshot()))
    async with app.run_test(size=(120, 24)) as pilot:
        await app.push_screen(EditorDialog("{}", UiPolicy(rebound={"dialog.yes": ("q", "f1")})))
        await until_shown(pilot, "f1 continues, esc cancels.")
