"""`qtop show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from qtop.commands.acting import from_option
from qtop.commands.connection import (
    Connection,
    connection_options,
    filter_option,
    json_option,
    limit_option,
    redact_option,
)
from qtop.commands.failed import fields
from qtop.commands.output import json_line, leave, line, message
from qtop.commands.reading import Unread, tell_owners
from qtop.model.job import Job, JobSource
from qtop.model.job_list import JobList
from qtop.screens.details import failure_lines, job_lines
from qtop.search.filter_language import Filter
from qtop.search.list_walk import Hit, scan
from qtop.text.redact import Redactor
from qtop.text.safe import pad
from qtop.widgets.text_lines import TextLine
from queuecore.active_job import fields_of

_LABEL_CELLS = 11


@click.command()
@from_option
@filter_option
@limit_option(10)
@connection_options
@json_option
@redact_option
def command(
    source: JobSource, wanted: Filter, limit: int, connection: Connection, as_json: bool
) -> None:
    """Show all of a failure or a waiting job.

    Failures come newest first, waiting jobs in the order in which they will be taken. With --json
    `raw` holds the very bytes (a byte that is not UTF-8 as Python's surrogateescape has it).
    Everything is shown, secrets too, unless --redact says otherwise.

    \b
    Example: qtop show --from failed --filter id:3f2a9c0d11
    """
    shown = 0
    unread = Unread()
    redactor = connection.redactor(is_whole=True)

    def show(hit: Hit) -> None:
        nonlocal shown
        shown += 1
        if as_json:
            line(json_line(redactor.value(_fields(hit.job, source))))
            return
        job = hit.job
        place = "" if job.place is None else f", place {job.place:,}"
        line(f"{'' if shown == 1 else chr(10)}id {job.id}{place} in {source}")
        for each in _lines(job, jobs, redactor):
            _print(each)

    with connection.open() as session:
        tell_owners(session)
        jobs = session.system.jobs(source)
        look = scan(jobs, wanted, session.now(), show, limit=limit, whole=True)
        scanned = unread.try_to(session, f"what is in {source}", look)
    if scanned is None:
        unread.leave()
        return
    if not shown:
        leave(f"nothing in {source} matches" if scanned.length else f"{source} is empty")
    if scanned.is_partial:
        message(f"{shown:,} shown, there may be more: --limit 0 shows all")


def _lines(job: Job, jobs: JobList, redactor: Redactor) -> Iterable[TextLine]:
    if jobs.source.kind == "failed":
        return failure_lines(job, jobs.payload(job), redactor)
    return job_lines(job, redactor)


def _print(each: TextLine) -> None:
    if each.tone == "title":
        line(click.style(each.text, bold=True))
    else:
        line(f"{pad(each.label, _LABEL_CELLS)} {each.text}".rstrip())


def _fields(job: Job, source: JobSource) -> Mapping[str, Any]:
    raw = {"raw": job.item.raw}
    if source.kind == "failed":
        return {**fields(job), "backtrace": job.backtrace, **raw}
    where = {"id": job.id, "place": job.place, "queue": source.name, "size": job.item.size}
    shown = {"class": job.class_name, "args": job.args}
    extra = {"extra": job.extra} if job.problem is None else {}
    named = fields_of(job.class_name, job.args)
    return {**where, **shown, **extra, **named, "problem": job.problem, **raw}
