"""What is wrong with queues: they are unserved, they grow, they are paused, they cannot be read;
and which figures dropped suddenly. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    Incident,
    Link,
    Severity,
    first_few,
    of_queue,
    unread_doubt,
)
from qtop.monitor.incidents.threads import Fullness
from qtop.monitor.row_text import jobs_waiting
from qtop.monitor.rows import FleetRows, QueueRow
from qtop.text.format import argument, named, number, rate
from qtop.text.safe import ago, counted
from queuecore.audit import AuditEntry

# Advice to start a worker: one that knows what waits. A worker without the classes of the jobs
# would fail them all.

#: What is known to wait, by queue.
Classes = Mapping[str, WaitingClasses]


def worker_for(queues: Iterable[str], classes: Classes) -> str:
    """What to do about queues that no worker serves."""
    known = [classes[queue] for queue in queues if queue in classes]
    names = list(dict.fromkeys(name for each in known for name in each.names))
    if not names:
        return "start a worker that knows the classes of the jobs (`qtop show` tells them)"
    more = "" if all(each.is_sampled for each in known) else " and all that waits behind"
    return f"start a worker that knows {named(names)}{more}"


#: Actions that put jobs onto queues. They are on record at their first step, by another clock.
_FEEDING: Final = frozenset({"requeue", "move", "edit", "undo", "run now", "enqueue", "load"})
_DOUBT: Final = timedelta(seconds=2)
#: How often depths are noted while a queue is watched for growth.
_NOTES: Final = 12


#: So many queues are named as evidence.
_EVIDENCE: Final = 5


def queue_incidents(
    fleet: FleetRows,
    grown: Sequence[Grown],
    classes: Classes,
    late: Sequence[QueueRow] = (),
    full: Mapping[str, Fullness] = MappingProxyType({}),
) -> Iterator[Incident]:
    """What is wrong with the queues at a poll; `classes` are known to wait in them, `late` are
    those of `late_queues`, and all threads of the `full` are busy. O(queues)."""
    yield from _unknown(fleet)
    yield from _unserved(fleet, classes)
    yield from _growing(grown, full)
    yield from _late(late, full)
    yield from _unreadable(fleet)


def _unknown(fleet: FleetRows) -> Iterator[Incident]:
    for what, why in fleet.totals.problems.items():
        text, remedy = f"unknown: {what} ({why})", _mend(why)
        yield Incident("keys", "bad", text, "unknown", what, None, remedy, doubt=unread_doubt(text))
    wrong: list[Incident] = []
    for row in fleet.queues or ():
        if row.problem:
            text = f"queue {row.name}: {row.problem}"
            unread = of_queue("keys", "bad", text, "queue", row.name, _mend(row.problem))
            wrong.append(replace(unread, doubt=unread_doubt(text)))
    more, link = "{:,} more queues cannot be read", Link("queues")
    rest = Incident("keys", "bad", more, "queue", link=link, doubt="unread")
    yield from first_few(wrong, rest)


def _mend(why: str) -> str:
    """What to do about a key that cannot be read; empty where the reason itself says it."""
    if "another kind" not in why:
        return ""
    return "rename or delete the keys of another kind, or use another --namespace"


def _unserved(fleet: FleetRows, classes: Classes) -> Iterator[Incident]:
    queues = fleet.queues or ()
    # Those that are paused have an incident that says so.
    rows = [row for row in queues if row.is_unserved and not row.is_paused]
    rows.sort(key=lambda row: -(row.depth or 0))
    wait = _wait(sum(row.depth or 0 for row in rows))
    if rows and not any(row.serving for row in queues):
        names = ", ".join(row.name for row in rows[:3]) + (", …" if len(rows) > 3 else "")
        text = f"no worker is alive that takes any: {wait} in {names}"
        remedy = worker_for((row.name for row in rows), classes)
        link = Link("workers")
        yield Incident(
            *("queues", "bad", text, "no worker", "", link, remedy),
            mends="start_workers",
            cause="no worker is alive that takes any of these queues",
            evidence=tuple(f"{row.name}: {_wait(row.depth or 0)}" for row in rows[:_EVIDENCE]),
        )
        return
    incidents: list[Incident] = []
    for row in rows:
        text = f"nobody serves {row.name}: {_wait(row.depth or 0)}"
        remedy = worker_for([row.name], classes)
        unserved = of_queue(
            "queues", "bad", text, "unserved", row.name, remedy, mends="start_workers"
        )
        cause = "no worker that is alive has it on its list of queues"
        evidence = (_wait(row.depth or 0), "0 workers serve it")
        incidents.append(replace(unserved, cause=cause, evidence=evidence))
    text = f"nobody serves {{:,}} more queues: {wait} unserved in all"
    remedy = "start workers that know the classes of their jobs"
    link = Link("queues", filter="unserved")
    rest = Incident("queues", "bad", text, "unserved", "", link, remedy, mends="start_workers")
    yield from first_few(incidents, rest)


def _wait(jobs: int) -> str:
    return f"{counted(jobs, 'job')} {'waits' if jobs == 1 else 'wait'}"


def _growing(grown: Sequence[Grown], full: Mapping[str, Fullness]) -> list[Incident]:
    incidents: list[Incident] = []
    for row, per_s, since in grown:
        if row.is_paused or row.is_unserved:
            continue  # another incident says why it grows
        flow, end = "", ", never empty"
        come, go, is_estimate = row.rates
        if come is not None and go is not None:
            flow = (
                f": {rate(come, is_estimate=is_estimate)} come, "
                f"{rate(go, is_estimate=is_estimate)} go a second"
            )
            if come <= go:
                # They are of the last seconds: what has grown for minutes may just recover.
                flow = end = ""
        text = f"{row.name} grows by {rate(per_s)} jobs/s{flow}; {row.depth:,} wait{end}"
        # Of one that may be paused more workers take nothing.
        remedy = "" if row.is_paused is None else "start more of the workers that serve it"
        grows = of_queue(
            "queues", "warn", text, "growing", row.name, remedy, since, "start_workers"
        )
        incidents.append(_with_cause(grows, row, full.get(row.name)))
    more, link = "{:,} more queues grow", Link("queues")
    rest = Incident("queues", "warn", more, "growing", link=link, mends="start_workers")
    return first_few(incidents, rest)


def _with_cause(incident: Incident, row: QueueRow, full: Fullness | None) -> Incident:
    """The same, with why the queue does not drain: all threads that serve it are busy, or that is
    not known."""
    depth = f"{number(row.depth)} waiting"
    if full is None:
        return replace(incident, evidence=(depth,))
    busy = f"all {counted(full.threads, 'thread')} that serve it are busy"
    return replace(
        incident,
        text=f"{incident.text}; {busy}",
        cause=busy,
        evidence=(depth, f"{busy}, of {counted(full.workers, 'worker')}, at two beats in a row"),
        remedy="start more of the workers that serve it",
        more_remedies=("look at Workers for jobs that run long",),
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
        text = f"{row.name}: latency {ago(row.latency_s)}, {number(row.depth)} waiting"
        remedy = "start more of the workers that serve it"
        found = of_queue("queues", "warn", text, "latency", row.name, remedy)
        found = _with_cause(found, row, full.get(row.name))
        waited = f"its next job has waited for {ago(row.latency_s)}"
        incidents.append(replace(found, evidence=(waited, *found.evidence)))
    more, link = "{:,} more queues are late", Link("queues")
    return first_few(incidents, Incident("queues", "warn", more, "latency", link=link))


def _unreadable(fleet: FleetRows) -> list[Incident]:
    incidents: list[Incident] = []
    for row in fleet.queues or ():
        if row.unreadable:
            it = "it" if row.unreadable == 1 else "them"
            items = f"{counted(row.unreadable, 'item')} of {row.name} set aside"
            text = f"{items}: workers cannot read {it}"
            remedy = f"qtop show --from unreadable:{quote(row.name)}"
            incidents.append(
                of_queue("jobs", "warn", text, "unreadable", row.name, remedy, mends="show_aside")
            )
    more = "unreadable items were set aside from {:,} more queues"
    link = Link("queues", filter="unreadable")
    rest = Incident("jobs", "warn", more, "unreadable", "", link, mends="show_aside")
    return first_few(incidents, rest)


def delayed_aside(fleet: FleetRows, aside: int | None) -> Iterator[Incident]:
    """Delayed jobs that a scheduler could not move to a queue. (Where there is a queue of the name
    under which they lie, its own row tells.)"""
    if aside and not any(row.name == DELAYED_ASIDE for row in fleet.queues or ()):
        jobs = counted(aside, "delayed job")
        text = f"{jobs} set aside: unreadable, or no queue to go to"
        remedy = f"qtop show --from unreadable:{DELAYED_ASIDE}"
        name, link = DELAYED_ASIDE, Link("scheduled")
        yield Incident("jobs", "warn", text, "unreadable", name, link, remedy, mends="show_aside")


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
    more, remedy = "{:,} more queues are paused", "qtop resume QUEUE"
    link = Link("queues", filter="paused")
    rest = Incident("pauses", "warn", more, "queue", "", link, remedy, mends="pause")
    yield from first_few(incidents, rest)


def _everything(
    fleet: FleetRows, audit_entry: AuditEntry | None, thresholds: Thresholds
) -> Incident:
    age_s = _age_s(audit_entry, fleet.server_time)
    severity: Severity = "bad" if age_s is not None and age_s > thresholds.paused_for_s else "warn"
    text = f"everything is paused{_by(audit_entry, age_s)}; {jobs_waiting(fleet.totals)}"
    since = None if audit_entry is None else audit_entry.at
    kind, link, remedy = _EVERYTHING, Link("queues"), "qtop resume --all"
    return Incident("pauses", severity, text, kind, "", link, remedy, since, "pause_all")


def _queue(
    row: QueueRow, audit_entry: AuditEntry | None, fleet: FleetRows, thresholds: Thresholds
) -> Incident:
    age_s = _age_s(audit_entry, fleet.server_time)
    is_old = age_s is None or age_s > thresholds.paused_for_s
    forgotten = ": forgotten?" if age_s is not None and is_old else ""
    waiting = "unknown" if row.depth is None else f"{row.depth:,}"
    text = f"{row.name} is paused{_by(audit_entry, age_s)}; {waiting} waiting{forgotten}"
    severity: Severity = "warn" if is_old else "note"
    since = None if audit_entry is None else audit_entry.at
    remedy = f"qtop resume {argument(row.name)}"
    return of_queue("pauses", severity, text, "queue", row.name, remedy, since, "pause")


def _by(audit_entry: AuditEntry | None, age_s: float | None) -> str:
    if audit_entry is None:
        return ""
    return f" by {audit_entry.actor.who} for {ago(max(60.0, age_s or 0.0))}"


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

_WHO: Final = "History (7) tells whether it was done with qtop"


def drop_incidents(fleet: FleetRows) -> Iterator[Incident]:
    """What has dropped of late. O(queues)."""
    drops = fleet.totals.drops
    other = drops.processed
    if other is not None:
        yield _other(other, drops)
    elif drops.waiting is not None:
        text = f"{_left('waiting job', drops.waiting)}: nobody took them"
        yield Incident("keys", "warn", text, "fell", "", Link("queues"), _WHO, drops.waiting.at)
    at = None if other is None else other.at
    if drops.workers is not None and drops.workers.at != at:
        was, left = counted(drops.workers.was, "worker"), number(drops.workers.left)
        text, link = f"of {was} on the register {left} are left", Link("workers")
        yield Incident("workers", "note", text, "fell", link=link, since=drops.workers.at)
    if drops.failed is not None and drops.failed.at != at:
        text, link = _left("failure", drops.failed), Link("failed")
        yield Incident("failures", "note", text, "fell", "", link, _WHO, drops.failed.at)
    if other is None:
        yield from _queues(fleet)


def _left(what: str, drop: Drop) -> str:
    return f"of {counted(drop.was, what)} {number(drop.left)} are left"


def _other(drop: Drop, drops: Drops) -> Incident:
    parts = [f"jobs processed from {number(drop.was)} to {number(drop.left)}"]
    named = (("waiting", drops.waiting), ("workers", drops.workers), ("failed", drops.failed))
    parts += [
        f"{name} {each.was:,} to {each.left:,}"
        for name, each in named
        if each and each.at == drop.at
    ]
    text = f"the database was emptied or is another one: {', '.join(parts)}"
    remedy = (
        "a FLUSHALL, a failover to an empty replica, an older dump, or a restart without "
        "data: find out before jobs are enqueued again"
    )
    return Incident("server", "bad", text, "fell", remedy=remedy, since=drop.at)


def _queues(fleet: FleetRows) -> list[Incident]:
    dropped = [(row.name, row.drops[-1]) for row in fleet.queues or () if row.drops]
    dropped += fleet.totals.drops.gone
    dropped.sort(key=lambda each: each[1].left - each[1].was)
    incidents: list[Incident] = []
    for name, drop in dropped:
        text = f"{name} fell from {number(drop.was)} to {number(drop.left)}: more than workers took"
        incidents.append(of_queue("queues", "note", text, "fell", name, _WHO, drop.at))
    more, link = "{:,} more queues fell by more than workers took", Link("queues", filter="fell")
    return first_few(incidents, Incident("queues", "note", more, "fell", "", link, _WHO))
