"""`qtop register`: queues that hold jobs, put on the set of queues."""

from __future__ import annotations

import sys

import click

from qtop.actions.request import Index, Register
from qtop.commands.connection import Connection, connection_options, dry_run_option, json_option
from qtop.commands.output import json_line, line, message
from qtop.text.safe import safe


@click.command()
@click.argument("names", metavar="[QUEUE]...", nargs=-1)
@click.option(
    "--delayed",
    "moments",
    multiple=True,
    metavar="MOMENT",
    callback=lambda ctx, param, value: tuple(map(_moment, value)),
    help="Put the jobs delayed until then (epoch seconds) back into the schedule.",
)
@click.option(
    "--failures",
    "lists",
    multiple=True,
    metavar="LIST",
    help="Put a list of failures, such as mail_failed, on the list of those.",
)
@connection_options
@json_option
@dry_run_option
def command(
    names: tuple[str, ...],
    moments: tuple[str, ...],
    lists: tuple[str, ...],
    connection: Connection,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Put queues on the set of queues.

    One that holds jobs but is not in that set is seen neither by a console nor by workers with a
    pattern: `qtop doctor` finds them, and delayed jobs and failures to which no list leads.
    `qtop clear queue:NAME --remove` is the way back.

    \b
    Example: qtop register mail
    """
    if not (names or moments or lists):
        raise click.UsageError("say what to register: queues, --delayed or --failures")
    done = 0
    with connection.open_to_change(*names, dry_run=dry_run) as session:
        wanted: tuple[tuple[Index, tuple[str, ...]], ...] = (
            ("queue", names),
            ("delayed", moments),
            ("failures", lists),
        )
        for what, named in wanted:
            for name, is_missing in session.run(session.system.unregistered(what, named)):
                changed = is_missing
                if is_missing and not dry_run:
                    plan = session.plan(Register(what, name))
                    changed = session.carry_out(plan).done > 0
                done += changed
                _tell(what, name, changed, dry_run, as_json)
    sys.exit(0 if done else 1)


def _tell(what: Index, name: str, changed: bool, dry_run: bool, as_json: bool) -> None:
    if as_json:
        line(json_line({"action": "register", what: name, "done": int(changed)}))
    elif changed:
        line(f"{'would register' if dry_run else 'registered'} {safe(name)}")
    elif what == "queue":
        message(f"{name}: is registered already")
    else:
        message(f"{name}: is registered already, or holds nothing")


def _moment(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise click.BadParameter(f"{text!r} is no moment in epoch seconds")
    return text
