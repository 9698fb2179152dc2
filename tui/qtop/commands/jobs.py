"""What is done to jobs: `qtop enqueue`, `requeue`, `delete`, `move` and `edit`."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from qtop.actions.request import (
    Delete,
    Edit,
    Enqueue,
    Kill,
    Move,
    Requeue,
    Reschedule,
    RunNow,
)
from qtop.commands.acting import act
from qtop.commands.connection import Connection, SystemScope, connection_options
from qtop.commands.options import SPAN, F, Parsed, change_options, filter_option, from_option
from qtop.commands.output import leave, line
from qtop.model.job import Job, JobSource
from qtop.search.filter_language import Filter
from qtop.search.list_walk import scan
from qtop.search.selection import Selection
from qtop.text.payloads import BadPayload, changed, checked, draft
from queuecore.codec import decode
from queuecore.errors import BadOption
from queuecore.times import parse

if TYPE_CHECKING:
    from qtop.actions.argument_change import ArgumentChange

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
        reason = "is not a time: use 2026-11-23T12:15, 2026-11-23T12:15:00Z or the epoch"
        raise ValueError(f"{text!r} {reason}") from None


class _WithNegativeNumbers(click.Command):
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
                    f"No such option {name!r}; put a text that begins with - after --.",
                    [option for each in self.params for option in each.opts],
                    ctx,
                )
        return super().parse_args(ctx, args)


@click.command(cls=_WithNegativeNumbers, context_settings={"ignore_unknown_options": True})
@click.argument("class_name", metavar="CLASS")
@click.argument("args", metavar="[ARG]...", nargs=-1)
@connection_options
@click.option("--queue", required=True, help="The queue for it.")
@click.option("--in", "delay_s", type=SPAN, help="Not before then: 30s, 5m, 1h30m.")
@click.option(
    "--at", "at", type=Parsed("moment", _moment), help="Not before then: 2026-11-23T12:15."
)
def enqueue(
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
    values = [_argument(text) for text in args]
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
            session.run(session.system.admit([queue]))
        line(session.carry_out(plan).text)


def _argument(text: str) -> Any:
    """An argument of a job: JSON if it parses, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


# Selected jobs: `qtop requeue`, `delete`, `move`, `edit`.


def _action_options(command: F) -> F:
    return from_option(filter_option(connection_options(change_options(command))))


@click.command()
@_action_options
@click.option("--to", metavar="QUEUE", help="Another queue than the one in the failure.")
@click.option("--poisoned", is_flag=True, help="Also jobs that killed their process repeatedly.")
def requeue(source: JobSource, to: str | None, poisoned: bool, **options: Any) -> None:
    """Requeue failed jobs; run scheduled jobs now.

    Payloads go back byte for byte, but for the `enqueued_at`, `retry_count` and, with --to, `queue`
    of Sidekiq's jobs, and the failures leave their list. More than one needs --yes, or an answer on
    a terminal. Of several, those that killed their process repeatedly are skipped. Prints how many
    were requeued, how many were already gone, and how many were refused.

    \b
    Example: qtop requeue --from failed --filter 'class:Mailers::* age<1h' --dry-run
    """
    if source.kind == "delayed":
        if to is not None:
            raise click.UsageError("--to is for failed jobs: scheduled ones go to their own queues")
        act(RunNow(source, Selection()), **options)
    if source.kind != "failed":
        raise click.UsageError(f"{source} holds no failures: use `qtop move --to QUEUE`")
    act(Requeue(source, Selection(), to=to), warns_of=to, spares=not poisoned, **options)


_KILL: Final = SystemScope(
    "sidekiq", "only Sidekiq has dead jobs, and no Sidekiq was found: nothing was changed"
)
_RETRY: Final = SystemScope(
    "sidekiq", "no Sidekiq was found: `qtop requeue` is for Resque's failures"
)


@click.command()
@_action_options
def retry(source: JobSource, **options: Any) -> None:
    """Run Sidekiq's jobs now: retries, dead, scheduled.

    They go to their queues, and leave their set. More than one needs --yes, or an answer on a
    terminal. It is `qtop requeue`, for Sidekiq's jobs only.

    \b
    Example: qtop retry --from dead --filter 'error:timeout age<1d' --dry-run
    """
    if source.kind == "delayed":
        act(RunNow(source, Selection()), only=_RETRY, **options)
    if source.kind != "failed":
        raise click.UsageError(f"{source} holds no failures: use `qtop move --to QUEUE`")
    act(Requeue(source, Selection()), only=_RETRY, **options)


@click.command()
@_action_options
def delete(source: JobSource, **options: Any) -> None:
    """Delete failures or waiting jobs.

    Unreadable items, too. More than one needs --yes, or an answer on a terminal. With a
    waiting job goes the lock that resque-loner or its like has put on it.

    \b
    Example: qtop delete --from queue:mail --filter 'class:Newsletter args.0:42'
    """
    act(Delete(source, Selection()), **options)


@click.command()
@_action_options
def kill(source: JobSource, **options: Any) -> None:
    """Put Sidekiq's jobs among the dead.

    From retry or scheduled. They stay there until they are retried or deleted. More than one
    needs --yes, or an answer on a terminal. Their death handlers do not run.

    \b
    Example: qtop kill --from retry --filter class:Import::Row --dry-run
    """
    only = SystemScope(
        "sidekiq", "only Sidekiq has dead jobs, and no Sidekiq was found: nothing was changed"
    )
    act(Kill(source, Selection()), only=only, **options)


@click.command()
@_action_options
@click.option("--in", "delay_s", type=SPAN, help="From now on: 30s, 5m, 1h30m.")
@click.option("--at", "at", type=Parsed("moment", _moment), help="A moment: 2026-11-23T12:15.")
def reschedule(
    source: JobSource,
    connection: Connection,
    delay_s: float | None,
    at: datetime | None,
    **options: Any,
) -> None:
    """Let jobs run, or be tried again, at another time.

    From scheduled, or of Sidekiq's failures from retry. More than one needs --yes, or an answer on
    a terminal.

    \b
    Example: qtop reschedule --from scheduled --filter class:Report --in 2h
    """
    if (at is None) == (delay_s is None):
        raise click.UsageError("give a time: --in or --at")
    if delay_s is not None:
        # By the clock that its processes go by.
        with connection.open_all() as places:
            at = places.meant([source]).now() + timedelta(seconds=delay_s)
    assert at is not None  # noqa: S101  one of the two was said
    act(Reschedule(source, Selection(), at), connection=connection, **options)


@click.command()
@_action_options
@click.option("--to", metavar="QUEUE", required=True, help="The queue for them.")
def move(source: JobSource, to: str, **options: Any) -> None:
    """Move jobs to the end of another queue.

    Byte for byte, but for the `queue` that Sidekiq's jobs name; of a failure the job in it is
    moved. More than one needs --yes, or an answer on a terminal. The lock that resque-loner or its
    like has put on a waiting job goes.

    \b
    Example: qtop move --from queue:mail --to mail_later --filter class:Newsletter --yes
    """
    if not to:
        raise click.UsageError("the name of the queue after --to is empty")
    if source.kind == "queue" and source.name == to:
        raise click.UsageError("--from and --to are the same queue")
    act(Move(source, Selection(), to), warns_of=to, **options)


@click.command()
@_action_options
@click.option("--class", "class_name", metavar="NAME", help="Another class.")
@click.option("--args", "args_json", metavar="JSON", help="Other arguments, a JSON list.")
@click.option("--payload", metavar="JSON", help="A whole new payload.")
@click.option(
    "--set",
    "assignment",
    metavar="PLACE=VALUE",
    help="Another value in the arguments of each: args.1.currency=EUR; JSON, or else a text.",
)
@click.option("--was", metavar="VALUE", help="With --set: only where this is the value now.")
@click.option("--to", metavar="QUEUE", help="Another queue.")
def edit(
    source: JobSource,
    wanted: Filter,
    connection: Connection,
    class_name: str | None,
    args_json: str | None,
    payload: str | None,
    assignment: str | None,
    was: str | None,
    to: str | None,
    **options: Any,
) -> None:
    """Change jobs and enqueue them again.

    They go to the end of their queue. A failure leaves the failures with that, a waiting job
    its place. Without --class, --args and --payload the payload of a single job opens in $EDITOR.
    What is not changed keeps its bytes. With --set only that value changes in each; jobs in which
    its place is missing stay as they are, and are counted. More than one needs --yes, or an answer
    on a terminal.

    \b
    Example: qtop edit --from failed --filter class:Charge --set args.1.currency=EUR --dry-run
    """
    if assignment is not None or was is not None:
        others = (class_name, args_json, payload)
        change = _change(assignment, was, is_alone=not any(each is not None for each in others))
        changing = Edit(source, Selection(), to=to, change=change)
        act(changing, connection=connection, wanted=wanted, **options)
    request = _given(Edit(source, Selection(), to=to), class_name, args_json, payload)
    if request is None:
        edited = _edited(connection, source, wanted, to)
        request = Edit(source, Selection(), payload=edited, to=to)
    act(request, connection=connection, wanted=wanted, **options)


def _change(assignment: str | None, was: str | None, *, is_alone: bool) -> ArgumentChange:
    """The change of arguments that the options ask for."""
    from qtop.actions.argument_change import change_of

    place, sign, value = (assignment or "").partition("=")
    if not sign:
        raise click.UsageError("write --set PLACE=VALUE, such as args.1.currency=EUR")
    if not is_alone:
        raise click.UsageError("--set changes one value: leave out --class, --args and --payload")
    try:
        return change_of(place, value, was)
    except BadOption as error:
        raise click.BadParameter(str(error), param_hint="--set") from None


def _given(
    request: Edit, class_name: str | None, args_json: str | None, payload: str | None
) -> Edit | None:
    """The request with the change that the options ask for; None when they ask for none."""
    if class_name is None and args_json is None and payload is None:
        return None
    if payload is not None:
        if class_name is not None or args_json is not None:
            raise click.UsageError("--payload replaces everything: leave out --class and --args")
        try:
            return replace(request, payload=checked(_bytes(payload)))
        except BadPayload as error:
            raise click.BadParameter(str(error), param_hint="--payload") from None
    args = None
    if args_json is not None:
        args = _bytes(args_json).strip()
        try:
            is_list = isinstance(decode(args), list)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--args") from None
        if not is_list:
            raise click.BadParameter("must be a JSON list, such as [42]", param_hint="--args")
    if class_name == "":
        raise click.BadParameter("is empty", param_hint="--class")
    return replace(request, class_name=class_name, args=args)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _edited(connection: Connection, source: JobSource, wanted: Filter, to: str | None) -> bytes:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("give a change: --class, --args or --payload")
    with connection.open_to_change(source, to) as session:
        found: list[Job] = []
        jobs = session.system.jobs(source, newest_first=True)
        operation = scan(jobs, wanted, session.now(), found.append, limit=2, whole=True)
        session.run(operation)
    if len(found) != 1:
        leave(
            f"{'more than one job' if found else 'nothing'} in {source} matches: "
            "the editor takes exactly one (id:... names it)"
        )
    job = jobs.payload(found[0])
    if isinstance(job, str):
        leave(job)
    return _in_editor(job[1])


def _in_editor(payload: bytes) -> bytes:
    """The payload as a person left it; what says the same keeps its bytes."""
    try:
        text = draft(payload)
        after = click.edit(text, extension=".json")
        new = None if after is None else changed(payload, after)
    except BadPayload as error:
        leave(f"{error}; nothing was changed")
    if new is None:
        leave("nothing was changed")
    return new
