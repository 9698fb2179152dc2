"""The scheduled screen on a real Redis: what its keys show and do."""

import json
from collections.abc import AsyncIterator

import pytest
from tests import words
from tests.support.console import screen_text, until, until_focused, until_shown
from tests.support.scheduled_redis import KEYS, LATER, Scheduled, on, page, to_scheduled
from textual.widgets import Input

from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from queuecore.address import parse_url
from resque.codec import encode
from resque.store import delayed_windows

pytestmark = pytest.mark.redis


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Scheduled]:
    source = RedisRunner(ResqueSystem(KEYS), parse_url(redis_url))
    yield Scheduled(redis_url, source)
    await source.close()


async def test_delayed_jobs_are_listed_by_time(redis: Scheduled) -> None:
    await redis.park(1_000_000_000, "late", name="Overdue")
    await redis.park(LATER, {"id": 7}, name="Mail", queue="mail")
    wrapper = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"
    await redis.park(LATER, {"job_class": "Wrapped", "arguments": [1]}, name=wrapper)
    async with on(redis).run_test(size=(120, 24)) as pilot:
        app = await to_scheduled(pilot, "Wrapped")
        rows = [row.job.unwrapped[0] for row in page(app).pane.chosen()]
        assert rows == ["Overdue"]


async def test_classes_are_counted_and_open_their_jobs(redis: Scheduled) -> None:
    for number in range(3):
        await redis.park(LATER + number, number, name='Odd "\\" name', queue=f"q{number}")
    await redis.park(1_000_000_000, name="Old")
    await redis("RPUSH", KEYS.delayed(str(LATER)), b"no job")
    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "Old")
        await pilot.press("b")
        await until_shown(pilot, words.of_jobs(5, 5))
        found = {(r.name, r.count, r.is_readable) for r in page(app).pane.rows}
        assert found == {('Odd "\\" name', 3, True), ("Old", 1, True), (None, 1, False)}
        assert "q0, q1, q2" in screen_text(app)
        await pilot.press("enter")
        await until_shown(pilot, words.of_jobs(3, 5))
        assert page(app).part == "jobs"
        assert len(page(app).pane.rows) == 3
        await pilot.press("escape")
        assert page(app).part == "classes"
        await until_shown(pilot, words.of_jobs(5, 5))
        await pilot.press("G", "enter")
        await until_shown(pilot, words.of_jobs(1, 5))
        await pilot.press("escape", "b")
        assert page(app).part == "jobs"
        await until_shown(pilot, "due times 1 to")


async def test_one_job_runs_now_without_a_question_and_undo_brings_it_back(
    redis: Scheduled,
) -> None:
    await redis.park(LATER, 1)
    await redis.park(LATER, 2)
    before = await redis.parked()
    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "[2]")
        await pilot.press("r")
        await until_shown(pilot, words.outcome("ran now", 1))
        assert (await redis.waiting(), len(await redis.parked())) == (1, 1)
        await until(pilot, lambda: page(app).table.row_count == 1, "the next look")
        await pilot.press("u")
        await until_shown(pilot, words.undone(1, "run now 1 delayed job"))
    assert await redis.parked() == before
    assert await redis.waiting() == 0


async def test_marked_jobs_are_deleted_after_a_question(redis: Scheduled) -> None:
    for number in range(4):
        await redis.park(LATER + number, number)
    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "[3]")
        await pilot.press("space", "space", "d")
        await until_shown(pilot, words.question("Delete", 2, "delayed job"))
        assert "Classes: Job (2)" in screen_text(app)
        await pilot.press("n")
        await until_shown(pilot, words.NOTHING_CHANGED)
        assert len(await redis.parked()) == 4
        await pilot.press("d", "y")
        await until_shown(pilot, words.outcome("deleted", 2))
        assert page(app).table.rows.marked == frozenset()
    left = await redis.parked()
    assert [stamp for stamp, _ in left] == [str(LATER + 2), str(LATER + 3)]


async def test_a_job_is_rescheduled_to_a_time_that_the_dialog_explains_first(
    redis: Scheduled,
) -> None:
    await redis.park(LATER, 1)
    async with on(redis).run_test(size=(100, 30)) as pilot:
        await to_scheduled(pilot, "[1]")
        await pilot.press("m")
        await until_shown(pilot, words.question("Reschedule", 1, "delayed job"))
        await until_focused(pilot, Input)
        await pilot.press(*"soon")
        await until_shown(pilot, "'soon' is no time")
        await pilot.press("enter")
        assert [stamp for stamp, _ in await redis.parked()] == [str(LATER)]
        await pilot.press(*["backspace"] * 4, *"2096-10-02 07:30Z")
        await until_shown(pilot, "2096-10-02 07:30:00 UTC, in ")
        await pilot.press("enter")
        await until_shown(pilot, "rescheduled to 2096-10-02 07:30:00 UTC: 1")
        assert [stamp for stamp, _ in await redis.parked()] == ["4000001400"]
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    assert [stamp for stamp, _ in await redis.parked()] == [str(LATER)]


async def test_closing_the_question_for_a_time_changes_nothing(redis: Scheduled) -> None:
    await redis.park(LATER, 1)
    async with on(redis).run_test(size=(100, 30)) as pilot:
        await to_scheduled(pilot, "[1]")
        await pilot.press("m")
        await until_focused(pilot, Input)
        await pilot.press(*"in 5m", "escape")
        await pilot.pause()
    assert [stamp for stamp, _ in await redis.parked()] == [str(LATER)]


@pytest.mark.parametrize(("key", "asked"), [("R", "Run 3 delayed jobs now?"), ("D", "Delete 3")])
async def test_an_action_on_all_matching_jobs_asks_with_a_preview(
    redis: Scheduled, key: str, asked: str
) -> None:
    for number in range(3):
        await redis.park(LATER + number, number, name="Mail")
    await redis.park(LATER, name="Other")
    before = await redis.parked()
    async with on(redis).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "Other")
        await pilot.press("slash", *"class:Mail", "enter")
        await until_shown(pilot, words.of_jobs(3, 4))
        await pilot.press(key)
        await until_shown(pilot, asked)
        await redis.park(LATER, "newcomer", name="Mail")
        await pilot.press("y")
        await until_shown(pilot, "3")
        await until_shown(pilot, words.of_jobs(1, 2))
        assert await redis.waiting() == (3 if key == "R" else 0)
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    left = await redis.parked()
    assert [each for each in left if b"newcomer" not in each[1]] == before


async def test_one_match_is_asked_about_too_and_no_match_changes_nothing(redis: Scheduled) -> None:
    await redis.park(LATER, 1)
    async with on(redis).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "[1]")
        await pilot.press("D")
        await until_shown(pilot, words.question("Delete", 1, "delayed job"))
        await pilot.press("escape", "slash", *"class:No", "enter")
        await until_shown(pilot, words.NO_MATCH)
        await pilot.press("D")
        await until_shown(pilot, "nothing matches: nothing was changed")
    assert len(await redis.parked()) == 1


async def test_an_action_on_the_row_of_a_class_is_about_all_its_jobs(redis: Scheduled) -> None:
    await redis.park(LATER, 1, name="A")
    await redis.park(LATER + 9, 2, name="A")
    await redis.park(LATER, 1, name="B")
    async with on(redis).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "[2]")
        await pilot.press("b")
        await until_shown(pilot, words.of_jobs(3, 3))
        await pilot.press("m")
        await until_shown(pilot, "enter lists the jobs of the class")
        await pilot.press("r")
        await until_shown(pilot, "Run 2 delayed jobs now?")
        await pilot.press("y")
        await until_shown(pilot, words.done("ran now", 2))
        await until_shown(pilot, words.of_jobs(1, 1))
    assert await redis.waiting() == 2


async def test_the_filter_knows_when_jobs_are_due(redis: Scheduled) -> None:
    await redis.park(1_000_000_000, "late")
    await redis.park(LATER, "far")
    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "far")
        await pilot.press("slash", *"due<10m", "enter")
        await until_shown(pilot, words.of_jobs(1, 2))
        assert '["late"]' in screen_text(app)
        await pilot.press("escape")
        await until_shown(pilot, '["far"]')
        await pilot.press("x")
        await until_shown(pilot, "no search is running")


async def test_a_search_can_be_stopped_and_started_again(
    redis: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A round trip for each job: the search cannot be over before the key is pressed.
    monkeypatch.setattr(delayed_windows, "JOBS", 1)
    pairs = [part for at in range(3000) for part in (LATER + at, LATER + at)]
    await redis("ZADD", KEYS.delayed_schedule(), *pairs)
    await redis("RPUSH", KEYS.delayed(str(LATER)), *[encode({"class": "A", "args": []})] * 3000)
    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "of 3,000")
        await pilot.press("b")
        await until_shown(pilot, words.STOP_KEY)
        await pilot.press("x")
        await until_shown(pilot, "stopped: ")
        monkeypatch.undo()
        await pilot.press("x")
        await until_shown(pilot, words.of_jobs(3_000, 3_000))
        assert [row.count for row in page(app).pane.rows] == [3000]


async def test_jobs_are_paged_to_the_end_and_back(redis: Scheduled) -> None:
    jobs = [encode({"class": "A", "args": [n], "queue": "q"}) for n in range(450)]
    await redis("RPUSH", KEYS.delayed(str(LATER)), *jobs)
    await redis("ZADD", KEYS.delayed_schedule(), LATER, LATER)
    for number in range(450, 500):
        await redis.park(LATER + number, number, name="A")

    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "[0]")

        async def shows(first: int, last: int) -> None:
            def is_shown() -> bool:
                rows = page(app).pane.rows
                return bool(rows) and (rows[0].job.args, rows[-1].job.args) == ([first], [last])

            await until(pilot, is_shown, f"jobs {first} to {last}")

        await shows(0, 199)
        await pilot.press("G", "pagedown")
        await shows(200, 399)
        await until(pilot, lambda: page(app).table.rows.cursor_index == 0, "the first of them")
        await pilot.press("pageup")
        await shows(0, 199)
        await until(pilot, lambda: page(app).table.rows.cursor_index == 199, "the last of them")
        await pilot.press("G")
        await shows(300, 499)
        assert "due times 1 to 51 of 51" in screen_text(app)
        await until(pilot, lambda: page(app).table.rows.cursor_index == 199, "the last of all")
        await pilot.press("pagedown", "g", "g")
        await shows(0, 199)
        await pilot.press("G", "pagedown")
        await shows(200, 399)
        await redis("DEL", KEYS.delayed_schedule())
        app.poll_now()
        await until_shown(pilot, words.NO_DELAYED_JOBS)


async def test_a_job_is_read_whole_and_acted_on_from_its_page(redis: Scheduled) -> None:
    await redis.park(LATER, "the start", "x" * 70_000, name="Large")
    async with on(redis).run_test(size=(100, 60)) as pilot:
        await to_scheduled(pilot, words.LARGE)
        await pilot.press("enter")
        await until_shown(pilot, "Arguments")
        await until_shown(pilot, "2096-10-02 07:06:40 UTC, in ")
        await until_shown(pilot, "70,053 bytes, SHA-1")
        await pilot.press("m")
        await until_shown(pilot, words.question("Reschedule", 1, "delayed job"))
        await pilot.press(*"in 2d", "enter")
        await until_shown(pilot, "rescheduled to")
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
        await pilot.press("r")
        await until_shown(pilot, words.done("ran now", 1))
        await pilot.press("u")
        await until_shown(pilot, words.undone(1, "run now"))
        await pilot.press("d")
        await until_shown(pilot, words.done("deleted", 1))
    assert (await redis.parked(), await redis.waiting()) == ([], 0)


async def test_schedules_run_now_are_deleted_and_are_restored(redis: Scheduled) -> None:
    config = {"cron": "0 3 * * *", "class": "Nightly", "queue": "low", "args": [{"a": 1}]}
    await redis.schedule("nightly", config)
    async with on(redis).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "No delayed jobs")
        await pilot.press("t")
        await until_shown(pilot, "Nightly")
        await pilot.press("m")
        await until_shown(pilot, "only for delayed jobs")
        await pilot.press("r")
        await until_shown(pilot, words.done("queued", 1))
        raw = await redis("LRANGE", KEYS.queue("low"), 0, -1)
        assert raw == [b'{"class":"Nightly","args":[{"a": 1}]}']
        await pilot.press("u")
        await until_shown(pilot, words.undone(1, "run now nightly"))
        assert await redis.waiting("low") == 0
        await pilot.press("d")
        await until_shown(pilot, words.done("deleted", 1))
        assert await redis("HKEYS", KEYS.persistent_schedules()) == []
        assert await redis("SMEMBERS", KEYS.schedules_changed()) == [b"nightly"]
        await pilot.press("u")
        await until_shown(pilot, words.undone(1, "delete nightly"))
        assert (
            await redis("HGET", KEYS.persistent_schedules(), "nightly")
            == json.dumps(config).encode()
        )


async def test_several_schedules_ask_first(redis: Scheduled) -> None:
    for name in ("one", "two"):
        await redis.schedule(name, {"every": "1h", "class": name, "queue": "q"})
    async with on(redis).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "No delayed jobs")
        await pilot.press("t")
        await until_shown(pilot, "every 1h")
        await pilot.press("a", "r")
        await until_shown(pilot, "Queue 2 schedules now?")
        await pilot.press("y")
        await until_shown(pilot, words.done("queued", 2))
        await pilot.press("a", "d", "y")
        await until_shown(pilot, words.done("deleted", 2))
    assert await redis.waiting() == 2


async def test_a_schedule_that_was_changed_meanwhile_stays(redis: Scheduled) -> None:
    await redis.schedule("s", {"every": "1h", "class": "A", "queue": "q"})
    async with on(redis).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "No delayed jobs")
        await pilot.press("t")
        await until_shown(pilot, "every 1h")
        await redis.schedule("s", {"every": "2h", "class": "A", "queue": "q"})
        await pilot.press("d")
        await until_shown(pilot, "deleted 0, refused 1 (it was changed meanw")
    assert await redis("HLEN", KEYS.persistent_schedules()) == 1


async def test_the_page_of_a_schedule_shows_its_next_runs_and_has_its_keys(
    redis: Scheduled,
) -> None:
    await redis.schedule("s", {"cron": "0 3 * * * UTC", "class": "A", "queue": "q"})
    async with on(redis).run_test(size=(100, 50)) as pilot:
        app = await to_scheduled(pilot, "No delayed jobs")
        await pilot.press("t")
        await until_shown(pilot, "0 3 * * * UTC")
        await pilot.press("enter")
        await until(pilot, lambda: screen_text(app).count(" 03:00:00 UTC") == 5, "five runs")
        await pilot.press("r")
        await until_shown(pilot, words.done("queued", 1))
        await pilot.press("d")
        await until_shown(pilot, words.done("deleted", 1))
        await pilot.press("escape")
        assert page(app).part == "schedules"


async def test_the_part_is_remembered_while_other_screens_are_shown(redis: Scheduled) -> None:
    async with on(redis).run_test(size=(100, 24)) as pilot:
        app = await to_scheduled(pilot, "No delayed jobs")
        await pilot.press("t", "2", "5")
        await until_shown(pilot, words.NO_SCHEDULES)
        assert page(app).part == "schedules"
        await pilot.press("t")
        assert page(app).part == "jobs"


async def test_a_read_only_console_changes_nothing(redis: Scheduled) -> None:
    await redis.park(LATER, 1)
    async with on(redis, read_only=True).run_test(size=(100, 24)) as pilot:
        await to_scheduled(pilot, "[1]")
        for key in "rdmRD":
            await pilot.press(key)
            await until_shown(pilot, words.READ_ONLY)
    assert len(await redis.parked()) == 1
