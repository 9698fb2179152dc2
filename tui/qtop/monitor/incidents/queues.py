"""What is wrong with queues that workers serve: they grow, they are late, they are paused, they
cannot be read; and which figures dropped suddenly. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from shlex import quote
from types import MappingProxyType
from typing import Final, NamedTuple

from qtop.config.limits import Thresholds
from qtop.model.health import DELAYED_ASIDE, WaitingClasses
from qtop.monitor.changes import Drop, Drops
from qtop.monitor.incidents.incident import (
    Figure,
    Incident,
    Link,
    Remedy,
    first_few,
    unread_doubt,
)
from qtop.monitor.incidents.service import Classes
from qtop.monitor.incidents.threads import Fullness
from qtop.monitor.row_text import jobs_waiting
from qtop.monitor.rows import FleetRows, QueueRow
from qtop.text.format import argument, number, part_name, rate
from qtop.text.safe import ago, counted
from queuecore.audit import AuditEntry

#: Actions that put jobs onto queues. They are on record at their first step, by another clock.
_FEEDING: Final = frozenset({"requeue", "move", "edit", "undo", "run now", "enqueue", "load"})
_DOUBT: Final = timedelta(seconds=2)
#: How often depths are noted while a queue is watched for growth.
_NOTES: Final = 12


def queue_incidents(
    fleet: FleetRows,
    grown: Sequence[Grown],
    classes: Classes,
    late: Sequence[QueueRow] = (),
    full: Mapping[str, Fullness] = MappingProxyType({}),
) -> Iterator[Incident]:
    """What is wrong with the queues at a poll, beside those without workers; `classes` are known to
    wait in them, `late` are those of `late_queues`, and all threads of the `full` are busy.
    O(queues)."""
    yield from _unknown(fleet)
    yield from _growing(grown, classes, full)
    yield from _late(late, full)
    yield from _unreadable(fleet)


_UNKNOWN_MEANS: Final = "What could not be read is unknown: it may hold jobs and problems."


def _unknown(fleet: FleetRows) -> Iterator[Incident]:
    for what, why in fleet.totals.problems.items():
        text = f"unknown: {part_name(what)} ({why})"
        yield Incident(
            *("keys", "crit", text, "unknown", what),
            cause=f"Redis refused it: {why}.",
            meaning=_UNKNOWN_MEANS,
            remedies=_mend(why),
            doubt=unread_doubt(text),
        )
    wrong: list[Incident] = []
    for row in fleet.queues or ():
        if row.problem:
            text = f"queue {row.name}: {row.problem}"
            wrong.append(
                Incident(
                    *("keys", "crit", text, "queue", row.name),
                    link=Link("queues", row.name),
                    cause=f"Reading it failed: {row.problem}.",
                    meaning=_UNKNOWN_MEANS,
                    remedies=_mend(row.problem),
                    doubt=unread_doubt(text),
                )
            )
    more, link = "{:,} more queues cannot be read", Link("queues")
    rest = Incident("keys", "crit", more, "queue", link=link, doubt="unread")
    yield from first_few(wrong, rest)


def _mend(why: str) -> tuple[Remedy, ...]:
    """What to do about a key that cannot be read; nothing where the reason itself says it."""
    if "another kind" not in why:
        return ()
    return (Remedy("rename or delete the keys of another kind, or use another --namespace"),)


def _growing(
    grown: Sequence[Grown], classes: Classes, full: Mapping[str, Fullness]
) -> list[Incident]:
    incidents: list[Incident] = []
    for each in grown:
        row = each.row
        if row.is_paused or row.is_unserved:
            continue  # another incident says why it grows
        flow = f"growing {rate(each.per_s)}/s, {number(row.depth)} waiting"
        come, go, is_estimate = row.rates
        # They are of the last seconds: what has grown for minutes may just recover.
        if come is not None and go is not None and come > go:
            flow = (
                f"{rate(come, is_estimate=is_estimate)}/s in, "
                f"{rate(go, is_estimate=is_estimate)}/s out, {number(row.depth)} waiting"
            )
        found = Incident(
            *("queues", "warn", f"{row.name}: backlog growing", "growing", row.name),
            link=Link("queues", row.name),
            figures=flow,
            cause=_grows_because(row, classes.get(row.name)),
            evidence=(
                Figure("waiting", number(row.depth)),
                Figure("growth", f"{rate(each.per_s)} jobs/s"),
                Figure("in, out", f"{rate(come)}/s, {rate(go)}/s"),
                *_newest_classes(classes.get(row.name)),
            ),
            meaning=f"Jobs of {row.name} wait longer and longer; it does not drain.",
            remedies=_more_workers(row),
            since=each.since,
        )
        incidents.append(_with_cause(found, full.get(row.name)))
    more, link = "{:,} more queues: backlog growing", Link("queues")
    rest = Incident("queues", "warn", more, "growing", link=link, remedies=_START)
    return first_few(incidents, rest)


def _grows_because(row: QueueRow, seen: WaitingClasses | None) -> str:
    name = growing_class(seen)
    of = f"; most of those that came last are {name}" if name else ""
    return f"More jobs come than its {_workers_of(row)} finish{of}."


_START: Final = (Remedy("start more workers that serve them", "start_workers"),)


def _workers_of(row: QueueRow) -> str:
    return "workers" if row.serving is None else counted(row.serving, "worker")


def _more_workers(row: QueueRow) -> tuple[Remedy, ...]:
    see = Remedy(f"queue {row.name}", "table.open")
    # Of one that may be paused more workers take nothing.
    if row.is_paused is None:
        return (see,)
    return (see, Remedy("start more of the workers that serve it", "start_workers"))


def _newest_classes(seen: WaitingClasses | None) -> list[Figure]:
    """Which classes grow: those of the jobs that came last, as far as they were sampled."""
    shares = {} if seen is None else seen.newest
    if not shares:
        return []
    total = sum(shares.values())
    first = sorted(shares.items(), key=lambda each: -each[1])[:3]
    words = ", ".join(f"{name or 'unreadable'} {many:,}" for name, many in first)
    return [Figure("newest jobs", f"{words} of {total:,} sampled")]


def growing_class(seen: WaitingClasses | None) -> str | None:
    """The class of most of the jobs that came last; None where there is none."""
    shares = {} if seen is None else seen.newest
    name = max(shares, key=lambda each: shares[each], default=None)
    return name if name is not None and shares[name] * 2 > sum(shares.values()) else None


def _with_cause(incident: Incident, full: Fullness | None) -> Incident:
    """The same, with why the queue does not drain, where all threads that serve it are busy."""
    if full is None:
        return incident
    busy = f"all {counted(full.threads, 'thread')} busy"
    return replace(
        incident,
        figures=f"{incident.figures}, {busy}",
        cause=f"All {counted(full.threads, 'thread')} of its {counted(full.workers, 'worker')} "
        "are busy, at two heartbeats in a row.",
        evidence=(*incident.evidence, Figure("threads", f"{busy}, none free")),
        remedies=(*incident.remedies, Remedy("check Workers for long-running jobs")),
    )


def late_queues(fleet: FleetRows, thresholds: Thresholds) -> list[QueueRow]:
    """Those whose next job has waited for too long, the longest first, without those that are
    paused or that no worker serves: other incidents say so. O(queues)."""
    late = [
        (row.latency_s, row)
        for row in fleet.queues or ()
        if row.latency_s is not None
        and row.latency_s > thresholds.latency_s
        and not (row.is_paused or row.is_unserved)
    ]
    return [row for _, row in sorted(late, key=lambda each: -each[0])]


def _late(late: Sequence[QueueRow], full: Mapping[str, Fullness]) -> list[Incident]:
    incidents: list[Incident] = []
    for row in late:
        waited = ago(row.latency_s)
        found = Incident(
            *("queues", "warn", f"{row.name}: latency {waited}", "latency", row.name),
            link=Link("queues", row.name),
            figures=f"{number(row.depth)} waiting",
            cause=f"Jobs come faster than its {_workers_of(row)} take them.",
            evidence=(
                Figure("oldest job", f"has waited {waited}"),
                Figure("waiting", number(row.depth)),
            ),
            meaning=f"A job put into {row.name} now starts about that much later.",
            remedies=_more_workers(row),
        )
        incidents.append(_with_cause(found, full.get(row.name)))
    more, link = "{:,} more queues: high latency", Link("queues")
    return first_few(incidents, Incident("queues", "warn", more, "latency", link=link))


def _unreadable(fleet: FleetRows) -> list[Incident]:
    incidents = [_aside(row.name, row.unreadable) for row in fleet.queues or () if row.unreadable]
    rest = Incident(
        *("jobs", "warn", "{:,} more queues: unreadable items moved out", "unreadable"),
        link=Link("queues", filter="unreadable"),
        remedies=(Remedy("show the unreadable items", "show_aside"),),
    )
    return first_few(incidents, rest)


def _aside(queue: str, items: int) -> Incident:
    return Incident(
        *("jobs", "warn", f"{queue}: {counted(items, 'unreadable item')}", "unreadable", queue),
        link=Link("queues", queue),
        cause="Something enqueued what is no job; workers moved it out of the queue.",
        evidence=(Figure("unreadable", f"{items:,} in unreadable:{queue}"),),
        meaning="They are kept and will not run.",
        remedies=(
            Remedy(
                "show the unreadable items",
                "show_aside",
                f"qtop show --from unreadable:{quote(queue)}",
            ),
            Remedy("find out which program enqueues them"),
        ),
    )


def delayed_aside(fleet: FleetRows, aside: int | None) -> Iterator[Incident]:
    """Delayed jobs that a scheduler could not move to a queue. (Where there is a queue of the name
    under which they lie, its own row tells.)"""
    if aside and not any(row.name == DELAYED_ASIDE for row in fleet.queues or ()):
        yield Incident(
            *("jobs", "warn", f"{counted(aside, 'delayed job')} unreadable", "unreadable"),
            subject=DELAYED_ASIDE,
            link=Link("scheduled"),
            cause="The scheduler could not read them, or they name no queue.",
            evidence=(Figure("unreadable", f"{aside:,} in unreadable:{DELAYED_ASIDE}"),),
            meaning="They are kept and will not run.",
            remedies=(
                Remedy(
                    "show the unreadable items",
                    "show_aside",
                    f"qtop show --from unreadable:{DELAYED_ASIDE}",
                ),
            ),
        )


class Grown(NamedTuple):
    """A queue that does not keep up: by how many jobs a second it has grown, and since when."""

    row: QueueRow
    per_s: float
    since: datetime


class _Note(NamedTuple):
    at_mono: float
    depths: dict[str, int]
    server_time: datetime


def _noted(fleet: FleetRows, at_mono: float) -> _Note:
    depths = {row.name: row.depth for row in fleet.queues or () if row.depth is not None}
    return _Note(at_mono, depths, fleet.server_time)


def _fed(
    notes: Sequence[_Note], audit_entries: Sequence[AuditEntry]
) -> list[tuple[dict[str, int], ...]]:
    """The depths before and after each of the times between which operators put jobs onto
    queues."""
    moments = [audit_entry.at for audit_entry in audit_entries if audit_entry.action in _FEEDING]
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
        self, fleet: FleetRows, at_mono: float, audit_entries: Sequence[AuditEntry] = ()
    ) -> list[Grown]:
        """Take in a poll; return what grows, fastest first. What came while operators put jobs onto
        queues, by the `audit_entries` on record, is no growth. O(queues)."""
        if fleet.queues is None:
            return []
        notes = self._notes
        if fleet.totals.drops.breaks_counts:
            notes.clear()  # what was noted was of another database
        if not notes or at_mono - notes[-1].at_mono >= self._for_s / _NOTES:
            notes.append(_noted(fleet, at_mono))
        while len(notes) > 1 and notes[1].at_mono <= at_mono - self._for_s:
            notes.popleft()
        first_mono, first, _ = notes[0]
        seconds = at_mono - first_mono
        if seconds < self._for_s or seconds <= 0:
            return []
        # Growth that is over is no worry: the last quarter must show it too.
        late_mono = at_mono - seconds / 4
        recent = next(note.depths for note in reversed(notes) if note.at_mono <= late_mono)
        fed = _fed([*notes, _noted(fleet, at_mono)], audit_entries) if audit_entries else []
        grown: list[Grown] = []
        for row in fleet.queues:
            depth = row.depth
            if depth is None:
                continue
            was = first.get(row.name, depth)
            was += sum(max(0, then.get(row.name, 0) - at.get(row.name, 0)) for at, then in fed)
            if depth - was >= max(self._by, 1) and depth > recent.get(row.name, depth):
                since = fleet.server_time - timedelta(seconds=seconds)
                since = self._since.setdefault(row.name, since)
                grown.append(Grown(row, (depth - was) / seconds, since))
        names = {each.row.name for each in grown}
        self._since = {name: since for name, since in self._since.items() if name in names}
        return sorted(grown, key=lambda each: -each.per_s)


# What is paused, by whom and since when, as far as it is on record.

_EVERYTHING: Final = "everything"
_SWITCHES: Final = ("pause", "resume")


def pause_incidents(
    fleet: FleetRows, audit_entries: Sequence[AuditEntry], thresholds: Thresholds
) -> Iterator[Incident]:
    """What is paused. `audit_entries` are the newest actions, newest first. O(queues + entries)."""
    if fleet.totals.is_paused:
        yield _everything(fleet, paused_by(audit_entries, None), thresholds)
    rows = [row for row in fleet.queues or () if row.is_paused]
    incidents = [_queue(row, paused_by(audit_entries, row.name), fleet, thresholds) for row in rows]
    incidents.sort(key=lambda incident: incident.severity != "warn")
    rest = Incident(
        *("pauses", "warn", "{:,} more queues paused", "queue"),
        link=Link("queues", filter="paused"),
        remedies=(Remedy("resume them", "pause", "qtop resume QUEUE"),),
    )
    yield from first_few(incidents, rest)


_PAUSED_MEANS: Final = "Workers finish the current job, then stop taking jobs."


def _everything(
    fleet: FleetRows, audit_entry: AuditEntry | None, thresholds: Thresholds
) -> Incident:
    age_s = _age_s(audit_entry, fleet.server_time)
    is_old = age_s is not None and age_s > thresholds.paused_for_s
    return Incident(
        *("pauses", "crit" if is_old else "warn"),
        text=f"all queues paused{_by(audit_entry)}",
        kind=_EVERYTHING,
        link=Link("queues"),
        figures=f"{jobs_waiting(fleet.totals)}{_for(age_s)}",
        cause=_paused_cause(audit_entry),
        evidence=(
            Figure("waiting", jobs_waiting(fleet.totals)),
            *_pause_evidence(audit_entry),
        ),
        meaning=_PAUSED_MEANS,
        remedies=(Remedy("resume everything", "pause_all", "qtop resume --all"),),
        since=None if audit_entry is None else audit_entry.at,
    )


def _queue(
    row: QueueRow, audit_entry: AuditEntry | None, fleet: FleetRows, thresholds: Thresholds
) -> Incident:
    age_s = _age_s(audit_entry, fleet.server_time)
    is_old = age_s is None or age_s > thresholds.paused_for_s
    forgotten = ", forgotten?" if age_s is not None and is_old else ""
    waiting = "unknown" if row.depth is None else f"{row.depth:,}"
    return Incident(
        *("pauses", "warn" if is_old else "info"),
        text=f"{row.name}: paused{_by(audit_entry)}",
        kind="queue",
        subject=row.name,
        link=Link("queues", row.name),
        figures=f"{waiting} waiting{_for(age_s)}{forgotten}",
        cause=_paused_cause(audit_entry),
        evidence=(Figure("waiting", waiting), *_pause_evidence(audit_entry)),
        meaning=_PAUSED_MEANS,
        remedies=(Remedy(f"resume {row.name}", "pause", f"qtop resume {argument(row.name)}"),),
        since=None if audit_entry is None else audit_entry.at,
    )


def _by(audit_entry: AuditEntry | None) -> str:
    return "" if audit_entry is None else f" by {audit_entry.actor.who}"


def _for(age_s: float | None) -> str:
    return "" if age_s is None else f", for {ago(max(60.0, age_s))}"


def _paused_cause(audit_entry: AuditEntry | None) -> str:
    if audit_entry is None:
        return "Who paused it is unknown: no action on record."
    return f"{audit_entry.actor.who} paused it with {audit_entry.actor.client}."


def _pause_evidence(audit_entry: AuditEntry | None) -> Iterator[Figure]:
    if audit_entry is not None:
        yield Figure("paused at", f"{audit_entry.at.astimezone():%Y-%m-%d %H:%M:%S}")


def _age_s(audit_entry: AuditEntry | None, now: datetime) -> float | None:
    return None if audit_entry is None else (now - audit_entry.at).total_seconds()


def paused_by(audit_entries: Sequence[AuditEntry], queue: str | None) -> AuditEntry | None:
    """The action that paused a queue, or everything for None; None when it is not on record.

    The newest action about it must be a pause: after a resume something else paused it, which left
    nothing. An undo is about what it took back.
    """
    by_id = {audit_entry.id: audit_entry for audit_entry in audit_entries}
    for audit_entry in audit_entries:
        about = audit_entry
        if audit_entry.action == "undo":
            taken_back = by_id.get(audit_entry.subject.rpartition("(")[2].rstrip(")"))
            if taken_back is None or taken_back.action not in _SWITCHES:
                continue
            about = taken_back
        if about.action in _SWITCHES and _concerns(about, queue):
            is_pause = (about.action == "pause") != (audit_entry is not about)
            return audit_entry if is_pause else None
    return None


def _concerns(audit_entry: AuditEntry, queue: str | None) -> bool:
    if queue is None:
        return audit_entry.subject == _EVERYTHING and not audit_entry.queue
    return audit_entry.queue == queue or queue in audit_entry.subject.split(", ")


# Figures that dropped suddenly: a queue was cleared, the database was emptied or is another one.

_WHO: Final = (Remedy("History (7) shows whether it was done with qtop"),)
_OUTSIDE: Final = "Something other than workers took them: a clear, a move, an expired key."


def drop_incidents(fleet: FleetRows) -> Iterator[Incident]:
    """What has dropped of late. O(queues)."""
    drops = fleet.totals.drops
    other = drops.processed
    if other is not None:
        yield _other(other, drops)
    elif drops.waiting is not None:
        yield Incident(
            *("keys", "warn", f"waiting jobs {_course(drops.waiting)} outside the workers", "fell"),
            link=Link("queues"),
            cause=_OUTSIDE,
            remedies=_WHO,
            since=drops.waiting.at,
        )
    at = None if other is None else other.at
    if drops.workers is not None and drops.workers.at != at:
        text, link = f"registered workers {_course(drops.workers)}", Link("workers")
        yield Incident("workers", "info", text, "fell", link=link, since=drops.workers.at)
    if drops.failed is not None and drops.failed.at != at:
        text, link = f"failures {_course(drops.failed)}", Link("failed")
        yield Incident(
            *("failures", "info", text, "fell", "", link), remedies=_WHO, since=drops.failed.at
        )
    if other is None:
        yield from _queues(fleet)


def _course(drop: Drop) -> str:
    return f"dropped {number(drop.was)} to {number(drop.left)}"


def _other(drop: Drop, drops: Drops) -> Incident:
    named_drops = (("waiting", drops.waiting), ("workers", drops.workers), ("failed", drops.failed))
    evidence = [Figure("processed", f"{number(drop.was)} to {number(drop.left)}")]
    evidence += [
        Figure(name, f"{each.was:,} to {each.left:,}")
        for name, each in named_drops
        if each and each.at == drop.at
    ]
    return Incident(
        *("server", "crit", "the database was emptied or replaced", "fell"),
        figures=", ".join(f"{each.label} {each.value}" for each in evidence),
        cause="A FLUSHALL, a failover to an empty replica, an older dump, or a restart without "
        "data.",
        evidence=tuple(evidence),
        meaning="Jobs that were there may be lost.",
        remedies=(Remedy("find out which before jobs are enqueued again"),),
        since=drop.at,
    )


def _queues(fleet: FleetRows) -> list[Incident]:
    dropped = [(row.name, row.drops[-1]) for row in fleet.queues or () if row.drops]
    dropped += fleet.totals.drops.gone
    dropped.sort(key=lambda each: each[1].left - each[1].was)
    incidents = [
        Incident(
            *("queues", "info", f"{name}: {_course(drop)} outside the workers", "fell", name),
            link=Link("queues", name),
            cause=_OUTSIDE,
            remedies=_WHO,
            since=drop.at,
        )
        for name, drop in dropped
    ]
    more, link = "{:,} more queues dropped outside the workers", Link("queues", filter="fell")
    rest = Incident("queues", "info", more, "fell", "", link, remedies=_WHO)
    return first_few(incidents, rest)
