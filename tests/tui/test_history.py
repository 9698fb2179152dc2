"""Actions are listed on History, and are undone from there, once."""

import pytest
from tests import words
from tests.support.audit_entries import AUDIT_ENTRIES
from tests.support.console import (
    assert_snapshot,
    console,
    screen_text,
    until,
    until_polled,
    until_rows,
    until_shown,
)
from tests.support.console_redis import KEYS, Redis, on
from tests.support.known import known
from tests.support.sample_data import FakeSystem, fleet, read_snapshot

from qtop.screens.history import PAGE
from queuecore import audit
from queuecore.action_record import ActionRecord, Actor
from resque.errors import Unreachable
from resque.store import pauses, queues


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_the_history_fits_every_size(size: tuple[int, int], in_utc: None) -> None:
    source = FakeSystem(fleet())
    source.answers = [AUDIT_ENTRIES]
    app = console(source)
    async with app.run_test(size=size) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "37 failed jobs")
        assert_snapshot(app, f"history-{size[0]}x{size[1]}")


async def test_an_action_opens_with_all_its_details(in_utc: None) -> None:
    source = FakeSystem(fleet())
    source.answers = [AUDIT_ENTRIES]
    app = console(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "37 failed jobs")
        await pilot.press("j", "enter")
        await until_shown(pilot, "all of it was undone")
        assert_snapshot(app, "deed-100x30")


async def test_actions_are_listed_and_undone_after_a_question(redis: Redis) -> None:
    await redis.fail(3)
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "d")
        await until_shown(pilot, words.done("deleted", 1))
        await pilot.press("7")
        await until_shown(pilot, "1 failed job")
        await pilot.press("u")
        await until_shown(pilot, "Undo delete 1 failed job?")
        await until_shown(pilot, "Done: 1.")
        await pilot.press("y")
        await until_shown(pilot, words.undone(1, "delete 1 failed job"))
        assert await redis.failed() == 3
        await until_shown(pilot, "undone")
        await pilot.press("G", "u")
        await until_shown(pilot, "Cannot be undone: all of it was undone.")
        # Undone from History, it is no longer the last action to undo.
        await pilot.press("2", "u")
        await until_shown(pilot, words.NOTHING_TO_UNDO)
    assert await redis.failed() == 3


async def test_an_action_of_another_operator_is_undone(redis: Redis) -> None:
    await redis.push("mail", 5)
    trail = ActionRecord(Actor("bob@ops2", "qtop"), "pause", "mail", b"", 1)
    await redis.source.run(pauses.pause(KEYS, ["mail"], trail))
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "bob@ops2")
        await pilot.press("enter", "u")
        await until_shown(pilot, "By bob@ops2")
        await pilot.press("y")
        await until_shown(pilot, words.undone(1, "pause mail"))
    [state] = [q for q in known((await read_snapshot(redis.source)).queues) if q.name == "mail"]
    assert not state.is_paused


async def test_older_actions_come_with_the_page_key(redis: Redis) -> None:
    await redis.push("mail", 1)
    for number in range(PAGE + 10):
        change = pauses.pause if number % 2 == 0 else pauses.resume
        trail = ActionRecord(Actor("bob@ops2", "qtop"), "pause", f"turn {number}", b"", 1)
        await redis.source.run(change(KEYS, ["mail"], trail))
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("7")
        await until_rows(pilot, PAGE)
        await pilot.press("G", "pagedown")
        await until_rows(pilot, PAGE + 10)
        await pilot.press("slash", *"0", "enter")
        await until_shown(pilot, f"of the last {PAGE + 10}")


async def test_without_actions_it_says_what_will_be_listed(redis: Redis) -> None:
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "No actions yet")
    assert await redis.source.run(audit.newest(KEYS, 1)) == []
    assert await redis.source.run(queues.size(KEYS, "mail")) == 0


async def test_a_stream_that_cannot_be_read_is_reported() -> None:
    source = FakeSystem(fleet())
    source.answers = [Unreachable("connection refused")]
    app = console(source)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "the history: connection refused")


async def test_hostile_actions_are_shown_and_never_obeyed() -> None:
    source = FakeSystem(fleet())
    source.answers = [AUDIT_ENTRIES]
    app = console(source)
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.press("7")
        await until_shown(pilot, "37 failed jobs")
        assert "\x1b" not in screen_text(app)
        assert "\u202e" not in screen_text(app)
        await pilot.press("j", "j", "j", "u")
        await until_shown(pilot, words.CANNOT_UNDO)
        assert app.screen.query_one("Table").has_focus  # without a question
        await pilot.press("enter")
        await until(pilot, lambda: "Undo" in screen_text(app), "the whole record")
        assert words.CANNOT_UNDO in screen_text(app)
        assert "\x1b" not in screen_text(app)
