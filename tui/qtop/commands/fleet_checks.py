"""What `qtop doctor` finds out about queues, workers and jobs."""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Final

from qtop.commands import checks
from qtop.commands.connection import Session
from qtop.commands.lists import look_around, with_classes
from qtop.monitor.incidents.incident import Incident, Severity
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.incidents.server import without_others
from qtop.monitor.incidents.server_checks import FRESH_S, LIFETIME_S, Finding, FindingLevel, Lease
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.row_text import class_of
from qtop.monitor.rows import FleetRows
from qtop.systems.resque.job_reader import failure_job, snapshot_of
from qtop.systems.resque.scheduled_search import args_of
from qtop.text.format import named
from qtop.text.safe import count, counted
from queuecore.errors import QueueError
from resque.scheduler import listing
from resque.scheduler.listing import ScheduleListing
from resque.scheduler.zones import local_zone
from resque.store import (
    delayed_windows,
    duplicates,
    failures,
    lock_freeing,
    poison,
    queues,
    snapshot,
    statuses,
    waiting_jobs,
)
from resque.store.delayed_windows import Position
from resque.store.failures import Failure
from resque.store.lock_freeing import Stale
from resque.store.snapshot import EngineSnapshot

_FAILURES_READ: Final = 500
#: Where each queue has a list of failures: how many lists are looked into, and how far.
_LISTS, _OF_A_LIST = 20, 200
#: In how many of the longest queues jobs are compared with each other.
_QUEUES_COMPARED: Final = 20
#: Of how many of the longest queues items are looked at.
_QUEUES_SAMPLED: Final = 500
_LEVELS: Final[dict[Severity, FindingLevel]] = {
    "bad": "ERROR",
    "warn": "WARN",
    "note": "OK",
    "good": "OK",
}
#: What is said of a key that was read, and holds something else.
_WRONG_KIND: Final = "another kind of value"
#: What to do where something could not be read.
SEE: Final = "see what `state` and `rights` say"
#: Notes that say that something could not be judged.
_UNJUDGED: Final = frozenset({"no heartbeat", "long", "unreadable failures", "sidekiq"})
#: Troubles with keys that say that something was not read, and not what was found there.
_UNREAD: Final = frozenset({"unknown", "queue", "in hand"})


def fleet(session: Session) -> Iterator[Finding]:
    """What is odd about queues, workers and jobs. Raises StoreError where nothing can be read."""
    seen = session.run(snapshot.take(session.keys, failures_limit=_FAILURES_READ))
    fleet_rows = RowBuilder(session.system()).add(snapshot_of(seen), 0.0)
    survey = with_classes(session, fleet_rows, look_around(session))
    whose = survey.ownership
    ours = fleet_rows if whose is None else without_others(fleet_rows, whose)
    theirs = len(fleet_rows.queues or ()) - len(ours.queues or ())
    yield from _of_board(ours, IncidentRules().fleet(fleet_rows, 0.0, survey), theirs)
    with_jobs = (row for row in fleet_rows.queues or () if row.depth)
    rows = sorted(with_jobs, key=lambda row: -(row.depth or 0))
    longest = [row.name for row in rows]
    parts: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("items", lambda: _items(session, longest)),
        ("poison", lambda: _poison(session, seen)),
        ("duplicates", lambda: _duplicates(session, seen, fleet_rows, longest)),
    )
    for check, find in parts:
        try:
            finding = find()
        except QueueError as error:
            finding = checks.failed(check, error)
        if finding.level == "OK" and fleet_rows.totals.problems:
            # What was not read may hold it.
            finding = replace(finding, level="UNKNOWN", remedy=SEE)
        yield finding


def _of_board(
    fleet_rows: FleetRows, incidents: Iterator[Incident], theirs: int
) -> Iterator[Finding]:
    """What Overview says of a fleet, and what is well in it, without `theirs`: so many queues are
    Sidekiq's. A note is no reason to act."""
    rest = f"; {theirs:,} more of Sidekiq's, not looked into" if theirs else ""
    number = None if fleet_rows.queues is None else len(fleet_rows.queues)
    told: set[str] = set()
    for incident in incidents:
        level = _LEVELS[incident.severity]
        remedy = "" if level == "OK" else incident.remedy
        if incident.check == "keys" and _is_unread(incident):
            level, remedy = "UNKNOWN", SEE
        if incident.severity == "note" and incident.kind in _UNJUDGED:
            level = "UNKNOWN"
        told |= {incident.check} if level != "OK" else set()
        yield Finding(incident.check, level, incident.text, remedy)
    is_whole = not fleet_rows.totals.problems
    knows_depths = is_whole and all(row.depth is not None for row in fleet_rows.queues or ())
    for check, is_known, text in (
        ("queues", knows_depths, f"{count(number)}, all with jobs are served{rest}"),
        ("workers", is_whole, f"{count(fleet_rows.totals.workers)}, none is silent"),
        ("jobs", is_whole, "none was set aside as unreadable, none runs for long"),
    ):
        if check in told:
            continue
        if is_known:
            yield Finding(check, "OK", text)
        else:
            yield Finding(check, "UNKNOWN", "not everything could be read: see `keys`", SEE)


def _is_unread(incident: Incident) -> bool:
    """Whether it says that keys could not be read, not what they hold."""
    return _WRONG_KIND not in incident.text and incident.kind in _UNREAD


def _items(session: Session, longest: Sequence[str]) -> Finding:
    found = session.run(waiting_jobs.sample(session.keys, longest[:_QUEUES_SAMPLED]))
    return checks.items(found, len(longest))


def _poison(session: Session, seen: EngineSnapshot) -> Finding:
    keys = session.keys
    lists = session.run(failures.lists(keys))
    # What could not be read is said of the look.
    read: list[tuple[str, Sequence[Failure]]] = [(failures.FAILED, seen.failures or ())]
    in_all = seen.failed
    for name in lists[1 : 1 + _LISTS]:
        length, newest = session.run(failures.newest(keys, limit=_OF_A_LIST, list_name=name))
        in_all = None if in_all is None else in_all + length
        read.append((name, newest))
    deadly: list[str] = []
    for name, entries in read:
        poisoned = session.run(poison.among(keys, entries, list_name=name))
        deadly += [class_of(failure_job(each)) for each in entries if each.item.sha in poisoned]
    is_whole = in_all is not None and len(lists) <= 1 + _LISTS
    return checks.poison(deadly, sum(len(each) for _, each in read), in_all if is_whole else None)


def _duplicates(
    session: Session, seen: EngineSnapshot, fleet_rows: FleetRows, longest: Sequence[str]
) -> Finding:
    names = longest[:_QUEUES_COMPARED]
    alike = session.run(duplicates.waiting_alike(session.keys, names))
    silent = (row for row in fleet_rows.workers or () if row.condition in ("dead?", "silent"))
    troubled = {row.id for row in silent}
    return checks.duplicates(duplicates.in_hands(seen.processes or ()), troubled, alike, len(names))


# What `qtop doctor` says of the locks of Ruby's plug-ins.


def lock_findings(session: Session) -> Finding:
    """Whether locks keep Ruby from enqueueing jobs that do not wait. See `lock_freeing.stale` for
    the round trips. Raises StoreError."""
    names = session.run(queues.names(session.keys))
    return judged(session.run(lock_freeing.stale(session.keys, names)))


def judged(found: Stale) -> Finding:
    """The same of what was found. Pure."""
    if found.locks:
        text = (
            f"{counted(len(found.locks), 'lock')} of resque-loner or its like without a job that "
            f"waits: Ruby drops such jobs when they are enqueued: {named(found.locks)}"
        )
        remedy = f"if no class computes its lock in its own way: DEL {shlex.quote(found.locks[0])}"
        return Finding("locks", "WARN", text, remedy)
    if not found.there:
        rest = "" if found.is_complete else " among the first 200,000 keys; the others are unknown"
        return Finding("locks", "OK", f"no lock of a plug-in of Ruby's{rest}")
    if not found.is_complete:
        text = f"unknown: {found.there:,} found, but not all keys and jobs could be looked at"
        return Finding("locks", "WARN", text, "delete by hand those whose jobs do not wait")
    return Finding("locks", "OK", f"{found.there:,} of plug-ins, none seen without its job")


# What `qtop doctor` says of schedules and delayed jobs that do not run as they are meant to.

#: How many of the earliest delayed jobs are looked at.
_JOBS: Final = 200


def schedule_findings(session: Session) -> Iterator[Finding]:
    """Whether every schedule can be used and is known, and whether jobs of resque-status are
    scheduled. Seven round trips at most. Raises StoreError."""
    prefix = os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", "")
    try:
        zone = local_zone(os.environ)
    except ValueError:
        zone = UTC
    found = session.run(listing.everything(session.keys, prefix, session.now(), zone))
    yield schedules(found)
    known = session.run(statuses.classes(session.keys))
    page = session.run(delayed_windows.page(session.keys, Position(), _JOBS))
    jobs = [
        each.job.class_name
        for each in page.jobs
        if each.job is not None
        and each.job.class_name is not None
        and statuses.lacks_id(each.job.queue, each.job.class_name, each.job.args, known)
    ]
    if classes := {*jobs, *_of_schedules(found, known)}:
        yield statused(sorted(classes), found)


def schedules(found: ScheduleListing) -> Finding:
    """Whether every schedule can be used."""
    bad = [each.name for each in found.schedules if each.schedule is None]
    unknown = found.of_file.unknown
    if bad:
        text = f"{counted(len(bad), 'schedule')} cannot be used: {named(bad)}"
        return Finding("schedules", "WARN", text, "see why: qtop schedules")
    text = f"{counted(len(found.schedules), 'schedule')}, all can be used"
    if unknown is not None:
        return Finding("schedules", "OK", f"{text}; those of a file are unknown: {unknown}")
    return Finding("schedules", "OK", text)


def statused(classes: list[str], found: ScheduleListing) -> Finding:
    """Of scheduled jobs whose arguments only Ruby's scheduler can make."""
    text = f"jobs are scheduled of classes that answer to `scheduled`: {named(classes)}"
    is_others = found.of_file.master is not None and found.of_file.unknown is not None
    if is_others:
        return Finding("resque-status", "OK", f"{text}; Ruby's scheduler makes their arguments")
    remedy = "let Ruby's resque-scheduler run them: qtop's gives them no id of a status"
    return Finding("resque-status", "WARN", text, remedy)


def _of_schedules(found: ScheduleListing, known: Collection[str]) -> Iterator[str]:
    for each in found.schedules:
        schedule = each.schedule
        if schedule is None:
            continue
        if schedule.custom is not None:
            yield schedule.custom
        elif statuses.lacks_id(schedule.queue, schedule.class_name, args_of(schedule), known):
            yield schedule.class_name


# Finds out for `qtop doctor` whether the scheduler that holds the lock still renews it.

#: Where one look does not tell, the lock is watched: twice as long as a scheduler waits.
_LOOKS: Final = 22
_EVERY_S: Final = 0.5
#: A renewal moves the end by seconds; what is less is the time that answers take.
_MOVED_S: Final = 1.0

#: Who holds the lock, and for how many more seconds (None: it never ends).
ReadLock = Callable[[], tuple[str | None, float | None]]


def find_out(
    read: ReadLock,
    *,
    sleep: Callable[[float], None] = time.sleep,
    runs_here: Callable[[str], bool | None] | None = None,
) -> Lease | None:
    """What is known of the lock; None when it is free. One round trip; where it was not
    renewed just now, and its owner may live, 22 more in 11 s. Raises what `read` raises."""
    owner, left_s = read()
    if owner is None:
        return None
    if left_s is None:
        return Lease(owner)
    idle_s = LIFETIME_S - left_s
    if 0 <= idle_s < FRESH_S:
        return Lease(owner, idle_s, left_s)
    if (runs_here or _runs_here)(owner) is False:
        return Lease(owner, max(0.0, idle_s), left_s, is_gone=True)
    return _watched(read, owner, left_s, sleep)


def _watched(
    read: ReadLock, owner: str, left_s: float, sleep: Callable[[float], None]
) -> Lease | None:
    for _ in range(_LOOKS):
        sleep(_EVERY_S)
        owner_now, left_now_s = read()
        if owner_now is None:
            return None
        if left_now_s is None:
            return Lease(owner_now)
        if owner_now != owner or left_now_s > left_s + _MOVED_S - _EVERY_S:
            return Lease(owner_now, 0.0, left_now_s)
        left_s = left_now_s
    # How old a lock is that lasts longer than usual is not known: no longer fresh.
    return Lease(owner, max(FRESH_S, LIFETIME_S - left_s), left_s)


def _runs_here(owner: str) -> bool | None:
    """Whether a scheduler of this machine runs; None for one of another."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not (pid.isascii() and pid.isdigit()) or len(pid) > 10:
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
