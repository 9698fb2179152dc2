"""Samples of queues: all of a short one, windows over a long one, and what cannot be read."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct
from tests.support.operations import KEYS, fill

from queuecore.stores import Store
from resque.store import waiting_jobs

JOB = b'{"class":"A","args":[]}'


def queue(name: str) -> str:
    return KEYS.queue(name).decode()


@pytest.mark.parametrize(("length", "share"), [(0, 16), (1, 16), (16, 16), (17, 16), (9_999, 400)])
def test_windows_are_of_a_list_apart_and_hold_both_ends(length: int, share: int) -> None:
    windows = waiting_jobs.spread(length, share)
    places = [place for first, last in windows for place in range(first, last + 1)]
    assert len(places) == len(set(places)) == min(length, share)
    assert places == sorted(places)
    assert places[:1] + places[-1:] == ([0, length - 1] if length else [])


def test_an_unreadable_item_in_the_middle_of_a_queue_is_found(store: Store, direct: Direct) -> None:
    fill(direct, [JOB, JOB, JOB, b"no job", JOB], queue("short"))
    fill(direct, [JOB] * 5_000 + [b"[]"], queue("long"))
    fill(direct, [b'{"args":["' + b"x" * 9_000, b"x" * 9_000], queue("large"))
    direct("SET", queue("odd"), "no list")
    names = ["short", "long", "large", "odd", "empty"]
    found = {each.queue: each for each in store.run(waiting_jobs.sample(KEYS, names))}
    assert [item.raw for item in found["short"].unreadable] == [b"no job"]
    assert (found["long"].length, found["long"].looked_at) == (5_001, 400)
    assert [item.raw for item in found["long"].unreadable] == [b"[]"]
    assert [item.raw[:1] for item in found["large"].unreadable] == [b"x"]
    assert (found["odd"].length, found["odd"].looked_at) == (None, 0)
    assert (found["empty"].length, found["empty"].looked_at) == (0, 0)


def test_of_many_queues_together_a_bounded_number_is_looked_at(
    store: Store, direct: Direct
) -> None:
    names = [f"q{number}" for number in range(30)]
    for name in names:
        fill(direct, [JOB] * 200, queue(name))
    found = store.run(waiting_jobs.sample(KEYS, names, most=1_000))
    assert sum(each.looked_at for each in found) == 30 * 32
    assert [each.looked_at for each in store.run(waiting_jobs.sample(KEYS, names, most=1))] == [
        16
    ] * 30


def test_no_queues_are_no_round_trip_too_many(store: Store) -> None:
    assert store.run(waiting_jobs.sample(KEYS, [])) == []
