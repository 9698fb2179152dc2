"""What Redis did not answer is unknown to the engine: neither empty nor 0, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from tests.support import recording_reader
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.recording_reader import KEYS, RecordingReader

from queuecore.exchange import Call, Exchange, Operation, drive, refusal
from queuecore.stores import Store
from resque.errors import AuthRefused, Busy
from resque.scheduler import delayed_actions
from resque.store import delayed, delayed_windows, health, registration, snapshot
from resque.store.delayed_windows import DelayedRef
from resque.store.snapshot import EngineSnapshot

reader = recording_reader.reader
WORKER: Final = "h:1:mail"
#: The key of each part that may be unknown.
PARTS: Final = {
    "queues": KEYS.queues(),
    "workers": KEYS.workers(),
    "heartbeats": KEYS.heartbeats(),
    "failures": KEYS.failed(),
    "pause of everything": KEYS.pause_all_workers(),
    "jobs processed": KEYS.stat("processed"),
    "jobs failed": KEYS.stat("failed"),
    "items set aside": KEYS.unreadable("mail"),
}

pytestmark = pytest.mark.redis


@pytest.fixture
def fleet(direct: Direct) -> None:
    """A queue with a job, a worker that holds one, a failure."""
    direct("SADD", KEYS.queues(), "mail")
    direct("RPUSH", KEYS.queue("mail"), "{}")
    direct("SADD", KEYS.workers(), WORKER)
    direct("HSET", KEYS.heartbeats(), WORKER, direct("TIME")[0])
    direct("SET", KEYS.worker(WORKER), '{"queue":"mail","payload":{"class":"A","args":[]}}')
    direct("RPUSH", KEYS.failed(), "{}")


def facts(seen: EngineSnapshot) -> dict[str, object]:
    """By part, what is known of it."""
    [queue] = seen.queues or (None,)
    [worker] = seen.processes or (None,)
    return {
        "queues": seen.queues and len(seen.queues),
        "workers": seen.processes and len(seen.processes),
        "heartbeats": worker and worker.has_beat,
        "failures": seen.failed if seen.failures is not None else None,
        "pause of everything": seen.is_paused,
        "jobs processed": seen.processed_ever,
        "jobs failed": seen.failed_ever,
        "items set aside": queue and queue.unreadable,
        "depth": queue and queue.size,
        "jobs in hand": worker and worker.is_busy,
    }


@contextmanager
def refused(direct: Direct, *rights: str) -> Iterator[None]:
    """Without some rights."""
    direct("ACL", "SETUSER", "default", *rights)
    try:
        yield
    finally:
        direct("ACL", "SETUSER", "default", "on", "nopass", "~*", "+@all")


@pytest.mark.parametrize("part", PARTS)
def test_a_key_of_another_kind_leaves_its_part_unknown_and_no_other(
    reader: RecordingReader, direct: Direct, fleet: None, part: str
) -> None:
    before = facts(reader.look())
    assert None not in before.values()
    direct("DEL", PARTS[part])
    direct("HSET", PARTS[part], "x", "y") if part != "heartbeats" else direct(
        "SET", PARTS[part], "x"
    )
    for _ in range(2):
        seen = reader.look()
        assert set(seen.problems) == {part}
        after = facts(seen)
        assert after[part] is None
        rest = {"queues": {"items set aside", "depth"}, "workers": {"heartbeats", "jobs in hand"}}
        same = set(before) - {part} - rest.get(part, set())
        assert {each: after[each] for each in same} == {each: before[each] for each in same}


def test_a_record_of_another_kind_is_neither_a_job_nor_none(
    reader: RecordingReader, direct: Direct, fleet: None
) -> None:
    direct("DEL", KEYS.worker(WORKER))
    assert [each.is_busy for each in known(reader.look().processes)] == [False]
    direct("RPUSH", KEYS.worker(WORKER), "x")
    for _ in range(3):
        [worker] = known(reader.look().processes)
        assert worker.is_busy is None
        assert "another kind" in known(worker.problem)
    direct("DEL", KEYS.worker(WORKER))
    assert [each.is_busy for each in known(reader.look().processes)] == [False]


@pytest.mark.parametrize(
    ("right", "unknown"),
    [
        ("-smembers", {"queues", "workers"}),
        ("-hgetall", {"heartbeats"}),
        ("-lrange", {"failures"}),
        ("-get", {"jobs processed", "jobs failed", "pause of everything"}),
        ("-exists", {"pause of everything"}),
    ],
)
def test_what_a_user_may_not_read_is_unknown(
    reader: RecordingReader, direct: Direct, fleet: None, right: str, unknown: set[str]
) -> None:
    reader.look()
    with refused(direct, right):
        seen = reader.look()
        assert unknown <= set(seen.problems)
        assert {facts(seen)[part] for part in unknown} == {None}
    assert reader.look().problems == {}


def test_a_length_that_may_not_be_read_is_no_key_of_another_kind(
    reader: RecordingReader, direct: Direct, fleet: None
) -> None:
    with refused(direct, "-llen"):
        [queue] = known(reader.look().queues)
    assert (queue.size, queue.unreadable) == (None, None)
    assert "lacks a right" in known(queue.problem)


@pytest.mark.parametrize("code", ["LOADING", "MASTERDOWN"])
def test_a_server_that_answers_nothing_for_now_gives_no_look_and_no_survey(
    store: Store, fleet: None, code: str
) -> None:
    def busy(exchange: Exchange[Any]) -> Any:
        plain: Exchange[list[Any]] = Exchange(exchange.commands, list, tolerant=True)
        replies = store.run(plain)
        for at, command in enumerate(exchange.commands):
            if isinstance(command, Call) or command[0] not in ("TIME", "INFO", "CONFIG"):
                replies[at] = refusal(f"{code} try later")
        return exchange.parse(replies)

    operations: list[Operation[Any]] = [
        snapshot.take(KEYS, failures_limit=1),
        health.take(KEYS, b"lock", ["mail"]),
    ]
    for operation in operations:
        with pytest.raises(Busy, match=code):
            drive(operation, busy)


def test_delayed_jobs_that_may_not_be_counted_are_not_none(store: Store, direct: Direct) -> None:
    job = delayed.entry("mail", "A", [])
    store.run(delayed.schedule(KEYS, 4_000_000_000, "mail", "A", []))
    with refused(direct, "-llen"):
        for operation in (
            delayed.count(KEYS),
            delayed_windows.moments(KEYS, 0, 5),
            delayed_windows.page(KEYS, delayed_windows.Position(), 5),
        ):
            with pytest.raises(AuthRefused):
                store.run(operation)
    assert store.run(delayed.count(KEYS)) == 1
    [mark] = marks(store)
    with refused(direct, "-lrange"), pytest.raises(AuthRefused):
        store.run(delayed_windows.page(KEYS, delayed_windows.Position(), 5))
    with refused(direct, "-lindex", "-lrange"):
        result = store.run(delayed_actions.delete(KEYS, [mark]))
        assert isinstance(result.stopped, AuthRefused)
        assert (result.done, result.gone) == (0, 0)
    assert store.run(delayed.scheduled_at(KEYS, job)) == [4_000_000_000]


def marks(store: Store) -> list[DelayedRef]:
    page = store.run(delayed_windows.page(KEYS, delayed_windows.Position(), 5))
    return [known(each.ref) for each in page.jobs]


def test_whether_queues_are_missing_is_unknown_where_they_may_not_be_looked_at(
    store: Store, direct: Direct
) -> None:
    direct("RPUSH", KEYS.queue("lost"), "{}")
    with refused(direct, "-llen"), pytest.raises(AuthRefused):
        store.run(registration.missing(KEYS))
