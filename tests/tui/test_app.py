"""The console as a person sees it: screens, keys, errors."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import words
from tests.support.console import (
    assert_snapshot,
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_ended,
    until_polled,
    until_shown,
)
from tests.support.sample_data import FakeSystem, failure, fleet, queue, snapshot, worker
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.widgets.bars import Bar
from qtop.widgets.table import Table
from queuecore.windows import whole
from resque.codec import encode
from resque.errors import Unreachable
from resque.store.failures import read

SIZES = [(60, 15), (80, 24), (120, 40), (200, 60)]
HOSTILE = "\x1b]52;c;aGk=\x07[/x][@click=app.quit]quit[/]\x1b[2J\u202e\x9b31m"


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def shown(pilot: Pilot[Any]) -> None:
    """Wait for the first data, on Queues."""
    app = pilot.app
    assert isinstance(app, QtopApp)
    await until(pilot, lambda: bool(app.state.view().insights.incidents), "the first look")
    await pilot.press("2")
    await pilot.pause()


# The screens


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("tab", ["2", "3", "4"])
async def test_the_lists_fit_every_size(size: tuple[int, int], tab: str) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=size) as pilot:
        await shown(pilot)
        await pilot.press(tab)
        await pilot.pause()
        name = {"2": "queues", "3": "workers", "4": "failed"}[tab]
        assert_snapshot(app, f"{name}-{size[0]}x{size[1]}")


async def test_a_failure_opens_with_everything_in_it() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 40)) as pilot:
        await shown(pilot)
        await pilot.press("4", "t", "enter")
        await pilot.pause()
        assert_snapshot(app, "failure-100x40")
        await pilot.press("escape")
        await pilot.pause()
        assert table_of(app).row_count == 30


async def test_a_worker_opens_and_says_when_it_has_left() -> None:
    app = console(FakeSystem(fleet(), snapshot()))
    async with app.run_test(size=(100, 40)) as pilot:
        await shown(pilot)
        await pilot.press("3", "enter")
        await pilot.pause()
        assert_snapshot(app, "worker-100x40")
        app.poll_now()
        await until_shown(pilot, words.NO_LONGER_REGISTERED)


async def test_the_help_shows_the_keys() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 90)) as pilot:
        await shown(pilot)
        await pilot.press("?")
        await pilot.pause()
        assert_snapshot(app, "help-100x90")


async def test_empty_lists_say_what_to_do_next() -> None:
    app = console(FakeSystem(snapshot()))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "No queues yet: they appear with the first job")
        await pilot.press("3")
        await until_shown(pilot, "No workers yet: press s to start one here.")
        await pilot.press("4")
        await until_shown(pilot, words.NO_FAILED_JOBS)


async def test_the_password_is_never_on_the_screen() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(200, 20)) as pilot:
        await shown(pilot)
        assert "secret" not in screen_text(app)
        assert "redis://queues.example.com:6379/0" in screen_text(app)


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (20, 5)])
async def test_a_terminal_that_is_too_small_says_so(size: tuple[int, int]) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = " ".join(screen_text(app).split())
        assert f"needs 60x15, has {size[0]}x{size[1]}" in text
        await pilot.resize_terminal(80, 24)
        await shown(pilot)
        await pilot.resize_terminal(50, 10)
        await until_shown(pilot, words.has_size(50, 10))


async def test_polls_go_on_while_the_terminal_is_too_small_and_during_many_resizes() -> None:
    source = FakeSystem(fleet())
    app = console(source)
    async with app.run_test(size=(160, 48)) as pilot:
        await shown(pilot)
        for width, height in ((50, 12), (200, 60), (40, 8), (80, 24), (59, 15), (120, 40)):
            await pilot.resize_terminal(width, height)
            app.poll_now()
            await pilot.pause()
            app.places.first.on_poll(app.state.poll)
        await until_shown(pilot, "search-index")
        assert app.is_running


# Keys


async def test_sorting_by_the_next_column_and_the_other_way_round() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(120, 30)) as pilot:
        await shown(pilot)
        assert "waiting▼" in screen_text(app)
        await pilot.press("O")
        assert "waiting▲" in screen_text(app)
        await pilot.press("o")
        assert "in/s▼" in screen_text(app)
        await pilot.press("o", "o", "o")
        assert "worker▼" in screen_text(
            app
        )  # room for a narrow column's mark, no more than it needs


async def test_a_frozen_display_shows_old_rows_until_it_goes_on() -> None:
    app = console(FakeSystem(snapshot([queue("old", 1)]), snapshot([queue("new", 1)])))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "old")
        await pilot.press("f")
        app.poll_now()
        await until_polled(pilot)
        await until_shown(pilot, words.FROZEN)
        assert "old" in screen_text(app)
        await pilot.press("f")
        await until_shown(pilot, "new")
        assert words.FROZEN not in screen_text(app)


async def test_the_interval_changes_at_once() -> None:
    app = console(FakeSystem(fleet()), interval_s=1.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("-")
        assert "every 2 s" in screen_text(app)
        await pilot.press("+", "+", "+", "+")
        assert "every 0.25 s" in screen_text(app)


async def test_a_number_leads_back_to_a_list_from_anywhere() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("4", "t", "enter", "?", "4")
        await pilot.pause()
        assert table_of(app).row_count == 30
        assert len(app.screen_stack) == 1


async def test_clicks_on_tabs_and_footer_do_what_keys_do() -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        place = screen_lines(app)[1].index("4 Failed")
        await pilot.click("#tabs", offset=(place, 0))
        await pilot.pause()
        assert app.current_mode == "failed"
        place = screen_lines(app)[-1].index("help")
        await pilot.click("#keys", offset=(place, 0))
        await until_shown(pilot, "Here, on Failed")


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving(key: str) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press(key)
        await until_ended(pilot)
    assert app.return_code == 0


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
@pytest.mark.parametrize("opening", ["slash", "colon", "P"])
async def test_leaving_a_filter_the_palette_or_a_question_leaves_only_that(
    opening: str, key: str
) -> None:
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=(100, 24)) as pilot:
        await shown(pilot)
        await pilot.press("2")
        table = table_of(app)
        await until(pilot, lambda: app.focused is table, "the queues")
        await pilot.press(opening)
        await until(pilot, lambda: app.focused is not table, "what was opened")
        await pilot.press(key)
        await until(pilot, lambda: app.focused is table, "the queues again")
        assert app.is_running
        assert len(app.screen_stack) == 1
        await pilot.press(key)
        await until_ended(pilot)


# What data must not do


@pytest.mark.parametrize("tab", ["2", "3", "4"])
async def test_hostile_data_is_shown_and_never_obeyed(tab: str) -> None:
    entry = {
        "payload": {"class": HOSTILE, "args": [HOSTILE]},
        "exception": HOSTILE,
        "error": HOSTILE,
        "backtrace": [HOSTILE],
        "queue": HOSTILE,
        "worker": HOSTILE,
    }
    look = snapshot(
        [queue(HOSTILE, 3, problem=HOSTILE)],
        [worker(f"{HOSTILE}:1:{HOSTILE}", on=HOSTILE, job=(HOSTILE, [HOSTILE]))],
        [read(whole(encode(entry)), -1)],
        problems={HOSTILE: HOSTILE},
    )
    source = FakeSystem(look)
    source.replies = [[[3, [b"job"]]], [100]]
    app = console(source, namespace=HOSTILE)
    async with app.run_test(size=(200, 50)) as pilot:
        await shown(pilot)
        await pilot.press(tab)
        await pilot.pause()
        lists = screen_text(app)
        await pilot.press("enter" if tab != "2" else "c")
        await pilot.pause()
        for text in (lists, screen_text(app)):
            assert "[@click=app.quit]" in text
            assert all(line.isprintable() for line in text.splitlines())
        await pilot.click(offset=(40, 5))
        assert app.is_running


# Redis does not answer


async def test_old_rows_stay_with_their_age_and_the_reason_while_there_is_no_answer() -> None:
    now = [1_000.0]
    source = FakeSystem(fleet(), Unreachable("cannot reach Redis (connection refused)"))
    app = console(source, clock=lambda: now[0])
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        now[0] = 1_002.0
        app.poll_now()
        await until_shown(pilot, "no answer")
        now[0] = 1_007.0
        app.places.first.on_poll(app.state.poll)
        assert_snapshot(app, "no-answer-80x24")
        assert table_of(app).stale
        assert table_of(app).row_count == 7


async def test_an_answer_removes_the_warning() -> None:
    down = Unreachable("nobody there")
    app = console(FakeSystem(down, fleet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "nobody there")
        app.poll_now()
        await shown(pilot)
        assert "nobody there" not in screen_text(app)
        assert not table_of(app).stale


async def test_actions_are_refused_with_the_reason_while_redis_is_away() -> None:
    app = console(FakeSystem(fleet(), Unreachable("connection refused")))
    async with app.run_test(size=(100, 24)) as pilot:
        await shown(pilot)
        app.poll_now()
        await until_shown(pilot, "no answer")
        for key in ("p", "c", "P", "s"):
            app.say("")
            await pilot.press(key)
            await until_shown(pilot, words.NOT_NOW_REFUSED)


async def test_keys_that_cannot_be_read_are_reported_beside_the_others() -> None:
    app = console(FakeSystem(snapshot([queue("mail", 1)], problems={"failures": "wrong type"})))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "failures: wrong type")
        assert "mail" in screen_text(app)


# Read-only


async def test_a_read_only_console_says_so_and_changes_nothing() -> None:
    source = FakeSystem(fleet())
    app = console(source, read_only=True)
    async with app.run_test(size=(120, 24)) as pilot:
        await shown(pilot)
        assert " READ-ONLY " in screen_text(app)
        assert "clear" not in screen_lines(app)[-1]
        for tab, keys in (("2", "cpPs"), ("3", "sxP"), ("4", "rcP")):
            await pilot.press(tab)
            for key in keys:
                app.say("")
                await pilot.press(key)
                await until_shown(pilot, words.READ_ONLY)
        assert source.operations == []


# The end


async def test_a_crash_ends_with_a_short_message_and_a_file_without_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.__stderr__", __import__("sys").stderr)
    app = console(FakeSystem(fleet()), folder=tmp_path / "log")

    def broken(self: QtopApp) -> None:
        secret_argument = "card 4111"
        raise KeyError(secret_argument)

    monkeypatch.setattr(QtopApp, "action_help", broken)

    async def press_the_broken_key() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await shown(pilot)
            await pilot.press("?")

    with pytest.raises(KeyError):
        await press_the_broken_key()
    assert app.return_code == 1
    (report,) = (tmp_path / "log").glob("crash-*.txt")
    assert "4111" not in report.read_text()
    assert "in broken" in report.read_text()
    app._print_error_renderables()
    assert capsys.readouterr().err == f"qtop crashed (KeyError); see {report}\n"


async def test_the_console_ends_when_its_terminal_is_gone() -> None:
    app = console(FakeSystem(fleet()), terminal_is_there=lambda: False)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        app._lifecycle.check_terminal()
        await until_ended(pilot)
    assert app.return_code == 1


async def test_the_connections_are_closed_at_the_end() -> None:
    source = FakeSystem(fleet())
    async with console(source).run_test(size=(80, 24)) as pilot:
        await shown(pilot)
    assert source.is_closed


async def test_a_quiet_screen_is_not_painted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSystem(snapshot([queue("mail", 5, pushed=0)], failures=[failure(1)]))
    app = console(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        app.poll_now()
        await until(pilot, lambda: source.looked >= 2, "a second look")
        await pilot.pause()
        painted: list[object] = []
        for kind in (Bar, Table):
            monkeypatch.setattr(kind, "refresh", lambda self, *a, **k: painted.append(self))
        app.poll_now()
        await until(pilot, lambda: source.looked >= 3, "a third look")
        await pilot.pause()
        assert painted == []
