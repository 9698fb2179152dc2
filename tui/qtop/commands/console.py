"""`qtop`: the console; and `qtop demo`, which opens it with sample jobs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from qtop.commands.around_console import ProgramAround
from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import settings_in_force
from qtop.config.places import PlaceOptions
from qtop.config.settings import DEFAULTS, INTERVAL_S
from qtop.demo import NAMESPACE, WORKERS, demo_places
from queuecore.address import parse_url
from queuecore.errors import BadOption
from queuecore.home import state_folder

if TYPE_CHECKING:
    import subprocess

    from qtop.systems.finding import Sought

_TIMEOUT_S = 5.0
_STREAMS = ("standard input", "standard output", "standard error")
#: Values of `$TERM` for terminals that cannot place text.
_PLAIN = ("", "dumb", "unknown")
#: The module that writes sample jobs, by system.
_FEEDERS = {"resque": "qtop.demo.feed", "sidekiq": "qtop.demo.sidekiq_feed"}


@click.command()
@click.argument("address", metavar="[URL]", required=False)
@connection_options
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(*INTERVAL_S),
    help="Refresh interval, s. Default: 1.",
)
@click.option(
    "--require",
    "console_modules",
    multiple=True,
    help="Module with jobs, for workers started here.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--once", is_flag=True, help="Print one refresh as text and exit.")
def console(address: str | None, connection: Connection, once: bool, **_in_settings: Any) -> None:
    """Open the console.

    \b
    Example: qtop redis://localhost:6379/0 --namespace resque --read-only
    """
    if address is not None and "://" not in address:
        raise click.UsageError(
            f"{address!r} is neither a command (see qtop --help) nor a redis:// URL"
        )
    if once:
        from qtop.commands.fleet import print_once

        print_once(connection)
        return
    sys.exit(_open_console(connection))


def _open_console(connection: Connection, *, workers: Sequence[str] = ()) -> int:
    """Open the console and return its exit status. `workers` are lists of queues: one worker is
    started on this machine for each.

    Raises StoreError before anything is drawn when Redis cannot be used, BadOption without a
    terminal, BadSettings when keys or columns of the settings do not fit the screens.
    """
    _require_terminal(os.environ)
    # Garbage is collected seldom. The start and each poll of a large fleet make tens of thousands
    # of objects that stay, and no key is answered while all of them are searched.
    gc.set_threshold(50_000, 20, 100)
    while True:
        around = ProgramAround(click.get_current_context(), connection)
        status, profile = _run_console(connection, around, workers)
        if profile is None:
            return status
        connection, workers = around.connection_to(profile), ()


def _run_console(
    connection: Connection, around: ProgramAround, workers: Sequence[str]
) -> tuple[int, str | None]:
    """Open one console until it ends. Returns its exit status, and the profile on which another one
    is to be opened. Raises as `_open_console`."""
    settings = connection.settings
    with _places(connection) as (places, sought):
        from qtop.app.app import ConsoleOptions, QtopApp
        from qtop.screens.base import check_settings

        check_settings(settings)
        options = ConsoleOptions(
            places,
            sought=sought,
            interval_s=settings.values["interval"],
            read_only=connection.is_read_only,
            require=tuple(settings.values["require"]),
            workers=tuple(workers),
            log_folder=state_folder(os.environ) / "log",
            settings=settings,
            around=around,
        )
        app = QtopApp(options)
        gc.freeze()
        app.run()
        return app.return_code or 0, app.wanted_profile


@contextmanager
def _places(
    connection: Connection,
) -> Iterator[tuple[tuple[PlaceOptions, ...], Sought | None]]:
    """What the console shows at first, and where it looks for more. A profile's places are all
    there is, and each says by itself whether it answers. Of one address it is asked before anything
    is drawn whether it may be used; where no system was named, others are looked for later. Raises
    as `_open_console`."""
    if named := connection.named_places():
        yield named, None
        return
    with connection.use() as url:
        # Over the small connection: the first frame does not wait for redis-py to be imported.
        with closing(Session(url, connection, timeout_s=_TIMEOUT_S)) as session:
            session.run(session.system.probe())
        system, address = connection.system, parse_url(url)
        place = PlaceOptions(connection.label, system, address, connection.namespace, url)
        yield (place,), connection.sought(url) if connection.means_all else None


def _require_terminal(environ: Mapping[str, str]) -> None:
    """Raise BadOption where the console cannot be drawn or get keys: under cron, behind a pipe, in
    `ssh` without `-t`, in an editor's shell."""
    missing = [stream for fd, stream in enumerate(_STREAMS) if not os.isatty(fd)]
    if missing:
        why = f"needs a terminal, and its {missing[0]} is none"
    elif environ.get("TERM", "") in _PLAIN:
        why = f"needs a terminal that places text, and TERM is {environ.get('TERM') or 'not set'}"
    else:
        return
    raise BadOption(f"the console {why}: `qtop --once` prints one refresh as text")


# `qtop demo`: the console with sample jobs.


@click.command()
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def demo(ascii_only: bool) -> None:
    """Try the console out on sample jobs of Resque and Sidekiq.

    It opens on a private server with two workers of Resque. Their jobs succeed, fail in several
    ways, crash their process and run long. Beside them a stand-in, without Ruby, writes what a
    Sidekiq writes: its jobs are retried and die. One of its processes is killed after 20 seconds;
    D on Workers rescues the jobs of that process a minute later. Nothing outside the private
    server is touched.

    \b
    Example: qtop demo
    """
    settings = settings_in_force(
        click.get_current_context(),
        # The demo has a Redis of its own: only keys, columns, theme and the like are of the file.
        url=None,
        system=DEFAULTS["system"],
        namespace=NAMESPACE,
        interval=1.0,
        production=False,
        read_only=False,
        require=("qtop.demo.jobs",),
    )
    _require_terminal(os.environ)
    with Connection(None, NAMESPACE).use() as url:
        settings = replace(settings, places=demo_places(url))
        with feeders(settings.places):
            sys.exit(_open_console(Connection(url, NAMESPACE, settings=settings), workers=WORKERS))


@contextmanager
def feeders(places: Sequence[PlaceOptions]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that write the sample jobs of each place, in its order; ended at the end."""
    import subprocess

    started = [
        subprocess.Popen(
            [sys.executable, "-m", _FEEDERS[place.system]],
            env={**os.environ, "REDIS_URL": place.url, "RESQUE_PARENT_PID": str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Its own session: ctrl+c in the terminal is for the console.
            start_new_session=True,
        )
        for place in places
    ]
    try:
        yield started
    finally:
        for feeder in started:
            feeder.terminate()
        for feeder in started:
            feeder.wait()
