"""`qtop audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from qtop.commands.connection import DEFAULT_LIMIT, Connection, connection_options, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, moment, write
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text.safe import ago, safe
from queuecore.action_record import AUDIT_ENTRIES
from queuecore.audit import AuditEntry

_COLUMNS: Final[tuple[OutputColumn[AuditEntry], ...]] = (
    OutputColumn("WHEN", lambda entry: moment(entry.at)),
    OutputColumn("WHO", lambda entry: safe(entry.actor.who), may_shrink=True),
    OutputColumn("CLIENT", lambda entry: safe(entry.actor.client), may_shrink=True),
    OutputColumn("ACTION", lambda entry: safe(entry.action)),
    OutputColumn("WHAT", lambda entry: safe(entry.subject), may_shrink=True),
    OutputColumn("DONE", lambda entry: _done(entry), "right"),
    OutputColumn("UNDO", lambda entry: _undo(entry), "right"),
    OutputColumn("ID", lambda entry: safe(entry.id)),
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
        entries = session.run(session.system.history(most))
    found = [entry for entry in entries if wanted.matches(_subject(entry))]
    leave_if_none(found, not wanted.is_empty)
    redactor = connection.redactor(is_whole=as_json)
    shown = found[:limit] if limit else found
    write(shown, _COLUMNS, _fields, as_json=as_json, redactor=redactor)


def _done(entry: AuditEntry) -> str:
    undone = f" (-{entry.undone:,})" if entry.undone else ""
    return "unknown" if entry.done is None else f"{entry.done:,}{undone}"


def _subject(entry: AuditEntry) -> Subject:
    return Subject(
        queue=entry.queue,
        id=entry.id,
        words=(entry.actor.who, entry.actor.client, entry.action, entry.subject),
    )


def _undo(entry: AuditEntry) -> str:
    return "no" if entry.undo_left_s is None else ago(entry.undo_left_s)


def _fields(entry: AuditEntry) -> Mapping[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at,
        "who": entry.actor.who,
        "client": entry.actor.client,
        "action": entry.action,
        "subject": entry.subject,
        "queue": entry.queue,
        "source": entry.source,
        "planned": entry.planned,
        "done": entry.done,
        "undone": entry.undone,
        "undo_left_s": entry.undo_left_s,
    }
