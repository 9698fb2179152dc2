"""Commands on a queue system that is not Resque and has no Redis: what they print and what they
change comes from the protocol alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.memory_actions import NO_PAUSE
from tests.support.memory_jobs import delayed, failed, job, process, schedule
from tests.support.memory_system import MemorySystem

from qtop.commands import connection
from qtop.commands.cli import main
from queuecore.errors import Unreachable

Run = Callable[..., Result]
#: No Redis is there: what a command sends to one anyhow fails.
NOWHERE = "unix:///nonexistent/redis.sock"


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
def run(memory: MemorySystem, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process on that system."""
    monkeypatch.setattr(connection, "open_system", lambda *args, **options: memory)

    def running(*args: str) -> Result:
        return CliRunner().invoke(main, args, env={"REDIS_URL": NOWHERE, "TZ": "UTC"})

    return running


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


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
