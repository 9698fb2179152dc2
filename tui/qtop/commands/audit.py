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
    OutputColumn("WHEN", lambda deed: moment(deed.at)),
    OutputColumn("WHO", lambda deed: safe(deed.actor.who), may_shrink=True),
    OutputColumn("CLIENT", lambda deed: safe(deed.actor.client), may_shrink=True),
    OutputColumn("ACTION", lambda deed: safe(deed.action)),
    OutputColumn("WHAT", lambda deed: safe(deed.subject), may_shrink=True),
    OutputColumn("DONE", lambda deed: _done(deed), "right"),
    OutputColumn("UNDO", lambda deed: _undo(deed), "right"),
    OutputColumn("ID", lambda deed: safe(deed.id)),
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
    shown = found[:limit] if limit else found
    write(shown, _COLUMNS, _fields, as_json=as_json, redactor=redactor)


def _done(deed: AuditEntry) -> str:
    undone = f" (-{deed.undone:,})" if deed.undone else ""
    return "unknown" if deed.done is None else f"{deed.done:,}{undone}"


def _subject(deed: AuditEntry) -> Subject:
    return Subject(
        queue=deed.queue,
        id=deed.id,
        words=(deed.actor.who, deed.actor.client, deed.action, deed.subject),
    )


def _undo(deed: AuditEntry) -> str:
    return "no" if deed.undo_left_s is None else ago(deed.undo_left_s)


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
