"""`qtop worker`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import click

from qtop.commands.cli import become
from qtop.commands.connection import Connection, connection_options, log_format_option
from queuecore.address import parse_url
from queuecore.errors import BadOption
from resque.store.queues import QueueList
from resque.worker.log import FORMAT, chosen
from resque.worker.options import from_environment

#: The environment variable of each option.
_VARIABLES = {
    "count": "COUNT",
    "interval": "INTERVAL",
    "jobs_per_fork": "JOBS_PER_FORK",
    "time_limit": "RESQUE_JOB_TIMEOUT",
    "requeue_lost": "RESQUE_REQUEUE_LOST",
    "log_format": FORMAT,
}


@click.command()
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
@log_format_option
@click.option("--weight", multiple=True, metavar="QUEUE=N", help="Shuffle, this queue N-fold.")
def command(
    queues: str | None, connection: Connection, require: tuple[str, ...], **options: Any
) -> None:
    """Work jobs off queues.

    QUEUES are comma-separated, in order; `*` is all, `!x` not x.

    QUIT finishes the job in hand and leaves; TERM, INT and HUP end it now (a failure);
    USR1 ends it and goes on; USR2 pauses, CONT resumes. The environment variables of Ruby's
    worker are obeyed too: TERM_CHILD, GRACEFUL_TERM, PIDFILE and so on.

    The log has a line for each job, with the reason where it failed: class, message, first
    frames. What jobs say through Python's logging goes there, too, from INFO on, unless the
    application configures it. Classes that wait and that no loaded module knows are named at the
    start; after five such jobs in a row a queue is left alone, and one is tried each minute.

    \b
    Example: qtop worker high,low --require app.jobs --count 2
    """
    if not queues:
        raise click.UsageError("name the queues to work, for example: qtop worker high,low")
    become_worker(queues, connection, require=require, options=options)


def become_worker(
    queues: str,
    connection: Connection,
    *,
    require: Sequence[str],
    options: Mapping[str, Any],
) -> None:
    """Replace this process by a worker, which keeps the process id.

    `python -m resque.worker` has none of this command's memory, for which every fork would pay.
    The URL is passed in the environment: other users can read arguments.
    Raises BadOption, BadUrl, NoQueueError or NoServer before the process is replaced.
    """
    if connection.is_read_only:
        raise BadOption("a worker changes Redis: leave out --read-only")
    QueueList.parse(queues)
    with ExitStack() as private:
        url = private.enter_context(connection.use())
        parse_url(url)
        environ = {
            **os.environ,
            **_from_options(options),
            "QUEUES": queues,
            "REDIS_URL": url,
            "RESQUE_NAMESPACE": connection.namespace,
            "RESQUE_REQUIRE": ",".join(require),
        }
        from_environment(environ)
        chosen(environ)
        # The worker takes the locks of a private server itself. Until then only the locks of this
        # process keep the server, and they end with the exec.
        become("resque.worker", environ)


def _from_options(options: Mapping[str, Any]) -> dict[str, str]:
    environ = {
        variable: str(options[option])
        for option, variable in _VARIABLES.items()
        if options[option] is not None
    }
    if options["no_fork"]:
        environ["FORK_PER_JOB"] = "false"
    if options["shuffle"]:
        environ["RESQUE_SHUFFLE"] = "1"
    if options["weight"]:
        environ["RESQUE_WEIGHTS"] = ",".join(options["weight"])
    return environ
