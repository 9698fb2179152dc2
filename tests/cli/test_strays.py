"""Jobs that no index leads to: `workers`, `find`, `doctor` and `prune` report them."""

from __future__ import annotations

import pytest
from tests.support.commands import Qtop
from tests.support.direct import Direct
from tests.support.operations import entry

LOST = "web-1:7:mail"
JOB = '{"class":"Charge","args":[7]}'
RECORD = f'{{"queue":"mail","run_at":"2020-01-01T00:00:00Z","payload":{JOB}}}'


@pytest.fixture
def lost(direct: Direct) -> None:
    """The same job in every place, without the indexes."""
    direct("SET", f"resque:worker:{LOST}", RECORD)
    direct("RPUSH", "resque:queue:mail", JOB)
    direct("RPUSH", "resque:unreadable:mail", "Charge junk")
    direct("RPUSH", "resque:delayed:4000000000", JOB)
    direct("RPUSH", "resque:mail_failed", entry(1, JOB.encode()))
    direct("RPUSH", "resque:qtop:undo:0123456789abcdef:items", 0, JOB, "", "")
    direct("SET", "resque:failure-resque-retry:Charge:7", entry(1, JOB.encode()))


@pytest.mark.usefixtures("lost")
def test_a_job_that_no_index_leads_to_is_found(qtop: Qtop) -> None:
    rows = qtop("find", "Charge").rows
    assert [(row[0], row[1].split(" ", 1)[0]) for row in rows] == [
        ("delayed:4000000000", "due"),
        ("queue:mail", "next"),
        ("unreadable:mail", "unreadable"),
        (f"worker {LOST}", "running"),
        ("failed:mail_failed", "failed"),
        ("undo 0123456789abcdef", "kept"),
        ("retry Charge:7", "last"),
    ]
    assert rows[0][1].endswith("not in the schedule")
    assert rows[3][1].endswith("not registered")
    assert len(qtop("find", "Charge", "--limit", "4").rows) == 4


@pytest.mark.usefixtures("lost")
def test_a_worker_on_no_register_is_listed(qtop: Qtop) -> None:
    [found] = qtop("workers", "--json").objects
    assert (found["worker"], found["state"], found["class"]) == (LOST, "unregistered", "Charge")


@pytest.mark.usefixtures("lost")
def test_the_doctor_reports_each_kind_with_the_command_that_puts_it_back(
    qtop: Qtop, direct: Direct
) -> None:
    found = [each for each in qtop("doctor", "--json").objects if each["check"] == "strays"]
    assert [(each["level"], each["remedy"]) for each in found] == [
        ("WARN", "qtop prune --dry-run"),
        ("WARN", "qtop register mail"),
        ("WARN", "qtop register --delayed 4000000000"),
        ("WARN", "qtop register --failures mail_failed"),
    ]
    for each in found[1:]:
        assert qtop(*each["remedy"].split()[1:]).status == 0
    assert qtop("prune", "--yes").status == 0
    found = [each for each in qtop("doctor", "--json").objects if each["check"] == "strays"]
    assert [each["level"] for each in found] == ["OK"]
    assert direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1) == [b"4000000000"]
    assert direct("SMEMBERS", "resque:failed_queues") == [b"mail_failed"]
    assert direct("EXISTS", f"resque:worker:{LOST}") == 0
    [failure] = direct("LRANGE", "resque:failed", 0, -1)
    assert JOB.encode() in failure


@pytest.mark.usefixtures("lost")
def test_a_dry_run_of_prune_says_that_the_worker_is_on_no_register(qtop: Qtop) -> None:
    assert (
        f"would prune {LOST}: not registered; no heartbeat ever" in qtop("prune", "--dry-run").out
    )


def test_registering_nothing_or_an_invalid_moment_is_wrong_usage(qtop: Qtop) -> None:
    assert qtop("register").status == 2
    assert qtop("register", "--delayed", "soon").status == 2
    assert qtop("register", "--delayed", "1000").status == 1


def test_an_empty_list_of_failures_is_not_registered(qtop: Qtop, direct: Direct) -> None:
    for words in ((), ("--dry-run",)):
        said = qtop("register", "--failures", "mail_failed", *words)
        assert (said.status, said.out) == (1, "")
    assert direct("SMEMBERS", "resque:failed_queues") == []


def test_a_refused_search_is_reported_and_is_not_ok(
    qtop: Qtop, direct: Direct, redis_url: str
) -> None:
    direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+@all", "-scan")
    url = redis_url.replace("unix://", "unix://modest:sesame@")
    try:
        ran = qtop("doctor", "--json", "--url", url)
        found = [each for each in ran.objects if each["check"] == "strays"]
        assert [each["level"] for each in found] == ["UNKNOWN"]
        assert ran.status != 0
        for words in (("workers",), ("find", "x"), ("prune",)):
            assert "were not searched" in qtop(*words, "--url", url).err
    finally:
        direct("ACL", "DELUSER", "modest")
