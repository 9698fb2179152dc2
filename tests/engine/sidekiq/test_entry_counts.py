"""Figures about the sets: how many, when, of which classes and queues."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.golden import restore
from tests.support.sidekiq_sets import KEYS, add, keys_of, payload

from queuecore.exchange import Exchange
from queuecore.reading import reading_only
from queuecore.stores import Store
from sidekiq.store import entry_counts
from sidekiq.store.entries import set_key
from sidekiq.store.entry_counts import DueCounts, EntryCounts, SetSize

RETRY, SCHEDULE, DEAD = (KEYS.jobs(name) for name in ("retry", "schedule", "dead"))
NOW = 1_795_436_200.0


def counted(store: Store, name: Any = "retry", **more: Any) -> tuple[EntryCounts, list[float]]:
    """A count without its pauses, and these."""
    steps = entry_counts.count(KEYS, name, **more)
    pauses: list[float] = []
    result: Any = None
    while True:
        try:
            step: Exchange[Any] = steps.send(result)
        except StopIteration as stop:
            return stop.value, pauses
        pauses.append(step.wait_s)
        result = store.run(Exchange(step.commands, step.parse))


@pytest.mark.parametrize(
    "version", ["v5.2.10", "v6.4.1", "v6.4.1-namespaced", "v6.5.12", "v7.3.2", "v8.1.7"]
)
def test_the_figures_of_each_version(store: Store, direct: Direct, version: str) -> None:
    state = f"sidekiq/{version}-2-running"
    restore(direct, state)
    keys = keys_of(state)
    sizes = store.run(entry_counts.sizes(keys, ["retry", "schedule", "dead", "failed"]))
    assert [each.length for each in sizes] == [3, 4, 2, 0]
    for size in sizes[:3]:
        key = set_key(keys, size.name)
        low, high = (direct("ZRANGE", key, at, at, "WITHSCORES")[1] for at in (0, -1))
        assert (size.lowest, size.highest) == (low.decode(), high.decode())
    schedule, retry = store.run(entry_counts.due(keys, float(sizes[0].highest or 0), [1800, 4200]))
    assert (retry.overdue, retry.shares, retry.later) == (3, (0, 0), 0)
    assert (schedule.overdue, schedule.shares, schedule.later) == (0, (0, 1), 3)
    found = store.run(entry_counts.count(keys, "retry"))
    assert found.by_class == {"NoBtJob": 1, "Retry3Job": 1, "RetryJob": 1}
    assert found.by_queue == {"default": 3}
    assert store.run(entry_counts.count(keys, "dead")).jobs == {("DeadJob", "critical"): 2}


def test_what_comes_due_when(store: Store, direct: Direct) -> None:
    scores: list[str | float] = [
        "-inf",
        -1,
        NOW - 60,
        NOW,
        NOW + 0.5,
        NOW + 60,
        NOW + 60.5,
        NOW + 9_000,
        "inf",
    ]
    add(direct, RETRY, ((score, b"%d" % at) for at, score in enumerate(scores)))
    schedule, retry = store.run(entry_counts.due(KEYS, NOW, [60, 3_600]))
    assert schedule == DueCounts("schedule", 0, (0, 0), 0, None)
    assert retry == DueCounts("retry", 4, (2, 1), 2, float("-inf"))
    assert retry.length == len(scores)


def test_a_set_of_another_kind_is_unknown_and_the_others_are_not(
    store: Store, direct: Direct
) -> None:
    direct("RPUSH", KEYS.copies_of_failures(), b"{}")
    add(direct, DEAD, [("1.5", b"x")])
    found = store.run(entry_counts.sizes(KEYS, ["failed", "dead", "retry"]))
    assert found == [SetSize("failed", None), SetSize("dead", 1, "1.5", "1.5"), SetSize("retry", 0)]


def test_minutes_are_counted_without_reading_entries(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((NOW + number / 10, payload(number)) for number in range(3_000)))
    found = store.run(entry_counts.by_minute(KEYS, "retry", NOW - 60, 8))
    assert found == (0, 600, 600, 600, 600, 600, 0, 0)
    step = entry_counts.by_minute(KEYS, "retry", NOW, 1_000_000)
    assert len(step.commands) == entry_counts.MOST_MINUTES


def test_classes_and_queues_are_counted_with_the_age_of_the_count(
    store: Store, direct: Direct
) -> None:
    inner = {"job_class": "MailJob", "arguments": []}
    wrapped = {"class": "Sidekiq::ActiveJob::Wrapper", "wrapped": "MailJob", "args": [inner]}
    jobs = [payload(number, queue=f"q{number % 2}") for number in range(1_200)]
    jobs += [payload(number, **wrapped) for number in range(100)]
    jobs += [b"no job", b"[1]", b'{"class":7,"queue":{}}', b'{"class":"Alone"}']
    add(direct, RETRY, ((5, job) for job in jobs))
    before = direct("TIME")
    found, pauses = counted(store)
    after = direct("TIME")
    assert found.entries == len(jobs)
    of_class: dict[str | None, int] = {"Job0": 400, "Job1": 400, "Job2": 400}
    assert found.by_class == of_class | {"MailJob": 100, "Alone": 1, None: 3}
    assert found.by_queue == {"q0": 600, "q1": 600, "default": 100, None: 4}
    assert (found.unreadable, found.others, found.is_broken) == (2, 0, False)
    assert int(before[0]) <= found.began_at <= found.ended_at <= int(after[0]) + 1
    # It waits before each window but the first, by the time that Redis took for the one before.
    assert pauses[0] == 0
    assert len(pauses) == 6
    assert all(0 < pause < 60 for pause in pauses[1:])


def test_a_count_takes_no_more_than_its_share_of_redis(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((5, payload(number)) for number in range(2_000)))
    steps = entry_counts.count(KEYS, "retry", share=0.2)
    step, took_s = next(steps), None
    while True:
        if took_s is not None:
            assert step.wait_s == pytest.approx(took_s * 4)
        [reply] = store.run(Exchange(step.commands, list))
        took_s = (reply[4] - reply[3]) / 1e6
        try:
            step = steps.send(step.parse([reply]))
        except StopIteration:
            return


def test_the_classes_of_some_minutes_alone_are_counted(store: Store, direct: Direct) -> None:
    add(direct, RETRY, ((NOW + number, payload(number)) for number in range(600)))
    found, _ = counted(store, below=repr(NOW + 120), lowest=NOW + 60)
    assert found.by_class == {"Job0": 20, "Job1": 20, "Job2": 20}


def test_endless_names_are_counted_together(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_counts, "MOST_NAMES", 50)
    add(direct, DEAD, ((n, payload(n, **{"class": f"C{n}"})) for n in range(80)))
    add(direct, DEAD, [(90, payload(90, **{"class": "C" * 1_000}))])
    found, _ = counted(store, "dead")
    assert (len(found.jobs), found.others, found.entries) == (50, 31, 81)


def test_a_class_behind_huge_arguments_is_unknown_and_counted(store: Store, direct: Direct) -> None:
    raw = b'{"queue":"q","args":["%s"],"class":"A"}' % (b"x" * 100_000)
    add(direct, DEAD, [(1, raw)])
    found, _ = counted(store, "dead")
    assert (found.jobs, found.unreadable) == ({(None, "q"): 1}, 0)


def test_all_of_it_only_reads(store: Store) -> None:
    for operation in (
        entry_counts.sizes(KEYS, ["dead"]),
        entry_counts.due(KEYS, NOW, [60]),
        entry_counts.by_minute(KEYS, "dead", NOW, 5),
        entry_counts.count(KEYS, "dead"),
    ):
        store.run(reading_only(operation))
