"""What Sidekiq counted of the runs of jobs, as the console knows it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from qtop.model.run_counts import (
    DAYS,
    ClassHistory,
    ClassRuns,
    DayRuns,
    DeployMark,
    DurationLimit,
    RunHistory,
)
from queuecore.exchange import Steps
from sidekiq.errors import Refused
from sidekiq.keys import SidekiqKeys
from sidekiq.store import metrics, stats
from sidekiq.store.metrics import ClassMetrics, Deploy, DurationBound, Metrics
from sidekiq.store.stats import DayCounts

_SHORT_H: Final = metrics.MINUTES // 60
_SHORT: Final = "kept from Sidekiq 7 on, up to 10 s late; a percentile is the end of a span"
_LONG: Final = "Sidekiq 8 keeps 72 h, 7 keeps 8 h; how jobs spread is kept for 8 h only"


def days(keys: SidekiqKeys, now: datetime) -> Steps[RunHistory]:
    """The runs of the last 90 days, that of `now` among them, with the deploys. Two round trips,
    O(days). Raises StoreError; deploys that are refused are missing, and `problem` says so."""
    found: tuple[DayCounts, ...] = yield stats.days(keys, now.date(), count=DAYS)
    marks: tuple[Deploy, ...] = ()
    problem = None
    try:
        marks = yield metrics.deploys(keys, [each.day for each in found])
    except Refused as error:
        problem = f"deploys: {error}"
    labels: defaultdict[object, list[str]] = defaultdict(list)
    for mark in marks:
        labels[None if mark.at is None else mark.at.date()].append(mark.label)
    runs = tuple(
        DayRuns(each.day, each.counts.processed, each.counts.failed, tuple(labels[each.day]))
        for each in found
    )
    if any(None in (each.runs, each.failures) for each in runs):
        problem = "counts of some days: they may not be read, or are no numbers"
    return RunHistory(runs, problem)


def classes(keys: SidekiqKeys, now: datetime, hours: int) -> Steps[ClassHistory]:
    """What each class did in the last hours, 72 at most. Costs as `metrics.read`, or for more than
    8 hours as `metrics.read_long`, and a round trip."""
    is_short = hours <= _SHORT_H
    found: Metrics
    if is_short:
        found = yield from metrics.read(keys, now, minutes=60 * hours)
    else:
        found = yield from metrics.read_long(keys, now, hours=hours)
    count = (found.until.date() - found.since.date()).days + 1
    wanted = [found.until.date() - timedelta(days=ago) for ago in range(count)]
    problem = found.problem
    marks: tuple[Deploy, ...] = ()
    try:
        marks = yield metrics.deploys(keys, wanted)
    except Refused as error:
        problem = problem or f"deploys: {error}"
    return ClassHistory(
        *(found.since, found.until, tuple(map(_runs, found.classes))),
        tuple(
            DeployMark(each.at, each.label)
            for each in marks
            if each.at is None or found.since <= each.at <= found.until
        ),
        _SHORT if is_short else _LONG,
        problem,
    )


def _runs(found: ClassMetrics) -> ClassRuns:
    mean_ms = found.mean_ms
    mean_s = None if mean_ms is None else mean_ms / 1_000
    p50, p95, p99 = (_limit(found, part) for part in (0.5, 0.95, 0.99))
    return ClassRuns(found.class_name, found.runs, found.failures, mean_s, p50, p95, p99)


def _limit(found: ClassMetrics, part: float) -> DurationLimit | None:
    """What a part of its successes stayed within; None unless all of them are in the spans: a
    counter may have been full, or what is kept was cut short."""
    spans = found.durations
    if spans is None or spans.is_least or sum(spans.counts) < found.runs - found.failures:
        return None
    bound: DurationBound | None = spans.within(part)
    return None if bound is None else DurationLimit(bound.ms / 1_000, bound.is_over)
