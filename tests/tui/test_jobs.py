"""The jobs of a queue on a real Redis: what the keys show and do, while the queue is drained."""

import asyncio
import json
from pathlib import Path

import pytest
from tests import words
from tests.support.console import (
    screen_text,
    table_of,
    until,
    until_mode,
    until_polled,
    until_shown,
)
from tests.support.console_redis import KEYS, Redis, on
from tests.support.waiting_jobs import command, drain, job, opened, push, waiting
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, TextArea

from qtop.app.app import QtopApp
from qtop.model.job_file import read_line
from qtop.monitor import row_text
from qtop.screens.dialogs import Dialog
from qtop.screens.jobs import JobsScreen, SetAsideScreen
from qtop.text.safe import safe
from resque.codec import encode, encode_job

pytestmark = pytest.mark.redis

WRAPPER = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"


def args_shown(app: QtopApp) -> list[str]:
    return [row_text.args_or_bytes(row.job) for row in table_of(app).rows._shown]


async def test_a_filter_searches_the_whole_queue(redis: Redis) -> None:
    many = [job(n, "Rare" if n % 5_000 == 17 else "Job") for n in range(20_000)]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, words.waiting(1, 200, 20_000))
        await pilot.press("slash", *"class:Rare", "enter")
        await until_shown(pilot, words.match(4))
        await until_shown(pilot, "4 of 20,000")
        assert args_shown(app) == [f'["mail",{n}]' for n in (17, 5_017, 10_017, 15_017)]
        await pilot.press("escape")
        await until_shown(pilot, words.waiting(1, 200, 20_000))
        await pilot.press("escape")
        assert not isinstance(app.screen, JobsScreen)


async def test_a_filter_with_very_many_matches_lists_those_nearest_the_front(
    redis: Redis,
) -> None:
    await push(redis, "mail", *(job(n) for n in range(5_000)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 5,000 waiting")
        await pilot.press("slash", *"class:Job", "enter")
        await until_shown(pilot, "5,000 match, the 2,000 nearest the front listed")
        await until(pilot, lambda: args_shown(app)[:1] == ['["mail",0]'], "the first job")
        assert len(args_shown(app)) == 2_000


async def test_a_search_of_the_queue_can_be_stopped_and_started_again(redis: Redis) -> None:
    await push(redis, "mail", *(job(n) for n in range(300)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, "of 300 waiting")
        await pilot.press("x")
        await until_shown(pilot, words.NOTHING_UNDER_WAY)
        screen.pane.set_filter("class:Job")
        search = screen.search
        assert search is not None
        screen.action_stop_looking()
        await until_shown(pilot, "Searching the whole list")
        assert search.is_stopped
        await pilot.press("x")
        await until_shown(pilot, words.match(300))


async def test_all_matching_jobs_are_deleted_and_no_others(redis: Redis) -> None:
    many = [job(n, "Spam" if n % 4 == 0 else "Job") for n in range(20_000)]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 20,000 waiting")
        await pilot.press("slash", *"class:Spam", "enter")
        await until_shown(pilot, words.match(5_000))
        await pilot.press("D")
        await until_shown(pilot, words.question("Delete", 5_000, "waiting job"))
        await until_shown(pilot, "classes: Spam 5,000")
        await until_shown(pilot, "places: 1 to 19,997 from the front")
        # Workers take jobs, and other jobs arrive, while the question is open.
        await drain(redis, "mail", 402)
        late = job(20_000, "Spam")
        await push(redis, "mail", late)
        await pilot.press("enter", "enter")
        await until_shown(pilot, words.outcome("deleted", 4_899, gone=101))
        left = [raw for n, raw in enumerate(many) if n >= 402 and n % 4]
        assert await waiting(redis, "mail") == [*left, late]
        await pilot.press("u")
        await until_shown(pilot, words.undone(4_899, "delete 5,000 waiting jobs"))
        assert sorted(await waiting(redis, "mail")) == sorted([*many[402:], late])


async def test_nothing_is_lost_while_workers_take_and_others_push(redis: Redis) -> None:
    many = [job(n, "Spam" if n % 2 else "Job") for n in range(3_000)]
    await push(redis, "mail", *many)
    taken: list[bytes] = []
    late = [job(n, "Spam") for n in range(10_000, 10_200)]

    async def work() -> None:
        for each in late:
            found = await command(redis, "LPOP", KEYS.queue("mail"), 3)
            assert isinstance(found, list)
            taken.extend(found)
            await push(redis, "mail", each)

    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 3,000 waiting")
        await pilot.press("slash", *"class:Spam", "enter")
        await until_shown(pilot, words.match(1_500))
        working = asyncio.create_task(work())
        await pilot.press("D")
        await until_shown(pilot, "Delete 1,")
        await pilot.press("enter", "enter")
        await until_shown(pilot, "already gone")
        await working
    left = await waiting(redis, "mail")
    gone = {*many, *late} - {*taken, *left}
    assert len(taken) + len(left) + len(gone) == len(many) + len(late)
    assert all(json.loads(raw)["class"] == "Spam" for raw in gone)
    assert f"deleted {len(gone):,}, skipped" in app.last_word[0]
    spared = [raw for raw in many if raw not in taken and json.loads(raw)["class"] == "Job"]
    assert [raw for raw in left if json.loads(raw)["class"] == "Job"] == spared


async def test_all_matching_jobs_are_moved_in_order_and_undo_brings_them_back(redis: Redis) -> None:
    many = [job(n, "Big" if n % 3 == 0 else "Job") for n in range(900)]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 900 waiting")
        await pilot.press("slash", *"class:Big", "enter")
        await until_shown(pilot, words.match(300))
        await pilot.press("M")
        await until_shown(pilot, "Move all that match to which queue?")
        await pilot.press(*"later", "enter")
        await until_shown(pilot, 'Queue "later" does not exist. Press again to create it')
        await pilot.press("enter")
        await until_shown(pilot, "Move 300 waiting jobs to later?")
        await pilot.press("enter", "enter")
        await until_shown(pilot, words.outcome("moved to later:", 300))
        assert await waiting(redis, "later") == many[::3]
        await pilot.press("u")
        await until_shown(pilot, words.undone(300, "move 300 waiting jobs"))
    assert await waiting(redis, "mail") == many
    assert await waiting(redis, "later") == []


async def test_one_job_is_deleted_without_a_question_and_undo_restores_it(redis: Redis) -> None:
    many = [job(n) for n in range(30)]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot, "of 30 waiting")
        await pilot.press("j", "j", "d")
        await until_shown(pilot, words.outcome("deleted", 1))
        assert await waiting(redis, "mail") == [*many[:2], *many[3:]]
        await pilot.press("u")
        await until_shown(pilot, words.undone(1, "delete 1 waiting job"))
    assert await waiting(redis, "mail") == many


async def test_an_action_is_about_the_job_under_the_cursor_after_the_queue_drained(
    redis: Redis,
) -> None:
    many = [job(n) for n in range(2_500)]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(app, pilot, "of 2,500 waiting")
        screen.turn_to_end(+1)
        await until_shown(pilot, words.waiting(2_301, 2_500, 2_500))
        assert screen.table.rows.cursor_index == 199
        await drain(redis, "mail", 2_200)
        await push(redis, "mail", job(9_999))
        await pilot.press("d")
        await until_shown(pilot, words.outcome("deleted", 1))
    assert await waiting(redis, "mail") == [*many[2_200:2_499], job(9_999)]


async def test_a_job_that_a_worker_has_taken_is_reported_as_gone(redis: Redis) -> None:
    await push(redis, "mail", *(job(n) for n in range(30)))
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot, "of 30 waiting")
        await drain(redis, "mail", 1)
        await pilot.press("d")
        await until_shown(pilot, words.outcome("deleted", 0, gone=1))
    assert await redis.size("mail") == 29


async def test_marked_jobs_that_left_are_never_replaced_by_the_one_under_the_cursor(
    redis: Redis,
) -> None:
    await push(redis, "mail", *(job(n) for n in range(30)))
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot, "of 30 waiting")
        await pilot.press("space", "space")
        await drain(redis, "mail", 2)
        app.poll_now()
        await until_shown(pilot, "of 28 waiting")
        await pilot.press("d")
        await until_shown(pilot, "the marked jobs have already left the queue: nothing was changed")
        assert await redis.size("mail") == 28
        await pilot.press("d")
        await until_shown(pilot, words.done("deleted", 1))


async def test_a_window_stays_on_its_jobs_as_the_queue_drains(redis: Redis) -> None:
    await push(redis, "mail", *(job(n) for n in range(1_000)))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(app, pilot, "of 1,000 waiting")
        screen.turn(+1)
        await until_shown(pilot, words.jobs(201, 400, 1_000))
        await pilot.press("space")
        await drain(redis, "mail", 50)
        app.poll_now()
        await until_shown(pilot, words.jobs(151, 350, 950))
        assert args_shown(app)[0] == '["mail",200]'
        assert len(screen.table.rows.marked) == 1
        await drain(redis, "mail", 940)
        app.poll_now()
        await until_shown(pilot, words.waiting(1, 10, 10))


async def test_marked_jobs_are_moved_to_a_queue_whose_name_cannot_be_typed(redis: Redis) -> None:
    odd = b"\xff\x1b[31m \xc3\xa9".decode("utf-8", "surrogateescape")
    many = [job(n) for n in range(10)]
    await push(redis, "mail", *many)
    await push(redis, odd, job(77))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 10 waiting")
        await pilot.press("v", "j", "j", "v", "m")
        await until_shown(pilot, "Move 3 jobs to which queue?")
        field = app.screen.query_one("#queue", Input)
        field.value = safe(odd)[:2]
        await until(pilot, lambda: field._suggestion == safe(odd), "the completion")
        field.action_cursor_right()
        await pilot.press("enter")
        await until_shown(pilot, "Move 3 waiting jobs to")
        await pilot.press("y")
        await until_shown(pilot, "3")
    assert await waiting(redis, odd) == [job(77), *many[:3]]
    assert await waiting(redis, "mail") == many[3:]


async def test_jobs_are_not_moved_to_where_they_are(redis: Redis) -> None:
    await push(redis, "mail", job(1))
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot, "of 1 waiting")
        await pilot.press("m", *"mail", "enter")
        await until_shown(pilot, "they are already in mail: nothing was moved")
    assert await waiting(redis, "mail") == [job(1)]


@pytest.fixture
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    """No editor is set: the console's own one is used."""
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)


async def edit(pilot: Pilot[None], text: str) -> None:
    """Type a text into the console's own editor."""
    await until_shown(pilot, "Edit the payload")
    dialog = pilot.app.screen
    assert isinstance(dialog, Dialog)
    dialog.query_one(TextArea).text = text
    dialog.action_yes()


@pytest.mark.usefixtures("no_editor")
async def test_a_waiting_job_is_edited_where_it_is(redis: Redis) -> None:
    many = [b'{"class":"Job","args":[%d, 1.50]}' % n for n in range(12)]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 12 waiting")
        await pilot.press(*"jjj", "e")
        await drain(redis, "mail", 2)
        await edit(pilot, '{"class":"Other","args":[3, 1.50]}')
        await until_shown(pilot, "It keeps its place in mail.")
        await pilot.press("tab", "enter")
        await until_shown(pilot, words.outcome("edited", 1))
        changed = b'{"class":"Other","args":[3, 1.50]}'
        assert await waiting(redis, "mail") == [many[2], changed, *many[4:]]
        await pilot.press("u")
        await until_shown(pilot, words.undone(1, "edit 1 waiting job"))
    assert sorted(await waiting(redis, "mail")) == sorted(many[2:])


@pytest.mark.usefixtures("no_editor")
async def test_an_item_set_aside_is_edited_and_goes_back_to_its_queue(redis: Redis) -> None:
    await push(redis, "mail", job(1))
    key = KEYS.unreadable("mail")
    await command(redis, "RPUSH", key, b"{broken", b'{"class":"Ok","args":[]}', b"\xff\x1b[2J")
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "3 unreadab")
        await pilot.press("b")
        await until_shown(pilot, words.unreadable(1, 3, 3))
        assert isinstance(app.screen, SetAsideScreen)
        await pilot.press("r")
        await until_shown(pilot, "requeued 0, refused 1 (still unreadable:")
        await pilot.press("j", "r")
        await until_shown(pilot, words.outcome("requeued", 1))
        assert await waiting(redis, "mail") == [job(1), b'{"class":"Ok","args":[]}']
        await until_shown(pilot, words.unreadable(1, 2, 2))
        await pilot.press("g", "e")
        await edit(pilot, '{"class":"Mended","args":[]}')
        await until_shown(pilot, "Requeue to mail with this payload?")
        await pilot.press("tab", "enter")
        await until_shown(pilot, words.done("edited and requeued", 1))
        assert (await waiting(redis, "mail"))[2:] == [b'{"class":"Mended","args":[]}']
        await until_shown(pilot, words.unreadable(1, 1, 1))
        await pilot.press("D")
        await until_shown(pilot, words.question("Delete", 1, "item"))
        await pilot.press("y")
        await until_shown(pilot, words.done("deleted", 1))
        await until_shown(pilot, "No unreadable items of this queue.")
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    assert await command(redis, "LRANGE", key, 0, -1) == [b"\xff\x1b[2J"]


async def test_items_set_aside_are_requeued_as_far_as_they_can_be_read(redis: Redis) -> None:
    await push(redis, "mail", job(1))
    items = [b"broken", job(2), b"[]", job(3)]
    await command(redis, "RPUSH", KEYS.unreadable("mail"), *items)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 1 waiting")
        await pilot.press("b")
        await until_shown(pilot, words.unreadable(1, 4, 4))
        await pilot.press("R")
        await until_shown(pilot, "Requeue 4 items to mail?")
        await until_shown(pilot, "still unreadable")
        await pilot.press("y")
        await until_shown(pilot, words.outcome("requeued", 2, refused=2))
    assert await waiting(redis, "mail") == [job(1), job(2), job(3)]
    assert await command(redis, "LRANGE", KEYS.unreadable("mail"), 0, -1) == [b"broken", b"[]"]


async def test_the_page_of_a_job_has_its_keys(redis: Redis) -> None:
    large = encode({"class": "Large", "args": ["x" * 100_000]})
    await push(redis, "mail", large, job(2), job(3))
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 3 waiting")
        assert words.LARGE in screen_text(app)
        await pilot.press("enter")
        await until_shown(pilot, "Large")
        await pilot.press("m")
        await until_shown(pilot, "Move the job to which queue?")
        await pilot.press(*"big", "enter", "enter")
        await until_shown(pilot, "moved to big: 1")
        assert await waiting(redis, "big") == [large]
        await pilot.press("escape", "g")
        await until_shown(pilot, "of 2 waiting")
        await pilot.press("enter", "d")
        await until_shown(pilot, words.done("deleted", 1))
        await pilot.press("u")
        await until_shown(pilot, words.UNDONE)
    assert await waiting(redis, "mail") == [job(2), job(3)]


async def test_wrapped_jobs_are_listed_and_found_by_their_inner_class(redis: Redis) -> None:
    inner = {"job_class": "WelcomeJob", "arguments": [7]}
    await push(redis, "mail", encode_job(WRAPPER, [inner]), job(1))
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot, "WelcomeJob")
        assert "JobWrapper" not in screen_text(app)
        await pilot.press("slash", *"class:Welcome*", "enter")
        await until_shown(pilot, words.match(1))


async def test_a_queue_is_removed_after_its_name_was_typed_and_comes_back(redis: Redis) -> None:
    await redis.push("mail", 20)
    await redis.push("other", 1)
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "D")
        await until_shown(pilot, f"{words.clears(20, 'mail')}, and its name.")
        await pilot.press(*"mail", "enter")
        await until_shown(pilot, "removed mail and 20 jobs")
        assert await command(redis, "SMEMBERS", KEYS.queues()) == [b"other"]
        await pilot.press("u")
        await until_shown(pilot, words.undone(20, "remove queue mail"))
    assert await command(redis, "SCARD", KEYS.queues()) == 2
    assert await redis.size("mail") == 20


async def test_an_empty_queue_is_removed_too(redis: Redis) -> None:
    await command(redis, "SADD", KEYS.queues(), b"\xff empty")
    app = on(redis)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "D")
        await until_shown(pilot, words.type_to_go_on("remove"))
        await pilot.press(*"remove", "enter")
        await until_shown(pilot, "which was empty")
    assert await command(redis, "EXISTS", KEYS.queues()) == 0


async def test_the_workers_that_serve_a_queue_are_reported_and_shown(redis: Redis) -> None:
    odd = b'q\xff"\\ x'
    name = odd.decode("utf-8", "surrogateescape")
    await push(redis, name, job(1))
    for worker in (b"web1:1:*", b"web1:2:other", b"web2:3:" + odd, b"web3:4:!other,*"):
        await command(redis, "SADD", KEYS.workers(), worker)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "3 workers on web1 1, web2 1, web3 1")
        await pilot.press("W")
        await until_mode(pilot, "workers")
        await until_shown(pilot, "3 of 4")
        await pilot.press("escape", "2", "W")
        await until_shown(pilot, "3 of 4")


async def test_jobs_are_written_to_a_file_and_stay(redis: Redis, tmp_path: Path) -> None:
    large = encode({"class": "Large", "args": ["x" * 100_000]})
    many = [large, *(job(n, "Job" if n % 2 else "Other") for n in range(400))]
    await push(redis, "mail", *many)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "of 401 waiting")
        for key, name, button in (("w", "one", "yes"), ("w", "all", "all")):
            await pilot.press(key)
            await until_shown(pilot, words.EXPORT_TITLE)
            app.screen.query_one("#path", Input).value = str(tmp_path / name)
            app.screen.query_one("#secrets", Checkbox).value = True
            app.screen.query_one(f"#{button}", Button).press()
            await until_shown(pilot, f"to {tmp_path / name}")
        await pilot.press("enter", "w")
        await until_shown(pilot, words.EXPORT_TITLE)
        await pilot.press("escape")
    written = {name: (tmp_path / name).read_text("ascii").splitlines() for name in ("one", "all")}
    assert [read_line(line).item.raw for line in written["one"]] == [large]
    in_place = sorted(map(read_line, written["all"]), key=lambda each: each.place)
    assert [each.item.raw for each in in_place] == many, "loading puts them back in their order"
    assert {read_line(line).source for line in written["all"]} == {"queue:mail"}
    assert await waiting(redis, "mail") == many


async def test_the_keys_of_a_read_only_console_change_nothing_and_say_so(redis: Redis) -> None:
    await redis.push("mail", 3)
    app = on(redis, read_only=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot, "of 3 waiting")
        for key in ("d", "D", "m", "M", "e"):
            app.say("")
            await pilot.press(key)
            await until_shown(pilot, words.READ_ONLY)
    assert await redis.size("mail") == 3


async def test_a_key_that_holds_no_list_is_reported(redis: Redis) -> None:
    await redis.push("mail", 1)
    app = on(redis)
    async with app.run_test(size=(120, 30)) as pilot:
        await opened(app, pilot, "of 1 waiting")
        await command(redis, "SET", KEYS.queue("mail"), "something else")
        app.poll_now()
        await until_shown(pilot, "WRONGTYPE")
