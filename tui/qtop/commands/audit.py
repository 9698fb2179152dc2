"""What operators did, and taking it back: `qtop audit` and `qtop undo`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from qtop.commands.connection import (
    Connection,
    OpenPlaces,
    Session,
    connection_options,
    listing_options,
)
from qtop.commands.options import DEFAULT_LIMIT, json_option
from qtop.commands.output import OutputColumn, json_line, leave, line, message, moment
from qtop.commands.reading import Unread, visit_all
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text.safe import ago, safe
from queuecore.action_record import AUDIT_ENTRIES
from queuecore.audit import AuditEntry

if TYPE_CHECKING:
    from qtop.actions.plan import Outcome
    from qtop.actions.request import Undo

_COLUMNS: Final[tuple[OutputColumn[AuditEntry], ...]] = (
    OutputColumn("WHEN", lambda entry: moment(entry.at)),
    OutputColumn("WHO", lambda entry: safe(entry.actor.who), may_shrink=True),
    OutputColumn("CLIENT", lambda entry: safe(entry.actor.client), may_shrink=True),
    OutputColumn("ACTION", lambda entry: safe(entry.action)),
    OutputColumn("WHAT", lambda entry: safe(entry.subject), may_shrink=True),
    OutputColumn("DONE", lambda entry: _done(entry), "right"),
    OutputColumn("UNDO", lambda entry: _undo_left(entry), "right"),
    OutputColumn("ID", lambda entry: safe(entry.id)),
)


@click.command()
@listing_options(DEFAULT_LIMIT)
def audit(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List what operators did, the last first.

    In local time. UNDO is how long `qtop undo ID` is still possible. --filter takes queue: and
    words, such as a name or an action.

    \b
    Example: qtop audit --filter delete --limit 20
    """
    most = limit if limit and wanted.is_empty else AUDIT_ENTRIES
    unread = Unread()
    found: list[_Done] = []

    def visit(session: Session, part: Unread) -> None:
        entries = session.run(session.system.history(most))
        found.extend(_Done(session, entry) for entry in entries if wanted.matches(_subject(entry)))

    with connection.open_all() as places:
        visit_all(places, unread, visit)
        listing = connection.listing(places, _COLUMNS, _fields, as_json=as_json)
        done = _once_each(found) if places.is_several else found
        for session, entry in done[:limit] if limit else done:
            places.current = session
            listing.add(entry)
        listing.end(is_filtered=not wanted.is_empty and not unread)
    unread.leave()


class _Done(NamedTuple):
    """An action, and the place where it was done."""

    session: Session
    entry: AuditEntry


def _once_each(found: Sequence[_Done]) -> list[_Done]:
    """Each action once, the last first. Two systems that share a namespace have one record: an
    action is of that which has the list that it was about."""
    # What is written later stays.
    by_name = {
        (each.session.system.place, each.entry.id): each
        for each in sorted(
            found, key=lambda each: each.session.system.source_of(each.entry) is not None
        )
    }
    return sorted(by_name.values(), key=lambda each: each.entry.at, reverse=True)


def _done(entry: AuditEntry) -> str:
    undone = f" (-{entry.undone:,})" if entry.undone else ""
    return "unknown" if entry.done is None else f"{entry.done:,}{undone}"


def _subject(entry: AuditEntry) -> Subject:
    return Subject(
        queue=entry.queue,
        id=entry.id,
        words=(entry.actor.who, entry.actor.client, entry.action, entry.subject),
        at_s=entry.at.timestamp(),
    )


def _undo_left(entry: AuditEntry) -> str:
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
        "processes": entry.processes,
    }


#: How many of the last actions are searched for one that can be undone.
_SEARCHED = 1000


@click.command()
@click.argument("operation", metavar="[ID]", required=False)
@connection_options
@json_option
def undo(operation: str | None, connection: Connection, as_json: bool) -> None:
    """Undo an action.

    The one with this ID, or your own last one that can be. `qtop audit` lists the ids. Bytes, order
    and the queue's registration come back; a requeued or moved job comes back unless a worker has
    taken it since. Nothing is ever restored twice.

    \b
    Example: qtop undo 3f2a9c0d11e48b76
    """
    # Imported here: the list needs none of it.
    from qtop.actions.request import Undo
    from qtop.actions.stopping import Stopped

    connection.refuse_if_read_only()
    with connection.open_all() as places:
        session, entry = _find_in(places, operation)
        if operation is None and entry is None:
            leave("you have no action that can be undone; `qtop audit` lists everyone's")
        request = Undo(operation or "") if entry is None else Undo.of(entry)
        try:
            outcome = session.carry_out(session.plan(request))
        except (KeyboardInterrupt, Stopped):
            rest = f"to undo the rest: qtop undo {request.id}"
            message(f"interrupted: what was undone stays undone; {rest}")
            raise KeyboardInterrupt from None
    _report(session, request, outcome, as_json)


def _find_in(places: OpenPlaces, operation: str | None) -> tuple[Session, AuditEntry | None]:
    """The action that is meant, and the place where it was done: of the operator's own last ones
    the last. Raises StoreError where one of the places cannot be read: it may be there."""
    found = [_Done(each, entry) for each in places.sessions if (entry := _find(each, operation))]
    return next(iter(_once_each(found)), (places.sessions[0], None))


def _find(session: Session, operation: str | None) -> AuditEntry | None:
    """The action with this id, or the operator's own last one that can be undone."""
    who = session.operator.actor.who
    for entry in session.run(session.system.history(_SEARCHED)):
        if operation is not None and entry.id == operation:
            return entry
        if operation is None and entry.actor.who == who and entry.undo_left_s is not None:
            return entry
    return None


def _report(session: Session, request: Undo, outcome: Outcome, as_json: bool) -> None:
    # Imported here: the list needs none of it.
    from qtop.actions.plan import undo_counts
    from qtop.commands.acting import leave_if_stopped

    if as_json:
        numbers = {"done": outcome.done, "lost": outcome.gone, "known": not outcome.refused}
        if outcome.stopped is not None:
            numbers["left"] = outcome.left
        done = {"action": "undo", "operation": request.id, **numbers}
        line(json_line(session.named(done)))
    elif outcome.refused:
        message(
            f"nothing to undo of {request.id!r}: no such action, too long ago, irreversible, "
            "or already undone"
        )
    else:
        line(undo_counts(safe(request.what), outcome.done, outcome.gone, outcome.left))
    if outcome.stopped is not None:
        message(f"to undo the rest: qtop undo {request.id}")
    leave_if_stopped(outcome)
    if outcome.stopped is not None:
        raise outcome.stopped
    sys.exit(0 if outcome.done else 1)
