"""Requeueing, deleting and editing failures: one, many, all that match; with both back ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import (
    FAILED,
    KEYS,
    StepByStep,
    entry,
    fill,
    newest_failures,
    trail,
    waiting,
)

from queuecore import audit
from queuecore.bulk import JobRef, Result
from queuecore.stores import Store
from resque.codec import decode
from resque.store import failures
from resque.store.failures import Failure
from resque.store.undo import Undone, undo

NOW = datetime(2026, 11, 23, 12, 19, 21, tzinfo=UTC)
STAMP = b',"retried_at":"2026/11/23 12:19:21 UTC"}'

#: Payloads that no decoding and encoding would give back.
DELICATE = [
    b'{"class":"A","args":[1180591620717411303424,1.50,1e3,-0]}',
    b'{"class":"B","args":[1],"class":"A","args":[NaN]}',
    b'{"class":"A","args":["\xff\xc3"]}',
    b'{ "id" : 7,\n\t"args" : [ "\\u00e9\\/" ] , "class" : "A" }',
    b'{"class":"A","args":["' + b"x" * 100_000 + b'"]}',
]

#: A list of failures for all queues, and one for each.
LISTS = ["failed", "mail_failed"]


def everything(store: Store, list_name: str = "failed") -> list[JobRef]:
    return store.run(list_actions.select(KEYS, lambda _: True, list_name))


@pytest.mark.parametrize("list_name", LISTS)
@pytest.mark.parametrize("queue", [None, "other", "caf\udce9 *"])
def test_payloads_go_back_byte_for_byte(
    store: Store, direct: Direct, list_name: str, queue: str | None
) -> None:
    key = f"resque:{list_name}"
    fill(direct, [entry(n, payload) for n, payload in enumerate(DELICATE)], key)
    chosen = everything(store, list_name)
    mine = trail("requeue", key.encode())
    done = list_actions.requeue(KEYS, chosen, mine, list_name=list_name, queue=queue)
    assert store.run(done) == Result(done=len(DELICATE))
    target = KEYS.queue(queue or "q")
    assert waiting(direct, target) == DELICATE
    assert direct("SMEMBERS", "resque:queues") == [target.removeprefix(b"resque:queue:")]
    assert direct("EXISTS", key) == 0
    assert store.run(undo(KEYS, mine.id)) == Undone(done=len(DELICATE))
    assert waiting(direct, key) == [entry(n, payload) for n, payload in enumerate(DELICATE)]


@pytest.mark.parametrize("list_name", LISTS)
def test_only_what_matches_is_deleted(store: Store, direct: Direct, list_name: str) -> None:
    key = f"resque:{list_name}"
    entries = [entry(n, queue=("mail", "video")[n % 2]) for n in range(2400)]
    fill(direct, entries, key)
    chosen = store.run(list_actions.select(KEYS, lambda f: f.queue == "mail", list_name))
    assert [mark.place for mark in chosen] == list(range(2398, -1, -2))
    done = store.run(list_actions.delete_failures(KEYS, chosen, list_name=list_name))
    assert done == Result(done=1200)
    assert waiting(direct, key) == entries[1::2]


def test_failures_that_come_during_a_retry_of_all_stay(store: Store, direct: Direct) -> None:
    fill(direct, [entry(n) for n in range(500)], FAILED)
    hand = StepByStep(store, list_actions.requeue(KEYS, everything(store)))
    new: list[bytes] = []

    def fail_once_more() -> None:
        new.append(entry(f"new {len(new)}"))
        direct("RPUSH", FAILED, new[-1])

    assert hand.finish(fail_once_more) == Result(done=500)
    assert waiting(direct, FAILED) == new
    assert direct("LLEN", "resque:queue:q") == 500


REFUSED = {
    b'{"payload":{"class":"A","args":[]}}': "the entry names no queue",
    b'{"queue":"","payload":{"class":"A"}}': "the entry names no queue",
    b'{"queue":["q"],"payload":{"class":"A"}}': "the entry names no queue",
    b'{"queue":"q"}': "the entry holds no job with a class",
    b'{"queue":"q","payload":null}': "the entry holds no job with a class",
    b'{"queue":"q","payload":[1]}': "the entry holds no job with a class",
    b'{"queue":"q","payload":{"class":""}}': "the entry holds no job with a class",
    b'{"queue":"q","payload":{"class":7}}': "the entry holds no job with a class",
    b'{"queue":"\\ud800","payload":{"class":"A"}}': "the entry's queue has a name that is no text",
}
UNREADABLE = [
    b"",
    b"not json",
    b"[1]",
    b"null",
    b'{"queue":"q","payload":{"class":"A"}} and more',
    b'{"queue":"q","payload":' + b"[" * 100_000,
]


def test_what_cannot_be_a_job_is_refused_with_the_reason_and_stays(
    store: Store, direct: Direct
) -> None:
    entries = [entry("fine"), *REFUSED, *UNREADABLE, entry("fine, too")]
    fill(direct, entries, FAILED)
    result = store.run(list_actions.requeue(KEYS, everything(store)))
    assert (result.done, result.gone) == (2, 0)
    reasons = dict(result.refused)
    for reason in set(REFUSED.values()):
        assert reasons.pop(reason) == list(REFUSED.values()).count(reason)
    assert all(reason.startswith("the entry cannot be read: ") for reason in reasons)
    assert sum(reasons.values()) == len(UNREADABLE)
    assert waiting(direct, FAILED) == entries[1:-1]
    assert direct("KEYS", "resque:queue:*") == [b"resque:queue:q"]


def test_to_another_queue_goes_also_what_names_none(store: Store, direct: Direct) -> None:
    fill(direct, list(REFUSED), FAILED)
    result = store.run(list_actions.requeue(KEYS, everything(store), queue="other"))
    holds_job = [raw for raw, reason in REFUSED.items() if "holds no job" not in reason]
    assert (result.done, dict(result.refused)) == (
        len(holds_job),
        {"the entry holds no job with a class": len(REFUSED) - len(holds_job)},
    )
    assert waiting(direct, FAILED) == [raw for raw in REFUSED if raw not in holds_job]
    assert direct("LLEN", "resque:queue:other") == len(holds_job)


@pytest.mark.parametrize("raw", [*REFUSED, *UNREADABLE[:-1]])
def test_keeping_refuses_the_same(store: Store, direct: Direct, raw: bytes) -> None:
    fill(direct, [raw], FAILED)
    [failure] = newest_failures(store)
    assert isinstance(failures.requeue_and_keep(KEYS, failure, NOW), str)


def test_the_unreadable_can_be_deleted(store: Store, direct: Direct) -> None:
    fill(direct, [*UNREADABLE, entry("stays")], FAILED)
    chosen = store.run(list_actions.select(KEYS, lambda failure: failure.problem is not None))
    assert store.run(list_actions.delete_failures(KEYS, chosen)) == Result(done=len(UNREADABLE))
    assert waiting(direct, FAILED) == [entry("stays")]


def test_an_edited_job_takes_the_place_of_the_entry(store: Store, direct: Direct) -> None:
    fill(direct, [entry(n) for n in range(3)], FAILED)
    chosen = everything(store)[1]
    mine = trail("edit", KEYS.failed())
    edited = b'{"class":"A","args":["better"]}'
    done = list_actions.edit_and_requeue(KEYS, chosen, "r", edited, mine)
    assert store.run(done) == Result(done=1)
    assert waiting(direct, FAILED) == [entry(0), entry(2)]
    assert waiting(direct, "resque:queue:r") == [edited]
    again = list_actions.edit_and_requeue(KEYS, chosen, "r", edited)
    assert store.run(again) == Result(gone=1)
    assert waiting(direct, "resque:queue:r") == [edited]


def test_clearing_the_retried_leaves_the_others_and_says_how_many(
    store: Store, direct: Direct
) -> None:
    entries = [entry(n) for n in range(1500)]
    for place in range(0, 1500, 3):
        entries[place] = entries[place][:-1] + STAMP
    fill(direct, entries, FAILED)
    mine = trail("delete", KEYS.failed())
    assert store.run(failures.clear_retried(KEYS, mine)) == Result(done=500)
    assert waiting(direct, FAILED) == [e for n, e in enumerate(entries) if n % 3]
    [audit_entry] = store.run(audit.newest(KEYS, 5))
    assert (audit_entry.planned, audit_entry.done) == (500, 500)
    assert store.run(undo(KEYS, mine.id)) == Undone(done=500)
    assert waiting(direct, FAILED) == entries


def test_nothing_retried_is_nothing_cleared_and_no_record(store: Store, direct: Direct) -> None:
    fill(direct, [entry(1)], FAILED)
    assert store.run(failures.clear_retried(KEYS, trail("delete"))) == Result()
    assert direct("EXISTS", KEYS.audit()) == 0


RETRIED = {
    "never": entry(1),
    "once": entry(1)[:-1] + b',"retried_at":"2020/01/01 00:00:00 UTC"}',
    "by php, and then something else": b'{"retried_at":"x","queue":"q","payload":{"class":"A"}}',
    "with blanks": entry(1)[:-1] + b' , "retried_at" : "2020/01/01" } \n',
    "inside of the payload": entry(1, b'{"class":"A","args":[{"a":1,"retried_at":"x"}]}'),
    "in the message": entry('x,\\"retried_at\\":\\"2020'),
    "to null": entry(1)[:-1] + b',"retried_at":null}',
    "at the end of an object of its own": entry(1)[:-1] + b',"x":{"k":1,"retried_at":"v"}}',
}


@pytest.mark.parametrize("raw", RETRIED.values(), ids=RETRIED)
def test_a_stamp_changes_nothing_but_the_time_of_the_retry(
    store: Store, direct: Direct, raw: bytes
) -> None:
    fill(direct, [entry("other"), raw], FAILED)
    failure = newest_failures(store)[0]
    keeping = failures.requeue_and_keep(KEYS, failure, NOW)
    assert not isinstance(keeping, str)
    assert store.run(keeping)
    other, stamped = waiting(direct, FAILED)
    assert other == entry("other")
    assert stamped.endswith(STAMP)
    expected = decode(raw) | {"retried_at": "2026/11/23 12:19:21 UTC"}
    assert decode(stamped) == expected
    again: Failure = newest_failures(store)[0]
    assert again.retried_at == "2026/11/23 12:19:21 UTC"
    assert direct("LLEN", "resque:queue:q") == 1
