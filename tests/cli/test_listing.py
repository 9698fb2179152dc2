"""The commands that read: lists of everything, `show`, and one poll as a page of text."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests import words as texts
from tests.support.commands import Push, Qtop, encoded, everything
from tests.support.direct import Direct

from queuecore.active_job import WRAPPER


def delay(direct: Direct, stamp: int, class_name: str, *args: object) -> None:
    """Delays a job as resque-scheduler does."""
    raw = encoded({"class": class_name, "args": list(args), "queue": "mail"})
    direct("RPUSH", f"resque:delayed:{stamp}", raw)
    direct("SADD", b"resque:timestamps:" + raw, f"delayed:{stamp}")
    direct("ZADD", "resque:delayed_queue_schedule", stamp, stamp)


def work(direct: Direct, worker_id: str, beat: str | None, class_name: str | None = None) -> None:
    """Registers a worker, which holds a job if one is named."""
    direct("SADD", "resque:workers", worker_id)
    if beat is not None:
        direct("HSET", "resque:workers:heartbeat", worker_id, beat)
    if class_name is not None:
        job = {"class": class_name, "args": [1]}
        record = {"queue": "mail", "run_at": "2026-11-23T12:15:46Z", "payload": job}
        direct("SET", f"resque:worker:{worker_id}", encoded(record))


def test_queues_are_listed_with_what_is_wrong(qtop: Qtop, direct: Direct, push: Push) -> None:
    push("Mail", 1)
    push("Report", 1, queue="low")
    direct("SET", "resque:pause:queue:low", "true")
    direct("RPUSH", "resque:unreadable:low", "no json")
    direct("SADD", "resque:queues", "odd")
    direct("SET", "resque:queue:odd", "not a list")
    ran = qtop("queues")
    assert ran.status == 3, "one of them could not be read"
    rows = {row[0]: row[1:] for row in ran.rows}
    assert rows["mail"] == ["1", "–", "0", "0", "0", "no workers"]  # noqa: RUF001
    assert "paused" in rows["low"][-1]
    assert "1 unreadable" in rows["low"][-1]
    assert rows["odd"][0] == "unknown"
    (mail,) = qtop("queues", "--json", "--filter", "queue:mai*").objects
    assert (mail["queue"], mail["waiting"], mail["unserved"]) == ("mail", 1, True)
    some = qtop("queues", "--limit", "1")
    assert len(some.rows) == 1
    assert "1 of 3 queues shown" in some.err


def test_the_wait_of_the_next_job_is_shown_where_its_payload_has_a_time(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    seconds, _ = direct("TIME")
    since = datetime.fromtimestamp(int(seconds) - 7_500, UTC)
    job = {"job_class": "Welcome", "arguments": [1], "enqueued_at": since.isoformat()}
    push(WRAPPER, job, queue="rails")
    push("Mail", 1)
    rows = {row[0]: row[2] for row in qtop("queues").rows}
    assert rows == {"rails": "2 h", "mail": "–"}  # noqa: RUF001
    rails, mail = sorted(qtop("queues", "--json").objects, key=lambda q: q["next_waits_s"] is None)
    assert 7_500 <= rails["next_waits_s"] < 7_600
    assert mail["next_waits_s"] is None
    assert re.search(r"rails +1 +2 h", qtop("--once").out)


def test_a_mail_is_found_and_named_by_its_own_class_beside_the_raw_payload(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    arguments = ["UserMailer", "welcome", "deliver_now", {"args": [7]}]
    mail = {"job_class": "ActionMailer::MailDeliveryJob", "arguments": arguments}
    payload = {"class": WRAPPER, "args": [mail]}
    push(WRAPPER, mail, queue="mail")
    direct("RPUSH", "resque:failed", encoded({"payload": payload, "error": "no", "queue": "mail"}))
    work(direct, "web:1:mail", None)
    record = {"queue": "mail", "payload": payload}
    direct("SET", "resque:worker:web:1:mail", encoded(record))
    direct("RPUSH", "resque:delayed:99999999999", encoded(payload))
    direct("ZADD", "resque:delayed_queue_schedule", 99999999999, 99999999999)
    wanted = "class:UserMailer#*"
    for command in (
        ("failed", "--filter", wanted),
        ("delayed", "--filter", wanted),
        ("workers", "--filter", wanted),
        ("show", "--from", "queue:mail", "--filter", wanted),
        ("show", "--from", "failed", "--filter", wanted),
        ("find", wanted, "--limit", "1"),
    ):
        (found,) = qtop(*command, "--json").objects
        assert (found["job_class"], found["arguments"]) == ("UserMailer#welcome", [7]), command
        if command[0] != "find":
            assert (found["class"], found["args"]) == (WRAPPER, [mail]), command
    assert "UserMailer#welcome" in qtop("failed").out


def test_a_queue_name_that_is_not_utf_8_comes_back_out_of_json(qtop: Qtop, direct: Direct) -> None:
    direct("SADD", "resque:queues", b"m\xff\xc3\xbc")
    (row,) = qtop("queues", "--json").objects
    assert row["queue"].encode("utf-8", "surrogateescape") == b"m\xff\xc3\xbc"


def test_workers_are_listed_with_the_troubled_ones_first(qtop: Qtop, direct: Direct) -> None:
    work(direct, "web-1:7:mail", "2020-01-01T00:00:00+00:00", "Mail")
    work(direct, "web-2:8:*", "2099-01-01T00:00:00+00:00")
    work(direct, "foreign", None)
    ran = qtop("workers")
    assert [(row[0], row[1]) for row in ran.rows] == [
        ("web-1:7:mail", "dead?"),
        ("foreign", "no heartbeat"),
        ("web-2:8:*", "idle"),
    ]
    assert ran.rows[0][3] == "Mail [1]"
    (dead,) = qtop("workers", "--json", "--filter", "worker:web class:Mail").objects
    assert (dead["host"], dead["pid"], dead["queues"]) == ("web-1", 7, ["mail"])
    assert dead["class"] == "Mail"
    direct("SADD", "resque:queues", "mail")
    # Dead workers serve no queue.
    (serving,) = qtop("workers", "--filter", "serves:mail").rows
    assert serving[0] == "web-2:8:*"


def test_failures_are_listed_newest_first_and_only_those_that_match(qtop: Qtop, fail: Push) -> None:
    for number in range(5):
        fail("Mail" if number % 2 else "Report", number)
    assert [row[1] for row in qtop("failed").rows] == ["Report", "Mail", "Report", "Mail", "Report"]
    some = qtop("failed", "--limit", "2")
    assert len(some.rows) == 2
    assert "2 of 5 failures shown" in some.err
    ran = qtop("failed", "--filter", "class:Mail args.0:3", "--json")
    assert [(row["class"], row["args"]) for row in ran.objects] == [("Mail", [3])]
    first = qtop("failed", "--filter", "class:Report", "--limit", "1")
    assert len(first.rows) == 1
    assert "newest that match" in first.err


def test_entries_that_a_filter_did_not_read_are_reported(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    fail("Small", 1)
    entry = {"payload": {"class": "Large", "args": ["x" * (9 << 20)]}, "error": "in the end"}
    direct("RPUSH", "resque:failed", encoded(entry))
    ran = qtop("failed", "--filter", "error:end")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "1 item over 8 MiB not searched")
    # The beginning of this one is enough.
    ran = qtop("failed", "--filter", "class:Large", "--json")
    assert (ran.status, len(ran.objects), ran.err) == (0, 1, "")


def test_a_filter_without_matches_is_status_1(qtop: Qtop, fail: Push) -> None:
    assert qtop("failed", "--json").status == 0
    fail("Mail")
    ran = qtop("failed", "--filter", "class:Other")
    assert (ran.status, ran.out) == (1, "")
    assert texts.NOTHING_MATCHES in ran.err


def test_a_separate_list_of_failures_is_listed(qtop: Qtop, direct: Direct) -> None:
    direct("RPUSH", "resque:mail_failed", encoded({"payload": {"class": "Mail", "args": []}}))
    (row,) = qtop("failed", "--list", "mail_failed", "--json").objects
    assert row["class"] == "Mail"


def test_delayed_jobs_are_listed_with_the_next_one_first(qtop: Qtop, direct: Direct) -> None:
    delay(direct, 4_000_000_000, "Later", {"a": 1})
    delay(direct, 1_000_000_000, "Due", 2)
    rows = qtop("delayed").rows
    assert [(row[0], row[2]) for row in rows] == [
        ("2001-09-09 01:46:40", "Due"),
        ("2096-10-02 07:06:40", "Later"),
    ]
    assert rows[0][1] == "due"
    (later,) = qtop("delayed", "--json", "--filter", "class:Later args.0.a:1").objects
    assert (later["at"], later["queue"]) == ("2096-10-02T07:06:40Z", "mail")
    some = qtop("delayed", "--limit", "1")
    assert len(some.rows) == 1
    assert texts.LIMIT_SHOWS_ALL in some.err


def test_an_unreadable_moment_is_listed_as_unreadable(qtop: Qtop, direct: Direct) -> None:
    delay(direct, 4_000_000_000, "Later")
    direct("ZADD", "resque:delayed_queue_schedule", 5, "5")
    direct("SET", "resque:delayed:5", "no list")
    first, second = qtop("delayed").rows
    assert first[2:] == ["unreadable", "the key of its moment holds no list", "", ""]
    assert second[2] == "Later"
    (only,) = qtop("delayed", "--json", "--filter", "readable:no").objects
    assert (only["stamp"], only["id"]) == ("5", None)


def test_many_moments_need_few_round_trips(qtop: Qtop, direct: Direct) -> None:
    for number in range(600):
        delay(direct, 4_000_000_000 + number, "Later", number)
    direct("CONFIG", "RESETSTAT")
    assert len(qtop("delayed", "--limit", "0").rows) == 600
    calls = re.search(rb"cmdstat_evalsha:calls=(\d+)", direct("INFO", "commandstats"))
    assert calls is not None
    assert int(calls[1]) < 10


def test_schedules_are_listed_including_unusable_ones(qtop: Qtop, direct: Direct) -> None:
    nightly = {"cron": "0 3 * * *", "class": "Report", "queue": "low", "args": [1]}
    direct("HSET", "resque:persistent_schedules", "nightly", encoded(nightly))
    direct("HSET", "resque:persistent_schedules", "broken\x1b[2J", "no json")
    rows = {row[0]: row[1:] for row in qtop("schedules").rows}
    assert rows["nightly"][0] == "0 3 * * *"
    assert rows["nightly"][1].endswith("03:00:00")
    assert rows["nightly"][2:] == ["never", "Report", "[1]", "low", "persistent"]
    assert rows["broken␛[2J"][0] == "unusable"
    (found,) = qtop("schedules", "--json", "--filter", "class:Report").objects
    assert found["schedule"] == "nightly"


def test_schedules_of_a_file_are_listed_or_unknown_where_they_are_not_published(
    qtop: Qtop, direct: Direct
) -> None:
    lock, key = "resque:resque:resque_scheduler_master_lock", "resque:qtop:schedules"
    config = {"every": "1h", "class": "Tick"}
    content = {"of a file\x1b[2J": {"config": config, "queue": "low", "problem": None}}
    direct("SET", lock, "web1:1")
    direct("SADD", "resque:queues", "low")
    direct("HSET", key, "owner", "web1:1", "content", encoded(content))
    known = qtop("schedules")
    assert known.err == ""
    assert known.rows == [
        ["of a file␛[2J", "every 1h", "unknown", "never", "Tick", "[]", "low", "file"]
    ]
    direct("SET", lock, "ruby\x1b:1")
    unknown = qtop("schedules")
    assert unknown.rows == []
    assert "are unknown: ruby␛:1" in unknown.err


def test_the_totals_are_shown(qtop: Qtop, direct: Direct, push: Push, fail: Push) -> None:
    push("Mail")
    fail("Mail")
    direct("SET", "resque:stat:processed", "12")
    direct("SET", "resque:stat:failed", "no number")
    (totals,) = qtop("stats", "--json").objects
    assert (totals["waiting"], totals["failed"], totals["processed_ever"]) == (1, 1, 12)
    assert totals["failed_ever"] is None
    assert ["failed_ever", "unknown"] in qtop("stats").rows


def test_the_audit_lists_actions_with_their_operators(qtop: Qtop, fail: Push, push: Push) -> None:
    fail("Mail")
    push("Mail")
    assert qtop("delete", "--from", "failed").status == 0
    assert qtop("pause", "mail").status == 0
    pause, delete = qtop("audit", "--json").objects
    assert (pause["action"], delete["action"], delete["done"]) == ("pause", "delete", 1)
    assert "@" in pause["who"]
    assert pause["client"].startswith("qtop ")
    assert delete["undo_left_s"] > 80_000
    (row,) = qtop("audit", "--filter", "delete").rows
    assert row[3:6] == ["delete", "failed", "1"]


def test_everything_about_a_failure_is_shown(qtop: Qtop, fail: Push) -> None:
    fail("Mail", {"to": "ada"}, error="no route\nto host")
    shown = qtop("show", "--from", "failed", "--filter", "class:Mail").out
    for text in ("Mail", "RuntimeError", "no route", "to host", '"to": "ada"', "a.rb:1", "host:1"):
        assert text in shown
    assert qtop("show", "--from", "failed", "--filter", "class:None").status == 1


def test_waiting_jobs_are_shown_in_the_order_of_the_queue(qtop: Qtop, push: Push) -> None:
    pushed = [push("Mail", number) for number in range(12)]
    shown = qtop("show", "--from", "queue:mail", "--json")
    assert [row["args"] for row in shown.objects] == [[number] for number in range(10)]
    assert texts.LIMIT_SHOWS_ALL in shown.err
    assert shown.objects[3]["raw"].encode() == pushed[3]
    assert "Mail" in qtop("show", "--from", "queue:mail", "--limit", "1").out


def test_one_poll_is_a_page_of_text(qtop: Qtop, direct: Direct, push: Push, fail: Push) -> None:
    push("Mail", 1)
    fail("Mail", 2, error="no route")
    work(direct, "web-1:7:other", "2020-01-01T00:00:00+00:00", "Report")
    ran = qtop("--once")
    assert (ran.status, ran.err) == (0, "")
    for text in ("1 job waiting", "1 failed", "no workers", "web-1:7:other", "dead?", "no route"):
        assert text in ran.out
    assert "no workers" in qtop("--once", "--namespace", "other").out


def test_reading_commands_change_nothing(
    qtop: Qtop, direct: Direct, push: Push, fail: Push
) -> None:
    push("Mail")
    fail("Mail")
    delay(direct, 1_000_000_000, "Due", 2)
    work(direct, "web-1:7:mail", "2020-01-01T00:00:00+00:00", "Mail")
    before = everything(direct)
    for words in (
        ["queues"],
        ["workers"],
        ["failed"],
        ["delayed"],
        ["schedules"],
        ["stats"],
        ["audit"],
        ["show", "--from", "failed"],
        ["--once"],
        ["doctor"],
    ):
        qtop(*words, QTOP_READ_ONLY="1")
        assert everything(direct) == before, words
