"""What a system tells about itself: one round trip, and what may not be asked stays unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from tests.support.direct import Direct

from queuecore.action_record import ActionRecord, Actor
from queuecore.exchange import Exchange
from queuecore.health import SystemHealth
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import health, pauses

KEYS = Keys()
LOCK = KEYS.master_lock()


def take(store: Store) -> SystemHealth:
    asked = health.take(KEYS, LOCK)
    assert isinstance(asked, Exchange)
    found, _ = store.run(asked)
    return found


def test_an_empty_server_tells_of_itself_and_of_nothing_else(store: Store) -> None:
    found = take(store)
    assert found.taken is not None
    assert found.facts is not None
    assert found.facts.fields["role"] == "master"
    assert found.facts.fields["maxmemory_policy"] == "noeviction"
    assert found.facts.save == ""
    assert (found.master, found.due, found.schedules, found.audit_entries) == ("", math.inf, 0, ())
    assert found.problems == {}


def test_the_scheduler_and_the_first_delayed_moment_are_found(store: Store, direct: Direct) -> None:
    direct("SET", LOCK, "web1:7")
    direct("ZADD", KEYS.delayed_schedule(), 2_000_000_000, "2000000000")
    direct("ZADD", KEYS.delayed_schedule(), 1_000_000_000, "1000000000")
    direct("HSET", KEYS.persistent_schedules(), "nightly", "{}")
    found = take(store)
    assert (found.master, found.due, found.schedules) == ("web1:7", 1e9, 1)
    assert found.lock_left_s is None
    direct("SET", LOCK, "web1:7", "EX", 100)
    left_s = take(store).lock_left_s
    assert left_s is not None
    assert 50 < left_s <= 100


@pytest.mark.parametrize(
    ("empty", "due"), [(0, 1e9), (450, 1e9 + 450), (1_200, None)], ids=["none", "some", "too many"]
)
def test_moments_without_jobs_are_passed_over(
    store: Store, direct: Direct, empty: int, due: float | None
) -> None:
    moments = [str(1_000_000_000 + number) for number in range(empty + 1)]
    for moment in moments:
        direct("ZADD", KEYS.delayed_schedule(), moment, moment)
    direct("RPUSH", KEYS.delayed(moments[-1]), "{}")
    found = store.run(health.settled(KEYS, take(store)))
    assert found.due == due
    assert ("scheduler" in found.problems) == (due is None)


def test_what_has_no_jobs_is_not_due(store: Store, direct: Direct) -> None:
    direct("ZADD", KEYS.delayed_schedule(), 1_000_000_000, "1000000000")
    assert store.run(health.settled(KEYS, take(store))).due == math.inf
    direct("SET", KEYS.delayed("1000000000"), "no list")
    assert store.run(health.settled(KEYS, take(store))).due == 1e9


def test_the_newest_actions_come_with_who_and_when(store: Store, direct: Direct) -> None:
    for name in ("low", "mail"):
        trail = ActionRecord(
            Actor("ada@desk", "qtop"), "pause", name, KEYS.pause_queue(name), 1, name
        )
        store.run(pauses.pause(KEYS, [name], trail))
    found = take(store)
    assert found.audit_entries is not None
    assert [(audit_entry.action, audit_entry.queue) for audit_entry in found.audit_entries] == [
        ("pause", "mail"),
        ("pause", "low"),
    ]
    assert found.taken is not None
    assert {audit_entry.actor.who for audit_entry in found.audit_entries} == {"ada@desk"}
    assert all(
        abs((found.taken - audit_entry.at).total_seconds()) < 60
        for audit_entry in found.audit_entries
    )


def test_keys_of_another_kind_make_their_part_unknown(store: Store, direct: Direct) -> None:
    direct("SET", KEYS.audit(), "no stream")
    direct("SET", KEYS.delayed_schedule(), "no sorted set")
    found = take(store)
    assert found.facts is not None
    assert (found.audit_entries, found.master, found.due, found.schedules) == (
        None,
        None,
        None,
        None,
    )
    assert set(found.problems) == {"deeds", "scheduler"}


@pytest.fixture
def modest(direct: Direct, redis_url: str) -> Iterator[str]:
    """The URL of a user who may ask nothing about the server."""
    direct("ACL", "SETUSER", "modest", "reset", "on", ">pw", "~*", "+@all", "-info", "-config")
    yield redis_url.replace("unix://", "unix://modest:pw@")
    direct("ACL", "DELUSER", "modest")


def test_without_the_right_to_ask_the_server_is_unknown_and_the_rest_is_not(modest: str) -> None:
    with Store(modest) as store:
        found = take(store)
    assert found.facts is None
    assert list(found.problems) == ["server"]
    assert "NOPERM" in found.problems["server"]
    assert found.master == ""
