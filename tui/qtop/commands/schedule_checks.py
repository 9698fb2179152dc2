"""What `qtop doctor` says of schedules and delayed jobs that do not run as they are meant to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from datetime import UTC
from typing import Final

from qtop.commands.session import Session
from qtop.monitor.incidents.server_checks import Finding, named
from qtop.systems.resque.scheduled_rows import args_of
from qtop.text.safe import counted
from resque.scheduler import listing
from resque.scheduler.listing import ScheduleListing
from resque.scheduler.zones import local_zone
from resque.store import delayed_windows, statuses
from resque.store.delayed_windows import Position

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
