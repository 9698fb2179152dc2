"""It is known which lists a program left turned, and how far."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.operations import KEY, KEYS
from tests.support.turned_lists import leave_turned

from queuecore import turning
from queuecore.keys import turn
from queuecore.stores import Store
from queuecore.turning import Turned
from resque.store import queues

OTHER = KEYS.queue("other")


def test_a_list_that_was_left_turned_is_found_among_others(store: Store, direct: Direct) -> None:
    direct("RPUSH", OTHER, "x")
    direct("RPUSH", KEY, *map(str, range(10)))
    assert store.run(turning.turned([OTHER, KEY])) == {}
    assert store.run(turning.turned([])) == {}
    items = leave_turned(direct, KEY, 3)
    direct("RPUSH", KEY, "newcomer")
    found = store.run(turning.turned([OTHER, KEY]))
    assert [(key, each.turned, each.rest) for key, each in found.items()] == [(KEY, 3, 7)]
    assert found[KEY].is_left
    store.run(turning.settled(KEYS, KEY))
    assert store.run(turning.turned([OTHER, KEY])) == {}
    assert direct("LRANGE", KEY, 0, -1) == [*items, b"newcomer"]


def test_the_owner_of_a_turn_counts_as_alive_for_three_seconds() -> None:
    assert [Turned(1, 1, idle_s).is_left for idle_s in (0.0, 2.9, 3.0)] == [False, False, True]


def test_a_list_that_has_come_round_is_in_its_order(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEY, *map(str, range(10)))
    leave_turned(direct, KEY, 10)
    assert direct("EXISTS", turn(KEY)) == 1
    assert store.run(turning.turned([KEY])) == {}


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\0" * 1000,
        b"ab 1 2 3 4 cd",
        b"ab 1 2 0 10 cd ef",
        b"ab %s 2 0 10 cd ef" % (b"9" * 250),
        None,
    ],
)
def test_what_is_no_state_of_a_turn_says_nothing(
    store: Store, direct: Direct, state: bytes | None
) -> None:
    direct("RPUSH", KEY, *map(str, range(10)))
    if state is None:
        direct("RPUSH", turn(KEY), "a list")
    else:
        direct("SET", turn(KEY), state)
    assert store.run(turning.turned([KEY])) == {}


def test_a_step_at_an_impossible_time_was_long_ago(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEY, *map(str, range(10)))
    leave_turned(direct, KEY, 3)
    owner, _, rest = direct("GET", turn(KEY)).split(b" ", 2)
    direct("SET", turn(KEY), b"%s %s %s" % (owner, b"9" * 150, rest))
    assert store.run(turning.turned([KEY]))[KEY].is_left


def test_a_queue_that_is_removed_takes_its_turn_along(store: Store, direct: Direct) -> None:
    direct("RPUSH", KEY, *map(str, range(10)))
    leave_turned(direct, KEY, 3)
    assert store.run(queues.remove_queue(KEYS, "q")) == 10
    assert direct("KEYS", "*") == []


@pytest.mark.parametrize(("count", "size"), [(1100, 10), (300, 6000)])
def test_more_newcomers_than_a_step_can_move_stay_last(
    store: Store, direct: Direct, count: int, size: int
) -> None:
    direct("RPUSH", KEY, *map(str, range(100)))
    leave_turned(direct, KEY, 40)
    newcomers = [(b"new %d" % number).ljust(size, b".") for number in range(count)]
    direct("RPUSH", KEY, *newcomers)
    before = direct("LRANGE", KEY, 0, -1)
    store.run(turning.settled(KEYS, KEY))
    assert direct("LRANGE", KEY, 0, -1) == before
    assert store.run(turning.turned([KEY])) == {}
