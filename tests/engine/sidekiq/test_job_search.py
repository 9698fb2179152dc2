"""Whether lost jobs are elsewhere after all: what was not looked at is unknown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.sidekiq_processes import KEYS, beat, payload, work

from queuecore.exchange import Exchange, Steps, checked
from queuecore.reading import only_reads, reading_only
from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store.job_search import JobPlace, LostJobSearch, Whereabouts
from sidekiq.store.rescue import LostJob, read_lost

ID = "host:1:0123456789ab"
JIDS = [f"{number:024x}" for number in range(20)]


def lost(raw: bytes) -> LostJob:
    entry = {"queue": "q", "payload": raw.decode(), "run_at": 1}
    return read_lost(ID, "t", json.dumps(entry).encode(), 0.0)


def look(store: Store, *raws: bytes, keys: SidekiqKeys = KEYS) -> list[Whereabouts]:
    """Look everywhere, by commands that only read."""
    jobs = [lost(raw) for raw in raws]
    search = LostJobSearch(keys, jobs)
    store.run(reading_only(search.run()))
    return [search.of(job) for job in jobs]


def test_what_is_nowhere_can_be_put_back(direct: Direct, store: Store) -> None:
    beat(direct, ID)
    work(direct, ID, {"t": payload(JIDS[0])})
    direct("ZADD", "retry", 1, payload(JIDS[1]))
    [found] = look(store, payload(JIDS[0]))
    assert found == Whereabouts((), ())
    assert found.is_nowhere


@pytest.mark.parametrize(
    ("command", "kind", "name"),
    [
        (("ZADD", "retry", 5), "retry", "retry"),
        (("ZADD", "schedule", 5), "scheduled", "schedule"),
        (("ZADD", "dead", 5), "dead", "dead"),
        (("LPUSH", "queue:other"), "queue", "other"),
        (("LPUSH", "queue:forgotten"), "queue", "forgotten"),
        (("LPUSH", f"queue:sq|{ID}|q"), "private list", f"queue:sq|{ID}|q"),
        (("LPUSH", "queue:backup::node::q"), "private list", "queue:backup::node::q"),
        (("LPUSH", "queue:q:h.1:inprogress"), "private list", "queue:q:h.1:inprogress"),
        (("LPUSH", "working:queue:q:h:1:2"), "private list", "working:queue:q:h:1:2"),
    ],
)
def test_a_job_is_found_wherever_it_is(
    direct: Direct, store: Store, command: tuple[Any, ...], kind: str, name: str
) -> None:
    direct("SADD", "queues", "other")
    # Its bytes have changed since, as those of a job that failed.
    direct(*command, payload(JIDS[3], error_class="E", retry_count=0))
    direct(*command, payload(JIDS[4]))
    found, other = look(store, payload(JIDS[3]), payload(JIDS[5]))
    assert [(place.kind, place.name) for place in found.found] == [(kind, name)]
    assert found.unknown == ()
    assert other.is_nowhere


@pytest.mark.parametrize("name", ["work", "workers"])
def test_a_job_that_another_process_runs_is_found(direct: Direct, store: Store, name: str) -> None:
    beat(direct, "other")
    work(direct, "other", {"t": payload(JIDS[2])}, name=name)
    [found] = look(store, payload(JIDS[2]))
    assert found.found == (JobPlace("running", "other"),)


def test_it_is_found_under_a_namespace(direct: Direct, store: Store) -> None:
    direct("SADD", "app:queues", "q")
    direct("LPUSH", "app:queue:q", payload(JIDS[2]))
    direct("LPUSH", "queue:q", payload(JIDS[1]))
    one, two = look(store, payload(JIDS[2]), payload(JIDS[1]), keys=SidekiqKeys("app"))
    assert one.found == (JobPlace("queue", "q"),)
    assert two.is_nowhere


def test_a_job_without_an_id_is_looked_for_by_its_bytes(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "q")
    direct("LPUSH", "queue:q", payload(None), payload(None, args=[3]))
    found, other = look(store, payload(None), payload(None, args=[4]))
    assert found.found == (JobPlace("queue", "q"),)
    # Among running jobs it cannot be told from others.
    assert not other.is_nowhere
    assert other.unknown


def test_what_could_not_be_read_is_unknown(direct: Direct, store: Store) -> None:
    direct("SET", "retry", "x")
    direct("SADD", "queues", "q")
    direct("HSET", "queue:q", "a", "b")
    direct("SET", "queue:other:qtop:turn", "no list of jobs")
    [found] = look(store, payload(JIDS[0]))
    assert len(found.unknown) == 2
    assert not found.is_nowhere


def test_a_search_that_was_stopped_says_what_it_did_not_look_at(
    direct: Direct, store: Store
) -> None:
    direct("SADD", "queues", "q")
    for first in range(0, 5000, 1000):
        direct("LPUSH", "queue:q", *(payload(f"x{first + each}") for each in range(1000)))
    job = lost(payload(JIDS[0]))
    search = LostJobSearch(KEYS, [job])
    assert not search.of(job).is_nowhere
    steps = search.run()
    step = next(steps)
    progress: list[tuple[int, int]] = []
    for _ in range(1000):
        assert all(map(only_reads, step.commands))
        if step.progress is not None:
            progress.append(step.progress)
        if step.progress == (2000, 5000):
            break
        step = steps.send(store.run(step))
    steps.close()
    assert progress[-1] == (2000, 5000)
    assert search.of(job).unknown == ("queue q", "running jobs")
    assert search.of(job).found == ()
    store.run(search.run())
    assert search.of(job).is_nowhere


def test_huge_and_odd_entries_are_passed(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "q", "sq|x", "a|b c\n")
    direct("LPUSH", "queue:q", b"", b"\xff\0", b"[1]", b"x" * 3_000_000, payload(JIDS[7]))
    direct("LPUSH", "queue:sq|x", payload(JIDS[8], args=["y" * 2_000_000]))
    direct("LPUSH", "queue:a|b c\n", payload(JIDS[9]))
    one, two, three = look(store, *(payload(jid) for jid in JIDS[7:10]))
    assert one.found == (JobPlace("queue", "q"),)
    # A queue may have the name of a private list: it is on the set of queues then.
    assert two.found == (JobPlace("queue", "sq|x"),)
    assert three.found == (JobPlace("queue", "a|b c\n"),)


def test_entries_that_come_meanwhile_hide_none(direct: Direct, store: Store) -> None:
    direct("SADD", "queues", "q")
    direct("LPUSH", "queue:q", *(payload(f"x{each}") for each in range(2500)))
    direct("RPUSH", "queue:q", payload(JIDS[0]))
    direct("ZADD", "retry", 1, payload(JIDS[1]))
    for each in range(2500):
        direct("ZADD", "retry", each + 2, payload(f"y{each}"))
    jobs = [lost(payload(jid)) for jid in JIDS[:2]]
    search = LostJobSearch(KEYS, jobs)
    changes = iter(range(10))

    def change(_: Exchange[Any]) -> Steps[None]:
        turn = next(changes, 10)
        for number in range(50 * turn, 50 * turn + 50):
            direct("LPUSH", "queue:q", f"new {number}")
            direct("ZADD", "retry", 9000 + number, f"new {number}")
        yield from ()

    store.run(checked(search.run(), change))
    assert [len(search.of(job).found) for job in jobs] == [1, 1]


def test_no_jobs_need_no_round_trip(store: Store) -> None:
    search = LostJobSearch(KEYS, [])
    assert list(search.run()) == []
