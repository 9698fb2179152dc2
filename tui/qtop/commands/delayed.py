"""`qtop delayed`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import click

from qtop.commands.connection import DEFAULT_LIMIT, Connection, connection_options, listing_options
from qtop.commands.lists import tell
from qtop.commands.output import Listing, OutputColumn, leave_if_none, message, moment
from qtop.commands.unread import Unread
from qtop.search.fields import of_delayed, text_of
from qtop.search.filter_language import Filter
from qtop.text.format import job_class
from qtop.text.safe import ago, safe
from queuecore.active_job import fields_of, unwrapped
from queuecore.exchange import Steps
from queuecore.windows import whole
from resque.keys import Keys
from resque.store import delayed_windows
from resque.store.delayed import DelayedJob, Moment
from resque.store.delayed_windows import DelayedEntry

#: Of longer jobs only the beginning is read.
_LISTED_BYTES: Final = 65_536
#: What a moment holds whose key is no list.
_BROKEN: Final = DelayedJob(whole(b""), 0, problem="the key of its moment holds no list")
_COLUMNS = (
    OutputColumn("AT"),
    OutputColumn("IN", "right"),
    OutputColumn("CLASS", may_shrink=True),
    OutputColumn("ARGS", may_shrink=True),
    OutputColumn("QUEUE", may_shrink=True),
    OutputColumn("ID"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    moment: Moment
    job: DelayedJob
    now_s: float

    @property
    def at(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self.moment.at, UTC)
        except (ValueError, OverflowError, OSError):
            return None


@click.command()
@connection_options
@listing_options(DEFAULT_LIMIT)
def command(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List delayed jobs, the next first.

    --filter takes class:, args:, queue:, due<10m, id: and words.

    \b
    Example: qtop delayed --filter class:Reports::Nightly --limit 20
    """
    unread = Unread()
    redactor = connection.redactor(is_whole=as_json)
    rows = Listing(_COLUMNS, _cells, _fields, as_json=as_json, redactor=redactor)

    def show(row: _Row) -> None:
        if row.job is _BROKEN:
            unread.note(f"delayed jobs of {moment(row.at)}", _BROKEN.problem or "")
        rows.add(row)

    with connection.open() as session:
        tell(session)
        now_s = session.now().timestamp()
        find = _find(session.keys, wanted, limit, now_s, show)
        is_partial = unread.try_to(session, "delayed jobs", find)
    leave_if_none(rows, not wanted.is_empty and not unread)
    rows.end()
    if is_partial:
        message(f"the {len(rows):,} next: --limit 0 shows all")
    unread.leave()


def _find(
    keys: Keys, wanted: Filter, limit: int, now_s: float, each_row: Callable[[_Row], None]
) -> Steps[bool]:
    """Hand over the jobs that match, at most `limit`; returns whether there may be more. Two round
    trips for each 500 moments, one more for each 250 jobs."""
    number = 0
    is_partial = False

    def visit(found: Sequence[DelayedEntry], done: int, total: int) -> bool:
        nonlocal is_partial, number
        for each in found:
            job = each.job or _BROKEN
            if not wanted.matches(of_delayed(job, each.moment.at - now_s)):
                continue
            is_partial = bool(limit) and number >= limit
            if is_partial:
                return False
            number += 1
            each_row(_Row(each.moment, job, now_s))
        return True

    yield from delayed_windows.walk(keys, visit, max_bytes=_LISTED_BYTES)
    return is_partial


def _cells(row: _Row) -> tuple[str, ...]:
    job = row.job
    name, args = unwrapped(job.class_name, job.args)
    left_s = row.moment.at - row.now_s
    unknown = "(large)" if job.item.is_cut else "unreadable"
    return (
        moment(row.at),
        ago(left_s) if left_s >= 0 else "due",
        job_class(name, None) if job.problem is None else unknown,
        safe(text_of(args)) if job.problem is None else safe(job.problem),
        safe(job.queue or ""),
        "" if job is _BROKEN else job.item.sha[:10],
    )


def _fields(row: _Row) -> Mapping[str, Any]:
    job = row.job
    return {
        "id": None if job is _BROKEN else job.item.sha,
        "at": row.at,
        "stamp": row.moment.stamp,
        "in_s": row.moment.at - row.now_s,
        "class": job.class_name,
        "args": job.args,
        **fields_of(job.class_name, job.args),
        "queue": job.queue,
        "size": job.item.size,
        "problem": job.problem,
        "raw": job.item.raw,
    }
