"""Delayed jobs and schedules leave in Redis what resque-scheduler 5.0.0 left."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import golden
from tests.support.direct import Direct
from tests.support.engine_fixtures import StartWorker
from tests.support.waiting import eventually

from queuecore.stores import Store
from resque.codec import encode
from resque.keys import Keys
from resque.scheduler import moving
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.store import delayed, delayed_windows, schedules

T = 1_900_000_000
LOCK = "resque:resque:resque_scheduler_master_lock"


def recorded(name: str) -> dict[str, Any]:
    return without_owner(golden.load(name)["keys"])


def ours(direct: Direct) -> dict[str, Any]:
    """The database in the form of the recordings, without what is ours alone."""
    found = {}
    for key in direct("KEYS", "*"):
        if key.startswith(b"resque:qtop:"):
            continue
        found[key.decode()] = {"type": (kind := direct("TYPE", key).decode())}
        found[key.decode()]["value"] = value_of(direct, key, kind)
        if (ttl := direct("TTL", key)) >= 0:
            found[key.decode()]["ttl"] = ttl
    return without_owner(found)


def value_of(direct: Direct, key: bytes, kind: str) -> Any:
    match kind:
        case "list":
            return [item.decode() for item in direct("LRANGE", key, 0, -1)]
        case "set":
            return [member.decode() for member in sorted(direct("SMEMBERS", key))]
        case "zset":
            flat = direct("ZRANGE", key, 0, -1, "WITHSCORES")
            return [[m.decode(), int(s)] for m, s in zip(flat[::2], flat[1::2], strict=True)]
        case "hash":
            flat = [part.decode() for part in direct("HGETALL", key)]
            return dict(zip(flat[::2], flat[1::2], strict=True))
        case _:
            return direct("GET", key).decode()


def without_owner(database: dict[str, Any]) -> dict[str, Any]:
    """Who holds the master lock, and for how much longer, differs from run to run."""
    if LOCK in database:
        host, _, pid = database[LOCK]["value"].partition(":")
        assert host
        assert pid.isdecimal()
        assert 0 < database[LOCK]["ttl"] <= 180
        database[LOCK] = "<the master's>"
    return database


def delay_as_recorded(store: Store, keys: Keys) -> None:
    def delay(at: float, queue: str, class_name: str, *args: object) -> None:
        assert store.run(delayed.enqueue_at(keys, at, queue, class_name, args, now=T - 1))

    delay(T, "default", "OkJob", 1, "x")
    delay(T, "default", "SlowJob", 2)
    delay(T, "default", "OkJob", 1, "x")
    delay(T + 60, "default", "OkJob", 1, "x")
    delay(T + 60, "special", "OkJob", {"k": "é/"})
    delay(T + 60.75, "default", "OkJob")


def test_delayed(store: Store, keys: Keys, direct: Direct) -> None:
    delay_as_recorded(store, keys)
    assert ours(direct) == recorded("delayed")
    results = golden.load("delayed")["results"]
    job = delayed.entry("default", "OkJob", [1, "x"])
    total, moments = store.run(delayed_windows.moments(keys, 0, 10))
    size, jobs = store.run(delayed.jobs(keys, str(T), 0, 10))
    assert store.run(delayed.scheduled_at(keys, job)) == results["scheduled_at"]
    assert total == results["schedule_size"]
    assert [int(m.at) for m in moments] == results["peek"]
    assert size == results["timestamp_size"]
    assert [{"class": j.class_name, "args": j.args, "queue": j.queue} for j in jobs] == results[
        "ts_peek"
    ]
    assert store.run(delayed.count(keys)) == results["count_all"]


def test_delayed_remove_then_from_a_timestamp_then_reset(
    store: Store, keys: Keys, direct: Direct
) -> None:
    delay_as_recorded(store, keys)
    removed = store.run(delayed.remove(keys, delayed.entry("default", "OkJob", [1, "x"])))
    assert removed == golden.load("delayed_remove")["results"]
    assert ours(direct) == recorded("delayed_remove")
    slow = delayed.entry("default", "SlowJob", [2])
    removed = store.run(delayed.remove_at(keys, str(T), slow))
    assert removed == golden.load("delayed_remove_from_timestamp")["results"]
    assert ours(direct) == recorded("delayed_remove_from_timestamp")
    store.run(moving.reset(keys))
    assert ours(direct) == recorded("delayed_reset")


def test_delayed_delay_or_enqueue(store: Store, keys: Keys, direct: Direct) -> None:
    store.run(delayed.schedule(keys, T, "default", "OkJob", [1]))
    again = delayed.delay_or_enqueue_at(keys, T + 60, "default", "OkJob", [1], now=T - 1)
    assert store.run(again) == 1
    assert ours(direct) == recorded("delayed_delay_or_enqueue")


def test_delayed_enqueue_in(store: Store, keys: Keys, direct: Direct) -> None:
    now = 1_795_440_109 - 3600 + 0.25
    store.run(delayed.enqueue_at(keys, now + 3600, "default", "OkJob", ["in"], now=now))
    store.run(delayed.enqueue_at(keys, now + 3600, "q2", "OkJob", ["in2"], now=now))
    assert ours(direct) == recorded("delayed_enqueue_in")


def test_delayed_string_class(store: Store, keys: Keys, direct: Direct) -> None:
    store.run(delayed.schedule(keys, T, "sq", "StringClass", [1]))
    assert ours(direct) == recorded("delayed_string_class")


def test_delayed_past(store: Store, keys: Keys, direct: Direct) -> None:
    past = delayed.enqueue_at(keys, T - 1, "default", "OkJob", ["past"], now=T)
    assert store.run(past) is False
    assert ours(direct) == recorded("delayed_past")


def test_delayed_due_and_scheduler_after_term(direct: Direct, start_worker: StartWorker) -> None:
    before = golden.load("delayed_due_before")["keys"]
    for key, entry in before.items():
        for item in entry["value"]:
            match entry["type"]:
                case "list":
                    direct("RPUSH", key, item)
                case "set":
                    direct("SADD", key, item)
                case "zset":
                    direct("ZADD", key, item[1], item[0])
    scheduler = start_worker(module="resque.scheduler")
    eventually(lambda: direct("LLEN", "resque:queue:default") == 2, "the jobs are moved")
    scheduler.await_log("moved")
    assert ours(direct) == recorded("delayed_due_after")
    assert direct("GET", LOCK) == f"{socket.gethostname()}:{scheduler.pid}".encode()
    assert scheduler.leave() == 0
    assert ours(direct) == recorded("scheduler_after_term")


NIGHTLY = {
    "cron": "0 3 * * *",
    "class": "OkJob",
    "queue": "default",
    "args": [1, "a"],
    "description": "n",
    "persist": True,
}
EVERY = {"every": ["1s", {"first_in": "0s"}], "class": "OkJob", "args": "str", "persist": True}


@pytest.fixture
def clock() -> list[datetime]:
    """What time it is; tests put it forward."""
    return [datetime(2026, 11, 23, 12, 21, 53, tzinfo=UTC)]


def test_schedules_running_killed_removed_and_assigned(
    store: Store, keys: Keys, direct: Direct, clock: list[datetime]
) -> None:
    store.run(schedules.put(keys, "nightly", NIGHTLY))
    store.run(schedules.put(keys, "every", EVERY))
    store.run(schedules.announce(keys, ["volatile"]))
    assert ours(direct) == recorded("schedules")

    scheduler = Scheduler(
        store,
        keys,
        version="0",
        zone=UTC,
        options=SchedulerOptions(is_dynamic=True),
        queue_of=lambda name: "default" if name == "OkJob" else None,
        clock=lambda: clock[0],
    )
    for second in (53, 54, 55):
        clock[0] = clock[0].replace(second=second)
        scheduler.step()
    assert ours(direct) == recorded("schedules_running")

    store.run(schedules.remove(keys, "every"))
    assert ours(direct) == recorded("schedules_removed") == recorded("scheduler_killed")

    store.run(schedules.announce(keys, ["static"]))
    assert ours(direct) == recorded("schedule_assign")


def test_a_configuration_read_from_ruby_is_written_back_to_the_byte(
    store: Store, keys: Keys, direct: Direct
) -> None:
    configs = golden.load("schedules")["keys"]["resque:persistent_schedules"]["value"]
    for name, text in configs.items():
        direct("HSET", "resque:persistent_schedules", name, text)
    for raw in store.run(schedules.stored(keys)).configs.values():
        assert encode(json.loads(raw)) == raw
