"""`qtop doctor`: what it finds, what it advises, and that it changes nothing."""

from __future__ import annotations

import hashlib
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests import words as texts
from tests.support.commands import Push, Qtop, Ran, everything
from tests.support.direct import Direct
from tests.support.fake_server import Peer, each
from tests.support.lua_scripts import FILES

from qtop.commands import doctor
from qtop.commands.doctor import find_out
from qtop.model.health import Finding, ServerInfo
from qtop.monitor.incidents import server
from qtop.systems import rights
from qtop.systems.resque import diagnosis
from resque.errors import AuthRefused, Busy, MissingCommand, Refused
from resque.keys import Keys
from resque.store import server_info

SetUser = Callable[..., str]
#: Checks of the connection to a server, not of its data.
WAY = ("connection", "latency")


def by_check(ran: Ran) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in ran.objects}


def test_a_quiet_server_has_no_errors(qtop: Qtop) -> None:
    ran = qtop("doctor", "--json")
    found = by_check(ran)
    assert ran.status == 1
    assert {name for name, each in found.items() if each["level"] != "OK"} == {"persistence"}
    assert "a restart loses all jobs" in found["persistence"]["text"]
    assert set(found) >= {
        "connection",
        "latency",
        "version",
        "role",
        "memory",
        "eviction",
        "scripts",
        "rights",
        "clock",
        "namespace",
        "queues",
        "workers",
        "jobs",
        "unregistered",
        "locks",
        "poison",
        "duplicates",
        "scheduler",
    }


def test_the_doctor_finds_what_is_wrong_with_the_fleet_and_changes_nothing(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail")
    push("Mail", queue="evil\x1b[2J")
    direct("RPUSH", "resque:unreadable:mail", "no json")
    direct("SET", "resque:pause-all-workers", "true")
    direct("SADD", "resque:workers", "web-1:7:other")
    direct("HSET", "resque:workers:heartbeat", "web-1:7:other", "2020-01-01T00:00:00+00:00")
    direct("ZADD", "resque:delayed_queue_schedule", 1000000000, "1000000000")
    direct("RPUSH", "resque:delayed:1000000000", "{}")
    direct("SADD", "resque:queues", "odd")
    direct("SET", "resque:queue:odd", "text")
    before = everything(direct)
    ran = qtop("doctor", "--json")
    found = by_check(ran)
    assert ran.status == 2
    assert "mail" in found["queues"]["text"]
    assert found["workers"]["remedy"] == "qtop prune"
    assert found["jobs"]["remedy"] == "qtop show --from unreadable:mail"
    assert found["pauses"]["remedy"] == "qtop resume --all"
    assert found["scheduler"]["level"] == "ERROR"
    assert "odd" in found["keys"]["text"]
    assert everything(direct) == before
    text = qtop("doctor")
    assert text.status == 2
    assert "\x1b" not in text.out
    assert "→ qtop scheduler" in text.out.replace("start one: ", "")


def test_the_advice_for_a_queue_of_ruby_jobs_names_no_worker_that_would_fail_them(
    qtop: Qtop, push: Push
) -> None:
    push("Mailers::Welcome")
    push("Reports::Weekly")
    finding = by_check(qtop("doctor", "--json"))["queues"]
    assert finding["level"] == "ERROR"
    assert finding["remedy"] == "start a worker that knows Mailers::Welcome, Reports::Weekly"


def test_advice_that_names_what_looks_like_an_option_can_be_obeyed(
    qtop: Qtop, direct: Direct
) -> None:
    name = "--x $(true)"
    direct("RPUSH", f"resque:queue:{name}", '{"class":"A","args":[]}')
    register = by_check(qtop("doctor", "--json"))["unregistered"]["remedy"]
    assert qtop(*shlex.split(register)[1:]).status == 0
    assert direct("SMEMBERS", "resque:queues") == [name.encode()]
    direct("SET", f"resque:pause:queue:{name}", "true")
    resume = by_check(qtop("doctor", "--json"))["pauses"]["remedy"]
    assert qtop(*shlex.split(resume)[1:]).status == 0
    assert direct("EXISTS", f"resque:pause:queue:{name}") == 0


def test_queues_missing_from_the_set_are_found_counted_and_registered(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail")
    assert by_check(qtop("doctor", "--json"))["unregistered"]["level"] == "OK"
    direct("RPUSH", "resque:queue:lost & found", "a", "b")
    direct("RPUSH", "resque:queue:other", "c")
    finding = by_check(qtop("doctor", "--json"))["unregistered"]
    assert finding["level"] == "WARN"
    assert "lost & found (2 waiting), other (1 waiting)" in finding["text"]
    assert finding["remedy"] == "qtop register 'lost & found'"
    before = everything(direct)
    assert qtop("register", "other", "mail", "--dry-run").out == "would register other\n"
    assert everything(direct) == before
    ran = qtop("register", "lost & found", "other", "mail")
    assert (ran.status, ran.out) == (0, "registered lost & found\nregistered other\n")
    assert "mail: is already registered" in ran.err
    assert by_check(qtop("doctor", "--json"))["unregistered"]["level"] == "OK"
    assert qtop("register", "mail").status == 1
    entries = qtop("audit", "--json").objects
    assert [(entry["action"], entry["queue"], entry["done"]) for entry in entries] == [
        ("register", "other", 1),
        ("register", "lost & found", 1),
    ]


def test_jobs_that_killed_their_process_repeatedly_are_found(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    fail("Deadly", 1, exception="Resque::DirtyExit")
    fail("Died once", 1, exception="Resque::DirtyExit")
    sha = hashlib.sha1(b'mail {"class":"Deadly","args":[1]}', usedforsecurity=False).hexdigest()
    assert by_check(qtop("doctor", "--json"))["poison"]["level"] == "OK"
    direct("SET", f"resque:qtop:lost:{sha}", 3)
    finding = by_check(qtop("doctor", "--json"))["poison"]
    assert finding["level"] == "WARN"
    assert finding["text"].startswith("1 failed job")
    assert "Deadly (1)" in finding["text"]


def test_a_payload_that_killed_many_workers_is_poison_in_the_record_of_any_program(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    for number in range(37):
        kind = "PruneDeadWorkerDirtyExit" if number % 2 else "DirtyExit"
        worker = f"web-{number}:7:mail"
        fail("ExportCsv", 4711, exception=f"Resque::{kind}", worker=worker)
        fail("Deployed", number, exception="Resque::DirtyExit")
        fail("Mail", 1)
    finding = by_check(qtop("doctor", "--json"))["poison"]
    assert finding["level"] == "WARN"
    assert "ExportCsv (37)" in finding["text"]
    assert "Deployed" not in finding["text"]
    assert "among 111 failures" in finding["text"]
    ran = qtop("requeue", "--from", "failed", "--yes")
    assert texts.done("requeued", 74) in ran.out
    assert "skipped 37" in ran.err
    direct("RPUSH", "resque:failed", *[b"{}"] * 500)
    finding = by_check(qtop("doctor", "--json"))["poison"]
    assert (finding["level"], "among the 500 newest of 537" in finding["text"]) == ("OK", True)


def test_failure_lists_of_single_queues_are_searched_too(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    for _ in range(3):
        fail("ExportCsv", 4711, exception="Resque::DirtyExit")
    direct("RENAME", "resque:failed", "resque:mail_failed")
    direct("SADD", "resque:failed_queues", "mail_failed")
    assert "ExportCsv (3)" in by_check(qtop("doctor", "--json"))["poison"]["text"]


def test_an_unreadable_item_in_the_middle_of_a_queue_is_found(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    for number in range(3):
        push("Mail", number)
    ran = by_check(qtop("doctor", "--json"))["items"]
    assert (ran["level"], "3 checked of 3" in ran["text"]) == ("OK", True)
    direct("RPUSH", "resque:queue:mail", "no json")
    push("Mail", 4)
    finding = by_check(qtop("doctor", "--json"))["items"]
    assert (finding["level"], "mail (1)" in finding["text"]) == ("WARN", True)
    shown = qtop(*shlex.split(finding["remedy"])[1:], "--json").objects
    assert [each["raw"] for each in shown] == ["no json"]


#: The answers of a server that refuses nearly everything, the exit status of doctor then, and a
#: word of its advice.
REFUSALS = (
    ("MISCONF Redis is configured to save RDB snapshots, but", 2, "disk"),
    ("LOADING Redis is loading the dataset in memory", 2, "wait"),
    ("MASTERDOWN Link with MASTER is down", 2, "wait"),
    ("OOM command not allowed when used memory", 2, "maxmemory"),
)


@pytest.mark.parametrize(("words", "status", "advice"), REFUSALS)
def test_a_refusing_server_is_reported_and_still_asked_what_it_answers(
    qtop: Qtop, words: str, status: int, advice: str
) -> None:
    def answer(command: list[bytes]) -> bytes:
        if command[0] == b"INFO":
            info = b"redis_version:7.0.0\r\nrole:master\r\nrdb_last_bgsave_status:err\r\n"
            return b"$%d\r\n%s\r\n" % (len(info), info)
        return b"-%s\r\n" % words.encode()

    with Peer(answer) as peer:
        ran = qtop("doctor", "--json", "--url", peer.url)
    found = by_check(ran)
    assert ran.status == status
    assert words in found["state"]["text"]
    assert advice in found["state"]["remedy"]
    assert found["version"]["level"] == "OK"
    assert found["persistence"]["level"] == "ERROR"
    for check in ("clock", "namespace", "fleet", "scheduler", "memory", "connections"):
        assert found[check]["level"] == "UNKNOWN", check
    assert not [each for each in ran.objects if "correct the URL" in (each["remedy"] or "")]


@pytest.mark.parametrize(
    ("answer", "words", "advice"),
    [
        (b"-NOAUTH Authentication required.\r\n", "NOAUTH", "login"),
        (b"-ERR max number of clients reached\r\n", "max number of clients", "maxclients"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not Redis", "host and port"),
    ],
)
def test_an_error_that_prevents_all_checks_ends_the_doctor_with_its_remedy(
    qtop: Qtop, answer: bytes, words: str, advice: str
) -> None:
    with Peer(each(answer)) as peer:
        ran = qtop("doctor", "--json", "--url", peer.url)
    [finding] = ran.objects
    assert (ran.status, finding["level"]) == (3, "ERROR")
    assert words in finding["text"]
    assert advice in finding["remedy"]


def test_findings_that_depend_on_a_forbidden_key_are_unknown(
    qtop: Qtop, push: Push, fail: Push, set_user: SetUser
) -> None:
    push("Mail")
    fail("Deadly", exception="Resque::DirtyExit")
    names = ("queue*", "workers*", "stat:*", "pause*", "qtop:*", "delayed*", "unreadable:*")
    ran = qtop("doctor", "--json", "--url", set_user("+@all", *(f"~resque:{n}" for n in names)))
    found = by_check(ran)
    for check in ("keys", "items", "poison", "duplicates", "workers", "jobs", "scheduler"):
        assert found[check]["level"] == "UNKNOWN", check
    assert not [each for each in ran.objects if "delete" in (each["remedy"] or "")]


def test_a_check_that_could_read_nothing_is_not_ok(qtop: Qtop) -> None:
    with Peer(each(b"-BUSY Redis is busy running a script.\r\n")) as peer:
        ran = qtop("doctor", "--json", "--url", peer.url)
    assert ran.status == 3
    assert "OK" not in {each["level"] for each in ran.objects if each["check"] not in WAY}


def test_duplicate_jobs_are_reported_with_a_warning_when_a_dead_worker_has_one(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail", 1)
    push("Mail", 1)
    push("Mail", 2)
    record = b'{"queue":"mail","payload":{"class":"A","args":[]}}'
    for worker in ("h:1:mail", "h:2:mail"):
        direct("SADD", "resque:workers", worker)
        direct("SET", f"resque:worker:{worker}", record)
    alike = by_check(qtop("doctor", "--json"))["duplicates"]
    assert alike["level"] == "OK"
    assert "1 held twice" in alike["text"]
    assert "2 of the first 1,000 of mail" in alike["text"]
    direct("HSET", "resque:workers:heartbeat", "h:2:mail", "2020-01-01T00:00:00+00:00")
    suspect = by_check(qtop("doctor", "--json"))["duplicates"]
    assert suspect["level"] == "WARN"
    assert "h:2:mail" in suspect["text"]
    assert "qtop prune" in suspect["remedy"]


def test_queues_under_another_namespace_are_found(qtop: Qtop, direct: Direct) -> None:
    direct("SADD", "app:jobs:queues", "mail")
    direct("SET", "not:a:set:queues", "1")
    finding = by_check(qtop("doctor", "--json"))["namespace"]
    assert finding["level"] == "WARN"
    assert finding["remedy"] == "try --namespace app:jobs"


def test_a_server_that_cannot_be_reached_is_an_error_without_its_password(qtop: Qtop) -> None:
    ran = qtop("doctor", "--url", "redis://:secret@127.0.0.1:1/0")
    assert ran.status == 3
    assert ran.out.split()[:2] == ["ERROR", "connection"]
    assert "secret" not in ran.out + ran.err


@pytest.fixture
def set_user(direct: Direct, redis_url: str) -> Iterator[SetUser]:
    """Makes a user with some rights; returns the URL for it. It is gone after the test."""

    def make(*rights: str) -> str:
        direct("ACL", "SETUSER", "limited", "reset", "on", ">pw", *rights)
        return redis_url.replace("unix://", "unix://limited:pw@")

    yield make
    direct("ACL", "DELUSER", "limited")


def test_missing_rights_are_named_without_running_the_commands(
    qtop: Qtop, direct: Direct, push: Push, set_user: SetUser
) -> None:
    push("Mail")
    url = set_user("~*", "+@all", "-rpush", "-eval", "-evalsha", "-config")
    before = everything(direct)
    found = by_check(qtop("doctor", "--json", "--url", url))
    assert found["rights"]["remedy"] == "allow +eval +evalsha +rpush"
    assert found["scripts"]["level"] == "ERROR"
    assert everything(direct) == before


def test_without_transactions_rights_are_not_tried_out(
    qtop: Qtop, direct: Direct, push: Push, set_user: SetUser
) -> None:
    push("Mail")
    before = everything(direct)
    found = by_check(qtop("doctor", "--json", "--url", set_user("~*", "+@all", "-multi")))
    assert found["rights"]["level"] == "UNKNOWN"
    assert everything(direct) == before


@pytest.mark.parametrize("rights", [("~*", "+@all", "-scan"), ("~resque:queue*", "+@all")])
def test_the_systems_of_a_database_are_unknown_after_an_incomplete_search(
    qtop: Qtop, push: Push, set_user: SetUser, rights: tuple[str, ...]
) -> None:
    push("Mail")
    found = by_check(qtop("doctor", "--json", "--url", set_user(*rights)))
    assert found["systems"]["level"] == "UNKNOWN"


def test_a_user_without_any_right_still_gets_a_report(qtop: Qtop, set_user: SetUser) -> None:
    ran = qtop("doctor", "--json", "--url", set_user("~*", "+ping", "+client|setname"))
    assert ran.status == 2
    found = by_check(ran)
    assert found["scripts"]["level"] == "ERROR"
    for check in ("server", "rights", "clock", "namespace", "fleet", "scheduler"):
        assert found[check]["level"] == "UNKNOWN", check


def test_the_rights_of_every_command_of_every_script_are_checked() -> None:
    used = {
        name
        for script in FILES.values()
        # Resque's doctor: Sidekiq's scripts are none of its own.
        if "sidekiq" not in script.parts
        for name in re.findall(r"redis\.p?call\('(\w+)'", script.read_text())
    }
    asked = {str(command[0]) for command in server_info.used_commands(Keys())}
    assert len(used) > 30
    assert used - asked == set()


def facts(**fields: str) -> ServerInfo:
    usual = {
        "redis_version": "7.2.0",
        "role": "master",
        "used_memory": "1048576",
        "maxmemory": "0",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
    }
    return ServerInfo({**usual, **fields}, "")


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (doctor.version(facts()), "OK"),
        (
            doctor.version(facts(redis_version="6.0.16")),
            "WARN",
        ),
        (
            doctor.version(facts(redis_version="3.2.1")),
            "ERROR",
        ),
        (
            doctor.version(facts(redis_version="")),
            "UNKNOWN",
        ),
        (server.role(facts(role="slave")), "ERROR"),
        (server.persistence(facts()), "OK"),
        (server.persistence(facts(aof_enabled="0")), "WARN"),
        (server.persistence(facts(rdb_last_bgsave_status="err")), "ERROR"),
        (server.persistence(ServerInfo({})), "UNKNOWN"),
        (server.role(ServerInfo({})), "UNKNOWN"),
        (server.connections(ServerInfo({})), "UNKNOWN"),
        (server.connections(facts(connected_clients="1")), "UNKNOWN"),
        (server.connections(facts(connected_clients="1", maxclients="9")), "OK"),
        (server.connections(facts(connected_clients="9", maxclients="9")), "WARN"),
        (diagnosis.namespaces(["resque"], False, "resque"), "UNKNOWN"),
        (diagnosis.unregistered([], False), "UNKNOWN"),
        (doctor.scripts(ServerInfo({}, script_problem=Busy("later"))), "UNKNOWN"),
        (doctor.scripts(ServerInfo({}, script_problem=Refused("no"))), "ERROR"),
        (doctor.latency([0.1, 0.2]), "OK"),
        (doctor.latency([80.0, 90.0]), "WARN"),
        (server.clock(0.2), "OK"),
        (server.clock(-30), "WARN"),
        (server.clock(3600), "ERROR"),
        (server.scheduler(None, False, 0, 3), "WARN"),
        (server.scheduler(None, True, 900, 0), "ERROR"),
        (diagnosis.namespaces(["resque"], True, "resque"), "OK"),
        (diagnosis.namespaces([], True, "resque"), "OK"),
        (rights.rights(None), "UNKNOWN"),
        (rights.rights({}), "OK"),
        (rights.rights({"DEL": AuthRefused("no")}), "ERROR"),
        (rights.rights({"DEL": MissingCommand("no")}), "OK"),
        (rights.commands({"DEL": AuthRefused("no")}), "OK"),
        (rights.commands({"DEL": MissingCommand("no")}), "WARN"),
    ],
)
def test_a_finding_has_its_level_and_bad_ones_a_remedy(finding: Finding, level: str) -> None:
    assert finding.level == level
    assert bool(finding.remedy) == (level != "OK")


@pytest.mark.parametrize(
    ("fields", "levels"),
    [
        ({}, ["OK", "OK"]),
        ({"maxmemory": "2097152"}, ["OK", "OK"]),
        ({"maxmemory": "1100000"}, ["WARN", "OK"]),
        ({"maxmemory": "1048576"}, ["ERROR", "OK"]),
        ({"maxmemory": "2097152", "maxmemory_policy": "allkeys-lru"}, ["OK", "ERROR"]),
        ({"maxmemory_policy": "allkeys-lru"}, ["OK", "WARN"]),
        ({"maxmemory_policy": "volatile-lru"}, ["OK", "WARN"]),
        ({"maxmemory": "many", "maxmemory_policy": "unknown"}, ["UNKNOWN", "UNKNOWN"]),
    ],
)
def test_memory_and_the_eviction_policy_are_judged(
    fields: dict[str, str], levels: list[str]
) -> None:
    assert [finding.level for finding in server.memory(facts(**fields))] == levels


def test_delayed_jobs_set_aside_are_reported_with_the_command_that_shows_them(
    qtop: Qtop, direct: Direct
) -> None:
    direct("RPUSH", "resque:unreadable:delayed", '{"class":"A","args":[]}', "no json")
    found = by_check(qtop("doctor", "--json"))["jobs"]
    assert found["level"] == "WARN"
    assert found["text"].startswith("2 delayed jobs unreadable")
    assert found["remedy"] == "qtop show --from unreadable:delayed"
    assert len(qtop("show", "--from", "unreadable:delayed", "--json").objects) == 2


def test_jobs_long_overdue_under_a_running_scheduler_are_not_ok(qtop: Qtop, direct: Direct) -> None:
    direct("SET", "resque:resque:resque_scheduler_master_lock", "web-1:7")
    direct("ZADD", "resque:delayed_queue_schedule", 1000000000, "1000000000")
    direct("SET", "resque:delayed:1000000000", "no list")
    found = by_check(qtop("doctor", "--json"))["scheduler"]
    assert found["level"] == "WARN"
    assert "though web-1:7 holds the schedulers' lock" in found["text"]


def test_schedules_that_cannot_be_used_and_jobs_of_resque_status_are_reported(
    qtop: Qtop, direct: Direct
) -> None:
    assert by_check(qtop("doctor", "--json"))["schedules"]["level"] == "OK"
    direct("HSET", "resque:persistent_schedules", "broken", '{"every":"often"}')
    job = '{"class":"Report","args":[{"k":1}],"queue":"statused"}'
    direct("ZADD", "resque:delayed_queue_schedule", 4_000_000_000, "4000000000")
    direct("RPUSH", "resque:delayed:4000000000", job)
    found = by_check(qtop("doctor", "--json"))
    assert found["schedules"]["level"] == "WARN"
    assert "broken" in found["schedules"]["text"]
    assert found["resque-status"]["level"] == "WARN"
    assert "Report" in found["resque-status"]["text"]
    direct("SET", "resque:resque:resque_scheduler_master_lock", "ruby:1")
    others = by_check(qtop("doctor", "--json"))
    assert others["resque-status"]["level"] == "OK"
    direct("DEL", "resque:persistent_schedules")
    assert "unknown" in by_check(qtop("doctor", "--json"))["schedules"]["text"]


def test_a_killed_scheduler_is_not_at_work_although_its_lock_remains(
    qtop: Qtop, direct: Direct
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    lock = "resque:resque:resque_scheduler_master_lock"
    direct("SET", lock, f"{socket.gethostname()}:{gone.pid}", "EX", 100)
    found = by_check(qtop("doctor", "--json"))["scheduler"]
    assert found["level"] == "WARN"
    assert "no such process" in found["text"]
    direct("ZADD", "resque:delayed_queue_schedule", 1000000000, "1000000000")
    direct("RPUSH", "resque:delayed:1000000000", "{}")
    assert by_check(qtop("doctor", "--json"))["scheduler"]["level"] == "ERROR"
    direct("SET", lock, "elsewhere:7", "EX", 178)
    direct("DEL", "resque:delayed:1000000000")
    found = by_check(qtop("doctor", "--json"))["scheduler"]
    assert (found["level"], "elsewhere:7 runs" in found["text"]) == ("OK", True)


def test_a_past_moment_without_jobs_is_no_alarm(qtop: Qtop, direct: Direct) -> None:
    for moment in range(1000000000, 1000000450):
        direct("ZADD", "resque:delayed_queue_schedule", moment, moment)
    assert by_check(qtop("doctor", "--json"))["scheduler"]["level"] == "OK"
    assert "delayed jobs are due" not in qtop("--once").out
    direct("RPUSH", "resque:delayed:1000000449", "{}")
    assert by_check(qtop("doctor", "--json"))["scheduler"]["level"] == "ERROR"


#: The lock as it is read again and again: its owner, and how long it still lasts.
Locks = Callable[[float], tuple[str | None, float | None]]


@pytest.mark.parametrize(
    ("lock", "runs_here", "level"),
    [
        (lambda s: (None, None), None, "OK"),
        (lambda s: ("h:1", 176.0 - s), None, "OK"),
        # With a lock time of one minute, it renews the lock every five seconds.
        (lambda s: ("h:1", 60.0 - s % 5), None, "OK"),
        (lambda s: ("h:1", 600.0 - s % 5), None, "OK"),
        (lambda s: ("h:1", 150.0 - s) if s < 3 else ("h:2", 180.0), None, "OK"),
        (lambda s: ("h:1", 150.0 - s) if s < 3 else (None, None), None, "OK"),
        (lambda s: ("h:1", 150.0 - s), None, "UNKNOWN"),
        (lambda s: ("h:1", None), None, "UNKNOWN"),
        (lambda s: ("h:1", 600.0 - s), None, "UNKNOWN"),
        (lambda s: ("h:1", 100.0 - s), True, "WARN"),
        (lambda s: ("h:1", 150.0 - s), False, "WARN"),
        # A scheduler that was killed just now is not known to be dead before its lock ends.
        (lambda s: ("h:1", 176.0 - s), False, "OK"),
    ],
)
def test_a_scheduler_is_at_work_while_it_renews_its_lock(
    lock: Locks, runs_here: bool | None, level: str
) -> None:
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    found = find_out(lambda: lock(passed[0]), sleep=sleep, runs_here=lambda _: runs_here)
    assert server.scheduler(found, False, 0, 0).level == level
    assert passed[0] <= 11
