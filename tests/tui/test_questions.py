"""Which keys answer a question, and which do not."""

from typing import Any

import pytest
from tests.support.console import console, screen_text, until, until_polled, until_shown
from tests.support.sample_data import FakeSystem, does_nothing, fleet
from textual.pilot import Pilot
from textual.widgets import Button, Input

from qtop.actions.plan import Plan, Throttle
from qtop.app.app import QtopApp
from qtop.keymap.keymap import Danger
from qtop.screens.dialogs import MOST_BY_LETTER, ConfirmDialog
from qtop.screens.export import ExportDialog
from qtop.widgets.filter_input import Box


def plan(many: int, pace: Throttle | None = None, word: str | None = None) -> Plan:
    danger: Danger = "confirm" if word is None else "typed"
    return Plan("Requeue", "Requeue", ("All.",), danger, does_nothing, word, pace, many)


async def asked(app: QtopApp, pilot: Pilot[Any], wanted: Plan) -> list[bool | None]:
    """Ask; the answers are added to the list."""
    answers: list[bool | None] = []
    await until_polled(pilot)
    await app.push_screen(ConfirmDialog(wanted), answers.append)
    await until(pilot, lambda: app.screen.focused is not None, "the focus")
    return answers


async def test_no_letter_confirms_an_action_on_many_jobs() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        answers = await asked(app, pilot, plan(499, Throttle()))
        await pilot.press(*"retry", "ctrl+s")
        await pilot.pause()
        assert not answers
        assert "Enter goes to Requeue, Enter again" in screen_text(app)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: answers == [True], "the answer")


@pytest.mark.parametrize("pace", [None, Throttle()])
async def test_a_letter_confirms_an_action_on_few_jobs(pace: Throttle | None) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        answers = await asked(app, pilot, plan(MOST_BY_LETTER, pace))
        await pilot.press("y")
        await until(pilot, lambda: answers == [True], "the answer")


async def test_digits_go_into_the_rate_and_enter_goes_on_to_the_button() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        pace = Throttle()
        answers = await asked(app, pilot, plan(3, pace))
        await pilot.press("1", "0", "enter")
        await until(pilot, lambda: isinstance(app.screen.focused, Button), "the button")
        assert (app.screen.focused and app.screen.focused.id) == "yes"
        assert not answers
        await pilot.press("enter")
        await until(pilot, lambda: answers == [True], "the answer")
        assert pace.jobs_per_s == 10


async def test_enter_in_the_rate_confirms_nothing_before_the_word_is_right() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        answers = await asked(app, pilot, plan(499, Throttle(), "prod"))
        await pilot.press("tab", "5", "enter")
        await until(
            pilot,
            lambda: app.screen.focused is app.screen.query_one("#word", Input),
            "the field for the word",
        )
        assert not answers
        await pilot.press(*"prod", "enter")
        await until(pilot, lambda: answers == [True], "the answer")


async def test_a_box_shows_without_colours_whether_it_is_on() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await app.push_screen(ExportDialog("x.jsonl", "Write 1", ""))
        await until_shown(pilot, "[ ] with secrets")
        app.screen.query_one(Box).focus()
        await pilot.press("space")
        await until_shown(pilot, "[x] with secrets")
