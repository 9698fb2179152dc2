"""The console on a queue system that is not Resque and has no Redis: screens and keys need only the
protocol."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.console import (
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_focused,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.memory_actions import NO_PAUSE
from tests.support.memory_jobs import delayed, failed, job, process, schedule
from tests.support.memory_system import NO_START, MemorySystem
from tests.words import outcome
from textual.pilot import Pilot
from textual.widgets import Input

from qtop.app.app import QtopApp
from qtop.model.job import JobRow
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.failed import FailedScreen
from qtop.screens.help import HelpScreen
from qtop.screens.jobs import JobsScreen
from qtop.screens.queues import QueuesScreen
from qtop.screens.scheduled import ScheduledScreen
from queuecore.errors import Unreachable

MANY = 10_000


def under_cursor(app: QtopApp) -> Any:
    return table_of(app).cursor_row


@pytest.fixture
def memory() -> MemorySystem:
    """Two queues, one of 10,000 jobs; two processes; two sets of failed jobs."""
    system = MemorySystem()
    system.queues["bulk"] = [job(number, "Import::Row", "bulk") for number in range(MANY)]
    system.queues["mail"] = [job(MANY + 1, "Mail::Send", "mail")]
    system.processes[:] = [process(1, "Import::Row", "Mail::Send"), process(2)]
    system.failures["failed"] = [
        failed(number, error=f"user {number} is gone") for number in range(700)
    ]
    system.failures["dead"] = [failed(9_000 + number, "Card::Charge") for number in range(3)]
    return system


async def test_overview_and_queues_show_its_figures(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await until_shown(pilot, "10,001")
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        bulk = under_cursor(app)
        assert (bulk.name, bulk.depth, bulk.serving, bulk.in_hand) == ("bulk", MANY, 2, 0)
        memory.queues["late"] = [job(1, "Late", "late")]
        app.poll_now()
        await until_shown(pilot, "late")
        del memory.queues["bulk"]
        app.poll_now()
        await until(pilot, lambda: table_of(app).row_count == 2, "two queues")


async def test_a_process_with_several_threads_is_one_row_that_shows_its_longest_job(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "host1:1")
        assert table_of(app).row_count == 2
        shown = screen_text(app)
        assert "Import::Row" in shown
        assert "Mail::Send" not in shown


async def test_waiting_jobs_come_in_pages_and_a_filter_searches_all_of_them(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        await pilot.press("enter")
        await until_screen(pilot, JobsScreen)
        await until_shown(pilot, "of 10,000")
        assert table_of(app).row_count < MANY
        assert isinstance(app.screen, JobsScreen)
        app.screen.pane.set_filter("args.0:9876")
        await until(pilot, lambda: table_of(app).row_count == 1, "the one that matches")
        assert under_cursor(app).job.ref == "id-9876"


async def test_failed_jobs_are_grouped_and_there_is_a_second_set_of_them(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await until_screen(pilot, FailedScreen)
        await until_shown(pilot, "700")
        group = under_cursor(app).group
        assert (group.count, group.fingerprint.class_name) == (700, "Mail::Send")
        await pilot.press("b")
        await until_shown(pilot, "Card::Charge")


async def test_what_it_cannot_do_is_not_offered_and_its_key_says_why_without_a_question(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 50)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        footer = screen_lines(app)[-1]
        assert "clear" in footer
        assert "pause" not in footer
        assert "start" not in footer
        for key, reason in (("p", NO_PAUSE), ("P", NO_PAUSE), ("s", NO_START)):
            app.say("")
            await pilot.press(key)
            await until_shown(pilot, reason)
            assert isinstance(app.screen, QueuesScreen)
        assert memory.requests == []


async def test_the_help_says_what_it_cannot_do(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(200, 60)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        await pilot.press("?")
        await until_screen(pilot, HelpScreen)
        shown = screen_text(app)
        assert shown.count(NO_PAUSE) == 2
        assert shown.count(NO_START) == 1


async def test_known_data_stay_and_are_marked_as_old_when_it_does_not_answer(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        memory.faults.trouble = Unreachable("it is away")
        app.poll_now()
        await until_shown(pilot, "it is away")
        assert "bulk" in screen_text(app)


async def test_one_failed_job_is_deleted_at_once_and_comes_back_with_undo(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await until_screen(pilot, FailedScreen)
        await until_shown(pilot, "700")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(under_cursor(app), JobRow), "the entries")
        first = memory.failures["failed"][0]
        await pilot.press("d")
        await until_shown(pilot, outcome("deleted", 1))
        assert len(memory.failures["failed"]) == 699
        await pilot.press("u")
        await until_shown(pilot, "took back 1")
        assert (len(memory.failures["failed"]), memory.failures["failed"][0]) == (700, first)


async def test_all_matching_jobs_are_requeued_after_a_question_and_the_action_is_undone(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await until_screen(pilot, FailedScreen)
        await until_shown(pilot, "700")
        assert isinstance(app.screen, FailedScreen)
        app.screen.pane.set_filter("args.0:42")
        await pilot.press("R")
        await until_screen(pilot, ConfirmDialog)
        assert "Requeue 1 by name" in screen_text(app)
        await pilot.press("tab", "enter")
        await until_shown(pilot, outcome("requeued", 1))
        assert [each.ref for each in memory.queues["mail"]][-1] == "id-42"
        await pilot.press("u")
        await until_shown(pilot, "took back 1")
        assert len(memory.failures["failed"]) == 700


async def to_scheduled(pilot: Pilot[None], memory: MemorySystem) -> None:
    """Show the Scheduled screen with three delayed jobs of two classes and a schedule."""
    for number, name in enumerate(("Mail::Send", "Mail::Send", "Card::Charge")):
        memory.delayed.append(delayed(number, name, "late", 120 + number))
    memory.scheduled.append(schedule("hourly", "Report::Make", "reports"))
    await until_polled(pilot)
    await pilot.press("5")
    await until_screen(pilot, ScheduledScreen)
    await until_shown(pilot, "Card::Charge")


async def test_delayed_jobs_run_now_are_deleted_and_rescheduled(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_scheduled(pilot, memory)
        assert "overdue 0  5 min 3  1 h 0" in screen_text(app)
        await pilot.press("r")
        await until_shown(pilot, outcome("ran now", 1))
        assert [each.ref for each in memory.queues["late"]] == ["id-0"]
        await until(pilot, lambda: table_of(app).row_count == 2, "the next look")
        await pilot.press("u")
        await until_shown(pilot, "took back 1")
        await until(pilot, lambda: table_of(app).row_count == 3, "the next look")
        await pilot.press("g", "m")
        await until_shown(pilot, "Reschedule 1 by name?")
        await until_focused(pilot, Input)
        await pilot.press(*"in 2d", "enter")
        await until_shown(pilot, outcome("rescheduled", 1))
        assert [each.ref for each in memory.delayed] == ["id-1", "id-2", "id-0"]
        await pilot.press("g", "d")
        await until_shown(pilot, outcome("deleted", 1))
        assert len(memory.delayed) == 2


async def test_delayed_jobs_are_counted_by_class_and_all_matching_ones_run_now(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_scheduled(pilot, memory)
        await pilot.press("b")
        await until_shown(pilot, "3 of 3 jobs")
        assert (under_cursor(app).name, under_cursor(app).count) == ("Mail::Send", 2)
        await pilot.press("r")
        await until_screen(pilot, ConfirmDialog)
        assert "RunNow 2 by name" in screen_text(app)
        await pilot.press("tab", "enter")
        await until_shown(pilot, outcome("ran now", 2))
        assert [each.ref for each in memory.queues["late"]] == ["id-0", "id-1"]


async def test_schedules_are_shown_with_their_next_runs_and_run_now_and_deleted(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_scheduled(pilot, memory)
        await pilot.press("t")
        await until_shown(pilot, "Report::Make")
        await pilot.press("enter")
        await until(pilot, lambda: screen_text(app).count(":00:00 UTC") == 5, "five runs")
        await pilot.press("r")
        await until_shown(pilot, "did it to 1")
        assert [each.class_name for each in memory.queues["reports"]] == ["Report::Make"]
        await pilot.press("escape", "d")
        await until(pilot, lambda: not memory.scheduled, "no schedule")


async def test_history_shows_what_was_done_and_undoes_it(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("4")
        await until_shown(pilot, "700")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(under_cursor(app), JobRow), "the entries")
        await pilot.press("d")
        await until_shown(pilot, outcome("deleted", 1))
        await pilot.press("7")
        await until(pilot, lambda: table_of(app).row_count == 1, "the action")
        await pilot.press("u")
        await until_shown(pilot, "took back 1")
        assert len(memory.failures["failed"]) == 700
