"""`qtop pause` and `qtop resume`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from qtop.actions.request import Pause, PauseAll
from qtop.commands.acting import tell_unknown
from qtop.commands.connection import Connection, connection_options, dry_run_option, json_option
from qtop.commands.output import counted, json_line, line, message
from qtop.text.safe import safe

F = TypeVar("F", bound=Callable[..., Any])


def _options(command: F) -> F:
    everything = click.option("--all", "everything", is_flag=True, help="All workers and queues.")
    command = connection_options(everything(json_option(dry_run_option(command))))
    return click.argument("names", metavar="[QUEUE]...", nargs=-1)(command)


@click.command()
@_options
def pause(**options: Any) -> None:
    """Let no worker take jobs from queues.

    With --all from any. Jobs in hand are finished. Ruby workers obey --all; single queues only with
    the resque-pause plugin.

    \b
    Example: qtop pause mail reports
    """
    _switch(**options, is_pause=True)


@click.command()
@_options
def resume(**options: Any) -> None:
    """Let workers take jobs from queues again.

    Queues that were paused singly stay so with --all: name them too.

    \b
    Example: qtop resume mail
    """
    _switch(**options, is_pause=False)


def _switch(
    names: tuple[str, ...],
    connection: Connection,
    everything: bool,
    as_json: bool,
    dry_run: bool,
    is_pause: bool,
) -> None:
    if bool(names) == everything:
        raise click.UsageError("name queues, or say --all")
    action, done = ("pause", "paused") if is_pause else ("resume", "resumed")
    what = "everything" if everything else ", ".join(dict.fromkeys(names))
    with connection.open() as session:
        if not dry_run:
            session.refuse_if_read_only()
        if "" in names and "" not in session.run(session.system.queue_names()):
            # An unset variable leaves it, more often than a queue has it.
            raise click.UsageError("the name of a queue is empty, and there is no such queue")
        session.refuse_if_sidekiqs(names)
        if is_pause and names:
            tell_unknown(session, names)
        if dry_run:
            would = {"action": action, "dry_run": True, "would": what}
            line(json_line(would) if as_json else f"would {action} {safe(what)}")
            return
        queues_named = tuple(dict.fromkeys(names))
        request = PauseAll(is_pause) if everything else Pause(queues_named, is_pause)
        outcome = session.carry_out(session.plan(request))
    changed = outcome.done
    undo = None if outcome.undoable is None else outcome.undoable.id
    if as_json:
        line(json_line({"action": action, "done": changed, "undo": undo}))
    elif changed:
        line(f"{done} {safe(what)}" + ("" if everything else f": {counted(changed, 'queue')}"))
    else:
        message(f"{what}: {'paused already' if is_pause else 'not paused'}")
    if undo is not None and not as_json:
        message(f"to take it back: qtop undo {undo}")
    sys.exit(0 if changed else 1)
