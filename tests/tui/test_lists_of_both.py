"""Failed, scheduled and waiting jobs of Resque and Sidekiq on one console: one table, each job by
its own system's rules."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests import words
from tests.support.both_places import fill_resque, fill_sidekiq, places_at, until_all_polled
from tests.support.both_systems import NOON, RESQUE, SIDEKIQ, fill
from tests.support.console import (
    console_of,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_gone,
    until_mode,
    until_rows,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from tests.support.own_redis import OwnRedis
from tests.support.sidekiq_sets import payload
from tests.words import marked, marked_elsewhere
from textual.pilot import Pilot
from textual.widgets import TextArea

from qtop.app.app import QtopApp
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.export import ExportDialog
from qtop.screens.failed import FailedScreen, FailureScreen
from qtop.screens.jobs import JobsScreen
from qtop.screens.payload_editor import DifferenceDialog, EditorDialog
from queuecore.server import Binary

pytestmark = pytest.mark.redis
Opened = tuple[QtopApp, Pilot[None]]


@asynccontextmanager
async def opened(url: str, size: tuple[int, int] = (120, 40), **urls: str) -> AsyncIterator[Opened]:
    """A console of both places, polled."""
    app = console_of(places_at(url, **urls))
    async with app.run_test(size=size) as pilot:
        await until_all_polled(pilot)
        yield app, pilot


@pytest.fixture
async def failed(direct: Direct, redis_url: str) -> AsyncIterator[Opened]:
    """At the failed jobs, one by one: five of Resque's, four retries and two dead of Sidekiq's."""
    fill(direct, resque=5, retries=4, dead=2)
    async with opened(redis_url) as (app, pilot):
        await pilot.press("4")
        await until_mode(pilot, "failed")
        await until_rows(pilot, 2)
        await pilot.press("t")
        await until_rows(pilot, 11)
        yield app, pilot


def systems_of(app: QtopApp) -> Counter[str]:
    """How many rows each system has in the table in front."""
    table = table_of(app)
    return Counter(table.rows[at].system for at in range(table.row_count))


def go_to_first(app: QtopApp, system: str) -> None:
    table = table_of(app)
    at = next(at for at in range(table.row_count) if table.rows[at].system == system)
    table.move_to(table.rows.key_at(at))


async def answered(pilot: Pilot[None], key: str = "y") -> None:
    """Wait for a question, and answer it."""
    await until_screen(pilot, ConfirmDialog)
    await pilot.press(key)
    await until_screen(pilot, FailedScreen)


async def test_failed_jobs_of_both_are_in_one_table_the_newest_first(failed: Opened) -> None:
    app, pilot = failed
    assert systems_of(app) == {"resque": 5, "sidekiq": 6}
    table = table_of(app)
    times = [table.rows[at].job.failed_at for at in range(table.row_count)]
    assert times == sorted(times, reverse=True)
    assert "state" in {place.column.key for place in table._layout()}, "Sidekiq's jobs have one"
    go_to_first(app, "sidekiq")
    await pilot.press("enter")
    await until_screen(pilot, FailureScreen)
    await until(
        pilot,
        lambda: ["system", "sidekiq"] in [line.strip("│ ").split() for line in screen_lines(app)],
    )


async def test_all_that_match_are_requeued_after_one_question_and_one_undo_takes_all_back(
    failed: Opened, direct: Direct
) -> None:
    app, pilot = failed
    await pilot.press("R")
    await until_screen(pilot, ConfirmDialog)
    assert "resque 5, sidekiq 6" in screen_text(app)
    await answered(pilot)
    await until_shown(pilot, "requeued 11 (resque 5, sidekiq 6)")
    await until_rows(pilot, 0)
    assert direct("LLEN", RESQUE.queue("mail")) == 5
    assert direct("LLEN", SIDEKIQ.queue("default")) == 6
    await pilot.press("u")
    await until_shown(pilot, "undone 11 (resque 5, sidekiq 6)")
    await until_rows(pilot, 11)
    assert direct("EXISTS", RESQUE.queue("mail"), SIDEKIQ.queue("default")) == 0


async def test_marks_stay_when_another_system_is_shown_and_hidden_ones_are_counted(
    failed: Opened, direct: Direct
) -> None:
    app, pilot = failed
    go_to_first(app, "resque")
    await pilot.press("space")
    go_to_first(app, "sidekiq")
    await pilot.press("space", "0")
    await until(pilot, lambda: systems_of(app) == {"resque": 5})
    assert marked(2, 1) in screen_text(app)
    await pilot.press("d")
    await until_screen(pilot, ConfirmDialog)
    assert marked_elsewhere(1) in screen_text(app)
    assert "resque 1, sidekiq 1" in screen_text(app)
    await answered(pilot)
    await until_shown(pilot, "deleted 2 (resque 1, sidekiq 1)")
    assert direct("LLEN", RESQUE.failed()) == 4
    assert direct("ZCARD", SIDEKIQ.jobs("retry")) + direct("ZCARD", SIDEKIQ.jobs("dead")) == 5
    await pilot.press("0", "0")
    await until(pilot, lambda: systems_of(app) == {"resque": 4, "sidekiq": 5})


async def test_marks_that_a_filter_hides_are_counted_and_acted_on(
    failed: Opened, direct: Direct
) -> None:
    app, pilot = failed
    go_to_first(app, "resque")
    await pilot.press("space", "slash", *"system:sidekiq", "enter")
    await until(pilot, lambda: systems_of(app) == {"sidekiq": 6})
    go_to_first(app, "sidekiq")
    await pilot.press("space", "d")
    await until_screen(pilot, ConfirmDialog)
    assert marked_elsewhere(1) in screen_text(app)
    await answered(pilot)
    await until_shown(pilot, "deleted 2 (resque 1, sidekiq 1)")
    assert direct("LLEN", RESQUE.failed()) == 4


async def test_a_key_that_one_system_lacks_works_on_the_jobs_of_the_other(
    failed: Opened, direct: Direct
) -> None:
    app, pilot = failed
    await pilot.press("I")
    await until_screen(pilot, ConfirmDialog)
    assert "Skipped: resque" in screen_text(app)
    await answered(pilot)
    await until_gone(pilot, "retry 1 of 25")
    assert direct("ZCARD", SIDEKIQ.jobs("dead")) == 6
    assert direct("LLEN", RESQUE.failed()) == 5


async def test_b_goes_through_all_lists_and_0_back_to_the_failed_jobs_of_what_is_shown(
    failed: Opened,
) -> None:
    app, pilot = failed
    seen: list[tuple[str, Counter[str]]] = []
    for title in ("resque: failed", "sidekiq: retry", "sidekiq: dead"):
        await pilot.press("b")
        await until(pilot, lambda t=title: screen_lines(app)[2].startswith(f"╭─ {t}"))  # type: ignore[misc]
        await until(pilot, lambda: table_of(app).row_count > 0)
        seen.append((title, systems_of(app)))
    assert [rows for _, rows in seen] == [{"resque": 5}, {"sidekiq": 4}, {"sidekiq": 2}]
    await pilot.press("0")
    await until(pilot, lambda: systems_of(app) == {"resque": 5})
    await pilot.press("0")
    await until(pilot, lambda: systems_of(app) == {"sidekiq": 6})
    await pilot.press("b")
    await until(pilot, lambda: systems_of(app) == {"sidekiq": 4})


async def test_a_filter_finds_the_jobs_of_one_system(failed: Opened) -> None:
    app, pilot = failed
    await pilot.press("slash", *"system:sidekiq", "enter")
    await until(pilot, lambda: systems_of(app) == {"sidekiq": 6})
    await pilot.press("t")
    await until_rows(pilot, 1)
    assert systems_of(app) == {"sidekiq": 1}


async def test_a_group_of_both_systems_is_one_row_and_requeued_as_one(
    direct: Direct, redis_url: str
) -> None:
    same = {"class": "Same", "args": [], "queue": "mail"}
    failure = {"payload": same, "queue": "mail", "exception": "Timeout", "error": "no answer"}
    direct("RPUSH", RESQUE.failed(), json.dumps(failure | {"failed_at": "2026/11/23 11:00:00 UTC"}))
    retry = payload(1, **same, error_class="Timeout", error_message="no answer", retry_count=0)
    direct("ZADD", SIDEKIQ.jobs("retry"), NOON, retry)
    async with opened(redis_url) as (app, pilot):
        await pilot.press("4")
        await until_mode(pilot, "failed")
        await until_rows(pilot, 1)
        assert table_of(app).rows[0].group.count == 2
        await pilot.press("r")
        await answered(pilot)
        await until_shown(pilot, "requeued 2 (resque 1, sidekiq 1)")


async def test_an_export_says_of_which_system_each_job_is(failed: Opened, tmp_path: Path) -> None:
    app, pilot = failed
    path = tmp_path / "jobs.jsonl"
    await pilot.press("w")
    await until_screen(pilot, ExportDialog)
    app.screen.query_one("#path").value = str(path)  # type: ignore[attr-defined]
    app.screen.press("all")  # type: ignore[attr-defined]
    await until_shown(pilot, words.done("exported", 11))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert Counter(line["system"] for line in lines) == {"resque": 5, "sidekiq": 6}


async def test_the_jobs_of_a_queue_are_those_of_its_own_system(
    direct: Direct, redis_url: str
) -> None:
    fill_resque(direct)
    fill_sidekiq(direct)
    async with opened(redis_url) as (app, pilot):
        await pilot.press("2")
        await until_mode(pilot, "queues")
        await until_rows(pilot, 4)
        assert table_of(app).move_to(("sidekiq", "mail"))
        await pilot.press("enter")
        await until_screen(pilot, JobsScreen)
        await until_rows(pilot, 5)
        before = direct("LLEN", RESQUE.queue("mail"))
        await pilot.press("d")
        await until(pilot, lambda: direct("LLEN", SIDEKIQ.queue("mail")) == 4)
        assert direct("LLEN", RESQUE.queue("mail")) == before
        await pilot.press("u")
        await until(pilot, lambda: direct("LLEN", SIDEKIQ.queue("mail")) == 5)


async def test_what_both_have_scheduled_comes_due_in_one_list(
    direct: Direct, redis_url: str
) -> None:
    for number in range(3):
        stamp = str(NOON + 300_000_000 + 10 * number)
        direct("ZADD", RESQUE.delayed_schedule(), stamp, stamp)
        direct("RPUSH", RESQUE.delayed(stamp), b'{"class":"Mail","args":[],"queue":"mail"}')
        at = NOON + 300_000_000 + 10 * number + 5
        direct("ZADD", SIDEKIQ.jobs("schedule"), at, payload(number))
    async with opened(redis_url) as (app, pilot):
        await pilot.press("5")
        await until_mode(pilot, "scheduled")
        await until_rows(pilot, 6)
        table = table_of(app)
        assert [table.rows[at].system for at in range(6)] == ["resque", "sidekiq"] * 3
        assert "later 6" in screen_text(app)
        await pilot.press("slash", *"class:*", "enter", "R")
        await until_screen(pilot, ConfirmDialog)
        await pilot.press("y")
        await until_shown(pilot, "ran now 6 (resque 3, sidekiq 3)")
        assert direct("LLEN", RESQUE.queue("mail")) == 3
        assert direct("LLEN", SIDEKIQ.queue("default")) == 3


# A place that does not answer


@pytest.fixture
def frozen(redis_binary: Binary) -> Iterator[OwnRedis]:
    """Sidekiq's server, which a test may freeze."""
    server = OwnRedis(redis_binary.path)
    server.start()
    with server.direct() as other:
        fill(other, resque=0, retries=2)
    yield server
    server.send(signal.SIGCONT)
    server.end()


async def test_the_failed_jobs_of_a_place_that_hangs_are_unknown_and_the_others_are_acted_on(
    direct: Direct, redis_url: str, frozen: OwnRedis
) -> None:
    fill(direct, resque=3, retries=0)
    async with opened(redis_url, sidekiq=frozen.url) as (app, pilot):
        await pilot.press("4")
        await until_mode(pilot, "failed")
        await until_rows(pilot, 2)
        await pilot.press("t")
        await until_rows(pilot, 5)
        frozen.send(signal.SIGSTOP)
        app.poll_now()
        await until(pilot, lambda: app.places.monitors[1].state.poll.error is not None)
        app.poll_now()
        await until_shown(pilot, "sidekiq unknown")
        await until(pilot, lambda: systems_of(app) == {"resque": 3})
        await pilot.press("D")
        await until_screen(pilot, ConfirmDialog)
        assert "Skipped: sidekiq" in screen_text(app)
        await answered(pilot)
        await until_shown(pilot, "sidekiq is unknown")
        assert direct("LLEN", RESQUE.failed()) == 0
        frozen.send(signal.SIGCONT)
        app.poll_now()
        await until(pilot, lambda: systems_of(app) == {"sidekiq": 2})
        await pilot.press("u")
        await until(pilot, lambda: systems_of(app) == {"resque": 3, "sidekiq": 2})


@pytest.mark.parametrize("system", ["resque", "sidekiq"])
async def test_a_failed_job_is_edited_in_its_own_system_and_taken_back(
    failed: Opened, direct: Direct, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(variable, raising=False)
    app, pilot = failed
    looks = {
        "resque": ("LRANGE", RESQUE.failed(), 0, -1),
        "sidekiq": ("ZRANGE", SIDEKIQ.jobs("retry"), 0, -1, "WITHSCORES"),
    }
    before = {each: direct(*look) for each, look in looks.items()}
    [other] = {*looks} - {system}
    queue = RESQUE.queue("mail") if system == "resque" else SIDEKIQ.queue("default")
    go_to_first(app, system)
    class_name = {"resque": "Mail", "sidekiq": "Report"}[system]
    await pilot.press("e")
    await until_screen(pilot, EditorDialog)
    text = app.screen.query_one(TextArea)
    assert f'"{class_name}"' in text.text
    text.text = text.text.replace(f'"{class_name}"', '"Changed"')
    await pilot.press("ctrl+s")
    await until_screen(pilot, DifferenceDialog)
    await pilot.press("y")

    def is_changed() -> bool:
        return any(b'"Changed"' in each for each in direct("LRANGE", queue, 0, -1))

    await until(pilot, is_changed, "the job with its other class")
    assert direct(*looks[other]) == before[other]
    await until(pilot, lambda: not app.actions._actions.is_busy, "the outcome")
    await pilot.press("u")
    await until(pilot, lambda: not is_changed(), "the undo")
    await until(pilot, lambda: direct(*looks[system]) == before[system], "what there was")
