"""Keys that arrive together, as over a slow line: each acts on what the one before it has
opened."""

import pytest
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
from tests.support.console_redis import Redis, on
from tests.support.sample_data import FakeSystem, fleet
from textual import events
from textual.keys import _character_to_key

from qtop.app import input_queue
from qtop.app.app import QtopApp
from qtop.app.input_queue import Followed
from qtop.screens.command_line import CommandLine
from qtop.widgets.filter_input import FilterInput
from qtop.widgets.table import Table

NAMED = {"\r": "enter", "\x1b": "escape"}


def type_at_once(app: QtopApp, keys: str) -> None:
    """Type, without waiting for the effect of the keys."""
    for key in keys:
        app.post_message(events.Key(NAMED.get(key) or _character_to_key(key), key))


@pytest.mark.redis
async def test_letters_of_a_filter_and_a_key_after_it_go_where_they_belong(redis: Redis) -> None:
    await redis.fail(2, exception="Mailers::Dead")
    await redis.fail(2, exception="Other")
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        # An `r` or a `d` of the filter text, on the list, would act on the newest failure: an
        # Other.
        type_at_once(app, "4t/Mailers::Dead\rd")
        await until_shown(pilot, words.outcome("deleted", 1))
        assert app.screen.query_one(FilterInput).value == "Mailers::Dead"
        await until_shown(pilot, "1 of 3")
    assert (await redis.size("mail"), await redis.failed()) == (0, 3)


async def test_what_is_pasted_after_a_key_goes_into_the_filter() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        type_at_once(app, "2/")
        app.post_message(events.Paste("mail\nd"))
        type_at_once(app, "\r")
        await until_shown(pilot, "1 of 7")
        assert app.screen.query_one(FilterInput).value == "mail"


async def test_keys_beyond_a_limit_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(input_queue, "_MOST_TYPED", 2)
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        type_at_once(app, "2/mail")
        await until(pilot, lambda: filter_of(app) == "m", "the first keys")
        type_at_once(app, "a")
        await until(pilot, lambda: filter_of(app) == "ma", "a key that comes later")


def filter_of(app: QtopApp) -> str:
    return next((bar.value for bar in app.screen.query(FilterInput)), "")


async def test_words_typed_with_the_palettes_key_go_into_the_palette() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        type_at_once(app, "2:freeze\r")
        await until_shown(pilot, words.FROZEN)
        assert not isinstance(app.screen, CommandLine)


async def test_keys_still_under_way_do_not_spoil_the_end() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        type_at_once(app, "2" + "jk" * 100)
    assert app.return_code in (0, None)


async def test_a_closed_screen_does_not_delay_keys() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        type_at_once(app, "3\r\x1b\r\x1b?\x1b:\x1b2Gk")
        await until(pilot, lambda: len(app.screen_stack) == 1 and app.current_mode == "queues")
        await until(pilot, lambda: bool(app.screen.query(Table)), "its table")
        await until(pilot, lambda: table_of(app).cursor_row is not None, screen_text(app))
        await until(pilot, lambda: table_of(app).rows.cursor_index == 5, "the last row but one")


async def test_a_key_whose_handling_is_never_reported_delays_the_next_one_by_a_second_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        heard, lost = app._input.on_followed, app._input._number + 1

        async def on_followed(message: Followed) -> None:
            if message.number > lost:
                await heard(message)

        monkeypatch.setattr(app._input, "on_followed", on_followed)
        type_at_once(app, "23")
        await until_mode(pilot, "workers")


@pytest.mark.parametrize("is_forwarded", [False, True], ids=["typed", "come back from a widget"])
async def test_a_key_after_the_end_does_nothing(is_forwarded: bool) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        app.exit()
        key = events.Key("2", "2")
        if is_forwarded:
            key._set_forwarded()
        await app.on_event(key)
        assert app.current_mode == "overview"
        assert app._input._follower is None
