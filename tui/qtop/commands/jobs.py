"""`qtop requeue`, `qtop delete` and `qtop move`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

from qtop.commands.acting import ActOptions, Verb, act, from_option, taken
from qtop.commands.connection import (
    Connection,
    connection_options,
    dry_run_option,
    filter_option,
    json_option,
    yes_option,
)
from qtop.model.job import JobSource
from qtop.search.filter_language import Filter
from queuecore import bulk
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result, Taking
from queuecore.exchange import Operation
from resque.keys import Keys
from resque.store import failure_actions, failures

F = TypeVar("F", bound=Callable[..., Any])


def action_options(command: F) -> F:
    """The options of a command that acts on a selection."""
    for option in (
        yes_option,
        dry_run_option,
        json_option,
        connection_options,
        filter_option,
        from_option,
    ):
        command = option(command)
    return command


@click.command()
@action_options
@click.option("--to", metavar="QUEUE", help="Another queue than the one in the failure.")
@click.option("--poisoned", is_flag=True, help="Also jobs that killed their process repeatedly.")
def requeue(
    source: JobSource,
    wanted: Filter,
    connection: Connection,
    to: str | None,
    poisoned: bool,
    **options: bool,
) -> None:
    """Put failed jobs back onto their queues.

    Payloads go back byte for byte, and the failures leave their list. More than one needs --yes, or
    an answer on a terminal. Of several, those are spared whose process died under them again and
    again. Prints how many were requeued, how many somebody else took meanwhile, and how many were
    refused.

    \b
    Example: qtop requeue --from failed --filter 'class:Mailers::* age<1h' --dry-run
    """
    if source.kind != "failed":
        raise click.UsageError(f"{source} holds no failures: use `qtop move --to QUEUE`")
    act(
        connection,
        source,
        wanted,
        Verb("requeue", "requeued"),
        _requeue(source, to),
        ActOptions(**options),
        to=to,
        refusal=partial(_not_a_job, to),
        spare_poisoned=not poisoned,
    )


@click.command()
@action_options
def delete(source: JobSource, wanted: Filter, connection: Connection, **options: bool) -> None:
    """Delete failures or waiting jobs.

    Items that were set aside, too. More than one needs --yes, or an answer on a terminal. With a
    waiting job goes the lock that resque-loner or its like has put on it.

    \b
    Example: qtop delete --from queue:mail --filter 'class:Newsletter args.0:42'
    """

    def how(keys: Keys, marks: Sequence[JobRef], trail: ActionRecord) -> Operation[Result]:
        return taken(keys, source, marks, bulk.delete, trail)

    verb = Verb("delete", "deleted", puts_back=False)
    act(connection, source, wanted, verb, how, ActOptions(**options))


@click.command()
@action_options
@click.option("--to", metavar="QUEUE", required=True, help="The queue to put them on.")
def move(
    source: JobSource, wanted: Filter, connection: Connection, to: str, **options: bool
) -> None:
    """Move jobs to the end of another queue, byte for byte.

    Of a failure the job in it is moved. More than one needs --yes, or an answer on a terminal. The
    lock that resque-loner or its like has put on a waiting job goes.

    \b
    Example: qtop move --from queue:mail --to mail_later --filter class:Newsletter --yes
    """
    if not to:
        raise click.UsageError("the name of the queue after --to is empty")
    if source.kind == "queue" and source.name == to:
        raise click.UsageError("--from and --to are the same queue")
    verb = Verb("move", "moved")
    if source.kind == "failed":
        act(
            connection,
            source,
            wanted,
            verb,
            _requeue(source, to),
            ActOptions(**options),
            to=to,
            refusal=partial(_not_a_job, to),
        )

    def how(keys: Keys, marks: Sequence[JobRef], trail: ActionRecord) -> Operation[Result]:
        return taken(keys, source, marks, lambda raw: Taking(0, raw, to, raw), trail)

    act(connection, source, wanted, verb, how, ActOptions(**options), to=to)


def _requeue(
    source: JobSource, to: str | None
) -> Callable[[Keys, Sequence[JobRef], ActionRecord], Operation[Result]]:
    def how(keys: Keys, marks: Sequence[JobRef], trail: ActionRecord) -> Operation[Result]:
        return failure_actions.requeue(keys, marks, trail, list_name=source.name, queue=to)

    return how


def _not_a_job(to: str | None, raw: bytes) -> str | None:
    job = failures.job_of(raw, to)
    return job if isinstance(job, str) else None
