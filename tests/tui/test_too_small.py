"""The page for a too small terminal opens and closes with the size, also during questions."""

import asyncio

from tests import words
from tests.support.console import console, until, until_screen, until_shown
from tests.support.sample_data import FakeSystem, does_nothing, fleet

from qtop.actions.plan import Plan
from qtop.screens.dialogs import ConfirmDialog, LookingDialog, QuitDialog
from qtop.screens.frame import TooSmallScreen

PLAN = Plan("Delete everything", "Delete", ("All of it.",), "confirm", does_nothing)


async def test_the_page_closes_after_its_question_when_the_terminal_has_grown() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(50, 10)) as pilot:
        await until_shown(pilot, words.has_size(50, 10))
        # As `q` does where workers were started.
        answers: list[str | None] = []
        await app.push_screen(QuitDialog(1, are_to_stay=False), answers.append)
        await pilot.resize_terminal(100, 24)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0], "the first page")
        await until_shown(pilot, "search-index")
        assert answers == [None]


async def test_a_question_that_was_prepared_meanwhile_is_asked_on_a_larger_terminal() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_shown(pilot, "search-index")
        found = asyncio.Event()

        async def search(progress: object) -> Plan:
            await found.wait()
            return PLAN

        app.actions.begin_after_search("look for it", search)
        await until_screen(pilot, LookingDialog)
        await pilot.resize_terminal(50, 10)
        await until_shown(pilot, words.has_size(50, 10))
        found.set()
        await pilot.pause()
        assert isinstance(app.screen, TooSmallScreen)
        await pilot.resize_terminal(100, 24)
        await until_screen(pilot, ConfirmDialog)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[0], "the first page")
