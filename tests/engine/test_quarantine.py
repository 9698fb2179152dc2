"""Quarantine: jobs are moved where no worker takes them, exactly, and come back exactly."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.direct import Direct

from queuecore.action_record import ActionRecord, Actor
from queuecore.exchange import Steps
from queuecore.stores import Store
from resque.codec import encode
from resque.keys import Keys
from resque.store import quarantine, undo

pytestmark = pytest.mark.redis

KEYS = Keys("resque")
POISON = b'{"class":"ExportCsv","args":[4711, 1.50]}'
OTHER = b'{"class":"ExportCsv","args":[4712]}'
APART = "resque:qtop:quarantine:csv"


def failure(payload: bytes, queue: str = "csv") -> bytes:
    head = encode({"failed_at": "2026/11/23 12:00:00 UTC", "queue": queue})[:-1]
    return b'%s,"payload":%s,"exception":"Resque::DirtyExit"}' % (head, payload)


def record(source: bytes) -> ActionRecord:
    return ActionRecord(Actor("ann@desk", "qtop"), "quarantine", "1 job", source, 1, "csv")


def run(store: Store, steps: Steps[Any]) -> Any:
    return store.run(steps)


def fill(direct: Direct) -> None:
    direct("SADD", "resque:queues", "csv")
    direct("RPUSH", "resque:queue:csv", OTHER, POISON, OTHER, POISON)
    direct("RPUSH", "resque:failed", failure(POISON), failure(OTHER), failure(POISON, "mail"))
    direct("RPUSH", "resque:failed", failure(POISON), b"no json " + POISON)


def everything(direct: Direct) -> dict[str, Any]:
    lists = ("resque:queue:csv", "resque:failed", APART)
    return {
        **{key: direct("LRANGE", key, 0, -1) for key in lists},
        "queues": set(direct("SMEMBERS", "resque:queues")),
    }


def test_only_the_same_payload_of_the_same_queue_is_moved_byte_for_byte(
    store: Store, direct: Direct
) -> None:
    fill(direct)
    found = run(store, quarantine.find(KEYS, "csv", POISON))
    assert (len(found.failed), len(found.waiting)) == (2, 2)
    assert run(store, quarantine.take_waiting(KEYS, found, None)).done == 2
    assert run(store, quarantine.take_failed(KEYS, found, None)).done == 2
    after = everything(direct)
    assert after["resque:queue:csv"] == [OTHER, OTHER]
    assert after["resque:failed"] == [failure(OTHER), failure(POISON, "mail"), b"no json " + POISON]
    assert after[APART] == [POISON] * 4
    assert after["queues"] == {b"csv"}
    assert run(store, quarantine.names(KEYS)) == [("csv", 4)]


def test_what_was_taken_meanwhile_is_gone_and_nothing_else_is_touched(
    store: Store, direct: Direct
) -> None:
    fill(direct)
    found = run(store, quarantine.find(KEYS, "csv", POISON))
    direct("LREM", "resque:queue:csv", 1, POISON)
    result = run(store, quarantine.take_waiting(KEYS, found, None))
    assert (result.done, result.gone) == (1, 1)
    assert direct("LRANGE", APART, 0, -1) == [POISON]


def test_an_undo_restores_every_list_and_the_set_of_queues(store: Store, direct: Direct) -> None:
    fill(direct)
    before = everything(direct)
    found = run(store, quarantine.find(KEYS, "csv", POISON))
    records = record(KEYS.queue("csv")), record(KEYS.failed())
    run(store, quarantine.take_waiting(KEYS, found, records[0]))
    run(store, quarantine.take_failed(KEYS, found, records[1]))
    for each in reversed(records):
        undone = run(store, undo.undo(KEYS, each.id, None))
        assert (undone.done, undone.lost) == (2, 0)
    assert everything(direct) == before
    assert run(store, quarantine.names(KEYS)) == []


def test_an_undo_leaves_the_name_of_a_queue_that_is_empty_by_then(
    store: Store, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "csv")
    direct("RPUSH", "resque:failed", failure(POISON))
    taken = record(KEYS.failed())
    found = run(store, quarantine.find(KEYS, "csv", POISON))
    run(store, quarantine.take_failed(KEYS, found, taken))
    run(store, undo.undo(KEYS, taken.id, None))
    assert direct("SMEMBERS", "resque:queues") == [b"csv"]
    assert direct("LRANGE", "resque:failed", 0, -1) == [failure(POISON)]
