"""`qtop`: the console; and `qtop demo`, which opens it with sample jobs."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import settings_in_force
from qtop.config.places import PlaceOptions
from qtop.config.settings import DEFAULTS, INTERVAL_S
from qtop.demo import NAMESPACE, WORKERS
from queuecore.address import parse_url
from queuecore.errors import BadOption
from queuecore.home import state_folder

if TYPE_CHECKING:
    from qtop.systems.finding import Sought

_TIMEOUT_S = 5.0
_STREAMS = ("standard input", "standard output", "standard error")
#: Values of `$TERM` for terminals that cannot place text.
_PLAIN = ("", "dumb", "unknown")


@click.command()
@click.argument("address", metavar="[URL]", required=False)
@connection_options
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(*INTERVAL_S),
    help="Seconds between two looks. Default: 1.",
)
@click.option(
    "--require",
    "console_modules",
    multiple=True,
    help="Module with jobs, for workers started here.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--once", is_flag=True, help="Print one look as text and leave.")
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
    settings = connection.settings
    with _places(connection) as (places, sought):
        # Garbage is collected seldom. The start and each poll of a large fleet make tens of
        # thousands of objects that stay, and no key is answered while all of them are searched.
        gc.set_threshold(50_000, 20, 100)
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
        )
        app = QtopApp(options)
        gc.freeze()
        app.run()
        return app.return_code or 0


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
    raise BadOption(f"the console {why}: `qtop --once` prints one look as text")


# `qtop demo`: the console with sample jobs.


@click.command()
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def demo(ascii_only: bool) -> None:
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
        system=DEFAULTS["system"],
        namespace=NAMESPACE,
        interval=1.0,
        production=False,
        read_only=False,
        require=("qtop.demo.jobs",),
    )
    _require_terminal(os.environ)
    with Connection(None, NAMESPACE).use() as url, _feeder(url):
        sys.exit(_open_console(Connection(url, NAMESPACE, settings=settings), workers=WORKERS))


@contextmanager
def _feeder(url: str) -> Iterator[None]:
    import subprocess

    environ = {**os.environ, "REDIS_URL": url, "RESQUE_PARENT_PID": str(os.getpid())}
    feeders = [
        subprocess.Popen(
            [sys.executable, "-m", module],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Its own session: ctrl+c in the terminal is for the console.
            start_new_session=True,
        )
        for module in ("qtop.demo.feed", "qtop.demo.sidekiq_feed")
    ]
    try:
        yield
    finally:
        for feeder in feeders:
            feeder.terminate()
        for feeder in feeders:
            feeder.wait()
