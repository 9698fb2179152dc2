"""The jobs that are next: read as they are, in one round trip, and never huge ones."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.known import known

from queuecore.stores import Store
from resque.keys import Keys
from resque.store import waiting_jobs

KEYS = Keys()

pytestmark = pytest.mark.redis


def test_the_payload_that_is_next_is_read_byte_for_byte(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEYS.queue("mail"), b'{"class":"A",  "args":[]}', "second")
    direct("RPUSH", KEYS.queue("odd\udcff"), b"\xff\x00 no json")
    assert store.run(waiting_jobs.next_jobs(KEYS, ["mail", "odd\udcff"])).payloads == {
        "mail": b'{"class":"A",  "args":[]}',
        "odd\udcff": b"\xff\x00 no json",
    }


def test_what_is_empty_of_another_kind_or_too_long_is_left_out(
    store: Store, direct: Direct
) -> None:
    direct("SET", KEYS.queue("text"), "x")
    direct("RPUSH", KEYS.queue("long"), "x" * (waiting_jobs.LONGEST_BYTES + 1))
    direct("RPUSH", KEYS.queue("fits"), "x" * waiting_jobs.LONGEST_BYTES)
    found = store.run(waiting_jobs.next_jobs(KEYS, ["none", "text", "long", "fits"]))
    assert (list(found.payloads), found.problem) == (["fits"], None)
    assert store.run(waiting_jobs.next_jobs(KEYS, [])) == waiting_jobs.NextJobs({})


def test_many_queues_take_one_round_trip(store: Store, direct: Direct) -> None:
    names = [f"q{number}" for number in range(1_201)]
    for name in names:
        direct("RPUSH", KEYS.queue(name), name)
    asked = waiting_jobs.next_jobs(KEYS, names)
    assert len(asked.commands) == 3
    assert store.run(asked).payloads == {name: name.encode() for name in names}


def test_a_user_who_may_not_sees_why(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEYS.queue("mail"), "{}")
    direct("RPUSH", KEYS.queue("other"), "{}")
    direct("ACL", "SETUSER", "default", "resetkeys", f"~{KEYS.queue('mail').decode()}")
    try:
        found = store.run(waiting_jobs.next_jobs(KEYS, ["mail", "other"]))
        assert found.payloads == {}
        assert "NOPERM" in known(found.problem)
    finally:
        direct("ACL", "SETUSER", "default", "~*")
