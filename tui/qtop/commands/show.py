"""`qtop show`."""

from __future__ import annotations

import sys
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
from qtop.commands.lists import tell
from qtop.commands.output import json_line, line, message
from qtop.commands.unread import Unread
from qtop.screens.details import failure_lines, job_lines
from qtop.search.filter_language import Filter
from qtop.search.selection import Hit, JobSource, scan
from qtop.text.redact import Redactor
from qtop.text.safe import pad
from qtop.widgets.text_lines import TextLine
from queuecore.active_job import fields_of
from resque.codec import Payload, decode_payload

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
            line(json_line(redactor.value(_fields(hit, source))))
            return
        line(f"{'' if shown == 1 else chr(10)}id {hit.item.sha}, place {hit.place:,} in {source}")
        for each in _lines(hit, source, redactor):
            _print(each)

    with connection.open() as session:
        tell(session)
        look = scan(
            session.keys,
            source,
            wanted,
            session.now(),
            show,
            limit=limit,
            from_head=source.kind != "failed",
            whole=True,
        )
        scanned = unread.try_to(session, f"what is in {source}", look)
    if scanned is None:
        unread.leave()
        return
    if not shown:
        message(f"nothing in {source} matches" if scanned.length else f"{source} is empty")
        sys.exit(1)
    if scanned.is_partial:
        message(f"{shown:,} shown, there may be more: --limit 0 shows all")


def _lines(hit: Hit, source: JobSource, redactor: Redactor) -> Iterable[TextLine]:
    if hit.failure is not None:
        return failure_lines(hit.failure, redactor)
    return job_lines(hit.item, source.name, hit.place, redactor)


def _print(each: TextLine) -> None:
    if each.tone == "title":
        line(click.style(each.text, bold=True))
    else:
        line(f"{pad(each.label, _LABEL_CELLS)} {each.text}".rstrip())


def _fields(hit: Hit, source: JobSource) -> Mapping[str, Any]:
    raw = {"raw": hit.item.raw}
    if hit.failure is not None:
        return {**fields(hit.failure), "backtrace": hit.failure.backtrace, **raw}
    payload = decode_payload(hit.item.raw)
    where = {"id": hit.item.sha, "place": hit.place, "queue": source.name, "size": hit.item.size}
    if isinstance(payload, Payload):
        job = {"class": payload.class_name, "args": payload.args, "extra": payload.extra}
        named = fields_of(payload.class_name, payload.args)
        return {**where, **job, **named, "problem": None, **raw}
    none = {"class": None, "args": None, **fields_of(None, None)}
    return {**where, **none, "problem": payload.reason, **raw}
