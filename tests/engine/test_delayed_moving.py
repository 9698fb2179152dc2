"""Delayed jobs are moved to their queues: each exactly once, also by several schedulers."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from tests.support.direct import Direct

from queuecore.exchange import Exchange, Steps
from queuecore.stores import Store
from resque.codec import Unreadable
from resque.keys import Keys
from resque.scheduler import moving
from resque.scheduler.moving import MovedJobs, Push, push_of
from resque.store import delayed

T = 1_900_000_000
STAMP = str(T)


@pytest.mark.parametrize(
    ("entry", "payload"),
    [
        (b'{"class":"A","args":[1,"x"],"queue":"q"}', b'{"class":"A","args":[1,"x"]}'),
        (b'{"class":"A","args":{"h":1},"queue":"q"}', b'{"class":"A","args":[{"h":1}]}'),
        (b'{"class":"A","args":"one","queue":"q"}', b'{"class":"A","args":["one"]}'),
        (b'{"class":"A","args":null,"queue":"q"}', b'{"class":"A","args":[]}'),
        (b'{"class":"A","queue":"q"}', b'{"class":"A","args":[]}'),
        (b'{"queue":"q","x":0,"args":[1.50],"class":"A"}', b'{"class":"A","args":[1.50]}'),
        (
            b'{"class":"A","args":[12345678901234567890],"queue":"q"}',
            b'{"class":"A","args":[12345678901234567890]}',
        ),
        (b'{"class":"A","args":["\xff"],"queue":"q"}', b'{"class":"A","args":["\xff"]}'),
    ],
)
def test_a_payload_is_cut_out_of_the_jobs_own_bytes(entry: bytes, payload: bytes) -> None:
    assert push_of(entry) == Push("q", payload)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"junk",
        b"null",
        b"[1]",
        b'{"class":"A","args":[],"queue":"q"} and more',
        b'{"args":[],"queue":"q"}',
        b'{"class":"","queue":"q"}',
        b'{"class":7,"queue":"q"}',
        b'{"class":"A","args":[]}',
        b'{"class":"A","queue":""}',
        b'{"class":"A","queue":5}',
        b'{"class":"A","queue":"\\ud800"}',
    ],
)
def test_what_cannot_be_moved_says_why(entry: bytes) -> None:
    reading = push_of(entry)
    assert isinstance(reading, Unreadable)
    assert reading.reason


def test_a_job_without_queue_goes_to_that_of_its_class() -> None:
    queues = {"Known": "own"}
    assert push_of(b'{"class":"Known"}', queues.get) == Push("own", b'{"class":"Known","args":[]}')


def test_jobs_are_moved_when_their_second_has_come_and_not_before(store: Store, keys: Keys) -> None:
    store.run(delayed.schedule(keys, T, "q", "OkJob", []))
    early = store.run(moving.move_due(keys, T - 0.001))
    assert (early.moved, early.is_complete, early.next_at) == (MovedJobs(), True, T)
    late = store.run(moving.move_due(keys, T))
    assert (late.moved.queued, late.is_complete, late.next_at) == (1, True, None)


def test_what_cannot_be_moved_is_set_aside_byte_for_byte_and_delays_no_other_job(
    store: Store, keys: Keys, direct: Direct
) -> None:
    direct("ZADD", "resque:delayed_queue_schedule", T, T)
    direct(
        "RPUSH", f"resque:delayed:{T}", b"\xff junk", '{"class":"A"}', '{"class":"A","queue":"q"}'
    )
    done = store.run(moving.move_due(keys, T))
    assert done.moved.queued == 1
    assert len(done.moved.set_aside) == 2
    assert direct("LRANGE", "resque:unreadable:delayed", 0, -1) == [b"\xff junk", b'{"class":"A"}']
    assert direct("EXISTS", "resque:delayed_queue_schedule", f"resque:delayed:{T}") == 0


def test_a_job_whose_queue_is_no_list_is_set_aside(
    store: Store, keys: Keys, direct: Direct
) -> None:
    direct("SET", "resque:queue:bad", "not a list")
    store.run(delayed.schedule(keys, T, "bad", "A", []))
    store.run(delayed.schedule(keys, T, "good", "A", []))
    done = store.run(moving.move_due(keys, T))
    assert done.moved.queued == 1
    assert [kept.reason for kept in done.moved.set_aside] == ["the key of its queue is not a list"]
    assert direct("LLEN", "resque:unreadable:delayed") == 1
    assert direct("SMEMBERS", "resque:queues") == [b"good"]


def test_a_moment_whose_key_is_no_list_is_looked_past(
    store: Store, keys: Keys, direct: Direct
) -> None:
    direct("ZADD", "resque:delayed_queue_schedule", T - 1, T - 1)
    direct("SET", f"resque:delayed:{T - 1}", "not a list")
    store.run(delayed.schedule(keys, T, "q", "A", []))
    done = store.run(moving.move_due(keys, T))
    assert (done.moved.queued, done.broken, done.is_complete) == (1, (str(T - 1),), True)


def test_an_empty_or_odd_moment_is_forgotten(store: Store, keys: Keys, direct: Direct) -> None:
    direct("ZADD", "resque:delayed_queue_schedule", 5, "5", 6, "6.5", 7, "\xff")
    assert store.run(moving.move_due(keys, T)).is_complete
    assert direct("EXISTS", "resque:delayed_queue_schedule") == 0


def test_a_pass_is_bounded_and_says_that_there_is_more(
    store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "PASS_BATCHES", 2)
    for number in range(5):
        store.run(delayed.schedule(keys, T, "q", "A", [number]))
    first = store.run(moving.move_due(keys, T, batch=2))
    assert (first.moved.queued, first.is_complete) == (4, False)
    second = store.run(moving.move_due(keys, T, batch=2))
    assert (second.moved.queued, second.is_complete) == (1, True)


def test_a_huge_job_is_moved_in_a_batch_of_its_own(
    store: Store, keys: Keys, direct: Direct
) -> None:
    huge = "x" * (1 << 20)
    for args in ([huge], [huge], [1]):
        store.run(delayed.schedule(keys, T, "q", "A", args))
    assert store.run(moving.move_due(keys, T)).moved.queued == 3
    assert direct("LINDEX", "resque:queue:q", -1) == b'{"class":"A","args":[1]}'


def interleave(store: Store, steps: Steps[moving.Pass], then: Callable[[], object]) -> moving.Pass:
    """Run a pass, but do something else just before its first change."""
    result: object = None
    done = False
    while True:
        try:
            step: Exchange[object] = steps.send(result)
        except StopIteration as stop:
            outcome: moving.Pass = stop.value
            return outcome
        if step.writes and not done:
            done = True
            then()
        result = store.run(step)


def test_of_two_movers_that_saw_the_same_jobs_only_one_moves_them(
    store: Store, keys: Keys, direct: Direct
) -> None:
    for number in range(3):
        store.run(delayed.schedule(keys, T, "q", "A", [number]))
    other = moving.move_due(keys, T)
    done = interleave(store, moving.move_due(keys, T), lambda: store.run(other))
    assert done.moved.queued == 0
    assert direct("LLEN", "resque:queue:q") == 3


def test_a_job_removed_while_it_is_being_moved_stays_removed(
    store: Store, keys: Keys, direct: Direct
) -> None:
    for number in range(3):
        store.run(delayed.schedule(keys, T, "q", "A", [number]))
    raw = delayed.entry("q", "A", [1])
    done = interleave(
        store, moving.move_due(keys, T), lambda: store.run(delayed.remove_at(keys, STAMP, raw))
    )
    assert done.moved.queued == 2
    assert direct("LRANGE", "resque:queue:q", 0, -1) == [
        b'{"class":"A","args":[0]}',
        b'{"class":"A","args":[2]}',
    ]


def test_two_movers_at_once_move_two_thousand_jobs_exactly_once(
    redis_url: str, store: Store, keys: Keys, direct: Direct
) -> None:
    for number in range(2000):
        store.run(delayed.schedule(keys, T + number % 7, "q", "A", [number]))
    moved: list[int] = []
    begin = threading.Barrier(2)

    def move() -> None:
        with Store(redis_url) as own:
            begin.wait()
            count, is_complete = 0, False
            while not is_complete:
                done = own.run(moving.move_due(keys, T + 10, batch=10))
                count, is_complete = count + done.moved.queued, done.is_complete
            moved.append(count)

    movers = [threading.Thread(target=move) for _ in range(2)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    assert sum(moved) == 2000
    pushed = sorted(direct("LRANGE", "resque:queue:q", 0, -1))
    assert pushed == sorted(b'{"class":"A","args":[%d]}' % number for number in range(2000))
    assert sorted(direct("KEYS", "*")) == [b"resque:queue:q", b"resque:queues"]


def test_a_reset_deletes_all_delayed_jobs_and_nothing_else(
    store: Store, keys: Keys, direct: Direct
) -> None:
    for number in range(250):
        store.run(delayed.schedule(keys, T + number % 3, "q", "A", [number % 50]))
    direct("HSET", "resque:delayed:last_enqueued_at", "name", "2026-11-23 12:21:55 +0000")
    assert store.run(moving.reset(keys)) == 250
    assert direct("KEYS", "*") == [b"resque:delayed:last_enqueued_at"]


def test_a_moment_whose_name_is_no_text_is_moved_like_others(store: Store, direct: Direct) -> None:
    direct("ZADD", "resque:delayed_queue_schedule", 700, b"\xff")
    direct("RPUSH", b"resque:delayed:\xff", b'{"class":"A","args":[],"queue":"q"}')
    direct("ZADD", "resque:delayed_queue_schedule", 800, "800")
    direct("RPUSH", "resque:delayed:800", b'{"class":"B","args":[],"queue":"q"}')
    done = store.run(moving.move_due(Keys(), 1_000))
    assert (done.moved, done.is_complete) == (MovedJobs(queued=2), True)
    assert direct("EXISTS", "resque:delayed_queue_schedule", b"resque:delayed:\xff") == 0
