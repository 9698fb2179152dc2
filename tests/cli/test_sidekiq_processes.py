"""quiet, stop, cancel, rescue and watch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.direct import Direct
from tests.support.sidekiq_jobs import KEYS, job
from tests.support.sidekiq_processes import beat, crash, leave, work
from tests.support.waiting import eventually

from qtop.commands.cli import main

pytestmark = pytest.mark.redis
ONE, TWO = "far:1:0123456789ab", "far:2:0123456789ab"
JID = "f" * 24
Run = Callable[..., Result]


@pytest.fixture
def run(redis_url: str) -> Run:
    """Runs a command in this process; no system is named."""

    def running(*args: str, **env: str) -> Result:
        around = {"REDIS_URL": redis_url, "TZ": "UTC", **env}
        done = CliRunner().invoke(main, args, env=around)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return running


def objects(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def pending(direct: Direct, identity: str) -> list[bytes]:
    found: list[bytes] = direct("LRANGE", KEYS.signals(identity), 0, -1)
    return found


@pytest.mark.parametrize(("command", "sent"), [("quiet", b"TSTP"), ("stop", b"TERM")])
def test_a_process_is_signalled_and_that_is_taken_back(
    run: Run, direct: Direct, command: str, sent: bytes
) -> None:
    beat(direct, ONE, hostname="far")
    beat(direct, TWO, hostname="far", pid=2)
    ran = run(command, "far:1", "--yes", "--json")
    [told] = objects(ran)
    assert (ran.exit_code, told["done"], told["gone"], told["refused"]) == (0, 1, 0, 0)
    assert (pending(direct, ONE), pending(direct, TWO)) == ([sent], [])
    assert run("undo", told["undo"], "--system", "sidekiq").exit_code == 0
    assert pending(direct, ONE) == []


@pytest.mark.parametrize("command", ["quiet", "stop"])
def test_a_dry_run_says_what_would_be_signalled_and_sends_nothing(
    run: Run, direct: Direct, command: str
) -> None:
    beat(direct, ONE)
    beat(direct, TWO, embedded=True)
    [told] = objects(run(command, "--all", "--dry-run", "--json"))
    assert (told["would"], told["processes"]) == (1, [ONE, TWO])
    in_words = run(command, "--all", "--dry-run").stdout
    assert "embedded" in in_words
    assert "Undo: `qtop undo`" in in_words
    assert (pending(direct, ONE), pending(direct, TWO)) == ([], [])


def test_nothing_is_stopped_and_not_many_are_quieted_without_an_answer(
    run: Run, direct: Direct
) -> None:
    beat(direct, ONE)
    beat(direct, TWO)
    for args in (("stop", ONE), ("quiet", "--all"), ("stop", "--all")):
        ran = run(*args)
        assert (ran.exit_code, "--yes" in ran.stderr) == (1, True)
    assert (pending(direct, ONE), pending(direct, TWO)) == ([], [])
    assert run("quiet", ONE).exit_code == 0
    assert pending(direct, ONE) == [b"TSTP"]


def test_what_is_no_process_or_several_is_named_and_the_others_are_signalled(
    run: Run, direct: Direct
) -> None:
    beat(direct, ONE, hostname="far")
    beat(direct, "far:1:other", hostname="far")
    ran = run("quiet", "far:1", "nobody", ONE, "--yes")
    assert ran.exit_code == 0
    assert "nobody: no such process" in ran.stderr
    assert "far:1: 2 have that name" in ran.stderr
    assert (pending(direct, ONE), pending(direct, "far:1:other")) == ([b"TSTP"], [])
    assert run("quiet", "nobody").exit_code == 1


def test_a_set_of_processes_that_cannot_be_read_is_no_empty_one(run: Run, direct: Direct) -> None:
    direct("SET", KEYS.processes(), "text")
    assert run("quiet", "--all", "--yes").exit_code == 3


@pytest.mark.parametrize("command", ["quiet", "stop"])
def test_neither_names_nor_all_is_wrong_usage(run: Run, command: str) -> None:
    assert run(command).exit_code == 2
    assert run(command, ONE, "--all").exit_code == 2


@pytest.mark.parametrize(
    "args", [("quiet", "--all"), ("stop", "--all"), ("cancel", JID), ("rescue",), ("watch",)]
)
def test_resque_has_none_of_it_and_says_why(
    run: Run, direct: Direct, args: tuple[str, ...]
) -> None:
    ran = run(*args, "--system", "resque")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "Resque" in ran.stderr


@pytest.mark.parametrize(
    "args",
    [("quiet", ONE), ("stop", ONE, "--yes"), ("cancel", JID), ("rescue", "--yes"), ("watch",)],
)
def test_read_only_changes_nothing(run: Run, direct: Direct, args: tuple[str, ...]) -> None:
    beat(direct, ONE)
    before = direct("KEYS", "*")
    ran = run(*args, QTOP_READ_ONLY="1")
    assert (ran.exit_code, "read-only" in ran.stderr) == (1, True)
    assert direct("KEYS", "*") == before


def test_a_namespace_that_is_named_is_that_of_the_processes(run: Run, direct: Direct) -> None:
    direct("SADD", "app:processes", ONE)
    direct("HSET", f"app:{ONE}", "info", '{"identity":"x"}', "busy", 0, "beat", "1.5")
    assert run("quiet", ONE, "--namespace", "app").exit_code == 0
    assert direct("LLEN", f"app:{ONE}-signals") == 1
    # Resque's variable says nothing about Sidekiq.
    assert run("quiet", ONE, "--system", "sidekiq", RESQUE_NAMESPACE="app").exit_code == 1


def test_of_two_systems_in_a_database_the_one_that_can_is_asked(run: Run, direct: Direct) -> None:
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", '{"class":"Mail","args":[]}')
    beat(direct, ONE)
    assert run("quiet", ONE).exit_code == 0
    assert pending(direct, ONE) == [b"TSTP"]


def test_where_only_resque_lives_the_reason_is_said(run: Run, direct: Direct) -> None:
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", '{"class":"Mail","args":[]}')
    ran = run("watch", "--once")
    assert (ran.exit_code, "qtop prune" in ran.stderr) == (1, True)


def test_an_iterable_job_is_cancelled_once_and_that_is_taken_back(run: Run, direct: Direct) -> None:
    direct("HSET", KEYS.iteration(JID), "c", "7", "ex", "2", "rt", "12.5")
    [would] = objects(run("cancel", JID, "no-such-job", "--dry-run", "--json"))
    assert would["would"] == 1
    assert direct("HEXISTS", KEYS.iteration(JID), "cancelled") == 0
    [told] = objects(run("cancel", JID, "no-such-job", "--json"))
    assert (told["done"], told["refused"]) == (1, 1)
    assert direct("HEXISTS", KEYS.iteration(JID), "cancelled") == 1
    again = run("cancel", JID)
    assert (again.exit_code, again.stderr) == (1, f"{JID}: already asked to end\n")
    assert run("undo", told["undo"], "--system", "sidekiq").exit_code == 0
    assert direct("HEXISTS", KEYS.iteration(JID), "cancelled") == 0


def test_a_job_without_a_state_or_a_cursor_is_not_cancelled(run: Run, direct: Direct) -> None:
    direct("HSET", KEYS.iteration(JID), "ex", "1")
    for jid in (JID, "no-such-job"):
        ran = run("cancel", jid)
        assert (ran.exit_code, "its next start would fail" in ran.stderr) == (1, True)
    assert direct("HEXISTS", KEYS.iteration(JID), "cancelled") == 0


def watched(run: Run, direct: Direct, *jobs: bytes, identity: str = ONE) -> None:
    """A process whose work is remembered in Redis, and that has crashed then."""
    beat(direct, identity)
    work(direct, identity, {f"t{number}": raw for number, raw in enumerate(jobs)})
    assert run("watch", "--once").exit_code == 0
    crash(direct, identity)


def test_what_was_watched_is_rescued_once_and_that_is_taken_back(run: Run, direct: Direct) -> None:
    watched(run, direct, job(1, queue="q"), job(2, queue="q"))
    [would] = objects(run("rescue", "--dry-run", "--json"))
    [case] = would["cases"]
    assert (would["would"], case["process"], case["fate"]) == (2, ONE, "crashed")
    assert {each["jid"] for each in case["lost_jobs"]} == {f"{n:024x}" for n in (1, 2)}
    refused = run("rescue")
    assert (refused.exit_code, "--yes" in refused.stderr) == (1, True)
    assert direct("EXISTS", KEYS.queue("q")) == 0
    [told] = objects(run("rescue", "--yes", "--json"))
    assert (told["done"], direct("LLEN", KEYS.queue("q"))) == (2, 2)
    again = run("rescue", "--yes")
    assert (again.exit_code, "already rescued" in again.stderr) == (1, True)
    assert run("undo", told["undo"], "--system", "sidekiq").exit_code == 0
    assert direct("EXISTS", KEYS.queue("q")) == 0


def test_a_watch_says_in_plain_lines_what_it_saw_since_the_last_one(
    run: Run, direct: Direct
) -> None:
    beat(direct, ONE)
    work(direct, ONE, {"t": job(1, queue="q")})
    assert run("watch", "--once").stdout.endswith(f"{ONE} appeared, running 1 job\n")
    assert run("watch", "--once").stdout == ""
    crash(direct, ONE)
    assert "crashed or was cut off, running 1 job" in run("watch", "--once").stdout
    direct("SREM", KEYS.processes(), ONE)
    beat(direct, ONE, "2.5")
    assert f"{ONE} is back" in run("watch", "--once").stdout
    leave(direct, ONE)
    assert "stopped cleanly; its jobs returned" in run("watch", "--once").stdout
    assert direct("EXISTS", KEYS.memory(ONE)) == 0


def test_only_the_processes_that_are_named_are_rescued(run: Run, direct: Direct) -> None:
    watched(run, direct, job(1, queue="q"))
    watched(run, direct, job(2, queue="q"), identity=TWO)
    assert objects(run("rescue", TWO, "--yes", "--json"))[0]["done"] == 1
    assert direct("LRANGE", KEYS.queue("q"), 0, -1) == [job(2, queue="q")]
    unknown = run("rescue", "nobody", "--yes")
    assert (unknown.exit_code, "no qtop watched it" in unknown.stderr) == (1, True)


def test_what_may_have_left_cleanly_is_rescued_only_where_that_is_said(
    run: Run, direct: Direct
) -> None:
    watched(run, direct, job(1, queue="q"))
    direct("SREM", KEYS.processes(), ONE)
    refused = run("rescue", "--yes")
    assert (refused.exit_code, "may have stopped cleanly" in refused.stderr) == (1, True)
    assert objects(run("rescue", "--unsure", "--yes", "--json"))[0]["done"] == 1


def test_where_not_everything_could_be_looked_at_the_status_says_so(
    run: Run, direct: Direct
) -> None:
    watched(run, direct, job(1, queue="q"))
    direct("SET", KEYS.jobs("retry"), "text")
    for args in (("--yes",), ("--dry-run",)):
        ran = run("rescue", *args)
        assert (ran.exit_code, "unknown: elsewhere" in ran.stderr) == (3, True)
    assert direct("EXISTS", KEYS.queue("q")) == 0


def test_nothing_is_lost_where_nobody_crashed(run: Run, direct: Direct) -> None:
    beat(direct, ONE)
    assert run("rescue", "--dry-run").exit_code == 1


def test_a_watch_says_what_happens_and_ends_when_it_is_asked(
    redis_url: str, direct: Direct
) -> None:
    words = [sys.executable, "-m", "qtop", "watch", "--json", "--interval", "0.1"]
    process = subprocess.Popen(
        words, env={**os.environ, "REDIS_URL": redis_url}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None

    def told() -> tuple[str, str, int]:
        assert process.stdout is not None
        each = json.loads(process.stdout.readline())
        return each["process"], each["event"], each["jobs"]

    try:
        beat(direct, ONE)
        work(direct, ONE, {"t": job(1, queue="q")})
        first = told()
        # It may have been seen between its heartbeat and its work.
        assert first[:2] == (ONE, "seen")
        eventually(lambda: direct("HEXISTS", KEYS.memory(ONE), "thread:t"), "its work is kept")
        crash(direct, ONE)
        assert told() == (ONE, "crashed", 1)
        beat(direct, ONE, "2.5")
        assert told()[1] == "back"
        leave(direct, ONE)
        assert told()[1] == "left"
        # A connection that is cut is opened anew.
        direct("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        beat(direct, TWO)
        assert told()[:2] == (TWO, "seen")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_watch_of_a_server_that_does_not_answer_fails_at_once(run: Run) -> None:
    assert run("watch", "--url", "unix:///nowhere/s").exit_code == 3
