"""Totals and days."""

from __future__ import annotations

from datetime import date

import pytest
from tests.support import sidekiq_recordings as recordings
from tests.support.direct import Direct

from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import stats
from sidekiq.store.stats import DayCounts, RunCounts

KEYS = SidekiqKeys()
DAY = date(2026, 11, 23)


@pytest.mark.parametrize("version", recordings.VERSIONS)
def test_recorded_counts_are_read(direct: Direct, store: Store, version: str) -> None:
    for name in recordings.of_version(version):
        recordings.restore(direct, name)
        held = recordings.values(name)
        keys = SidekiqKeys(recordings.namespace_of(name))
        asked = ("processed", "failed")
        totals = RunCounts(*(int(held.get(f"stat:{each}", 0)) for each in asked))
        of_day = RunCounts(*(int(held.get(f"stat:{each}:2026-11-23", 0)) for each in asked))
        assert store.run(stats.totals(keys)) == totals, name
        newest, *others = store.run(stats.days(keys, DAY))
        assert newest == DayCounts(DAY, of_day), name
        assert len(others) == 89
        assert {each.counts for each in others} == {RunCounts(0, 0)}


def test_days_go_back_as_far_as_is_asked(direct: Direct, store: Store) -> None:
    direct("SET", "stat:failed:2025-11-24", "7")
    days = store.run(stats.days(KEYS, DAY, count=365))
    assert days[-1] == DayCounts(date(2025, 11, 24), RunCounts(0, 7))
    assert store.run(stats.days(KEYS, DAY, count=0)) == ()


def test_what_is_no_number_is_unknown(direct: Direct, store: Store) -> None:
    direct("SET", "stat:processed", "many")
    direct("LPUSH", "stat:failed", "x")
    direct("SET", "stat:processed:2026-11-23", "1.5")
    assert store.run(stats.totals(KEYS)) == RunCounts(None, None)
    assert store.run(stats.days(KEYS, DAY, count=1))[0].counts == RunCounts(None, 0)
