"""`qtop workers`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import click

from qtop.commands.connection import Connection, connection_options, listing_options
from qtop.commands.lists import OF_WORKERS, look
from qtop.commands.output import OutputColumn, leave_if_none, tell_rest, write
from qtop.commands.sharing import tell
from qtop.commands.stray_jobs import search
from qtop.commands.unread import Unread, note_unread
from qtop.monitor import row_text
from qtop.monitor.rows import CONDITIONS, WorkerRow, unregistered_rows
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text import format
from qtop.text.safe import safe
from queuecore.active_job import fields_of, unwrapped

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
    lists = {row.process.listed for row in rows}
    served = {listed: session.system.serves(listed, names) for listed in lists}
    found = [row for row in rows if wanted.matches(_subject(row, served))]
    leave_if_none(found, not wanted.is_empty and not unread)
    found.sort(key=lambda row: CONDITIONS.index(row.condition))
    shown = found[:limit] if limit else found
    redactor = connection.redactor(is_whole=as_json)
    write(shown, _COLUMNS, _cells, _fields, as_json=as_json, redactor=redactor)
    tell_rest(len(shown), len(found), "worker")
    unread.leave()


def _subject(row: WorkerRow, served: Mapping[tuple[str, ...], Collection[str]]) -> Subject:
    job, lists = row.job, served[row.process.listed]
    name, args = (None, None) if job is None else unwrapped(job.class_name, job.args)
    return Subject(
        class_name=name,
        args=args,
        queue=None if job is None else job.queue,
        worker=row.id,
        words=(row.id, row.condition),
        serves=() if row.condition == "dead?" else lists,
        lists=lists,
    )


def _cells(row: WorkerRow) -> tuple[str, ...]:
    process, job = row.process, row.job
    return (
        safe(row.id),
        row.condition,
        "" if process.is_busy is False else format.optional(job.queue if job else None),
        row_text.worker_job(row),
        row_text.worker_elapsed(row),
        row_text.heartbeat(row),
        "unknown" if process.processed is None else str(process.processed),
        "unknown" if process.failed is None else str(process.failed),
    )


def _fields(row: WorkerRow) -> Mapping[str, Any]:
    process, job = row.process, row.job
    return {
        "worker": row.id,
        "host": process.host,
        "pid": process.pid,
        "queues": process.listed,
        "state": row.condition,
        "started": process.started,
        "heartbeat_age_s": row.beat_age_s,
        "processed": process.processed,
        "failed": process.failed,
        "queue": None if job is None else job.queue,
        "class": None if job is None else job.class_name,
        "args": None if job is None else job.args,
        **(fields_of(None, None) if job is None else fields_of(job.class_name, job.args)),
        "run_at": None if job is None else job.since,
        "for_s": row.elapsed_s,
        "problem": process.problem if job is None else job.problem,
        "raw": None if job is None else job.raw,
    }
