"""The commands that change something, on Sidekiq."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.commands import Qtop, Ran, resque_keys
from tests.support.direct import Direct
from tests.support.golden import restore
from tests.support.sidekiq_jobs import KEYS, NOON_S, failed_job, fill_queue, fill_set, job, state_of
from tests.support.sidekiq_processes import beat

from queuecore.windows import sha_of

pytestmark = pytest.mark.redis
Sidekiq = Callable[..., Ran]


@pytest.fixture
def sidekiq(qtop: Qtop) -> Sidekiq:
    """Runs a command on Sidekiq."""
    return lambda command, *args: qtop(command, "--system", "sidekiq", *args)


def numbers(ran: Ran) -> tuple[int, int, int]:
    """How many were done, gone and refused."""
    [told] = ran.objects
    return told["done"], told["gone"], told["refused"]


@pytest.mark.parametrize(
    ("source", "many", "command"),
    [
        ("failed", 5, ["requeue", "--to", "other"]),
        ("retry", 3, ["kill"]),
        ("retry", 3, ["reschedule", "--in", "2h"]),
        ("scheduled", 4, ["requeue"]),
        ("scheduled", 4, ["move", "--to", "other"]),
        ("dead", 2, ["edit", "--args", "[1]"]),
        ("dead", 2, ["edit", "--set", "args.0=other"]),
        ("queue:idle", 6, ["edit", "--set", "args.0=other"]),
        ("queue:idle", 6, ["edit", "--class", "Other"]),
    ],
)
def test_a_command_acts_on_all_that_match_and_is_taken_back(
    sidekiq: Sidekiq, direct: Direct, source: str, many: int, command: list[str]
) -> None:
    restore(direct, "sidekiq/v8.1.7-2-running")
    before = state_of(direct)
    ran = sidekiq(*command, "--from", source, "--yes", "--json")
    assert (ran.status, numbers(ran)) == (0, (many, 0, 0))
    assert state_of(direct) != before
    assert sidekiq("undo", ran.objects[0]["undo"]).status == 0
    assert state_of(direct) == before


def test_nothing_is_done_without_an_answer(sidekiq: Sidekiq, direct: Direct) -> None:
    restore(direct, "sidekiq/v8.1.7-2-running")
    before = state_of(direct)
    line = ["kill", "--from", "failed"]
    told: Any = json.loads(sidekiq(*line, "--dry-run", "--json").out)
    assert (told["would"], told["refused"], told["of"]) == (3, 2, 5)
    refused = sidekiq(*line)
    assert (refused.status, "--yes" in refused.err) == (1, True)
    assert state_of(direct) == before


def test_a_filter_chooses_and_nothing_else_is_touched(sidekiq: Sidekiq, direct: Direct) -> None:
    entries = {failed_job(n): 5.0 for n in range(5)}
    fill_set(direct, KEYS.jobs("retry"), entries)
    wanted = sha_of(failed_job(2))[:12]
    ran = sidekiq("kill", "--from", "retry", "--filter", f"id:{wanted}", "--json")
    assert numbers(ran) == (1, 0, 0)
    assert [*state_of(direct)["dead"]] == [failed_job(2)]
    assert state_of(direct)["retry"].keys() == entries.keys() - {failed_job(2)}


def test_what_is_no_job_is_counted_and_left_alone(sidekiq: Sidekiq, direct: Direct) -> None:
    fill_set(direct, KEYS.jobs("retry"), {b"no json": 1.0, failed_job(1): 2.0})
    told: Any = json.loads(sidekiq("requeue", "--from", "retry", "--dry-run", "--json").out)
    assert (told["would"], told["refused"]) == (1, 1)
    assert numbers(sidekiq("requeue", "--from", "retry", "--yes", "--json")) == (1, 0, 1)
    assert [*state_of(direct)["retry"]] == [b"no json"]


@pytest.mark.parametrize(
    "line",
    [
        ["kill", "--from", "queue:idle", "--yes"],
        ["kill", "--from", "dead", "--yes"],
        ["reschedule", "--from", "dead", "--in", "1h", "--yes"],
        ["pause", "idle"],
        ["pause", "--all"],
        ["register", "lost"],
    ],
)
def test_what_sidekiq_cannot_do_is_refused_with_the_reason(
    sidekiq: Sidekiq, direct: Direct, line: list[str]
) -> None:
    fill_queue(direct, "idle", [job(1)])
    direct("LPUSH", KEYS.queue("lost"), job(2))
    fill_set(direct, KEYS.jobs("dead"), {failed_job(1): 1.0})
    before = state_of(direct)
    ran = sidekiq(*line)
    assert ran.status in (1, 2)
    assert "Sidekiq" in ran.err or "dead" in ran.err or "killed" in ran.err
    assert state_of(direct) == before


@pytest.mark.parametrize("source", ["failed", "queue:mail"])
def test_resque_kills_nothing_and_says_so(qtop: Qtop, direct: Direct, source: str) -> None:
    direct("RPUSH", "resque:failed", '{"payload":{"class":"A","args":[]},"queue":"q"}')
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", '{"class":"A","args":[]}')
    for line in (["kill"], ["reschedule", "--in", "1h"]):
        ran = qtop(*line, "--from", source, "--yes")
        assert ran.status == 1
    assert direct("LLEN", "resque:failed") == direct("LLEN", "resque:queue:mail") == 1


def test_resques_delayed_jobs_are_not_moved_edited_cleared_or_loaded(
    qtop: Qtop, direct: Direct, tmp_path: Any
) -> None:
    file, jobs = str(tmp_path / "jobs.jsonl"), ["--from", "scheduled"]
    assert qtop("enqueue", "A", "1", "--queue", "q", "--in", "1h").status == 0
    assert qtop("export", *jobs, file).status == 0
    before = resque_keys(direct)
    for line in (
        ["move", *jobs, "--to", "x"],
        ["edit", *jobs, "--args", "[]"],
        ["clear", "scheduled", "--yes"],
        ["load", file],
    ):
        assert qtop(*line).status == 1
        assert resque_keys(direct) == before
    assert qtop("requeue", *jobs).status == 0
    assert direct("LLEN", "resque:queue:q") == 1


def test_jobs_are_enqueued_now_and_later(sidekiq: Sidekiq, direct: Direct) -> None:
    assert sidekiq("enqueue", "Hard", "1", "--queue", "mail").status == 0
    assert sidekiq("enqueue", "Hard", "2", "--queue", "mail", "--in", "1h").status == 0
    [waiting] = direct("LRANGE", "queue:mail", 0, -1)
    [(scheduled, _)] = state_of(direct)["schedule"].items()
    assert [json.loads(raw)["args"] for raw in (waiting, scheduled)] == [[1], [2]]
    assert direct("SMEMBERS", "queues") == [b"mail"]


@pytest.mark.parametrize("name", ["idle", "mail"])
def test_a_queue_is_cleared_and_comes_back(sidekiq: Sidekiq, direct: Direct, name: str) -> None:
    fill_queue(direct, "idle", [job(n) for n in range(5)])
    before = state_of(direct)
    ran = sidekiq("clear", f"queue:{name}", "--yes", "--json")
    if name == "mail":
        assert ran.status == 1
    else:
        assert (ran.status, state_of(direct)) == (0, {})
        assert sidekiq("undo").status == 0
    assert state_of(direct) == before


@pytest.mark.parametrize("name", ["failed", "failed:dead"])
def test_a_set_is_emptied_and_comes_back(sidekiq: Sidekiq, direct: Direct, name: str) -> None:
    restore(direct, "sidekiq/v8.1.7-2-running")
    before = state_of(direct)
    assert sidekiq("clear", name, "--yes", "--json").status == 0
    gone = {"failed": {"retry", "dead"}}.get(name, {name.removeprefix("failed:")})
    assert before.keys() - state_of(direct).keys() == gone
    assert sidekiq("undo").status == 0
    assert state_of(direct) == before


def test_exported_jobs_are_loaded_to_the_back_in_their_order(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any
) -> None:
    items = [job(n, queue="idle") for n in range(3)]
    fill_queue(direct, "idle", items)
    file = str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", "queue:idle", file).status == 0
    assert sidekiq("load", file, "--to", "queue:other", "--yes").status == 0
    assert state_of(direct)["queue:other"] == [job(n, queue="other") for n in (2, 1, 0)]
    direct("DEL", KEYS.queue("idle"))
    assert sidekiq("load", file, "--yes").status == 0
    assert state_of(direct)["queue:idle"] == items[::-1]


def test_dead_jobs_of_a_file_are_dead_again_or_wait(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any
) -> None:
    """Each at the time when it failed last, as it says itself."""
    died = {
        failed_job(1, failed_at=NOON_S, retried_at=1795435300.25): 1795435300.25,
        failed_job(2, failed_at=1795435200500): NOON_S,
    }
    fill_set(direct, KEYS.jobs("dead"), died)
    file = str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", "dead", file).status == 0
    direct("DEL", "dead")
    assert sidekiq("load", file, "--yes").status == 0
    assert state_of(direct) == {"dead": died}
    again = sidekiq("load", file, "--yes")
    assert (again.status, again.out.splitlines()[-1]) == (1, "loaded 0, refused 2")
    assert "already" in again.err
    assert state_of(direct) == {"dead": died}
    assert sidekiq("load", file, "--to", "queues", "--yes").status == 0
    assert len(state_of(direct)["queue:default"]) == 2


def test_a_dry_run_of_a_load_says_that_dead_jobs_that_are_there_are_left_out(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any
) -> None:
    fill_set(direct, KEYS.jobs("dead"), {failed_job(1): 1.0})
    before, file = state_of(direct), str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", "dead", file).status == 0
    ran = sidekiq("load", file, "--dry-run")
    assert (ran.status, state_of(direct)) == (0, before)
    assert "are already there, are skipped" in ran.err
    assert "is there already" not in sidekiq("load", file, "--to", "queues", "--dry-run").err


@pytest.mark.parametrize("died_at", [None, "soon", 9e12])
def test_a_dead_job_of_a_file_that_says_no_possible_time_dies_now(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any, died_at: Any
) -> None:
    fill_set(direct, KEYS.jobs("dead"), {failed_job(1, failed_at=died_at): 1.0})
    file = str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", "dead", file).status == 0
    direct("DEL", "dead")
    before_s = int(direct("TIME")[0])
    assert sidekiq("load", file, "--yes").status == 0
    [score] = state_of(direct)["dead"].values()
    assert before_s <= score <= int(direct("TIME")[0]) + 1


@pytest.mark.parametrize("target", ["failed", "retry", "scheduled"])
def test_a_dry_run_of_a_load_refuses_what_a_load_refuses(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any, target: str
) -> None:
    source = "scheduled" if target == "scheduled" else "dead"
    key = KEYS.jobs("schedule" if target == "scheduled" else "dead")
    fill_set(direct, key, {failed_job(n): float(n) for n in range(3)})
    before, file = state_of(direct), str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", source, file).status == 0
    for last in ("--dry-run", "--yes"):
        ran = sidekiq("load", file, "--to", target, last)
        assert (ran.status, ran.out) == (1, "")
        assert "a file does not say when" in ran.err
    assert state_of(direct) == before


@pytest.mark.parametrize("last", ["--dry-run", "--yes"])
def test_what_is_no_job_is_refused_with_its_reason_before_a_load(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any, last: str
) -> None:
    entries = {b"no json": 1.0, failed_job(1, queue=None): 2.0, failed_job(2, args=7): 3.0}
    fill_set(direct, KEYS.jobs("dead"), entries)
    file = str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", "dead", file).status == 0
    ran = sidekiq("load", file, "--to", "queue:mail", last)
    assert (ran.status, ran.out.splitlines()[0].split()[-1]) == (0, "queue:mail")
    assert "refused 2" in ran.err
    assert "it is no job" in ran.err
    assert "its arguments are no list" in ran.err


def test_a_job_from_a_file_is_of_the_queue_that_it_is_put_on(
    sidekiq: Sidekiq, direct: Direct, tmp_path: Any
) -> None:
    entries = {failed_job(1): 1.0, failed_job(2, queue=None): 2.0, failed_job(3, queue="mail"): 3.0}
    fill_set(direct, KEYS.jobs("dead"), entries)
    file = str(tmp_path / "jobs.jsonl")
    assert sidekiq("export", "--from", "dead", file).status == 0
    assert sidekiq("load", file, "--to", "queue:mail", "--yes").status == 0
    written = state_of(direct)["queue:mail"]
    assert failed_job(1, queue="mail") in written
    assert failed_job(3, queue="mail") in written
    assert [json.loads(raw)["queue"] for raw in written] == ["mail"] * 3


def test_a_cleared_queue_says_that_its_name_goes_and_gets_it_back(
    sidekiq: Sidekiq, direct: Direct
) -> None:
    fill_queue(direct, "idle", [job(1)])
    before = state_of(direct)
    assert "name" in sidekiq("clear", "queue:idle", "--dry-run").err
    assert (
        "name" in json.loads(sidekiq("clear", "queue:idle", "--dry-run", "--json").out)["besides"]
    )
    assert state_of(direct) == before
    assert sidekiq("clear", "queue:idle", "--yes").status == 0
    assert state_of(direct) == {}
    assert sidekiq("undo").status == 0
    assert state_of(direct) == before


def test_the_undo_of_a_clear_names_no_queue_that_had_no_name(
    sidekiq: Sidekiq, direct: Direct
) -> None:
    fill_queue(direct, "idle", [job(1)])
    direct("DEL", "queues")
    before = state_of(direct)
    assert sidekiq("clear", "queue:idle", "--yes").status == 0
    assert sidekiq("undo").status == 0
    assert state_of(direct) == before


def test_prune_shows_a_process_that_nobody_watched(sidekiq: Sidekiq, direct: Direct) -> None:
    beat(direct, "host:1:0123456789ab")
    ran = sidekiq("prune", "--dry-run")
    assert ran.status == 1
    assert direct("SCARD", "processes") == 1
