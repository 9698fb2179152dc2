"""`qtop undo`."""

from __future__ import annotations

import sys

import click

from qtop.commands.connection import Connection, Session, connection_options, json_option
from qtop.commands.output import json_line, line, message
from qtop.systems.resque.connection import operator_identity as actor
from qtop.text.safe import safe
from queuecore import audit
from queuecore.action_record import ActionRecord
from queuecore.audit import AuditEntry
from resque.store import undo
from resque.store.undo import Undone

#: How many of the last actions are searched for one that can be undone.
_SEARCHED = 1000


@click.command()
@click.argument("operation", metavar="[ID]", required=False)
@connection_options
@json_option
def command(operation: str | None, connection: Connection, as_json: bool) -> None:
    """Take an action back.

    The one with this ID, or your own last one that can be. `qtop audit` lists the ids. Bytes, order
    and the queue's registration come back; a requeued or moved job comes back unless a worker has
    taken it since. Nothing is ever restored twice.

    \b
    Example: qtop undo 3f2a9c0d11e48b76
    """
    with connection.open() as session:
        session.refuse_if_read_only()
        deed = _find(session, operation)
        if operation is None and deed is None:
            message("no action of yours can be undone; `qtop audit` lists everybody's")
            sys.exit(1)
        wanted = operation if operation is not None else deed.id if deed is not None else ""
        undone = session.run(undo.undo(session.keys, wanted, _trail(wanted, deed)))
    _report(wanted, deed, undone, as_json)


def _find(session: Session, operation: str | None) -> AuditEntry | None:
    """The action with this id, or the actor's own last one that can be undone."""
    who = actor().who
    for deed in session.run(audit.newest(session.keys, _SEARCHED)):
        if operation is not None and deed.id == operation:
            return deed
        if operation is None and deed.actor.who == who and deed.undo_left_s is not None:
            return deed
    return None


def _trail(operation: str, deed: AuditEntry | None) -> ActionRecord:
    what = f"{deed.action} {deed.subject}" if deed is not None else ""
    source = deed.source if deed is not None else b""
    return ActionRecord(
        actor(), "undo", f"{what} ({operation})".strip(), source, planned=0, undo_s=0
    )


def _report(operation: str, deed: AuditEntry | None, undone: Undone, as_json: bool) -> None:
    if as_json:
        numbers = {"done": undone.done, "lost": undone.lost, "known": undone.is_known}
        line(json_line({"action": "undo", "operation": operation, **numbers}))
    elif not undone.is_known:
        message(
            f"nothing to take back of {operation!r}: no such action, too long ago, never possible, "
            "or taken back before"
        )
    else:
        what = f" of {deed.action} {safe(deed.subject)}" if deed is not None else ""
        line(f"took back {undone.done:,}{what}, no longer possible {undone.lost:,}")
    sys.exit(0 if undone.done else 1)
