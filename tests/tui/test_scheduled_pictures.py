"""The scheduled screen as text, also with hostile data and without an answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests import words
from tests.support.console import (
    SIZES,
    assert_at_every_size,
    assert_snapshot,
    console,
    screen_text,
    until,
    until_checked,
    until_shown,
)
from tests.support.sample_data import NOW
from tests.support.scheduled_redis import KEYS, Scheduled, StillSource, page, still_source

from qtop.app.app import QtopApp
from resque.codec import encode

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("in_utc")]

EPOCH = int(NOW.timestamp())
WRAPPER = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"
#: Lasts long enough to be the same text in every picture.
LOCK_S = 100_000_000


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Scheduled]:
    source = still_source(redis_url)
    yield Scheduled(redis_url, source)
    await source.close()


def on_still(redis: Scheduled) -> tuple[QtopApp, StillSource]:
    source = still_source(redis.url)
    return console(source), source


async def something_of_everything(redis: Scheduled) -> None:
    park = redis.park
    await park(EPOCH - 190, 17, name="Mailers::Reminder", queue="mail")
    await park(EPOCH + 4, {"id": 5}, True, None, name="ChargeCard", queue="payments")
    await park(EPOCH + 4, {"job_class": "Digest", "arguments": ["ada"]}, name=WRAPPER, queue="low")
    await park(EPOCH + 2_000, "x" * 9_000, name="Import", queue="imports")
    await redis("RPUSH", KEYS.delayed(str(EPOCH + 2_000)), b"no job \x1b[31m", encode([1]))
    for day in range(3):
        await park(EPOCH + 86_400 * (day + 1) + 1, day, name="Mailers::Reminder", queue="mail")
    await redis.schedule(
        "nightly clean-up",
        {"cron": "0 3 * * * UTC", "class": "Cleanup", "queue": "low", "args": [30]},
    )
    await redis.schedule("every minute", {"every": "60s", "class": "Tick", "queue": "low"})
    await redis.schedule("broken", {"cron": "99 * * * *", "class": "Never"})
    last = (NOW - timedelta(seconds=20)).strftime("%Y-%m-%d %H:%M:%S +0000")
    await redis("HSET", KEYS.last_enqueued(), "every minute", last, "of a file", last)
    await redis("SET", KEYS.master_lock(), "web1:4242", "EX", LOCK_S)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_delayed_jobs_by_time_and_by_class_and_schedules_fit_every_size(
    redis: Scheduled, width: int, height: int
) -> None:
    await something_of_everything(redis)
    app, _ = on_still(redis)
    async with app.run_test(size=(width, height)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, "Digest")
        assert_snapshot(app, f"scheduled-{width}x{height}")
        await pilot.press("b")
        await until_shown(pilot, words.of_jobs(9, 9))
        assert_snapshot(app, f"scheduled-classes-{width}x{height}")
        await pilot.press("t")
        await until_shown(pilot, "nightly")
        assert_snapshot(app, f"scheduled-schedules-{width}x{height}")


async def test_one_job_and_one_schedule_whole(redis: Scheduled) -> None:
    await something_of_everything(redis)
    app, _ = on_still(redis)
    async with app.run_test(size=(100, 40)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, "Digest")
        await pilot.press("j", "j", "enter")
        await until_shown(pilot, "Job as it is in Redis")
        assert_snapshot(app, "delayed-job-100x40")
        await pilot.press("escape", "t")
        await until_shown(pilot, "nightly")
        await pilot.press("j", "enter")
        await until(pilot, lambda: screen_text(app).count(":30:40 UTC") >= 1, "the next runs")
        await until(pilot, lambda: screen_text(app).count("in 4 min") >= 1, "all of them")
        assert_snapshot(app, "schedule-100x40")
        await pilot.press("escape", "g", "enter")
        await until_shown(pilot, "unusable")
        assert_snapshot(app, "schedule-broken-100x40")


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_an_empty_screen_says_how_to_begin(redis: Scheduled, width: int, height: int) -> None:
    app, _ = on_still(redis)
    async with app.run_test(size=(width, height)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, words.NO_DELAYED_JOBS)
        assert_snapshot(app, f"scheduled-empty-{width}x{height}")
        await pilot.press("t")
        await until_shown(pilot, words.NO_SCHEDULES)
        await pilot.press("b")
        await until_shown(pilot, words.of_jobs(0, 0))


async def test_without_an_answer_the_last_data_stay(redis: Scheduled) -> None:
    await something_of_everything(redis)
    app, source = on_still(redis)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, "Digest")
        source.is_silent = True
        app.poll_now()
        await until_shown(pilot, words.NO_ANSWER_FROM_REDIS)
        assert "Digest" in screen_text(app)
        assert page(app).table.stale
        await pilot.press("r")
        await until_shown(pilot, "not now: no answer from Redis")
        await assert_at_every_size(app, pilot, "scheduled-no-answer")


async def test_no_scheduler_runs_and_jobs_are_overdue(redis: Scheduled) -> None:
    await redis.park(EPOCH - 100)
    await redis.park(EPOCH - 50)
    app, _ = on_still(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, "no scheduler runs: 2 jobs are overdue")
        await redis("SET", KEYS.master_lock(), "dead:1")
        app.poll_now()
        await until_shown(pilot, "2 jobs are overdue by up to 1 min, but scheduler dead:1 holds")


async def hostile(redis: Scheduled) -> None:
    for score, stamp in (
        ("-inf", "never\x1b]0;x\x07"),
        ("5", "[red]"),
        ("inf", ""),
        ("1e300", "9"),
    ):
        await redis("ZADD", KEYS.delayed_schedule(), score, stamp)
        await redis("RPUSH", KEYS.delayed(stamp), encode({"class": "[b]A\x1b[0m", "args": {}}))
    for offset, raw in enumerate(
        (
            b"\xff\xfe\x00",
            b"",
            b'{"class":{"a":1},"args":"x","queue":["q"]}',
            b"[" * 100_000,
            encode({"class": "A" * 5_000, "args": ["\u202e" * 500], "queue": "q\nq"}),
            b'{"class":"Big","args":["' + b"y" * 2_000_000 + b'"],"queue":"q"}',
        )
    ):
        await redis("RPUSH", KEYS.delayed(str(EPOCH + 60)), raw)
        await redis("ZADD", KEYS.delayed_schedule(), EPOCH + 60 + offset, str(EPOCH + 60 + offset))
    await redis("SET", KEYS.delayed(str(EPOCH + 62)), "no list")
    for name, config in (
        ("yaml", b"--- !ruby/object:Foo\ncron: '* * * * *'\n"),
        ("\x1b[2J", b'{"cron":["* * * * *",{"allow_overlapping":true}],"class":"A"}'),
        ("number", b"5"),
        ("deep", b"[" * 60_000),
        ("huge", b'{"cron":"' + b"*" * 200_000 + b'"}'),
        ("", b'{"every":"1h"}'),
        ("types", b'{"cron":{"a":1},"class":[1],"args":null,"queue":7}'),
        ("fractions", b'{"every":"0.2s","class":"A"}'),
    ):
        await redis.schedule(name, config)
    await redis("HSET", KEYS.last_enqueued(), "yaml", b"\xff" * 500)


async def test_hostile_data_are_shown_safely(redis: Scheduled, tmp_path: Path) -> None:
    await hostile(redis)
    app, _ = on_still(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, words.LARGE)
        await assert_at_every_size(app, pilot, "scheduled-hostile")
        await pilot.resize_terminal(120, 40)
        for row in range(page(app).table.row_count):
            await pilot.press("enter")
            await pilot.pause()
            assert "\x1b" not in screen_text(app)
            await pilot.press("escape", "j")
            assert page(app).table.rows.cursor_index <= row + 1
        await pilot.press("b")
        await until_shown(pilot, " of 11 jobs")
        assert_snapshot(app, "scheduled-hostile-classes-120x40")
        await pilot.press("G", "enter")
        await until_shown(pilot, "the filter is longer than 2,000 characters")
        await pilot.press("g", "enter")
        await until_shown(pilot, words.of_jobs(5, 11))
        await pilot.press("escape", "t")
        await until_shown(pilot, "fractions")
        assert_snapshot(app, "scheduled-hostile-schedules-120x40")
        for _ in range(page(app).table.row_count):
            await pilot.press("enter")
            await pilot.pause()
            assert "\x1b" not in screen_text(app)
            await pilot.press("escape", "j")


@pytest.mark.parametrize(
    ("key", "word"),
    [
        (KEYS.delayed_schedule(), "cannot read delayed jobs"),
        (KEYS.persistent_schedules(), "cannot read schedules"),
        (KEYS.master_lock(), "cannot read the schedulers"),
    ],
)
async def test_keys_of_another_kind_are_reported_and_the_rest_is_shown(
    redis: Scheduled, key: bytes, word: str
) -> None:
    if key != KEYS.delayed_schedule():
        await redis.park(EPOCH + 60, "there")
    await redis("DEL", key)
    await redis("SADD", key, "x")
    app, _ = on_still(redis)
    async with app.run_test(size=(120, 24)) as pilot:
        await until_checked(pilot)
        await pilot.press("5")
        await until_shown(pilot, word)
        if key != KEYS.delayed_schedule():
            await until_shown(pilot, '["there"]')
        await pilot.press("t", "b", "R")
        await pilot.pause()
