"""Sorting by the number of a column, and choosing the columns of a list on the screen."""

from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.sample_data import FakeSystem, fleet

from qtop.screens.column_chooser import ColumnDialog, choices
from qtop.screens.queues import COLUMNS
from qtop.widgets.columns import Sort


async def test_a_digit_after_the_sorting_key_sorts_by_that_column_then_turns_it_round() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "search-index")
        table = table_of(app)
        await pilot.press("o")
        await until_shown(pilot, "1 queue")
        await pilot.press("1")
        await until(pilot, lambda: table.sort == Sort("queue", reverse=False))
        await pilot.press("o", "1")
        await until(pilot, lambda: table.sort == Sort("queue", reverse=True))
        assert app.current_mode == "queues"


async def test_a_digit_alone_or_after_another_key_shows_a_screen() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "o", "j", "3")
        await until(pilot, lambda: app.current_mode == "workers")


def test_the_columns_that_are_shown_come_first() -> None:
    rows = choices(COLUMNS, ("depth", "queue"))
    assert [row.key for row in rows if row.is_shown] == ["depth", "queue"]
    assert {row.key for row in rows} == {column.key for column in COLUMNS}


async def test_columns_are_hidden_and_moved_and_the_setting_is_shown() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "search-index")
        keys = table_of(app).column_keys
        await pilot.press("C")
        await until_screen(pilot, ColumnDialog)
        await pilot.press("J", "space")
        await until_shown(pilot, "[ ]")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ColumnDialog))
        chosen = app.settings.columns["queues"]
        assert set(chosen) < set(keys)
        assert table_of(app).column_keys == chosen
        app.poll_now()
        await until_polled(pilot)
        assert table_of(app).column_keys == chosen
        assert "queue" not in screen_lines(app)[2].split()


async def test_a_list_without_columns_to_choose_says_so() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "C")
        await until_shown(pilot, "cannot be chosen")
        assert not isinstance(app.screen, ColumnDialog), screen_text(app)
