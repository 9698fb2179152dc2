"""What `qtop doctor` asks only Sidekiq: what lives there, and whether what is next can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from qtop.model.fleet import Snapshot
from qtop.model.health import Finding, Strays
from qtop.systems import rights, turned_lists
from qtop.systems.sidekiq import permissions, strays
from qtop.systems.sidekiq.job_lists import turnable
from qtop.systems.sidekiq.ownership import note
from qtop.systems.system import DiagnosisPart
from qtop.text.format import argument, named
from qtop.text.safe import counted
from queuecore.exchange import Exchange, Steps
from queuecore.times import wall_now
from queuecore.windows import Stretch, read_item
from sidekiq.errors import Refused
from sidekiq.keys import SidekiqKeys
from sidekiq.store import plugins, schedules, systems, waiting_jobs
from sidekiq.store.plugins import Plugins
from sidekiq.store.schedules import RecurringJobs
from sidekiq.store.systems import SidekiqSigns
from sidekiq.store.waiting_jobs import WaitingJob

#: Of so many of the longest queues so many jobs are looked at, each up to so many bytes.
_QUEUES, _JOBS, _JOB_BYTES = 100, 20, 65_536
_Tell = Callable[[Finding], None]


def look(keys: SidekiqKeys, part: DiagnosisPart, tell: _Tell, seen: Snapshot) -> Steps[None]:
    """Look for what is wrong with a part; of those that only Resque has nothing is told. Changes
    nothing. Raises StoreError."""
    if part == "rights":
        for each in rights.findings((yield from permissions.refused(keys))):
            tell(each)
    elif part == "namespace":
        found: tuple[SidekiqSigns, ...] = yield from systems.look([keys.namespace], now=wall_now())
        there: Plugins = yield from plugins.find(keys)
        tell(_system(found[0]))
        tell(_plugins(there))
    elif part == "unregistered":
        tell(_unregistered((yield from strays.find(keys))))
    elif part == "items":
        tell((yield from _items(keys, seen)))
    elif part == "order":
        tell((yield from turned_lists.diagnose(turnable(keys))))
    elif part == "schedules":
        read: RecurringJobs = yield from schedules.read(keys)
        tell(_schedules(read))


def _system(found: SidekiqSigns) -> Finding:
    where = f"namespace {found.namespace!r}" if found.namespace else "this database"
    if (also := note(found)) is not None:
        return Finding("namespace", "WARN", also, "give each a namespace or database of its own")
    if found.problem is not None:
        return Finding("namespace", "UNKNOWN", found.problem, "make sure that it may be read")
    if found.sureness == "none":
        return Finding("namespace", "WARN", f"nothing of Sidekiq's in {where}", _WHERE)
    return Finding("namespace", "OK", f"Sidekiq in {where}: {found.signs[0]}")


def _unregistered(found: Strays) -> Finding:
    """Whether every queue with jobs is registered."""
    hidden = [each.name for each in found.found if each.kind == "queue"]
    if hidden:
        text = f"jobs wait in unregistered queues: {named(hidden)}"
        return Finding("unregistered", "WARN", text, "the next job registers it")
    if not found.is_complete:
        text = "not all keys were searched: there may be unregistered queues with jobs"
        return Finding("unregistered", "UNKNOWN", text, "know which queues clients push to")
    return Finding("unregistered", "OK", "every queue with jobs is registered")


_SEE_RIGHTS: Final = "see what `rights` says"
_WHERE: Final = "check the database and --namespace"


def _plugins(there: Plugins) -> Finding:
    if there.problem is not None or not there.is_complete:
        why = there.problem or "not all keys were searched"
        text = f"unknown whether there are others than: {named(sorted(there.keys)) or 'none'}"
        return Finding("plug-ins", "UNKNOWN", f"{text} ({why})", "know what else uses these keys")
    names = named(sorted(there.keys), len(there.keys))
    return Finding("plug-ins", "OK", f"keys of: {names}" if names else "no keys of any")


def _items(keys: SidekiqKeys, seen: Snapshot) -> Steps[Finding]:
    """Whether the jobs that are next can be read. A round trip for each of 100 queues."""
    if seen.queues is None:
        why = seen.problems.get("queues", "the queues could not be read")
        return Finding("items", "UNKNOWN", f"none was checked: {why}", _SEE_RIGHTS)
    rows = sorted((each for each in seen.queues if each.size), key=lambda q: -(q.size or 0))
    unread = [each.name for each in seen.queues if each.size is None]
    bad: list[str] = []
    looked_at = too_large = 0
    for row in rows[:_QUEUES]:
        window: Exchange[Stretch] = waiting_jobs.stretch(
            keys.queue(row.name), 0, _JOBS - 1, max_bytes=_JOB_BYTES
        )
        try:
            found: Stretch = yield window
        except Refused:
            unread.append(row.name)
            continue
        items = [read_item(reply) for reply in found.replies]
        whole = [WaitingJob(item, place) for place, item in enumerate(items) if not item.is_cut]
        looked_at += len(whole)
        too_large += len(items) - len(whole)
        bad += (row.name for each in whole if each.record.problem is not None)
    waiting = sum(each.size or 0 for each in rows)
    part = f"{looked_at:,} checked of {waiting:,} in {counted(len(rows), 'queue')}"
    if bad:
        text = f"{counted(len(bad), 'job')} cannot be read: {named(list(dict.fromkeys(bad)))}"
        see = f"qtop show --system sidekiq --from queue:{argument(bad[0])} --filter readable:no"
        return Finding("items", "WARN", f"{text}; {part}", see)
    rest = [f"{counted(too_large, 'job')} too large to check"] if too_large else []
    if left := max(0, len(rows) - _QUEUES) + len(unread):
        rest.append(f"{counted(left, 'queue')} not checked")
    text = "; ".join((f"each can be read: {part}", *rest))
    return Finding("items", "UNKNOWN" if rest else "OK", text, _SEE_RIGHTS if unread else "")


def _schedules(read: RecurringJobs) -> Finding:
    if read.problems:
        why = "; ".join(f"{what}: {text}" for what, text in read.problems.items())
        return Finding("schedules", "UNKNOWN", why, "check these keys")
    bad = [each.name for each in read.jobs if each.problem is not None]
    if bad:
        return Finding("schedules", "WARN", f"cannot be read: {named(bad)}", "define them again")
    return Finding("schedules", "OK", f"{counted(len(read.jobs), 'recurring job')} of plug-ins")
