"""The console on a queue system of which a call fails, or takes long: it says what is wrong, shows
nothing as 0, recovers, and answers to keys meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import pytest
from tests import words
from tests.support.console import (
    console,
    screen_text,
    shows,
    until,
    until_gone,
    until_polled,
    until_screen,
    until_shown,
)
from tests.support.memory_jobs import delayed, failed, job, long_failed, process, schedule
from tests.support.memory_system import MemorySystem, calls_of_the_seam

from qtop.app import app as app_module
from qtop.screens.dialogs import StartDialog
from qtop.screens.help import HelpScreen
from qtop.systems.resque import system as resque_system
from queuecore.errors import Unreachable

AWAY: Final = "it is away"

#: Claims that there is nothing.
NOTHING_THERE: Final = (
    *("No queues", "No workers yet", "No failed jobs", "No delayed jobs", "No schedules"),
    *("No problems detected", "Nothing was done", "Queues 0", "Workers 0", "Failed 0", "0 waiting"),
)

Keys = Sequence[str]


class Case(NamedTuple):
    """A call that keys need.

    Attributes:
        well: What is shown when it does not fail.
        back: The keys that lead back after an answer.
        gives_up: Those that lead back after a failure.
        ends: Those that leave what waits for an answer: that ends the wait.
    """

    call: str
    keys: Keys
    well: str
    back: Keys = ()
    gives_up: Keys = ()
    ends: Keys = ()


_LEAVE: Final = ("escape",)

#: The keys that lead to a screen, and what is done there.
SCREENS: Final[Mapping[str, tuple[Keys, Sequence[Case]]]] = {
    "failed": (
        ("4", "t"),
        (
            Case("page", ("G", "pagedown"), "501 to 700", back=("g", "pageup")),
            Case("failure_lists", ("b",), "Card::Charge", back=("b",)),
            Case("settle", ("R",), "Requeue 700 by name?", back=_LEAVE, ends=_LEAVE),
            Case("prepare", ("R",), "Requeue 700 by name?", back=_LEAVE, ends=_LEAVE),
            Case("read", ("enter",), "Report::Make", back=_LEAVE, gives_up=_LEAVE, ends=_LEAVE),
            Case("act", ("d",), words.outcome("deleted", 1), back=("u",)),
            Case("extent", ("t",), "2 groups of 700 failed jobs", back=("t",), gives_up=("t",)),
        ),
    ),
    "waiting jobs": (
        ("2", "enter"),
        (
            Case("last", ("G", "G"), "jobs 801 to 1,000", back=("g", "g")),
            Case(
                *("before", ("G", "G", "g", "pageup"), "jobs 601 to 800"),
                back=("g", "g"),
                gives_up=("g", "g"),
            ),
        ),
    ),
    "scheduled": (
        (),
        (
            Case("schedules_look", ("5",), "due times 1 to 3", back=("1",), gives_up=("1",)),
            Case("outline", ("5",), "overdue 0  5 min 3", back=("1",), gives_up=("1",)),
            Case("walk", ("5", "b"), "3 of 3 jobs", back=("b", "1"), gives_up=("x", "b", "1")),
        ),
    ),
    "other screens": (
        (),
        (
            Case("history", ("7",), "No actions yet", back=("1",), gives_up=("1",)),
            Case("days", ("7", "t"), "1,000", back=("escape", "1"), gives_up=("escape", "1")),
            Case(
                *("classes", ("7", "t", "t"), "699"),
                back=("escape", "1"),
                gives_up=("escape", "1"),
            ),
            Case("evidence", ("3", "D"), "no process is dead", ends=_LEAVE),
        ),
    ),
}
#: Calls that have tests of their own below, or in the tests of the console's other parts.
BY_THEMSELVES: Final = {
    *("snapshot", "health", "strays", "forbidden", "waiting_classes", "iterations"),
    *("acknowledged", "acknowledge", "forget_acknowledged", "quarantined"),
}
#: Calls that only commands make; and `note`, for whose answer nothing waits.
NOT_HERE: Final = {
    *("stray_jobs", "unregistered", "ownership", "next_jobs", "now", "ping", "contact", "probe"),
    *("server", "scheduler_lock", "diagnose", "queue_names", "schedules", "admit", "note"),
    *("entries", "remember"),
}


def test_each_call_of_the_seam_is_in_these_tests_or_only_made_by_commands() -> None:
    of_screens = {case.call for _, cases in SCREENS.values() for case in cases}
    assert of_screens | BY_THEMSELVES | NOT_HERE == calls_of_the_seam()
    assert not (of_screens | BY_THEMSELVES) & NOT_HERE


@pytest.fixture
def memory() -> MemorySystem:
    """Lists of several pages, and one long job in front of the failed ones."""
    system = MemorySystem()
    system.queues["bulk"] = [job(number, "Import::Row", "bulk") for number in range(1_000)]
    system.queues["mail"] = [job(2_000, "Mail::Send", "mail")]
    system.processes[:] = [process(1, "Import::Row", "Mail::Send"), process(2)]
    system.failures["failed"] = [long_failed(0), *(failed(number) for number in range(1, 700))]
    system.failures["dead"] = [failed(9_000, "Card::Charge")]
    system.delayed[:] = [delayed(3_000 + at, "Mail::Later", "mail", 60 + at) for at in range(3)]
    system.scheduled[:] = [schedule("hourly", "Report::Make", "reports")]
    return system


@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen_says_which_call_failed_and_recovers(
    memory: MemorySystem, screen: str
) -> None:
    app = console(memory)
    keys, cases = SCREENS[screen]
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press(*keys)
        for case in cases:
            with memory.faults.failing(case.call, f"no {case.call}"):
                await pilot.press(*case.keys)
                app.poll_now()
                await until_shown(pilot, f"no {case.call}")
            await pilot.press(*case.gives_up, *case.keys)
            app.poll_now()
            await until_shown(pilot, case.well)
            await pilot.press(*case.back)


@pytest.mark.parametrize("screen", SCREENS)
async def test_keys_work_while_a_call_takes_long_and_leaving_ends_the_wait(
    memory: MemorySystem, screen: str
) -> None:
    app = console(memory)
    keys, cases = SCREENS[screen]
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press(*keys)
        for case in cases:
            with memory.faults.slow(case.call) as go_on:
                await pilot.press(*case.keys)
                app.poll_now()
                await until(pilot, lambda: bool(memory.faults.waiting), case.call)
                await pilot.press(*case.ends)
                if case.ends:
                    await until(pilot, lambda: not memory.faults.waiting, f"no more {case.call}")
                await pilot.press("?")
                await until_screen(pilot, HelpScreen)
                await pilot.press("escape")
                if not case.ends:
                    go_on()
                    await until_shown(pilot, case.well)
                    await pilot.press(*case.back)


async def test_what_was_never_read_is_unknown_on_every_screen_and_not_nothing(
    memory: MemorySystem,
) -> None:
    memory.faults.trouble = Unreachable(AWAY)
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, AWAY)
        for key in "1234567":
            await pilot.press(key)
            await pilot.pause()
            shown = screen_text(app)
            assert AWAY in shown
            claims = [text for text in NOTHING_THERE if text in shown]
            assert not claims, f"{claims} on screen {key}"
        memory.faults.trouble = None
        app.poll_now()
        await until_gone(pilot, AWAY)
        await pilot.press("2")
        await until_shown(pilot, "bulk")


async def test_known_data_stay_while_a_poll_takes_long_and_keys_work(memory: MemorySystem) -> None:
    app = console(memory)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        with memory.faults.slow("snapshot") as go_on:
            memory.queues["late"] = [job(1, "Late", "late")]
            app.poll_now()
            await until(pilot, lambda: memory.faults.waiting == ["snapshot"], "the poll")
            await pilot.press("2")
            await until_shown(pilot, "bulk")
            await pilot.press("enter")
            await until_shown(pilot, "of 1,000 waiting")
            await pilot.press("escape")
            assert "late" not in screen_text(app)
            go_on()
            await until_shown(pilot, "late")


async def test_the_checks_beside_the_polls_may_fail_and_come_back(memory: MemorySystem) -> None:
    searches, interval_s = asyncio.Semaphore(1), 30.0

    async def sleep(seconds: float) -> None:
        # Polls come when they are asked for, and searches when they may.
        await (asyncio.Event().wait() if seconds == interval_s else searches.acquire())

    memory.contents.hidden["lost"] = [job(5_000, "Mail::Lost", "lost")]
    app = console(memory, sleep=sleep, interval_s=interval_s)
    async with app.run_test(size=(120, 40)) as pilot:
        with (
            memory.faults.failing("health", "no health"),
            memory.faults.failing("strays", "no search"),
        ):
            await until_shown(pilot, "the scheduler and delayed jobs (no health)")
            await until_shown(pilot, "jobs that are in no index (no search)")
        searches.release()
        app.poll_now(after_action=True)
        # What is over stays listed for a while.
        await until(pilot, lambda: shows(app, "(no health)") and shows(app, "over"), "its end")
        await until_shown(pilot, "lost")


async def test_what_waits_is_looked_at_before_workers_start_and_a_failure_is_said(
    memory: MemorySystem,
) -> None:
    memory.is_able_to_start = True
    app = console(memory)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        with memory.faults.failing("waiting_classes"):
            await pilot.press("s")
            await until_screen(pilot, StartDialog)
            await pilot.press("enter")
            await until_shown(pilot, f"checking the queues: {AWAY}")
        with memory.faults.slow("waiting_classes"):
            await pilot.press("enter")
            await until(pilot, lambda: bool(memory.faults.waiting), "the look")
            await pilot.press("escape")
            await until(pilot, lambda: not memory.faults.waiting, "its end")


@pytest.mark.parametrize("is_failing", [False, True])
async def test_rights_that_cannot_be_found_out_forbid_nothing(
    memory: MemorySystem, monkeypatch: pytest.MonkeyPatch, is_failing: bool
) -> None:
    monkeypatch.setattr(resque_system, "ResqueSystem", lambda *args, **options: memory)
    monkeypatch.setattr(app_module, "RedisRunner", lambda *args, **options: memory)
    memory.no_right = {"clear_queue": "you may not clear"}
    if is_failing:
        memory.faults.errors["forbidden"] = Unreachable(AWAY)
    app = console()
    async with app.run_test(size=(120, 30)) as pilot:
        await until_polled(pilot)
        await until(pilot, lambda: "forbidden" in memory.faults.asked, "the question")
        await pilot.press("2")
        await until_shown(pilot, "bulk")
        await pilot.press("c")
        await until_shown(pilot, "Clear queue:bulk?" if is_failing else "you may not clear")
