"""`qtop scheduler`."""

from __future__ import annotations

import click

from qtop.commands.cli import become
from qtop.commands.connection import Connection, connection_options, log_format_option
from resque.worker.log import FORMAT


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
    help="Longest time between two looks in seconds (5).",
)
@log_format_option
def command(
    connection: Connection,
    schedule: str | None,
    dynamic: bool,
    require: tuple[str, ...],
    interval: float | None,
    log_format: str | None,
) -> None:
    """Move due jobs to their queues, fire schedules.

    Of several one is at work, and another takes over when it leaves or dies. The environment
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
