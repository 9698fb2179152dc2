"""The jobs of a queue, the next first, while workers take them and others push."""

from __future__ import annotations

import json

import pytest
from tests.support.direct import Direct
from tests.support.golden import load, restore
from tests.support.sidekiq_sets import KEYS, STATES, keys_of, payload

from queuecore.exchange import Steps
from queuecore.stores import Store
from queuecore.windows import whole
from sidekiq.store import waiting_jobs
from sidekiq.store.waiting_jobs import WaitingJob, WaitingPage

QUEUE = KEYS.queue("q")
#: What every version was recorded with.
_FIRST = [[1], [{"k": "v", "nested": [1, 2.5, None, True]}], ["ünï✓"], [10], [11], [12]]
IDLE = [("IdleJob", args) for args in _FIRST]


def push(direct: Direct, *numbers: int) -> None:
    """Push jobs as Sidekiq's client does."""
    direct("LPUSH", QUEUE, *(payload(number) for number in numbers))


def take(direct: Direct, many: int) -> None:
    """Take jobs as Sidekiq's fetch does."""
    for _ in range(many):
        direct("RPOP", QUEUE)


def numbers(page: WaitingPage) -> list[int]:
    return [job.record.args[0] for job in page.jobs]


def pages(size: int, key: bytes = QUEUE, max_bytes: int = 65_536) -> Steps[list[WaitingJob]]:
    """Page through a whole queue."""
    found: list[WaitingJob] = []
    page = yield from waiting_jobs.page(key, (), size, max_bytes=max_bytes)
    while page.jobs:
        found += page.jobs
        page = yield from waiting_jobs.page(key, page.jobs, size, max_bytes=max_bytes)
    return found


def test_every_recorded_queue_is_listed_with_the_next_job_first(
    store: Store, direct: Direct
) -> None:
    seen = 0
    for state in STATES:
        direct("FLUSHALL")
        restore(direct, state)
        keys = keys_of(state)
        for name, entry in load(state)["keys"].items():
            if (queue := keys.queue_of(name.encode())) is None:
                continue
            expected = [json.loads(item)["jid"] for item in entry["value"][::-1]]
            found = store.run(pages(3, keys.queue(queue)))
            assert [job.record.jid for job in found] == expected
            assert [job.place for job in found] == list(range(len(expected)))
            for job in found:
                assert direct("LINDEX", keys.queue(queue), job.index) == job.item.raw
                assert job.record.waiting_since is not None
            seen += len(found)
    assert seen > 500


@pytest.mark.parametrize("version", ["v5.2.10", "v6.4.1", "v6.5.12", "v7.3.2", "v8.1.7"])
def test_the_queue_that_nobody_serves(store: Store, direct: Direct, version: str) -> None:
    restore(direct, f"sidekiq/{version}-2-running")
    page = store.run(waiting_jobs.page(KEYS.queue("idle"), (), 50))
    jobs = [job.record for job in page.jobs]
    assert [(job.class_name, job.args) for job in jobs] == IDLE


def test_a_page_goes_on_after_the_jobs_that_were_seen(store: Store, direct: Direct) -> None:
    for taken in range(14):
        direct("DEL", QUEUE)
        push(direct, *range(40))
        first = store.run(waiting_jobs.page(QUEUE, (), 10))
        take(direct, taken)
        push(direct, *range(40, 60))
        page = store.run(waiting_jobs.page(QUEUE, first.jobs, 10))
        begin = max(10, taken)
        assert numbers(page) == list(range(begin, begin + 10))
        assert (page.first, page.length) == (begin - taken, 60 - taken)
        assert page.is_gone == (taken >= 10)


def test_a_page_in_the_middle_follows_when_much_was_taken(store: Store, direct: Direct) -> None:
    push(direct, *range(100))
    page = store.run(waiting_jobs.page(QUEUE, (), 10))
    for _ in range(4):
        page = store.run(waiting_jobs.page(QUEUE, page.jobs, 10))
    assert numbers(page) == list(range(40, 50))
    take(direct, 37)
    assert numbers(store.run(waiting_jobs.page(QUEUE, page.jobs, 10))) == list(range(50, 60))


def test_jobs_put_back_at_the_front_move_the_page_away(store: Store, direct: Direct) -> None:
    push(direct, *range(30))
    first = store.run(waiting_jobs.page(QUEUE, (), 10))
    direct("RPUSH", QUEUE, *(payload(number) for number in range(90, 95)))
    page = store.run(waiting_jobs.page(QUEUE, first.jobs, 10))
    assert (numbers(page), page.first) == (list(range(10, 20)), 15)


def test_a_job_that_was_deleted_in_the_middle_moves_no_other_out_of_sight(
    store: Store, direct: Direct
) -> None:
    push(direct, *range(30))
    first = store.run(waiting_jobs.page(QUEUE, (), 10))
    for number in (9, 3):
        direct("LREM", QUEUE, 1, payload(number))
    page = store.run(waiting_jobs.page(QUEUE, first.jobs, 10))
    assert numbers(page) == list(range(10, 20))


def test_equal_jobs_are_told_apart_by_those_beside_them(store: Store, direct: Direct) -> None:
    order = [1, 1, 1, 2, 1, 1, 3, 1, 1, 1, 4, 1, 1, 1, 5, 1, 1, 1, 6, 1]
    for taken in range(5):
        direct("DEL", QUEUE)
        push(direct, *order)
        first = store.run(waiting_jobs.page(QUEUE, (), 9))
        take(direct, taken)
        page = store.run(waiting_jobs.page(QUEUE, first.jobs, 6))
        assert numbers(page) == order[9:15]


def test_a_stretch_counts_as_redis_does_in_a_list_turned_round(
    store: Store, direct: Direct
) -> None:
    push(direct, *range(20))
    turned = [payload(number) for number in range(20)]
    for first, last in ((0, 4), (3, 3), (-5, -1), (-1, -1), (15, 99), (0, -1), (7, 2), (30, 40)):
        seen = store.run(waiting_jobs.stretch(QUEUE, first, last))
        direct("DEL", "turned")
        direct("RPUSH", "turned", *turned)
        assert seen.replies == direct("LRANGE", "turned", first, last)
        assert seen.length == 20


def test_huge_and_broken_jobs_are_listed(store: Store, direct: Direct) -> None:
    huge = payload(1, error_message="e" * 2_000_000)
    items = [huge, b"", b"[1]", b"\xff", b"{}", payload(2)]
    direct("LPUSH", QUEUE, *items)
    found = store.run(pages(2))
    assert [job.item.sha for job in found] == [whole(item).sha for item in items]
    assert found[0].item.is_cut
    assert found[0].record.class_name == "Job1"
    assert all(job.record.class_name is None for job in found[1:5])
    direct("RPUSH", QUEUE, payload(7))
    read = store.run(waiting_jobs.read_whole(QUEUE, found[0]))
    assert read is not None
    assert read.item.raw == huge
    direct("LREM", QUEUE, 1, huge)
    assert store.run(waiting_jobs.read_whole(QUEUE, found[0])) is None
    assert store.run(waiting_jobs.read_whole(QUEUE, found[5])) == found[5]


def test_an_empty_queue_has_no_jobs(store: Store) -> None:
    assert store.run(waiting_jobs.page(QUEUE, (), 10)) == WaitingPage((), 0, 0)
    assert store.run(waiting_jobs.stretch(QUEUE, 0, 5)).replies == []
