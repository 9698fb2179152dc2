"""`qtop requeue`, `qtop delete` and `qtop move`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from qtop.actions.request import Delete, Move, Requeue
from qtop.commands.acting import act, from_option
from qtop.commands.connection import (
    Connection,
    change_options,
    connection_options,
    filter_option,
)
from qtop.model.job import JobSource
from qtop.search.filter_language import Filter
from qtop.search.selection import Selection

F = TypeVar("F", bound=Callable[..., Any])


def action_options(command: F) -> F:
    """The options of a command that acts on a selection."""
    return from_option(filter_option(connection_options(change_options(command))))


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
    **options: Any,
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
    request = Requeue(source, Selection(), to=to)
    act(connection, wanted, request, warns_of=to, spares=not poisoned, **options)


@click.command()
@action_options
def delete(source: JobSource, wanted: Filter, connection: Connection, **options: Any) -> None:
    """Delete failures or waiting jobs.

    Items that were set aside, too. More than one needs --yes, or an answer on a terminal. With a
    waiting job goes the lock that resque-loner or its like has put on it.

    \b
    Example: qtop delete --from queue:mail --filter 'class:Newsletter args.0:42'
    """
    act(connection, wanted, Delete(source, Selection()), **options)


@click.command()
@action_options
@click.option("--to", metavar="QUEUE", required=True, help="The queue to put them on.")
def move(
    source: JobSource, wanted: Filter, connection: Connection, to: str, **options: Any
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
    request = Move(source, Selection(), to)
    act(connection, wanted, request, warns_of=to, **options)
