"""Workers as they stand in Redis: ids, records, and leaving the register."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support import golden
from tests.support.direct import Direct

from queuecore.stores import Store
from resque.keys import Keys
from resque.store import workers
from resque.store.workers import identity, read_record

KEYS = Keys()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RECORD = b'{"queue":"q","run_at":"2026-11-23T11:59:00Z","payload":{"class":"A","args":[1.50]}}'


@pytest.mark.parametrize(
    ("text", "host", "pid", "queues"),
    [
        ("vm:7139:high,low", "vm", 7139, ("high", "low")),
        ("vm:1:*", "vm", 1, ("*",)),
        ("web-1.example.com:22:user_*,a b", "web-1.example.com", 22, ("user_*", "a b")),
        # A queue's name with colons, and one with a number between colons.
        ("vm:1:q:with:colons", "vm", 1, ("q:with:colons",)),
        ("vm:1:q:2:r", "vm", 1, ("q:2:r",)),
        # node-resque, with its counter of workers in a process
        ("vm:300+1:math,other", "vm", 300, ("math", "other")),
        ("vm:300:*", "vm", 300, ("*",)),
        # goworker, and its poller
        ("vm:300-2:q", "vm", 300, ("q",)),
        ("vm:300-poller:a,b", "vm", 300, ("a", "b")),
        # an address instead of a name
        ("10.0.0.1:5:q", "10.0.0.1", 5, ("q",)),
        ("fe80::1:5:q", "fe80:", 1, ("5:q",)),
        ("vm:1:", "vm", 1, ()),
        ("vm:1:line\nbreak", "vm", 1, ("line\nbreak",)),
    ],
)
def test_ids_of_every_implementation_are_read(
    text: str, host: str, pid: int, queues: tuple[str, ...]
) -> None:
    found = identity(text)
    assert (found.text, found.host, found.pid, found.queues) == (text, host, pid, queues)


@pytest.mark.parametrize("text", ["", "host", "host:1", "host:pid:q", "::", "a:b:c", "\udcff"])
def test_an_id_of_another_shape_is_kept_as_it_is(text: str) -> None:
    assert identity(text) == workers.Identity(text, None, None, ())


@pytest.mark.parametrize(
    ("worker_id", "may_be"),
    [
        ("web:1:q", True),
        ("web-2:1:q", True),
        ("web-31:1:q", True),
        ("web-b:1:q", False),
        ("web-:1:q", False),
        ("web2:1:q", False),
        ("web-2-2:1:q", False),
        ("", False),
    ],
)
def test_a_worker_may_run_on_the_machine_whose_name_its_id_has_with_or_without_a_number(
    worker_id: str, may_be: bool
) -> None:
    assert workers.may_run_on(identity(worker_id), "web") is may_be


def test_the_odd_ids_of_the_recording_are_read() -> None:
    # Every one of these but the last four stops Ruby's workers from booting.
    for case in golden.load("odd_worker_ids")["results"].values():
        if "id" in case:
            assert identity(case["id"]).text == case["id"]


@given(some.text())
def test_no_text_is_too_odd_for_an_id(text: str) -> None:
    assert identity(text).text == text
    assert identity(f"h:1{text}:q").text == f"h:1{text}:q"


@given(some.binary(max_size=200))
def test_no_bytes_are_too_odd_for_a_record(raw: bytes) -> None:
    assert read_record(raw).raw == raw
    assert read_record(b'{"queue":"q","payload":' + raw + b"}").raw.endswith(raw + b"}")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"payload":' + b"[" * 100_000,
        b'{"run_at":' + b"9" * 5_000 + b"}",
        b"\xff",
    ],
)
def test_a_record_that_cannot_be_read_says_why(raw: bytes) -> None:
    record = read_record(raw)
    assert record.problem
    assert (record.queue, record.class_name, record.payload) == (None, None, None)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (RECORD, ("q", "A", [1.5], b'{"class":"A","args":[1.50]}')),
        (b'{"payload":{"class":"A"}}', (None, "A", None, b'{"class":"A"}')),
        (b'{"queue":7,"payload":[1]}', (None, None, None, b"[1]")),
        (b'{"queue":"q"}', ("q", None, None, None)),
        # node-resque
        (
            b'{"run_at":"Mon Nov 23 2026 12:00:00 GMT+0000 (UTC)","queue":"q","payload":'
            b'{"class":"A","queue":"q","args":[]},"worker":"vm:1+1:q"}',
            ("q", "A", [], b'{"class":"A","queue":"q","args":[]}'),
        ),
    ],
)
def test_a_record_is_read_as_far_as_it_goes(raw: bytes, expected: tuple[Any, ...]) -> None:
    record = read_record(raw)
    assert record.problem is None
    assert (record.queue, record.class_name, record.args, record.payload) == expected


def test_the_moment_of_a_record_is_read_or_unknown() -> None:
    assert read_record(RECORD).run_at == datetime(2026, 11, 23, 11, 59, tzinfo=UTC)
    assert read_record(b'{"run_at":"some day"}').run_at is None
    assert read_record(b'{"run_at":["x"]}').run_at is None


def failure_of(record: bytes) -> bytes:
    return b"failure of " + record


def busy_worker(direct: Direct, worker_id: str, record: bytes | None) -> None:
    direct("SADD", "resque:workers", worker_id)
    direct("SET", f"resque:worker:{worker_id}:started", "x")
    direct("SET", f"resque:stat:processed:{worker_id}", 1)
    direct("SET", f"resque:stat:failed:{worker_id}", 1)
    direct("HSET", "resque:workers:heartbeat", worker_id, "x")
    if record is not None:
        direct("SET", f"resque:worker:{worker_id}", record)


@pytest.mark.parametrize("record", [None, RECORD])
def test_unregistering_leaves_nothing_but_the_failure(
    store: Store, direct: Direct, record: bytes | None
) -> None:
    busy_worker(direct, "h:1:q", record)
    assert store.run(workers.unregister(KEYS, "h:1:q", failure_of)) is (record is not None)
    failures = direct("LRANGE", "resque:failed", 0, -1)
    assert failures == ([] if record is None else [failure_of(record)])
    assert set(direct("KEYS", "*")) <= {b"resque:failed"}


def test_unregistering_a_worker_that_changes_jobs_fails_the_job_it_holds_at_the_end(
    store: Store, direct: Direct
) -> None:
    busy_worker(direct, "h:1:q", b"first")
    steps = workers.unregister(KEYS, "h:1:q", failure_of)
    held = store.run(next(steps))
    assert held == (False, False, b"first")
    exchange = steps.send(held)
    # Between looking and acting it finished the first job and took the second.
    direct("SET", "resque:worker:h:1:q", "second")
    refused = store.run(exchange)
    assert direct("SISMEMBER", "resque:workers", "h:1:q") == 1
    exchange = steps.send(refused)
    direct("DEL", "resque:worker:h:1:q")
    exchange = steps.send(store.run(exchange))
    direct("SET", "resque:worker:h:1:q", "third")
    exchange = steps.send(store.run(exchange))
    with pytest.raises(StopIteration) as stop:
        steps.send(store.run(exchange))
    assert stop.value.value is True
    assert direct("LRANGE", "resque:failed", 0, -1) == [b"failure of third"]
    assert direct("EXISTS", "resque:workers", "resque:worker:h:1:q") == 0


def test_unregistering_two_at_once_fails_the_job_once(store: Store, direct: Direct) -> None:
    busy_worker(direct, "h:1:q", RECORD)
    both = [workers.unregister(KEYS, "h:1:q", failure_of) for _ in range(2)]
    held = [store.run(next(steps)) for steps in both]
    first, second = (steps.send(record) for steps, record in zip(both, held, strict=True))
    with pytest.raises(StopIteration) as stop:
        both[0].send(store.run(first))
    assert stop.value.value is True
    again = both[1].send(store.run(second))
    with pytest.raises(StopIteration) as stop:
        both[1].send(store.run(again))
    assert stop.value.value is False
    assert direct("LLEN", "resque:failed") == 1


def test_a_lost_job_keeps_its_payload_to_the_byte() -> None:
    entry = workers.lost_job(RECORD, worker_id="h:1:q", exception="E", error="e", now=NOW)
    assert b'"payload":{"class":"A","args":[1.50]},' in entry
    assert entry.endswith(b'"backtrace":[],"worker":"h:1:q","queue":"q"}')
    broken = workers.lost_job(b"junk", worker_id="h:1:q", exception="E", error="e", now=NOW)
    assert b'"payload":null,' in broken
