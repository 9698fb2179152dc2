"""The columns of jobs in lists: failed, waiting, delayed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from qtop.model.job import JobRow
from qtop.monitor import row_text
from qtop.text import format
from qtop.widgets.columns import Column, ToneOf, figure, text_column


def _class(row: JobRow) -> str:
    return row_text.class_of(row.job)


def _class_tone(row: JobRow) -> ToneOf | None:
    return "warn" if row.job.problem else None


def _queue(row: JobRow) -> str:
    return format.optional(row.job.queue)


def _size(row: JobRow) -> int | None:
    return None if row.job.ref is None else row.job.item.size


_CLASS: Final = text_column("class", "class", 14, _class, flex=2, priority=100, style=_class_tone)
_ARGS: Final[Column[JobRow]] = Column(
    "args", "args", 14, lambda row: row_text.args_or_bytes(row.job), 4, priority=95
)
_QUEUE: Final = replace(
    text_column("queue", "queue", 8, _queue, flex=1, priority=80),
    sort_key=lambda row: row.job.queue,
)

# Failed jobs.

FAILED_COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    figure("when", "age", 6, lambda row: row.age_s, format.duration, priority=90, descends=False),
    Column("time", "failed", 10, row_text.failed_at, priority=30, style="dim"),
    replace(_CLASS, width=16),
    Column(
        *("exception", "exception", 14, lambda row: format.exception_name(row.job.exception), 2),
        priority=95,
        style="bad",
        sort_key=lambda row: row.job.exception,
    ),
    text_column("error", "error", 14, lambda r: row_text.error_of(r.job), flex=4, priority=85),
    # What tells the failures of a group apart, more often than not.
    text_column("args", "args", 14, lambda r: row_text.args_of(r.job), flex=3, priority=35),
    _QUEUE,
    Column(
        *("retried", "retried", 7, lambda row: "yes" if row.job.retried_at else ""),
        priority=40,
        style="dim",
        sort_key=lambda row: row.job.retried_at,
    ),
)

#: Without what all failures of a group have in common: more room for what tells them apart.
GROUP_ENTRY_COLUMNS: Final = tuple(
    replace(column, width=22, priority=85) if column.key in ("error", "args") else column
    for column in FAILED_COLUMNS
    if column.key not in ("class", "exception")
)

# Waiting jobs, and items that were set aside.


def _place(row: JobRow) -> str:
    return format.number(None if row.job.place is None else row.job.place + 1)


def _waiting_tone(row: JobRow) -> ToneOf | None:
    return None if row.job.item.is_cut else _class_tone(row)


WAITING_COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    figure(
        *("place", "place", 8, lambda row: row.job.place),
        priority=90,
        cell=_place,
        style="dim",
        descends=False,
    ),
    replace(_CLASS, width=18, flex=1, style=_waiting_tone),
    replace(_ARGS, width=30, flex=3),
    figure("size", "bytes", 8, _size, priority=50, style="dim"),
    Column("id", "id", 12, lambda row: row.job.id[:12], priority=20, style="dim"),
)

# Delayed jobs.


def _due_s(row: JobRow) -> float:
    return row.due_s or 0.0


def _due_at(row: JobRow) -> str:
    return format.due_at(None if row.job.due is None else row.job.due.moment, _due_s(row))


def _delayed_class(row: JobRow) -> str:
    return "(large)" if row.job.item.is_cut else _class(row)


DELAYED_COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        *("due", "due", 14, lambda row: format.due_in(_due_s(row))),
        priority=98,
        style=lambda row: "warn" if _due_s(row) < 0 else None,
        sort_key=lambda row: row.job.due.at if row.job.due else None,
    ),
    Column("at", "at", 16, _due_at, priority=70, style="dim"),
    replace(_CLASS, cell=_delayed_class, sort_key=_delayed_class),
    _ARGS,
    replace(_QUEUE, priority=85),
    figure("size", "bytes", 8, _size, priority=30, style="dim"),
)
