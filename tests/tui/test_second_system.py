"""The console on a queue system that is not Resque and has no Redis: screens and keys need only the
protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests import words
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
from tests.support.memory_actions import NO_PAUSE, NO_SIGNAL
from tests.support.memory_jobs import delayed, failed, job, process, schedule
from tests.support.memory_system import NO_START, MemorySystem
from tests.words import outcome
from textual.pilot import Pilot
from textual.widgets import Button, Input, TextArea

from qtop.actions.request import Replace
from qtop.app.app import QtopApp
from qtop.model.job import Job, JobRow
from qtop.screens.dialogs import ConfirmDialog
from qtop.screens.export import ExportDialog
from qtop.screens.failed import FailedScreen
from qtop.screens.help import HelpScreen
from qtop.screens.jobs import JobsScreen
from qtop.screens.payload_editor import DifferenceDialog, EditorDialog
from qtop.screens.queues import QueuesScreen
from qtop.screens.scheduled import DelayedJobScreen, ScheduledScreen
from qtop.screens.workers import HostsScreen, WorkerScreen
from queuecore.errors import Unreachable

MANY = 10_000


def under_cursor(app: QtopApp) -> Any:
    return table_of(app).cursor_row


@cache
def many_jobs() -> Sequence[Job]:
    """The same values for all tests: making them takes longer than some of these."""
    return [job(number, "Import::Row", "bulk") for number in range(MANY)]


@pytest.fixture
def memory() -> MemorySystem:
    """Two queues, one of 10,000 jobs; two processes; two sets of failed jobs."""
    system = MemorySystem()
    system.queues["bulk"] = list(many_jobs())
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
        await until_shown(pilot, "undone")
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
        await until_shown(pilot, "undone")
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
        await until_shown(pilot, "undone")
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
        await until_shown(pilot, "undone")
        assert len(memory.failures["failed"]) == 700


# Jobs are moved, changed, written to files


async def to_waiting_jobs(pilot: Pilot[None], queue: str) -> None:
    """Show the jobs that wait in a queue."""
    await until_polled(pilot)
    await pilot.press("2")
    await until_screen(pilot, QueuesScreen)
    await until_shown(pilot, queue)
    assert table_of(pilot.app).move_to(queue)
    await pilot.press("enter")
    await until_screen(pilot, JobsScreen)


async def to_entries(pilot: Pilot[None]) -> None:
    """Show the failed jobs one by one."""
    await until_polled(pilot)
    await pilot.press("4")
    await until_screen(pilot, FailedScreen)
    await pilot.press("t")
    await until(pilot, lambda: isinstance(table_of(pilot.app).cursor_row, JobRow), "the entries")


async def test_a_waiting_job_is_moved_to_another_queue_and_comes_back(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_waiting_jobs(pilot, "bulk")
        await until_shown(pilot, "of 10,000")
        await pilot.press("m")
        await until_focused(pilot, Input)
        await pilot.press(*"mail", "enter")
        await until_shown(pilot, outcome("moved", 1))
        assert [each.ref for each in memory.queues["mail"]] == [f"id-{MANY + 1}", "id-0"]
        await pilot.press("u")
        await until_shown(pilot, "undone")
        assert (len(memory.queues["bulk"]), len(memory.queues["mail"])) == (MANY, 1)


async def edit(pilot: Pilot[None], key: str, before: str, after: str) -> None:
    """Change a text in the payload of the job under the cursor, and agree."""
    await pilot.press(key)
    await until_screen(pilot, EditorDialog)
    text = pilot.app.screen.query_one(TextArea)
    assert before in text.text
    text.text = text.text.replace(before, after)
    await pilot.press("ctrl+s")
    await until_screen(pilot, DifferenceDialog)
    await until_shown(pilot, f"+    {after}")
    await pilot.press("y")


async def test_a_waiting_job_is_edited_where_it_is_by_its_name_alone(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_waiting_jobs(pilot, "mail")
        await until(pilot, lambda: table_of(app).row_count == 1, "the job")
        await edit(pilot, "e", f"{MANY + 1}", '"changed"')
        await until_shown(pilot, "edited 1")
        assert [each.args for each in memory.queues["mail"]] == [["changed"]]
        (request,) = memory.requests
        assert isinstance(request, Replace)
        assert (request.job.ref, request.job.place) == (f"id-{MANY + 1}", None)


async def test_a_failed_job_is_edited_and_goes_to_its_queue(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_entries(pilot)
        await edit(pilot, "e", "0", '"changed"')
        await until_shown(pilot, outcome("edited", 1))
        assert memory.queues["mail"][-1].args == ["changed"]
        assert len(memory.failures["failed"]) == 699


async def test_chosen_jobs_or_all_that_match_are_written_to_a_file(
    memory: MemorySystem, tmp_path: Path
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_entries(pilot)
        await pilot.press("space", "space", "w")
        await write_to(pilot, tmp_path / "chosen", "yes", words.done("exported", 2))
        assert isinstance(app.screen, FailedScreen)
        app.screen.pane.set_filter("args.0:/^1.$/")
        await until(pilot, lambda: table_of(app).row_count == 10, "those that match")
        await pilot.press("w")
        await write_to(pilot, tmp_path / "found", "all", words.done("exported", 10))
        with memory.faults.failing("walk", "no answer"):
            await pilot.press("w")
            await write_to(pilot, tmp_path / "part", "all", "is not complete: no answer")
    lines = [json.loads(line) for line in (tmp_path / "found").read_text().splitlines()]
    assert [json.loads(line["raw"])["args"] for line in lines] == [[n] for n in range(10, 20)]


async def write_to(pilot: Pilot[None], file: Path, button: str, result: str) -> None:
    """Answer the question for a file."""
    await until_screen(pilot, ExportDialog)
    pilot.app.screen.query_one("#path", Input).value = str(file)
    pilot.app.screen.query_one(f"#{button}", Button).press()
    await until_shown(pilot, result)


# Whole queues, and queues that come and go


async def test_a_queue_is_cleared_or_removed_after_its_name_was_typed(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        await pilot.press("c")
        await until_shown(pilot, f"Deletes {MANY} jobs.")
        await pilot.press(*"bulky", "enter")
        assert isinstance(app.screen, ConfirmDialog)
        assert len(memory.queues["bulk"]) == MANY
        await pilot.press("backspace", "enter")
        await until_shown(pilot, "cleared 10000 of queue:bulk")
        assert memory.queues["bulk"] == []
        await pilot.press("u")
        await until_shown(pilot, words.undone(MANY, ""))
        assert len(memory.queues["bulk"]) == MANY
        await until(pilot, lambda: under_cursor(app).depth == MANY, "the next look")
        await pilot.press("D")
        await until_shown(pilot, "Remove queue:bulk?")
        await pilot.press(*"bulk", "enter")
        await until(pilot, lambda: table_of(app).row_count == 1, "one queue")
        assert list(memory.queues) == ["mail"]


async def test_a_queue_may_go_while_its_jobs_are_shown_and_come_again(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_waiting_jobs(pilot, "mail")
        await until(pilot, lambda: table_of(app).row_count == 1, "its job")
        jobs = memory.queues.pop("mail")
        app.poll_now()
        await until_shown(pilot, "No waiting jobs in this queue.")
        await pilot.press("d", "e", "enter")
        assert isinstance(app.screen, JobsScreen)
        memory.queues["mail"] = jobs
        app.poll_now()
        await until(pilot, lambda: table_of(app).row_count == 1, "its job again")
        # One that goes between the look and the key was there, and is gone now.
        del memory.queues["mail"]
        await pilot.press("d")
        await until_shown(pilot, outcome("deleted", 0, gone=1))


# Processes with several threads


async def test_all_that_a_process_runs_is_shown_on_its_page(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 50)) as pilot:
        await until_polled(pilot)
        await until_shown(pilot, "and 1 more")  # Overview
        await pilot.press("3")
        await until_shown(pilot, "host1:1")
        assert "and 1 more" in screen_text(app)
        await pilot.press("enter")
        await until_screen(pilot, WorkerScreen)
        shown = screen_text(app)
        assert shown.count("Running job") == 2
        assert all(name in shown for name in ("Import::Row", "Mail::Send"))
        await pilot.press("escape", "t")
        await until_screen(pilot, HostsScreen)
        assert table_of(app).row_count == 2
        assert (under_cursor(app).workers, under_cursor(app).working) == (1, 1)
        await pilot.press("6")
        await until_shown(pilot, f"No workers were started here: {NO_START}.")
        await pilot.press("s")
        await until_shown(pilot, NO_START)


async def test_a_dead_process_is_pruned_and_a_living_one_is_unregistered(
    memory: MemorySystem,
) -> None:
    memory.processes.append(process(3, "Import::Row", "Mail::Send", is_dead=True))
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "host3:3")
        for key in ("x", "p"):
            app.say("")
            await pilot.press(key)
            await until_shown(pilot, NO_SIGNAL)
        await pilot.press("D")
        await until_shown(pilot, "Prune 1?")
        await pilot.press("y")
        await until_shown(pilot, "pruned 1")
        assert [each.id for each in memory.processes] == ["host1:1", "host2:2"]
        assert len(memory.failures["failed"]) == 702
        await until(pilot, lambda: table_of(app).row_count == 2, "the next look")
        await pilot.press("D")
        await until_shown(pilot, "no process is dead")
        await pilot.press("d")
        await until_shown(pilot, "Prune 1?")
        await pilot.press("y")
        await until(pilot, lambda: len(memory.processes) == 1, "one process")


# Bulk


async def test_a_bulk_of_ten_thousand_stops_in_the_middle_at_escape_and_is_undone(
    memory: MemorySystem,
) -> None:
    memory.failures["failed"][:] = [failed(number) for number in range(MANY)]
    memory.failures["failed"] += [failed(MANY + at, "Card::Charge") for at in range(7)]
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_entries(pilot)
        assert isinstance(app.screen, FailedScreen)
        app.screen.pane.set_filter("class:Mail::*")
        await pilot.press("R")
        await until_shown(pilot, f"Requeue {MANY} by name?")
        with memory.faults.slow("act", after=4) as go_on:
            await pilot.press("enter", "enter")
            await until(pilot, lambda: memory.faults.waiting == ["act"], "the fifth part")
            await until_shown(pilot, f"4,000 of {MANY:,}")
            assert len(memory.queues["mail"]) == 4_001
            await pilot.press("escape")
            await until_shown(pilot, f"of {MANY:,}; stopping")
            go_on()
            await until_shown(pilot, "requeued 5,000")
            await until_shown(pilot, "; 5,000 not changed: stopped")
        assert len(memory.failures["failed"]) == 5_007
        await pilot.press("u")
        await until_shown(pilot, words.undone(5_000, ""))
        assert len(memory.failures["failed"]) == MANY + 7
        assert len(memory.queues["mail"]) == 1


async def test_all_waiting_jobs_that_match_are_deleted_out_of_ten_thousand(
    memory: MemorySystem,
) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await to_waiting_jobs(pilot, "bulk")
        await until_shown(pilot, "of 10,000")
        assert isinstance(app.screen, JobsScreen)
        app.screen.pane.set_filter("args.0:/^7/")
        await pilot.press("D")
        await until_shown(pilot, "Delete 1111 by name?")
        await pilot.press("enter", "enter")
        await until_shown(pilot, outcome("deleted", 1_111))
        assert len(memory.queues["bulk"]) == MANY - 1_111
        assert not any(str(each.args[0]).startswith("7") for each in memory.queues["bulk"])
        await pilot.press("u")
        await until_shown(pilot, words.undone(1_111, ""))
        assert len(memory.queues["bulk"]) == MANY


async def test_the_page_of_a_delayed_job_says_nothing_of_a_place(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 40)) as pilot:
        await to_scheduled(pilot, memory)
        await pilot.press("enter")
        await until_screen(pilot, DelayedJobScreen)
        await until_shown(pilot, "Mail::Send")
        assert "of its moment" not in screen_text(app)
        await pilot.press("m")
        await until_shown(pilot, "Reschedule 1 by name?")
        await pilot.press("escape", "d")
        await until_shown(pilot, outcome("deleted", 1))
