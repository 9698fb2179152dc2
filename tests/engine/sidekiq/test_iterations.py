"""Cancelling iterable jobs: only where there is a state with a cursor."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_processes import KEYS, taken_back, trail

from queuecore import audit
from queuecore.errors import WrongType
from queuecore.stores import Store
from sidekiq.store import iterations

JID = "50174a036a5987e2d56cf46c"
STATE = f"it-{JID}"


def test_a_job_is_cancelled_as_the_recorded_client_does(direct: Direct, store: Store) -> None:
    restore(direct, "sidekiq/v8.1.7-iterable-running")
    before = direct("HGETALL", STATE)
    mine = trail("cancel")
    assert store.run(iterations.cancel(KEYS, JID, mine)) == "asked"
    recorded = load("sidekiq/v8.1.7-iterable-cancelled")["keys"][STATE]["value"]
    assert set(before[::2]) | {b"cancelled"} == {each.encode() for each in recorded}
    assert abs(int(direct("HGET", STATE, "cancelled")) - int(direct("TIME")[0])) < 60
    # The lifetime is that of the first state: it does not begin anew.
    assert direct("TTL", STATE) <= load("sidekiq/v8.1.7-iterable-running")["keys"][STATE]["ttl"]
    assert store.run(iterations.cancel(KEYS, JID, mine)) == "asked before"
    assert taken_back(store, mine).done == 1
    assert direct("HGETALL", STATE) == before


def test_a_job_without_a_state_or_a_cursor_is_left_alone(direct: Direct, store: Store) -> None:
    assert store.run(iterations.cancel(KEYS, JID, trail("cancel"))) == "no state"
    assert direct("KEYS", "*") == []
    direct("HSET", STATE, "ex", "1")
    assert store.run(iterations.cancel(KEYS, JID, trail("cancel"))) == "no cursor"
    direct("HSET", STATE, "c", "")
    assert store.run(iterations.cancel(KEYS, JID, trail("cancel"))) == "no cursor"
    assert direct("HKEYS", STATE) == [b"ex", b"c"]
    assert store.run(audit.newest(KEYS, 9)) == []


def test_a_state_without_a_lifetime_gets_one(direct: Direct, store: Store) -> None:
    direct("HSET", STATE, "c", "7")
    store.run(iterations.cancel(KEYS, JID))
    assert 0 < direct("TTL", STATE) <= iterations.STATE_S


def test_a_cancellation_that_the_job_may_have_read_is_not_taken_back(
    direct: Direct, store: Store
) -> None:
    direct("HSET", STATE, "c", "7", "ex", "1", "rt", "5")
    mine = trail("cancel")
    store.run(iterations.cancel(KEYS, JID, mine))
    direct("HSET", STATE, "c", "8")
    undone = taken_back(store, mine)
    assert (undone.done, undone.lost) == (0, 1)
    assert direct("HEXISTS", STATE, "cancelled") == 1


def test_one_whose_state_is_gone_is_not_made_again(direct: Direct, store: Store) -> None:
    direct("HSET", STATE, "c", "7")
    mine = trail("cancel")
    store.run(iterations.cancel(KEYS, JID, mine))
    direct("DEL", STATE)
    assert taken_back(store, mine).lost == 1
    assert direct("EXISTS", STATE) == 0


def test_a_state_of_another_kind_is_an_error(direct: Direct, store: Store) -> None:
    direct("SET", STATE, "x")
    with pytest.raises(WrongType):
        store.run(iterations.cancel(KEYS, JID))
