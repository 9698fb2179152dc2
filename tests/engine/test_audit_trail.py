"""What operators did is on record: each action once, the newest first, names to the byte."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import (
    KEY,
    KEYS,
    ME,
    QUEUE,
    StepByStep,
    fill,
    marks,
    numbered,
    trail,
    waiting,
)

from queuecore import audit, times
from queuecore.action_record import AUDIT_ENTRIES, ActionRecord, Actor
from queuecore.audit import AuditEntry
from queuecore.keys import name_text
from queuecore.stores import Store
from queuecore.values import replace
from resque.store import pauses, pruning, queues, registration, stale
from resque.store.undo import Undone, undo


def audit_entries(store: Store, limit: int = 100) -> list[AuditEntry]:
    return store.run(audit.newest(KEYS, limit))


def test_an_action_is_on_record_with_all_that_is_known_of_it(store: Store, direct: Direct) -> None:
    items = numbered(5)
    fill(direct, items)
    mine = ActionRecord(ME, "delete", "3 jobs of mail", KEY, 3, queue="q", undo_s=500)
    store.run(list_actions.delete(KEYS, "q", marks([*items, b"gone"], [1, 2, 5]), mine))
    [audit_entry] = audit_entries(store)
    [[moment, _]] = direct("XRANGE", KEYS.audit(), "-", "+")
    assert audit_entry.at == datetime.fromtimestamp(int(moment.partition(b"-")[0]) / 1000, UTC)
    assert audit_entry == AuditEntry(
        id=mine.id,
        at=audit_entry.at,
        actor=ME,
        action="delete",
        subject="3 jobs of mail",
        queue="q",
        source=KEY,
        planned=3,
        done=2,
        undone=0,
        undo_left_s=audit_entry.undo_left_s,
    )
    assert 0 < (audit_entry.undo_left_s or 0) <= 500


def test_an_action_on_the_jobs_of_processes_names_these(store: Store, direct: Direct) -> None:
    names = ("web1:22:0123", "two\nlines", "\udcff")
    store.run(audit.note(KEYS, replace(trail("rescue"), processes=names), 1))
    assert audit_entries(store)[0].processes == names
    fields = ("id", "a", "action", "rescue", "processes")
    for junk in ("{", "[1]", '"x"', "[" * 100_000):
        direct("XADD", KEYS.audit(), "*", *fields, junk)
        assert audit_entries(store)[0].processes == ()


def test_an_action_of_many_scripts_is_one_entry_that_counts_them_all(
    store: Store, direct: Direct
) -> None:
    items = numbered(900)
    fill(direct, items)
    mine = trail("delete")
    hand = StepByStep(store, list_actions.delete(KEYS, "q", marks(items, range(900)), mine))
    seen: list[int | None] = []
    while hand.step():
        seen += [audit_entry.done for audit_entry in audit_entries(store)]
    assert list(dict.fromkeys(seen)) == [200, 400, 600, 800]
    [audit_entry] = audit_entries(store)
    assert (audit_entry.done, audit_entry.undone) == (900, 0)

    store.run(undo(KEYS, mine.id))
    [audit_entry] = audit_entries(store)
    assert (audit_entry.done, audit_entry.undone, audit_entry.undo_left_s) == (900, 900, None)


def test_an_undo_counts_what_came_back_not_what_was_lost(store: Store, direct: Direct) -> None:
    items = numbered(4)
    fill(direct, items)
    mine = trail("move")
    store.run(queues.move(KEYS, "q", marks(items, range(4)), "r", mine))
    direct("LPOP", "resque:queue:r")
    store.run(undo(KEYS, mine.id))
    [audit_entry] = audit_entries(store)
    assert (audit_entry.done, audit_entry.undone, audit_entry.undo_left_s) == (4, 3, None)


def test_the_newest_comes_first_and_no_more_than_asked_for(store: Store, direct: Direct) -> None:
    for number in range(12):
        who = Actor(f"user{number}@host", "console")
        store.run(pauses.pause(KEYS, [f"q{number}"], trail("pause", who=who)))
    assert [audit_entry.actor.who for audit_entry in audit_entries(store, 3)] == [
        f"user{n}@host" for n in (11, 10, 9)
    ]
    assert len(audit_entries(store)) == 12


def test_an_empty_record_is_empty(store: Store, direct: Direct) -> None:
    assert audit_entries(store) == []


def test_old_entries_make_way(store: Store, direct: Direct) -> None:
    for number in range(0, AUDIT_ENTRIES + 500, 2):
        store.run(registration.register(KEYS, "q", trail(f"act {number}", undo_s=0)))
        store.run(registration.forget(KEYS, "q", trail(f"act {number + 1}", undo_s=0)))
    kept = direct("XLEN", KEYS.audit())
    assert AUDIT_ENTRIES <= kept <= AUDIT_ENTRIES + 200
    assert audit_entries(store, 1)[0].action == f"act {AUDIT_ENTRIES + 499}"


NAMES = {
    "colours and bells": b"\x1b[31m\x07\x1b]0;t\x1b\\",
    "lines": b"a\r\nb\0c",
    "no UTF-8": b"\xff\xfe\x80",
    "right to left": "\u202eabc".encode(),
    "a field's name": b"undo_s",
    "emptiness": b"",
    "markup": b"[/x][bold]",
}


@pytest.mark.parametrize("raw", NAMES.values(), ids=NAMES)
def test_hostile_names_survive_to_the_byte(store: Store, direct: Direct, raw: bytes) -> None:
    name = name_text(raw)
    key = KEYS.queue(name)
    mine = ActionRecord(Actor(name, name), "delete", name, key, 1, queue=name)
    direct("RPUSH", key, "x")
    assert store.run(list_actions.delete(KEYS, name, marks([b"x"], [0]), mine)).done == 1
    [audit_entry] = audit_entries(store)
    assert (audit_entry.actor, audit_entry.subject, audit_entry.queue) == (
        Actor(name, name),
        name,
        name,
    )
    assert audit_entry.source == KEYS.queue(name)
    assert store.run(undo(KEYS, mine.id)).done == 1
    assert waiting(direct, KEYS.queue(name)) == [b"x"]


def test_half_a_character_in_a_text_stops_no_action(store: Store, direct: Direct) -> None:
    fill(direct, [b"x"])
    half = ActionRecord(Actor("\ud800", "t"), "delete", "class \udfff\udc80", KEY, 1, queue="q")
    assert store.run(list_actions.delete(KEYS, "q", marks([b"x"], [0]), half)).done == 1
    [audit_entry] = audit_entries(store)
    assert (audit_entry.actor.who, audit_entry.subject) == (r"\ud800", r"class \udfff\udc80")


def test_entries_of_other_programs_are_read_as_far_as_they_go(store: Store, direct: Direct) -> None:
    direct("XADD", KEYS.audit(), "*", "note", "by hand")
    direct("XADD", KEYS.audit(), "*", "id", "x", "planned", "many", "undo_s", "soon")
    direct("HSET", KEYS.undo("x"), "done", "some", "undone", "few")
    second, first = audit_entries(store)
    assert (first.id, first.actor, first.planned) == ("", Actor("unknown", "unknown"), 0)
    assert (second.id, second.planned, second.done, second.undone) == ("x", 0, None, None)


def test_counts_that_have_expired_are_unknown(store: Store, direct: Direct) -> None:
    fill(direct, [b"x"])
    mine = trail("delete")
    store.run(list_actions.delete(KEYS, "q", marks([b"x"], [0]), mine))
    direct("DEL", KEYS.undo(mine.id), KEYS.undo_items(mine.id))
    [audit_entry] = audit_entries(store)
    assert (audit_entry.done, audit_entry.undone, audit_entry.undo_left_s) == (None, None, None)


def test_an_action_that_keeps_nothing_says_that_it_cannot_be_undone(
    store: Store, direct: Direct
) -> None:
    fill(direct, [b"x"])
    store.run(list_actions.delete(KEYS, "q", marks([b"x"], [0]), trail("delete", undo_s=0)))
    [audit_entry] = audit_entries(store)
    assert (audit_entry.done, audit_entry.undone, audit_entry.undo_left_s) == (1, 0, None)


def test_an_action_without_a_trail_leaves_none(store: Store, direct: Direct) -> None:
    fill(direct, numbered(3))
    store.run(list_actions.delete(KEYS, "q", marks(numbered(3), [0])))
    store.run(pauses.pause(KEYS, ["q"]))
    store.run(list_actions.clear(KEYS, "q", store.run(list_actions.extent(KEYS, "q"))))
    assert direct("KEYS", "*") == [b"resque:pause:queue:q"]
    assert waiting(direct, QUEUE) == []


def test_an_undo_is_on_record_with_what_there_was_to_take_back(
    store: Store, direct: Direct
) -> None:
    items = numbered(250)
    fill(direct, items)
    mine = trail("move")
    store.run(queues.move(KEYS, "q", marks(items, range(250)), "r", mine))
    direct("LPOP", "resque:queue:r")
    back = trail("undo")
    hand = StepByStep(store, undo(KEYS, mine.id, back))
    seen: list[int | None] = []
    while hand.step():
        seen += [
            audit_entry.done for audit_entry in audit_entries(store) if audit_entry.action == "undo"
        ]
    assert list(dict.fromkeys(seen)) == [100, 200]
    undoing, moving = audit_entries(store)
    assert (undoing.id, undoing.action, undoing.undo_left_s) == (back.id, "undo", None)
    assert (undoing.planned, undoing.done) == (250, 249)
    assert moving.undone == 249
    assert store.run(undo(KEYS, mine.id, trail("undo"))) == Undone(is_known=False)
    assert store.run(undo(KEYS, back.id, trail("undo"))) == Undone(is_known=False)
    assert len(audit_entries(store)) == 2


def test_pruned_workers_are_on_record_in_the_step_that_takes_them_off(
    store: Store, direct: Direct
) -> None:
    ids = ["h:1:q", "h:2:q"]
    for worker_id in ids:
        direct("SADD", "resque:workers", worker_id)
        direct("HSET", "resque:workers:heartbeat", worker_id, "2020-01-01T00:00:00+00:00")
    direct("SET", "resque:worker:h:2:q", '{"queue":"q","payload":{"class":"A","args":[]}}')
    mine = trail("prune", undo_s=0)
    fates = [
        store.run(pruning.take_off(KEYS, seen, times.wall_now, requeue_lost=1, action=mine))
        for seen in store.run(stale.evidence(KEYS, ids))
    ]
    assert fates == ["idle", "put back"]
    [audit_entry] = audit_entries(store)
    assert (audit_entry.action, audit_entry.done, audit_entry.undone, audit_entry.undo_left_s) == (
        "prune",
        2,
        0,
        None,
    )
    assert direct("TTL", KEYS.undo(audit_entry.id)) > 0


def test_names_put_on_and_taken_off_the_set_of_queues_are_on_record(
    store: Store, direct: Direct
) -> None:
    assert store.run(registration.register(KEYS, "q", trail("register", undo_s=0)))
    assert not store.run(registration.register(KEYS, "q", trail("register", undo_s=0)))
    fill(direct, [b"x"])
    assert not store.run(registration.forget(KEYS, "q", trail("remove", undo_s=0)))
    direct("DEL", KEY)
    assert store.run(registration.forget(KEYS, "q", trail("remove", undo_s=0)))
    assert [(audit_entry.action, audit_entry.done) for audit_entry in audit_entries(store)] == [
        ("remove", 1),
        ("register", 1),
    ]


def test_what_happened_outside_of_redis_is_on_record_and_cannot_be_undone(
    store: Store, direct: Direct
) -> None:
    mine = ActionRecord(ME, "start", "3 workers for mail on web1", KEYS.workers(), 3, undo_s=0)
    store.run(audit.note(KEYS, mine, 3))
    [audit_entry] = audit_entries(store)
    assert (audit_entry.action, audit_entry.done, audit_entry.undo_left_s) == ("start", 3, None)
    assert not store.run(undo(KEYS, mine.id)).done
    assert not direct("EXISTS", KEYS.undo_items(mine.id))


def test_of_what_was_not_done_nothing_is_on_record(store: Store, direct: Direct) -> None:
    fill(direct, numbered(1))
    mine = ActionRecord(ME, "delete", "a job of mail", KEY, 1, queue="q", undo_s=500)
    store.run(list_actions.delete(KEYS, "q", marks([b"gone"], [0]), mine))
    store.run(audit.note(KEYS, trail("start"), 0))
    assert audit_entries(store) == []
    assert not direct("EXISTS", KEYS.audit(), KEYS.undo(mine.id))
