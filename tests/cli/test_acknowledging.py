"""`qtop incidents` says what is wrong, and `qtop acknowledge` that somebody knows."""

from __future__ import annotations

import json

from tests.support.commands import Push, Qtop
from tests.support.direct import Direct


def test_incidents_are_listed_with_cause_and_evidence_and_a_status(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    assert qtop("incidents").status == 1  # the server saves nothing
    push("Mail")
    direct("SADD", "resque:workers", "web-1:7:mail")
    direct("HSET", "resque:workers:heartbeat", "web-1:7:mail", "2020-01-01T00:00:00+00:00")
    found = qtop("incidents", "--json")
    assert found.status == 2
    [crit] = [each for each in found.objects if each["severity"] == "CRIT"]
    assert (crit["kind"], crit["check"]) == ("no worker", "queues")
    assert "web-1 stopped sending heartbeats" in crit["cause"]
    assert ["dead workers", "1: web-1:7:mail"] in crit["evidence"]
    assert not [each for each in found.objects if each["kind"] == "dead"]
    text = qtop("incidents").out
    assert crit["id"] in text
    assert crit["cause"] in text


def test_an_acknowledged_incident_is_listed_with_who_and_does_not_count(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail")
    for each in qtop("incidents", "--json").objects:
        done = qtop("acknowledge", each["id"], "--for", "1h", "--reason", "deploy under way")
        assert done.status == 0, done.err
    found = qtop("incidents", "--json")
    assert found.status == 0
    reasons = {each["acknowledged"]["reason"] for each in found.objects}
    assert reasons == {"deploy under way"}
    assert "deploy under way" in qtop("--once").out
    kept = [json.loads(text) for text in direct("HVALS", "resque:qtop:acknowledged")]
    assert all(each["until"] - each["at"] == 3_600 for each in kept)
    worst = found.objects[0]["id"]
    assert qtop("acknowledge", worst, "--end").status == 0
    assert qtop("incidents").status == 2


def test_what_is_no_incident_cannot_be_acknowledged(qtop: Qtop, direct: Direct) -> None:
    assert qtop("acknowledge", "00000000", "--for", "1h").status == 1
    assert qtop("acknowledge", "00000000").status == 2
    assert qtop("acknowledge", "00000000", "--for", "1h", "--read-only").status == 1
    assert direct("EXISTS", "resque:qtop:acknowledged") == 0


def test_the_secrets_of_a_job_that_kills_its_workers_are_not_printed(
    qtop: Qtop, fail: Push
) -> None:
    for _ in range(3):
        fail("ExportCsv", {"token": "hush"}, exception="Resque::DirtyExit", error="SIGKILL")
    found = qtop("incidents", "--json")
    [poison] = [each for each in found.objects if each["kind"] == "poison"]
    done = qtop("acknowledge", poison["id"], "--for", "1h")
    ended = qtop("acknowledge", poison["id"], "--end")
    assert (done.status, ended.status) == (0, 0)
    assert "ExportCsv" in done.out
    assert "ExportCsv" in ended.out
    assert "hush" not in found.out + done.out + ended.out


def test_an_incident_about_a_name_of_any_length_is_one_object(qtop: Qtop, push: Push) -> None:
    push("Mail", queue="q" * 210_000)
    kinds = {each["kind"] for each in qtop("incidents", "--json").objects}
    assert "no worker" in kinds
