"""`qtop`: the console."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from qtop.commands.connection import Connection, connection_options
from qtop.commands.terminal import require_terminal
from qtop.config.settings import INTERVAL_S
from qtop.systems.opening import open_system
from queuecore.address import Address, parse_url
from queuecore.errors import StoreError
from queuecore.exchange import drive
from queuecore.home import state_folder
from queuecore.lean import LeanStore

_TIMEOUT_S = 5.0


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
def command(address: str | None, connection: Connection, once: bool, **_in_settings: Any) -> None:
    """Open the console.

    \b
    Example: qtop redis://localhost:6379/0 --namespace resque --read-only
    """
    if address is not None and "://" not in address:
        raise click.UsageError(
            f"{address!r} is neither a command (see qtop --help) nor a redis:// URL"
        )
    if once:
        from qtop.commands.once import print_once

        print_once(connection)
        return
    sys.exit(open_console(connection))


def open_console(connection: Connection, *, workers: Sequence[str] = ()) -> int:
    """Open the console and return its exit status. `workers` are lists of queues: one worker is
    started on this machine for each.

    Raises StoreError before anything is drawn when Redis cannot be used, BadOption without a
    terminal, BadSettings when keys or columns of the settings do not fit the screens.
    """
    require_terminal(os.environ)
    settings = connection.settings
    with connection.use() as url:
        address = parse_url(url)
        check(address, connection.namespace)
        _collect_seldom()
        from qtop.app.app import ConsoleOptions, QtopApp
        from qtop.screens.fitting import check_settings

        check_settings(settings)
        options = ConsoleOptions(
            address,
            url,
            namespace=connection.namespace,
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


def _collect_seldom() -> None:
    """Collect garbage seldom. The start and each poll of a large fleet make tens of thousands of
    objects that stay, and no key is answered while all of them are searched for garbage."""
    gc.set_threshold(50_000, 20, 100)


def check(address: Address, namespace: str) -> None:
    """Check that Redis answers and that the system's keys have the right types. One round trip over
    the small connection: the first frame does not wait for redis-py to be imported.

    Raises StoreError when Redis cannot be reached or refuses, when it is no Redis, or when a key
    has another type.
    """
    store = LeanStore(address, timeout_s=_TIMEOUT_S, client_name="qtop")
    try:
        drive(open_system(address, namespace).probe(), store.run)
    except StoreError as error:
        if str(address) in str(error):
            raise
        raise type(error)(f"{address}: {error}") from None
    finally:
        store.close()
