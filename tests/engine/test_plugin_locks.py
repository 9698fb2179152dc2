"""Locks that Ruby's plug-ins put on jobs: freed where Ruby frees them, never those of others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.engine_fixtures import Push, StartWorker
from tests.support.waiting import eventually

from queuecore import bulk, windows
from queuecore.address import parse_url
from queuecore.bulk import JobRef
from queuecore.lean import LeanStore
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import lock_freeing
from resque.store.lock_freeing import Leaving, Stale, and_free, and_free_all, noting
from resque.store.plugin_locks import running_lock, waiting_locks
from resque.store.workers import read_record
from resque.worker.locks import Locks

KEYS = Keys()
WAYS = [{}, {"FORK_PER_JOB": "false"}, {"JOBS_PER_FORK": "5"}]


def lock_of(class_name: str, *args: Any, queue: str = "default") -> bytes:
    """resque-loner's lock of a job."""
    return waiting_locks(KEYS, queue, class_name, list(args))[0]


def raw(class_name: str, *args: Any) -> bytes:
    return json.dumps({"class": class_name, "args": args}, separators=(",", ":")).encode()


def mark(place: int, payload: bytes) -> JobRef:
    return JobRef(place, windows.whole(payload).sha)


# Digests as resque-loner 1.3.0 computes them with Ruby's json.
@pytest.mark.parametrize(
    ("args", "digest"),
    [
        ([1], "14de4ccbb39fec02e403889a04e06b8e"),
        ([], "f81822776991ddffa8d23a16cd88e703"),
        (['caf\u00e9 "x"/', None, True, 1.5], "c244d64b383bc10e37a432b74afd4004"),
        ([{"b": 1, "a": {"z": [1], "y": 2}}, "x"], "cbfbbaa651da8d36f4faceb146ccf1c1"),
        ([[{"b": 1, "a": 2}]], "cf23d9ad38a038b646444daafe41d844"),
    ],
)
def test_resque_loners_key_is_computed_as_ruby_does(args: list[Any], digest: str) -> None:
    loner, solo, *_ = waiting_locks(KEYS, "mail", "CacheSweeper", args)
    assert loner == f"resque:loners:queue:mail:job:{digest}".encode()
    assert solo == f"resque:solo:queue:mail:job:{digest}".encode()


def test_the_keys_of_the_other_plugins_are_known_for_simple_arguments_only() -> None:
    args = [1, "a", None, True]
    assert waiting_locks(KEYS, "q", "Sweep", args)[-1] == b"resque:loner:lock:Sweep:1-a--true"
    assert running_lock(KEYS, "Sweep", args) == b'resque:lock:Sweep-[1, "a", nil, true]'
    for odd in ({"a": 1}, 1.5, [1], 'quo"te', "caf\u00e9"):
        assert running_lock(KEYS, "Sweep", [odd]) == b""
    assert len(waiting_locks(KEYS, "q", "Sweep", [{"a": 1}])) == 2
    assert waiting_locks(KEYS, "q", "Sweep", {"a": 1}) == ()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_worker_frees_the_jobs_that_it_takes_and_no_other(
    direct: Direct, push: Push, start_worker: StartWorker, way: dict[str, str]
) -> None:
    for number in range(4):
        push("OkJob", number)
        direct("SET", lock_of("OkJob", number), 1)
    push("RubyJob", 7)
    direct("SET", lock_of("RubyJob", 7), 1)
    others = [lock_of("OkJob", 9), lock_of("OkJob", 1, queue="other")]
    for key in others:
        direct("SET", key, 1)
    worker = start_worker(INTERVAL="0", **way)
    assert worker.wait() == 0, worker.log()
    assert sorted(direct("KEYS", "resque:loners:*")) == sorted(others)


def test_a_class_with_locks_is_freed_before_its_next_job_runs(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    direct("SET", lock_of("OkJob"), 1)
    push("OkJob")
    worker = start_worker(INTERVAL="5")
    eventually(lambda: not direct("EXISTS", lock_of("OkJob")), "the first is freed")
    direct("SET", "own:hold", "until it is gone")
    direct("SET", lock_of("SlowJob", 0), 1)
    push("SlowJob", 0)
    eventually(lambda: direct("EXISTS", "own:asleep"), "another class begins")
    direct("DEL", "own:hold")
    eventually(lambda: not direct("EXISTS", lock_of("SlowJob", 0)), "its first is freed")
    direct("DEL", "own:asleep")
    direct("SET", "own:hold", "until it is gone")
    direct("SET", lock_of("SlowJob", 1), 1)
    push("SlowJob", 1)
    eventually(lambda: direct("EXISTS", "own:asleep"), "the second begins")
    assert not direct("EXISTS", lock_of("SlowJob", 1))
    direct("DEL", "own:hold")
    assert worker.leave() == 0


def test_a_class_without_locks_is_looked_at_again_in_time(direct: Direct, redis_url: str) -> None:
    now_s = 0.0
    record = read_record(b'{"queue":"default","payload":{"class":"OkJob","args":[1]}}')
    store = LeanStore(parse_url(redis_url), timeout_s=5.0, client_name="test")
    locks = Locks(store, KEYS, print, lambda: now_s)

    def is_freed(at_s: float) -> bool:
        nonlocal now_s
        now_s = at_s
        locks.taken(record)
        if locks.pending is not None:
            store.run(locks.pending)
        return not direct("EXISTS", lock_of("OkJob", 1))

    assert is_freed(0.0)
    direct("SET", lock_of("OkJob", 1), 1)
    assert not is_freed(1.0)
    assert is_freed(60.0)
    store.close()


def test_the_lock_of_resque_lock_is_reported_with_its_key_and_stays(
    direct: Direct, push: Push, start_worker: StartWorker
) -> None:
    key = running_lock(KEYS, "OkJob", [1])
    direct("SET", key, 9_999_999_999)
    push("OkJob", 1)
    worker = start_worker(INTERVAL="0")
    assert worker.wait() == 0
    assert "resque:lock:OkJob-[1]" in worker.log()
    assert direct("EXISTS", key) == 1


def test_a_deleted_job_takes_its_lock_with_it_and_that_of_its_like_stays(
    store: Store, direct: Direct
) -> None:
    key = KEYS.queue("mail")
    direct("RPUSH", key, raw("A", 1), raw("A", 2), raw("B", 3), raw("B", 3))
    locks = {number: lock_of(name, number, queue="mail") for name, number in (("A", 1), ("A", 2))}
    locks[3] = lock_of("B", 3, queue="mail")
    for lock in locks.values():
        direct("SET", lock, 1)
    leaving = Leaving(KEYS, "mail")
    marks = [mark(0, raw("A", 1)), mark(2, raw("B", 3))]
    taking = bulk.take(KEYS, key, marks, noting(leaving, bulk.delete))
    result = store.run(and_free(taking, leaving))
    assert result.done == 2
    assert [bool(direct("EXISTS", lock)) for lock in locks.values()] == [False, True, True]


def test_a_job_that_moves_leaves_its_lock_and_one_that_stays_keeps_it(
    store: Store, direct: Direct
) -> None:
    key = KEYS.queue("mail")
    direct("RPUSH", key, raw("A", 1), raw("A", 2))
    for number in (1, 2):
        direct("SET", lock_of("A", number, queue="mail"), 1)

    def decide(payload: bytes) -> bulk.Taking:
        to = "later" if b"1" in payload else "mail"
        return bulk.Taking(0, payload, to, b" " + payload)

    leaving = Leaving(KEYS, "mail")
    marks = [mark(0, raw("A", 1)), mark(1, raw("A", 2))]
    taking = bulk.take(KEYS, key, marks, noting(leaving, decide))
    assert store.run(and_free(taking, leaving)).done == 2
    assert not direct("EXISTS", lock_of("A", 1, queue="mail"))
    assert direct("EXISTS", lock_of("A", 2, queue="mail"))


@pytest.mark.parametrize("comes", [False, True])
def test_a_cleared_queue_loses_its_locks_unless_a_job_came_meanwhile(
    store: Store, direct: Direct, comes: bool
) -> None:
    key = KEYS.queue("mail")
    direct("RPUSH", key, raw("A", 1), raw("A", 2))
    direct("SET", lock_of("A", 1, queue="mail"), 1)
    direct("SET", lock_of("A", 1, queue="mail:job:x"), 1)
    seen = store.run(windows.extent(key))
    if comes:
        direct("RPUSH", key, raw("A", 3))
    clearing = list_actions.clear(KEYS, "mail", seen)
    assert store.run(and_free_all(KEYS, "mail", clearing)) == 2
    assert bool(direct("EXISTS", lock_of("A", 1, queue="mail"))) == comes
    assert direct("EXISTS", lock_of("A", 1, queue="mail:job:x"))


def test_locks_without_a_job_are_found_and_only_those(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEYS.queue("mail"), raw("A", 1))
    waits, lost = lock_of("A", 1, queue="mail"), lock_of("A", 2, queue="mail")
    ends, gone = lock_of("A", 3, queue="mail"), lock_of("A", 1, queue="no such queue")
    for lock in (waits, lost, gone):
        direct("SET", lock, 1)
    direct("SET", ends, 1, "EX", 600)
    direct("SET", KEYS.loner("mail", "a key of the class's own"), 1)
    direct("SET", KEYS.loner_lock("A", "7"), "true")
    found = store.run(lock_freeing.stale(KEYS, ["mail"]))
    assert found.is_complete
    assert found.there == 6
    wanted = [lost, gone, KEYS.loner_lock("A", "7")]
    assert sorted(found.locks) == sorted(lock.decode() for lock in wanted)


def test_without_locks_no_job_is_looked_at(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEYS.queue("mail"), raw("A", 1))
    assert store.run(lock_freeing.stale(KEYS, ["mail"])) == Stale()


def test_a_job_too_large_to_look_into_makes_the_answer_unknown(
    store: Store, direct: Direct
) -> None:
    direct("RPUSH", KEYS.queue("mail"), raw("A", "x" * 100_000))
    direct("SET", lock_of("A", 1, queue="mail"), 1)
    found = store.run(lock_freeing.stale(KEYS, ["mail"]))
    assert (found.locks, found.there, found.is_complete) == ((), 1, False)
