"""What the console's keys do to a real Redis."""

import asyncio

import pytest
from tests import words
from tests.support.console import (
    screen_lines,
    screen_text,
    table_of,
    until,
    until_focused,
    until_polled,
    until_rows,
    until_shown,
)
from tests.support.console_redis import Redis, on
from tests.support.sample_data import failure
from textual.widgets import Input

from qtop.actions.plan import Refusal
from queuecore.exchange import single
from resque.codec import encode_job
from resque.keys import Keys
from resque.store import pauses, queues

pytestmark = pytest.mark.redis

KEYS = Keys("resque")


async def test_one_failure_is_requeued_at_once(redis: Redis) -> None:
    await redis.fail(3)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "r")
        await until_shown(pilot, words.outcome("requeued", 1))
        await until_rows(pilot, 2)
    assert (await redis.size("mail"), await redis.failed()) == (1, 2)


async def test_a_question_about_one_waiting_job_says_so(redis: Redis) -> None:
    await redis.push("mail", 1)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "c")
        await until_shown(pilot, f"{words.clears(1, 'mail')}.")
        await pilot.press("escape", "D")
        await until_shown(pilot, f"{words.clears(1, 'mail')}, and its name.")


async def test_several_failures_are_requeued_after_a_question(redis: Redis) -> None:
    await redis.fail(5)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "space", "space", "space", "r")
        await until_shown(pilot, words.question("Requeue", 3, "failed job"))
        await pilot.press("escape")
        await until_shown(pilot, words.NOTHING_CHANGED)
        assert await redis.failed() == 5
        await pilot.press("r", "y")
        await until_shown(pilot, words.outcome("requeued", 3))
        assert table_of(app).rows.marked == frozenset()
    assert (await redis.size("mail"), await redis.failed()) == (3, 2)


async def test_background_searches_wait_while_an_action_searches_its_jobs(
    redis: Redis,
) -> None:
    await redis.fail(3)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        found = asyncio.Event()

        async def search(tell: object) -> Refusal:
            await found.wait()
            return Refusal("found nothing")

        app.actions.begin_after_search("looking for it", search)
        await until_shown(pilot, "looking for it")
        background = asyncio.create_task(app.actions.precedence.rest(0))
        await pilot.press("4", "t")
        assert not background.done()
        found.set()
        await until_shown(pilot, "found nothing")
        await background


async def test_a_question_acts_on_what_was_marked_when_it_was_asked(redis: Redis) -> None:
    await redis.fail(2)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "a", "r")
        await until_shown(pilot, words.question("Requeue", 2, "failed job"))
        await redis.fail(1)
        app.poll_now()
        await until_shown(pilot, "4 Failed 3")
        await pilot.press("y")
        await until_shown(pilot, words.done("requeued", 2))
    assert await redis.failed() == 1


async def test_a_failure_is_requeued_from_its_page(redis: Redis) -> None:
    await redis.fail(1)
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter", "r")
        await until_shown(pilot, words.done("requeued", 1))
    assert await redis.size("mail") == 1


async def test_clearing_a_queue_needs_its_name(redis: Redis) -> None:
    await redis.push("mail", 4)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "mail")
        await pilot.press("c")
        await until_shown(pilot, f"{words.clears(4, 'mail')}.")
        await until_focused(pilot, Input)
        await pilot.press(*"mai", "enter")
        assert "Clear queue mail?" in screen_text(app)
        await pilot.press("l", "enter")
        await until_shown(pilot, words.deleted_from(4, "mail"))
    assert await redis.size("mail") == 0


async def test_keys_typed_before_a_question_opens_do_nothing_else(redis: Redis) -> None:
    await redis.push("ppp", 4)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "ppp")
        await pilot.press("c", "p", "p", "p")
        await until_shown(pilot, "Clear queue ppp?")
        await pilot.press("escape")
        await until_shown(pilot, words.NOTHING_CHANGED)
    assert not await redis.source.run(pauses.resume(KEYS, ["ppp"]))


async def test_clearing_the_failures_needs_the_word(redis: Redis) -> None:
    await redis.fail(3)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "c")
        await until_focused(pilot, Input)
        await pilot.press(*"failed", "enter")
        await until_shown(pilot, words.deleted_from(3, "the failures"))
    assert await redis.failed() == 0


async def test_a_queue_is_paused_and_resumed_with_the_same_key(redis: Redis) -> None:
    await redis.push("mail", 1)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "mail")
        await pilot.press("p")
        await until_shown(pilot, words.paused("mail"))
        await until_shown(pilot, "paused, ")
        await pilot.press("p")
        await until_shown(pilot, words.resumed("mail"))
    assert not await redis.source.run(pauses.resume(KEYS, ["mail"]))


async def test_everything_is_paused_after_a_question_and_the_screen_says_so(redis: Redis) -> None:
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "No queues yet")
        assert words.PAUSE_ALL_KEY in screen_lines(app)[-1]
        await pilot.press("P", "y")
        await until_shown(pilot, " PAUSED ")
        assert "P resume all" in screen_lines(app)[-1]
        await pilot.press("P")
        await until_shown(pilot, "Resume everything?")
        await pilot.press("y")
        await until_shown(pilot, words.resumed("everything"))
        await until_shown(pilot, words.PAUSE_ALL_KEY)


async def test_waiting_jobs_are_paged_two_hundred_at_a_time(redis: Redis) -> None:
    await redis.push("mail", 450)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "mail")
        await pilot.press("enter")
        await until_shown(pilot, words.waiting(1, 200, 450))
        await pilot.press("G", "pagedown")
        await until_shown(pilot, words.waiting(201, 400, 450))
        await until(pilot, lambda: table_of(app).rows.cursor_index == 0, "the first of them")
        await pilot.press("G", "pagedown")
        await until_shown(pilot, words.waiting(401, 450, 450))
        await pilot.press("G", "pagedown")
        await pilot.pause()
        assert "jobs 401 to 450" in screen_text(app)
        await pilot.press("g", "pageup")
        await until_shown(pilot, words.waiting(201, 400, 450))
        await until(pilot, lambda: table_of(app).rows.cursor_index == 199, "the last of them")
        await pilot.press("enter")
        await until_shown(pilot, '{"class":"Job","args":["mail",399]}')
        await pilot.press("escape", "escape")
        await until_shown(pilot, "queue")


async def test_a_window_follows_a_queue_that_drains(redis: Redis) -> None:
    await redis.push("mail", 250)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "mail")
        await pilot.press("enter")
        await until_shown(pilot, words.jobs(1, 200, 250))
        await pilot.press("G", "pagedown")
        await until_shown(pilot, words.jobs(201, 250, 250))
        pop = single(("LPOP", KEYS.queue("mail"), 240), lambda reply: len(reply), writes=True)
        await redis.source.run(pop)
        app.poll_now()
        await until_shown(pilot, words.waiting(1, 10, 10))


async def test_large_jobs_and_failures_are_fetched_whole_when_opened(redis: Redis) -> None:
    large = encode_job("Large", ["x" * 70_000, "the end"])
    await redis.source.run(queues.push(KEYS, "mail", [large]))
    entry = failure(1, error="y" * 70_000 + "\nthe last line").item.raw
    await redis.source.run(single(("RPUSH", KEYS.failed(), entry), int, writes=True))
    app = on(redis)
    async with app.run_test(size=(100, 60)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "mail")
        await pilot.press("enter")
        await until_shown(pilot, words.LARGE)
        await pilot.press("enter")
        await until_shown(pilot, '"the end"')
        await pilot.press("4", "t", "enter")
        await until_shown(pilot, "Net::ReadTimeout")
