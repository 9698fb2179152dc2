"""`qtop schedules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from qtop.commands.connection import Connection, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, message, moment
from qtop.commands.reading import tell_owners
from qtop.model.fleet import ListedSchedule
from qtop.search.fields import of_schedule, text_of
from qtop.search.filter_language import Filter
from qtop.text.safe import safe

_COLUMNS: Final[tuple[OutputColumn[ListedSchedule], ...]] = (
    OutputColumn("SCHEDULE", lambda each: safe(each.name), may_shrink=True),
    OutputColumn("WHEN", lambda each: safe(each.timing or "") if _fires(each) else _why_not(each)),
    OutputColumn("NEXT", lambda each: moment(each.next_at) if _fires(each) else ""),
    OutputColumn("LAST", lambda each: moment(each.last_at, "never" if _fires(each) else "")),
    OutputColumn("CLASS", lambda each: safe(_shown(each, each.class_name)), may_shrink=True),
    OutputColumn("ARGS", lambda each: safe(_shown(each, text_of(each.args), "")), may_shrink=True),
    OutputColumn("QUEUE", lambda each: safe(_shown(each, each.queue, ""))),
    OutputColumn("SOURCE", lambda each: each.source),
)


@click.command()
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
        tell_owners(session)
        every = session.run(session.system.schedules(session.now()))
    if every.zone_problem is not None:
        message(f"{every.zone_problem}; times are reckoned in UTC")
    if every.file_problem is not None:
        message(f"schedules of a scheduler's file are unknown: {safe(every.file_problem)}")
    found = [each for each in every.listed or () if wanted.matches(of_schedule(each))]
    leave_if_none(found, not wanted.is_empty)
    listing = connection.listing(_COLUMNS, _fields, as_json=as_json, limit=limit)
    listing.print_all(found, "schedule")


def _fires(each: ListedSchedule) -> bool:
    return each.timing is not None and each.problem is None


def _why_not(each: ListedSchedule) -> str:
    return "not used" if each.is_usable else "unusable"


def _shown(each: ListedSchedule, text: str | None, otherwise: str | None = None) -> str:
    """What is shown of a schedule that fires; of another why it does not, or `otherwise`."""
    if _fires(each):
        return text or ""
    return (each.problem if otherwise is None else otherwise) or ""


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
