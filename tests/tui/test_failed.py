"""The failed jobs of a real Redis: groups, pages, filters, and actions on all matching jobs."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from tests import words
from tests.support.console import (
    screen_text,
    table_of,
    until,
    until_focused,
    until_gone,
    until_screen,
    until_shown,
)
from tests.support.console_redis import KEYS, Redis, on
from tests.support.failed_jobs import entry, fill, listed, open_failed
from textual.widgets import Checkbox, Input, TextArea

from qtop.app.app import QtopApp
from qtop.screens.failed import FailedScreen
from qtop.search.list_search import ListSearch
from queuecore import audit
from queuecore.exchange import single
from resque.codec import encode
from resque.store import failures

pytestmark = pytest.mark.redis

MANY = 11_000
SEVERAL = 6_000


def under_cursor(app: QtopApp) -> Any:
    return table_of(app).cursor_row


def group_of(app: QtopApp, name: str) -> Any:
    rows = [table_of(app).rows[index] for index in range(table_of(app).row_count)]
    return next(row.group for row in rows if row.group.fingerprint.class_name == name)


async def test_failures_come_in_groups_and_enter_shows_their_entries(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(30)), b"not JSON")
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, words.groups(4, 31))
        assert "user # not" in screen_text(app)
        await pilot.press("enter")
        await until_shown(pilot, words.match(10))
        assert table_of(app).row_count == 10
        await pilot.press("enter")
        await until_shown(pilot, "10 failures of the same group")
        await pilot.press("escape", "escape")
        await until_shown(pilot, words.groups(4, 31))


async def test_t_switches_between_groups_and_entries_and_the_choice_is_kept(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(30)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app, "t")
        await until_shown(pilot, f"{words.entries(1, 30, 30)}, newest first")
        await pilot.press("2", "4")
        await until_shown(pilot, f"{words.entries(1, 30, 30)}, newest first")
        await pilot.press("t")
        await until_shown(pilot, words.groups(3, 30))


async def test_groups_of_a_long_list_are_counted_in_the_background(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(MANY)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, f"3 groups of {MANY:,} failed jobs")
        assert group_of(app, "Images::Resize").count == MANY // 3 + 1
        await fill(redis, entry(1), entry(4))
        app.poll_now()
        await until_shown(pilot, f"3 groups of {MANY + 2:,} failed jobs")
        assert group_of(app, "Images::Resize").count == MANY // 3 + 3
        assert "scanned" not in screen_text(app)


@pytest.mark.parametrize("number", [30, 2_000])
async def test_a_filter_searches_every_failure_of_the_groups(redis: Redis, number: int) -> None:
    await fill(redis, *(entry(n) for n in range(number)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, f"3 groups of {number:,} failed jobs")
        await pilot.press("slash", *"args.0:7 queue:mail", "enter")
        await until_shown(pilot, words.groups(1, 1))
        await until_shown(pilot, "1 of 3 groups")
        assert under_cursor(app).group.count == 1
        await pilot.press("R")
        await until_shown(pilot, "Requeue 1 failed job")
        await pilot.press("escape", "slash", *" nothing", "enter")
        await until_shown(pilot, words.NO_MATCH)
        await pilot.press("escape")
        await until_shown(pilot, f"3 groups of {number:,} failed jobs")


async def test_a_cleared_list_is_counted_again(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(3_000)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, words.groups(3, 3_000))
        await redis.source.run(single(("DEL", KEYS.failed()), int, writes=True))
        await fill(redis, entry(1))
        app.poll_now()
        await until_shown(pilot, words.groups(1, 1))


async def test_entries_are_paged_through_the_whole_list(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(1_300)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app, "t")
        await until_shown(pilot, words.entries(1, 500, 1_300))
        await pilot.press("G", "pagedown")
        await until_shown(pilot, words.entries(501, 1_000, 1_300))
        await until(pilot, lambda: table_of(app).rows.cursor_index == 0, "the first of them")
        await pilot.press("G", "pagedown")
        await until_shown(pilot, words.entries(1_001, 1_300, 1_300))
        await pilot.press("G", "pagedown")
        await pilot.pause()
        assert under_cursor(app).job.args == [0]
        await pilot.press("g", "pageup")
        await until_shown(pilot, words.entries(501, 1_000, 1_300))
        await until(pilot, lambda: table_of(app).rows.cursor_index == 499, "the last of them")
        await pilot.press("r")
        await until_shown(pilot, words.outcome("requeued", 1))
    assert await redis.failed() == 1_299


async def test_a_page_stays_in_place_while_failures_arrive(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(1_300)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app, "t")
        await until_shown(pilot, words.entries(1, 500, 1_300))
        await pilot.press("G", "pagedown")
        await until_shown(pilot, "entries 501 to 1,000")
        first = under_cursor(app)
        await fill(redis, *(entry(n) for n in range(100)))
        app.poll_now()
        await until_shown(pilot, words.entries(601, 1_100, 1_400))
        assert under_cursor(app).key == first.key


async def test_a_filter_finds_failures_far_behind_the_newest(redis: Redis) -> None:
    rare = entry(0, payload={"class": "Rare", "args": [42]})
    await fill(redis, rare, *(entry(n) for n in range(5_000)))
    app = on(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await open_failed(pilot, app, "t", "slash")
        await pilot.press(*"args.0:42", "enter")
        await until_shown(pilot, "2 of 5,001")
        assert table_of(app).row_count == 2
        await pilot.press("G", "enter")
        await until_shown(pilot, "Rare")
        await until_shown(pilot, "app/jobs/welcome.rb:12:in")
        await pilot.press("escape")
        await fill(redis, entry(42))
        app.poll_now()
        await until_shown(pilot, words.match(3))
        await pilot.press("escape")
        await until_shown(pilot, words.entries(1, 500, 5_002))


async def test_all_matching_failures_are_requeued_after_a_preview(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(SEVERAL)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "slash")
        await pilot.press(*"queue:images", "enter", "R")
        await until_shown(pilot, f"Requeue {SEVERAL // 3:,} failed jobs?")
        text = screen_text(app)
        assert f"Classes: Reports::Weekly ({SEVERAL // 3:,})" in text
        assert "Queues: images" in text
        assert "Failed: 2026-11-23" in text
        await fill(redis, entry(2), entry(5))  # after the preview: not to be touched
        await pilot.press("enter", "enter")
        await until_shown(pilot, words.outcome("requeued", SEVERAL // 3))
        await until_shown(pilot, words.match(2))
        (audit_entry,) = await redis.source.run(audit.newest(KEYS, 9))
        assert (audit_entry.action, audit_entry.planned, audit_entry.done) == (
            "requeue",
            SEVERAL // 3,
            SEVERAL // 3,
        )
        assert "filter queue:images" in audit_entry.subject
    assert await redis.size("images") == SEVERAL // 3
    assert await redis.failed() == SEVERAL - SEVERAL // 3 + 2
    numbers = [json.loads(raw)["args"][0] for raw in await listed(redis, KEYS.queue("images"))]
    assert numbers == sorted(numbers)


async def test_a_bulk_action_is_undone_as_one(redis: Redis) -> None:
    before = [entry(n) for n in range(600)]
    await fill(redis, *before)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "D")
        await until_shown(pilot, words.question("Delete", 600, "failed job"))
        await pilot.press("enter", "enter")
        await until_shown(pilot, words.outcome("deleted", 600))
        assert await redis.failed() == 0
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    assert await listed(redis, KEYS.failed()) == before


async def test_a_group_is_deleted_after_a_preview_and_nothing_else(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(900)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, "3 groups of 900")
        name = under_cursor(app).group.fingerprint.class_name
        await pilot.press("d")
        await until_shown(pilot, words.question("Delete", 300, "failed job"))
        await pilot.press("enter", "enter")
        await until_shown(pilot, words.outcome("deleted", 300))
    left = {json.loads(raw)["payload"]["class"] for raw in await listed(redis, KEYS.failed())}
    assert len(left) == 2
    assert name not in left


def has_begun(app: QtopApp, of: int) -> bool:
    """Whether an action on many jobs reports that it has done some of them."""
    progress = rf"[ :][1-9][\d,]* of {of:,}\b.*{words.STOP_KEY}"
    return re.search(progress, screen_text(app)) is not None


async def test_a_bulk_action_with_a_rate_limit_can_be_stopped_and_reports_the_rest(
    redis: Redis,
) -> None:
    await fill(redis, *(entry(n) for n in range(500)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "R")
        await until_shown(pilot, words.question("Requeue", 500, "failed job"))
        app.screen.query_one("#pace", Input).value = "40"
        await pilot.press("enter", "enter")
        await until_shown(pilot, words.STOP_KEY)
        await until(pilot, lambda: has_begun(app, 500), "the first step")
        await pilot.press("x")
        await until_shown(pilot, "not changed: stopped")
        done = await redis.size("mail") + await redis.size("images")
        assert 10 <= done < 500
        assert f"requeued {done}; {500 - done}" in (screen_text(app))
        assert await redis.failed() == 500 - done
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    assert await redis.failed() == 500


async def test_the_undo_key_stops_a_running_action_and_asks_to_undo_it(redis: Redis) -> None:
    before = [entry(n) for n in range(500)]
    await fill(redis, *before)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "R")
        await until_shown(pilot, words.question("Requeue", 500, "failed job"))
        await pilot.press("4", "0", "enter", "enter")
        await until(pilot, lambda: has_begun(app, 500), "the first step")
        await pilot.press("u")
        await until_shown(pilot, "Undo requeue")
        assert 10 <= await redis.size("mail") + await redis.size("images") < 500
        await pilot.press("tab", "enter")
        await until_shown(pilot, words.UNDONE)
        # The undo is done: nothing else can be undone.
        await pilot.press("u")
        await until_shown(pilot, words.NOTHING_TO_UNDO)
    assert await listed(redis, KEYS.failed()) == before


async def test_failures_that_left_meanwhile_are_counted_as_gone(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(50)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "R")
        await until_shown(pilot, words.question("Requeue", 50, "failed job"))
        await redis.source.run(single(("LPOP", KEYS.failed(), 20), len, writes=True))
        await pilot.press("y")
        await until_shown(pilot, words.outcome("requeued", 30, gone=20))


async def test_a_preview_can_be_cancelled_before_it_opens(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(MANY)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app)
        await pilot.press("R", "escape")
        await pilot.pause()
        await until_screen(pilot, FailedScreen)
        await pilot.press("R")
        await until_shown(pilot, f"Requeue {MANY:,} failed jobs?")
        await pilot.press("escape")
    assert await redis.failed() == MANY


async def test_the_screen_says_when_nothing_matches(redis: Redis) -> None:
    await fill(redis, entry(1))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "slash")
        await pilot.press(*"class:None", "enter", "R")
        await until_shown(pilot, words.NOTHING_MATCHES)


async def test_jobs_move_to_another_queue(redis: Redis) -> None:
    await redis.push("later", 1)
    await fill(redis, entry(1), entry(2))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "m")
        await until_focused(pilot, Input)
        await pilot.press(*"later", "enter")
        await until_shown(pilot, words.outcome("moved to later:", 1))
    assert await redis.size("later") == 2


async def test_the_dialog_asks_about_a_queue_that_does_not_exist(redis: Redis) -> None:
    await fill(redis, entry(1))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "m")
        await until_focused(pilot, Input)
        await pilot.press(*"nwe", "enter")
        await until_shown(pilot, 'Queue "nwe" does not exist')
        await pilot.press("escape")
    assert await redis.failed() == 1


async def test_a_payload_is_edited_shown_as_a_difference_and_requeued(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    before = entry(1)
    await fill(redis, before)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "e")
        await until_focused(pilot, TextArea)
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace("Images::Resize", "")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "This cannot be requeued")
        await pilot.press("enter")
        await until_focused(pilot, TextArea)
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace('"class": ""', '"class": "Images::Crop"')
        await pilot.press("ctrl+s")
        await until_shown(pilot, '+  "class": "Images::Crop",')
        assert '-  "class": "Images::Resize",' in screen_text(app)
        await pilot.press("y")
        await until_shown(pilot, words.outcome("edited and requeued", 1))
        assert await listed(redis, KEYS.queue("mail")) == [b'{"class":"Images::Crop","args":[1]}']
        assert await redis.failed() == 0
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    assert await listed(redis, KEYS.failed()) == [before]


async def test_an_unchanged_payload_is_not_requeued(redis: Redis) -> None:
    await fill(redis, entry(1))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "enter", "e")
        await until_focused(pilot, TextArea)
        await pilot.press("ctrl+s")
        await until_shown(pilot, words.NOTHING_CHANGED)
    assert await redis.failed() == 1


async def test_an_entry_that_holds_no_job_cannot_be_edited(redis: Redis) -> None:
    await fill(redis, b"not JSON")
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "e")
        await until_shown(pilot, "cannot be edited: the entry cannot be read")


@pytest.mark.parametrize("with_secrets", [False, True])
async def test_all_that_match_are_written_to_a_private_file(
    redis: Redis, tmp_path: Path, with_secrets: bool
) -> None:
    secret = entry(1, payload={"class": "A", "args": [{"password": "hunter2"}]})
    large = entry(4, error="x" * 100_000)
    await fill(redis, *(entry(n) for n in range(3)), secret, large)
    file = tmp_path / "out.jsonl"
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "t", "w")
        await until_focused(pilot, Input)
        app.screen.query_one("#path", Input).value = str(file)
        app.screen.query_one("#secrets", Checkbox).value = with_secrets
        await pilot.click("#all")
        await until_shown(pilot, words.done("exported", 5))
        await pilot.press("w")
        await until_focused(pilot, Input)
        app.screen.query_one("#path", Input).value = str(file)
        await pilot.press("enter")
        await until_shown(pilot, "File exists")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert ("hunter2" in file.read_text()) is with_secrets
    if with_secrets:
        assert {line["raw"].encode() for line in lines} == set(await listed(redis, KEYS.failed()))


async def test_one_of_several_lists_of_failures_can_be_chosen(redis: Redis) -> None:
    key = failures.list_key(KEYS, "mail_failed")
    await redis.source.run(single(("SADD", KEYS.failed_queues(), "mail_failed"), int, writes=True))
    await fill(redis, entry(1), entry(4), key=key)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "b")
        await until_shown(pilot, "mail_failed   1 group of 2 failed jobs")
        await pilot.press("t")
        await until_shown(pilot, words.entries(1, 2, 2))
        await pilot.press("r")
        await until_shown(pilot, words.outcome("requeued", 1))
        await pilot.press("c")
        await until_focused(pilot, Input)
        await pilot.press(*"failed", "enter")
        await until_shown(pilot, words.deleted_from(1, "the failures"))
        await pilot.press("b")
        await until_shown(pilot, words.NO_FAILED_JOBS)
    assert await redis.size("mail") == 1


async def test_with_one_list_of_failures_there_is_nothing_to_choose(redis: Redis) -> None:
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app, "b")
        await until_shown(pilot, "only one list of failures")


async def test_x_stops_and_continues_the_count(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(MANY)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_failed(pilot, app)
        await until_shown(pilot, f"of {MANY:,} failed jobs")
        await pilot.press("x")
        await until_shown(pilot, words.NOTHING_UNDER_WAY)
        census = screen._census
        assert isinstance(census, ListSearch)
        census.is_stopped, census.of = True, MANY
        screen.show_title()
        await until_shown(pilot, "stopped, x continues")
        await pilot.press("x")
        await until_gone(pilot, "continues")


async def test_hostile_entries_are_shown_and_do_no_harm(redis: Redis) -> None:
    hostile = [
        b"not JSON",
        b"[1]",
        b"null",
        b"",
        b'{"payload":{"class":"\x1b[31mred","args":[]},"error":"[bold]x[/bold]","queue":"a\tb"}',
        encode({"payload": {"args": []}, "error": "\u202edecoy", "exception": "E" * 10_000}),
        b'{"payload":{"class":"A","args":["\xff\xfe"]},"backtrace":"one\\ntwo","exception":5}',
        b'{"failed_at":1700000000,"payload":null,"backtrace":{"a":1},"error":["x"]}',
        b"[" * 100_000,
        entry(1, error="y" * 1_000_000),
    ]
    await fill(redis, *hostile)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, "of 10 failed jobs")
        await pilot.press("t")
        await until_shown(pilot, words.entries(1, 10, 10))
        for _ in hostile:
            await pilot.press("enter")
            await until_shown(pilot, "bytes, SHA-1")
            assert "\x1b" not in screen_text(app)
            await pilot.press("escape", "j")
        await pilot.press("R")
        await until_shown(pilot, words.question("Requeue", 10, "failed job"))
        await pilot.press("y")
        await until_shown(pilot, words.outcome("requeued", 2, refused=8))
    assert await redis.failed() == 8


async def test_a_read_only_console_changes_nothing_but_still_reads(
    redis: Redis, tmp_path: Path
) -> None:
    await fill(redis, *(entry(n) for n in range(900)))
    app = on(redis, read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_failed(pilot, app)
        await until_shown(pilot, "3 groups of 900")
        for key in "RDdrme":
            await pilot.press(key)
            await until_shown(pilot, "read-only" if key != "e" else "one entry at a time")
        await pilot.press("w")
        await until_focused(pilot, Input)
        app.screen.query_one("#path", Input).value = str(tmp_path / "x")
        await pilot.press("enter")
        await until_shown(pilot, words.done("exported", 300))
        await pilot.press("w")
        await until_focused(pilot, Input)
        app.screen.query_one("#path", Input).value = str(tmp_path / "y")
        await pilot.click("#all")
        await until_shown(pilot, words.done("exported", 900))
    assert await redis.failed() == 900
