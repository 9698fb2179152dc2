"""Stretches of lists: huge items come cut, and a clear spares what came later."""

from __future__ import annotations

import pytest
from tests.support import list_actions
from tests.support.direct import Direct

from queuecore import windows
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import queues

KEYS = Keys()
QUEUE = "resque:queue:q"


def items(*numbers: int) -> list[bytes]:
    return [b"item %d" % number for number in numbers]


def waiting(direct: Direct) -> list[bytes]:
    found: list[bytes] = direct("LRANGE", QUEUE, 0, -1)
    return found


def test_a_window_shows_some_items_and_the_length_of_all(store: Store, direct: Direct) -> None:
    direct("RPUSH", QUEUE, *items(*range(10)))
    window = store.run(queues.peek(KEYS, "q", 3, 2))
    assert window.length == 10
    assert [item.raw for item in window.items] == items(3, 4)
    assert store.run(queues.peek(KEYS, "q", 9, 5)).items == (windows.whole(b"item 9"),)
    assert store.run(queues.peek(KEYS, "nothing", 0, 5)) == windows.Window(0, ())


@pytest.mark.parametrize("start", [0, 4])
def test_a_window_of_no_length_is_empty(store: Store, direct: Direct, start: int) -> None:
    direct("RPUSH", QUEUE, *items(*range(10)))
    assert store.run(queues.peek(KEYS, "q", start, 0)) == windows.Window(10, ())


def test_an_item_is_cut_only_beyond_the_limit_and_known_by_its_whole(
    store: Store, direct: Direct
) -> None:
    exact, over = b"x" * 100, b"y" * 101
    direct("RPUSH", QUEUE, exact, over, b"")
    first, second, empty = store.run(queues.peek(KEYS, "q", 0, 3, max_bytes=100)).items
    assert (first.raw, first.is_cut) == (exact, False)
    assert (second.raw, second.size, second.is_cut) == (over[:100], 101, True)
    assert second.sha == windows.whole(over).sha
    assert (empty.raw, empty.is_cut) == (b"", False)


def test_an_item_of_fifty_megabytes_comes_cut_and_is_found_whole(
    store: Store, direct: Direct
) -> None:
    huge = b"z" * 50_000_000
    direct("RPUSH", QUEUE, b"before", huge, b"after")
    window = store.run(queues.peek(KEYS, "q", 0, 3, max_bytes=1000))
    item = window.items[1]
    assert (len(item.raw), item.size) == (1000, 50_000_000)
    key = KEYS.queue("q")
    assert store.run(windows.find(key, item.sha, -2)) == huge


def test_an_item_is_found_near_the_place_where_it_was_seen(store: Store, direct: Direct) -> None:
    direct("RPUSH", QUEUE, *items(*range(20)))
    key, sha = KEYS.queue("q"), windows.whole(b"item 10").sha
    for place in (-10, -5, -15, -1):
        assert store.run(windows.find(key, sha, place, reach=9)) == b"item 10"
    assert store.run(windows.find(key, sha, -1, reach=8)) is None
    assert store.run(windows.find(key, windows.whole(b"else").sha, -10)) is None


def test_a_clear_takes_what_was_seen_and_spares_newcomers(store: Store, direct: Direct) -> None:
    direct("RPUSH", QUEUE, *items(1, 2, 3))
    extent = store.run(list_actions.extent(KEYS, "q"))
    direct("RPUSH", QUEUE, *items(4, 5))
    assert store.run(list_actions.clear(KEYS, "q", extent)) == 3
    assert waiting(direct) == items(4, 5)


def test_a_clear_without_newcomers_leaves_an_empty_queue(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:queues", "q")
    direct("RPUSH", QUEUE, *items(1, 2))
    extent = store.run(list_actions.extent(KEYS, "q"))
    assert store.run(list_actions.clear(KEYS, "q", extent)) == 2
    assert direct("EXISTS", QUEUE) == 0
    assert direct("SMEMBERS", "resque:queues") == [b"q"]


def test_a_clear_takes_into_account_what_workers_took_meanwhile(
    store: Store, direct: Direct
) -> None:
    direct("RPUSH", QUEUE, *items(1, 2, 3, 4))
    extent = store.run(list_actions.extent(KEYS, "q"))
    direct("LPOP", QUEUE, 2)
    direct("RPUSH", QUEUE, *items(5))
    assert store.run(list_actions.clear(KEYS, "q", extent)) == 2
    assert waiting(direct) == items(5)


def test_a_clear_refuses_when_what_was_seen_is_gone(store: Store, direct: Direct) -> None:
    direct("RPUSH", QUEUE, *items(1, 2))
    extent = store.run(list_actions.extent(KEYS, "q"))
    direct("DEL", QUEUE)
    direct("RPUSH", QUEUE, *items(3, 4, 5))
    assert store.run(list_actions.clear(KEYS, "q", extent)) is None
    assert waiting(direct) == items(3, 4, 5)


def test_a_clear_of_identical_items_spares_as_many_as_came_later(
    store: Store, direct: Direct
) -> None:
    direct("RPUSH", QUEUE, b"same", b"same")
    extent = store.run(list_actions.extent(KEYS, "q"))
    direct("RPUSH", QUEUE, b"same", b"same", b"same")
    assert store.run(list_actions.clear(KEYS, "q", extent)) == 2
    assert waiting(direct) == [b"same"] * 3


def test_clearing_what_was_empty_takes_nothing(store: Store, direct: Direct) -> None:
    extent = store.run(list_actions.failures_extent(KEYS))
    assert extent == windows.Extent(0, None)
    direct("RPUSH", "resque:failed", b"new")
    assert store.run(list_actions.clear_failures(KEYS, extent)) == 0
    assert direct("LLEN", "resque:failed") == 1


def test_an_empty_item_and_bytes_of_any_kind_are_items(store: Store, direct: Direct) -> None:
    direct("RPUSH", QUEUE, b"a\0\xff", b"")
    extent = store.run(list_actions.extent(KEYS, "q"))
    direct("RPUSH", QUEUE, b"", b"new\xfe")
    assert store.run(list_actions.clear(KEYS, "q", extent)) == 2
    assert waiting(direct) == [b"", b"new\xfe"]
