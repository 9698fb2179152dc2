"""The tables of Overview below the charts: the queues, failures and running jobs that need
attention most, in brief."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from heapq import nlargest, nsmallest
from typing import Final

from qtop.monitor import row_text
from qtop.monitor.incidents.incident import Incident, Link
from qtop.monitor.rows import NOT_ALIVE, TROUBLED, NewestGroup, QueueRow, WorkerRow, keyed
from qtop.screens.incidents import coarse
from qtop.screens.queues import COLUMNS
from qtop.search.filter_language import term
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.columns import Column, ToneOf

#: More than fit on any terminal: those below are on the screens of their own.
MOST_ROWS: Final = 60

_QUEUE_PRIORITIES: Final = {
    "queue": 100,
    "depth": 95,
    "state": 90,
    "empty": 75,
    "out": 70,
    "in": 80,
    "workers": 50,
    "trend": 40,
}
QUEUES: Final[tuple[Column[QueueRow], ...]] = tuple(
    replace(
        column,
        flex=1 if column.key in ("queue", "state") else 0,
        priority=_QUEUE_PRIORITIES[column.key],
        sort_key=None,
        descends=False,
    )
    for column in COLUMNS
    if column.key in _QUEUE_PRIORITIES
)


def neediest(rows: Sequence[QueueRow], incidents: Sequence[Incident]) -> list[QueueRow]:
    """The queues that need attention most: those that could not be read, those with an incident of
    their own, the worst first, those that are paused with jobs in them, the longest. O(queues)."""
    ranks: dict[Hashable, int] = {}
    for rank, each in enumerate(incidents):
        if each.check in ("queues", "pauses") and not each.is_over:
            ranks.setdefault(keyed(each.system, each.subject), rank)

    def need(row: QueueRow) -> tuple[bool, int, bool, int, str]:
        depth = row.depth or 0
        rank = ranks.get(row.key, len(incidents))
        return row.problem is None, rank, not (row.is_paused and depth > 0), -depth, row.name

    return nsmallest(MOST_ROWS, rows, key=need)


def _job(row: WorkerRow) -> str:
    # Without its arguments: they are data, and on the screen of the workers.
    job = row.job
    named = "" if job is None else format.job_class(job.class_name, job.args)
    return named + row_text.more_jobs(row)


def _place(row: WorkerRow) -> str:
    place = row_text.worker_place(row)
    return f"{row.condition}: {place}" if row.condition in TROUBLED else place


def _place_tone(row: WorkerRow) -> ToneOf:
    if row.condition in NOT_ALIVE:
        return "bad"
    return "warn" if row.condition in TROUBLED else "dim"


#: How long jobs like the one of a row usually take; None when that is unknown.
UsualRule = Callable[[WorkerRow], float | None]


def job_columns(usual_s: UsualRule) -> tuple[Column[WorkerRow], ...]:
    """The columns of running jobs."""

    def usual(row: WorkerRow) -> str:
        seconds = usual_s(row)
        return "" if seconds is None else format.duration(max(1.0, seconds))

    return (
        Column("job", "job", 14, _job, flex=2, priority=100),
        Column("elapsed", "for", 6, lambda r: coarse(r.elapsed_s), priority=95, align="right"),
        Column("usual", "p95", 6, usual, priority=60, align="right", style="dim"),
        Column("worker", "worker", 12, _place, 2, priority=80, style=_place_tone, tail=":"),
    )


def longest(rows: Sequence[WorkerRow]) -> list[WorkerRow]:
    """The workers whose jobs have run longest. O(workers)."""
    busy = [row for row in rows if row.jobs]
    return nlargest(MOST_ROWS, busy, key=lambda row: row.elapsed_s or 0.0)


def _class(group: NewestGroup) -> str:
    if group.newest is not None:
        return row_text.class_of(group.newest.job)
    key = group.fingerprint
    return "unreadable" if key.problem is not None else safe(key.class_name or "(no class)")


def _error(group: NewestGroup) -> str:
    key = group.fingerprint
    job = None if group.newest is None else group.newest.job
    text = safe(key.problem or key.message) if job is None else row_text.error_of(job)
    exception = key.exception if job is None else job.exception
    return text if exception is None else f"{format.exception_name(exception)}: {text}"


FAILURES: Final[tuple[Column[NewestGroup], ...]] = (
    Column("number", "failed", 6, lambda g: format.number(g.number), priority=90, align="right"),
    Column("class", "class", 12, _class, 2, priority=100),
    Column("error", "error", 12, _error, 3, priority=95),
    Column(
        *("last", "last", 6, lambda group: coarse(group.last_s)),
        priority=80,
        align="right",
        style="dim",
    ),
)


def failures_link(group: NewestGroup) -> Link:
    """Where the failures of a group are: as a group, or else one by one."""
    key = group.fingerprint
    terms = [
        term(field, value)
        for field, value in (("class", key.class_name), ("exception", key.exception))
        if value is not None
    ]
    return Link("failed", key.id, " ".join(terms), group.system)
