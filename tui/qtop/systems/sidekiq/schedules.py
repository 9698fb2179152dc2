"""The recurring jobs of sidekiq-cron and sidekiq-scheduler as the console knows them. They are
read, never written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from qtop.model.fleet import ListedSchedule, Process, Schedules
from queuecore.exchange import Steps
from sidekiq.keys import SidekiqKeys
from sidekiq.store import plugins, schedules
from sidekiq.store.plugins import Plugins
from sidekiq.store.schedules import RecurringJob, RecurringJobs

_PERIODIC: Final = "Sidekiq Enterprise is there: its periodic jobs, if any, cannot be read"


def look(keys: SidekiqKeys, now: datetime, movers: int | None) -> Steps[Schedules]:
    """Read them; `movers` is how many processes move what is due. Of sidekiq-cron those of its
    usual namespace, or of before it had any. Three round trips."""
    found: RecurringJobs = yield from schedules.read(keys)
    listed = tuple(_listed(each, now) for each in found.jobs)
    problems = dict(found.problems)
    if movers is None:
        problems["processes"] = "whether any moves what is due is unknown"
    there: Plugins = yield plugins.present(keys)
    return Schedules(listed, problems=problems, movers=movers, hidden=hidden_jobs(there))


def hidden_jobs(there: Plugins) -> str | None:
    """What may recur and cannot be listed, in words: only Enterprise's own Ruby reads its periodic
    jobs. No key of a known name holds them; its leader has one."""
    signs = ("Enterprise: periodic jobs", "Enterprise: leader")
    return _PERIODIC if any(each in there.keys for each in signs) else None


def movers(processes: Iterable[Process]) -> int:
    """How many processes move what is due: all that live, but for those that are quiet."""
    return sum(not each.is_gone and not each.is_quiet for each in processes)


def firings(schedule: ListedSchedule, count: int) -> list[datetime]:
    """The next time, where its plug-in keeps it."""
    return [] if schedule.next_at is None or not count else [schedule.next_at]


def _listed(found: RecurringJob, now: datetime) -> ListedSchedule:
    next_s = None if found.next_at is None else (found.next_at - now).total_seconds()
    problem = found.problem
    if problem is None and found.is_on is False:
        problem = "switched off"
    name = found.name
    if found.group not in (None, "default"):
        name = f"{found.group}:{name}"
    return ListedSchedule(
        name=name,
        source=found.source,
        problem=problem,
        timing=found.expression,
        class_name=found.class_name,
        args=found.args,
        queue=found.queue,
        description=found.description or "",
        next_at=found.next_at,
        last_at=found.last_at,
        next_s=next_s,
    )
