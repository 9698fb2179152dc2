"""What is wrong with queues: nobody serves them, they grow, they are paused, they cannot be read.
Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from shlex import quote
from typing import Final, NamedTuple

from qtop.config.limits import Thresholds
from qtop.monitor.incidents.classes import Classes, worker_for
from qtop.monitor.incidents.incident import Incident, Link, first_few
from qtop.monitor.rows import FleetRows, QueueRow
from qtop.text.format import rate
from qtop.text.safe import counted
from queuecore.audit import AuditEntry
from resque.store import delayed
from resque.store.health import HealthReport

#: Actions that put jobs onto queues. They are on record at their first step, by another clock.
_FEEDING: Final = frozenset({"requeue", "move", "edit", "undo", "run now", "enqueue", "load"})
_DOUBT: Final = timedelta(seconds=2)
#: How often depths are noted while a queue is watched for growth.
_NOTES: Final = 12


def queue_incidents(
    board: FleetRows, grown: Sequence[Grown], classes: Classes
) -> Iterator[Incident]:
    """What is wrong with the queues at a look; `classes` are known to wait in them. O(queues)."""
    yield from _unknown(board)
    yield from _unserved(board, classes)
    yield from _growing(grown)
    yield from _unreadable(board)


def _unknown(board: FleetRows) -> Iterator[Incident]:
    for what, why in board.totals.problems.items():
        yield Incident("keys", "bad", f"unknown: {what} ({why})", "unknown", what, None, _mend(why))
    wrong = [
        Incident(
            "keys",
            "bad",
            f"queue {row.name}: {row.problem}",
            "queue",
            row.name,
            Link("queues", row.name),
            _mend(row.problem),
        )
        for row in board.queues or ()
        if row.problem
    ]
    yield from first_few(
        wrong,
        lambda rest: Incident(
            "keys", "bad", f"{rest:,} more queues cannot be read", "queue", "", Link("queues")
        ),
    )


def _mend(why: str) -> str:
    """What to do about a key that cannot be read; empty where the reason itself says it."""
    if "another kind" not in why:
        return ""
    return "rename or delete the keys of another kind, or use another --namespace"


def _unserved(board: FleetRows, classes: Classes) -> Iterator[Incident]:
    queues = board.queues or ()
    # What somebody paused is told as such.
    rows = [row for row in queues if row.is_unserved and not row.is_paused]
    rows.sort(key=lambda row: -(row.depth or 0))
    wait = _wait(sum(row.depth or 0 for row in rows))
    if rows and not any(row.serving for row in queues):
        names = ", ".join(row.name for row in rows[:3]) + (", …" if len(rows) > 3 else "")
        text = f"no worker is alive that takes any: {wait} in {names}"
        remedy = worker_for((row.name for row in rows), classes)
        yield Incident("queues", "bad", text, "no worker", "", Link("workers"), remedy)
        return
    yield from first_few(
        [_one_unserved(row, classes) for row in rows],
        lambda rest: Incident(
            "queues",
            "bad",
            f"nobody serves {rest:,} more queues: {wait} unserved in all",
            "unserved",
            lead=Link("queues", filter="unserved"),
            remedy="start workers that know the classes of their jobs",
        ),
    )


def _one_unserved(row: QueueRow, classes: Classes) -> Incident:
    remedy = worker_for([row.name], classes)
    text = f"nobody serves {row.name}: {_wait(row.depth or 0)}"
    return Incident("queues", "bad", text, "unserved", row.name, Link("queues", row.name), remedy)


def _wait(jobs: int) -> str:
    return f"{counted(jobs, 'job')} {'waits' if jobs == 1 else 'wait'}"


def _growing(grown: Sequence[Grown]) -> list[Incident]:
    verdicts: list[Incident] = []
    for each in grown:
        row, rates = each.row, each.row.rates
        if row.is_paused or row.is_unserved:
            continue  # why it grows is told
        flow, end = "", ", never empty"
        if rates.in_per_s is not None and rates.out_per_s is not None:
            come, go = (
                rate(per_s, is_estimate=rates.is_estimate)
                for per_s in (rates.in_per_s, rates.out_per_s)
            )
            flow = f": {come} come, {go} go a second"
            if rates.in_per_s <= rates.out_per_s:
                # They are of the last seconds: what has grown for minutes may just recover.
                flow = end = ""
        text = f"{row.name} grows by {rate(each.per_s)} jobs/s{flow}; {row.depth:,} wait{end}"
        verdicts.append(
            Incident(
                "queues",
                "warn",
                text,
                "growing",
                row.name,
                Link("queues", row.name),
                # Of one that may be paused more workers take nothing.
                "" if row.is_paused is None else "start more of the workers that serve it",
                each.since,
            )
        )
    return first_few(
        verdicts,
        lambda rest: Incident(
            "queues", "warn", f"{rest:,} more queues grow", "growing", "", Link("queues")
        ),
    )


def _unreadable(board: FleetRows) -> Iterator[Incident]:
    rows = [(row, row.unreadable) for row in board.queues or () if row.unreadable]
    yield from first_few(
        [
            Incident(
                "jobs",
                "warn",
                f"{counted(number, 'item')} of {row.name} set aside: workers cannot read "
                f"{'it' if number == 1 else 'them'}",
                "unreadable",
                row.name,
                Link("queues", row.name),
                f"qtop show --from unreadable:{quote(row.name)}",
            )
            for row, number in rows
        ],
        lambda rest: Incident(
            "jobs",
            "warn",
            f"unreadable items were set aside from {rest:,} more queues",
            "unreadable",
            lead=Link("queues", filter="unreadable"),
        ),
    )


def delayed_aside(board: FleetRows, survey: HealthReport) -> Iterator[Incident]:
    """Delayed jobs that a scheduler could not move to a queue. (Where there is a queue of the name
    under which they lie, its own row tells.)"""
    if survey.aside and not any(row.name == delayed.ASIDE for row in board.queues or ()):
        yield Incident(
            "jobs",
            "warn",
            f"{counted(survey.aside, 'delayed job')} set aside: unreadable, or no queue to go to",
            "unreadable",
            delayed.ASIDE,
            Link("scheduled"),
            f"qtop show --from unreadable:{delayed.ASIDE}",
        )


class Grown(NamedTuple):
    """A queue that does not keep up: by how many jobs a second it has grown, and since when."""

    row: QueueRow
    per_s: float
    since: datetime


class _Note(NamedTuple):
    """How deep the queues were, and when."""

    at_mono: float
    depths: dict[str, int]
    server_time: datetime


def _noted(board: FleetRows, at_mono: float) -> _Note:
    depths = {row.name: row.depth for row in board.queues or () if row.depth is not None}
    return _Note(at_mono, depths, board.server_time)


def _fed(notes: Sequence[_Note], deeds: Sequence[AuditEntry]) -> list[tuple[dict[str, int], ...]]:
    """The depths before and after each of the times between which operators put jobs onto
    queues."""
    moments = [deed.at for deed in deeds if deed.action in _FEEDING]
    return [
        (before.depths, after.depths)
        for before, after in pairwise(notes)
        if any(before.server_time - _DOUBT <= at <= after.server_time + _DOUBT for at in moments)
    ]


class Growth:
    """Remembers depths, to find the queues that have grown for a while and still do."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._for_s, self._by = thresholds.grow_for_s, thresholds.grow_by_jobs
        self._notes: deque[_Note] = deque()
        self._since: dict[str, datetime] = {}

    def add(
        self, board: FleetRows, at_mono: float, deeds: Sequence[AuditEntry] = ()
    ) -> list[Grown]:
        """Take in a look; return what grows, fastest first. What came while operators put jobs onto
        queues, by the `deeds` on record, is no growth. O(queues)."""
        if board.queues is None:
            return []
        notes = self._notes
        if board.totals.falls.breaks_counts:
            notes.clear()  # what was noted was of another database
        if not notes or at_mono - notes[-1].at_mono >= self._for_s / _NOTES:
            notes.append(_noted(board, at_mono))
        while len(notes) > 1 and notes[1].at_mono <= at_mono - self._for_s:
            notes.popleft()
        first_mono, first, _ = notes[0]
        seconds = at_mono - first_mono
        if seconds < self._for_s or seconds <= 0:
            return []
        # Growth that is over is no worry: the last quarter must show it too.
        late_mono = at_mono - seconds / 4
        recent = next(note.depths for note in reversed(notes) if note.at_mono <= late_mono)
        fed = _fed([*notes, _noted(board, at_mono)], deeds) if deeds else []
        grown: list[Grown] = []
        for row in board.queues:
            depth = row.depth
            if depth is None:
                continue
            was = first.get(row.name, depth)
            was += sum(max(0, then.get(row.name, 0) - at.get(row.name, 0)) for at, then in fed)
            if depth - was >= max(self._by, 1) and depth > recent.get(row.name, depth):
                since = board.server_time - timedelta(seconds=seconds)
                since = self._since.setdefault(row.name, since)
                grown.append(Grown(row, (depth - was) / seconds, since))
        names = {each.row.name for each in grown}
        self._since = {name: since for name, since in self._since.items() if name in names}
        return sorted(grown, key=lambda each: -each.per_s)
