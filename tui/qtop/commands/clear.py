"""`qtop clear`: everything that is in a list now."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from qtop.commands.acting import SOURCE, ActOptions, can_ask, report, undo_seconds
from qtop.commands.connection import (
    Connection,
    Session,
    connection_options,
    dry_run_option,
    json_option,
    yes_option,
)
from qtop.commands.output import counted, json_line, line, message
from qtop.search.selection import JobSource
from qtop.systems.resque.connection import operator_identity as actor
from qtop.text.safe import safe
from queuecore import windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Result
from queuecore.exchange import Operation
from queuecore.windows import Extent
from resque.store import queues, registration
from resque.store.lock_freeing import and_free_all

_LONGEST_WORD = 40


@click.command()
@click.argument("source", type=SOURCE, metavar="SOURCE")
@connection_options
@json_option
@dry_run_option
@yes_option
@click.option("--remove", is_flag=True, help="Also take the queue's name off the list of queues.")
def command(source: JobSource, connection: Connection, remove: bool, **options: bool) -> None:
    """Delete everything that is in a list now.

    SOURCE is failed, queue:NAME or unreadable:NAME. What arrives meanwhile stays. On a terminal you
    type the name first; elsewhere --yes must be said. Up to 64 MiB are kept for a day, for `qtop
    undo`. With a queue's jobs go the locks that resque-loner or its like has put on them, if the
    queue is empty then.

    \b
    Example: qtop clear queue:mail --dry-run
    """
    if remove and source.kind != "queue":
        raise click.UsageError("--remove is for queues")
    chosen = ActOptions(**options)
    with connection.open() as session:
        if not chosen.dry_run:
            session.refuse_if_read_only()
        session.refuse_if_sidekiqs(filter(None, [source.queue]), failures=source.kind == "failed")
        seen = session.run(windows.extent(source.key(session.keys)))
        what = f"{counted(seen.length, source.noun)} in {safe(str(source))}"
        if chosen.dry_run:
            _trail(session, source, seen, remove)  # says so if it cannot be undone
            would = {"action": _action(remove), "dry_run": True, "would": seen.length}
            line(json_line(would) if chosen.as_json else f"would delete {what}")
            sys.exit(0 if seen.length or remove else 1)
        if not seen.length and not remove:
            message(f"{source} is empty")
            sys.exit(1)
        trail = _trail(session, source, seen, remove)
        if not chosen.yes:
            _confirm_by_name(f"delete {what}", source)
        if not seen.length:
            _forget(session, source, trail)
        change: Operation[int | None]
        if remove:
            change = queues.clear_and_remove(session.keys, source.name, seen, trail)
        else:
            key = source.key(session.keys)
            change = windows.clear_to(session.keys, key, seen, trail=trail)
        if source.kind == "queue":
            change = and_free_all(session.keys, source.name, change)
        deleted = session.run(change)
        if deleted is None:
            message("it changed too much meanwhile: look, then try again. Nothing was deleted.")
            sys.exit(1)
        report(_action(remove), "deleted", Result(deleted), trail, as_json=chosen.as_json)


def _action(remove: bool) -> str:
    return "remove" if remove else "clear"


def _trail(session: Session, source: JobSource, seen: Extent, remove: bool) -> ActionRecord:
    key = source.key(session.keys)
    size = session.run(windows.size_bytes(key)) if seen.length else 0
    if size is None:
        message("how large it is is unknown: an undo keeps it, whatever its size")
    return ActionRecord(
        actor(),
        _action(remove),
        str(source),
        key,
        seen.length,
        queue=source.queue,
        undo_s=undo_seconds(session.undo_limits, size or 0),
    )


def _forget(session: Session, source: JobSource, trail: ActionRecord) -> None:
    forget = registration.forget(session.keys, source.name, replace(trail, planned=1, undo_s=0))
    if not session.run(forget):
        message(f"{source} is not an empty queue on the list of queues: nothing was done")
        sys.exit(1)
    line("removed the name of an empty queue")
    sys.exit(0)


def _confirm_by_name(what: str, source: JobSource) -> None:
    """Let a person type the name of what they are about to delete."""
    if not can_ask():
        message(f"{what}: say --yes to do it, or --dry-run to see more. Nothing was done.")
        sys.exit(1)
    word = _typeable(source.name)
    typed = click.prompt(f"{what}. Type {word} to do it", default="", show_default=False, err=True)
    if typed != word:
        message("that is not the name: nothing was done")
        sys.exit(1)


def _typeable(name: str) -> str:
    """What must be typed for a name: itself, unless no keyboard can."""
    plain = name.isascii() and name.isprintable() and name == name.strip() and bool(name)
    return name if plain and len(name) <= _LONGEST_WORD else "clear"
