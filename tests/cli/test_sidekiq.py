"""Commands with `--system sidekiq`: what they print of recorded states, and how the system is
chosen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.direct import Direct
from tests.support.lua_scripts import FILES
from tests.support.sidekiq_console import SHOWN
from tests.support.sidekiq_recordings import VERSIONS, namespace_of, restore, values

from qtop.commands.cli import main
from qtop.systems.sidekiq import permissions
from queuecore.address import parse_url
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

Run = Callable[..., Result]
KEYS = SidekiqKeys()
#: The state in which each version runs two jobs.
RUNNING = [f"{version}-2-running" for version in VERSIONS]


@pytest.fixture
def run(redis_url: str) -> Run:
    """Runs a command in this process on the server."""

    def running(*args: str, system: str = "sidekiq", **env: str) -> Result:
        around = {"REDIS_URL": redis_url, "TZ": "UTC", "QTOP_SYSTEM": system, **env}
        done = CliRunner().invoke(main, args, env={k: v for k, v in around.items() if v})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return running


def objects(done: Result) -> list[dict[str, Any]]:
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines]


def lists(run: Run, name: str, *args: str) -> list[dict[str, Any]]:
    namespace = namespace_of(name)
    named = ("--namespace", namespace) if namespace else ()
    found = objects(run(*args, *named, "--json"))
    assert all(each["system"] == "sidekiq" for each in found)
    return found


@pytest.mark.parametrize("name", RUNNING)
def test_listings_have_the_figures_of_each_version(direct: Direct, run: Run, name: str) -> None:
    restore(direct, name)
    recorded = values(name)
    queues = {each["queue"]: each["waiting"] for each in lists(run, name, "queues")}
    assert queues == {q: len(recorded.get(f"queue:{q}", ())) for q in recorded["queues"]}
    [process] = lists(run, name, "workers")
    assert (process["worker"], process["jobs"], process["busy"]) == (recorded["processes"][0], 2, 2)
    assert (process["state"], process["class"], process["queue"]) == ("working", "SlowJob", "slow")
    assert process["threads"] == 3
    failed = lists(run, name, "failed")
    assert len(failed) == len(recorded["retry"]) + len(recorded["dead"])
    assert [each["state"] == "dead" for each in failed].count(True) == len(recorded["dead"])
    dead = lists(run, name, "failed", "--list", "dead")
    assert [each["id"] for each in failed[-len(dead) :]] == [each["id"] for each in dead]
    delayed = lists(run, name, "delayed")
    assert sorted(each["raw"] for each in delayed) == sorted(raw for raw, _ in recorded["schedule"])
    [totals] = lists(run, name, "stats")
    assert totals["processed_ever"] == int(recorded["stat:processed"])
    assert (totals["working"], totals["unknown"]) == (1, {})


def test_a_failure_is_found_shown_and_exported(direct: Direct, run: Run, tmp_path: Path) -> None:
    restore(direct, SHOWN)
    raw, _ = values(SHOWN)["retry"][0]
    jid = json.loads(raw)["jid"]
    [found] = objects(run("find", jid, "--json"))
    assert (found["where"], found["raw"]) == ("failed:retry", raw)
    shown = run("show", "--from", "failed", "--filter", jid)
    assert jid in shown.stdout
    assert "retry 1 of 5" in shown.stdout
    [whole] = objects(run("show", "--from", "failed:retry", "--filter", jid, "--json"))
    assert (whole["raw"], whole["jid"], whole["state"]) == (raw, jid, "retry 1 of 5")
    file = tmp_path / "out.jsonl"
    done = run("export", str(file), "--from", "failed", "--no-redact")
    assert done.exit_code == 0, done.output
    assert len(file.read_text().splitlines()) == 5
    [waiting] = objects(run("show", "--from", "queue:idle", "--limit", "1", "--json"))
    assert waiting["raw"] == values(SHOWN)["queue:idle"][-1]


def test_one_look_says_what_is_wrong_in_its_own_words(direct: Direct, run: Run) -> None:
    restore(direct, SHOWN)
    done = run("--once")
    assert done.exit_code == 0, done.output
    assert "idle: no live workers" in done.stdout
    assert "sidekiq" in done.stdout
    for word in ("qtop prune", "qtop scheduler", "qtop register", "qtop resume", "dead?"):
        assert word not in done.stdout


def test_a_crashed_process_is_gone_and_nothing_is_unread(direct: Direct, run: Run) -> None:
    restore(direct, "v8.1.7-6-crashed-expired")
    done = run("workers", "--json")
    [process] = objects(done)
    assert (process["state"], done.exit_code) == ("gone", 0)
    [_, shown] = run("workers").stdout.splitlines()
    assert "gone" in shown.split("\t")
    assert "it has died, or was cut off" in shown
    assert "unknown:" not in shown
    once = run("--once")
    assert "gone without a clean stop" in once.stdout
    assert once.exit_code == 0, once.stderr


def test_paused_queues_are_pros_and_no_command_is_advised(direct: Direct, run: Run) -> None:
    restore(direct, SHOWN)
    direct("SADD", "paused", "idle")
    [idle] = [each for each in objects(run("queues", "--json")) if each["queue"] == "idle"]
    assert idle["paused"] is True
    once = run("--once").stdout
    assert "idle: paused" in once
    assert "qtop resume" not in once


def test_doctor_says_what_lives_there(direct: Direct, run: Run) -> None:
    restore(direct, SHOWN)
    found = objects(run("doctor", "--json"))
    checks = {each["check"]: each["level"] for each in found}
    assert checks["namespace"] == "OK"
    assert "scheduler" not in checks
    assert not any("qtop prune" in (each["remedy"] or "") for each in found)


def test_without_sidekiq_nothing_says_a_system(direct: Direct, run: Run) -> None:
    direct("SADD", "resque:queues", "mail")
    [mail] = objects(run("queues", "--json", system=""))
    assert "system" not in mail


def test_a_profile_chooses_the_system_and_its_usual_namespace(
    direct: Direct, run: Run, tmp_path: Path
) -> None:
    restore(direct, SHOWN)
    file = tmp_path / "qtop.toml"
    file.write_text('[profiles.jobs]\nsystem = "sidekiq"\n')
    env = {"QTOP_CONFIG": str(file), "RESQUE_NAMESPACE": "elsewhere"}
    found = objects(run("queues", "--profile", "jobs", "--json", system="", **env))
    assert {each["queue"] for each in found} == set(values(SHOWN)["queues"])
    shown = objects(run("settings", "--profile", "jobs", "--json", system="", **env))
    told = {each["setting"]: each["value"] for each in shown}
    assert (told["system"], told["namespace"]) == ("sidekiq", "")
    file.write_text('system = "kiq"\n')
    refused = run("queues", system="", **env)
    assert refused.exit_code == 2
    assert "sidekiq" in refused.output


def test_an_unknown_system_and_workers_of_it_are_refused(run: Run) -> None:
    assert run("queues", "--system", "rq", system="").exit_code == 2
    refused = run("worker", "mail")
    assert refused.exit_code == 2
    assert "resque" in refused.output


def test_recurring_jobs_of_plug_ins_are_listed(direct: Direct, run: Run) -> None:
    direct("SADD", "cron_jobs", "cron_job:nightly")
    direct(
        *("HSET", "cron_job:nightly", "name", "nightly", "klass", "Report", "cron", "0 3 * * *"),
        *("status", "disabled", "args", "[1]"),
    )
    direct("HSET", "schedules", "often", '{"every":"5m","class":"Often","queue":"low"}')
    direct("HSET", "sidekiq-scheduler:next_times", "often", "2026-11-23T13:00:00Z")
    found = {each["schedule"]: each for each in objects(run("schedules", "--json"))}
    assert found["nightly"]["problem"] == "switched off"
    assert found["often"]["source"] == "sidekiq-scheduler"
    assert found["often"]["when"] == "every 5m"
    assert found["often"]["next_at"] == "2026-11-23T13:00:00Z"


@pytest.mark.parametrize(
    ("key", "command"), [("retry", "failed"), ("processes", "workers"), ("schedule", "delayed")]
)
def test_what_is_of_another_kind_is_unknown_and_not_empty(
    direct: Direct, run: Run, key: str, command: str
) -> None:
    direct("SET", key, "x")
    done = run(command, "--json")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "unknown: " in done.stderr


def test_doctor_names_queues_with_jobs_that_no_page_shows(direct: Direct, run: Run) -> None:
    restore(direct, "v8.1.7-2-running")
    direct("LPUSH", "queue:hidden", '{"class":"A","args":[],"jid":"000000000000000000000000"}')
    checks = {each["check"]: each for each in objects(run("doctor", "--json"))}
    assert checks["unregistered"]["level"] == "WARN"
    assert "hidden" in checks["unregistered"]["text"]


def checks_of(run: Run, **env: str) -> dict[str, dict[str, Any]]:
    return {each["check"]: each for each in objects(run("doctor", "--json", **env))}


def test_doctor_names_the_commands_that_the_user_may_not_run(
    direct: Direct, run: Run, redis_url: str
) -> None:
    restore(direct, SHOWN)
    found = checks_of(run)
    assert (found["rights"]["level"], found["commands"]["level"]) == ("OK", "OK")
    path = parse_url(redis_url).path
    direct("ACL", "SETUSER", "ada", "on", ">pw", "~*", "&*", "+@all", "-zrem", "-zcount")
    try:
        rights = checks_of(run, REDIS_URL=f"unix://ada:pw@{path}?db=0")["rights"]
        assert (rights["level"], rights["remedy"]) == ("ERROR", "allow +zcount +zrem")
        direct("ACL", "SETUSER", "ada", "-multi")
        rights = checks_of(run, REDIS_URL=f"unix://ada:pw@{path}?db=0")["rights"]
        assert rights["level"] == "UNKNOWN"
    finally:
        direct("ACL", "DELUSER", "ada")


def test_the_rights_of_every_command_of_every_script_are_checked() -> None:
    scripts = [file for file in FILES.values() if "sidekiq" in file.parts]
    texts = [load_script(file.stem).text for file in scripts if "." not in file.stem]
    found = {name for text in texts for name in re.findall(rb"redis\.p?call\('(\w+)'", text)}
    asked = {str(command[0]) for command in permissions.every(KEYS)}
    assert len(found) > 30
    assert {name.decode() for name in found} - asked == set()


def test_doctor_says_that_jobs_cannot_be_read_or_were_not_looked_at(
    direct: Direct, run: Run
) -> None:
    direct("SADD", "queues", "good", "bad", "huge")
    direct("LPUSH", "queue:good", json.dumps({"class": "A", "args": [], "jid": "a" * 24}))
    items = checks_of(run)["items"]
    assert (items["level"], "1 checked of 1 in 1 queue" in items["text"]) == ("OK", True)
    huge = {"class": "A", "args": ["x" * 70_000], "jid": "b" * 24}
    direct("LPUSH", "queue:huge", json.dumps(huge))
    items = checks_of(run)["items"]
    assert (items["level"], "1 job too large" in items["text"]) == ("UNKNOWN", True)
    direct("LPUSH", "queue:bad", "no json")
    assert checks_of(run)["items"]["level"] == "WARN"
    direct("DEL", "queue:bad")
    direct("SET", "queue:bad", "text")
    items = checks_of(run)["items"]
    assert (items["level"], "1 queue not checked" in items["text"]) == ("UNKNOWN", True)
    direct("DEL", "queues")
    direct("SET", "queues", "text")
    assert checks_of(run)["items"]["level"] == "UNKNOWN"


def test_recurring_jobs_that_cannot_be_read_are_unknown(direct: Direct, run: Run) -> None:
    direct("SET", "cron_jobs:default", "no set")
    direct("SET", "dear-leader", "host:1:ab")
    done = run("schedules")
    assert done.exit_code == 3
    assert "unknown: sidekiq-cron" in done.stderr
    assert "Enterprise" in done.stderr
