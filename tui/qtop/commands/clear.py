"""`qtop clear`: everything that is in a list now."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from qtop.actions.plan import Outcome, typeable
from qtop.actions.request import Clear
from qtop.commands.acting import SOURCE, report, require_person, tell_no_undo
from qtop.commands.connection import Connection, change_options, connection_options
from qtop.commands.output import counted, json_line, leave, line, message
from qtop.model.job import JobSource
from qtop.text.safe import safe


@click.command()
@click.argument("source", type=SOURCE, metavar="SOURCE")
@connection_options
@change_options
@click.option("--remove", is_flag=True, help="Also take the queue's name off the list of queues.")
def command(
    source: JobSource, connection: Connection, remove: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
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
    with connection.open_to_change(source, dry_run=dry_run) as session:
        plan = session.plan(Clear(source, remove, str(source)))
        jobs, action = plan.many, "remove" if remove else "clear"
        what = f"{counted(jobs, source.noun)} in {safe(str(source))}"
        if not jobs and not remove and not dry_run:
            leave(f"{source} is empty")
        if plan.size_bytes is None:
            message("how large it is is unknown: an undo keeps it, whatever its size")
        tell_no_undo(session, plan)
        if dry_run:
            would = {"action": action, "dry_run": True, "would": jobs}
            line(json_line(would) if as_json else f"would delete {what}")
            sys.exit(0 if jobs or remove else 1)
        if not yes:
            _confirm_by_name(f"delete {what}", source)
        outcome = session.carry_out(plan)
        if not jobs:
            _leave_forgotten(outcome, source)
        if outcome.refused:
            leave("it changed too much meanwhile: look, then try again. Nothing was deleted.")
        report(action, "deleted", outcome, as_json=as_json)


def _leave_forgotten(outcome: Outcome, source: JobSource) -> NoReturn:
    if not outcome.done:
        leave(f"{source} is not an empty queue on the list of queues: nothing was done")
    line("removed the name of an empty queue")
    sys.exit(0)


def _confirm_by_name(what: str, source: JobSource) -> None:
    """Let a person type the name of what they are about to delete."""
    require_person(what)
    word = typeable(source.name)
    typed = click.prompt(f"{what}. Type {word} to do it", default="", show_default=False, err=True)
    if typed != word:
        leave("that is not the name: nothing was done")
