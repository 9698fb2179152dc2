"""`qtop doctor`: what it finds, what it advises, and that it changes nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Push, Qtop, Ran, everything
from tests.engine.direct import Direct

from qtop.commands import checks
from qtop.verdicts import server_checks
from qtop.verdicts.server_checks import Finding
from resque import wire
from resque.state import inspection
from resque.state.inspection import Facts
from resque.wire.keys import Keys

SetUser = Callable[..., str]


def by_check(ran: Ran) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in ran.objects}


def test_a_quiet_server_has_no_errors(qtop: Qtop) -> None:
    ran = qtop("doctor", "--json")
    found = by_check(ran)
    assert ran.status == 1
    assert {name for name, each in found.items() if each["level"] != "OK"} == {"persistence"}
    assert "a restart loses every job" in found["persistence"]["text"]
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


def test_what_is_wrong_with_the_fleet_is_found_and_nothing_is_changed(
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


def test_the_advice_for_a_queue_of_ruby_jobs_is_no_worker_that_would_fail_them(
    qtop: Qtop, push: Push
) -> None:
    push("Mailers::Welcome")
    push("Reports::Weekly")
    finding = by_check(qtop("doctor", "--json"))["queues"]
    assert finding["level"] == "ERROR"
    assert finding["remedy"] == "start a worker that knows Mailers::Welcome, Reports::Weekly"


def test_queues_that_are_missing_from_the_set_are_found_counted_and_put_there(
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
    assert "mail: is registered already" in ran.err
    assert by_check(qtop("doctor", "--json"))["unregistered"]["level"] == "OK"
    assert qtop("register", "mail").status == 1
    deeds = qtop("audit", "--json").objects
    assert [(deed["action"], deed["queue"], deed["done"]) for deed in deeds] == [
        ("register", "other", 1),
        ("register", "lost & found", 1),
    ]


def test_jobs_that_killed_their_process_again_and_again_are_found(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    fail("Deadly", 1, exception="Resque::DirtyExit")
    fail("Died once", 1, exception="Resque::DirtyExit")
    sha = hashlib.sha1(b'mail {"class":"Deadly","args":[1]}', usedforsecurity=False).hexdigest()
    direct("SET", f"resque:qtop:lost:{sha}", 3)
    finding = by_check(qtop("doctor", "--json"))["poison"]
    assert finding["level"] == "WARN"
    assert finding["text"].startswith("1 failed job")
    assert "Deadly (1)" in finding["text"]


def test_jobs_that_are_there_twice_are_told_and_a_warning_when_a_dead_worker_has_one(
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
    assert "1 in several hands" in alike["text"]
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
    assert ran.status == 2
    assert ran.out.startswith("ERROR  connection")
    assert "secret" not in ran.out + ran.err


@pytest.fixture
def set_user(direct: Direct, redis_url: str) -> Iterator[SetUser]:
    """Makes a user with some rights; returns the URL for it. It is gone after the test."""

    def make(*rights: str) -> str:
        direct("ACL", "SETUSER", "limited", "reset", "on", ">pw", *rights)
        return redis_url.replace("unix://", "unix://limited:pw@")

    yield make
    direct("ACL", "DELUSER", "limited")


def test_missing_rights_are_named_and_nothing_was_run_to_find_out(
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
    assert found["rights"]["level"] == "WARN"
    assert everything(direct) == before


def test_a_user_who_may_do_nothing_gets_a_report_all_the_same(
    qtop: Qtop, set_user: SetUser
) -> None:
    ran = qtop("doctor", "--json", "--url", set_user("~*", "+ping", "+client|setname"))
    assert ran.status == 2
    assert by_check(ran)["server"]["level"] == "ERROR"


def test_every_command_of_every_script_is_among_those_whose_rights_are_looked_at() -> None:
    scripts = Path(wire.__file__).parent / "scripts"
    used = {
        name
        for script in scripts.glob("*.lua")
        for name in re.findall(r"redis\.p?call\('(\w+)'", script.read_text())
    }
    asked = {str(command[0]) for command in inspection.used_commands(Keys())}
    assert len(used) > 30
    assert used - asked == set()


def facts(**fields: str) -> Facts:
    usual = {
        "redis_version": "7.2.0",
        "role": "master",
        "used_memory": "1048576",
        "maxmemory": "0",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
    }
    return Facts({**usual, **fields}, "", None)


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (checks.version(facts()), "OK"),
        (checks.version(facts(redis_version="6.0.16")), "WARN"),
        (checks.version(facts(redis_version="3.2.1")), "ERROR"),
        (checks.version(facts(redis_version="")), "WARN"),
        (server_checks.role(facts(role="slave")), "ERROR"),
        (server_checks.persistence(facts()), "OK"),
        (server_checks.persistence(facts(aof_enabled="0")), "WARN"),
        (server_checks.persistence(facts(rdb_last_bgsave_status="err")), "ERROR"),
        (server_checks.persistence(Facts({}, None, None)), "WARN"),
        (checks.latency([0.1, 0.2]), "OK"),
        (checks.latency([80.0, 90.0]), "WARN"),
        (server_checks.clock(0.2), "OK"),
        (server_checks.clock(-30), "WARN"),
        (server_checks.clock(3600), "ERROR"),
        (server_checks.scheduler("host:1", True, 900, 1), "OK"),
        (server_checks.scheduler(None, False, 0, 3), "WARN"),
        (server_checks.scheduler(None, True, 900, 0), "ERROR"),
        (checks.namespaces(["resque"], True, "resque"), "OK"),
        (checks.namespaces([], True, "resque"), "OK"),
        (checks.rights(None), "WARN"),
        (checks.rights({}), "OK"),
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
        ({"maxmemory": "many", "maxmemory_policy": "unknown"}, ["OK", "WARN"]),
    ],
)
def test_memory_and_what_is_dropped_when_it_is_full(
    fields: dict[str, str], levels: list[str]
) -> None:
    assert [finding.level for finding in server_checks.memory(facts(**fields))] == levels


def test_delayed_jobs_that_were_set_aside_are_told_with_the_way_to_see_them(
    qtop: Qtop, direct: Direct
) -> None:
    direct("RPUSH", "resque:unreadable:delayed", '{"class":"A","args":[]}', "no json")
    found = by_check(qtop("doctor", "--json"))["jobs"]
    assert found["level"] == "WARN"
    assert found["text"].startswith("2 delayed jobs set aside")
    assert found["remedy"] == "qtop show --from unreadable:delayed"
    assert len(qtop("show", "--from", "unreadable:delayed", "--json").objects) == 2


def test_what_is_due_for_long_under_a_living_scheduler_is_no_good_state(
    qtop: Qtop, direct: Direct
) -> None:
    direct("SET", "resque:resque:resque_scheduler_master_lock", "web-1:7")
    direct("ZADD", "resque:delayed_queue_schedule", 1000000000, "1000000000")
    direct("SET", "resque:delayed:1000000000", "no list")
    found = by_check(qtop("doctor", "--json"))["scheduler"]
    assert found["level"] == "WARN"
    assert "though web-1:7 is at work" in found["text"]
