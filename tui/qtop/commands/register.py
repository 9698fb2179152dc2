"""`qtop register`: queues that hold jobs, put on the set of queues."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click

from qtop.commands.connection import (
    Connection,
    Session,
    connection_options,
    dry_run_option,
    json_option,
)
from qtop.commands.output import json_line, line, message
from qtop.systems.resque.connection import operator_identity as actor
from qtop.text.safe import safe
from queuecore.action_record import ActionRecord
from queuecore.exchange import Exchange
from resque.keys import Keys
from resque.store import failures, queues, registration


@dataclass(frozen=True, slots=True)
class _Name:
    """What is to be named by an index: which, the key of the index, and what puts it there."""

    what: str
    name: str
    index: bytes
    missing: bool

    def put(self, keys: Keys, trail: ActionRecord) -> Exchange[bool]:
        """Put it there."""
        if self.what == "queue":
            return registration.register(keys, self.name, trail)
        if self.what == "delayed":
            return registration.register_moment(keys, self.name, trail)
        return registration.register_failures(keys, self.name, trail)


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
    with connection.open() as session:
        if not dry_run:
            session.refuse_if_read_only()
        session.refuse_if_sidekiqs(names)
        for each in _wanted(session, names, moments, lists):
            if dry_run or not each.missing:
                changed = each.missing
            else:
                subject = f"{each.what} {each.name}"
                queue = each.name if each.what == "queue" else ""
                trail = ActionRecord(actor(), "register", subject, each.index, 1, queue, undo_s=0)
                changed = session.run(each.put(session.keys, trail))
            done += changed
            if as_json:
                line(json_line({"action": "register", each.what: each.name, "done": int(changed)}))
            elif changed:
                line(f"{'would register' if dry_run else 'registered'} {safe(each.name)}")
            elif each.what == "queue":
                message(f"{each.name}: is registered already")
            else:
                message(f"{each.name}: is registered already, or holds nothing")
    sys.exit(0 if done else 1)


def _moment(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise click.BadParameter(f"{text!r} is no moment in epoch seconds")
    return text


def _wanted(
    session: Session, names: Iterable[str], moments: Iterable[str], lists: Iterable[str]
) -> Iterator[_Name]:
    keys = session.keys
    known = session.run(queues.names(keys))
    for name in dict.fromkeys(names):
        yield _Name("queue", name, keys.queues(), name not in known)
    for stamp in dict.fromkeys(moments):
        missing = session.run(registration.is_moment_missing(keys, stamp))
        yield _Name("delayed", stamp, keys.delayed_schedule(), missing)
    of_queues = session.run(failures.lists(keys)) if lists else []
    for name in dict.fromkeys(lists):
        holds, _ = session.run(failures.newest(keys, limit=1, list_name=name))
        missing = name not in of_queues and holds > 0
        yield _Name("failures", name, keys.failed_queues(), missing)
