"""What only Sidekiq's jobs have on the command line: states, next tries, jids, tags, and what was
run by class and by day."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.direct import Direct
from tests.support.sidekiq_databases import JID

from qtop.commands.cli import main
from qtop.text.format import NOTHING

Run = Callable[..., Result]
OTHER = "0" * 24


def entry(jid: str, **more: Any) -> str:
    usual = {"class": "Import", "args": [{"jid": OTHER}], "jid": jid, "queue": "low", "retry": True}
    failed = {"retry_count": 1, "failed_at": 1795436000.0, "error_class": "E"}
    return json.dumps({**usual, **failed, "error_message": "no", **more})


@pytest.fixture
def run(redis_url: str) -> Run:
    """Runs a command in this process on the server."""

    def running(*args: str) -> Result:
        done = CliRunner().invoke(main, args, env={"REDIS_URL": redis_url, "TZ": "UTC"})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return running


@pytest.fixture
def jobs(direct: Direct) -> None:
    """A retry with a tag, a dead job, one that waits, and one that is due later."""
    direct("ZADD", "retry", 1795500000, entry(JID, tags=["nightly", "eu"]))
    direct("ZADD", "dead", 1795430000, entry("1" * 24))
    direct("SADD", "queues", "low")
    direct("LPUSH", "queue:low", entry("2" * 24, tags=["nightly"]))
    direct("ZADD", "schedule", 4_000_000_000, entry("3" * 24))


def jids(run: Run, wanted: str) -> set[str]:
    done = run("find", wanted, "--json")
    found = [json.loads(json.loads(line)["raw"])["jid"] for line in done.stdout.splitlines()]
    assert (done.exit_code == 0) == bool(found)
    return set(found)


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (f"id:{JID}", {JID}),
        (f"id:{JID[:6].upper()}", {JID}),
        (f"jid:{JID}", {JID}),
        (f"jid:{JID[:6]}*", {JID}),
        (f"jid:{JID[:6]}", set()),
        # That of another one, in its arguments.
        (f"id:{OTHER}", set()),
        (f"jid:{OTHER}", set()),
        ("state:dead", {"1" * 24}),
        ("state:retry", {JID}),
        ("tag:nightly", {JID, "2" * 24}),
        ("tag:night*", {JID, "2" * 24}),
        ("tag:night", set()),
        (f"class:Import !jid:{JID} !state:dead", {"2" * 24, "3" * 24}),
        ("class:Import !tag:eu !id:2222", {"1" * 24, "3" * 24}),
    ],
)
def test_jobs_are_found_by_what_only_sidekiqs_have(run: Run, wanted: str, found: set[str]) -> None:
    assert jids(run, wanted) == found


@pytest.mark.usefixtures("jobs")
def test_one_job_is_shown_and_acted_on_by_its_jid(direct: Direct, run: Run) -> None:
    assert JID in run("show", "--from", "failed", "--filter", f"id:{JID}").stdout
    done = run("delete", "--from", "retry", "--filter", f"id:{JID}", "--json")
    assert json.loads(done.stdout)["done"] == 1
    assert (direct("ZCARD", "retry"), direct("ZCARD", "dead")) == (0, 1)


@pytest.mark.usefixtures("jobs")
def test_failures_say_their_state_and_when_they_are_tried_next(direct: Direct, run: Run) -> None:
    titles, *rows = [line.split("\t") for line in run("failed").stdout.splitlines()]
    cells = [dict(zip(titles, row, strict=True)) for row in rows]
    assert [each["STATE"] for each in cells] == ["retry 2 of 25", "dead"]
    assert [each["NEXT"] for each in cells] == ["2026-11-24 06:00:00", ""]
    direct("DEL", "retry", "dead", "schedule", "queues", "queue:low")
    direct("RPUSH", "resque:failed", '{"payload":{"class":"A","args":[]}}')
    assert "STATE" not in run("failed").stdout


def histogram(span: int, count: int) -> bytes:
    counts = [0] * 26
    counts[span] = count
    return struct.pack(">26H", *counts)


def minute(direct: Direct, ago: int) -> datetime:
    """A minute by the server's clock."""
    return datetime.fromtimestamp(int(direct("TIME")[0]), UTC) - timedelta(minutes=ago)


def ran(direct: Direct, name: str, span: int, *, runs: int, failures: int = 0) -> None:
    """Jobs of a class ran ten minutes ago, each for 50 ms by the sum, all within one span."""
    at = minute(direct, 10)
    key = f"j|{at:%y%m%d}|{at.hour}:{at:%M}"
    direct("HSET", key, f"{name}|p", runs, f"{name}|f", failures, f"{name}|ms", 50 * runs)
    direct("SET", f"h|{name}-{at.day}-{at.hour}:{at.minute}", histogram(span, runs - failures))


def test_a_class_has_a_mean_and_percentiles_that_are_bounds(direct: Direct, run: Run) -> None:
    ran(direct, "Quick", 2, runs=4)
    ran(direct, "Endless", 25, runs=3)
    ran(direct, "Broken", 0, runs=2, failures=2)
    direct("ZADD", "dead", 1, entry(JID))
    titles, *rows = [line.split("\t") for line in run("stats", "--classes").stdout.splitlines()]
    cells = {row[0]: dict(zip(titles, row, strict=True)) for row in rows}
    assert cells["Quick"]["MEAN"] == "0.05 s"
    assert cells["Quick"]["P95"] == "<= 0.045 s"
    assert cells["Endless"]["P99"] == "> 335 s"
    assert {cells["Broken"][each] for each in ("MEAN", "P50", "P99")} == {NOTHING}
    shown = run("stats", "--classes", "--json").stdout.splitlines()
    objects = {each["class"]: each for each in map(json.loads, shown)}
    assert objects["Quick"]["p50_at_most_s"] == 0.045
    assert (objects["Endless"]["p50_at_most_s"], objects["Endless"]["p50_over_s"]) == (None, 335)
    assert (objects["Broken"]["runs"], objects["Broken"]["mean_s"]) == (2, None)
    assert {each["system"] for each in objects.values()} == {"sidekiq"}


def test_what_was_run_is_counted_by_day_and_what_is_no_number_is_unknown(
    direct: Direct, run: Run
) -> None:
    today = minute(direct, 0).date()
    yesterday = today - timedelta(days=1)
    direct("MSET", f"stat:processed:{today}", 7, f"stat:failed:{today}", 2)

    def counted() -> tuple[int, dict[str, tuple[int | None, int | None]]]:
        done = run("stats", "--days", "4", "--json")
        days = map(json.loads, done.stdout.splitlines())
        return done.exit_code, {each["day"]: (each["runs"], each["failures"]) for each in days}

    status, days = counted()
    assert (status, days[str(today)], days[str(yesterday)]) == (0, (7, 2), (0, 0))
    direct("SET", f"stat:failed:{yesterday}", "x")
    status, days = counted()
    assert (status, days[str(today)], days[str(yesterday)]) == (3, (7, 2), (0, None))


@pytest.mark.parametrize("option", [("--classes",), ("--days", "3")], ids=" ".join)
def test_resque_counts_neither_and_says_so(
    direct: Direct, run: Run, option: tuple[str, ...]
) -> None:
    direct("SADD", "resque:queues", "mail")
    done = run("stats", *option)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Resque" in done.stderr
    assert run("stats", "--classes", "--days", "1").exit_code == 2
    assert run("stats", "--hours", "1").exit_code == 2
