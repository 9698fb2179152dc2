"""The columns of failed jobs, one by one and in groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from qtop.model.job import JobRow, age_at
from qtop.monitor import row_text
from qtop.search.failure_groups import TREND_HOURS, FailureGroup
from qtop.text import format
from qtop.text.safe import safe, spark
from qtop.widgets.columns import Column, figure

COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        "when",
        "age",
        6,
        lambda r: format.duration(r.age_s),
        priority=90,
        align="right",
        sort_key=lambda r: r.age_s,
    ),
    Column("time", "failed", 10, row_text.failed_at, priority=30, style="dim"),
    Column(
        "class",
        "class",
        16,
        lambda r: row_text.class_of(r.job),
        flex=2,
        priority=100,
        style=lambda r: "warn" if r.job.problem else None,
        sort_key=lambda r: row_text.class_of(r.job),
    ),
    Column(
        "exception",
        "exception",
        14,
        lambda r: format.exception_name(r.job.exception),
        flex=2,
        priority=95,
        style="bad",
        sort_key=lambda r: r.job.exception,
    ),
    Column(
        "error",
        "error",
        14,
        lambda r: row_text.error_of(r.job),
        flex=4,
        priority=85,
        sort_key=lambda r: row_text.error_of(r.job),
    ),
    # What tells the failures of a group apart, more often than not.
    Column(
        "args",
        "args",
        14,
        lambda r: row_text.args_of(r.job),
        flex=3,
        priority=35,
        sort_key=lambda r: row_text.args_of(r.job),
    ),
    Column(
        "queue",
        "queue",
        8,
        lambda r: format.optional(r.job.queue),
        flex=1,
        priority=80,
        sort_key=lambda r: r.job.queue,
    ),
    Column(
        "retried",
        "retried",
        7,
        lambda r: "yes" if r.job.retried_at else "",
        priority=40,
        style="dim",
        sort_key=lambda r: r.job.retried_at,
    ),
)

#: Without what all failures of a group have in common: more room for what tells them apart.
ENTRY_COLUMNS_OF_GROUP: Final = tuple(
    replace(column, width=22, priority=85) if column.key in ("error", "args") else column
    for column in COLUMNS
    if column.key not in ("class", "exception")
)


@dataclass(frozen=True, slots=True)
class FailureGroupRow:
    """A group and how long ago its first and its last failure were."""

    group: FailureGroup
    first_s: float | None
    last_s: float | None


def group_row(group: FailureGroup, now: datetime) -> FailureGroupRow:
    """A group at a moment, by the server's clock."""
    return FailureGroupRow(group, age_at(now, group.first), age_at(now, group.last))


def _class(row: FailureGroupRow) -> str:
    mark = row.group.fingerprint
    if mark.problem is not None:
        return safe(mark.problem.partition(":")[0])
    return safe(mark.class_name) if mark.class_name else "(no class)"


def _message(row: FailureGroupRow) -> str:
    mark = row.group.fingerprint
    return safe(mark.message if mark.problem is None else mark.problem.partition(":")[2].strip())


def _queues(row: FailureGroupRow) -> str:
    names = [safe(name) for name, _ in row.group.queues]
    return ", ".join(names) or format.NOTHING


GROUP_COLUMNS: Final[tuple[Column[FailureGroupRow], ...]] = (
    figure("count", "count", 8, lambda r: r.group.count, format.number, priority=100),
    Column(
        "last",
        "last",
        6,
        lambda r: format.duration(r.last_s),
        priority=97,
        align="right",
        sort_key=lambda r: r.last_s,
    ),
    figure("first", "since", 6, lambda r: r.first_s, format.duration, priority=60, style="dim"),
    Column(
        "trend",
        f"{TREND_HOURS} h",
        TREND_HOURS,
        lambda r: spark(r.group.trend, TREND_HOURS) if any(r.group.trend) else "",
        priority=70,
        style="accent",
        sort_key=lambda r: r.group.trend[-1],
        descends=True,
    ),
    Column(
        "class",
        "class",
        14,
        _class,
        flex=2,
        priority=99,
        style=lambda r: "warn" if r.group.fingerprint.problem else None,
        sort_key=_class,
    ),
    Column(
        "exception",
        "exception",
        12,
        lambda r: format.exception_name(r.group.fingerprint.exception),
        flex=2,
        priority=95,
        style="bad",
        sort_key=lambda r: r.group.fingerprint.exception,
    ),
    Column("message", "error", 14, _message, flex=4, priority=92, sort_key=_message),
    Column("queues", "queues", 10, _queues, flex=1, priority=55, sort_key=_queues),
    Column(
        "frame",
        "raised in",
        28,
        lambda r: safe(r.group.fingerprint.frame),
        flex=2,
        priority=30,
        style="dim",
    ),
    Column(
        "retried",
        "retried",
        7,
        lambda r: format.number(r.group.retried) if r.group.retried else "",
        priority=20,
        align="right",
        style="dim",
    ),
)
