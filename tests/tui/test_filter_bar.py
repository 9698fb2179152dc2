"""Filters typed in the console: applied while typing, completed, remembered, removed."""

from collections.abc import Iterable
from typing import Any

import pytest
from tests import words
from tests.support.console import console, screen_text, table_of, until, until_polled, until_shown
from tests.support.sample_data import FakeSystem, failure, fleet, queue, snapshot
from textual.app import App
from textual.pilot import Pilot

from qtop.widgets.filter_input import FilterInput, completion, remember


def values(field: str) -> Iterable[str]:
    return {"class": ["Mail", "Mailers::Bye", "Two Words"], "queue": ["mail"]}.get(field, ())


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("cl", "class:"),
        ("class:mailers", "class:Mailers::Bye"),
        ("class:Mail", "class:Mailers::Bye"),
        ("age>1h !qu", "age>1h !queue:"),
        ("age>1h !queue:m", "age>1h !queue:mail"),
        ("class:Two", None),  # a blank would begin another term
        ("class:Mailers::Bye", None),
        ("nothing:", None),
        ("failed:y", "failed:yesterday"),
        ("", None),
        ("class:x ", None),
    ],
)
def test_the_last_term_is_completed(typed: str, completed: str | None) -> None:
    assert completion(typed, values) == completed


def test_a_filter_is_remembered_once_as_the_newest() -> None:
    texts = ["a", "b"]
    remember(texts, "a")
    assert texts == ["b", "a"]
    for number in range(60):
        remember(texts, str(number))
    assert len(texts) == 50
    assert texts[-1] == "59"


async def on_queues(pilot: Pilot[None], *keys: str) -> None:
    await until_polled(pilot)
    await pilot.press("2", *keys)
    await pilot.pause()


def names(app: App[Any]) -> list[str]:
    table = table_of(app)
    return [table.rows[at].name for at in range(table.row_count)]


async def test_rows_follow_the_typed_filter_and_stay_after_enter() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash", *"queue:*i*")
        assert sorted(names(app)) == ["critical", "images", "mail", "search-index"]
        await pilot.press("enter")
        await until_shown(pilot, "queue:*i*")
        assert screen_text(app).count("4 of 7") == 1
        await pilot.press("escape")
        await pilot.pause()
        assert len(names(app)) == 7
        assert "4 of 7" not in screen_text(app)


async def test_escape_while_typing_brings_the_filter_before_back() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash", *"mail", "enter", "slash", *"xyz")
        assert names(app) == []
        assert words.NO_MATCH_ESCAPE in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert names(app) == ["mail"]


async def test_text_typed_together_with_escape_is_no_filter() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash")
        bar = app.screen.query_one(FilterInput)
        bar.value = "mail"
        bar.action_leave()
        await pilot.pause()
        assert len(names(app)) == 7
        assert app.focused is table_of(app)


async def test_a_filter_that_makes_no_sense_is_reported_and_not_used() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash", *"mail", "enter", "slash", *" color:red", "enter")
        await until_shown(pilot, "there is no field 'color'")
        assert names(app) == ["mail"]


async def test_up_and_down_recall_and_tab_completes() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash", *"mail", "enter", "slash")
        bar = app.screen.query_one(FilterInput)
        bar.value = ""
        await pilot.press("up")
        assert bar.value == "mail"
        await pilot.press("down")
        assert bar.value == ""
        await pilot.press(*"queue:ima")
        await until(pilot, lambda: bool(bar._suggestion), "a completion")
        await pilot.press("tab", "enter")
        assert names(app) == ["images"]


async def test_keys_of_the_console_are_letters_while_typing() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash", *"q?P3")
        assert app.is_running
        assert app.screen.query_one(FilterInput).value == "q?P3"
        assert len(app.screen_stack) == 1


async def test_a_new_poll_is_filtered_too() -> None:
    first, then = snapshot([queue("mail", 1)]), snapshot([queue("mail", 1), queue("sms", 2)])
    app = console(FakeSystem(first, then))
    async with app.run_test(size=(100, 24)) as pilot:
        await on_queues(pilot, "slash", *"mail", "enter")
        app.poll_now()
        await until_shown(pilot, "1 of 2")
        assert names(app) == ["mail"]


async def test_only_what_matches_is_marked_by_mark_all() -> None:
    source = FakeSystem(
        snapshot([], [], [failure(1, exception="A"), failure(2, exception="B"), failure(3)])
    )
    app = console(source)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "slash", *"!exception:A", "enter", "a")
        await pilot.pause()
        assert len(table_of(app).rows.marked) == 2
