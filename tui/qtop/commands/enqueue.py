"""`qtop enqueue`."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

import click

from qtop.actions.request import Enqueue
from qtop.commands.connection import SPAN, Connection, Parsed, connection_options
from qtop.commands.output import line
from queuecore.times import parse

#: What begins as a negative number does in JSON.
_NUMBER: Final = re.compile(r"-(?:[0-9]|Infinity$)")


def _moment(text: str) -> datetime:
    """A moment: ISO 8601, in local time when no zone is given, or seconds of the epoch."""
    if known := parse(text):
        return known
    try:
        # Without a zone the person at the keyboard means their own.
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        reason = "is no moment: use 2026-11-23T12:15, 2026-11-23T12:15:00Z or the epoch"
        raise ValueError(f"{text!r} {reason}") from None


class _Command(click.Command):
    """A command of which a negative number is an argument, and no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Read once without a word about what is missing: that may be an option misspelt.
        probe = click.Context(self, ctx.parent, ignore_unknown_options=True, resilient_parsing=True)
        super().parse_args(probe, list(args))
        words = [probe.params.get("class_name") or "", *(probe.params.get("args") or ())]
        after = len(args) - args.index("--") - 1 if "--" in args else 0
        for word in words[: len(words) - after]:
            if word.startswith("-") and not _NUMBER.match(word):
                name = word.partition("=")[0]
                raise click.NoSuchOption(
                    name,
                    f"No such option {name!r}; a text that begins with - goes after --.",
                    [option for each in self.params for option in each.opts],
                    ctx,
                )
        return super().parse_args(ctx, args)


@click.command(cls=_Command, context_settings={"ignore_unknown_options": True})
@click.argument("class_name", metavar="CLASS")
@click.argument("args", metavar="[ARG]...", nargs=-1)
@connection_options
@click.option("--queue", required=True, help="The queue to put it on.")
@click.option("--in", "delay_s", type=SPAN, help="Not before then: 30s, 5m, 1h30m.")
@click.option(
    "--at", "at", type=Parsed("moment", _moment), help="Not before then: 2026-11-23T12:15."
)
def command(
    class_name: str,
    args: tuple[str, ...],
    connection: Connection,
    queue: str,
    delay_s: float | None,
    at: datetime | None,
) -> None:
    """Put a job on a queue. An ARG is JSON if it parses, else a text.

    A text that begins with - goes after --, behind all options; a negative number need not. With
    --in or --at it is delayed: a scheduler moves it to its queue then.

    \b
    Example: qtop enqueue Mailers::Welcome 42 '{"locale":"en"}' --queue mail --in 5m
    """
    if delay_s is not None and at is not None:
        raise click.UsageError("--in and --at exclude each other")
    values = [argument(text) for text in args]
    with connection.open() as session:
        at_s = None
        if delay_s is not None or at is not None:
            # A scheduler goes by this clock, too. What is due goes straight to its queue.
            now_s = session.now().timestamp()
            at_s = now_s + delay_s if delay_s is not None else at.timestamp() if at else None
            at_s = None if int(at_s or 0) <= int(now_s) else at_s
        plan = session.plan(Enqueue(class_name, values, queue, at_s))
        if at_s is not None:
            session.refuse_if_read_only()
            session.refuse_if_sidekiqs([queue])
        line(session.carry_out(plan).text)


def argument(text: str) -> Any:
    """An argument of a job: JSON if it parses, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
