"""`qtop prune`: it shows the evidence first, then prunes exactly the workers that are surely
dead."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import words as texts
from tests.support.commands import Qtop, everything
from tests.support.direct import Direct

JOB = b'{"class":"Charge","args":[1.50,"x"]}'
LONG_AGO = "2020-01-01T00:00:00+00:00"
DEAD = "web-1:7:mail"


def hold(direct: Direct, worker_id: str, job: bytes | None = JOB, beat: str = LONG_AGO) -> None:
    """Let a worker hold a job; without one it is idle."""
    direct("SADD", "resque:workers", worker_id)
    if beat:
        direct("HSET", "resque:workers:heartbeat", worker_id, beat)
    if job is not None:
        record = b'{"queue":"mail","run_at":"2020-01-01T00:00:00Z","payload":' + job + b"}"
        direct("SET", f"resque:worker:{worker_id}", record)


def gone_pid() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def around(direct: Direct) -> None:
    """A dead worker's job that is also in several other places."""
    hold(direct, DEAD)
    hold(direct, "web-2:8:mail", beat="")
    hold(direct, "web-2:9:mail", b'{"class":"Other","args":[]}', beat="")
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", "a", JOB, "b", JOB, "c")
    failed = b'{"payload":%s,"exception":"E","error":"e","queue":"%s"}'
    direct("RPUSH", "resque:failed", failed % (JOB, b"mail"), failed % (JOB, b"other"))


@pytest.mark.usefixtures("around")
def test_a_dry_run_shows_the_evidence_and_changes_nothing(qtop: Qtop, direct: Direct) -> None:
    before = everything(direct)
    ran = qtop("prune", "--dry-run")
    assert ran.status == 0
    assert ran.out.startswith(f"would prune {DEAD}: silent for ")
    assert "runs Charge of mail since 2020-01-01 00:00:00" in ran.out
    assert (
        "the same job waits 2 times, failed 1 time, is held by 1 other worker; "
        "its job would move to Failed\n" in ran.out
    )
    [report] = qtop("prune", "--dry-run", "--json").objects
    age_s = report.pop("heartbeat_age_s")
    assert age_s > 100_000_000
    assert report == {
        "would_prune": DEAD,
        "job": "failed",
        "is_registered": True,
        "process_runs": None,
        "class": "Charge",
        "queue": "mail",
        "run_at": "2020-01-01T00:00:00Z",
        "also_waiting": 2,
        "also_failed": 1,
        "also_in_hands": 1,
        "times_lost": 0,
        "doubt": None,
    }
    assert "its job would be requeued" in qtop("prune", "--dry-run", "--requeue-lost", "1").out
    assert everything(direct) == before


@pytest.mark.usefixtures("around")
def test_the_evidence_is_shown_before_anything_is_pruned(qtop: Qtop, direct: Direct) -> None:
    ran = qtop("prune", "--yes")
    assert (ran.status, ran.out) == (0, texts.pruned_holding(DEAD))
    assert ran.err.startswith(f"{DEAD}: silent for ")
    assert direct("LLEN", "resque:failed") == 3
    [entry] = qtop("audit", "--json").objects
    assert (entry["action"], entry["subject"], entry["planned"], entry["done"]) == (
        "prune",
        DEAD,
        1,
        1,
    )


@pytest.mark.usefixtures("around")
def test_one_worker_is_pruned_only_with_yes_for_there_is_no_undo(
    qtop: Qtop, direct: Direct
) -> None:
    before = everything(direct)
    for words in ((), (DEAD,)):
        asked = qtop("prune", *words)
        assert (asked.status, asked.out) == (1, "")
        assert f"{DEAD}: silent for " in asked.err
        assert "prune 1 dead worker: say --yes to do it" in asked.err
    assert everything(direct) == before


def test_several_workers_are_pruned_only_with_yes(qtop: Qtop, direct: Direct) -> None:
    hold(direct, DEAD)
    hold(direct, "web-1:8:mail", None)
    before = everything(direct)
    asked = qtop("prune")
    assert (asked.status, asked.out) == (1, "")
    assert f"{DEAD}: silent for " in asked.err
    assert "prune 2 dead workers: say --yes to do it" in asked.err
    assert everything(direct) == before
    assert qtop("prune", "--yes").out == texts.pruned_holding(DEAD) + "pruned web-1:8:mail\n"
    assert direct("EXISTS", "resque:workers") == 0


def test_a_lost_job_goes_back_a_limited_number_of_times_and_the_preview_says_so(
    qtop: Qtop, direct: Direct
) -> None:
    hold(direct, DEAD)
    for times_lost, fate in ((0, "put back"), (1, "put back"), (2, "failed")):
        hold(direct, DEAD)
        [report] = qtop("prune", "--requeue-lost", "2", "--dry-run", "--json").objects
        assert (report["times_lost"], report["job"]) == (times_lost, fate)
        direct("DEL", "resque:pruning_dead_workers_in_progress")
        [report] = qtop("prune", "--requeue-lost", "2", "--json", "--yes").objects
        assert (report["pruned"], report["job"]) == (DEAD, fate)
    assert direct("LRANGE", "resque:queue:mail", 0, -1) == [JOB, JOB]
    assert json.loads(direct("LINDEX", "resque:failed", 0))["payload"] == json.loads(JOB)
    assert [entry["done"] for entry in qtop("audit", "--json").objects] == [1, 1, 1]


def test_a_worker_whose_process_runs_here_is_kept_unless_pids_are_ignored(
    qtop: Qtop, direct: Direct
) -> None:
    mine, gone = f"{socket.gethostname()}:{os.getpid()}:q", f"{socket.gethostname()}:{gone_pid()}:q"
    hold(direct, mine)
    hold(direct, gone, None)
    dry = {
        report.get("would_prune"): report for report in qtop("prune", "--dry-run", "--json").objects
    }
    assert dry[gone]["process_runs"] is False
    assert dry[None]["would_keep"] == mine
    assert dry[None]["doubt"] == f"process {os.getpid()} is running on this machine"
    ran = qtop("prune", "--yes")
    assert (ran.status, ran.out) == (0, f"pruned {gone}\n")
    assert f"kept {mine}: process {os.getpid()} is running" in ran.err
    direct("DEL", "resque:pruning_dead_workers_in_progress")
    assert qtop("prune").status == 1
    assert direct("SMEMBERS", "resque:workers") == [mine.encode()]
    assert qtop("prune", "--ignore-pids", "--yes").out == texts.pruned_holding(mine)
    assert direct("EXISTS", "resque:workers") == 0


def test_only_named_workers_are_pruned_and_each_spared_one_has_a_reason(
    qtop: Qtop, direct: Direct
) -> None:
    seconds, _ = direct("TIME")
    fresh = datetime.fromtimestamp(int(seconds), UTC).isoformat()
    hold(direct, DEAD)
    hold(direct, "web-1:8:mail")
    hold(direct, "foreign:1:q", beat="")
    hold(direct, "alive:1:q", beat=fresh)
    ran = qtop("prune", DEAD, "foreign:1:q", "alive:1:q", "nobody\x1b[2J", "--json", "--yes")
    assert ran.status == 0
    report: dict[Any, Any] = {
        each.get("kept") or each["pruned"]: each["doubt"] for each in ran.objects
    }
    assert report[DEAD] is None
    assert "never sent a heartbeat" in report["foreign:1:q"]
    assert "s old" in report["alive:1:q"]
    assert report["nobody\x1b[2J"] == "there is no such worker"
    assert "\x1b" not in ran.out + ran.err
    assert direct("SCARD", "resque:workers") == 3
    assert direct("EXISTS", f"resque:worker:{DEAD}", "resque:worker:web-1:8:mail") == 1


def test_a_heartbeat_without_a_worker_is_pruned_too(qtop: Qtop, direct: Direct) -> None:
    direct("HSET", "resque:workers:heartbeat", "ghost", LONG_AGO)
    ran = qtop("prune", "--yes")
    assert (ran.status, ran.out) == (0, "pruned ghost\n")
    assert "holds no job" in ran.err
    assert direct("EXISTS", "resque:workers:heartbeat", "resque:failed") == 0


def test_a_dead_worker_may_hold_any_bytes(qtop: Qtop, direct: Direct) -> None:
    direct("HSET", "resque:workers:heartbeat", DEAD, LONG_AGO)
    for record in (b"junk\x1b[2J", b'{"queue":"q\x1b","payload":{"class":""}}', b"{}"):
        direct("SET", f"resque:worker:{DEAD}", record)
        dry = qtop("prune", "--dry-run", "--requeue-lost", "3")
        assert "runs an unreadable job of" in dry.out
        assert "its job would move to Failed" in dry.out
        assert "\x1b" not in dry.out
