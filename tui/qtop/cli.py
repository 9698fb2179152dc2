"""The `qtop` command: the console by default, and one command for everything it can do.

Importing this must stay cheap (`qtop --version` in some 60 ms): each command imports what it
needs when it runs.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

import resque
from qtop.commands.connect import Connection, connection_options
from resque.errors import BadUrl, NoQueueError, ResqueError, StoreError

EXIT_REFUSED, EXIT_USAGE, EXIT_UNREACHABLE = 1, 2, 3


class _Group(click.Group):
    """Without the name of a command, the console opens: `qtop redis://host/0`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in self.commands and first not in ("--help", "-h", "--version"):
            args = ["console", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ResqueError as error:
            click.echo(f"qtop: {error}", err=True)
            ctx.exit(_status(error))


def _status(error: ResqueError) -> int:
    if isinstance(error, BadUrl | NoQueueError):
        return EXIT_USAGE
    return EXIT_UNREACHABLE if isinstance(error, StoreError) else EXIT_REFUSED


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the console opens: see `qtop console --help` for its options.",
)
@click.version_option(resque.__version__, "--version", message="qtop %(version)s")
def main() -> None:
    """Operate Redis job queues from a terminal.

    \b
    qtop                          the console on $REDIS_URL, or on a private server
    qtop redis://host:6379/0      the console on that Redis
    qtop demo                     a tour with sample jobs; needs no Redis
    """


@main.command()
@click.argument("address", metavar="[URL]", required=False)
@connection_options
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.25, 60),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--read-only", is_flag=True, help="Show everything, change nothing.")
@click.option("--require", multiple=True, help="Module with jobs, for workers started here.")
def console(
    address: str | None,
    connection: Connection,
    interval_s: float,
    read_only: bool,
    require: tuple[str, ...],
) -> None:
    """Open the console.

    Example: qtop redis://localhost:6379/0 --namespace resque --read-only
    """
    from qtop.commands.console import open_console

    if address is not None:
        if "://" not in address:
            raise click.UsageError(f"{address!r} is neither a command nor a redis:// URL")
        connection = replace(connection, url=address)
    sys.exit(open_console(connection, interval_s=interval_s, read_only=read_only, require=require))


@main.command()
def demo() -> None:
    """Open the console on a private server with sample jobs and two workers.

    The jobs succeed, fail in several ways, crash their process and run long. Nothing outside
    the private server is touched.

    Example: qtop demo
    """
    from qtop.commands.demo import run_demo

    sys.exit(run_demo())


@main.command()
@click.argument("queues", required=False, envvar=["QUEUES", "QUEUE"])
@connection_options
@click.option(
    "--require",
    multiple=True,
    envvar="RESQUE_REQUIRE",
    help="Module that declares jobs; repeatable. The current folder is importable.",
)
@click.option("--count", envvar="COUNT", type=click.IntRange(1), help="How many workers.")
@click.option(
    "--interval",
    envvar="INTERVAL",
    type=click.FloatRange(0),
    help="Seconds between two looks where waiting is impossible (5); 0: leave when idle.",
)
@click.option(
    "--jobs-per-fork",
    envvar="JOBS_PER_FORK",
    type=click.IntRange(1),
    help="How many jobs share a child process (1): faster, less apart.",
)
@click.option("--no-fork", is_flag=True, help="Run jobs in the worker's own process.")
@click.option(
    "--time-limit", type=click.FloatRange(0), help="Seconds after which a job is ended and failed."
)
@click.option(
    "--requeue-lost",
    type=click.IntRange(0),
    help="Put a job whose process died back onto its queue, at most so often (0).",
)
@click.option("--shuffle", is_flag=True, help="Look at the queues in random order.")
@click.option("--weight", multiple=True, metavar="QUEUE=N", help="Shuffle, this queue N-fold.")
@click.option("--die-with-parent", type=int, hidden=True)
def worker(
    queues: str | None, connection: Connection, require: tuple[str, ...], **options: Any
) -> None:
    """Work the QUEUES (comma-separated, in order; `*` for all, `!x` for not x).

    QUIT finishes the job in hand and leaves; TERM and INT end it now (it becomes a failure);
    USR1 ends it and goes on; USR2 pauses, CONT resumes. The environment variables of Ruby's
    worker are obeyed too: TERM_CHILD, GRACEFUL_TERM, PIDFILE and so on.

    Example: qtop worker high,low --require app.jobs --count 2
    """
    if not queues:
        raise click.UsageError("name the queues to work, for example: qtop worker high,low")
    from qtop.commands.worker import become_worker

    become_worker(queues, connection, require=require, options=options)


@main.command()
@click.argument("class_name", metavar="CLASS")
@click.argument("args", metavar="[ARG]...", nargs=-1)
@connection_options
@click.option("--queue", required=True, help="The queue to put it on.")
def enqueue(class_name: str, args: tuple[str, ...], connection: Connection, queue: str) -> None:
    """Put a job on a queue. An ARG is JSON if it parses, else a text.

    Example: qtop enqueue Mailers::Welcome 42 '{"locale":"en"}' --queue mail
    """
    from qtop.commands.enqueue import enqueue_job

    enqueue_job(class_name, args, connection, queue=queue)


@main.command()
def server() -> None:
    """Run the private server in the foreground, until INT or TERM.

    Example: qtop server
    """
    from qtop.commands.server import run_server

    sys.exit(run_server())
