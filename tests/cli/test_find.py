"""`qtop find`: a job is found wherever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.commands import PATIENCE_S, Push, Qtop, encoded
from tests.support.direct import Direct
from tests.support.proxy import Proxy

from queuecore.address import parse_url


def in_hand(direct: Direct, worker: str, payload: bytes, queue: str = "mail") -> None:
    record = b'{"queue":"%s","run_at":"2026-11-23T12:15:46Z","payload":%s}'
    direct("SADD", "resque:workers", worker)
    direct("SET", f"resque:worker:{worker}", record % (queue.encode(), payload))


def delay(direct: Direct, stamp: int, class_name: str, *args: object) -> bytes:
    raw = encoded({"class": class_name, "args": list(args), "queue": "mail"})
    direct("RPUSH", f"resque:delayed:{stamp}", raw)
    direct("ZADD", "resque:delayed_queue_schedule", stamp, stamp)
    return raw


def test_a_job_is_found_in_every_place_it_can_be_in(
    qtop: Qtop, direct: Direct, push: Push, fail: Push
) -> None:
    push("Mail", 16)
    waiting = push("Mail", 17)
    push("Mail", 17, queue="low")
    delay(direct, 4_000_000_000, "Mail", 17)
    delay(direct, 1_000_000_000, "Mail", 18)
    direct("RPUSH", "resque:unreadable:mail", 'broken "17"')
    in_hand(direct, "web1:42:mail", waiting)
    in_hand(direct, "web1:43:mail", encoded({"class": "Mail", "args": [99]}))
    direct("SADD", "resque:workers", "web1:44:mail")
    fail("Mail", 17)
    ran = qtop("find", "17")
    assert ran.status == 0
    assert [(row[0], row[1].split(" in ")[0]) for row in ran.rows] == [
        ("delayed", "due"),
        ("queue:low", "next"),
        ("queue:mail", "after 1"),
        ("unreadable:mail", "unreadable"),
        ("worker web1:42:mail", ran.rows[4][1]),
        ("failed", ran.rows[5][1]),
    ]
    assert ran.rows[4][1].startswith("running ")
    assert ran.rows[5][1].startswith("failed ")
    # A job keeps its id from its queue until a worker holds it.
    _, _, in_queue, _, held, _ = qtop("find", "17", "--json").objects
    assert in_queue["id"] == held["id"]
    assert held["raw"].encode() == waiting
    assert (held["class"], held["args"], held["queue"]) == ("Mail", [17], "mail")


def test_the_filter_language_works_in_every_place(
    qtop: Qtop, direct: Direct, push: Push, fail: Push
) -> None:
    push("Mail", {"id": 17})
    push("Report", {"id": 17})
    fail("Mail", {"id": 17})
    fail("Mail", {"id": 18})
    found = qtop("find", "class:Mail args.0.id:17", "--json").objects
    assert [each["where"] for each in found] == ["queue:mail", "failed"]


def test_a_search_without_result_is_status_1_and_an_empty_filter_is_refused(
    qtop: Qtop, push: Push
) -> None:
    push("Mail", 1)
    assert qtop("find", "class:Other").status == 1
    refused = qtop("find", "")
    assert refused.status == 2
    assert "say what to find" in refused.err


def test_one_limit_applies_to_all_places_together(
    qtop: Qtop, direct: Direct, push: Push, fail: Push
) -> None:
    for number in range(3):
        push("Mail", number)
        fail("Mail", number)
    some = qtop("find", "class:Mail", "--limit", "4")
    assert [row[0] for row in some.rows] == ["queue:mail"] * 3 + ["failed"]
    assert "the first 4: --limit 0 shows all" in some.err
    three = qtop("find", "class:Mail", "--limit", "3")
    assert [row[0] for row in three.rows] == ["queue:mail"] * 3
    assert "the first 3" in three.err
    whole = qtop("find", "class:Mail", "--limit", "6")
    assert len(whole.rows) == 6
    assert whole.err == ""


def test_every_list_of_failures_is_searched(qtop: Qtop, direct: Direct, fail: Push) -> None:
    raw = fail("Mail", 17)
    direct("SADD", "resque:failed_queues", "mail_failed")
    direct("RPUSH", "resque:mail_failed", raw)
    found = qtop("find", "args.0:17", "--json").objects
    assert [each["where"] for each in found] == ["failed", "failed:mail_failed"]


def test_secrets_are_hidden_and_hostile_data_are_harmless(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail\x1b[2J", {"password": "hunter2", "id": 17})
    direct("SET", "resque:queue:odd", "no list")
    direct("SADD", "resque:queues", "odd")
    ran = qtop("find", "17")
    assert "hunter2" not in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert "odd" in ran.err
    assert "hunter2" in qtop("find", "17", "--no-redact").out


def test_what_was_found_before_an_interrupt_is_shown_and_that_there_may_be_more(
    redis_url: str, push: Push, fail: Push
) -> None:
    push("Mail", 17)
    fail("Mail", 17)
    path, running = parse_url(redis_url).path, list[subprocess.Popen[str]]()
    assert path is not None

    def forward(command: Sequence[bytes], reply: Any) -> bool:
        # A scan reads the one failure.
        if command[:2] == [b"LRANGE", b"resque:failed"] and running:
            running.pop().send_signal(signal.SIGINT)
        return True

    with Proxy(Path(path), forward) as proxy:
        process = subprocess.Popen(
            [sys.executable, "-m", "qtop", "find", "17"],
            env={**os.environ, "REDIS_URL": proxy.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert [row.split("\t")[0] for row in out.splitlines()[1:]] == ["queue:mail"]
    assert "1 job found" in err
