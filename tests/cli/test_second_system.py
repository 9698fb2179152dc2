"""Commands on a queue system that is not Resque and has no Redis: what they print and what they
change comes from the protocol alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from tests.support.memory_actions import NO_PAUSE
from tests.support.memory_jobs import (
    NOW,
    delayed,
    failed,
    job,
    long_failed,
    process,
    schedule,
)
from tests.support.memory_system import MemorySystem, calls_of_the_seam

from qtop.commands.cli import main
from qtop.commands.connection import Session
from qtop.systems.resque import system
from queuecore.errors import StoreError, Unreachable
from resque.keys import Keys

Run = Callable[..., Result]
#: No Redis is there: what a command sends to one anyhow fails.
NOWHERE = "unix:///nonexistent/redis.sock"
#: What a line of an answer says that tells that something is not known, or was not done.
NO_ANSWERS = ("unknown", "error", "some checks unavailable", "deleted 0")


@pytest.fixture
def memory() -> MemorySystem:
    """Two queues, two processes, two sets of failed jobs, delayed jobs and a schedule."""
    system = MemorySystem()
    system.queues["bulk"] = [job(number, "Import::Row", "bulk") for number in range(1_200)]
    system.queues["mail"] = [job(2_000, "Mail::Send", "mail")]
    system.processes[:] = [process(1, "Import::Row", "Mail::Send"), process(2)]
    system.failures["failed"] = [failed(number) for number in range(30)]
    system.failures["dead"] = [failed(9_000, "Card::Charge")]
    system.delayed[:] = [delayed(3_000 + number, "Mail::Later", "mail", 60) for number in range(3)]
    system.scheduled[:] = [schedule("hourly", "Report::Make", "reports")]
    return system


@pytest.fixture
def opened() -> list[tuple[str, str]]:
    """The addresses and namespaces for which a system was opened."""
    return []


@pytest.fixture
def run(
    memory: MemorySystem, opened: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command in this process on that system."""

    def opening(keys: Keys, address: object, **options: object) -> MemorySystem:
        opened.append((str(address), keys.namespace))
        return memory

    # In the place of the system that every command opens.
    monkeypatch.setattr(system, "ResqueSystem", opening)

    def running(*args: str, typed: str | None = None, **env: str) -> Result:
        around = {"REDIS_URL": NOWHERE, "QTOP_SYSTEM": "resque", "TZ": "UTC", **env}
        done = CliRunner().invoke(main, args, input=typed, env=around)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return running


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def _pinged(session: Session) -> tuple[StoreError | None, float]:
    """A ping that takes always as long."""
    return session.run(session.system.ping()), 1.0


def test_the_lists_show_its_queues_processes_failures_delayed_jobs_and_schedules(run: Run) -> None:
    queues = {each["queue"]: each["waiting"] for each in objects(run("queues", "--json"))}
    assert queues == {"bulk": 1_200, "mail": 1}
    assert len(objects(run("workers", "--json"))) == 2
    assert len(objects(run("failed", "--limit", "0", "--json"))) == 30
    assert [each["class"] for each in objects(run("delayed", "--json"))] == ["Mail::Later"] * 3
    assert [each["schedule"] for each in objects(run("schedules", "--json"))] == ["hourly"]


def test_the_totals_count_its_jobs(run: Run) -> None:
    (totals,) = objects(run("stats", "--json"))
    assert (totals["queues"], totals["waiting"], totals["failed"]) == (2, 1_201, 30)
    page = run("--once")
    assert page.exit_code == 0, page.output
    assert "1,201" in page.stdout


def test_jobs_are_found_wherever_they_are(run: Run) -> None:
    found = objects(run("find", "class:Mail::*", "--limit", "0", "--json"))
    assert len(found) == 1 + 30 + 3 + 1  # waiting, failed, delayed, running
    assert len(objects(run("show", "--from", "failed", "--limit", "5", "--json"))) == 5


@pytest.mark.parametrize(
    ("args", "left", "waiting"),
    [
        (("requeue", "--from", "failed", "--filter", "args.0:7"), 29, 2),
        (("delete", "--from", "failed", "--filter", "class:Mail::*"), 0, 1),
        (("delete", "--from", "failed", "--filter", "args.0:7", "--dry-run"), 30, 1),
    ],
)
def test_an_action_takes_exactly_what_matches_and_undo_brings_it_back(
    run: Run, memory: MemorySystem, args: tuple[str, ...], left: int, waiting: int
) -> None:
    done = run(*args, *(() if "--dry-run" in args else ("--yes",)))
    assert done.exit_code == 0, done.output
    assert (len(memory.failures["failed"]), len(memory.queues["mail"])) == (left, waiting)
    if left < 30:
        (entry,) = objects(run("audit", "--json"))
        assert entry["done"] == 30 - left
        back = run("undo")
        assert back.exit_code == 0, back.output
        assert (len(memory.failures["failed"]), len(memory.queues["mail"])) == (30, 1)


def test_nothing_that_matches_is_said_by_the_status(run: Run, memory: MemorySystem) -> None:
    done = run("delete", "--from", "failed", "--filter", "class:Other", "--yes")
    assert done.exit_code == 1, done.output
    assert len(memory.failures["failed"]) == 30


def test_what_it_cannot_do_is_refused_with_the_reason(run: Run) -> None:
    refused = run("pause", "mail")
    assert refused.exit_code == 1, refused.output
    assert NO_PAUSE in refused.output


def test_waiting_jobs_are_moved_to_another_queue_and_come_back(
    run: Run, memory: MemorySystem
) -> None:
    moved = run("move", "--from", "queue:bulk", "--filter", "args.0:7", "--to", "slow")
    assert moved.exit_code == 0, moved.output
    assert "queue 'slow' does not exist yet" in moved.output
    assert (len(memory.queues["bulk"]), len(memory.queues["slow"])) == (1_199, 1)
    assert run("undo").exit_code == 0
    assert list(memory.queues) == ["bulk", "mail"]


def test_a_failed_job_is_edited_and_goes_to_its_queue(run: Run, memory: MemorySystem) -> None:
    edited = run("edit", "--from", "failed", "--filter", "args.0:7", "--args", '["changed"]')
    assert edited.exit_code == 0, edited.output
    assert memory.queues["mail"][-1].args == ["changed"]
    assert len(memory.failures["failed"]) == 29


def test_an_edit_that_makes_no_job_is_refused_with_the_reason(
    run: Run, memory: MemorySystem
) -> None:
    args = ("--from", "failed", "--filter", "args.0:7", "--payload", '{"class": 7}')
    refused = run("edit", *args)
    assert refused.exit_code == 2, refused.output
    assert 'has no "class"' in refused.output
    assert len(memory.failures["failed"]) == 30


def test_exported_jobs_are_loaded_back_byte_for_byte(
    run: Run, memory: MemorySystem, tmp_path: Path
) -> None:
    file, before = str(tmp_path / "jobs.jsonl"), list(memory.failures["failed"])
    written = run("export", file, "--from", "failed", "--no-redact")
    assert written.exit_code == 0, written.output
    assert run("clear", "failed", "--yes").exit_code == 0
    assert run("load", file, "--yes").exit_code == 0
    loaded = memory.failures["failed"]
    assert [each.item for each in loaded] == [each.item for each in before]
    # A list without places does not say in which order it was: they come as they were written.
    assert run("load", file, "--to", "queues", "--yes").exit_code == 0
    assert [each.item for each in memory.queues["mail"]][1:] == [each.item for each in before]


def test_a_whole_list_is_cleared_and_a_queue_is_removed_with_its_name(
    run: Run, memory: MemorySystem
) -> None:
    assert run("clear", "queue:mail").exit_code == 1  # no one can type the name here
    assert len(memory.queues["mail"]) == 1
    assert (
        run("clear", "queue:mail", "--dry-run").stdout
        == "would delete 1 waiting job in queue:mail\n"
    )
    assert run("clear", "queue:mail", "--yes").exit_code == 0
    assert memory.queues["mail"] == []
    assert run("clear", "queue:bulk", "--remove", "--yes").exit_code == 0
    assert list(memory.queues) == ["mail"]
    assert run("undo").exit_code == 0
    assert len(memory.queues["bulk"]) == 1_200


def test_the_name_is_typed_on_a_terminal_before_a_list_is_cleared(
    run: Run, memory: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qtop.commands.maintenance.require_person", lambda what: None)
    wrong = run("clear", "queue:mail", typed="male\n")
    assert wrong.exit_code == 1, wrong.output
    assert len(memory.queues["mail"]) == 1
    right = run("clear", "queue:mail", typed="mail\n")
    assert right.exit_code == 0, right.output
    assert memory.queues["mail"] == []


def test_a_queue_that_no_index_names_is_registered(run: Run, memory: MemorySystem) -> None:
    memory.contents.hidden["lost"] = [job(5_000, "Mail::Lost", "lost")]
    assert len(objects(run("find", "class:Mail::Lost", "--json"))) == 1
    done = run("register", "lost", "mail")
    assert done.exit_code == 0, done.output
    assert "registered lost" in done.stdout
    assert len(memory.queues["lost"]) == 1
    assert run("register", "lost").exit_code == 1


def test_dead_processes_are_pruned_with_all_their_jobs(run: Run, memory: MemorySystem) -> None:
    assert run("prune").exit_code == 1
    memory.processes.append(process(3, "Import::Row", "Mail::Send", is_dead=True))
    (would,) = objects(run("prune", "--dry-run", "--json"))
    assert (would["would_prune"], would["silent_for_s"]) == ("host3:3", 3_600)
    assert len(memory.processes) == 3
    assert run("prune", "--yes").exit_code == 0
    assert [each.id for each in memory.processes] == ["host1:1", "host2:2"]
    assert len(memory.failures["failed"]) == 32


def test_jobs_are_enqueued_now_or_for_later(run: Run, memory: MemorySystem) -> None:
    now = run("enqueue", "Mail::Hello", "42", '{"a": 1}', "--queue", "new")
    assert (now.exit_code, now.stdout) == (0, "enqueued Mail::Hello on new\n")
    assert [each.args for each in memory.queues["new"]] == [[42, {"a": 1}]]
    later = run("enqueue", "Mail::Hello", "--queue", "new", "--in", "5m")
    assert (later.exit_code, later.stdout) == (0, "delayed Mail::Hello\n")
    due = memory.delayed[-1].due
    assert due is not None
    assert due.at == NOW.timestamp() + 300


def test_doctor_says_of_it_what_it_knows_and_nothing_of_a_server(
    run: Run, memory: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qtop.commands.doctor.time.time", NOW.timestamp)
    memory.failures["failed"].clear()
    levels = {each["check"]: each["level"] for each in objects(run("doctor", "--json"))}
    assert set(levels.values()) == {"OK"}
    assert {"connection", "latency", "clock", "queues", "workers", "scheduler"} <= levels.keys()
    assert not {"version", "scripts", "role", "memory", "persistence"} & levels.keys()
    memory.processes.append(process(3, "Mail::Send", is_dead=True))
    assert run("doctor").exit_code == 2


def test_the_settings_of_a_connection_hold_for_it(
    run: Run, memory: MemorySystem, opened: list[tuple[str, str]]
) -> None:
    listed = run("queues", "--url", "redis://elsewhere:1/2", "--namespace", "other")
    assert listed.exit_code == 0, listed.output
    assert set(opened) == {("redis://elsewhere:1/2", "other")}
    assert "in memory, namespace none" in run("--once").stdout
    kept = run("clear", "queue:mail", "--yes", QTOP_UNDO_HOURS="0")
    assert "undo_hours is 0" in kept.output
    assert run("undo").exit_code == 1


@pytest.mark.parametrize(
    "args",
    [
        ("delete", "--from", "failed", "--yes"),
        ("requeue", "--from", "failed", "--yes"),
        ("move", "--from", "failed", "--to", "mail", "--yes"),
        ("edit", "--from", "failed", "--class", "Other", "--yes"),
        ("clear", "failed", "--yes"),
        ("register", "lost"),
        ("prune",),
        ("enqueue", "Mail::Hello", "--queue", "mail"),
        ("undo",),
    ],
    ids=lambda args: args[0],
)
def test_nothing_is_changed_where_only_reading_is_allowed(
    run: Run, memory: MemorySystem, args: tuple[str, ...]
) -> None:
    memory.contents.hidden["lost"] = [job(5_000, "Mail::Lost", "lost")]
    memory.processes.append(process(3, is_dead=True))
    before = memory.contents.copy()
    refused = run(*args, "--read-only")
    assert refused.exit_code == 1, refused.output
    assert "read-only" in refused.output
    assert memory.contents == before


@pytest.mark.parametrize(
    "args", [("queues",), ("workers",), ("failed",), ("stats",), ("find", "class:*"), ("--once",)]
)
def test_a_system_that_does_not_answer_is_never_an_empty_one(
    run: Run, memory: MemorySystem, args: tuple[str, ...]
) -> None:
    memory.faults.trouble = Unreachable("it is away")
    answer = run(*args)
    assert answer.exit_code == 3, answer.output
    assert "it is away" in answer.output


#: A command that needs each call, and the status with which it ends when that fails.
NEEDING: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "snapshot": (3, ("stats",)),
    "health": (3, ("--once",)),
    "strays": (3, ("find", "class:Again")),
    "stray_jobs": (3, ("find", "class:Again")),
    "unregistered": (3, ("register", "mail")),
    "ownership": (3, ("queues",)),
    "next_jobs": (3, ("queues",)),
    "now": (3, ("delayed",)),
    "ping": (3, ("doctor", "--json")),
    "contact": (3, ("doctor", "--json")),
    "server": (1, ("doctor", "--json")),
    "scheduler_lock": (1, ("doctor", "--json")),
    "diagnose": (1, ("doctor", "--json")),
    "queue_names": (3, ("requeue", "--from", "failed", "--to", "slow", "--yes")),
    "failure_lists": (3, ("find", "class:Again")),
    "history": (3, ("audit",)),
    "evidence": (3, ("prune",)),
    "remember": (3, ("watch", "--once")),
    "schedules": (3, ("schedules",)),
    "prepare": (3, ("delete", "--from", "failed", "--yes")),
    "admit": (3, ("delete", "--from", "failed", "--yes")),
    "settle": (3, ("delete", "--from", "failed", "--yes")),
    "act": (3, ("delete", "--from", "failed", "--yes")),
    "outline": (3, ("failed",)),
    "entries": (3, ("show", "--from", "failed")),
    "read": (3, ("show", "--from", "failed:long")),
    "walk": (3, ("delayed",)),
    "acknowledged": (3, ("--once",)),
    "quarantined": (3, ("quarantine",)),
}
#: Only the console asks for these, the first before it is drawn; `qtop acknowledge`, which has
#: tests of its own, asks for those of the last line.
OF_THE_CONSOLE: Final = {
    *("probe", "waiting_classes", "note", "forbidden", "schedules_look"),
    *("extent", "page", "before", "last", "days", "classes", "iterations"),
    *("acknowledge", "forget_acknowledged"),
}


def test_each_call_of_the_seam_is_needed_by_a_command_or_only_by_the_console() -> None:
    assert NEEDING.keys() | OF_THE_CONSOLE == calls_of_the_seam()
    assert not NEEDING.keys() & OF_THE_CONSOLE


@pytest.mark.parametrize("call", NEEDING)
def test_a_command_says_which_call_failed_and_shows_nothing_else_as_an_answer(
    run: Run, memory: MemorySystem, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qtop.commands.doctor.time.time", NOW.timestamp)
    monkeypatch.setattr("qtop.commands.doctor._ping", _pinged)
    memory.failures["long"] = [long_failed(50)]
    memory.copies.append(job(1, "Again", "mail"))
    status, args = NEEDING[call]
    before = memory.contents.copy()
    with memory.faults.failing(call):
        answer = run(*args)
    assert answer.exit_code == status, answer.output
    assert "it is away" in answer.output
    assert memory.contents == before
    well = run(*args)
    assert well.exit_code in (0, 1), well.output
    claimed = set(answer.stdout.splitlines()) - set(well.stdout.splitlines())
    assert all(any(word in each.lower() for word in NO_ANSWERS) for each in claimed), claimed


def test_a_console_opens_on_nothing_that_does_not_answer(
    run: Run, memory: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda number: True)
    with memory.faults.failing("probe"):
        refused = run(TERM="xterm")
    assert refused.exit_code == 3, refused.output
    assert refused.output == "qtop: it is away\n"
