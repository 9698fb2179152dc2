"""`qtop metrics`: figures of all places in the formats that Prometheus reads."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from qtop.commands.cli import EXIT_UNREACHABLE
from qtop.commands.connection import Connection, connection_options
from qtop.commands.output import message
from qtop.config.places import PlaceOptions
from qtop.config.settings import INTERVAL_S
from queuecore.address import parse_url
from queuecore.errors import BadOption, StoreError

if TYPE_CHECKING:
    from qtop.commands.metrics_watch import MetricsWatch
    from qtop.systems.finding import Sought

_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_USUAL_INTERVAL_S: Final = 5.0


@click.command()
@connection_options
@click.option(
    "--textfile",
    metavar="PATH",
    type=click.Path(dir_okay=False),
    help="Write a file for node_exporter's textfile collector, atomically.",
)
@click.option(
    "--listen",
    metavar="PORT",
    type=click.IntRange(0, 65_535),
    help="Serve http://127.0.0.1:PORT/metrics until INT or TERM; 0: a free port.",
)
@click.option(
    "--address",
    "bound_to",
    default="127.0.0.1",
    show_default=True,
    help="With --listen: the address to listen at. There is no login.",
)
@click.option(
    "--interval",
    "every_s",
    type=click.FloatRange(*INTERVAL_S),
    default=_USUAL_INTERVAL_S,
    show_default=True,
    help="With --listen: refresh interval, s. Scrapes cost Redis nothing.",
)
@click.option(
    "--max-queues",
    type=click.IntRange(0),
    default=1_000,
    show_default=True,
    help="Queues of each place with series of their own, the longest first.",
)
@click.option(
    "--max-classes",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Failure classes of each place with series, the most frequent first.",
)
def metrics(
    connection: Connection,
    textfile: str | None,
    listen: int | None,
    bound_to: str,
    every_s: float,
    max_queues: int,
    max_classes: int,
) -> None:
    """Print figures for Prometheus (OpenMetrics).

    Queues, workers by state, jobs processed and failed, failures by class, overdue delayed jobs
    and incidents of all places, with the labels system, place and namespace. What is unknown has
    no sample, and qtop_up is 0 then; qtop_unread says what. Jobs in and out of queues are counted
    with --listen only, from its start on. There are at most 7 series for each queue and one for
    each class: see --max-queues and --max-classes.

    Exit status: 0 done, 3 where something is unknown. --listen ends with 0.

    \b
    Example: qtop metrics --listen 9394
    """
    if textfile is not None and listen is not None:
        raise click.UsageError("--textfile and --listen exclude each other")
    # Imported here: other commands do without the client of Prometheus, and without asyncio.
    import asyncio

    from qtop.commands.metrics_watch import MetricsWatch
    from qtop.monitor.open_metrics import SeriesBounds

    bounds = SeriesBounds(max_queues, max_classes)
    with ExitStack() as stack:
        if not connection.named_places():
            connection = replace(connection, url=stack.enter_context(connection.use()))
        places, has_unread = _places(connection)
        if listen is not None:
            # Of one address others are looked for later, too.
            looks = connection.means_all and not connection.named_places()
            sought = connection.sought(connection.url or "") if looks else None
            watch = MetricsWatch(connection.settings, places, bounds, every_s, is_counting=True)
            asyncio.run(_serve(watch, sought, bound_to, listen))
            return
        watch = MetricsWatch(connection.settings, places, bounds, every_s)
        asyncio.run(watch.read_once())
    _print(watch, textfile)
    for what, why in watch.unread:
        message(f"unknown: {what}: {why}")
    sys.exit(EXIT_UNREACHABLE if has_unread or watch.unread else 0)


def _places(connection: Connection) -> tuple[tuple[PlaceOptions, ...], bool]:
    """The places that are meant, and whether others may be there that could not be looked for.
    Where nothing answers it is the usual one."""
    if named := connection.named_places():
        return named, False
    url = connection.url or ""
    try:
        with connection.open_all() as found:
            return tuple(each.place for each in found.sessions), bool(found.unread)
    except StoreError:
        system, address = connection.system, parse_url(url)
        usual = PlaceOptions(connection.label, system, address, connection.namespace, url)
        return (usual,), False


def _print(watch: MetricsWatch, textfile: str | None) -> None:
    from prometheus_client import CollectorRegistry, write_to_textfile
    from prometheus_client.openmetrics.exposition import generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(watch)
    if textfile is None:
        click.echo(generate_latest(registry), nl=False)
        return
    try:
        write_to_textfile(textfile, registry)
    except OSError as error:
        raise BadOption(f"cannot write {textfile}: {error.strerror}") from None


async def _serve(watch: MetricsWatch, sought: Sought | None, address: str, port: int) -> None:
    """Answer scrapes until a signal asks to end. Raises BadOption where it cannot listen there."""
    import asyncio

    from qtop.commands.metrics_server import MetricsServer

    try:
        server = MetricsServer(address, port, watch)
    except OSError as error:
        raise BadOption(f"cannot listen at {address}:{port}: {error.strerror}") from None
    ending, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in _ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:
            loop.add_signal_handler(each, ending.set)
    server.start()
    try:
        message(f"listening at {server.url}")
        await watch.run(ending, sought)
    finally:
        await asyncio.to_thread(server.stop)
