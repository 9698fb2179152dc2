"""The snapshot: two round trips whatever there is, and every oddity in its own place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.registered_workers import held

from queuecore.cooperative import at_once
from queuecore.exchange import Exchange
from queuecore.fleet import Queue
from queuecore.stores import Store
from queuecore.windows import whole
from resque.keys import Keys
from resque.store import snapshot
from resque.store.snapshot import EngineSnapshot, SnapshotReader

KEYS = Keys()


def take(store: Store, *, failures: int = 5) -> tuple[EngineSnapshot, int]:
    """A snapshot, and how many round trips it took."""
    steps = snapshot.take(KEYS, failures_limit=failures)
    trips = 0
    result: Any = None
    while True:
        try:
            exchange: Exchange[Any] = steps.send(result)
        except StopIteration as stop:
            return stop.value, trips
        trips += 1
        result = store.run(exchange)


def look(store: Store) -> tuple[EngineSnapshot, dict[str, Queue]]:
    """A snapshot, and its queues by name."""
    now, _ = take(store)
    return now, {queue.name: queue for queue in now.queues or ()}


def pushed_at_each_look(store: Store) -> Callable[[], int | None]:
    """Looks again each time it is called: how many jobs were pushed to the only queue."""
    reader = SnapshotReader(KEYS, failures_limit=1)

    def pushed() -> int | None:
        (queue,) = known(at_once(store.run(reader.look())).queues)
        return queue.pushed

    return pushed


@pytest.mark.parametrize(("queues", "workers"), [(0, 0), (1, 1), (1200, 700)])
def test_two_round_trips_whatever_there_is(
    store: Store, direct: Direct, queues: int, workers: int
) -> None:
    for number in range(queues):
        direct("SADD", "resque:queues", f"q{number}")
        direct("RPUSH", f"resque:queue:q{number}", *[b"x"] * (number % 3 + 1))
    for number in range(workers):
        direct("SADD", "resque:workers", f"h:{number}:q")
    seen, trips = take(store)
    assert trips == 2
    assert len(known(seen.queues)) == queues
    assert len(known(seen.processes)) == workers
    assert {queue.name: queue.size for queue in known(seen.queues)} == {
        f"q{number}": number % 3 + 1 for number in range(queues)
    }
    assert seen.problems == {}


def test_everything_has_its_place(store: Store, direct: Direct) -> None:
    worker = "h:7:a,b"
    now = int(direct("TIME")[0])
    direct("SADD", "resque:queues", "b", "a", "é")
    direct("RPUSH", "resque:queue:a", "1", "2")
    direct("RPUSH", "resque:unreadable:a", "junk")
    direct("SET", "resque:pause:queue:b", "true")
    direct("SADD", "resque:workers", worker, "h:8:a")
    direct("SET", f"resque:worker:{worker}:started", "2026-11-23 12:00:00 +0000")
    direct("SET", f"resque:stat:processed:{worker}", 5)
    direct("SET", f"resque:stat:failed:{worker}", 2)
    record = '{"queue":"a","run_at":"2026-11-23T12:00:00Z","payload":{"class":"A","args":[1]}}'
    direct("SET", f"resque:worker:{worker}", record)
    direct("HSET", "resque:workers:heartbeat", worker, str(now - 30))
    direct("SET", "resque:stat:processed", 50)
    direct("SET", "resque:stat:failed", 20)
    direct("RPUSH", "resque:failed", *("{}" for _ in range(7)))
    seen, by_name = look(store)

    assert [queue.name for queue in known(seen.queues)] == ["a", "b", "é"]
    assert (by_name["a"].size, by_name["a"].unreadable, by_name["a"].is_paused) == (2, 1, False)
    assert (by_name["b"].size, by_name["b"].is_paused) == (0, True)
    busy, idle = known(seen.processes)
    assert busy.id == worker
    job = known(held(busy))
    assert (job.class_name, job.args) == ("A", [1])
    assert (busy.processed, busy.failed, busy.has_beat) == (5, 2, True)
    assert busy.beat_at is not None
    assert 29 <= (seen.server_time - busy.beat_at).total_seconds() < 600
    assert (held(idle), idle.started, idle.beat_at) == (None, None, None)
    assert (idle.processed, idle.failed, idle.has_beat) == (0, 0, False)
    assert (seen.processed_ever, seen.failed_ever, seen.failed) == (50, 20, 7)
    assert len(known(seen.failures)) == 5
    assert not seen.is_paused


@pytest.mark.parametrize(
    ("key", "value", "is_paused"),
    [
        ("resque:pause-all-workers", " True ", True),
        ("resque:pause-all-workers", "1", False),
        ("resque:pause:all", "", True),
    ],
)
def test_a_pause_of_everything(
    store: Store, direct: Direct, key: str, value: str, is_paused: bool
) -> None:
    direct("SET", key, value)
    assert look(store)[0].is_paused is is_paused


def test_keys_of_wrong_types_are_reported_and_the_others_shown(
    store: Store, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "good", "bad")
    direct("RPUSH", "resque:queue:good", "x")
    direct("SET", "resque:queue:bad", "x")
    direct("SADD", "resque:unreadable:good", "x")
    direct("RPUSH", "resque:pause:queue:good", "x")
    direct("RPUSH", "resque:workers", "x")
    direct("SET", "resque:workers:heartbeat", "x")
    direct("SADD", "resque:failed", "x")
    direct("RPUSH", "resque:pause-all-workers", "x")
    direct("SADD", "resque:stat:processed", "x")
    direct("SET", "resque:stat:failed", "many")
    seen, by_name = look(store)
    assert by_name["good"].size == 1
    assert by_name["good"].problem is None
    assert by_name["bad"].size is None
    assert by_name["bad"].problem
    assert (seen.processes, seen.failures, seen.failed) == (None, None, None)
    assert (seen.processed_ever, seen.failed_ever) == (None, None)
    assert seen.is_paused is None
    assert by_name["good"].unreadable is None
    assert set(seen.problems) == {
        *("workers", "heartbeats", "failures", "pause of everything", "items set aside"),
        *("jobs processed", "jobs failed"),
    }


def test_a_set_of_queues_of_the_wrong_type_is_reported(store: Store, direct: Direct) -> None:
    direct("SET", "resque:queues", "x")
    seen, _ = look(store)
    assert seen.queues is None
    assert set(seen.problems) == {"queues"}


def test_a_worker_whose_keys_are_of_wrong_types_is_shown(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:workers", "h:1:q", b"\xff\xfe", "odd")
    direct("RPUSH", "resque:worker:h:1:q", "x")
    direct("SET", "resque:stat:processed:h:1:q", "many")
    direct(
        "HSET", "resque:workers:heartbeat", "h:1:q", b"\xff", b"\xff\xfe", "2026-11-23T12:00:00Z"
    )
    seen, _ = look(store)
    first, odd, last = known(seen.processes)
    assert [each.id for each in (first, odd, last)] == ["h:1:q", "odd", "\udcff\udcfe"]
    assert (first.is_busy, first.processed, first.beat_at) == (None, None, None)
    assert odd.is_busy is False
    assert first.has_beat
    assert last.beat_at is not None


def test_pushes_are_counted_between_two_looks(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:queues", "q")
    direct("RPUSH", "resque:queue:q", "1", "2")
    pushed = pushed_at_each_look(store)
    assert [pushed(), pushed()] == [None, 0]
    direct("RPUSH", "resque:queue:q", "3", "4", "5")
    direct("LPOP", "resque:queue:q")
    assert pushed() == 3
    # Workers took all that was known: how many came is unknown, not none.
    direct("LPOP", "resque:queue:q", 4)
    direct("RPUSH", "resque:queue:q", "6", "7")
    assert pushed() is None
    direct("RPUSH", "resque:queue:q", "7")
    assert pushed() is None, "two equal jobs at the end cannot be told apart"
    direct("DEL", "resque:queue:q")
    assert pushed() is None
    assert look(store)[1]["q"].size == 0


def test_large_items_are_distinguished_and_never_carried(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:queues", "q")
    direct("RPUSH", "resque:queue:q", b"a" * 50_000_000, b"b" * 5_000)
    assert look(store)[1]["q"].size == 2
    pushed = pushed_at_each_look(store)
    pushed()
    direct("RPUSH", "resque:queue:q", b"c" * 5_000, b"b" * 5_001)
    assert pushed() == 2


def test_a_failure_of_fifty_megabytes_comes_cut(store: Store, direct: Direct) -> None:
    huge = b'{"error":"' + b"x" * 50_000_000 + b'"}'
    direct("RPUSH", "resque:failed", huge, b"{}")
    seen, _ = take(store)
    small, large = known(seen.failures)
    assert small.problem is None
    assert large.problem is not None
    assert large.item.is_cut
    assert (large.item.size, large.item.sha) == (len(huge), whole(huge).sha)
    assert len(large.item.raw) <= 65_536


def test_a_snapshot_may_leave_the_failures_out(store: Store, direct: Direct) -> None:
    direct("RPUSH", "resque:failed", "{}", "{}")
    seen, _ = take(store, failures=0)
    assert (seen.failed, seen.failures) == (2, ())


def test_a_snapshot_of_another_namespace_sees_its_own(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:queues", "ours")
    direct("SADD", "other:ns:queues", "theirs")
    steps = snapshot.take(Keys("other:ns"), failures_limit=1)
    assert [queue.name for queue in known(store.run(steps).queues)] == ["theirs"]
