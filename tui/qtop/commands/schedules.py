"""`qtop schedules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from qtop.commands.connection import Connection, connection_options, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, message, moment, tell_rest, write
from qtop.commands.sharing import tell
from qtop.model.schedule import ListedSchedule
from qtop.search.fields import of_schedule, text_of
from qtop.search.filter_language import Filter
from qtop.text.safe import safe

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
        every = session.run(session.system.schedules(session.now()))
    if every.zone_problem is not None:
        message(f"{every.zone_problem}; times are reckoned in UTC")
    if every.file_problem is not None:
        message(f"schedules of a scheduler's file are unknown: {safe(every.file_problem)}")
    found = [each for each in every.listed or () if wanted.matches(of_schedule(each))]
    leave_if_none(found, not wanted.is_empty)
    shown = found[:limit] if limit else found
    redactor = connection.redactor(is_whole=as_json)
    write(shown, _COLUMNS, _cells, _fields, as_json=as_json, redactor=redactor)
    tell_rest(len(shown), len(found), "schedule")


def _cells(each: ListedSchedule) -> tuple[str, ...]:
    if each.timing is None or each.problem is not None:
        problem, last = safe(each.problem or ""), moment(each.last_at, "")
        word = "not used" if each.is_usable else "unusable"
        return (safe(each.name), word, "", last, problem, "", "", each.source)
    return (
        safe(each.name),
        safe(each.timing),
        moment(each.next_at),
        moment(each.last_at, "never"),
        safe(each.class_name or ""),
        safe(text_of(each.args)),
        safe(each.queue or ""),
        each.source,
    )


def _fields(each: ListedSchedule) -> Mapping[str, Any]:
    return {
        "schedule": each.name,
        "when": each.timing,
        "next_at": each.next_at,
        "last_at": each.last_at,
        "class": each.class_name,
        "args": each.args,
        "queue": each.queue,
        "description": each.description if each.is_usable else None,
        "problem": each.problem,
        "source": each.source,
    }
