"""`qtop queues`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import click

from qtop.commands.connection import Connection, connection_options, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, plain, write
from qtop.commands.reading import OF_QUEUES, Unread, look, note_unread, tell_owners
from qtop.model.health import Ownership
from qtop.monitor.row_text import queue_failed, queue_state
from qtop.monitor.rows import QueueRow
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text.format import duration
from qtop.text.safe import count, safe

#: How many of the newest failures are counted by queue.
_FAILURES_READ = 500
COLUMNS: Final[tuple[OutputColumn[QueueRow], ...]] = (
    OutputColumn("QUEUE", lambda row: safe(row.name), may_shrink=True),
    OutputColumn("WAITING", lambda row: plain(row.depth), "right"),
    OutputColumn("NEXT WAITS", lambda row: duration(row.next_waits_s), "right"),
    OutputColumn("WORKERS", lambda row: count(row.serving), "right"),
    OutputColumn("IN HAND", lambda row: count(row.in_hand), "right"),
    OutputColumn("FAILED", lambda row: _failed(row), "right"),
    OutputColumn("STATE", lambda row: queue_state(row) or "ok", may_shrink=True),
)


@click.command()
@connection_options
@listing_options()
def command(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List the queues and what is wrong with them.

    NEXT WAITS is how long the next job has waited, where it tells: those of ActiveJob do. FAILED
    counts among the 500 newest failures; `7+` says that there are more. --filter takes queue: and
    words.

    \b
    Example: qtop queues --filter 'queue:mail*'
    """
    unread = Unread()
    with connection.open() as session:
        whose = tell_owners(session)
        fleet, seen = look(session, _FAILURES_READ, unread, has_waits=True, whose=whose)
    note_unread(unread, seen, OF_QUEUES | {"failures"})
    found = [row for row in fleet.queues or () if wanted.matches(_subject(row))]
    leave_if_none(found, not wanted.is_empty and not unread)
    write(found, COLUMNS, partial(_fields, whose), limit, "queue", as_json=as_json)
    unread.leave()


def _subject(row: QueueRow) -> Subject:
    return Subject(queue=row.name, words=(queue_state(row),))


def _failed(row: QueueRow) -> str:
    return count(None) if row.failed is None else queue_failed(row)


def _fields(whose: Ownership, row: QueueRow) -> Mapping[str, Any]:
    return {
        "queue": row.name,
        "owner": whose.systems.get(row.name, whose.others_system),
        "waiting": row.depth,
        "next_waits_s": row.next_waits_s,
        "workers": row.serving,
        "in_hand": row.in_hand,
        "failed": row.failed,
        "failed_is_all": None if row.failed is None else row.failed_is_all,
        "paused": row.is_paused,
        "unserved": None if row.serving is None else row.is_unserved,
        "unreadable": row.unreadable,
        "problem": row.problem,
    }
