"""Keys on rows of two systems: one question, each system's part by its own rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.both_places import (
    RESQUE_WORKER,
    SIDEKIQ_PROCESS,
    fill_resque,
    fill_sidekiq,
    places_at,
    until_all_polled,
)
from tests.support.both_systems import RESQUE, SIDEKIQ
from tests.support.console import (
    console_of,
    screen_text,
    table_of,
    until,
    until_mode,
    until_rows,
    until_screen,
    until_shown,
)
from tests.support.direct import Direct
from textual.pilot import Pilot

from qtop.app.app import QtopApp
from qtop.screens.dialogs import ConfirmDialog, DateDialog, QueueDialog, StartDialog

pytestmark = pytest.mark.redis
Opened = tuple[QtopApp, Pilot[None]]


@pytest.fixture
async def workers(direct: Direct, redis_url: str, tmp_path: Path) -> AsyncIterator[Opened]:
    """A console of both at its list of workers."""
    fill_resque(direct)
    fill_sidekiq(direct)
    app = console_of(places_at(redis_url), folder=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await pilot.press("3")
        await until_mode(pilot, "workers")
        await until_rows(pilot, 2)
        yield app, pilot


async def test_everything_is_paused_where_that_can_be_and_the_question_names_the_rest(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    await pilot.press("P")
    await until_screen(pilot, ConfirmDialog)
    await until_shown(pilot, "Skipped: sidekiq")
    await pilot.press("y")
    await until(pilot, lambda: bool(direct("EXISTS", RESQUE.pause_all_workers())))
    await until(pilot, lambda: app.state.is_paused is True, "the look at the pause")
    await until_shown(pilot, "PAUSED")
    await pilot.press("u")
    await until(pilot, lambda: not direct("EXISTS", RESQUE.pause_all_workers()), "the undo")


async def test_a_job_moves_to_the_queue_of_its_own_system_where_the_other_has_one_of_that_name(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    direct("SADD", RESQUE.queues(), "default")
    app.poll_now()
    await pilot.press("2")
    await until_rows(pilot, 5)
    assert table_of(app).move_to(("sidekiq", "mail"))
    await pilot.press("enter")
    await until_rows(pilot, 5)
    await pilot.press("m")
    await until_screen(pilot, QueueDialog)
    await pilot.press(*"default", "enter")
    await until(pilot, lambda: direct("LLEN", SIDEKIQ.queue("default")) == 3, "the move")
    assert direct("LLEN", RESQUE.queue("default")) == 0


async def test_for_a_queue_of_sidekiq_no_worker_of_resque_is_started(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    await pilot.press("2")
    await until_mode(pilot, "queues")
    await until_rows(pilot, 4)
    assert table_of(app).move_to(("sidekiq", "mail"))
    await pilot.press("s")
    await until_shown(pilot, "no workers for Sidekiq")
    assert not isinstance(app.screen, StartDialog)
    assert table_of(app).move_to(("resque", "mail"))
    await pilot.press("s")
    await until_screen(pilot, StartDialog)


async def test_the_advice_on_a_queue_of_sidekiq_names_no_key_that_starts_a_worker_of_resque(
    direct: Direct, redis_url: str, tmp_path: Path
) -> None:
    fill_resque(direct)
    fill_sidekiq(direct)
    direct("DEL", SIDEKIQ.processes())
    app = console_of(places_at(redis_url), folder=tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await until_shown(pilot, "no live workers")
        table = table_of(app)
        rows = [table.rows[at] for at in range(table.row_count)]
        [row] = [each for each in rows if each.incident.kind == "no worker"]
        assert row.system == "sidekiq"
        assert table.move_to(row.incident.row_key)
        await until_shown(pilot, "start a worker that knows Report")
        assert "s start a worker" not in screen_text(app)
        await pilot.press("s")
        await until_shown(pilot, "no workers for Sidekiq")
        assert not isinstance(app.screen, StartDialog)


async def test_a_key_that_does_something_else_in_each_system_says_both(workers: Opened) -> None:
    app, pilot = workers
    actions = app.state.policy.actions({"workers"}, read_only=False)
    footer = {action.id: action.label for action in actions}
    assert (footer["prune"], footer["pause_worker"]) == ("prune dead/rescue", "pause/quiet")
    assert footer["stop_worker"] == "stop"
    await pilot.press("question_mark")
    await until_shown(pilot, "resque: Prune all dead workers")
    await until_shown(pilot, "sidekiq: Rescue the jobs that crashed processes lost")


async def test_processes_of_both_are_signalled_each_as_its_system_can(
    workers: Opened, direct: Direct
) -> None:
    _, pilot = workers
    await pilot.press("a", "p")
    await until_screen(pilot, ConfirmDialog)
    await until_shown(pilot, "It gets TSTP")
    await until_shown(pilot, "It gets SIGUSR2")
    await pilot.press("y")
    signals = SIDEKIQ.signals(SIDEKIQ_PROCESS)
    await until(pilot, lambda: direct("LRANGE", signals, 0, -1) == [b"TSTP"], "the signal")
    # Resque's worker is on another machine: nothing there was signalled, and that is said.
    await until_shown(pilot, "resque: ")


async def test_a_process_of_one_system_is_signalled_from_the_list_of_all(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    assert table_of(app).move_to(("sidekiq", SIDEKIQ_PROCESS))
    await pilot.press("i")
    signals = SIDEKIQ.signals(SIDEKIQ_PROCESS)
    await until(pilot, lambda: direct("LRANGE", signals, 0, -1) == [b"TTIN"], "the signal")


async def test_a_marked_worker_that_cannot_do_it_is_named_before_the_others_do(
    workers: Opened, direct: Direct
) -> None:
    _, pilot = workers
    await pilot.press("a", "i")
    await until_screen(pilot, ConfirmDialog)
    await until_shown(pilot, "Skipped: resque")
    signals = SIDEKIQ.signals(SIDEKIQ_PROCESS)
    assert not direct("EXISTS", signals)
    await pilot.press("y")
    await until(pilot, lambda: direct("LRANGE", signals, 0, -1) == [b"TTIN"], "the signal")


async def ask_about_the_dead(workers: Opened, direct: Direct) -> None:
    """One of each has died, with a job."""
    app, pilot = workers
    direct("HSET", RESQUE.heartbeats(), RESQUE_WORKER, "2026-11-23T00:00:00Z")
    direct("DEL", SIDEKIQ.process(SIDEKIQ_PROCESS), SIDEKIQ.work(SIDEKIQ_PROCESS))
    app.poll_now()
    await until_shown(pilot, "dead?")
    await until_shown(pilot, "gone")
    await pilot.press("D")
    await until_screen(pilot, ConfirmDialog)
    await until_shown(pilot, "[x] resque: Prune 1 dead worker")
    await until_shown(pilot, "[x] sidekiq: Rescue 1 lost job")


async def test_of_the_dead_of_both_only_those_that_are_chosen_are_touched(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    waiting = direct("LLEN", SIDEKIQ.queue("default"))
    await ask_about_the_dead(workers, direct)
    await pilot.press("space")
    await until_shown(pilot, "[ ] resque: Prune 1 dead worker")
    await until_shown(pilot, "Rescue 1 lost job in sidekiq?")
    await pilot.press("y")
    lost = SIDEKIQ.queue("default")
    await until(pilot, lambda: direct("LLEN", lost) == waiting + 1, "the rescue")
    await until_shown(pilot, "rescued 1")
    assert direct("SMEMBERS", RESQUE.workers()) == [RESQUE_WORKER.encode()]
    [done] = [each for each in await app.read(app.system.history(10)) if each.action == "rescue"]
    assert done.processes == (SIDEKIQ_PROCESS,)


async def test_where_nothing_is_chosen_nothing_is_confirmed(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    await ask_about_the_dead(workers, direct)
    await pilot.press("space", "tab", "space", "y")
    await pilot.pause()
    assert isinstance(app.screen, ConfirmDialog)
    await pilot.press("n")
    await until_shown(pilot, "nothing was changed")
    assert direct("SMEMBERS", RESQUE.workers()) == [RESQUE_WORKER.encode()]


async def test_the_dead_of_both_are_one_question(workers: Opened, direct: Direct) -> None:
    _, pilot = workers
    await ask_about_the_dead(workers, direct)
    await pilot.press("y")
    await until(pilot, lambda: not direct("SMEMBERS", RESQUE.workers()), "the prune")
    # The job in the hands of Resque's worker is a failure now.
    assert direct("LLEN", RESQUE.failed()) == 4


async def test_what_a_read_only_console_of_both_may_not_do_is_refused(
    direct: Direct, redis_url: str, tmp_path: Path
) -> None:
    fill_resque(direct)
    fill_sidekiq(direct)
    app = console_of(places_at(redis_url), folder=tmp_path, read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_all_polled(pilot)
        await pilot.press("2")
        await until_rows(pilot, 4)
        await until_shown(pilot, "READ-ONLY")
        await pilot.press("p", "c")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmDialog)
        assert direct("LLEN", RESQUE.queue("mail")) == 3


async def test_failures_of_both_are_requeued_by_one_key_and_taken_back_by_one(
    workers: Opened, direct: Direct
) -> None:
    app, pilot = workers
    before = (direct("LRANGE", RESQUE.failed(), 0, -1), direct("ZCARD", SIDEKIQ.jobs("retry")))
    await pilot.press("4")
    await until_mode(pilot, "failed")
    await until_rows(pilot, 2)
    await pilot.press("R")
    await until_screen(pilot, ConfirmDialog)
    await until_shown(pilot, "(resque 3, sidekiq 2)")
    await pilot.press("y")
    await until(pilot, lambda: direct("ZCARD", SIDEKIQ.jobs("retry")) == 0, "the retries")
    await until(pilot, lambda: direct("LLEN", RESQUE.queue("mail")) == 6, "Resque's failures")
    await until(pilot, lambda: not app.actions._actions.is_busy, "the outcome")
    # Wherever the operator looks meanwhile.
    await pilot.press("0", "u")

    def are_back() -> bool:
        failed = direct("LRANGE", RESQUE.failed(), 0, -1)
        return (failed, direct("ZCARD", SIDEKIQ.jobs("retry"))) == before

    await until(pilot, are_back, "the undo of both")


async def test_failed_lists_the_place_that_is_shown_and_filters_by_system(
    workers: Opened,
) -> None:
    app, pilot = workers
    await pilot.press("4", "t")
    await until_rows(pilot, 5)
    await pilot.press("slash", *"system:sidekiq", "enter")
    await until_rows(pilot, 2)
    assert {table_of(app).rows[at].system for at in range(2)} == {"sidekiq"}
    await pilot.press("escape", "escape")
    await until_mode(pilot, "failed")
    await pilot.press("0")
    await until(pilot, lambda: app.places.shown == "resque")
    await until_rows(pilot, 3)
    await pilot.press("0")
    await until(pilot, lambda: app.places.shown == "sidekiq")
    await until_rows(pilot, 2)
    await until_shown(pilot, "Report")


async def test_another_time_for_both_names_what_is_left_alone_and_no_time_before_one_is_given(
    workers: Opened,
) -> None:
    app, pilot = workers
    await pilot.press("4", "t")
    await until_rows(pilot, 5)
    table_of(app).rows.mark_all()
    await pilot.press("h")
    await until_screen(pilot, DateDialog)
    await until_shown(pilot, "Skipped: resque")
    assert "tried again 2" not in screen_text(app)
