"""Commands report where Sidekiq is, advise nothing that would harm it, and change nothing there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests import words
from tests.support.commands import Push, encoded
from tests.support.direct import Direct
from tests.support.sidekiq_databases import (
    FLEETS,
    RESQUES_JOB,
    SIDEKIQS_JOB,
    database,
    mixed,
    sidekiq,
)

from qtop.commands.cli import main

Run = Callable[..., Result]


@pytest.fixture
def run(redis_url: str) -> Run:
    """Runs a command in this process, on the empty server."""

    def running(*args: str) -> Result:
        return CliRunner().invoke(
            main, args, env={"REDIS_URL": redis_url, "QTOP_SYSTEM": "resque", "TZ": "UTC"}
        )

    return running


def findings(run: Run, *args: str) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in run("doctor", "--json", *args).stdout.splitlines()]
    return {each["check"]: each for each in found}


@pytest.mark.parametrize(
    ("fleet", "systems", "troubled"),
    [
        ("bare", "Sidekiq under no prefix (its process", False),
        ("namespaced", "Sidekiq under 'app' (its process", False),
        ("under resque", "Sidekiq under 'resque' (its process", True),
        ("mixed", "Resque and Sidekiq under 'resque' (its process", True),
        ("resque", "Resque under 'resque'", False),
        ("empty", "neither Resque nor Sidekiq was found", False),
    ],
)
def test_the_systems_of_a_database_are_reported_and_no_advice_harms_them(
    run: Run, direct: Direct, fleet: str, systems: str, troubled: bool
) -> None:
    FLEETS[fleet](direct)
    before = database(direct)
    found = findings(run)
    assert found["systems"]["text"].startswith(systems)
    assert ("Sidekiq" in found.get("keys", {"text": ""})["text"]) == troubled
    advice = [each["remedy"] or "" for each in found.values()]
    if fleet != "resque":
        # In the mixed database, a worker for Resque's own queue.
        allowed = "qtop worker mail" if fleet == "mixed" else "qtop worker nothing"
        advised = [each for each in advice if "qtop worker" in each or "--namespace app" in each]
        assert [each for each in advised if allowed not in each] == []
    assert not any("qtop register" in each or "delete" in each for each in advice)
    once, listing = run("--once"), run("queues", "--json")
    assert once.exit_code == listing.exit_code == 0
    assert ("Sidekiq" in once.stdout) == troubled
    assert ("Sidekiq" in listing.stderr) == troubled
    owners = {row["queue"]: row["owner"] for row in map(json.loads, listing.stdout.splitlines())}
    assert owners.get("idle") == ("sidekiq" if troubled else None)
    assert owners.get("both") == ("mixed" if fleet == "mixed" else None)
    assert owners.get("mail") == ("resque" if fleet in ("mixed", "resque") else None)
    assert database(direct) == before


@pytest.mark.parametrize(
    "listing", ["queues", "workers", "failed", "delayed", "schedules", "stats", "find class:A"]
)
def test_every_listing_names_the_systems_of_the_database(
    run: Run, direct: Direct, listing: str
) -> None:
    assert "Sidekiq" not in run(*listing.split()).stderr
    sidekiq(direct, prefix="resque:")
    ran = run(*listing.split())
    assert "Sidekiq lives under 'resque'" in ran.stderr
    assert "Sidekiq" not in ran.stdout.replace("Sidekiq's", "")


#: Every command that writes, on queues that are Sidekiq's or mixed.
WRITING: Sequence[tuple[str, ...]] = (
    ("enqueue", "A", "--queue", "{}"),
    ("enqueue", "A", "--queue", "{}", "--in", "5m"),
    ("requeue", "--from", "failed", "--to", "{}", "--yes"),
    ("delete", "--from", "queue:{}", "--yes"),
    ("move", "--from", "queue:{}", "--to", "elsewhere", "--yes"),
    ("move", "--from", "queue:mail", "--to", "{}", "--yes"),
    ("edit", "--from", "queue:{}", "--class", "B", "--yes"),
    ("edit", "--from", "queue:mail", "--class", "B", "--to", "{}", "--yes"),
    ("clear", "queue:{}", "--yes"),
    ("clear", "queue:{}", "--yes", "--remove"),
    ("clear", "queue:{}", "--dry-run"),
    ("load", "FILE", "--to", "queue:{}", "--yes"),
    ("pause", "{}"),
    ("pause", "mail", "{}", "--dry-run"),
    ("resume", "{}"),
    ("register", "{}"),
)
#: The commands that are about no queue.
FOR_ALL: Sequence[tuple[str, ...]] = (
    ("pause", "--all"),
    ("resume", "--all"),
    ("prune", "--yes"),
    ("clear", "failed", "--yes"),
    ("delete", "--from", "failed", "--yes"),
)


def refuses(run: Run, direct: Direct, args: Sequence[str]) -> None:
    before = database(direct)
    ran = run(*args)
    assert ran.exit_code == 1, ran.output
    (sentence,) = [line for line in ran.stderr.splitlines() if "Sidekiq" in line]
    assert words.NOTHING_CHANGED in sentence
    assert database(direct) == before


@pytest.fixture
def exported(run: Run, direct: Direct, push: Push, tmp_path: Path) -> str:
    """A file with a waiting job."""
    push("A", 1)
    path = tmp_path / "jobs.jsonl"
    assert run("export", "--from", "queue:mail", str(path)).exit_code == 0
    direct("FLUSHALL")
    return str(path)


@pytest.mark.parametrize("args", [*WRITING, *FOR_ALL], ids=" ".join)
def test_no_command_writes_where_only_sidekiq_is(
    run: Run, direct: Direct, exported: str, args: tuple[str, ...]
) -> None:
    sidekiq(direct, prefix="resque:")
    refuses(run, direct, [exported if word == "FILE" else word.format("idle") for word in args])


@pytest.mark.parametrize("queue", ["idle", "both"])
@pytest.mark.parametrize("args", WRITING, ids=" ".join)
def test_no_command_writes_to_one_of_sidekiqs_queues_beside_resque(
    run: Run, direct: Direct, exported: str, args: tuple[str, ...], queue: str
) -> None:
    mixed(direct)
    refuses(run, direct, [exported if word == "FILE" else word.format(queue) for word in args])


def test_resques_own_queues_beside_sidekiq_can_be_changed(run: Run, direct: Direct) -> None:
    mixed(direct)
    assert run("pause", "mail").exit_code == 0
    assert run("move", "--from", "queue:mail", "--to", "post", "--yes").exit_code == 0
    assert run("undo").exit_code == 0
    assert direct("LRANGE", "resque:queue:mail", 0, -1) == [RESQUES_JOB]
    assert run("requeue", "--from", "failed", "--yes").exit_code == 0
    assert direct("LLEN", "resque:queue:mail") == 2


def test_an_undo_that_would_write_to_sidekiqs_queue_is_refused(
    run: Run, direct: Direct, push: Push
) -> None:
    push("A", 1)
    direct("SADD", "resque:workers", "web:1:mail")
    assert run("delete", "--from", "queue:mail", "--yes").exit_code == 0
    direct("LPUSH", "resque:queue:mail", SIDEKIQS_JOB)
    refuses(run, direct, ["undo"])


def test_a_failure_whose_queue_became_sidekiqs_is_not_requeued(run: Run, direct: Direct) -> None:
    mixed(direct)
    direct("RPUSH", "resque:failed", encoded({"payload": {"class": "A"}, "queue": "idle"}))
    refuses(run, direct, ["requeue", "--from", "failed", "--yes"])


def test_lists_of_jobs_held_by_fetchers_of_sidekiq_are_no_lost_queues(
    run: Run, direct: Direct, push: Push
) -> None:
    push("A", 1)
    in_flight = ("sq|web:1:31d8a6557144|mail", "mail:web-1:inprogress", "backup::web-1::mail")
    for name in (*in_flight, "mail_web-1_0"):
        direct("LPUSH", f"resque:queue:{name}", SIDEKIQS_JOB)
    direct("LPUSH", "resque:queue:sq|web:1:0|mail", "no JSON")
    assert findings(run)["unregistered"]["level"] == "OK"
    assert "5 lists of Sidekiq's" in findings(run)["unregistered"]["text"]
    direct("LPUSH", "resque:queue:lost", RESQUES_JOB)
    assert findings(run)["unregistered"]["remedy"] == "qtop register lost"


def test_the_list_of_sidekiq_failures_has_that_name(run: Run, direct: Direct, push: Push) -> None:
    push("A", 1)
    direct("ZADD", "resque:failed", 1, SIDEKIQS_JOB)
    found = findings(run)["keys"]
    assert found["level"] == "WARN"
    incidents = run("--once").stdout
    assert "sidekiq-failures" in incidents
    assert "delete" not in incidents
    for args in (("clear", "failed", "--yes"), ("delete", "--from", "failed", "--yes"), ("prune",)):
        refuses(run, direct, args)


@pytest.mark.parametrize(
    ("fleet", "advice"), [("under resque", "namespace"), ("mixed", "of its own")]
)
def test_doctor_warns_of_sidekiq_and_says_what_to_do_about_it(
    run: Run, direct: Direct, fleet: str, advice: str
) -> None:
    FLEETS[fleet](direct)
    found = findings(run)["keys"]
    assert found["level"] == "WARN"
    assert advice in found["remedy"]


def test_keys_that_look_like_those_of_sidekiq_have_an_unknown_owner_for_the_doctor(
    run: Run, direct: Direct
) -> None:
    direct("ZADD", "resque:retry", 1, "no JSON")
    found = findings(run)["keys"]
    assert (found["level"], "perhaps Sidekiq" in found["text"]) == ("UNKNOWN", True)


def test_unchecked_queues_are_reported(run: Run, direct: Direct) -> None:
    direct("SADD", "resque:queues", *(f"q{number}" for number in range(201)))
    direct("SADD", "resque:workers", "web:1:q1")
    assert "200 of its queues were checked, not all" in findings(run)["systems"]["text"]


def test_a_command_warns_and_goes_on_where_sidekiq_may_be(run: Run, direct: Direct) -> None:
    direct("ZADD", "resque:retry", 1, "no JSON")
    ran = run("enqueue", "A", "--queue", "mail")
    assert ran.exit_code == 0
    assert ran.stderr.startswith("warning: perhaps Sidekiq")
    assert direct("LLEN", "resque:queue:mail") == 1
