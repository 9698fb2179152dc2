"""One look after the other: what has not changed is not read again, and nothing is missed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest
from tests.support import recording_reader
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.recording_reader import KEYS, TURNS, RecordingReader
from tests.support.registered_workers import changes, held, hire, record, timeless

from queuecore.fleet import Process
from queuecore.stores import Store
from resque.errors import Unreachable
from resque.store import snapshot
from resque.store.snapshot import EngineSnapshot, SnapshotReader
from resque.store.worker_reader import RECORD_BYTES

reader = recording_reader.reader


def by_name(seen: EngineSnapshot) -> Mapping[str, Process]:
    return {worker.id: worker for worker in known(seen.processes)}


def test_what_has_not_changed_stays_the_same_object(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a", "h:3:a")
    direct("SET", "resque:worker:h:1:a", record(number=1))
    direct("SET", "resque:worker:h:2:a", record(number=2))
    direct("RPUSH", "resque:failed", '{"error":"one"}', '{"error":"two"}')
    before = reader.look()
    direct("SET", "resque:worker:h:2:a", record(number=3))
    direct("RPUSH", "resque:failed", '{"error":"three"}')
    after = reader.look()
    (first, second, third), (was, changed, _) = known(after.processes), known(before.processes)
    assert first is was
    assert held(second) is not held(changed)
    assert known(held(second)).args == [3, ""]
    assert held(third) is None
    assert [failure.error for failure in known(after.failures)] == ["three", "two", "one"]
    assert list(map(id, known(after.failures)[1:])) == list(map(id, known(before.failures)))
    direct("LSET", "resque:failed", 0, '{"error":"one","retried_at":"2026/11/23 12:00:00"}')
    assert known(reader.look().failures)[-1].retried_at == "2026/11/23 12:00:00"
    direct("LPOP", "resque:failed")
    assert [failure.place for failure in known(reader.look().failures)] == [1, 0]


def test_workers_that_register_and_leave_between_polls_are_seen(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:2:a", "h:4:a")
    direct("SET", "resque:worker:h:4:a", record(number=4))
    direct("SET", "resque:stat:processed:h:4:a", 44)
    reader.look()
    hire(direct, "h:1:a", "h:3:a")
    direct("SREM", "resque:workers", "h:2:a")
    direct("SET", "resque:worker:h:3:a", record(number=3))
    direct("SET", "resque:stat:failed:h:3:a", 33)
    workers = by_name(reader.look())
    assert list(workers) == ["h:1:a", "h:3:a", "h:4:a"]
    assert all(worker.started is not None for worker in workers.values())
    assert [job.args[0] if (job := held(w)) else None for w in workers.values()] == [None, 3, 4]
    assert [(w.processed, w.failed) for w in workers.values()] == [(0, 0), (0, 33), (44, 0)]


def test_a_start_is_read_again_after_a_beat(reader: RecordingReader, direct: Direct) -> None:
    hire(direct, "h:1:a", "h:2:a")
    direct("SADD", "resque:workers", "silent:3:a")
    reader.look()
    key = "resque:worker:h:1:a:started"
    direct("SET", key, "2026-11-23 13:00:00 +0000")
    direct("HSET", "resque:workers:heartbeat", "h:1:a", "2026-11-23T13:00:00+00:00")
    started = by_name(reader.look())["h:1:a"].started
    assert started is not None
    assert started.hour == 13
    # Without a beat nothing tells of a new start: that is always asked for.
    for _ in range(TURNS):
        reader.look()
        assert b"resque:worker:silent:3:a:started" in reader.plain_keys()


def test_a_start_without_any_other_sign_is_found(reader: RecordingReader, direct: Direct) -> None:
    hire(direct, "h:1:a", "h:2:a")
    for _ in range(3):
        reader.look()
    direct("SET", "resque:worker:h:2:a:started", "2026-11-23 13:00:00 +0000")
    hours = [
        known(worker.started).hour
        for _ in range(TURNS)
        for worker in known(reader.look().processes)[1:]
    ]
    assert hours[-1] == 13


def test_counts_are_read_when_resque_counts_and_once_more(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, *(f"h:{number}:a" for number in range(1, 31)))
    mine = b"resque:stat:processed:h:7:a"

    def asked() -> bool:
        reader.look()
        return mine in reader.plain_keys()

    for _ in range(3):
        reader.look()
    assert sum(asked() for _ in range(TURNS)) == 1, "while nothing is counted, each has its turn"
    direct("INCR", "resque:stat:processed")
    assert asked()
    # A worker counts after Resque's own count, perhaps only now.
    direct("INCR", mine)
    assert by_name(reader.look())["h:7:a"].processed == 1
    assert mine in reader.plain_keys()


def test_counts_come_with_a_look_after_one_that_broke_off(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, *(f"h:{number}:a" for number in range(1, 31)))
    for _ in range(3):
        reader.look()
    direct("INCR", "resque:stat:failed")
    direct("INCR", "resque:stat:failed:h:7:a")
    direct("HSET", "resque:workers:heartbeat", "h:8:a", "2026-11-23T13:00:00+00:00")
    direct("SET", "resque:worker:h:8:a:started", "2026-11-23 13:00:00 +0000")
    for _ in range(4):
        with pytest.raises(Unreachable):
            reader.look(breaks_off=True)
    workers = by_name(reader.look())
    assert workers["h:7:a"].failed == 1
    assert workers["h:8:a"].started is not None
    assert workers["h:8:a"].started.hour == 13


def test_a_total_that_is_no_number_hides_no_count(reader: RecordingReader, direct: Direct) -> None:
    hire(direct, "h:1:a")
    direct("SET", "resque:stat:processed", "many")
    for number in range(4):
        direct("SET", "resque:stat:processed:h:1:a", number)
        assert known(reader.look().processes)[0].processed == number


def test_items_set_aside_are_counted_at_the_look_that_finds_them(
    reader: RecordingReader, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "a", "b")
    assert [queue.unreadable for queue in known(reader.look().queues)] == [0, 0]
    reader.look()
    assert "LLEN" not in reader.names()
    direct("RPUSH", "resque:unreadable:b", "x", "y")
    assert [queue.unreadable for queue in known(reader.look().queues)] == [0, 2]
    direct("SADD", "resque:queues", "c")
    direct("RPUSH", "resque:unreadable:c", "z")
    direct("DEL", "resque:unreadable:b")
    assert [queue.unreadable for queue in known(reader.look().queues)] == [0, 0, 1]
    direct("DEL", "resque:unreadable:c")
    assert [queue.unreadable for queue in known(reader.look().queues)] == [0, 0, 0]
    direct("SET", "resque:unreadable:a", "no list")
    assert [queue.unreadable for queue in known(reader.look().queues)] == [None, 0, 0]


def carried(direct: Direct, look: Callable[[], EngineSnapshot]) -> tuple[EngineSnapshot, int]:
    """A look, and how many bytes the server sent for it."""

    def sent() -> int:
        line = next(x for x in direct("INFO", "stats").split() if b"total_net_output_bytes" in x)
        return int(line.partition(b":")[2])

    before = sent()
    return look(), sent() - before


def test_a_record_that_grows_is_never_carried_whole(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a")
    direct("SET", "resque:worker:h:1:a", record(number=1))
    reader.look()
    direct("SET", "resque:worker:h:1:a", record(text="x" * 50_000_000))
    for script in ("short_texts", "beginnings"):
        seen, carried_bytes = carried(direct, reader.look)
        assert script in reader.names()
        job = known(held(known(seen.processes)[0]))
        assert "too large" in known(job.problem)
        assert (job.queue, job.class_name, len(job.raw)) == ("a", "A", RECORD_BYTES)
        assert carried_bytes < 4 * RECORD_BYTES
    direct("SET", "resque:worker:h:1:a", record(number=2))
    reader.look()
    job = known(held(known(reader.look().processes)[0]))
    assert "short_texts" in reader.names()
    assert job.args == [2, ""]


@pytest.mark.parametrize("length", [0, 1, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 1])
def test_both_ways_to_read_records_tell_the_same(
    reader: RecordingReader, direct: Direct, length: int
) -> None:
    hire(direct, "h:1:a")
    direct("SET", "resque:worker:h:1:a", "x" * length)
    first = reader.look()
    assert "beginnings" in reader.names()
    direct("DEL", "resque:worker:h:1:a")
    reader.look()
    reader.look()
    direct("SET", "resque:worker:h:1:a", "x" * length)
    second = reader.look()
    assert "short_texts" in reader.names()
    assert held(known(first.processes)[0]) == held(known(second.processes)[0])
    assert held(known(second.processes)[0]) is not None


def test_keys_that_turn_into_other_types_break_no_look(
    reader: RecordingReader, direct: Direct
) -> None:
    hire(direct, "h:1:a", "h:2:a")
    direct("SET", "resque:worker:h:1:a", record())
    direct("SET", "resque:stat:processed:h:1:a", 5)
    for _ in range(3):
        reader.look()
    for key in ("worker:h:1:a", "worker:h:1:a:started", "stat:processed:h:1:a", "stat:failed"):
        direct("DEL", f"resque:{key}")
        direct("RPUSH", f"resque:{key}", "x")
    direct("HSET", "resque:workers:heartbeat", "h:1:a", "soon")
    seen = reader.look()
    first, second = known(seen.processes)
    assert (first.is_busy, first.started, first.beat_at) == (None, None, None)
    assert second.started is not None
    assert seen.failed_ever is None
    for _ in range(TURNS):
        assert known(reader.look().processes)[0].processed == 0


def test_reading_pauses_and_leaves_nothing_half_done(store: Store, direct: Direct) -> None:
    names = [f"h:{number}:a" for number in range(3_000)]
    direct("SADD", "resque:workers", *names)
    looker = SnapshotReader(KEYS, failures_limit=1)
    reading = store.run(looker.look())
    next(reading)
    next(reading)
    reading.close()
    direct("SET", "resque:worker:h:2:a", record())
    reading = store.run(looker.look())
    pauses = 0
    while True:
        try:
            next(reading)
            pauses += 1
        except StopIteration as stop:
            seen: EngineSnapshot = stop.value
            break
    assert pauses > 3
    assert sum(held(worker) is not None for worker in known(seen.processes)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_it_tells_what_one_who_never_looked_would_tell(
    store: Store, reader: RecordingReader, direct: Direct, seed: int
) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        for _ in range(dice.randrange(3)):
            changes(direct, dice)
        seen = timeless(reader.look())
        fresh = timeless(store.run(snapshot.take(KEYS, failures_limit=20)))
        assert len(reader.sent) == 2
        assert seen == fresh
