"""`qtop workers`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import click

from qtop.commands.connection import Connection, connection_options, listing_options
from qtop.commands.lists import OF_WORKERS, look, tell
from qtop.commands.output import OutputColumn, leave_if_none, tell_rest, write
from qtop.commands.stray_jobs import search
from qtop.commands.unread import Unread, note_unread
from qtop.monitor import row_text
from qtop.monitor.rows import CONDITIONS, WorkerRow, unregistered_rows
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text import format
from qtop.text.safe import safe
from queuecore.active_job import fields_of, unwrapped
from resque.errors import NoQueueError
from resque.store.queues import QueueList

_COLUMNS = (
    OutputColumn("WORKER", may_shrink=True),
    OutputColumn("STATE"),
    OutputColumn("QUEUE"),
    OutputColumn("JOB", may_shrink=True),
    OutputColumn("FOR", "right"),
    OutputColumn("HEARTBEAT", "right"),
    OutputColumn("PROCESSED", "right"),
    OutputColumn("FAILED", "right"),
)


@click.command()
@connection_options
@listing_options()
def command(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List the workers, troubles first.

    Also those that hold a job and are on no register.

    --filter takes worker:, serves: (a queue), queue: (of the job in hand), class:, args: and words
    such as a state.

    \b
    Example: qtop workers --filter 'worker:web-3 !idle'
    """
    unread = Unread()
    with connection.open() as session:
        tell(session)
        fleet, seen = look(session, 0, unread)
        rows = (*(fleet.workers or ()), *unregistered_rows(search(session, unread), fleet))
    # Which queues a pattern stands for matters to a filter only.
    note_unread(unread, seen, OF_WORKERS if wanted.is_empty else OF_WORKERS | {"queues"})
    names = [row.name for row in fleet.queues or ()]
    # Workers share their lists of queues.
    lists = {row.identity.queues for row in rows}
    served = {queues: _served(queues, names) for queues in lists}
    found = [row for row in rows if wanted.matches(_subject(row, served))]
    leave_if_none(found, not wanted.is_empty and not unread)
    found.sort(key=lambda row: CONDITIONS.index(row.condition))
    shown = found[:limit] if limit else found
    redactor = connection.redactor(is_whole=as_json)
    write(shown, _COLUMNS, _cells, _fields, as_json=as_json, redactor=redactor)
    tell_rest(len(shown), len(found), "worker")
    unread.leave()


def _subject(row: WorkerRow, served: Mapping[tuple[str, ...], Collection[str]]) -> Subject:
    record = row.record
    name, args = (None, None) if record is None else unwrapped(record.class_name, record.args)
    return Subject(
        class_name=name,
        args=args,
        queue=None if record is None else record.queue,
        worker=row.identity.text,
        words=(row.identity.text, row.condition),
        serves=() if row.condition == "dead?" else served[row.identity.queues],
        lists=served[row.identity.queues],
    )


def _served(queues: tuple[str, ...], names: list[str]) -> Collection[str]:
    """Those of the queues that a worker's list stands for."""
    try:
        return frozenset(QueueList(queues).resolve(names))
    except NoQueueError:
        return ()


def _cells(row: WorkerRow) -> tuple[str, ...]:
    record = row.record
    return (
        safe(row.identity.text),
        row.condition,
        "" if record is None else format.optional(record.queue),
        row_text.worker_job(row),
        row_text.worker_elapsed(row),
        row_text.heartbeat(row),
        "unknown" if row.processed is None else str(row.processed),
        "unknown" if row.failed is None else str(row.failed),
    )


def _fields(row: WorkerRow) -> Mapping[str, Any]:
    record = row.record
    return {
        "worker": row.identity.text,
        "host": row.identity.host,
        "pid": row.identity.pid,
        "queues": row.identity.queues,
        "state": row.condition,
        "started": row.started,
        "heartbeat_age_s": row.heartbeat_age_s,
        "processed": row.processed,
        "failed": row.failed,
        "queue": None if record is None else record.queue,
        "class": None if record is None else record.class_name,
        "args": None if record is None else record.args,
        **(fields_of(None, None) if record is None else fields_of(record.class_name, record.args)),
        "run_at": None if record is None else record.run_at,
        "for_s": row.elapsed_s,
        "problem": None if record is None else record.problem,
        "raw": None if record is None or record.is_unread else record.raw,
    }
