"""Failures of any implementation are read, requeued by identity, and cleared without newer ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support import list_actions
from tests.support.direct import Direct

from queuecore.bulk import Result
from queuecore.stores import Store
from queuecore.windows import whole
from resque.codec import decode, encode_failure, members
from resque.keys import Keys
from resque.store import failures
from resque.store.failures import Failure

KEYS = Keys()
FAILED = "resque:failed"


def entry(payload: bytes = b'{"class":"A","args":[]}', queue: str = "mail", **more: str) -> bytes:
    """An entry as Ruby writes it, around exactly these bytes of a payload."""
    given = {"error": "boom"} | more
    return b'{"failed_at":"2026/11/23 12:00:00 UTC","payload":%s,"error":"%s","queue":"%s"}' % (
        payload,
        given["error"].encode(),
        queue.encode(),
    )


def seen(store: Store, *, max_bytes: int = 65_536) -> list[Failure]:
    """All failures, newest first."""
    return store.run(failures.newest(KEYS, limit=1000, max_bytes=max_bytes))[1]


def requeue(store: Store, *chosen: Failure) -> Result:
    return store.run(list_actions.requeue(KEYS, [list_actions.ref_of(each) for each in chosen]))


#: Payloads that no decoding and encoding would give back.
DELICATE = {
    "a large integer": b'{"class":"A","args":[1180591620717411303424]}',
    "trailing zeros": b'{"class":"A","args":[1.50,1e3,-0]}',
    "NaN": b'{"class":"A","args":[NaN]}',
    "duplicate keys": b'{"class":"B","args":[1],"class":"A","args":[2]}',
    "bytes that are not UTF-8": b'{"class":"A","args":["\xff\xc3"]}',
    "escapes": b'{"class":"A","args":["\\u00e9\\/\\ud83d\\ude00"]}',
    "blanks and other keys": b'{ "id" : 7,\n\t"args" : [ ] , "class" : "A" }',
}


@pytest.mark.parametrize("payload", DELICATE.values(), ids=DELICATE.keys())
@pytest.mark.parametrize("max_bytes", [65_536, 10])
def test_a_requeued_payload_keeps_its_bytes(
    store: Store, direct: Direct, payload: bytes, max_bytes: int
) -> None:
    direct("RPUSH", FAILED, entry(payload))
    [failure] = seen(store, max_bytes=max_bytes)
    assert failure.item.is_cut == (max_bytes == 10)
    assert requeue(store, failure) == Result(done=1)
    assert direct("LRANGE", "resque:queue:mail", 0, -1) == [payload]
    assert direct("SMEMBERS", "resque:queues") == [b"mail"]
    assert direct("EXISTS", FAILED) == 0


def test_a_failure_is_requeued_by_its_bytes_wherever_it_is_by_now(
    store: Store, direct: Direct
) -> None:
    mine, others = entry(error="mine"), [entry(error=f"other {n}") for n in range(5)]
    direct("RPUSH", FAILED, *others[:2], mine, *others[2:])
    for max_bytes in (65_536, 20):
        [failure] = [f for f in seen(store) if f.error == "mine"]
        if max_bytes == 20:
            failure = seen(store, max_bytes=20)[-failure.place - 1]
        direct("LPOP", FAILED)
        direct("RPUSH", FAILED, entry(error="new"), entry(error="newer"))
        assert requeue(store, failure) == Result(done=1)
        assert mine not in direct("LRANGE", FAILED, 0, -1)
        direct("LPUSH", FAILED, mine)
        direct("RPUSH", FAILED, mine)
        direct("LREM", FAILED, 1, mine)
    assert direct("LLEN", "resque:queue:mail") == 2


def test_a_second_requeue_finds_it_gone_and_pushes_nothing(store: Store, direct: Direct) -> None:
    direct("RPUSH", FAILED, entry(error="x" * 100))
    [whole_one] = seen(store)
    [cut_one] = seen(store, max_bytes=10)
    assert requeue(store, whole_one) == Result(done=1)
    for failure in (whole_one, cut_one):
        assert requeue(store, failure) == Result(gone=1)
    assert direct("LLEN", "resque:queue:mail") == 1


def test_of_identical_entries_each_requeue_takes_one(store: Store, direct: Direct) -> None:
    direct("RPUSH", FAILED, entry(), entry(error="between"), entry())
    first, _, last = seen(store)
    assert first.item == last.item
    assert requeue(store, first) == Result(done=1)
    assert direct("LLEN", FAILED) == 2
    assert requeue(store, last) == Result(done=1)
    assert requeue(store, last) == Result(gone=1)
    assert direct("LRANGE", FAILED, 0, -1) == [entry(error="between")]
    assert direct("LLEN", "resque:queue:mail") == 2


REFUSED = {
    "no queue": b'{"payload":{"class":"A","args":[]}}',
    "an empty queue": entry(queue=""),
    "no payload": b'{"queue":"mail"}',
    "a null payload": entry(b"null"),
    "a payload that is a list": entry(b"[1]"),
    "no class": entry(b'{"args":[]}'),
    "an empty class": entry(b'{"class":"","args":[]}'),
    "a class that is a number": entry(b'{"class":7}'),
    "no JSON": b"not json",
    "nothing": b"",
    "a list": b"[1]",
    "too deep": b'{"queue":"mail","payload":' + b"[" * 100_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_a_job_is_refused_and_stays(
    store: Store, direct: Direct, raw: bytes
) -> None:
    direct("RPUSH", FAILED, raw)
    [failure] = seen(store, max_bytes=10**7)
    result = requeue(store, failure)
    [(reason, count)] = result.refused
    assert reason
    assert (count, result.done, result.gone) == (1, 0, 0)
    assert direct("LRANGE", FAILED, 0, -1) == [raw]
    assert direct("KEYS", "resque:queue*") == []


def test_newest_comes_first_in_pages(store: Store, direct: Direct) -> None:
    direct("RPUSH", FAILED, *(entry(error=str(n)) for n in range(10)))
    length, page = store.run(failures.newest(KEYS, skip=2, limit=3))
    assert length == 10
    assert [failure.error for failure in page] == ["7", "6", "5"]
    assert [failure.place for failure in page] == [7, 6, 5]
    _, rest = store.run(failures.newest(KEYS, skip=8, limit=50))
    assert [failure.error for failure in rest] == ["1", "0"]
    assert store.run(failures.newest(KEYS, skip=10, limit=5)) == (10, [])


def test_a_page_of_no_length_is_empty(store: Store, direct: Direct) -> None:
    direct("RPUSH", FAILED, entry(), entry())
    assert store.run(failures.newest(KEYS, limit=0)) == (2, [])


@given(some.binary(max_size=300))
def test_reading_an_entry_raises_nothing(raw: bytes) -> None:
    failure = failures.read(whole(raw), -1)
    assert failure.item.raw == raw


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    [
        (b'{"payload":null,"backtrace":null}', "backtrace", ()),
        (b'{"backtrace":"one\\ntwo"}', "backtrace", ("one", "two")),
        (b'{"backtrace":[1,null,"x"]}', "backtrace", ("1", "None", "x")),
        (b'{"error":{"k":1}}', "error", "{'k': 1}"),
        (b'{"payload":{"class":["A"],"args":{"k":1}}}', "args", {"k": 1}),
        (b'{"failed_at":"2026/11/23 12:00:00 IST"}', "failed_at", None),
        (b'{"failed_at":1795436058}', "failed_at", datetime.fromtimestamp(1795436058, UTC)),
        (b'{"failed_at":[]}', "failed_at", None),
    ],
)
def test_odd_members_are_read_as_far_as_they_go(raw: bytes, field: str, value: object) -> None:
    failure = failures.read(whole(raw), -1)
    assert failure.problem is None
    assert getattr(failure, field) == value


@given(some.text(), some.lists(some.text(), max_size=3))
def test_an_entry_is_json_in_rubys_order_whatever_the_message(text: str, lines: list[str]) -> None:
    raw = encode_failure(
        failed_at=datetime(2026, 11, 23, tzinfo=UTC),
        payload=b'{"class":"A","args":[1.50]}',
        exception=text,
        error=text,
        backtrace=lines,
        worker="h:1:q",
        queue="q",
    )
    parts = members(raw)
    assert list(parts) == [
        *("failed_at", "payload", "exception", "error", "backtrace", "worker", "queue")
    ]
    assert parts["payload"] == b'{"class":"A","args":[1.50]}'
    assert decode(parts["error"]) == text.encode("utf-8", "replace").decode()
    raw.decode("utf-8")
