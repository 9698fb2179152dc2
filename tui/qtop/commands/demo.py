"""`qtop demo`: the whole tour without a set-up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from qtop.commands.connection import Connection, settings_in_force
from qtop.commands.console import open_console, require_terminal
from qtop.config.settings import Settings
from qtop.demo import NAMESPACE, WORKERS


@click.command()
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def command(ascii_only: bool) -> None:
    """Try the console out with sample jobs.

    It opens on a private server with two workers. The jobs succeed, fail in several ways, crash
    their process and run long. Nothing outside the private server is touched.

    \b
    Example: qtop demo
    """
    settings = settings_in_force(
        click.get_current_context(),
        # The demo has a Redis of its own: only keys, columns, theme and the like are of the file.
        url=None,
        namespace=NAMESPACE,
        interval=1.0,
        production=False,
        read_only=False,
        require=("qtop.demo.jobs",),
    )
    sys.exit(run_demo(settings))


def run_demo(settings: Settings) -> int:
    """Start the private server, a process that feeds sample jobs, and two workers, and open the
    console. Returns the exit status. Raises NoServer when there is no server program, BadOption
    without a terminal."""
    require_terminal(os.environ)
    with Connection(None, NAMESPACE).use() as url, _feeder(url):
        return open_console(Connection(url, NAMESPACE, settings=settings), workers=WORKERS)


@contextmanager
def _feeder(url: str) -> Iterator[None]:
    environ = {**os.environ, "REDIS_URL": url, "RESQUE_PARENT_PID": str(os.getpid())}
    feeder = subprocess.Popen(
        [sys.executable, "-m", "qtop.demo.feed"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Its own session: ctrl+c in the terminal is for the console.
        start_new_session=True,
    )
    try:
        yield
    finally:
        feeder.terminate()
        feeder.wait()
