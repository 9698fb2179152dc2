"""Going from one screen to another and back; a message of a screen stays there."""

from tests import words
from tests.support.console import (
    console,
    screen_text,
    table_of,
    until,
    until_mode,
    until_polled,
    until_shown,
)
from tests.support.sample_data import FakeSystem, failure, fleet, queue, snapshot, worker

from qtop.screens.overview import OverviewScreen


async def test_escape_goes_back_to_the_screen_with_the_link() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, words.UNSERVED)
        row = table_of(app).cursor_row
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode != "overview", "the lead")
        await pilot.press("escape")
        await until_mode(pilot, "overview")
        assert table_of(app).cursor_row == row


async def test_escape_goes_back_step_by_step_and_leaves_filters_first() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, words.UNSERVED)
        await pilot.press("2", "W")
        await until_mode(pilot, "workers")
        await until_shown(pilot, "serves:")
        await pilot.press("slash", "ctrl+u", *"web1", "enter")
        await pilot.press("escape")
        assert app.current_mode == "workers"
        await pilot.press("escape")
        await until_mode(pilot, "queues")
        await pilot.press("escape")
        assert app.current_mode == "queues"


async def test_escape_does_not_go_back_over_a_digit() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, words.UNSERVED)
        await pilot.press("2", "W", "3", "escape")
        await pilot.pause()
        assert app.current_mode == "workers"


async def test_digit_1_focuses_the_incidents_again() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, words.UNSERVED)
        screen = app.screen
        assert isinstance(screen, OverviewScreen)
        for keys in (["tab", "1"], ["tab", "3", "1"]):
            await pilot.press(*keys)
            await until(pilot, lambda: screen.focused is screen.table, "the incidents")


async def test_the_workers_of_a_queue_are_shown_even_if_all_are_dead() -> None:
    hands = [worker("old:1:mail", beat_age_s=4_000), worker("web:2:low")]
    app = console(FakeSystem(snapshot([queue("mail", 5), queue("low", 0)], hands)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, words.unserved("mail"))
        await pilot.press("2", "W")
        await until_mode(pilot, "workers")
        assert [row.process.host for row in (table_of(app).cursor_row,) if row] == ["old"]
        assert table_of(app).row_count == 1


async def test_a_message_of_one_screen_is_not_shown_on_another() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, words.UNSERVED)
        await pilot.press("2", "y")
        await until_shown(pilot, words.IF_TERMINAL_ALLOWS)
        await pilot.press("3")
        assert words.IF_TERMINAL_ALLOWS not in screen_text(app)
        await pilot.press("2")
        assert words.IF_TERMINAL_ALLOWS not in screen_text(app)
        app.say(words.done("deleted", 3), "good", stays=True)
        await pilot.press("3")
        assert words.done("deleted", 3) in screen_text(app)


async def test_a_screen_and_a_filter_can_be_typed_into_the_palette() -> None:
    app = console(FakeSystem(snapshot([], [], [failure(1), failure(2, queue="low")])))
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("colon", *"failed queue:low", "enter")
        await until_mode(pilot, "failed")
        await until_shown(pilot, "queue:low")


async def test_figures_of_only_the_newest_failures_are_marked_so() -> None:
    few = [failure(1), failure(2, queue="low")]
    app = console(FakeSystem(snapshot([queue("mail", 1), queue("low", 0)], [], few, failed=900)))
    async with app.run_test(size=(140, 40)) as pilot:
        await until_shown(pilot, "newest 2")
        await pilot.press("2")
        await until_shown(pilot, "newest 2")
