"""What classes did and how long it took: both spellings, bounds instead of guesses."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct

from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import metrics
from sidekiq.store.metrics import ClassMetrics, Deploy, DurationBound, DurationCounts

KEYS = SidekiqKeys()
NOW = datetime(2026, 11, 5, 9, 5, 30, tzinfo=UTC)
#: Each spelled by hand, of 09:05 on the fifth, where a zero may be missing.
NAMES = {
    "7": (b"j|20261105|9:5", b"A-05-09:5"),
    "8": (b"j|261105|9:05", b"h|A-5-9:5"),
}


def histogram(**spans: int) -> bytes:
    counts = [spans.get(f"s{i}", 0) for i in range(26)]
    return struct.pack(">26H", *counts)


@pytest.mark.parametrize("spelling", ["7", "8"])
def test_each_version_spells_its_keys_in_its_way(
    direct: Direct, store: Store, spelling: str
) -> None:
    minute, durations = NAMES[spelling]
    direct("HSET", minute, "A|p", 5, "A|f", 2, "A|ms", 60)
    direct("SET", durations, histogram(s1=3))
    (found,) = store.run(metrics.read(KEYS, NOW, minutes=1)).classes
    assert (found.class_name, found.runs, found.failures, found.mean_ms) == ("A", 5, 2, 20.0)
    assert found.durations is not None
    assert found.durations.within(0.5) == DurationBound(30)


@pytest.mark.parametrize("version", ["v7.3.2", "v8.1.7"])
def test_recorded_metrics_are_summed_by_class(direct: Direct, store: Store, version: str) -> None:
    recordings.restore(direct, f"{version}-2-running")
    seen = store.run(metrics.read(KEYS, datetime(2026, 11, 23, 12, 17, tzinfo=UTC)))
    assert seen.problem is None
    assert [(each.class_name, each.runs, each.failures) for each in seen.classes] == [
        ("OkJob", 3, 0),
        ("DeadJob", 2, 2),
        *((name, 1, 1) for name in ("NoBtJob", "NoRetryJob", "Retry3Job", "RetryJob")),
    ]
    first, second, *_ = seen.classes
    assert (first.mean_ms, second.mean_ms) == (0.0, None)
    assert first.durations is not None
    assert first.durations.counts == (3,) + (0,) * 25
    assert second.durations is not None
    assert second.durations.within(0.95) is None
    # Ten minutes are kept by 8 alone; of 7 there are the minutes of eight hours.
    long = store.run(metrics.read_long(KEYS, datetime(2026, 11, 23, 12, 17, tzinfo=UTC)))
    assert (long.classes[0].class_name, long.classes[0].runs) == ("OkJob", 3)
    assert all(each.durations is None for each in long.classes)
    assert long.until - long.since_7 == timedelta(hours=8)
    assert long.until - long.since > timedelta(hours=71)


@pytest.mark.parametrize("version", ["v5.2.10", "v6.4.1", "v6.5.12"])
def test_versions_without_metrics_have_none(direct: Direct, store: Store, version: str) -> None:
    recordings.restore(direct, f"{version}-2-running")
    seen = store.run(metrics.read(KEYS, datetime(2026, 11, 23, 12, 17, tzinfo=UTC)))
    assert (seen.classes, seen.problem) == ((), None)


def test_both_versions_and_all_minutes_are_summed(direct: Direct, store: Store) -> None:
    for minute, durations in NAMES.values():
        direct("HSET", minute, "A|p", 2, "A|ms", 10, "B::C|p", 1, "B::C|f", 1)
        direct("SET", durations, histogram(s0=2))
    direct("HSET", "j|261105|1:06", "A|p", 4, "A|ms", 4)
    direct("SET", "h|A-5-1:6", histogram(s25=4))
    direct("HSET", "j|261105|1:05", "A|p", 100)
    seen = store.run(metrics.read(KEYS, NOW, minutes=10_000))
    assert seen.since == datetime(2026, 11, 5, 1, 6, tzinfo=UTC)
    assert seen.until == datetime(2026, 11, 5, 9, 6, tzinfo=UTC)
    assert [(each.class_name, each.runs, each.mean_ms) for each in seen.classes] == [
        ("A", 8, 3.0),
        ("B::C", 2, None),
    ]
    spans = seen.classes[0].durations
    assert spans is not None
    assert spans.within(0.5) == DurationBound(20)
    assert spans.within(0.51) == DurationBound(335_000, is_over=True)


def test_ten_minutes_go_back_for_three_days(direct: Direct, store: Store) -> None:
    direct("HSET", "j|261105|9:0", "A|p", 1, "A|ms", 5)
    direct("HSET", "j|261102|9:1", "A|p", 2, "A|ms", 5)
    direct("HSET", "j|261102|9:0", "A|p", 100)
    direct("HSET", "j|20261105|9:5", "A|p", 4, "A|ms", 4)
    (found,) = store.run(metrics.read_long(KEYS, NOW)).classes
    assert found == ClassMetrics("A", 7, 0, 14)
    (found,) = store.run(metrics.read_long(KEYS, NOW, hours=1)).classes
    assert found.runs == 5


def test_a_counter_that_is_full_counts_at_least(direct: Direct, store: Store) -> None:
    minute, durations = NAMES["8"]
    direct("HSET", minute, "A|p", 70_000, "A|ms", 1)
    direct("SET", durations, histogram(s3=65_535))
    (found,) = store.run(metrics.read(KEYS, NOW, minutes=1)).classes
    assert found.durations is not None
    assert found.durations.is_least
    assert found.durations.within(0.99) == DurationBound(65)


@pytest.mark.parametrize(
    ("raw", "counts"),
    [
        (b"", {}),
        (b"\0\3", {0: 3}),
        (b"\1", {0: 256}),
        (b"\0\0\0\5\0", {1: 5}),
        (b"\xff" * 200, dict.fromkeys(range(26), 65_535)),
    ],
)
def test_histograms_that_are_cut_short_or_too_long_are_read(
    raw: bytes, counts: dict[int, int]
) -> None:
    assert metrics.counts_of(raw) == tuple(counts.get(i, 0) for i in range(26))


def test_a_percentile_is_a_bound() -> None:
    spans = DurationCounts((50, 45, 4, *(0,) * 22, 1))
    assert [spans.within(part) for part in (0.5, 0.95, 0.99, 1.0)] == [
        DurationBound(20),
        DurationBound(30),
        DurationBound(45),
        DurationBound(335_000, is_over=True),
    ]
    assert DurationCounts((0,) * 26).within(0.5) is None


def test_what_are_no_figures_is_said_and_left_out(direct: Direct, store: Store) -> None:
    minute, durations = NAMES["8"]
    direct("HSET", minute, "A|p", "1", "A|f", "-1", "B|p", "x", "no figure", "1", "C|p", "9" * 30)
    direct("LPUSH", durations, "x")
    seen = store.run(metrics.read(KEYS, NOW, minutes=1))
    assert [(each.class_name, each.runs) for each in seen.classes] == [("A", 1)]
    assert seen.problem
    for key in (minute, durations):
        direct("DEL", key)
    direct("SET", minute, "x")
    seen = store.run(metrics.read(KEYS, NOW, minutes=1))
    assert (seen.classes, bool(seen.problem)) == ((), True)


def test_more_classes_than_can_be_counted_are_said(direct: Direct, store: Store) -> None:
    pairs = [part for i in range(metrics.MOST_CLASSES + 1) for part in (f"C{i}|f", "1")]
    direct("HSET", NAMES["8"][0], *pairs)
    seen = store.run(metrics.read(KEYS, NOW, minutes=1))
    assert len(seen.classes) == metrics.MOST_CLASSES
    assert seen.problem


def test_deploys_are_listed_newest_first(direct: Direct, store: Store) -> None:
    direct("HSET", "20261104-marks", "2026-11-04T09:00:00Z", "one", "no time", "two")
    direct("HSET", "20261105-marks", "2026-11-05T09:00:00Z", "x" * 5_000)
    direct("SET", "20261103-marks", "x")
    days = [date(2026, 11, day) for day in (5, 4, 3, 2)]
    found = store.run(metrics.deploys(KEYS, days))
    assert [each.at and each.at.day for each in found] == [5, 4, None]
    assert [len(each.label) < 100 for each in found] == [True] * 3


@pytest.mark.parametrize("version", ["v7.3.2", "v8.1.7"])
def test_recorded_deploys_are_read(direct: Direct, store: Store, version: str) -> None:
    recordings.restore(direct, f"{version}-api-mark_deploy")
    at = datetime(2026, 11, 23, 12, 17, tzinfo=UTC)
    assert store.run(metrics.deploys(KEYS, [at.date()])) == (Deploy(at, "abc123 release one"),)
