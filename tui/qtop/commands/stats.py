"""`qtop stats`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from qtop.commands.connect import Connection, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import Column, json_line, line, message, write
from qtop.commands.systems import tell
from resque.state import snapshot

_COLUMNS = (Column("STATISTIC"), Column("VALUE", "right"))


@click.command()
@connection_options
@json_option
def command(connection: Connection, as_json: bool) -> None:
    """Show the totals.

    `failed` is how many failures are listed, `failed_ever` how many jobs ever failed.

    \b
    Example: qtop stats --json
    """
    with connection.open() as session:
        tell(session)
        look = session.run(snapshot.take(session.keys, tails={}, failures_limit=0))
    for problem in look.problems:
        message(problem)
    totals: Mapping[str, Any] = {
        "queues": len(look.queues),
        "waiting": sum(queue.size or 0 for queue in look.queues),
        "unreadable": sum(queue.unreadable for queue in look.queues),
        "workers": len(look.workers),
        "working": sum(worker.record is not None for worker in look.workers),
        "failed": look.failed,
        "processed_ever": look.processed_ever,
        "failed_ever": look.failed_ever,
        "paused": look.is_paused,
    }
    if as_json:
        line(json_line(totals))
        return
    write(list(totals.items()), _COLUMNS, _cells, _no_fields, as_json=False)


def _no_fields(pair: tuple[str, Any]) -> Mapping[str, Any]:
    return dict((pair,))


def _cells(pair: tuple[str, Any]) -> tuple[str, str]:
    name, value = pair
    if isinstance(value, bool):
        return name, "yes" if value else "no"
    return name, "unknown" if value is None else str(value)
