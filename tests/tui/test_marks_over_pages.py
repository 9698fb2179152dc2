"""Marks belong to rows, not to places on a page: they stay when a page is turned, actions are about
all marked rows, and rows that are gone are counted."""

from typing import Any

import pytest
from tests import words
from tests.support import scheduled_redis as delayed
from tests.support.console import console, table_of, until, until_rows, until_shown
from tests.support.console_redis import KEYS, Redis, on
from tests.support.failed_jobs import entry, fill, listed, open_failed
from tests.support.sample_data import FakeSystem, failure, queue, snapshot
from tests.support.scheduled_redis import LATER, Scheduled, to_scheduled
from tests.support.waiting_jobs import drain, job, opened, push, waiting

from qtop.widgets import list_pane, table_model
from qtop.widgets.table import Table
from resque.codec import decode

pytestmark = pytest.mark.redis


def numbers(payloads: list[bytes]) -> list[int]:
    return [decode(raw)["args"][1] for raw in payloads]


async def test_jobs_stay_marked_while_pages_are_turned_and_are_deleted_together(
    redis: Redis,
) -> None:
    await push(redis, "mail", *(job(n) for n in range(450)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, words.jobs(1, 200, 450))
        await pilot.press("space", "space")
        await until_shown(pilot, "2 marked")
        screen.turn(+1)
        await until_shown(pilot, words.jobs(201, 400, 450))
        await until_shown(pilot, words.marked(2, 2))
        await pilot.press("space")
        await until_shown(pilot, words.marked(3, 2))
        await pilot.press("d")
        await until_shown(pilot, words.question("Delete", 3, "waiting job"))
        await until_shown(pilot, "classes: Job 3")
        await until_shown(pilot, "places: 1 to 201 from the front")
        await until_shown(pilot, words.marked_elsewhere(2))
        await pilot.press("y")
        await until_shown(pilot, words.outcome("deleted", 3))
        await until(pilot, lambda: screen.table.rows.marked_rows() == [], "no marks")
    left = numbers(await waiting(redis, "mail"))
    assert len(left) == 447
    assert {0, 1, 200}.isdisjoint(left)


async def test_jobs_are_still_marked_when_their_page_comes_back(redis: Redis) -> None:
    await push(redis, "mail", *(job(n) for n in range(450)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, words.jobs(1, 200, 450))
        await pilot.press("j", "space", "space")
        screen.turn(+1)
        await until_shown(pilot, words.marked(2, 2))
        screen.turn(-1)
        await until_shown(pilot, words.jobs(1, 200, 450))
        await until(pilot, lambda: len(screen.table.rows.marked) == 2, "the marks")
        assert numbers([row.job.item.raw for row in screen.table.rows.marked_rows()]) == [1, 2]
        await pilot.press("g", "j", "space")
        screen.turn(+1)
        await until_shown(pilot, words.marked(1, 1))


async def test_one_hidden_job_is_not_deleted_without_a_question(redis: Redis) -> None:
    await push(redis, "mail", *(job(n) for n in range(450)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, words.jobs(1, 200, 450))
        await pilot.press("space")
        screen.turn(+1)
        await until_shown(pilot, words.marked(1, 1))
        await pilot.press("d")
        await until_shown(pilot, words.marked_elsewhere(1))
        await pilot.press("escape")
        await until_shown(pilot, words.NOTHING_CHANGED)
    assert await redis.size("mail") == 450


async def test_marked_jobs_that_workers_took_meanwhile_are_counted_as_gone(redis: Redis) -> None:
    await push(redis, "mail", *(job(n) for n in range(450)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, words.jobs(1, 200, 450))
        await pilot.press("space", "space", "space")
        screen.turn(+1)
        await until_shown(pilot, words.marked(3, 3))
        await drain(redis, "mail", 2)
        await pilot.press("space", "d")
        await until_shown(pilot, words.question("Delete", 4, "waiting job"))
        await pilot.press("y")
        await until_shown(pilot, words.outcome("deleted", 2, gone=2))
    assert numbers(await waiting(redis, "mail"))[:2] == [3, 4]


async def test_failures_stay_marked_over_pages_and_newcomers(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(1_300)))
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_failed(pilot, app, "t")
        await until_shown(pilot, words.entries(1, 500, 1_300))
        await pilot.press("space", "G", "space", "pagedown")
        await until_shown(pilot, words.entries(501, 1_000, 1_300))
        await until_shown(pilot, words.marked(2, 2))
        await fill(redis, *(entry(n) for n in range(2_000, 2_100)))
        app.poll_now()
        await until_shown(pilot, words.entries(601, 1_100, 1_400))
        await pilot.press("g", "space", "r")
        await until_shown(pilot, "Requeue 3 failed jobs")
        await until_shown(pilot, words.marked_elsewhere(2))
        await pilot.press("y")
        await until_shown(pilot, words.outcome("requeued", 3))
        assert screen.table.rows.marked_rows() == []
    left = {decode(raw)["payload"]["args"][0] for raw in await listed(redis, KEYS.failed())}
    assert set(range(1_300)) - left == {1_299, 800, 799}


async def test_a_small_terminal_shows_how_many_are_marked_too(redis: Redis) -> None:
    await fill(redis, *(entry(n) for n in range(1_300)))
    app = on(redis)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_failed(pilot, app, "t")
        await until_shown(pilot, f"{words.entries(1, 500, 1_300)}, newest first")
        await pilot.press("space", "G", "pagedown")
        await until_shown(pilot, f"{words.entries(501, 1_000, 1_300)}   {words.marked(1, 1)}")


async def test_a_marked_failure_pushed_off_the_page_by_newcomers_stays_marked(
    redis: Redis,
) -> None:
    await fill(redis, *(entry(n) for n in range(600)))
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        await open_failed(pilot, app, "t")
        await until_shown(pilot, words.entries(1, 500, 600))
        await pilot.press("G", "space")
        await fill(redis, *(entry(n) for n in range(2_000, 2_010)))
        app.poll_now()
        await until_shown(pilot, words.marked(1, 1))


async def test_delayed_jobs_stay_marked_over_pages(redis: Redis) -> None:
    parked = Scheduled(redis.url, redis.source)
    for number in range(250):
        await parked.park(LATER + number, number)
    async with delayed.on(parked).run_test(size=(120, 30)) as pilot:
        await to_scheduled(pilot, "[0]")
        await pilot.press("space", "G", "pagedown")
        await until_shown(pilot, words.marked(1, 1))
        await until_rows(pilot, 50)
        await pilot.press("space", "d")
        await until_shown(pilot, words.question("Delete", 2, "delayed job"))
        await pilot.press("y")
        await until_shown(pilot, words.outcome("deleted", 2))
    left = numbers_of(await parked.parked())
    assert set(range(250)) - left == {0, 200}


def numbers_of(parked: list[tuple[str, bytes]]) -> set[int]:
    return {decode(raw)["args"][0] for _, raw in parked}


async def test_when_all_marked_failures_are_gone_the_one_under_the_cursor_is_not_used() -> None:
    entries = [failure(n) for n in range(1, 6)]
    source = FakeSystem(snapshot(failures=entries), snapshot(failures=entries[2:]))
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await open_failed(pilot, app, "t")
        await until_shown(pilot, "of 5, newest first")
        await pilot.press("space", "space")
        app.poll_now()
        await until_shown(pilot, "of 3, newest first")
        await pilot.press("d")
        await until_shown(pilot, words.MARKED_GONE)
        assert source.operations == []


async def test_when_all_marked_queues_are_gone_none_is_paused() -> None:
    source = FakeSystem(snapshot([queue("a", 1), queue("b", 9)]), snapshot([queue("a", 1)]))
    app = console(source)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("2")
        await until_rows(pilot, 2)
        await pilot.press("space")
        app.poll_now()
        await until_rows(pilot, 1)
        await pilot.press("p")
        await until_shown(pilot, words.MARKED_GONE)
        assert source.operations == []
        assert table_of(app).rows.dropped_marks == 0


def table() -> Table[int]:
    return Table([], key=lambda row: row, clock=lambda: 0.0)


def test_marks_off_the_page_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (table_model, list_pane):
        monkeypatch.setattr(module, "MOST_ELSEWHERE", 3)
    paged: Table[Any] = table()
    paged.set_rows([1, 2, 3, 4, 5], is_all=False)
    paged.action_mark_all()
    paged.set_rows([6, 7], is_all=False)
    assert paged.rows.marked_rows() == [1, 2, 3]
    (span,) = list_pane.marks_spans(paged)
    assert span.text.strip() == f"{words.marked(3, 3)} (3 at most)"


def test_a_second_press_of_a_removes_all_marks_also_those_on_other_pages() -> None:
    paged: Table[Any] = table()
    paged.set_rows([1, 2], is_all=False)
    paged.action_mark_all()
    paged.set_rows([3, 4], is_all=False)
    paged.action_mark_all()
    assert paged.rows.marked_rows() == [3, 4, 1, 2]
    paged.post_message = lambda message: True  # type: ignore[method-assign]
    paged.action_mark_all()
    assert paged.rows.marked_rows() == []


def test_a_marked_row_missing_from_a_whole_list_is_gone() -> None:
    paged: Table[Any] = table()
    paged.set_rows([1, 2, 3], is_all=False)
    paged.action_mark_all()
    paged.set_rows([4], is_all=False)
    assert paged.rows.dropped_marks == 0
    paged.set_rows([2, 4], is_all=True)
    assert paged.rows.marked_rows() == [2]
    assert paged.rows.dropped_marks == 2
