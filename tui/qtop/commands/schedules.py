"""`qtop schedules`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

import click

from qtop.commands.connection import Connection, connection_options, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, message, moment, tell_rest, write
from qtop.commands.sharing import tell
from qtop.search.fields import text_of
from qtop.search.filter_language import Filter
from qtop.systems.resque.scheduled_search import args_of, schedule_subject, timing
from qtop.text.safe import safe
from resque.keys import Keys
from resque.scheduler import listing
from resque.scheduler.listing import Listed
from resque.scheduler.zones import local_zone

_COLUMNS = (
    OutputColumn("SCHEDULE", may_shrink=True),
    OutputColumn("WHEN"),
    OutputColumn("NEXT"),
    OutputColumn("LAST"),
    OutputColumn("CLASS", may_shrink=True),
    OutputColumn("ARGS", may_shrink=True),
    OutputColumn("QUEUE"),
    OutputColumn("SOURCE"),
)


@click.command()
@connection_options
@listing_options()
def command(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List the recurring schedules.

    With their next and last times in local time: those kept in Redis, and those of the file of
    the scheduler at work, which qtop's publishes; of another's file they are unknown. --filter
    takes class:, args:, queue: and words.

    \b
    Example: qtop schedules --json
    """
    with connection.open() as session:
        tell(session)
        prefix = os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", "")
        every = session.run(
            listing.everything(Keys(session.system.place.namespace), prefix, session.now(), _zone())
        )
    if every.of_file.unknown is not None:
        message(f"schedules of a scheduler's file are unknown: {safe(every.of_file.unknown)}")
    found = [each for each in every.schedules if wanted.matches(schedule_subject(each))]
    leave_if_none(found, not wanted.is_empty)
    shown = found[:limit] if limit else found
    redactor = connection.redactor(is_whole=as_json)
    write(shown, _COLUMNS, _cells, _fields, as_json=as_json, redactor=redactor)
    tell_rest(len(shown), len(found), "schedule")


def _zone() -> tzinfo:
    try:
        return local_zone(os.environ)
    except ValueError as error:
        message(f"{error}; times are reckoned in UTC")
        return UTC


def _cells(each: Listed) -> tuple[str, ...]:
    schedule = each.schedule
    if schedule is None or each.problem is not None:
        problem, last = safe(each.problem or ""), moment(each.last_at, "")
        word = "unusable" if schedule is None else "not used"
        return (safe(each.name), word, "", last, problem, "", "", each.source)
    return (
        safe(each.name),
        safe(timing(schedule)),
        moment(each.next_at),
        moment(each.last_at, "never"),
        safe(schedule.class_name),
        safe(text_of(args_of(schedule))),
        safe(schedule.queue or ""),
        each.source,
    )


def _fields(each: Listed) -> Mapping[str, Any]:
    schedule = each.schedule
    return {
        "schedule": each.name,
        "when": None if schedule is None else timing(schedule),
        "next_at": each.next_at,
        "last_at": each.last_at,
        "class": None if schedule is None else schedule.class_name,
        "args": None if schedule is None else args_of(schedule),
        "queue": None if schedule is None else schedule.queue,
        "description": None if schedule is None else schedule.description,
        "problem": each.problem,
        "source": each.source,
    }
