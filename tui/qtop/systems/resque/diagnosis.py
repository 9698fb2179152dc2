"""What `qtop doctor` asks only Resque: rights, namespaces, keys without an index, jobs, locks,
schedules."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType
from typing import Final

from qtop.model.fleet import Snapshot
from qtop.model.health import Finding
from qtop.model.job import Job
from qtop.systems import rights, turned_lists
from qtop.systems.resque.health import master_prefix
from qtop.systems.resque.job_reader import engine_failure, failure_job
from qtop.systems.resque.schedules import args_of
from qtop.systems.resque.turnable import turnable
from qtop.systems.system import DiagnosisPart
from qtop.text.format import argument, job_class, named
from qtop.text.safe import counted
from queuecore import times
from queuecore.exchange import Steps, single
from resque.keys import Keys
from resque.scheduler import listing
from resque.scheduler.listing import ScheduleListing
from resque.scheduler.zones import local_zone
from resque.store import (
    delayed_windows,
    duplicates,
    failures,
    lock_freeing,
    neighbours,
    ownership,
    poison,
    queues,
    registration,
    server_info,
    statuses,
    waiting_jobs,
)
from resque.store.delayed_windows import Position
from resque.store.neighbours import Neighbours
from resque.store.ownership import KeyOwners
from resque.store.registration import Unregistered

#: Of how many of the longest queues items are looked at.
_QUEUES_SAMPLED: Final = 500
#: In how many of the longest queues jobs are compared with each other.
_QUEUES_COMPARED: Final = 20
#: Where each queue has a list of failures: how many lists are looked into, and how far.
_LISTS, _OF_A_LIST = 20, 200
#: How many of the earliest delayed jobs are looked at.
_DELAYED_JOBS: Final = 200
_TIME: Final = single(("TIME",), lambda reply: times.from_server(*reply))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One look for what is wrong.

    Attributes:
        keys, database: Where to look.
        tell: Gets each finding.
        seen: A snapshot, for what is about its jobs.
        suspects: The ids of its workers that are silent or dead.
    """

    keys: Keys
    database: int
    tell: Callable[[Finding], None]
    seen: Snapshot
    suspects: Collection[str]

    def look(self, part: DiagnosisPart) -> Steps[None]:
        """Look for what is wrong with a part. Changes nothing. Raises StoreError."""
        ways: dict[DiagnosisPart, Callable[[], Steps[Finding | None]]] = {
            "rights": self._rights,
            "namespace": self._namespace,
            "unregistered": self._unregistered,
            "locks": self._locks,
            "items": self._items,
            "poison": self._poison,
            "duplicates": self._duplicates,
            "order": lambda: turned_lists.diagnose(turnable(self.keys)),
            "schedules": self._schedules,
        }
        last = yield from ways[part]()
        if last is not None:
            self.tell(last)

    def _rights(self) -> Steps[Finding | None]:
        refused = yield from server_info.refused_commands(self.keys)
        for each in rights.findings(refused):
            self.tell(each)
        return None

    def _namespace(self) -> Steps[Finding]:
        now = yield _TIME
        found = yield from neighbours.find_neighbours(self.keys, database=self.database, now=now)
        self.tell(_systems(found))
        if found.problem is not None:
            raise found.problem
        ours = self.keys.namespace
        judged = {ours: found.own, **found.others}
        foreign = {name: whose.system for name, whose in judged.items() if whose.level != "none"}
        names = [*found.others]
        if found.own.of_resque or found.own.level != "none" or found.own.owners:
            names.append(ours)
        return namespaces(names, found.is_complete, ours, foreign)

    def _unregistered(self) -> Steps[Finding]:
        found, is_complete = yield from registration.missing(self.keys)
        now = yield _TIME
        ours = yield from registration.of_resque(self.keys, found, now=now)
        return unregistered(ours, is_complete, len(found) - len(ours))

    def _locks(self) -> Steps[Finding]:
        """Whether locks of Ruby's plug-ins keep Ruby from enqueueing jobs that do not wait."""
        names = yield queues.names(self.keys)
        found = yield from lock_freeing.stale(self.keys, names)
        if found.locks:
            text = (
                f"{counted(len(found.locks), 'lock')} of resque-loner or its like without a job "
                f"that waits: Ruby drops such jobs when they are enqueued: {named(found.locks)}"
            )
            delete = f"DEL {shlex.quote(found.locks[0])}"
            remedy = f"if no class computes its lock in its own way: {delete}"
            return Finding("locks", "WARN", text, remedy)
        if not found.there:
            text = "no lock of a plug-in of Ruby's"
            if not found.is_complete:
                text += " among the first 200,000 keys; the others are unknown"
            return Finding("locks", "OK", text)
        if not found.is_complete:
            text = f"unknown: {found.there:,} found, but not all keys and jobs could be searched"
            return Finding("locks", "WARN", text, "delete by hand those whose jobs do not wait")
        return Finding("locks", "OK", f"{found.there:,} of plug-ins, none seen without its job")

    def _longest(self) -> list[str]:
        """The queues with jobs, the longest first."""
        sizes = {each.name: each.size or 0 for each in self.seen.queues or ()}
        return sorted((name for name, size in sizes.items() if size), key=lambda n: -sizes[n])

    def _items(self) -> Steps[Finding]:
        """Whether workers can read what waits."""
        longest = self._longest()
        found = yield from waiting_jobs.sample(self.keys, longest[:_QUEUES_SAMPLED])
        unread = [each.queue for each in found if each.length is None]
        looked_at = sum(each.looked_at for each in found)
        waiting = sum(each.length or 0 for each in found)
        part = f"{looked_at:,} checked of {waiting:,} in {counted(len(found), 'queue')}"
        bad = [each for each in found if each.unreadable]
        if bad:
            number = sum(len(each.unreadable) for each in bad)
            where = named([f"{each.queue} ({len(each.unreadable):,})" for each in bad])
            text = f"{counted(number, 'item')} cannot be read: {where}; {part}"
            first = shlex.quote(bad[0].queue)
            see = f"qtop show --from queue:{first} --filter id:{bad[0].unreadable[0].sha[:10]}"
            return Finding("items", "WARN", text, see)
        if unread or len(found) < len(longest):
            rest = f"{counted(len(longest) - len(found) + len(unread), 'queue')} not checked"
            return Finding("items", "UNKNOWN", f"each can be read: {part}; {rest}")
        return Finding("items", "OK", f"each can be read: {part}")

    def _poison(self) -> Steps[Finding]:
        """Whether there are jobs whose process died under them again and again."""
        keys = self.keys
        lists: list[str] = yield failures.lists(keys)
        # What could not be read is said of the snapshot.
        read: list[tuple[str, Sequence[Job]]] = [(failures.FAILED, self.seen.failures or ())]
        in_all = self.seen.failed
        for name in lists[1 : 1 + _LISTS]:
            length, entries = yield failures.newest(keys, limit=_OF_A_LIST, list_name=name)
            in_all = None if in_all is None else in_all + length
            read.append((name, [failure_job(each) for each in entries]))
        deadly: list[str] = []
        for name, jobs in read:
            entries = [engine_failure(job) for job in jobs]
            poisoned = yield from poison.among(keys, entries, list_name=name)
            deadly += [_class_of(job) for job in jobs if job.id in poisoned]
        is_whole = in_all is not None and len(lists) <= 1 + _LISTS
        in_all = in_all if is_whole else None
        newest = sum(len(jobs) for _, jobs in read)
        among = f"among the {newest:,} newest of {'' if in_all is None else f'{in_all:,} '}failures"
        if in_all is not None and newest >= in_all:
            among = f"among {counted(in_all, 'failure')}"
        if not deadly:
            return Finding("poison", "OK", f"no job killed its process again and again, {among}")
        counts = [f"{name} ({count:,})" for name, count in Counter(deadly).most_common()]
        number, their = counted(len(deadly), "failed job"), "its" if len(deadly) == 1 else "their"
        text = f"{number} killed {their} process again and again: {named(counts)}, {among}"
        return Finding("poison", "WARN", text, "fix the job first; `qtop requeue` skips them")

    def _duplicates(self) -> Steps[Finding]:
        """Whether jobs are there more than once. Alone that is no fault: jobs may be alike."""
        names = self._longest()[:_QUEUES_COMPARED]
        alike = yield duplicates.waiting_alike(self.keys, names)
        holders = duplicates.in_hands(self.seen.processes or ())
        shared = [ids for ids in holders.values() if len(ids) > 1]
        suspects = sorted({each for ids in shared for each in ids if each in self.suspects})
        if suspects:
            text = f"another worker holds the same job as the silent {named(suspects)}"
            see = "qtop prune --dry-run shows what it would do"
            return Finding("duplicates", "WARN", text, see)
        alike_in = [f"{len(shared):,} held twice"] if shared else []
        alike_in += [f"{count:,} of the first 1,000 of {name}" for name, count in alike.items()]
        if alike_in:
            return Finding("duplicates", "OK", f"jobs are alike, byte for byte: {named(alike_in)}")
        where = f"running and among the first 1,000 of {counted(len(names), 'queue')}"
        return Finding("duplicates", "OK", f"no job was found more than once, {where}")

    def _schedules(self) -> Steps[Finding | None]:
        """Whether every schedule can be used and is known, and whether jobs of resque-status are
        scheduled. Seven round trips at most."""
        try:
            zone = local_zone(os.environ)
        except ValueError:
            zone = UTC
        now = yield _TIME
        found = yield from listing.everything(self.keys, master_prefix(), now, zone)
        self.tell(schedules(found))
        known = yield from statuses.classes(self.keys)
        page = yield from delayed_windows.page(self.keys, Position(), _DELAYED_JOBS)
        jobs = [
            each.job.class_name
            for each in page.jobs
            if each.job is not None
            and each.job.class_name is not None
            and statuses.lacks_id(each.job.queue, each.job.class_name, each.job.args, known)
        ]
        classes = {*jobs, *_of_schedules(found, known)}
        return statused(sorted(classes), found) if classes else None


# What was found, in words. Pure.


def _systems(found: Neighbours) -> Finding:
    """Which systems live in the database."""
    everything = [found.own, *found.others.values(), found.bare]
    parts = [f"{each.system} under {each.place}{_why(each)}" for each in everything if each.system]
    parts += [f"a connection calls itself {name}" for name in found.clients]
    text = "; ".join(parts) or "neither Resque nor Sidekiq was found"
    if not found.is_complete:
        text += "; not all keys were searched"
    unread = [each for each in everything if each.problem is not None]
    if unread:
        text += f"; not all could be read under {unread[0].place} ({unread[0].problem})"
    # Where it was not looked, another system may live.
    return Finding("systems", "OK" if found.is_complete and not unread else "UNKNOWN", text)


def _why(whose: KeyOwners) -> str:
    reasons = [*whose.signs[:1]]
    if not whose.is_complete:
        reasons.append(f"{ownership.QUEUES} of its queues were checked, not all")
    return f" ({'; '.join(reasons)})" if reasons else ""


def namespaces(
    found: Collection[str],
    is_complete: bool,
    ours: str,
    foreign: Mapping[str, str] = MappingProxyType({}),
) -> Finding:
    """Whether there are queues where we look, or elsewhere. `foreign` are the namespaces in which
    Sidekiq lives, and what lives there in words: they are never advised."""
    others = [name for name in found if name != ours]
    shown = [f"{name} ({foreign[name]})" if name in foreign else name for name in others]
    elsewhere = f"others: {named(shown)}" if others else "no others"
    if not is_complete:
        elsewhere += ", among the first 200,000 keys"
    if ours in found:
        return _as_far_as_seen(
            "namespace", f"{ours!r} has queues; {elsewhere}", is_complete, "*:queues"
        )
    advised = [name for name in others if name not in foreign]
    if advised:
        text = f"{ours!r} has no queues; {elsewhere}"
        what_to_do = f"try --namespace {shlex.quote(advised[0])}"
        return Finding("namespace", "WARN", text, what_to_do)
    text = f"{ours!r} has no queues yet; {elsewhere}"
    return _as_far_as_seen("namespace", text, is_complete, "*:queues")


def _as_far_as_seen(check: str, text: str, is_complete: bool, pattern: str) -> Finding:
    """Nothing was found; what was not looked at may hold it."""
    if is_complete:
        return Finding(check, "OK", text)
    return Finding(check, "UNKNOWN", text, f"redis-cli --scan --pattern '{pattern}' searches all")


def unregistered(found: Sequence[Unregistered], is_complete: bool, foreign: int = 0) -> Finding:
    """Whether queues with jobs are missing from the set of queues. `foreign` is the number of
    further ones, which are Sidekiq's."""
    rest = "" if is_complete else " among the first 200,000 keys"
    rest += f"; {counted(foreign, 'list')} of Sidekiq's skipped" if foreign else ""
    if not found:
        text = f"no queue with jobs is missing from the set{rest}"
        return _as_far_as_seen("unregistered", text, is_complete, "*:queue:*")
    text = named([f"{each.name} ({each.jobs:,} waiting)" for each in found])
    missing = f"queues are missing from the set{rest}: {text}"
    return Finding("unregistered", "WARN", missing, f"qtop register {argument(found[0].name)}")


def _class_of(job: Job) -> str:
    is_large = job.item.is_cut and job.class_name is None
    return "(large)" if is_large else job_class(job.class_name, job.args)


def schedules(found: ScheduleListing) -> Finding:
    """Whether every schedule can be used."""
    bad = [each.name for each in found.schedules if each.schedule is None]
    unknown = found.of_file.unknown
    if bad:
        text = f"{counted(len(bad), 'schedule')} cannot be used: {named(bad)}"
        return Finding("schedules", "WARN", text, "see why: qtop schedules")
    text = f"{counted(len(found.schedules), 'schedule')}, all can be used"
    text += "" if unknown is None else f"; those of a file are unknown: {unknown}"
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
