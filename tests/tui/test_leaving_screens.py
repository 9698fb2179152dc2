"""A screen closes once, even if several keys ask for it."""

import pytest
from tests.support.console import console, until, until_polled
from tests.support.sample_data import FakeSystem, does_nothing, fleet
from textual.widgets import Button

from qtop.actions.plan import Plan
from qtop.screens.command_line import CommandLine
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.help import HelpScreen
from qtop.screens.offers import Offerable

PLAN = Plan("Delete everything", "Delete", ("All of it.",), "confirm", does_nothing)


@pytest.mark.parametrize("button", ["#yes", "#no"])
async def test_a_button_pressed_twice_answers_once(button: str) -> None:
    app = console(FakeSystem(fleet()))
    answers: list[bool | None] = []
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        app.push_screen(HelpScreen(()))
        await app.push_screen(ConfirmDialog(PLAN), answers.append)
        pressed = app.screen.query_one(button, Button)
        pressed.post_message(Button.Pressed(pressed))
        pressed.post_message(Button.Pressed(pressed))
        await until(pilot, lambda: not isinstance(app.screen, ConfirmDialog), "its end")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
    assert answers == [button == "#yes"]


async def test_a_late_answer_closes_no_other_screen() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        question = ConfirmDialog(PLAN)
        await app.push_screen(question)
        question.action_no()
        question.action_no()
        assert app.screen is app.screen_stack[0]
        await pilot.pause()


async def test_escape_pressed_twice_leaves_one_page_and_one_palette() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        page = HelpScreen(())
        await app.push_screen(page)
        palette = CommandLine(Offerable(), [])
        await app.push_screen(palette)
        palette.action_leave()
        palette.action_leave()
        assert app.screen is page
        page.action_back()
        page.action_back()
        assert app.screen is app.screen_stack[0]
        await pilot.pause()
