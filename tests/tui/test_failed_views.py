"""The screens of failed jobs at every size."""

import pytest
from tests import words
from tests.support.console import (
    assert_snapshot,
    console,
    screen_text,
    table_of,
    until,
    until_focused,
    until_polled,
    until_rows,
    until_shown,
)
from tests.support.console_redis import Redis, on
from tests.support.known import known
from tests.support.sample_data import FakeSystem, failure, fleet, snapshot
from textual.widgets import TextArea

from qtop.app.app import QtopApp
from resque.errors import Unreachable

SIZES = [(80, 24), (120, 40), (200, 60)]
NAMES = [f"{width}x{height}" for width, height in SIZES]
BACKTRACE = [
    "/usr/lib/ruby/gems/3.3.0/gems/net-smtp-0.5/lib/net/smtp.rb:1021:in 'Net::SMTP#recv'",
    "/srv/app/releases/20261120/lib/mailers/welcome.rb:12:in 'Mailers::Welcome#deliver'",
    "/srv/app/releases/20261120/app/jobs/base.rb:33:in 'Jobs::Base.perform'",
    "/srv/app/vendor/bundle/ruby/3.3.0/gems/resque-3.0.0/lib/resque/job.rb:168:in 'perform'",
]


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
@pytest.mark.parametrize("view", ["entries", "group", "failure", "filter"])
async def test_the_views_fit_every_size(size: tuple[int, int], view: str) -> None:
    keys = {
        "entries": ["t", "space", "j"],
        "group": ["enter"],
        "failure": ["t", "enter"],
        "filter": ["slash", *"exception:No", "tab", "enter"],
    }[view]
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=size) as pilot:
        await until_polled(pilot)
        await pilot.press("4", *keys)
        await pilot.pause()
        assert_snapshot(app, f"failed-{view}-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
async def test_the_difference_of_an_edit_fits_every_size(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    app = console(FakeSystem(snapshot(failures=[failure(1, backtrace=BACKTRACE)])))
    async with app.run_test(size=size) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "e")
        await until_focused(pilot, TextArea)
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace("1", '"one"')
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert_snapshot(app, f"failed-difference-{size[0]}x{size[1]}")


async def test_a_group_shows_how_its_failures_differ() -> None:
    secret = failure(3, payload={"class": "A", "args": [{"token": "hunter2"}, "x" * 500]})
    wrapped = {"job_class": "A", "arguments": [4, "weekly"]}
    wrapper = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"
    entries = [failure(1, payload={"class": "A", "args": [1, {"to": "ada"}]}), secret]
    entries.append(failure(4, payload={"class": wrapper, "args": [wrapped]}))
    app = console(FakeSystem(snapshot(failures=entries)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "enter")
        await until_shown(pilot, '[1,{"to":"ada"}]')
        shown = screen_text(app)
        assert '[4,"weekly"]' in shown
        assert words.REDACTED in shown
        assert "hunter2" not in shown
        assert "exception" not in shown


def tones(app: QtopApp) -> set[str]:
    view = app.screen.query_one("TextView")
    return {tone for line in view._wrapped for _, tone in line.toned()}  # type: ignore[attr-defined]


async def test_a_backtrace_shows_the_frames_of_the_application() -> None:
    app = console(FakeSystem(snapshot(failures=[failure(1, backtrace=BACKTRACE)])))
    async with app.run_test(size=(100, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "enter")
        await pilot.pause()
        assert {"strong", "accent", "dim"} <= tones(app)


async def test_the_last_groups_stay_while_redis_does_not_answer() -> None:
    source = FakeSystem(fleet(), Unreachable("no answer"))
    app = console(source)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await pilot.pause()
        before = table_of(app).row_count
        app.poll_now()
        await until(pilot, lambda: app.state.poll.error is not None, "the failing look")
        await pilot.pause()
        assert table_of(app).row_count == before > 0
        assert table_of(app).stale
        await pilot.press("R")
        await pilot.pause()
        assert app.last_word[0].startswith("not now: no answer from Redis")


async def test_a_frozen_display_does_not_change() -> None:
    more = snapshot(failures=[failure(number) for number in range(40)])
    app = console(FakeSystem(fleet(), more))
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t", "f")
        app.poll_now()
        await until(pilot, lambda: len(known(app.state.poll.snapshot.failures)) == 40, "a look")  # type: ignore[union-attr]
        await pilot.pause()
        assert table_of(app).row_count == 30
        await pilot.press("f")
        await until_rows(pilot, 40)


@pytest.mark.redis
async def test_a_frozen_display_reads_a_view_that_was_not_opened_before_once(redis: Redis) -> None:
    await redis.fail(2)
    await redis.push("mail", 3)
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("f", "4")
        await until_shown(pilot, words.groups(1, 2))
        await pilot.press("enter")
        await until_shown(pilot, words.match(2))
        await pilot.press("2", "enter")
        await until_shown(pilot, words.waiting(1, 3, 3))
        await pilot.press("5")
        await until_shown(pilot, words.NO_DELAYED_JOBS)
        await redis.fail(2)
        before = app.state.poll.snapshot
        await pilot.press("4")
        app.poll_now()
        await until(pilot, lambda: app.state.poll.snapshot is not before, "the next look")
        await until_shown(pilot, words.groups(1, 2))


@pytest.mark.redis
async def test_a_frozen_display_shows_what_a_filter_finds_in_a_long_list(redis: Redis) -> None:
    await redis.fail(700)
    await redis.fail(2, exception="Rare")
    app = on(redis)
    async with app.run_test(size=(100, 24)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "newest first")
        await pilot.press("f", "slash", *"exception:Rare", "enter")
        await until_rows(pilot, 2)
        await until_shown(pilot, words.match(2))
        await pilot.press("slash", "x", "enter")
        await until_shown(pilot, words.match(0))
        await pilot.pause()
        assert words.NO_MATCH_ESCAPE in screen_text(app)
