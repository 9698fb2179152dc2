"""Workers that are silent, ahead of time or gone, and the jobs that they leave (faults 20 to
26)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from signal import SIGQUIT, SIGTERM

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.known import known
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
from tests.support.waiting import eventually
from tests.support.worker_results import TURNS, failed, forget

from queuecore import audit, times
from queuecore.bulk import JobRef
from queuecore.stores import Store
from resque.store import duplicates, poison, pruning, snapshot, stale
from resque.store.snapshot import EngineSnapshot
from resque.store.stale import Evidence
from resque.store.workers import read_record

WORKER = "there:7:mail"
JOB = b'{"args": [1.50], "class": "A", "id": 7}'
RECORD = b'{"queue":"mail","run_at":"2026-11-23T12:00:00Z","payload":' + JOB + b"}"
LONG_AGO = "2020-01-01T00:00:00+00:00"
TWICE = {"RESQUE_REQUEUE_LOST": "2", "RESQUE_REQUIRE": TURNS}


def look(store: Store) -> EngineSnapshot:
    return store.run(snapshot.take(KEYS, failures_limit=10))


def beat_of(direct: Direct, ahead: timedelta) -> str:
    """A heartbeat with this distance from the server's clock."""
    return times.heartbeat(times.from_server(*direct("TIME")) + ahead)


def hold(direct: Direct, record: bytes = RECORD, *, beat: str | None = LONG_AGO) -> None:
    """Let a worker hold a job."""
    direct("SADD", "resque:workers", WORKER)
    direct("SET", f"resque:worker:{WORKER}", record)
    direct("SET", f"resque:worker:{WORKER}:started", "x")
    direct("SET", f"resque:stat:processed:{WORKER}", 3)
    if beat is not None:
        direct("HSET", "resque:workers:heartbeat", WORKER, beat)


def evidence(store: Store) -> Evidence:
    [seen] = store.run(stale.evidence(KEYS, [WORKER]))
    return seen


def requeue(store: Store, seen: Evidence) -> bool:
    exchange = stale.requeue(KEYS, seen, trail("requeue", KEYS.worker(WORKER)), at_most=9)
    assert not isinstance(exchange, str), exchange
    return store.run(exchange) > 0


def prune(store: Store, now: datetime) -> list[str]:
    return store.run(pruning.prune(KEYS, "me:1:q", lambda: now))


# ---- heartbeats and clocks


def test_a_worker_with_a_future_heartbeat_is_shown_so_and_never_pruned(
    store: Store, direct: Direct
) -> None:
    hold(direct, beat=beat_of(direct, timedelta(hours=2)))
    seen = look(store)
    [worker] = known(seen.processes)
    assert -7200 <= (seen.server_time - known(worker.beat_at)).total_seconds() < -7000
    assert prune(store, datetime.now(UTC)) == []
    assert direct("GET", f"resque:worker:{WORKER}") == RECORD


@pytest.mark.parametrize("year", [1999, 2199])
def test_a_wrong_clock_of_ours_makes_no_worker_dead_or_alive(
    store: Store, direct: Direct, year: int
) -> None:
    hold(direct, beat=beat_of(direct, timedelta(seconds=-10)))
    direct("HSET", "resque:workers:heartbeat", "dead:1:q", LONG_AGO)
    assert prune(store, datetime(year, 1, 1, tzinfo=UTC)) == ["dead:1:q"]
    assert direct("GET", f"resque:worker:{WORKER}") == RECORD


def test_a_dead_workers_record_with_a_queue_that_no_key_can_name_stops_no_worker(
    direct: Direct, start_worker: StartWorker
) -> None:
    hold(direct, b'{"queue":"half \\ud800","payload":{"class":"A","args":[]}}')
    forget(direct, WORKER)
    worker = start_worker(INTERVAL="0", FAILURE_BACKEND="redis_multi_queue", **TWICE)
    assert worker.wait() == 0, worker.log()
    assert failed(direct) == [("A", [], "Resque::PruneDeadWorkerDirtyExit")]
    assert direct("EXISTS", f"resque:worker:{WORKER}") == 0


# ---- the job of a stale worker


def test_the_job_of_a_dead_worker_goes_back_to_the_head_of_its_queue_on_evidence(
    store: Store, direct: Direct
) -> None:
    hold(direct)
    fill(direct, [b"behind it"], "resque:queue:mail")
    seen = evidence(store)
    assert times.parse(seen.beat) == datetime(2020, 1, 1, tzinfo=UTC)
    assert seen.record is not None
    assert (seen.record.class_name, seen.record.raw) == ("A", RECORD)
    assert stale.doubt(seen, host="here", is_running=lambda pid: True) is None
    assert requeue(store, seen) is True
    assert waiting(direct, "resque:queue:mail") == [JOB, b"behind it"]
    assert direct("SMEMBERS", "resque:queues") == [b"mail"]
    gone = [f"resque:worker:{WORKER}", f"resque:worker:{WORKER}:started", "resque:workers"]
    gone += [f"resque:stat:processed:{WORKER}", "resque:workers:heartbeat", FAILED]
    assert direct("EXISTS", *gone) == 0
    [entry] = store.run(audit.newest(KEYS, limit=5))
    assert (entry.action, entry.done) == ("requeue", 1)
    assert requeue(store, seen) is False, "and not a second time"
    assert direct("LLEN", "resque:queue:mail") == 2


@pytest.mark.parametrize(
    "sign", ["another job", "a heartbeat", "a first heartbeat", "the job is done", "unregistered"]
)
def test_a_heartbeat_since_the_poll_keeps_the_job_where_it_is(
    store: Store, direct: Direct, sign: str
) -> None:
    hold(direct, beat=None if sign == "a first heartbeat" else LONG_AGO)
    seen = evidence(store)
    if sign == "another job":
        direct("SET", f"resque:worker:{WORKER}", RECORD.replace(b"7", b"8"))
    elif sign == "the job is done":
        direct("DEL", f"resque:worker:{WORKER}")
    elif sign == "unregistered":
        direct("HDEL", "resque:workers:heartbeat", WORKER)
    else:
        direct("HSET", "resque:workers:heartbeat", WORKER, beat_of(direct, timedelta()))
    assert requeue(store, seen) is False
    assert direct("EXISTS", "resque:queue:mail", "resque:queues", "resque:qtop:audit") == 0
    assert direct("SISMEMBER", "resque:workers", WORKER) == 1


def test_a_queue_of_another_type_leaves_the_job_with_its_worker(
    store: Store, direct: Direct
) -> None:
    hold(direct)
    direct("SET", "resque:queue:mail", "a text")
    with pytest.raises(Exception, match="another kind of value"):
        requeue(store, evidence(store))
    assert direct("GET", f"resque:worker:{WORKER}") == RECORD
    assert direct("SISMEMBER", "resque:workers", WORKER) == 1


@pytest.mark.parametrize(
    ("beat", "host", "words"),
    [
        (None, "here", "never sent a heartbeat"),
        ("some day", "here", "cannot be read"),
        ("2026-11-23T12:01:00+00:00", "here", "60 s ahead"),
        ("2026-11-23T11:59:00+00:00", "here", "only 60 s old"),
        (LONG_AGO, "there", "process 7 is running"),
        (LONG_AGO, "here", None),
    ],
)
def test_the_evidence_that_a_worker_is_alive_is_reported(
    beat: str | None, host: str, words: str | None
) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    record = read_record(RECORD)
    seen = Evidence(WORKER, record, None if beat is None else beat.encode(), now)
    doubt = stale.doubt(seen, host=host, is_running=lambda pid: pid == 7)
    assert (words in doubt) if doubt is not None and words is not None else doubt is words


@pytest.mark.parametrize(
    "record",
    [b"junk", b"{}", b'{"queue":"q","payload":{"class":""}}', b'{"payload":{"class":"A"}}'],
)
def test_an_item_that_is_no_job_is_not_put_back(
    store: Store, direct: Direct, record: bytes
) -> None:
    hold(direct, record)
    assert isinstance(stale.requeue(KEYS, evidence(store), at_most=9), str)


def test_an_idle_worker_holds_nothing_to_put_back(store: Store) -> None:
    seen = evidence(store)
    assert (seen.record, seen.beat, seen.silent_s) == (None, None, None)
    assert isinstance(stale.requeue(KEYS, seen, at_most=9), str)


def test_a_job_goes_back_on_evidence_only_a_limited_number_of_times(
    store: Store, direct: Direct
) -> None:
    for times_lost in (1, 2, 0, 0):
        hold(direct)
        exchange = stale.requeue(KEYS, evidence(store), at_most=2)
        assert not isinstance(exchange, str)
        assert store.run(exchange) == times_lost
    assert direct("GET", f"resque:worker:{WORKER}") == RECORD
    assert waiting(direct, "resque:queue:mail") == [JOB, JOB]


@pytest.mark.parametrize("sign", ["another job", "a heartbeat"])
def test_a_worker_with_a_heartbeat_after_the_poll_is_not_pruned(
    store: Store, direct: Direct, sign: str
) -> None:
    hold(direct)
    hand = StepByStep(store, pruning.prune(KEYS, "me:1:q", times.wall_now))
    assert hand.step(), "the lock is taken"
    assert hand.step(), "the silent are known"
    assert hand.step(), "and looked at"
    if sign == "a heartbeat":
        direct("HSET", "resque:workers:heartbeat", WORKER, beat_of(direct, timedelta()))
    else:
        direct("SET", f"resque:worker:{WORKER}", RECORD.replace(b"7", b"8"))
    assert hand.finish() == []
    assert direct("SISMEMBER", "resque:workers", WORKER) == 1
    assert direct("EXISTS", f"resque:worker:{WORKER}", FAILED) == 1


# ---- the same job twice


def test_a_job_that_is_there_twice_is_shown_twice_and_counted(store: Store, direct: Direct) -> None:
    fill(direct, [b"a", b"b", b"a", b"c", b"a"])
    fill(direct, [b"a", b"b"], "resque:queue:two")
    assert store.run(duplicates.waiting_alike(KEYS, ["q", "two", "none"])) == {"q": 3}
    direct("SET", "resque:queue:text", "a")
    jobs = [("q", b"a"), ("q", b"b"), ("two", b"a"), ("none", b"a"), ("text", b"a")]
    assert store.run(duplicates.waiting(KEYS, jobs)) == [3, 1, 1, 0, None]

    # Failed at other times and by other workers, the job is still the same; on another queue it is
    # not.
    job = b'{"class":"A","args":[]}'
    fill(
        direct, [entry(1), entry(2), entry(3, queue="r"), entry(4, b'{"class":"B"}'), b"?"], FAILED
    )
    counts = duplicates.failed(newest_failures(store))
    assert counts == {("q", job): 2, ("r", job): 1, ("q", b'{"class":"B"}'): 1}


def test_a_job_is_looked_for_at_both_ends_of_a_long_queue(store: Store, direct: Direct) -> None:
    direct(
        "EVAL",
        "for i = 1, 201 do redis.call('RPUSH', KEYS[1], unpack(ARGV)) end",
        1,
        "resque:queue:q",
        *["x"] * 1000,
    )
    direct("LPUSH", "resque:queue:q", "a")
    direct("RPUSH", "resque:queue:q", "a")
    assert store.run(duplicates.waiting(KEYS, [("q", b"a")])) == [2]


def test_a_job_held_by_two_workers_is_shown_twice_and_counted(store: Store, direct: Direct) -> None:
    for worker_id in ("h:1:mail", "h:2:mail", "h:3:mail", "h:4:mail"):
        direct("SADD", "resque:workers", worker_id)
    later = RECORD.replace(b"12:00:00Z", b"12:07:00Z")
    direct("SET", "resque:worker:h:1:mail", RECORD)
    direct("SET", "resque:worker:h:2:mail", later)
    direct("SET", "resque:worker:h:3:mail", RECORD.replace(b"1.50", b"2.50"))
    seen = known(look(store).processes)
    assert sum(bool(worker.jobs) for worker in seen) == 3
    other = JOB.replace(b"1.50", b"2.50")
    assert duplicates.in_hands(seen) == {
        ("mail", JOB): ["h:1:mail", "h:2:mail"],
        ("mail", other): ["h:3:mail"],
    }


# ---- poison


@pytest.mark.parametrize("size", [0, 200_000])
def test_a_job_that_killed_its_workers_is_spared_by_a_retry_of_everything_unless_it_is_named(
    store: Store, direct: Direct, push: Push, start_worker: StartWorker, size: int
) -> None:
    push("KillSelf", "KILL", queue="q")
    once = start_worker("q", INTERVAL="0")
    assert once.wait() == 0
    poisoned_job = b'{"id":"%s","class":"Dies","args":["kill"]}' % (b"x" * size)
    fill(direct, [poisoned_job])
    push("FailJob", "an ordinary failure", queue="q")
    worker = start_worker("q", INTERVAL="0", **TWICE)
    assert worker.wait() == 0
    assert direct("HGET", "own:runs", "Dies") == b"3"

    poisoned = store.run(poison.among(KEYS, newest_failures(store)))
    [sha] = poisoned
    assert poisoned[sha] == 2, "how often it was put back"
    everything = store.run(list_actions.select(KEYS, lambda failure: True))
    rest = [mark for mark in everything if mark.sha not in poisoned]
    assert store.run(list_actions.requeue(KEYS, rest)).done == 2
    assert poisoned_job not in waiting(direct)
    [left] = newest_failures(store)
    assert left.item.sha == sha
    assert store.run(list_actions.requeue(KEYS, [JobRef(left.place, sha)])).done == 1
    assert poisoned_job in waiting(direct)


def test_without_poison_jobs_nothing_more_is_read(store: Store, direct: Direct) -> None:
    fill(direct, [entry(1), b"not json", b""], FAILED)
    with pytest.raises(StopIteration) as stop:
        next(poison.among(KEYS, newest_failures(store)))
    assert stop.value.value == {}


# ---- leaving


def test_a_worker_that_finishes_its_job_takes_no_other_and_ends_at_once_when_asked_again(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", "own:hold", "for ever")
    push("SlowJob", 1)
    push("Note", "not taken")
    worker = start_worker()
    eventually(lambda: direct("EXISTS", "own:asleep"), "the job runs")
    worker.send(SIGQUIT)
    assert worker.leave(SIGTERM) == 0
    assert failed(direct) == [("SlowJob", [1], "Resque::DirtyExit")]
    assert waiting(direct, "resque:queue:default") == [b'{"class":"Note","args":["not taken"]}']
    assert direct("EXISTS", "trace", "resque:workers", f"resque:worker:{worker.id}") == 0
