"""The tables of Overview: what is wrong, and the queues, jobs and failures that need a look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from heapq import nlargest, nsmallest
from typing import Final, NamedTuple

from qtop.keymap.keymap import Where
from qtop.monitor.incidents.incident import Incident, Severity
from qtop.monitor.rows import QueueRow, WorkerRow
from qtop.monitor.state import ViewState
from qtop.monitor.ui_policy import UiPolicy
from qtop.screens import queue_columns
from qtop.search.newest import NewestGroup
from qtop.text import format
from qtop.text.safe import ago, safe
from qtop.widgets.columns import Column, ToneOf

#: By check and kind: what mends it, an action of Overview or of where the verdict leads.
MENDING: Final = {
    ("workers", "dead"): "prune",
    ("workers", "in dead hands"): "prune",
    ("pauses", "queue"): "pause",
    ("pauses", "everything"): "pause_all",
    ("queues", "no worker"): "start_workers",
    ("queues", "unserved"): "start_workers",
    ("queues", "growing"): "start_workers",
    ("jobs", "unreadable"): "show_aside",
}
#: More than fit on any terminal: those below are on the screens of their own.
MOST_ROWS: Final = 60
_TONES: Final[dict[Severity, ToneOf]] = {
    "bad": "bad",
    "warn": "warn",
    "note": "dim",
    "good": "good",
}


class VerdictRow(NamedTuple):
    """A verdict, and the server's time now; None before the first look."""

    verdict: Incident
    now: datetime | None


def coarse(age_s: float | None) -> str:
    """An age that does not change every second: that would be bytes over ssh and no news."""
    return "<1 min" if age_s is not None and age_s < 60 else format.duration(age_s)


def since(row: VerdictRow) -> str:
    """How long a verdict has held; of one that is older than the console, at least how long."""
    verdict = row.verdict
    if verdict.is_over:
        return "over"
    if verdict.since is None or row.now is None:
        return ""
    age_s = (row.now - verdict.since).total_seconds()
    if verdict.is_older:
        return f">{ago(age_s)}" if age_s >= 60 else "?"
    return coarse(age_s)


def _tone(row: VerdictRow) -> ToneOf:
    return "dim" if row.verdict.is_over else _TONES[row.verdict.severity]


VERDICTS: Final[tuple[Column[VerdictRow], ...]] = (
    Column(
        "severity",
        "",
        4,
        lambda r: "ok" if r.verdict.severity == "good" else r.verdict.severity,
        priority=90,
        style=_tone,
    ),
    Column(
        "verdict",
        "what is wrong now",
        30,
        lambda r: safe(r.verdict.text),
        flex=1,
        priority=100,
        style=_tone,
    ),
    Column("since", "for", 7, since, priority=80, align="right", style="dim"),
)


def advice(verdict: Incident, manner: UiPolicy, *, read_only: bool) -> str:
    """What to do about a verdict, the keys that do it first; empty when that depends."""
    keys = _mending(verdict, manner, read_only)
    return ", or ".join(part for part in (keys and f"press {keys}", verdict.remedy) if part)


def _mending(verdict: Incident, manner: UiPolicy, read_only: bool) -> str:
    wanted = MENDING.get((verdict.check, verdict.kind))

    def works(where: Where) -> bool:
        actions = manner.actions({where}, read_only=read_only)
        return any(action.id == wanted for action in actions)

    if wanted is None:
        return ""
    if works("overview"):
        return manner.sign(wanted)
    if verdict.lead is None or not works(verdict.lead.place):
        return ""
    return f"{manner.sign('table.open')}, then {manner.sign(wanted)}"


_QUEUE_PRIORITIES: Final = {
    "queue": 100,
    "depth": 95,
    "state": 90,
    "empty": 80,
    "out": 70,
    "in": 60,
    "workers": 50,
    "trend": 40,
}
QUEUES: Final[tuple[Column[QueueRow], ...]] = tuple(
    Column(
        each.key,
        each.label,
        each.width,
        each.cell,
        flex=1 if each.key in ("queue", "state") else 0,
        priority=_QUEUE_PRIORITIES[each.key],
        align=each.align,
        style=each.style,
    )
    for each in queue_columns.COLUMNS
    if each.key in _QUEUE_PRIORITIES
)

JOBS: Final[tuple[Column[WorkerRow], ...]] = (
    Column("job", "running", 14, lambda r: _job(r), flex=2, priority=100),
    Column("elapsed", "for", 6, lambda r: coarse(r.elapsed_s), priority=95, align="right"),
    Column(
        "state",
        "",
        6,
        lambda r: r.condition if r.condition in ("dead?", "silent") else "",
        priority=60,
        style=lambda r: "bad" if r.condition == "dead?" else "warn",
    ),
    Column("worker", "on", 12, format.worker_place, 1, priority=80, style="dim", tail=":"),
)

FAILURES: Final[tuple[Column[NewestGroup], ...]] = (
    Column("number", "failed", 6, lambda g: format.number(g.number), priority=90, align="right"),
    Column("class", "class", 12, lambda g: format.failure_class(g.newest.failure), 2, priority=100),
    Column("error", "error", 12, lambda g: _error(g), 3, priority=95, style="bad"),
    Column(
        "last",
        "last",
        6,
        lambda g: coarse(g.newest.age_s),
        priority=80,
        align="right",
        style="dim",
    ),
)


def _job(row: WorkerRow) -> str:
    # Without its arguments: they are data, and on the screen of the workers.
    record = row.record
    return "" if record is None else format.job_class(record.class_name, record.args)


def _error(group: NewestGroup) -> str:
    failure = group.newest.failure
    if failure.exception is None:
        return format.failure_error(failure)
    return f"{format.exception_name(failure.exception)}: {format.failure_error(failure)}"


def verdict_rows(view: ViewState) -> list[VerdictRow]:
    """The verdicts, with the moment for their ages."""
    board, now = view.board, None
    if board is not None:
        # Without an answer troubles last on, as far as anybody knows.
        waited_s = view.now_mono - (view.look.taken_mono or view.now_mono) if view.is_stale else 0.0
        now = board.server_time + timedelta(seconds=max(0.0, waited_s))
    return [VerdictRow(each, now) for each in view.glance.verdicts]


def neediest(rows: Sequence[QueueRow]) -> list[QueueRow]:
    """The queues that need a look most. O(queues)."""
    return nsmallest(MOST_ROWS, rows, key=_need)


def _need(row: QueueRow) -> tuple[bool, bool, bool, bool, int, str]:
    depth = row.depth or 0
    never = row.empty_in_s is not None and math.isinf(row.empty_in_s)
    is_held_up = row.is_paused and depth > 0
    return row.problem is None, not row.is_unserved, not is_held_up, not never, -depth, row.name


def longest(rows: Sequence[WorkerRow]) -> list[WorkerRow]:
    """The workers whose jobs have run longest. O(workers)."""
    busy = [row for row in rows if row.state.is_busy]
    return nlargest(MOST_ROWS, busy, key=lambda row: row.elapsed_s or 0.0)
