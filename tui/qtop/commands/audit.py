"""`qtop audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from qtop.commands.connection import DEFAULT_LIMIT, Connection, connection_options, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, moment, write
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text.safe import ago, safe
from queuecore.action_record import AUDIT_ENTRIES
from queuecore.audit import AuditEntry

_COLUMNS = (
    OutputColumn("WHEN"),
    OutputColumn("WHO", may_shrink=True),
    OutputColumn("CLIENT", may_shrink=True),
    OutputColumn("ACTION"),
    OutputColumn("WHAT", may_shrink=True),
    OutputColumn("DONE", "right"),
    OutputColumn("UNDO", "right"),
    OutputColumn("ID"),
)


@click.command()
@connection_options
@listing_options(DEFAULT_LIMIT)
def command(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List what operators did, the last first.

    In local time. UNDO is how long `qtop undo ID` can still take it back. --filter takes queue: and
    words, such as a name or an action.

    \b
    Example: qtop audit --filter delete --limit 20
    """
    most = limit if limit and wanted.is_empty else AUDIT_ENTRIES
    with connection.open() as session:
        deeds = session.run(session.system.history(most))
    found = [deed for deed in deeds if wanted.matches(_subject(deed))]
    leave_if_none(found, not wanted.is_empty)
    redactor = connection.redactor(is_whole=as_json)
    write(
        found[:limit] if limit else found,
        _COLUMNS,
        _cells,
        _fields,
        as_json=as_json,
        redactor=redactor,
    )


def _subject(deed: AuditEntry) -> Subject:
    return Subject(
        queue=deed.queue,
        id=deed.id,
        words=(deed.actor.who, deed.actor.client, deed.action, deed.subject),
    )


def _cells(deed: AuditEntry) -> tuple[str, ...]:
    undone = f" (-{deed.undone:,})" if deed.undone else ""
    return (
        moment(deed.at),
        safe(deed.actor.who),
        safe(deed.actor.client),
        safe(deed.action),
        safe(deed.subject),
        "unknown" if deed.done is None else f"{deed.done:,}{undone}",
        "no" if deed.undo_left_s is None else ago(deed.undo_left_s),
        safe(deed.id),
    )


def _fields(deed: AuditEntry) -> Mapping[str, Any]:
    return {
        "id": deed.id,
        "at": deed.at,
        "who": deed.actor.who,
        "client": deed.actor.client,
        "action": deed.action,
        "subject": deed.subject,
        "queue": deed.queue,
        "source": deed.source,
        "planned": deed.planned,
        "done": deed.done,
        "undone": deed.undone,
        "undo_left_s": deed.undo_left_s,
    }
