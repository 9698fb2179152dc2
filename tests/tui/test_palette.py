"""The command line finds actions by their words; the clipboard gets the text on the screen."""

import base64

import pytest
from tests import words
from tests.support.console import (
    console,
    screen_text,
    until_mode,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.sample_data import FakeSystem, failure, fleet, snapshot

from qtop.app.app import QtopApp
from qtop.commands.cli import _PLACES
from qtop.keymap import keymap
from qtop.keymap.keymap import COMMANDS, SYNONYMS, Action
from qtop.screens.failed import FailedScreen
from qtop.screens.help import HelpScreen
from qtop.screens.offers import Offer, matching, nothing_word, place_of
from qtop.widgets.table import Table


def test_every_typed_word_must_occur_in_an_action() -> None:
    actions = keymap.of({"failed", "tables"})
    assert [a.id for a in matching(actions, "delete marked")] == ["delete"]
    assert [a.id for a in matching(actions, "MARKED delete")] == ["delete"]
    assert matching(actions, "") == actions
    assert matching(actions, "no such thing") == []


def test_synonyms_find_an_action_after_those_that_have_the_word_as_name() -> None:
    failed = keymap.of({*FailedScreen.PLACES, "everywhere"})
    assert {"requeue", "requeue_all"} <= {a.id for a in matching(failed, "retry")}
    assert "choose_theme" in [a.id for a in matching(failed, "theme")]
    assert next(a.id for a in matching(failed, "delete")) in ("delete", "delete_all")
    assert set(SYNONYMS) <= {action.id for action in keymap.ACTIONS}


def test_every_command_is_found_as_an_action_or_named_as_a_command() -> None:
    assert set(_PLACES) >= COMMANDS
    silent = {name for name in _PLACES if not matching(list(keymap.ACTIONS), name)} - COMMANDS
    assert silent == set(), "nothing is found for these: name them in `keymap.COMMANDS`"


def test_a_search_without_a_result_gives_a_hint() -> None:
    assert "qtop load" in nothing_word("load")
    assert "nonsense" in nothing_word("failed nonsense:1")
    assert "?" in nothing_word("no such thing")


@pytest.mark.parametrize(
    ("typed", "place", "text"),
    [
        ("failed class:Mail", "failed", "class:Mail"),
        ("Queue mailers", "queues", "mailers"),
        ("failed", None, ""),
        ("failed nonsense:1", None, ""),
        ("mailers", None, ""),
    ],
)
def test_a_screen_and_a_filter_open_that_screen(typed: str, place: str | None, text: str) -> None:
    link = place_of(typed)
    assert (link and link.place) == place
    assert link is None or link.filter == text


async def opened(app: QtopApp, pilot: object, *keys: str) -> None:
    await until_polled(pilot)  # type: ignore[arg-type]
    await pilot.press("2", "colon", *keys)  # type: ignore[attr-defined]
    await pilot.pause()  # type: ignore[attr-defined]


async def test_the_chosen_action_runs_on_the_screen_in_front() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await opened(app, pilot, *"failed jobs", "enter")
        await until_mode(pilot, "failed")


async def test_it_offers_what_works_here_and_leaves_with_escape() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(app, pilot)
        assert words.PAUSE_HELP in screen_text(app)
        assert "Delete the marked failed jobs" not in screen_text(app)
        await pilot.press(*"no such thing")
        await until_shown(pilot, "No match; ?")
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1


async def test_a_read_only_console_offers_no_changes() -> None:
    app = console(FakeSystem(fleet()), read_only=True)
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(app, pilot)
        assert words.PAUSE_HELP not in screen_text(app)
        assert "Sort by the next column" in screen_text(app)


async def test_arrows_choose_another_one() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(app, pilot, *"show the", "down", "up")
        offered: Table[Offer] = app.screen.query_one(Table)

        def is_at_workers() -> bool:
            choice = None if offered.cursor_row is None else offered.cursor_row.choice
            return isinstance(choice, Action) and choice.id == "show_workers"

        for _ in range(offered.row_count):
            if not is_at_workers():
                await pilot.press("down")
        assert is_at_workers()
        await pilot.press("enter")
        await until_mode(pilot, "workers")


async def test_a_key_that_is_a_punctuation_mark_can_be_pressed_too() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(app, pilot, *"show the keys", "enter")
        await until_screen(pilot, HelpScreen)


async def test_rows_are_copied_through_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("2", "space", "space", "y")
        await until_shown(pilot, "copied")
        [sequence] = [text for text in written if text.startswith("\x1b]52;c;")]
        lines = base64.b64decode(sequence[7:-1]).decode().splitlines()
        assert [line.split("\t")[:2] for line in lines] == [
            ["search-index", "88,231"],
            ["mail", "1,234"],
        ]


async def test_the_error_of_a_failure_is_copied_without_the_escapes_of_its_data() -> None:
    hostile = failure(1, error="\x1b]52;c;aGk=\x07")
    app = console(FakeSystem(snapshot([], [], [hostile])))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter", "y")
        await until_shown(pilot, "copied")
        assert app.clipboard.startswith("Net::ReadTimeout: ")
        assert "\x1b" not in app.clipboard


async def test_text_too_long_for_a_terminal_is_not_copied() -> None:
    app = console(FakeSystem(snapshot([], [], [failure(1, error="x" * 80_000)])))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter", "y")
        await until_shown(pilot, "too much to copy")
        assert app.clipboard == ""
