"""The keys of the console that change something, on Sidekiq; and what Resque does not offer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_checked,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.console_redis import Redis, on
from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS, failed_job, fill_queue, fill_set, job, state_of
from tests.support.sidekiq_processes import beat, crash, payload, work
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.dialogs import ConfirmDialog, DateDialog
from qtop.screens.failed import FailureScreen
from qtop.screens.workers import WorkerScreen
from qtop.systems.resque.system import NO_DEAD, NO_RETRIES
from qtop.systems.runner import RedisRunner
from qtop.systems.sidekiq.system import SidekiqSystem
from queuecore.address import parse_url
from queuecore.exchange import Exchange, Steps
from sidekiq.store.job_search import LostJobSearch

pytestmark = pytest.mark.redis
AT_S = 4_000_000_000.0


@pytest.fixture
async def app(redis_url: str) -> AsyncIterator[QtopApp]:
    """A console on Sidekiq, on an empty database."""
    source = RedisRunner(SidekiqSystem(KEYS), parse_url(redis_url))
    yield console(source, url=redis_url, namespace="")
    await source.close()


async def show(pilot: Pilot[None], digit: str, text: str, *more: str) -> None:
    """Go to a screen that shows a text, and press some keys there."""
    await until_polled(pilot)
    await pilot.press(digit)
    await until_shown(pilot, text)
    await pilot.press(*more)


async def confirm(pilot: Pilot[None]) -> None:
    """Answer a question with yes."""
    await until_screen(pilot, ConfirmDialog)
    await pilot.press("y")


@pytest.mark.parametrize("digit", ["4", "5"])
async def test_a_job_is_killed_at_once_and_taken_back(
    app: QtopApp, direct: Direct, digit: str
) -> None:
    name = {"4": "retry", "5": "schedule"}[digit]
    fill_set(direct, KEYS.jobs("retry" if digit == "4" else "schedule"), {failed_job(1): AT_S})
    before = state_of(direct)
    async with app.run_test(size=(140, 30)) as pilot:
        await show(pilot, digit, "HardJob")
        if digit == "4":
            await pilot.press("t")
            await until_shown(pilot, "HardJob")
        assert "kill" in screen_lines(app)[-1]
        await pilot.press("i")
        await until(pilot, lambda: [*state_of(direct)] == ["dead"], f"a death from {name}")
        await pilot.press("u")
        await until(pilot, lambda: state_of(direct) == before, "what there was")


@pytest.mark.parametrize("digit", ["4", "5"])
async def test_all_are_killed_after_a_question(app: QtopApp, direct: Direct, digit: str) -> None:
    key = KEYS.jobs("retry" if digit == "4" else "schedule")
    fill_set(direct, key, {failed_job(n): AT_S for n in range(5)})
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, digit, "HardJob", "I")
        await confirm(pilot)
        await until(pilot, lambda: [*state_of(direct)] == ["dead"], "five deaths")
        assert len(state_of(direct)["dead"]) == 5


@pytest.mark.parametrize("key", ["h", "H"])
async def test_failed_jobs_are_tried_again_at_another_time(
    app: QtopApp, direct: Direct, key: str
) -> None:
    fill_set(direct, KEYS.jobs("retry"), {failed_job(n): AT_S for n in range(3)})
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "4", "HardJob", key)
        await until_screen(pilot, DateDialog)
        await pilot.press(*"2040-01-01T12:00", "enter")
        await confirm(pilot)
        await until(pilot, lambda: AT_S not in state_of(direct)["retry"].values(), "other times")
        assert len({*state_of(direct)["retry"].values()}) == 1


@pytest.mark.parametrize("key", ["M", "H"])
async def test_all_scheduled_jobs_that_match_come_due_at_another_time(
    app: QtopApp, direct: Direct, key: str
) -> None:
    meant = {failed_job(n): AT_S for n in range(3)}
    other = failed_job(9, **{"class": "Other"})
    fill_set(direct, KEYS.jobs("schedule"), {**meant, other: AT_S})
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "5", "HardJob", "slash", *"class:HardJob", "enter", key)
        await until_screen(pilot, DateDialog)
        await pilot.press(*"2040-01-01T12:00", "enter")
        await confirm(pilot)
        await until(
            pilot,
            lambda: [*state_of(direct)["schedule"].values()].count(AT_S) == 1,
            "three other times",
        )
        assert float(direct("ZSCORE", KEYS.jobs("schedule"), other)) == AT_S
        await pilot.press("u")
        await until(
            pilot, lambda: {*state_of(direct)["schedule"].values()} == {AT_S}, "the times before"
        )


async def test_a_group_says_how_many_are_tried_again_and_how_many_are_dead(
    app: QtopApp, direct: Direct
) -> None:
    fill_set(direct, KEYS.jobs("retry"), {failed_job(n): AT_S for n in range(4)})
    fill_set(direct, KEYS.jobs("dead"), {failed_job(n): AT_S for n in range(4, 10)})
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, "4", "HardJob")
        await until_shown(pilot, "of 10 failed jobs")
        lines = [line.strip("│") for line in screen_lines(app)]
        [head] = [line.split() for line in lines if "count" in line and "retry" in line]
        [row] = [line.split() for line in lines if "HardJob" in line]
        assert head[:3] == ["count", "retry", "dead"]
        assert row[:3] == ["10", "4", "6"]


async def test_all_failed_jobs_that_match_go_to_another_queue(app: QtopApp, direct: Direct) -> None:
    fill_set(direct, KEYS.jobs("retry"), {failed_job(n): AT_S for n in range(3)})
    fill_set(direct, KEYS.jobs("dead"), {failed_job(9, **{"class": "Other"}): AT_S})
    direct("SADD", "queues", "elsewhere")
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "4", "HardJob", "slash", *"class:HardJob", "enter", "M")
        await until_shown(pilot, "Requeue all that match to which queue?")
        await pilot.press(*"elsewhere", "enter")
        await confirm(pilot)
        await until(pilot, lambda: direct("LLEN", "queue:elsewhere") == 3, "three jobs")
        assert not direct("EXISTS", KEYS.jobs("retry"))
        assert direct("ZCARD", KEYS.jobs("dead")) == 1


async def test_the_question_for_a_time_says_once_how_times_are_written(
    app: QtopApp, direct: Direct
) -> None:
    fill_set(direct, KEYS.jobs("retry"), {failed_job(1): AT_S})
    async with app.run_test(size=(80, 24)) as pilot:
        await show(pilot, "4", "HardJob", "h")
        await until_screen(pilot, DateDialog)
        assert screen_text(app).count("tomorrow 8:00") == 1


async def test_one_failure_is_killed_or_postponed_from_its_details(
    app: QtopApp, direct: Direct
) -> None:
    fill_set(direct, KEYS.jobs("retry"), {failed_job(1): AT_S})
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "4", "HardJob", "t")
        await until_shown(pilot, "HardJob")
        await pilot.press("enter")
        await until_screen(pilot, FailureScreen)
        await pilot.press("h")
        await until_screen(pilot, DateDialog)
        await pilot.press("escape", "i")
        await until(pilot, lambda: [*state_of(direct)] == ["dead"], "its death")


async def test_the_question_says_that_a_batch_stays(app: QtopApp, direct: Direct) -> None:
    fill_set(direct, KEYS.jobs("retry"), {failed_job(1, bid="b"): AT_S})
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "4", "HardJob", "t")
        await until_shown(pilot, "HardJob")
        await pilot.press("d")
        await until_screen(pilot, ConfirmDialog)
        assert "batch" in screen_text(app)


async def test_waiting_jobs_are_moved_and_a_queue_cleared(app: QtopApp, direct: Direct) -> None:
    fill_queue(direct, "idle", [job(n, queue="idle") for n in range(3)])
    before = state_of(direct)
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "2", "idle", "enter")
        await until_shown(pilot, "HardJob")
        await pilot.press("d")
        await until(pilot, lambda: len(state_of(direct)["queue:idle"]) == 2, "one less")
        assert job(0, queue="idle") not in state_of(direct)["queue:idle"]
        await pilot.press("u")
        await until(pilot, lambda: state_of(direct) == before, "what there was")
        await pilot.press("escape", "c", *"idle", "enter")
        await until(pilot, lambda: state_of(direct) == {}, "an empty queue")


async def test_a_process_is_quieted_and_stopped_by_its_signals(
    app: QtopApp, direct: Direct
) -> None:
    beat(direct, "far:1:0123456789ab")
    signals = KEYS.signals("far:1:0123456789ab")
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "3", "h:1", "p")
        await confirm(pilot)
        await until(pilot, lambda: direct("LRANGE", signals, 0, -1) == [b"TSTP"], "a signal")
        await pilot.press("x")
        await confirm(pilot)
        await until(pilot, lambda: direct("LLEN", signals) == 2, "another signal")
        await pilot.press("u")
        await until(pilot, lambda: direct("LRANGE", signals, 0, -1) == [b"TSTP"], "one less")


async def test_how_far_an_iterable_job_is_is_shown_with_its_thread(
    app: QtopApp, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, jid = "far:1:0123456789ab", "a" * 24
    beat(direct, identity)
    work(direct, identity, {"t1": payload(jid), "t2": payload("b" * 24)})
    direct("HSET", KEYS.iteration(jid), "c", '[7,"x"]', "ex", "2", "rt", "754.5")
    async with app.run_test(size=(140, 60)) as pilot:
        await show(pilot, "3", "h:1", "enter")
        await until_screen(pilot, WorkerScreen)
        await until_shown(pilot, '2 starts, ran for 12 min, at [7,"x"]')
        assert screen_text(app).count("iteration") == 1
        direct("HSET", KEYS.iteration(jid), "c", "8", "cancelled", "1795436444")
        app.poll_now()
        await until_shown(pilot, "at 8; asked to end")
        direct("DEL", KEYS.iteration(jid))
        direct("SET", KEYS.iteration(jid), "x")
        app.poll_now()
        await until_shown(pilot, "unknown: a key holds another kind")
        unanswered: Exchange[Any] = Exchange((("NOSUCH",),), list)
        monkeypatch.setattr(SidekiqSystem, "iterations", lambda *_: unanswered)
        app.poll_now()
        await until_shown(pilot, "NOSUCH")
        assert "2 starts" not in screen_text(app)


async def test_what_a_process_lost_while_the_console_watched_is_rescued(
    app: QtopApp, direct: Direct
) -> None:
    identity = "far:1:0123456789ab"
    beat(direct, identity)
    work(direct, identity, {"t": job(1, queue="q")})
    async with app.run_test(size=(140, 40)) as pilot:
        await until_checked(pilot)
        direct("DEL", KEYS.process(identity), KEYS.work(identity))
        await show(pilot, "3", "h:1", "D")
        await until_screen(pilot, ConfirmDialog)
        assert "HardJob" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: direct("LLEN", KEYS.queue("q")) == 1, "the lost job")
        [done] = await app.read(app.system.history(1))
        assert done.processes == (identity,)


async def test_the_iterable_jobs_of_a_process_are_cancelled_and_that_is_taken_back(
    app: QtopApp, direct: Direct
) -> None:
    identity, state = "far:1:0123456789ab", KEYS.iteration(f"{1:024x}")
    beat(direct, identity)
    work(direct, identity, {"t": job(1, queue="q"), "u": job(2, queue="q")})
    direct("HSET", state, "c", "7", "ex", "1", "rt", "2.5")
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "3", "h:1", "enter")
        await until_screen(pilot, WorkerScreen)
        await until_shown(pilot, f"{1:024x}")
        await pilot.press("c")
        await until_screen(pilot, ConfirmDialog)
        assert "it has no state" in screen_text(app)
        await pilot.press("y")
        await until(pilot, lambda: direct("HEXISTS", state, "cancelled") == 1, "it is asked")
        await pilot.press("escape", "u")
        await until(pilot, lambda: direct("HEXISTS", state, "cancelled") == 0, "it is taken back")
        assert direct("EXISTS", KEYS.iteration(f"{2:024x}")) == 0


async def test_a_search_for_lost_jobs_that_is_stopped_leaves_the_rest_unknown(
    app: QtopApp, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = "far:1:0123456789ab"
    beat(direct, identity)
    work(direct, identity, {"t": job(1, queue="q")})
    looked: list[None] = []

    def slowly(self: LostJobSearch) -> Steps[None]:
        while True:
            looked.append((yield Exchange((("TIME",),), lambda _: None, progress=(1, 9))))

    async with app.run_test(size=(140, 40)) as pilot:
        await until_checked(pilot)
        crash(direct, identity)
        monkeypatch.setattr(LostJobSearch, "run", slowly)
        await show(pilot, "3", "h:1", "D")
        await until_shown(pilot, "1 of 9 searched")
        await pilot.click("#stop")
        await until_shown(pilot, "not everything was checked")
        assert looked
        await pilot.press("d")
        await until_shown(pilot, "1 of 9 searched")
        await pilot.click("#stop")
        await until_screen(pilot, ConfirmDialog)
        assert "perhaps elsewhere" in screen_text(app)
        assert direct("EXISTS", KEYS.queue("q")) == 0


async def test_what_sidekiq_cannot_do_has_no_key_and_says_why(app: QtopApp, direct: Direct) -> None:
    fill_queue(direct, "idle", [job(1)])
    async with app.run_test(size=(140, 40)) as pilot:
        await show(pilot, "2", "idle")
        assert "pause" not in screen_lines(app)[-1]
        await pilot.press("p")
        await until_shown(pilot, "open-source Sidekiq")


async def test_resque_offers_neither_deaths_nor_other_times(redis: Redis) -> None:
    app = on(redis)
    await redis.fail(2)
    async with app.run_test(size=(140, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await until(pilot, lambda: table_of(app).row_count == 1, "a group")
        footer = screen_lines(app)[-1]
        assert not {"kill", "later"} & {*footer.split()}
        for key, why in (("i", NO_DEAD), ("I", NO_DEAD), ("h", NO_RETRIES), ("H", NO_RETRIES)):
            app.say("")
            await pilot.press(key)
            await until_shown(pilot, why)
    assert await redis.failed() == 2
