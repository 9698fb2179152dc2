"""What works jobs off and moves them: `qtop worker` and `qtop scheduler`."""

from __future__ import annotations

from typing import Any

import click

from qtop.commands.cli import become
from qtop.commands.connection import Connection, connection_options
from qtop.commands.options import log_format_option
from resque.worker.log import FORMAT


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
    help="Refresh interval, s, where waiting is impossible (5); 0: exit when idle.",
)
@click.option(
    "--jobs-per-fork",
    envvar="JOBS_PER_FORK",
    type=click.IntRange(1),
    help="Jobs per fork (1): more are faster, less isolated.",
)
@click.option("--no-fork", is_flag=True, help="Run jobs in the worker's own process.")
@click.option(
    "--time-limit", type=click.FloatRange(0), help="Time limit of a job, s; it fails then."
)
@click.option(
    "--requeue-lost",
    type=click.IntRange(0),
    help="Requeue a job whose process died, at most so many times (0).",
)
@click.option("--shuffle", is_flag=True, help="Poll the queues in random order.")
@log_format_option
@click.option("--weight", multiple=True, metavar="QUEUE=N", help="Shuffle, this queue N-fold.")
def worker(
    queues: str | None, connection: Connection, require: tuple[str, ...], **options: Any
) -> None:
    """Work jobs off queues.

    QUEUES are comma-separated, in order; `*` is all, `!x` not x.

    QUIT finishes the running job and leaves; TERM, INT and HUP end it now (a failure);
    USR1 ends it and goes on; USR2 pauses, CONT resumes. The environment variables of Ruby's
    worker are obeyed too: TERM_CHILD, GRACEFUL_TERM, PIDFILE and so on.

    The log has a line for each job, with the reason where it failed: class, message, first
    frames. What jobs say through Python's logging goes there, too, from INFO on, unless the
    application configures it. Classes that wait and that no loaded module knows are named at the
    start; after five such jobs in a row a queue is left alone, and one is tried each minute.

    \b
    Example: qtop worker high,low --require app.jobs --count 2
    """
    # Imported here: a scheduler needs none of it.
    from resque.store.queues import QueueList
    from resque.worker.log import chosen
    from resque.worker.options import from_environment

    if not queues:
        raise click.UsageError("name the queues to work, for example: qtop worker high,low")
    QueueList.parse(queues)
    variables = {
        "COUNT": options["count"],
        "INTERVAL": options["interval"],
        "JOBS_PER_FORK": options["jobs_per_fork"],
        "RESQUE_JOB_TIMEOUT": options["time_limit"],
        "RESQUE_REQUEUE_LOST": options["requeue_lost"],
        FORMAT: options["log_format"],
        "FORK_PER_JOB": "false" if options["no_fork"] else None,
        "RESQUE_SHUFFLE": "1" if options["shuffle"] else None,
        "RESQUE_WEIGHTS": ",".join(options["weight"]) or None,
        "RESQUE_REQUIRE": ",".join(require),
        "QUEUES": queues,
    }
    # `python -m resque.worker` has none of this command's memory, for which every fork would pay.
    with connection.environment("a worker", variables) as environ:
        from_environment(environ)
        chosen(environ)
        become("resque.worker", environ)


@click.command()
@connection_options
@click.option(
    "--schedule",
    envvar="RESQUE_SCHEDULE",
    type=click.Path(exists=True, dir_okay=False),
    help="A file of schedules: .toml, .yml or .yaml.",
)
@click.option("--dynamic", is_flag=True, help="Follow changes of the schedules in Redis.")
@click.option(
    "--require",
    multiple=True,
    envvar="RESQUE_REQUIRE",
    help="Module whose jobs declare queues; repeatable. The current folder is importable.",
)
@click.option(
    "--interval",
    envvar="RESQUE_SCHEDULER_INTERVAL",
    type=click.FloatRange(0.01),
    help="Longest time between two polls in seconds (5).",
)
@log_format_option
def scheduler(
    connection: Connection,
    schedule: str | None,
    dynamic: bool,
    require: tuple[str, ...],
    interval: float | None,
    log_format: str | None,
) -> None:
    """Move due jobs to their queues, fire schedules.

    Of several one is active, and another takes over when it leaves or dies. The environment
    variables of Ruby's scheduler are obeyed too: LOCK_TIMEOUT, DYNAMIC_SCHEDULE, BACKGROUND,
    PIDFILE, LOGFILE, RAILS_ENV and so on; TZ is the zone of cron expressions that name none.

    \b
    Example: qtop scheduler --schedule schedule.toml --require app.jobs
    """
    variables = {
        "RESQUE_SCHEDULE": schedule,
        "RESQUE_SCHEDULER_INTERVAL": interval,
        "DYNAMIC_SCHEDULE": "1" if dynamic else None,
        "RESQUE_REQUIRE": ",".join(require),
        FORMAT: log_format,
    }
    with connection.environment("a scheduler", variables) as environ:
        become("resque.scheduler", environ)
