"""Local: groups and workers, their keys, the start dialog, the log, the choices on leaving."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import words
from tests.support.console import (
    assert_snapshot,
    console,
    screen_lines,
    screen_text,
    table_of,
    until,
    until_ended,
    until_focused,
    until_polled,
    until_rows,
    until_screen,
    until_shown,
)
from tests.support.console_redis import KEYS, Redis, on
from tests.support.local_screen import running, start, still
from tests.support.local_workers import of_folder, template
from tests.support.sample_data import FakeSystem, fleet, snapshot, worker
from tests.support.waiting import eventually_async
from textual.widgets import Button, Input

from qtop.actions.plan import operator_identity as actor
from qtop.actions.request import QueueClasses
from qtop.config.settings import Settings
from qtop.local.groups import LocalWorker, WorkerGroup
from qtop.local.processes import Sampler, Usage
from qtop.local.state_file import SlotState
from qtop.monitor.rows import LocalWorkerRow
from qtop.screens.dialogs import StartDialog
from qtop.screens.local import LocalScreen, LogScreen, problems_of, state_of, state_tone
from qtop.widgets.text_view import MOST_LINES
from queuecore import audit
from resque.errors import Unreachable

SIZES = [(80, 24), (120, 40), (200, 60)]
HOST = "web1"


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC, and this machine is one of the fleet."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    yield
    monkeypatch.undo()
    time.tzset()


def groups() -> list[WorkerGroup]:
    """Groups in every state; the console's clock is at 1,000."""
    said = ("Traceback (most recent call last):", "redis.exceptions: no answer [/x]\x1b[2J")
    died = {"ending": "exited with 1", "said": said, "restarts": 3}
    return [
        still(
            "20261123-1",
            "mail,critical",
            SlotState(1, "running", 4242),
            SlotState(2, "running", 4243),
            SlotState(3, "finishing", 4244, since_mono=948.0),
            SlotState(4, "running", 4245, since_mono=999.0),
        ),
        still("20261123-2", "images", SlotState(1, "waiting", 7, until_mono=1_004.0, **died)),  # type: ignore[arg-type]
        still("20261123-3", "reports", SlotState(1, "gave up", 8, **died)),  # type: ignore[arg-type]
        still(
            "20261123-4",
            "legacy",
            SlotState(1, "paused", 9, log_problem="the log is not kept: No space left on device"),
            detached=True,
        ),
        still("20261123-5", "old", SlotState(1, "ended", 10, ending="exited with 0")),
    ]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_screen_fits_every_size(
    size: tuple[int, int], in_utc: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usages = {
        4242: Usage(37.4, 64 * 1024 * 1024, frozenset({4242})),
        4243: Usage(0.2, 31 * 1024 * 1024, frozenset({4243})),
        9: Usage(None, 12 * 1024 * 1024, frozenset({9})),
    }
    monkeypatch.setattr(Sampler, "sample", lambda self, pids: usages)
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=size) as pilot:
        app.local.groups = groups()
        await until_polled(pilot)
        await pilot.press("6")
        await until_shown(pilot, "37%")
        assert_snapshot(app, f"local-{size[0]}x{size[1]}")


@pytest.mark.parametrize(
    ("place", "state", "tone"),
    [
        (SlotState(1, "finishing", 7, since_mono=948.0), "finishing 52 s", "accent"),
        (SlotState(1, "finishing", 7, until_mono=1_018.0), "stops in 18 s", "accent"),
        (SlotState(1, "stopping", 7, until_mono=1_008.5), "killed in 8 s", "warn"),
        (SlotState(1, "waiting", 7, until_mono=1_004.0), "again in 4 s", "warn"),
        (SlotState(1, "gave up", 7), "gave up", "bad"),
        (SlotState(1, "running", 7, since_mono=990.0), "starting", "accent"),
        (SlotState(1, "running", 7, since_mono=900.0), "running", None),
    ],
)
def test_the_state_of_a_worker_counts_down_to_what_comes_next(
    place: SlotState, state: str, tone: str
) -> None:
    row = LocalWorkerRow(LocalWorker(still("a", "mail", place), place), None, None, 1_000.0)
    assert (state_of(row), state_tone(row)) == (state, tone)


async def test_an_empty_screen_says_what_to_press() -> None:
    app = console(FakeSystem(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "No workers were started here: press s")
        for key in ("x", "p", "l", "enter", "plus", "minus", "o"):
            await pilot.press(key)
        assert isinstance(app.screen, LocalScreen)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_start_dialog_fits_every_size(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/usr/bin/python3")
    app = console(FakeSystem(fleet()), require=("app.jobs",))
    async with app.run_test(size=size) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "space", "space", "s")
        await until_shown(pilot, "runs: ")
        assert_snapshot(app, f"start-{size[0]}x{size[1]}")


async def test_on_the_smallest_terminal_the_questions_are_whole(tmp_path: Path) -> None:
    async with running(tmp_path, size=(60, 15)) as (app, pilot):
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        app.screen.query_one("#template", Input).value = "no-such-program {queues}"
        await until_shown(pilot, "runs: no-such-program")
        await pilot.press("enter")
        await until_shown(pilot, "the command no-such-program is not found")
        assert any(words.CANCEL in line and "Start" in line for line in screen_lines(app))
        app.screen.query_one("#template", Input).value = template(tmp_path)
        await pilot.press("enter")
        await until_shown(pilot, words.started(1))
        await pilot.press("q")
        await until_shown(pilot, words.LEAVE_RUNNING)
        assert any("Finish" in line and "Stay" in line for line in screen_lines(app))


# Real groups behind the screen


async def test_marked_queues_are_served_in_their_order_with_the_command_shown(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, look=fleet()) as (app, pilot):
        await pilot.press("2", "space", "space", "s")
        await until_shown(pilot, "runs: QUEUES=search-index,mail ")
        await pilot.press("enter")
        await until_shown(pilot, words.started(1))
        assert app.local.groups[0].about.queues == "search-index,mail"
        await pilot.press("6")
        await until_shown(pilot, "1/1 alive")
        await until_shown(pilot, "6 Local 1")


async def test_a_dialog_shows_each_error_beside_its_field_and_remembers_its_values(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        app.screen.query_one("#template", Input).value = "no-such-program {queues}"
        await pilot.press("enter")
        await until_shown(pilot, "the command no-such-program is not found")
        app.screen.query_one("#template", Input).value = "work {secret}"
        await until_shown(pilot, "in braces, and nothing else")
        app.screen.query_one("#template", Input).value = ""
        app.screen.query_one("#modules", Input).value = "nowhere.jobs"
        await until_shown(pilot, "--require nowhere.jobs")
        await pilot.press("enter")
        await until_shown(pilot, "nowhere.jobs cannot be imported: ModuleNotFoundError")
        app.screen.query_one("#count", Input).value = "33"
        await until_shown(pilot, "1 to 32")
        assert isinstance(app.screen, StartDialog)
        app.screen.query_one("#count", Input).value = "2"
        app.screen.query_one("#template", Input).value = template(tmp_path)
        app.screen.query_one("#interval", Input).value = "0.5"
        await pilot.press("enter")
        await until_shown(pilot, words.started(2))
        await pilot.press("s")
        await until_focused(pilot, Input)
        assert app.screen.query_one("#interval", Input).value == "0.5"
        await pilot.press("escape")
        assert len(app.local.groups) == 1


async def test_the_dialog_names_the_waiting_classes_that_no_module_knows_and_starts_nothing(
    tmp_path: Path,
) -> None:
    source = FakeSystem(snapshot())
    source.answers = [[QueueClasses("mail", ("Mailers::Welcome",))]]
    app = console(source, folder=tmp_path / "log", clock=time.monotonic)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        await pilot.press("enter")
        await until_shown(pilot, "mail: Mailers::Welcome")
        assert isinstance(app.screen, StartDialog)
        assert app.local.groups == []


async def test_unreadable_waiting_jobs_are_a_reason_to_start_nothing(tmp_path: Path) -> None:
    source = FakeSystem(snapshot())
    source.answers = [Unreachable("no answer")]
    app = console(source, folder=tmp_path / "log", clock=time.monotonic)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        await pilot.press("enter")
        await until_shown(pilot, "checking the queues: no answer")
        assert app.local.groups == []


def test_a_worker_that_leaves_a_queue_alone_says_so_on_its_row() -> None:
    place = SlotState(1, "running", 7)
    usage = Usage(None, 0, frozenset({7}), "ruby\x1b")
    row = LocalWorkerRow(LocalWorker(still("a", "mail", place), place), None, usage, 1_000.0)
    assert problems_of(row) == "skips ruby␛: unknown classes"


async def proposed(folder: Path, name: str, **more: Any) -> str:
    """The value that another console proposes in a field of the start dialog."""
    app = console(FakeSystem(snapshot()), folder=folder / "log", **more)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        return app.screen.query_one(f"#{name}", Input).value


async def test_the_next_console_of_the_profile_proposes_the_modules_of_the_last_start(
    tmp_path: Path,
) -> None:
    mine, other = (Settings(profile=name) for name in ("mine", "other"))
    source = FakeSystem(snapshot())
    source.answers = [[QueueClasses("mail")]]
    app = console(source, folder=tmp_path / "log", clock=time.monotonic, settings=mine)
    async with app.run_test(size=(100, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        app.screen.query_one("#modules", Input).value = "json, csv"
        await pilot.press("enter")
        await until_shown(pilot, words.started(1))
        app.local.stop_all(now=True)
    await eventually_async(lambda: not of_folder(tmp_path))
    assert await proposed(tmp_path, "modules", settings=mine) == "json,csv"
    # Modules named now replace the remembered ones; other profiles get none.
    assert await proposed(tmp_path, "modules", settings=mine, require=("html",)) == "html"
    assert await proposed(tmp_path, "modules", settings=other) == ""
    assert await proposed(tmp_path, "modules") == ""


async def test_x_lets_a_worker_finish_then_stops_it_then_removes_its_row(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 2)
        await pilot.press("j", "x")
        await until_shown(pilot, "Stop worker")
        assert [worker.place.state for worker in app.local.all] == ["running", "running"]
        await pilot.press("n")
        await until_shown(pilot, words.NOTHING_CHANGED)
        await pilot.press("x", "y")
        await until_shown(pilot, "finishes its job and ends; x again: stops now")
        states = [worker.place.state for worker in app.local.all]
        assert states == ["finishing", "running"]
        await until_shown(pilot, "1 of 2 ending")
        await pilot.press("x")
        await until_shown(pilot, "Stop now worker")
        await pilot.press("y")
        await until_shown(pilot, "stops now")
        await until(pilot, lambda: len(app.local.alive) == 1, "its end")
        await until_shown(pilot, words.ENDED_BY_TERM)
        await pilot.press("k", "x", "y", "x", "y")
        await until_shown(pilot, "ended  ")
        await until(pilot, lambda: app.local.groups[0].is_gone, "the group's end")
        await pilot.press("x")
        await until_shown(pilot, "removed from the list")
        assert table_of(app).row_count == 0


async def test_marked_workers_are_stopped_together(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 3)
        await pilot.press("j", "space", "space", "x", "y")
        await until_shown(pilot, "2 workers: each finishes its job")
        states = [worker.place.state for worker in app.local.all]
        assert states == ["finishing", "finishing", "running"]


async def test_one_question_is_asked_for_all_marked_workers_of_this_machine(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 2)
        ids = [f"{socket.gethostname()}:{each.pid}:*" for each in app.local.all]
        source = app.places.first.source
        assert isinstance(source, FakeSystem)
        source.snapshots = [snapshot(workers=[worker(each) for each in ids])]
        app.poll_now()
        await pilot.press("3")
        await until_rows(pilot, 2)
        await pilot.press("a", "x")
        await until_shown(pilot, "Stop 2 workers?")
        await pilot.press("n")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert {each.place.state for each in app.local.all} == {"running"}


async def test_plus_and_minus_scale_the_group_and_not_the_interval(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        before_s = app.state.interval_s
        await pilot.press("plus")
        await until_shown(pilot, "2 workers for *")
        await until(pilot, lambda: len(app.local.alive) == 2, "another")
        (tmp_path / "finish").touch()
        await until(
            pilot, lambda: all("ready" in w.log.read_text() for w in app.local.alive), "signals"
        )
        await pilot.press("minus")
        await until(pilot, lambda: len(app.local.alive) == 1, "one less")
        assert app.state.interval_s == before_s
        await pilot.press("2", "plus")
        assert app.state.interval_s != before_s


async def test_each_quick_press_of_plus_and_minus_counts(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        group = app.local.groups[0]
        # The supervisor gets no request while it is stopped.
        assert group.report is not None
        os.kill(group.report.pid, signal.SIGSTOP)
        await pilot.press("plus", "plus", "plus", "minus")
        assert group.wanted == 3
        assert app.last_word[0] == "3 workers for *"
        os.kill(group.report.pid, signal.SIGCONT)
        await until(pilot, lambda: len(app.local.alive) == 3, "two more")
        await until(pilot, lambda: group._scaled is None, "it was obeyed")
        assert group.wanted == 3


async def test_p_pauses_and_resumes(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        await pilot.press("p")
        await until_shown(pilot, "paused; p again resumes")
        await until(pilot, lambda: "paused" in app.local.all[0].log.read_text(), "the signal")
        await pilot.press("p")
        await until_shown(pilot, "resumed")
        await until(pilot, lambda: "goes on" in app.local.all[0].log.read_text(), "the signal")


async def test_a_read_only_console_starts_and_stops_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, read_only=True) as (app, pilot):
        await pilot.press("6", "s")
        await until_shown(pilot, "read-only")
        assert app.local.groups == []


async def test_nothing_is_started_while_redis_does_not_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        assert isinstance(app.places.first.source, FakeSystem)
        app.places.first.source.snapshots = [Unreachable("cannot reach Redis: connection refused")]
        app.poll_now()
        await until_shown(pilot, "connection refused")
        await pilot.press("6", "s")
        await pilot.pause()
        assert isinstance(app.screen, LocalScreen)
        assert app.last_word[1] in ("warn", "bad")


async def test_a_registered_worker_shows_its_job_and_the_log_of_a_child_is_its_own(
    tmp_path: Path,
) -> None:
    host = socket.gethostname()
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        await until_shown(pilot, "starting")
        seen = worker(f"{host}:{app.local.all[0].pid}:mail", on="mail", processed=12, failed=1)
        source = app.places.first.source
        assert isinstance(source, FakeSystem)
        source.snapshots = [snapshot(workers=[seen])]
        app.poll_now()
        await until_shown(pilot, "working")
        text = screen_text(app)
        assert "Mailers::Welcome" in text
        assert "42 s" in text


# The log


async def test_the_log_shows_what_is_printed_safely_and_why_it_ended(tmp_path: Path) -> None:
    async with running(tmp_path, "--dies") as (app, pilot):
        await pilot.press("6", "s")
        await until_focused(pilot, Input)
        await pilot.press("enter")
        await until_shown(pilot, "exited with 7: ␛]52;c;aGk=␇ FATAL it")
        await pilot.press("l")
        await until_shown(pilot, "exited with 7")
        await until(
            pilot,
            lambda: any(line.startswith("│ ␛]52;c") for line in screen_lines(app)),
            "its last words",
        )
        assert "redis://[redacted]@queues.example.com" in screen_text(app)
        await pilot.press("escape")
        await until_screen(pilot, LocalScreen)


async def test_the_log_is_followed_held_and_searched(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        log = app.local.all[0].log
        with log.open("ab") as file:
            file.write(b"".join(b"INFO line %d\n" % number for number in range(200)))
        await pilot.press("enter")
        await until_shown(pilot, "line 199")
        await pilot.press("f")
        await until_shown(pilot, words.NOT_FOLLOWING)
        with log.open("ab") as file:
            file.write(b"DEBUG the newest\n")
        screen = app.screen
        assert isinstance(screen, LogScreen)
        await until(pilot, lambda: len(screen.log_view.lines) >= 203, "the line")
        assert "the newest" not in screen_text(app)
        await pilot.press("f")
        await until_shown(pilot, "the newest")
        await pilot.press("p")
        await until_shown(pilot, words.PAUSED)
        with log.open("ab") as file:
            file.write(b"WARN while paused\n")
        screen.read_more()
        assert not any("while paused" in line.text for line in screen.log_view.lines)
        await pilot.press("p")
        await until_shown(pilot, "while paused")
        await pilot.press("slash", *"line 42", "enter")
        await until_shown(pilot, "1 line with it")
        await until_shown(pilot, "INFO line 42")
        await pilot.press("slash", *"line 7", "enter", "n")
        await until_shown(pilot, "11 lines with it")
        await pilot.press("N", "slash", "escape", "n")
        await until_shown(pilot, "not found; / searches")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_log_fits_every_size(
    size: tuple[int, int], in_utc: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = still("20261123-1", "mail", SlotState(1, "gave up", 9, ending="exited with 3"))
    # A path that is the same on every machine.
    monkeypatch.chdir(tmp_path)
    group.folder = Path()
    lines = [
        "qtop: 2026-11-23 12:00:00 started process 9",
        "INFO 2026/11/23 12:00:01 worker web1:9:mail is ready",
        "DEBUG a very long line " + "of words " * 40,
        "\x1b[33mWARN\x1b[0m slow\tanswer",
        "Traceback (most recent call last):",
        "  File 'x', line 7",
        "RuntimeError: 漢字 \x1b]52;c;aGk=\x07[/red][@click=app.quit]x[/]",
        "password=hunter2 token: abc",
        "qtop: 2026-11-23 12:00:02 process 9 exited with 3",
    ]
    (tmp_path / "worker-1.log").write_text("\n".join(lines) + "\n")
    app = console(FakeSystem(fleet()))
    async with app.run_test(size=size) as pilot:
        app.local.groups = [group]
        await until_polled(pilot)
        await pilot.press("6", "l")
        await until_shown(pilot, "process 9 exited with 3")
        shown = screen_text(app)
        assert "hunter2" not in shown
        assert_snapshot(app, f"log-{size[0]}x{size[1]}")


async def test_a_log_that_floods_stays_bounded_while_every_key_answers(tmp_path: Path) -> None:
    async with running(tmp_path, "--floods") as (app, pilot):
        await start(app, pilot, 1)
        await pilot.press("enter")
        screen = app.screen
        assert isinstance(screen, LogScreen)
        await until(pilot, lambda: len(screen.log_view.lines) == MOST_LINES, "all it keeps")
        newest = screen.log_view.lines[-1].text
        await until(pilot, lambda: screen.log_view.lines[-1].text != newest, "newer lines")
        assert len(screen.log_view.lines) == MOST_LINES
        await pilot.press("k")
        await until_shown(pilot, words.NOT_FOLLOWING)
        await pilot.press("G", "p")
        await until_shown(pilot, words.PAUSED)
        await pilot.press("slash", *"flood", "enter")
        await until_shown(pilot, " lines with it")
        await pilot.press("p", "escape", "3", "6", "2")
        assert app.current_mode == "queues"
        await pilot.press("6", "x", "y", "x", "y")
        await until_shown(pilot, words.ENDED_BY_TERM)


# Leaving


async def test_on_leaving_workers_can_be_left_to_finish(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 2)
        await pilot.press("q")
        await until_shown(pilot, "Leave, with 2 workers started here?")
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("q")
        await until_shown(pilot, words.FINISH_AND_STOP)
        await until(pilot, lambda: getattr(app.focused, "id", "") == "finish", "the default")
        await pilot.press("enter")
        await until_shown(pilot, "Waiting for workers to finish their jobs")
        assert {worker.place.state for worker in app.local.alive} == {"finishing"}
        (tmp_path / "finish").touch()
        await until_ended(pilot)
        assert {worker.place.ending for worker in app.local.all} == {"exited with 0"}


async def test_the_wait_for_finishing_workers_can_be_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await start(app, pilot, 1)
        await pilot.press("q")
        await until_shown(pilot, words.FINISH_AND_STOP)
        await pilot.press("enter")
        await until_shown(pilot, words.WAITING_FOR_WORKERS)
        app.screen.query_one("#now", Button).press()
        await until_ended(pilot)
        assert app.local.all[0].place.ending == words.ENDED_BY_TERM


async def test_workers_finish_alone_when_the_operator_does_not_wait(tmp_path: Path) -> None:
    async with running(tmp_path, stays=True) as (app, pilot):
        await start(app, pilot, 2)
        logs = [worker.log for worker in app.local.all]
        await pilot.press("q")
        await until_shown(pilot, words.FINISH_AND_STOP)
        await pilot.press("enter")
        await until_shown(pilot, words.WAITING_FOR_WORKERS)
        app.screen.query_one("#leave", Button).press()
        await until_ended(pilot)
    assert len(of_folder(tmp_path)) == 3
    (tmp_path / "finish").touch()
    await eventually_async(lambda: not of_folder(tmp_path))
    assert all("exited with 0" in log.read_text() for log in logs)


async def test_on_leaving_workers_can_be_kept_running_and_are_found_again(tmp_path: Path) -> None:
    async with running(tmp_path, stays=True) as (app, pilot):
        await start(app, pilot, 2)
        pids = app.local.pids
        await pilot.press("q")
        await until_shown(pilot, words.LEAVE_RUNNING)
        app.screen.query_one("#leave", Button).press()
        await until_ended(pilot)
    async with running(tmp_path) as (app, pilot):
        await until_shown(pilot, "2 workers run here, left running: 6 shows them")
        assert app.local.pids == pids
        await pilot.press("6")
        await until_shown(pilot, "2/2 staying")
        await pilot.press("q")
        await until(pilot, lambda: getattr(app.focused, "id", "") == "leave", "the default")
        app.screen.query_one("#now", Button).press()
        await until_ended(pilot)
    assert {worker.place.ending for worker in app.local.all} == {words.ENDED_BY_TERM}


@pytest.mark.redis
async def test_real_workers_register_and_unregister(redis: Redis, tmp_path: Path) -> None:
    app = on(redis, folder=tmp_path / "log", workers=("mail",), clock=time.monotonic)
    async with app.run_test(size=(120, 30)) as pilot:
        await until_shown(pilot, words.started(1))
        await pilot.press("6")

        def is_idle() -> bool:
            app.poll_now()
            return "idle" in screen_text(app)

        await until(pilot, is_idle, "the worker")
        pid = app.local.all[0].pid
        await pilot.press("3")
        await until_shown(pilot, f"● {socket.gethostname()}:{pid}")
        await pilot.press("x", "y")
        await until_shown(pilot, "finishes its job and ends")
        await until(pilot, lambda: not app.local.alive, "its end")
        entries = await redis.source.run(audit.newest(KEYS, 9))
        assert [(each.action, each.done, each.undo_left_s) for each in entries] == [
            ("stop", 1, None),
            ("start", 1, None),
        ]
        assert entries[0].actor.who == actor().who
        assert entries[0].subject.startswith("1 worker for mail on ")
    assert app.local.all[0].place.ending == "exited with 0"
    await eventually_async(lambda: not of_folder(tmp_path))
