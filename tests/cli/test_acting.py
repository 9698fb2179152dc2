"""requeue, delete and move change exactly the selected jobs, report numbers, and can be undone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from tests import words as texts
from tests.support.commands import Push, Qtop, everything, resque_keys
from tests.support.direct import Direct

from qtop.actions.plan import acted
from qtop.commands.acting import report
from queuecore.action_record import ActionRecord, Actor
from queuecore.bulk import Result
from resque.errors import OutcomeUnknown, StoreError, Unreachable

FAILED = ("--from", "failed")


def queue(direct: Direct, name: str = "mail") -> list[bytes]:
    return list(direct("LRANGE", f"resque:queue:{name}", 0, -1))


def failed(direct: Direct) -> list[bytes]:
    return list(direct("LRANGE", "resque:failed", 0, -1))


def test_a_failure_goes_back_byte_for_byte_and_comes_back_with_undo(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    payload = b'{ "class":"Mail" ,"args":[1.00,"\xff\\u00e9",123456789012345678901234567890]}'
    entry = b'{"payload": %s, "queue": "mail", "error":"x"}' % payload
    first, last = fail("Report", 1), fail("Report", 2)
    direct("LINSERT", "resque:failed", "AFTER", first, entry)
    before = resque_keys(direct)
    ran = qtop("requeue", *FAILED, "--filter", "class:Mail")
    assert (ran.status, ran.out) == (0, f"{texts.outcome('requeued', 1)}\n")
    assert queue(direct) == [payload]
    assert failed(direct) == [first, last]
    assert direct("SISMEMBER", "resque:queues", "mail") == 1
    undone = qtop("undo")
    assert undone.status == 0
    assert undone.out.startswith("undone: requeue failed")
    assert failed(direct) == [first, entry, last]
    assert queue(direct) == []
    direct("SREM", "resque:queues", "mail")
    assert resque_keys(direct) == before


def test_more_than_one_job_needs_yes(qtop: Qtop, direct: Direct, fail: Push) -> None:
    fail("Mail", 1)
    fail("Mail", 2)
    before = everything(direct)
    ran = qtop("requeue", *FAILED)
    assert (ran.status, ran.out) == (1, "")
    assert texts.SAY_YES in ran.err
    assert "Mail 2" in ran.err
    assert everything(direct) == before
    assert qtop("requeue", *FAILED, "--yes").out.startswith("requeued 2\n")


def test_on_a_terminal_more_than_one_job_needs_an_answer_and_no_is_the_default(
    direct: Direct, fail: Push, on_terminal: Callable[..., tuple[int, str]]
) -> None:
    fail("Mail", 1)
    fail("Mail", 2)
    status, shown = on_terminal("delete", *FAILED, typed="\n")
    assert status == 1
    assert "delete 2 failed jobs in failed? [y/N]" in shown
    assert len(failed(direct)) == 2
    assert on_terminal("delete", *FAILED, typed="y\n")[0] == 0
    assert failed(direct) == []


def test_a_failure_that_cannot_be_requeued_is_refused_with_its_reason_and_stays(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    fail("Mail", 1)
    bad = [fail("", 2), fail("Mail", 3, queue=None), b"\xff no json"]
    direct("RPUSH", "resque:failed", bad[-1])
    planned = qtop("requeue", *FAILED, "--dry-run", "--json").objects[0]
    assert (planned["would"], planned["refused"]) == (1, 3)
    ran = qtop("requeue", *FAILED, "--yes", "--json")
    (result,) = ran.objects
    assert (ran.status, result["done"], result["gone"], result["refused"]) == (0, 1, 0, 3)
    assert any("names no queue" in reason for reason in result["reasons"])
    assert failed(direct) == bad
    # The target queue may be named instead.
    ran = qtop("requeue", *FAILED, "--to", "mail", "--yes", "--json")
    assert (ran.objects[0]["done"], failed(direct)) == (1, [bad[0], bad[2]])


def test_only_matching_jobs_are_touched_and_a_hostile_name_is_shown_safely(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    name = "q\x1b[2J\n:*"
    kept = fail("Mail", 1)
    fail("Evil\x1b[31m", 2, queue=name)
    ran = qtop("requeue", *FAILED, "--filter", "class:Evil*", "--dry-run")
    assert "Evil␛[31m 1" in ran.out
    assert "q␛[2J⏎:* 1" in ran.out
    assert qtop("requeue", *FAILED, "--filter", "class:Evil*").status == 0
    assert failed(direct) == [kept]
    assert len(queue(direct, name)) == 1
    moved = qtop("move", "--from", f"queue:{name}", "--to", "mail")
    assert moved.out == f"{texts.outcome('moved', 1)}\n"
    assert "\x1b" not in moved.err


@pytest.mark.parametrize(
    "words",
    [
        ("requeue", *FAILED),
        ("requeue", *FAILED, "--to", "other", "--json"),
        ("delete", *FAILED, "--yes"),
        ("delete", "--from", "queue:mail"),
        ("delete", "--from", "unreadable:mail"),
        ("move", "--from", "queue:mail", "--to", "other"),
        ("edit", *FAILED, "--class", "Other"),
        ("edit", "--from", "queue:mail", "--args", "[1]"),
        ("clear", "failed"),
        ("clear", "queue:mail", "--remove", "--json"),
        ("pause", "mail"),
        ("resume", "--all", "--json"),
        ("prune",),
    ],
)
def test_a_dry_run_shows_what_would_happen_and_touches_nothing(
    qtop: Qtop, direct: Direct, push: Push, fail: Push, words: tuple[str, ...]
) -> None:
    for number in range(3):
        push("Mail", number)
        fail("Mail", number)
    direct("RPUSH", "resque:unreadable:mail", "no json")
    direct("SADD", "resque:workers", "web-1:7:mail")
    direct("HSET", "resque:workers:heartbeat", "web-1:7:mail", "2020-01-01T00:00:00+00:00")
    before = everything(direct)
    ran = qtop(*words, "--dry-run", "--read-only")
    assert ran.status == 0
    assert "would" in ran.out
    assert everything(direct) == before


def test_waiting_jobs_are_deleted_and_come_back_in_their_order(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    for number in range(300):
        push("Mail" if number % 3 else "Report", number)
    before = resque_keys(direct)
    ran = qtop("delete", "--from", "queue:mail", "--filter", "class:Mail", "--yes")
    assert ran.out == f"{texts.outcome('deleted', 200)}\n"
    assert len(queue(direct)) == 100
    assert qtop("undo").out.startswith("undone 200 of 200: delete queue:mail, filter class:Mail")
    assert resque_keys(direct) == before


def test_moved_jobs_keep_their_bytes_and_come_back_unless_a_worker_has_them(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    first, second = push("Mail", 1), push("Mail", 2)
    odd = b'{"class" :"Mail","args":["\xff"]}'
    direct("RPUSH", "resque:queue:mail", odd)
    moved = qtop("move", "--from", "queue:mail", "--to", "later", "--yes")
    assert moved.status == 0
    assert "queue 'later' does not exist yet" in moved.err
    assert sorted(queue(direct, "later")) == sorted([first, second, odd])
    direct("LREM", "resque:queue:later", 1, second)
    ran = qtop("undo", "--json").objects[0]
    assert (ran["done"], ran["lost"]) == (2, 1)
    assert queue(direct) == [first, odd]
    assert direct("SMEMBERS", "resque:queues") == [b"mail"]
    again = qtop("undo", ran["operation"])
    assert again.status == 1
    assert "already undone" in again.err


@pytest.mark.parametrize(
    "words",
    [
        ("requeue", "--from", "queue:mail"),
        ("requeue", "--from", "nowhere"),
        ("requeue", "--from", "queue:"),
        ("requeue",),
        ("move", *FAILED),
        ("move", "--from", "queue:mail", "--to", "mail"),
        ("edit", *FAILED),
        ("edit", *FAILED, "--payload", "[1]"),
        ("edit", *FAILED, "--payload", '{"class":"A"}'),
        ("edit", *FAILED, "--payload", '{"args":[]}'),
        ("edit", *FAILED, "--payload", '{"class":"A","args":[]}', "--class", "B"),
        ("edit", *FAILED, "--args", "[1"),
        ("edit", *FAILED, "--args", "{}"),
        ("delete", *FAILED, "--filter", "class:"),
        ("delete", *FAILED, "--filter", "/(a+)+/"),
    ],
)
def test_wrong_usage_is_status_2_and_touches_nothing(
    qtop: Qtop, direct: Direct, fail: Push, words: tuple[str, ...]
) -> None:
    fail("Mail", 1)
    before = everything(direct)
    ran = qtop(*words)
    assert (ran.status, ran.out) == (2, "")
    assert everything(direct) == before


def test_an_action_too_large_to_undo_says_so_beforehand(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    for number in range(12):
        fail("Huge", number, error="x" * 6_000_000)
    ran = qtop("delete", *FAILED, "--yes", QTOP_UNDO_MIB="64")
    assert ran.out == f"{texts.outcome('deleted', 12)}\n"
    assert "would keep 68.7 MiB, the limit is 64 MiB" in ran.err
    assert texts.CANNOT_BE_UNDONE in ran.err
    assert "qtop undo" not in ran.err
    assert qtop("undo").status == 1
    assert [key for key in direct("KEYS", "*") if key.endswith(b":items")] == []


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OutcomeUnknown("no answer"), "the last step may have happened"),
        (Unreachable("gone"), "stopped half-way\n"),
    ],
)
def test_an_action_that_stops_half_way_reports_numbers_error_and_undo(
    capsys: pytest.CaptureFixture[str], problem: StoreError, words: str
) -> None:
    trail = ActionRecord(Actor("ada@host", "qtop"), "requeue", "failed", b"resque:failed", 9)
    outcome = acted("requeued", Result(5, 1, stopped=problem), trail)
    with pytest.raises(type(problem)):
        report("requeue", "requeued", outcome, as_json=False)
    said = capsys.readouterr()
    assert said.out == f"{texts.outcome('requeued', 5, gone=1)}\n"
    assert f"qtop undo {trail.id}" in said.err
    assert words in said.err


def test_an_action_without_matches_is_status_1(qtop: Qtop, direct: Direct, fail: Push) -> None:
    empty = qtop("delete", *FAILED)
    assert (empty.status, empty.err) == (1, "failed is empty\n")
    fail("Mail")
    assert qtop("delete", *FAILED, "--filter", "class:Other").status == 1
    assert qtop("move", "--from", "queue:none", "--to", "a").status == 1


def test_jobs_that_kill_their_process_are_spared_among_several_unless_included(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    deadly = fail("Deadly", 1, exception="Resque::DirtyExit")
    fail("Deadly", 2, exception="Resque::DirtyExit")
    fail("Mail", 1)
    sha = hashlib.sha1(b'mail {"class":"Deadly","args":[1]}', usedforsecurity=False).hexdigest()
    direct("SET", f"resque:qtop:lost:{sha}", 2)
    dry = qtop("requeue", "--from", "failed", "--dry-run", "--json")
    assert (dry.objects[0]["would"], dry.objects[0]["spared"]) == (2, 1)
    ran = qtop("requeue", "--from", "failed", "--yes")
    assert ran.out == f"{texts.outcome('requeued', 2)}\n"
    assert "skipped 1 that killed their process repeatedly" in ran.err
    assert direct("LRANGE", "resque:failed", 0, -1) == [deadly]
    assert qtop("requeue", "--from", "failed").status == 0, "a single one is meant"
    assert qtop("undo").status == 0
    fail("Mail", 2)
    assert (
        texts.done("requeued", 2) in qtop("requeue", "--from", "failed", "--yes", "--poisoned").out
    )


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"QTOP_UNDO_MIB": "0"}, "the limit is 0 MiB (undo_mib, QTOP_UNDO_MIB)"),
        ({"QTOP_UNDO_HOURS": "0"}, "undo is off"),
    ],
)
@pytest.mark.parametrize("words", [("requeue", "--from", "failed"), ("clear", "failed")])
def test_a_dry_run_says_that_there_will_be_no_undo(
    qtop: Qtop, fail: Push, words: tuple[str, ...], limits: dict[str, str], why: str
) -> None:
    fail("Mail", 1)
    ran = qtop(*words, "--dry-run", **limits)
    assert ran.status == 0
    assert why in ran.err
    assert texts.CANNOT_BE_UNDONE in ran.err
    assert qtop(*words, "--dry-run").err == ""


@pytest.mark.parametrize(
    ("stopped", "reported"), [(StoreError("NOPERM"), False), (OutcomeUnknown("cut off"), True)]
)
def test_an_action_refused_before_any_change_has_no_undo(
    stopped: StoreError, reported: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = ActionRecord(Actor("me", "qtop"), "delete", "1 job", b"k", 1)
    with pytest.raises(StoreError):
        report("delete", "deleted", acted("deleted", Result(stopped=stopped), trail), as_json=True)
    assert (trail.id in capsys.readouterr().out) is reported
