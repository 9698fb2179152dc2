"""`qtop register`: queues that hold jobs, put on the set of queues."""

from __future__ import annotations

import sys

import click

from qtop.actor import actor
from qtop.commands.connect import Connection, connection_options
from qtop.commands.options import dry_run_option, json_option
from qtop.commands.output import json_line, line, message
from qtop.display.text import safe
from resque.state import queues, registration
from resque.state.trail import Trail


@click.command()
@click.argument("names", metavar="QUEUE...", nargs=-1, required=True)
@connection_options
@json_option
@dry_run_option
def command(names: tuple[str, ...], connection: Connection, as_json: bool, dry_run: bool) -> None:
    """Put queues on the set of queues.

    One that holds jobs but is not in that set is seen neither by a console nor by workers with a
    pattern: `qtop doctor` finds them. `qtop clear queue:NAME --remove` is the way back.

    \b
    Example: qtop register mail
    """
    done = 0
    with connection.open() as session:
        if not dry_run:
            session.refuse_if_read_only()
        session.refuse_if_sidekiqs(names)
        known = session.run(queues.names(session.keys))
        for name in dict.fromkeys(names):
            if dry_run:
                changed = name not in known
            else:
                source = session.keys.queues()
                trail = Trail(actor(), "register", f"queue {name}", source, 1, name, undo_s=0)
                changed = session.run(registration.register(session.keys, name, trail))
            done += changed
            if as_json:
                line(json_line({"action": "register", "queue": name, "done": int(changed)}))
            elif changed:
                line(f"{'would register' if dry_run else 'registered'} {safe(name)}")
            else:
                message(f"{name}: is registered already")
    sys.exit(0 if done else 1)
