"""`qtop undo`."""

from __future__ import annotations

import sys

import click

from qtop.actions.plan import Outcome
from qtop.actions.request import Undo
from qtop.commands.connection import Connection, Session, connection_options, json_option
from qtop.commands.output import json_line, leave, line, message
from qtop.text.safe import safe
from queuecore.audit import AuditEntry

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
        entry = _find(session, operation)
        if operation is None and entry is None:
            leave("no action of yours can be undone; `qtop audit` lists everybody's")
        request = Undo(operation or "") if entry is None else Undo.of(entry)
        outcome = session.carry_out(session.plan(request))
    _report(request, outcome, as_json)


def _find(session: Session, operation: str | None) -> AuditEntry | None:
    """The action with this id, or the operator's own last one that can be undone."""
    who = session.operator.actor.who
    for entry in session.run(session.system.history(_SEARCHED)):
        if operation is not None and entry.id == operation:
            return entry
        if operation is None and entry.actor.who == who and entry.undo_left_s is not None:
            return entry
    return None


def _report(request: Undo, outcome: Outcome, as_json: bool) -> None:
    if as_json:
        numbers = {"done": outcome.done, "lost": outcome.gone, "known": not outcome.refused}
        line(json_line({"action": "undo", "operation": request.id, **numbers}))
    elif outcome.refused:
        message(
            f"nothing to take back of {request.id!r}: no such action, too long ago, never "
            "possible, or taken back before"
        )
    else:
        what = f" of {safe(request.what)}" if request.what else ""
        line(f"took back {outcome.done:,}{what}, no longer possible {outcome.gone:,}")
    sys.exit(0 if outcome.done else 1)
