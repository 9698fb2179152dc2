"""`qtop enqueue`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from qtop.commands.connect import Connection
from resque import Resque


def argument(text: str) -> Any:
    """An argument of a job: JSON if it parses, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def enqueue_job(
    class_name: str, args: Sequence[str], connection: Connection, *, queue: str
) -> None:
    """Put one job on a queue and say so. Raises StoreError, EncodeError, NoClassError."""
    with connection.use() as url:
        resque = Resque(url, namespace=connection.namespace)
        resque.enqueue_to(queue, class_name, *(argument(text) for text in args))
        waiting = resque.size(queue)
        resque.close()
    click.echo(f"enqueued {class_name} on {queue}: {waiting:,} waiting")
