"""`qtop failed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from qtop.commands.connection import DEFAULT_LIMIT, Connection, listing_options
from qtop.commands.output import (
    OutputColumn,
    leave_if_none,
    message,
    moment,
    tell_rest,
    tell_too_large,
)
from qtop.commands.reading import Unread, tell_owners
from qtop.model.job import FAILED, Job, JobSource
from qtop.monitor.row_text import class_of
from qtop.search.filter_language import Filter
from qtop.search.list_walk import scan
from qtop.text.format import optional
from qtop.text.safe import safe
from queuecore.active_job import fields_of

COLUMNS: Final[tuple[OutputColumn[Job], ...]] = (
    OutputColumn("FAILED", lambda job: moment(job.failed_at)),
    OutputColumn("CLASS", class_of, may_shrink=True),
    OutputColumn("EXCEPTION", lambda job: optional(job.exception), may_shrink=True),
    OutputColumn("ERROR", lambda job: safe(job.problem or job.error or ""), may_shrink=True),
    OutputColumn("QUEUE", lambda job: optional(job.queue), may_shrink=True),
    OutputColumn("ID", lambda job: job.item.sha[:10]),
)


@click.command()
@listing_options(DEFAULT_LIMIT)
@click.option(
    "--list",
    "list_name",
    default=FAILED,
    show_default=True,
    metavar="NAME",
    help="Which list, where each queue has one: mail_failed.",
)
def command(
    connection: Connection, wanted: Filter, limit: int, as_json: bool, list_name: str
) -> None:
    """List failed jobs, the newest first.

    The ID serves the filter of other commands: `qtop show --from failed --filter id:3f2a9c0d11`.

    \b
    Example: qtop failed --filter 'class:Mailers::* exception:*Timeout age<1h'
    """
    unread = Unread()
    source = JobSource("failed", list_name)
    found = connection.listing(COLUMNS, fields, as_json=as_json)

    with connection.open() as session:
        tell_owners(session)
        jobs, now = session.system.jobs(source), session.now()
        look = scan(jobs, wanted, now, lambda hit: found.add(hit.job), limit=limit)
        scanned = unread.try_to(session, "failed jobs", look)
    tell_too_large(0 if scanned is None else scanned.too_large)
    leave_if_none(found, not wanted.is_empty and not unread)
    found.end()
    if scanned is None:
        unread.leave()
    elif wanted.is_empty:
        tell_rest(len(found), scanned.length, "failure")
    elif scanned.is_partial:
        message(f"the {len(found):,} newest that match: --limit 0 looks at all")


def fields(failure: Job) -> Mapping[str, Any]:
    """A failure as JSON shows it, without its backtrace and bytes."""
    return {
        "id": failure.item.sha,
        "place": failure.place,
        "failed_at": failure.failed_at,
        "retried_at": failure.retried_at,
        "class": failure.class_name,
        "args": failure.args,
        **fields_of(failure.class_name, failure.args),
        "exception": failure.exception,
        "error": failure.error,
        "queue": failure.queue,
        "worker": failure.worker,
        "size": failure.item.size,
        "problem": failure.problem,
    }
