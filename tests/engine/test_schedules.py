"""Schedules and the master lock in Redis."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.direct import Direct

from queuecore.stores import Store
from resque.keys import Keys
from resque.scheduler import listing, schedule_actions
from resque.scheduler.definition import BadSchedule, read
from resque.store import schedules
from resque.store.schedules import Fired, Firing, Hold

NOW = datetime(2026, 11, 23, 12, 21, 55, tzinfo=UTC)
LOCK = b"resque:resque:resque_scheduler_master_lock"


def fire(
    store: Store, keys: Keys, at: datetime = NOW, *, owner: str = "me:1", now: datetime = NOW
) -> Fired:
    firing = Firing("nightly", at, "low", b'{"class":"A","args":[]}')
    return store.run(schedules.fire(keys, firing, lock=LOCK, owner=owner, now=now))


def test_the_lock_is_called_as_in_ruby(keys: Keys) -> None:
    assert keys.master_lock() == LOCK
    assert keys.master_lock("blue") == b"resque:resque:blue:resque_scheduler_master_lock"


def test_one_scheduler_holds_the_lock_and_others_learn_who(store: Store, direct: Direct) -> None:
    held = [store.run(schedules.hold(LOCK, owner, 180)) for owner in ("a:1", "a:1", "b:2")]
    assert [replace(each, server_time=None) for each in held] == [
        Hold(True, is_new=True),
        Hold(True),
        Hold(False, owner="a:1"),
    ]
    owner, ttl_s = store.run(schedules.master(LOCK))
    assert owner == "a:1"
    assert 0 < ttl_s <= 180
    assert direct("GET", LOCK) == b"a:1"


def test_holding_the_lock_renews_its_lifetime(store: Store, direct: Direct) -> None:
    store.run(schedules.hold(LOCK, "a:1", 180))
    direct("EXPIRE", LOCK, 5)
    store.run(schedules.hold(LOCK, "a:1", 180))
    assert direct("TTL", LOCK) > 5


def test_only_the_holder_lets_go_of_the_lock(store: Store) -> None:
    store.run(schedules.hold(LOCK, "a:1", 180))
    assert store.run(schedules.release(LOCK, "b:2")) is False
    assert store.run(schedules.release(LOCK, "a:1")) is True
    assert store.run(schedules.master(LOCK)) == (None, -2)


def test_a_firing_happens_once_for_each_moment(store: Store, keys: Keys, direct: Direct) -> None:
    store.run(schedules.hold(LOCK, "me:1", 180))
    assert [fire(store, keys), fire(store, keys)] == ["fired", "already"]
    assert fire(store, keys, NOW - timedelta(seconds=1)) == "already"
    assert fire(store, keys, NOW + timedelta(seconds=1)) == "fired"
    assert direct("LLEN", "resque:queue:low") == 2
    assert direct("HGET", "resque:delayed:last_enqueued_at", "nightly") == (
        b"2026-11-23 12:21:56 +0000"
    )


def test_only_the_master_fires(store: Store, keys: Keys, direct: Direct) -> None:
    store.run(schedules.hold(LOCK, "other:2", 180))
    assert fire(store, keys) == "not master"
    assert direct("EXISTS", "resque:queue:low", "resque:delayed:last_enqueued_at") == 0


def test_of_two_that_believe_to_be_the_master_one_fires(
    store: Store, keys: Keys, direct: Direct
) -> None:
    store.run(schedules.hold(LOCK, "a:1", 180))
    firing = Firing("nightly", NOW, "low", b"{}")
    first = schedules.fire(keys, firing, lock=LOCK, owner="a:1", now=NOW)
    seen = store.run(next(first))
    direct("SET", LOCK, "b:2")  # the lock ran out, and another took it
    assert fire(store, keys, owner="b:2") == "fired"
    direct("SET", LOCK, "a:1")
    with pytest.raises(StopIteration) as stop:
        first.send(store.run(first.send(seen)))
    assert stop.value.value == "already"
    assert direct("LLEN", "resque:queue:low") == 1


@pytest.mark.parametrize("last", ["", "nonsense", "2099-01-01 00:00:00 +0000"])
def test_a_last_time_that_cannot_be_right_does_not_keep_a_schedule_from_firing(
    store: Store, keys: Keys, direct: Direct, last: str
) -> None:
    store.run(schedules.hold(LOCK, "me:1", 180))
    direct("HSET", "resque:delayed:last_enqueued_at", "nightly", last)
    assert fire(store, keys) == "fired"


def test_ruby_having_fired_counts(store: Store, keys: Keys, direct: Direct) -> None:
    store.run(schedules.hold(LOCK, "me:1", 180))
    direct("HSET", "resque:delayed:last_enqueued_at", "nightly", "2026-11-23 13:21:55 +0100")
    assert fire(store, keys) == "already"


def test_persistent_schedules_are_listed_with_their_next_and_last_times(
    store: Store, keys: Keys, direct: Direct
) -> None:
    assert store.run(listing.put(keys, "nightly", {"cron": "0 3 * * *"})) is False
    assert store.run(listing.put(keys, "hourly", {"every": "1h"})) is False
    assert store.run(listing.put(keys, "fresh", {"every": "1h"})) is False
    direct("HSET", "resque:persistent_schedules", "broken", "junk")
    direct("HSET", "resque:delayed:last_enqueued_at", "hourly", "2026-11-23 12:00:00 +0000")
    found = {one.name: one for one in store.run(listing.everything(keys, "", NOW, UTC)).schedules}
    assert list(found) == ["broken", "fresh", "hourly", "nightly"]
    assert str(found["nightly"].next_at) == "2026-11-24 03:00:00+00:00"
    assert str(found["hourly"].next_at) == "2026-11-23 13:00:00+00:00"
    assert str(found["hourly"].last_at) == "2026-11-23 12:00:00+00:00"
    assert found["fresh"].next_at is None
    assert found["broken"].schedule is None
    assert "not JSON" in (found["broken"].problem or "")


def test_a_schedule_that_cannot_be_used_is_not_written(keys: Keys) -> None:
    with pytest.raises(BadSchedule):
        listing.put(keys, "nightly", {"cron": "never"})


def test_writing_and_removing_say_whether_there_was_one(store: Store, keys: Keys) -> None:
    config = {"every": "1h", "persist": True}
    assert [store.run(listing.put(keys, "a", config)) for _ in range(2)] == [False, True]
    assert [store.run(schedules.remove(keys, "a")) for _ in range(2)] == [True, False]


def test_changes_are_taken_once(store: Store, keys: Keys) -> None:
    store.run(schedules.announce(keys, ["a", "b"]))
    store.run(schedules.announce(keys, []))
    assert store.run(schedules.has_changes(keys))
    store.run(schedules.stored(keys))
    assert store.run(schedules.has_changes(keys))
    store.run(schedules.stored(keys, take_changes=True))
    assert not store.run(schedules.has_changes(keys))


def test_a_schedule_is_run_now_without_changing_its_next_firing(
    store: Store, keys: Keys, direct: Direct
) -> None:
    schedule = read("A", {"every": "1h", "args": "x"})
    run = schedule_actions.run_now(keys, [schedule], queue_of={"A": "q"}.get)
    assert store.run(run).done == 1
    assert direct("LRANGE", "resque:queue:q", 0, -1) == [b'{"class":"A","args":["x"]}']
    assert direct("EXISTS", "resque:delayed:last_enqueued_at") == 0
