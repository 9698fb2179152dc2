"""clear, pause, resume, undo, prune and enqueue."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests import words as texts
from tests.support.commands import Push, Qtop, everything, resque_keys
from tests.support.direct import Direct

Terminal = Callable[..., tuple[int, str]]


def test_undo_restores_a_cleared_queue_with_its_bytes_in_order(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    for number in range(50):
        push("Mail", number, "\udcff")
    before = resque_keys(direct)
    refused = qtop("clear", "queue:mail")
    assert (refused.status, refused.out) == (1, "")
    assert "--yes" in refused.err
    assert resque_keys(direct) == before
    ran = qtop("clear", "queue:mail", "--yes")
    assert ran.out == f"{texts.outcome('deleted', 50)}\n"
    assert direct("EXISTS", "resque:queue:mail") == 0
    assert direct("SISMEMBER", "resque:queues", "mail") == 1
    push("Newcomer")
    assert qtop("undo").status == 0
    direct("RPOP", "resque:queue:mail")
    assert resque_keys(direct) == before


def test_undo_restores_a_removed_queue_with_its_registration(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail", 1)
    before = resque_keys(direct)
    assert qtop("clear", "queue:mail", "--remove", "--yes", "--json").objects[0]["done"] == 1
    assert resque_keys(direct) == {}
    assert qtop("undo").status == 0
    assert resque_keys(direct) == before


def test_an_empty_queue_is_removed_only_on_request(qtop: Qtop, direct: Direct) -> None:
    direct("SADD", "resque:queues", "old")
    assert qtop("clear", "queue:old", "--yes").status == 1
    assert direct("SCARD", "resque:queues") == 1
    assert qtop("clear", "queue:old", "--yes", "--remove").status == 0
    assert direct("SCARD", "resque:queues") == 0
    assert qtop("clear", "queue:old", "--yes", "--remove").status == 1


def test_failures_and_items_set_aside_can_be_cleared(
    qtop: Qtop, direct: Direct, fail: Push
) -> None:
    fail("Mail", 1)
    direct("RPUSH", "resque:unreadable:mail", "a", "b")
    assert qtop("clear", "unreadable:mail", "--yes").out.startswith("deleted 2\n")
    assert qtop("clear", "failed", "--yes").out.startswith("deleted 1\n")
    assert resque_keys(direct) == {}
    assert qtop("clear", "failed", "--yes").status == 1
    assert qtop("clear", "failed", "--remove").status == 2


def test_on_a_terminal_the_name_must_be_typed(
    direct: Direct, push: Push, on_terminal: Terminal
) -> None:
    push("Mail", 1)
    push("Mail", 1, queue="q\x1b[2J")
    status, shown = on_terminal("clear", "queue:mail", typed="yes\n")
    assert status == 1
    assert texts.type_to_go_on("mail") in shown
    assert direct("LLEN", "resque:queue:mail") == 1
    assert on_terminal("clear", "queue:mail", typed="mail\n")[0] == 0
    assert direct("LLEN", "resque:queue:mail") == 0
    # A name that cannot be typed.
    status, shown = on_terminal("clear", "queue:q\x1b[2J", typed="clear\n")
    assert status == 0
    assert "\x1b[2J" not in shown


def test_queues_are_paused_and_resumed_all_at_once(qtop: Qtop, direct: Direct, push: Push) -> None:
    push("Mail")
    before = resque_keys(direct)
    ran = qtop("pause", "mail", "a:b *")
    assert (ran.status, ran.out) == (0, "paused mail, a:b *: 2 queues\n")
    assert "queue 'a:b *' does not exist yet" in ran.err
    assert direct("GET", "resque:pause:queue:mail") == b"true"
    again = qtop("pause", "mail")
    assert (again.status, again.out) == (1, "")
    assert qtop("undo").out.startswith("undone 2 of 2: pause")
    assert resque_keys(direct) == before
    assert qtop("resume", "mail").status == 1


def test_everything_is_paused_as_ruby_does_and_resumed(qtop: Qtop, direct: Direct) -> None:
    assert qtop("pause", "--all", "--json").objects[0]["done"] == 1
    assert direct("GET", "resque:pause-all-workers") == b"true"
    direct("SET", "resque:pause:all", "true")
    assert qtop("resume", "--all").out == f"{texts.resumed('everything')}\n"
    assert resque_keys(direct) == {}
    assert qtop("undo").status == 0
    assert set(resque_keys(direct)) == {b"resque:pause-all-workers", b"resque:pause:all"}


@pytest.mark.parametrize(
    "words", [("pause",), ("pause", "mail", "--all"), ("resume", ""), ("pause", "")]
)
def test_pausing_nothing_or_too_much_is_wrong_usage(qtop: Qtop, words: tuple[str, ...]) -> None:
    assert qtop(*words).status == 2


def test_undo_without_an_id_takes_the_last_action_of_the_same_operator(
    qtop: Qtop, direct: Direct, push: Push
) -> None:
    push("Mail", 1)
    assert qtop("undo").status == 1
    mine = qtop("delete", "--from", "queue:mail", "--json").objects[0]["undo"]
    qtop("pause", "mail")
    # Another operator did something later.
    fields = {"id": "0123456789abcdef", "who": "eve@elsewhere", "action": "delete"}
    direct("XADD", "resque:qtop:audit", "*", *(word for pair in fields.items() for word in pair))
    direct("RPUSH", "resque:qtop:undo:0123456789abcdef:items", "x")
    direct("EXPIRE", "resque:qtop:undo:0123456789abcdef:items", 1000)
    assert qtop("undo").out == f"{texts.undone(1, 'pause mail')}\n"
    assert qtop("undo", mine).out.startswith("undone: delete queue:mail")
    assert direct("LLEN", "resque:queue:mail") == 1
    audit = qtop("audit", "--json").objects
    assert [entry["action"] for entry in audit[:2]] == ["undo", "undo"]
    unknown = qtop("undo", "no such id\x1b[2J")
    assert unknown.status == 1
    assert "\x1b" not in unknown.err


def test_dead_workers_are_pruned_and_their_jobs_become_failures(qtop: Qtop, direct: Direct) -> None:
    for name, beat in (("web-1:7:mail", "2020-01-01T00:00:00+00:00"), ("web-2:8:mail", None)):
        direct("SADD", "resque:workers", name)
        if beat:
            direct("HSET", "resque:workers:heartbeat", name, beat)
    record = '{"queue":"mail","run_at":"2020-01-01T00:00:00Z","payload":{"class":"A","args":[]}}'
    direct("SET", "resque:worker:web-1:7:mail", record)
    ran = qtop("prune", "--yes")
    assert (ran.status, ran.out) == (0, texts.pruned_holding("web-1:7:mail"))
    assert direct("SMEMBERS", "resque:workers") == [b"web-2:8:mail"]
    entry = json.loads(direct("LINDEX", "resque:failed", 0))
    assert entry["exception"] == "Resque::PruneDeadWorkerDirtyExit"
    assert qtop("audit", "--json").objects[0]["action"] == "prune"
    assert qtop("prune").status == 1


def test_nothing_is_pruned_while_another_process_prunes(qtop: Qtop, direct: Direct) -> None:
    direct("SADD", "resque:workers", "web-1:7:mail")
    direct("HSET", "resque:workers:heartbeat", "web-1:7:mail", "2020-01-01T00:00:00+00:00")
    direct("SET", "resque:pruning_dead_workers_in_progress", "other", "EX", 60)
    before = everything(direct)
    ran = qtop("prune", "--yes")
    assert ran.status == 1
    assert "another prune is running" in ran.err
    assert everything(direct).keys() == before.keys()


def test_a_job_is_enqueued_as_ruby_writes_it(qtop: Qtop, direct: Direct) -> None:
    ran = qtop("enqueue", "Mail", "42", '{"a":1.0}', "no json", '"42"', "--queue", "mail")
    assert (ran.status, ran.out) == (0, "enqueued Mail on mail: 1 waiting\n")
    assert direct("LRANGE", "resque:queue:mail", 0, -1) == [
        b'{"class":"Mail","args":[42,{"a":1.0},"no json","42"]}'
    ]


def test_a_job_is_delayed_by_a_readable_time(qtop: Qtop, direct: Direct) -> None:
    assert qtop("enqueue", "A", "--queue", "mail", "--at", "2096-10-02T07:06:40Z").status == 0
    assert qtop("enqueue", "A", "--queue", "mail", "--at", "4000000000").status == 0
    assert direct("ZRANGE", "resque:delayed_queue_schedule", 0, -1) == [b"4000000000"]
    assert (
        direct("LRANGE", "resque:delayed:4000000000", 0, -1)
        == [b'{"class":"A","args":[],"queue":"mail"}'] * 2
    )
    local = qtop("enqueue", "A", "--queue", "mail", "--at", "2096-10-02 07:06:40", TZ="Asia/Tokyo")
    assert local.status == 0
    assert direct("LLEN", "resque:delayed:3999967600") == 1
    assert qtop("enqueue", "B", "--queue", "mail", "--in", "1h30m").status == 0
    assert direct("ZCARD", "resque:delayed_queue_schedule") == 3
    past = qtop("enqueue", "C", "--queue", "mail", "--at", "2001-01-01")
    assert past.out.startswith("enqueued C on mail")


@pytest.mark.parametrize(
    "words",
    [
        ("A",),
        ("A", "--queue", ""),
        ("", "--queue", "mail"),
        ("A", "NaN", "--queue", "mail"),
        ("A", "1e999", "--queue", "mail"),
        ("A", "caf\udce9", "--queue", "mail"),
        ("A", "--queue", "caf\udce9", "--in", "1m"),
        ("A", "--queue", "mail", "--in", "soon"),
        ("A", "--queue", "mail", "--at", "25:00"),
        ("A", "--queue", "mail", "--in", "1m", "--at", "4000000000"),
    ],
)
def test_an_impossible_job_is_wrong_usage(
    qtop: Qtop, direct: Direct, words: tuple[str, ...]
) -> None:
    ran = qtop("enqueue", *words)
    assert ran.status == 2
    assert direct("DBSIZE") == 0


def enqueued(direct: Direct) -> object:
    return json.loads(direct("RPOP", "resque:queue:mail"))


def test_a_negative_number_is_an_argument(qtop: Qtop, direct: Direct) -> None:
    assert qtop("enqueue", "Refund", "-5", "--queue", "mail", "-1.5").status == 0
    assert enqueued(direct) == {"class": "Refund", "args": [-5, -1.5]}
    assert qtop("enqueue", "Refund", "--queue", "mail", "--", "-5", "-x", "--y").status == 0
    assert enqueued(direct) == {"class": "Refund", "args": [-5, "-x", "--y"]}


@pytest.mark.parametrize("word", ["-x", "--quue", "--evil=1"])
def test_a_misspelt_option_is_no_argument(qtop: Qtop, direct: Direct, word: str) -> None:
    ran = qtop("enqueue", "Refund", word, "--queue", "mail")
    assert ran.status == 2
    assert "put a text that begins with - after --" in ran.err
    assert direct("EXISTS", "resque:queue:mail") == 0


@pytest.mark.parametrize("name", ["", "--evil=1", "new\nline, x:y", " *"])
def test_commands_take_every_name_that_a_queue_can_have(
    qtop: Qtop, direct: Direct, push: Push, name: str
) -> None:
    raw = push("Mail", queue=name)
    assert qtop("pause", "--", name).status == 0
    assert direct("EXISTS", f"resque:pause:queue:{name}") == 1
    assert qtop("resume", "--", name).status == 0
    assert qtop("move", "--from", f"queue:{name}", "--to", "other", "--yes").status == 0
    assert direct("LPOP", "resque:queue:other") == raw
    push("Mail", queue=name)
    direct("SREM", "resque:queues", name)
    assert qtop("register", "--", name).status == 0
    assert qtop("clear", f"queue:{name}", "--remove", "--yes").status == 0
    assert direct("SISMEMBER", "resque:queues", name) == 0
