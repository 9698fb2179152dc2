"""`qtop workers`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import click

from qtop.commands.connection import Connection, connection_options, listing_options
from qtop.commands.output import OutputColumn, leave_if_none, plain, write
from qtop.commands.reading import OF_WORKERS, Unread, look, note_unread, search_strays, tell_owners
from qtop.monitor import row_text
from qtop.monitor.rows import CONDITIONS, WorkerRow, unregistered_rows
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text.format import optional
from qtop.text.safe import safe
from queuecore.active_job import fields_of, unwrapped

COLUMNS: Final[tuple[OutputColumn[WorkerRow], ...]] = (
    OutputColumn("WORKER", lambda row: safe(row.id), may_shrink=True),
    OutputColumn("STATE", lambda row: row.condition),
    OutputColumn("QUEUE", lambda row: _queue(row)),
    OutputColumn("JOB", row_text.worker_job, may_shrink=True),
    OutputColumn("FOR", row_text.worker_elapsed, "right"),
    OutputColumn("HEARTBEAT", row_text.heartbeat, "right"),
    OutputColumn("PROCESSED", lambda row: plain(row.process.processed), "right"),
    OutputColumn("FAILED", lambda row: plain(row.process.failed), "right"),
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
        tell_owners(session)
        fleet, seen = look(session, 0, unread)
        rows = (*(fleet.workers or ()), *unregistered_rows(search_strays(session, unread), fleet))
    # Which queues a pattern stands for matters to a filter only.
    note_unread(unread, seen, OF_WORKERS if wanted.is_empty else OF_WORKERS | {"queues"})
    names = [row.name for row in fleet.queues or ()]
    # Workers share their lists of queues.
    lists = {row.process.listed for row in rows}
    served = {listed: session.system.serves(listed, names) for listed in lists}
    found = [row for row in rows if wanted.matches(_subject(row, served))]
    leave_if_none(found, not wanted.is_empty and not unread)
    found.sort(key=lambda row: CONDITIONS.index(row.condition))
    redactor = connection.redactor(is_whole=as_json)
    write(found, COLUMNS, _fields, limit, "worker", as_json=as_json, redactor=redactor)
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


def _queue(row: WorkerRow) -> str:
    if row.process.is_busy is False:
        return ""
    return optional(row.job.queue if row.job else None)


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
