"""Schedules of a scheduler's file, as others see them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.direct import Direct

from queuecore.stores import Store
from resque.keys import Keys
from resque.scheduler import listing
from resque.scheduler.listing import ScheduleListing
from resque.scheduler.publishing import Publisher
from resque.scheduler.scheduler import Scheduler, SchedulerOptions
from resque.store import schedules
from resque.store.schedules import LONGEST_BYTES, OfFile, PublishedSchedule

LOCK = "resque:resque:resque_scheduler_master_lock"
KEY = "resque:qtop:schedules"
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
FILE = """
[nightly]
cron = "0 3 * * *"
args = [1.50]
queue = "low"

[own]
every = "1h"
class = "Known"

[elsewhere]
every = "1h"
queue = "q"
rails_env = "staging"

[kept]
every = "1h"
queue = "q"
persist = true

[broken]
every = "often"
"""


@pytest.fixture
def scheduler(store: Store, keys: Keys, tmp_path: Path) -> Scheduler:
    """A scheduler with a file, and in Redis what it has put there when it started."""
    store.run(schedules.put(keys, "kept", {"every": "1h", "queue": "q"}))
    return make(store, keys, tmp_path, FILE)


def make(store: Store, keys: Keys, folder: Path, text: str) -> Scheduler:
    file = folder / "s.toml"
    file.write_text(text)
    return Scheduler(
        store,
        keys,
        version="0",
        zone=UTC,
        options=SchedulerOptions(schedule_file=file),
        queue_of=lambda name: "own" if name == "Known" else None,
        clock=lambda: NOW,
    )


def seen(store: Store, keys: Keys) -> ScheduleListing:
    return store.run(listing.everything(keys, "", NOW, UTC))


def test_the_master_publishes_the_schedules_of_its_file(
    scheduler: Scheduler, store: Store, keys: Keys, direct: Direct
) -> None:
    scheduler.step()
    found = seen(store, keys)
    assert found.of_file.unknown is None
    assert {each.name: (each.source, each.problem is None) for each in found.schedules} == {
        "nightly": ("file", True),
        "own": ("file", True),
        "elsewhere": ("file", False),
        "kept": ("persistent", True),
        "broken": ("file", False),
    }
    by_name = {each.name: each for each in found.schedules}
    assert by_name["nightly"].next_at == datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert by_name["elsewhere"].next_at is None
    assert "another environment" in str(by_name["elsewhere"].problem)
    assert "no duration" in str(by_name["broken"].problem)
    own = by_name["own"].schedule
    assert own is not None
    assert own.queue == "own"
    assert 0 < direct("TTL", KEY) <= 180


def test_a_standby_publishes_nothing_and_another_masters_schedules_are_unknown(
    scheduler: Scheduler, store: Store, keys: Keys, direct: Direct
) -> None:
    direct("SET", LOCK, "ruby\x1b[2J:1", "EX", 180)
    scheduler.step()
    assert direct("EXISTS", KEY) == 0
    of_file = seen(store, keys).of_file
    assert of_file.master == "ruby\x1b[2J:1"
    assert of_file.unknown is not None


def test_what_a_master_published_that_is_no_more_does_not_count(
    scheduler: Scheduler, store: Store, keys: Keys, direct: Direct
) -> None:
    scheduler.step()
    direct("SET", LOCK, "other:1")
    found = seen(store, keys)
    assert [each.name for each in found.schedules] == ["kept"]
    assert found.of_file.unknown is not None
    direct("DEL", LOCK)
    assert seen(store, keys).of_file == OfFile(None)


def test_a_new_master_publishes_its_own_in_place_of_the_others(
    scheduler: Scheduler, store: Store, keys: Keys, direct: Direct, tmp_path: Path
) -> None:
    scheduler.step()
    direct("HSET", KEY, "owner", "killed:1")
    make(store, keys, tmp_path, "").step()
    assert seen(store, keys).of_file.entries == {}
    assert seen(store, keys).of_file.unknown is None


def test_a_scheduler_withdraws_only_what_is_its_own(
    store: Store, keys: Keys, direct: Direct
) -> None:
    direct("SET", LOCK, "a:1")
    exchange = schedules.publish(keys, "", "a:1", {"x": PublishedSchedule(b"{}")}, 60)
    assert exchange is not None
    assert store.run(exchange)
    assert not store.run(schedules.withdraw(keys, "", "b:2"))
    assert store.run(schedules.withdraw(keys, "", "a:1"))
    assert direct("EXISTS", KEY) == 0


def test_it_is_published_only_by_the_master_for_each_prefix(
    store: Store, keys: Keys, direct: Direct
) -> None:
    direct("SET", keys.master_lock("blue"), "a:1")
    for prefix, is_master in (("blue", True), ("", False)):
        exchange = schedules.publish(
            keys, prefix, "a:1", {"x": PublishedSchedule(None, "q", "why")}, 60
        )
        assert exchange is not None
        assert store.run(exchange) == is_master
    assert store.run(schedules.read_published(keys, "blue")).entries == {
        "x": PublishedSchedule(None, "q", "why")
    }
    assert store.run(schedules.read_published(keys, "")) == OfFile(None)


@pytest.mark.parametrize("content", ["", "junk", "[]", '{"a":5}', "x" * (LONGEST_BYTES + 1)])
def test_what_cannot_be_read_is_unknown(
    store: Store, keys: Keys, direct: Direct, content: str
) -> None:
    direct("SET", LOCK, "a:1")
    direct("HSET", KEY, "owner", "a:1", "content", content)
    of_file = store.run(schedules.read_published(keys, ""))
    assert of_file.entries == {}
    assert of_file.unknown is not None


def test_what_is_too_large_is_not_published(keys: Keys) -> None:
    huge = {"x": PublishedSchedule(b'"%s"' % (b"x" * LONGEST_BYTES))}
    assert schedules.publish(keys, "", "a:1", huge, 60) is None


def test_a_key_of_another_kind_keeps_no_schedule_from_firing(
    store: Store, keys: Keys, direct: Direct, tmp_path: Path
) -> None:
    direct("SET", KEY, "no hash")
    text = "[a]\nevery = ['1h', {first_in = 0}]\nqueue = 'q'\n"
    make(store, keys, tmp_path, text).step()
    assert direct("LLEN", "resque:queue:q") == 1
    assert seen(store, keys).of_file.unknown is not None


def test_it_is_published_again_in_time(store: Store, keys: Keys, direct: Direct) -> None:
    mono = [0.0]
    publisher = Publisher(
        store,
        keys,
        prefix="",
        owner="a:1",
        lifetime_s=180,
        log=lambda line: None,
        mono_now=lambda: mono[0],
    )
    direct("SET", LOCK, "a:1")
    publisher.publish({"x": PublishedSchedule(b"{}")})
    direct("DEL", KEY)
    publisher.renew()
    assert direct("EXISTS", KEY) == 0
    mono[0] += 60
    publisher.renew()
    assert direct("EXISTS", KEY) == 1
