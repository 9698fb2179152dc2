"""What is to come: `qtop delayed` and `qtop schedules`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from qtop.commands.connection import Connection, Session, listing_options
from qtop.commands.options import DEFAULT_LIMIT
from qtop.commands.output import OutputColumn, message, moment
from qtop.commands.reading import Unread, tell_owners, visit_all
from qtop.model.fleet import ListedSchedule
from qtop.model.job import DueTime, Job, JobSource
from qtop.search.fields import of_job, of_schedule, text_of
from qtop.search.filter_language import Filter
from qtop.text.format import job_class
from qtop.text.safe import ago, safe
from queuecore.active_job import fields_of

if TYPE_CHECKING:
    from qtop.model.job_list import Entry

# `qtop delayed`.

_NO_LIST: Final = "the key of its moment holds no list"
_DELAYED_COLUMNS: Final[tuple[OutputColumn[_Row], ...]] = (
    OutputColumn("AT", lambda row: moment(_at(row.due))),
    OutputColumn("IN", lambda row: ago(row.due_s) if row.due_s >= 0 else "due", "right"),
    OutputColumn("CLASS", lambda row: row.class_name, may_shrink=True),
    OutputColumn("ARGS", lambda row: row.args, may_shrink=True),
    OutputColumn("QUEUE", lambda row: safe(row.job.queue or ""), may_shrink=True),
    OutputColumn("ID", lambda row: "" if row.job.ref is None else row.job.id[:10]),
)


class _Row(NamedTuple):
    job: Job
    due: DueTime
    due_s: float

    @property
    def problem(self) -> str | None:
        return _NO_LIST if self.job.ref is None else self.job.problem

    @property
    def class_name(self) -> str:
        if self.problem is None:
            return job_class(self.job.unwrapped[0], None)
        return "(large)" if self.job.item.is_cut else "unreadable"

    @property
    def args(self) -> str:
        """Its arguments as safe text, or what is wrong with it."""
        return safe(text_of(self.job.unwrapped[1]) if self.problem is None else self.problem)


@click.command()
@listing_options(DEFAULT_LIMIT)
def delayed(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List delayed jobs, the next first.

    --filter takes class:, args:, queue:, due<10m, id: and words.

    \b
    Example: qtop delayed --filter class:Reports::Nightly --limit 20
    """
    # Imported here: schedules are no list to walk through.
    from qtop.search.list_walk import through

    unread = Unread()
    with connection.open_all() as places:
        rows = connection.listing(
            places, _DELAYED_COLUMNS, _delayed_fields, as_json=as_json, limit=limit
        )

        def visit(session: Session, part: Unread) -> None:
            tell_owners(session)
            now = session.now()
            rows.begin_part()

            def visit_entry(entry: Entry) -> bool:
                job, due = entry.job, entry.job.due
                subject = of_job(job, now)
                if due is None or not wanted.matches(subject):
                    return True
                has_room = rows.add(_Row(job, due, subject.due_s or 0.0))
                if has_room and job.ref is None:
                    part.note(f"delayed jobs of {moment(_at(due))}", _NO_LIST)
                return has_room

            jobs = session.system.jobs(JobSource("delayed", ""))
            part.try_to(session, "delayed jobs", through(jobs.walk(), visit_entry))

        visit_all(places, unread, visit)
    rows.end(is_filtered=not wanted.is_empty and not unread)
    if rows.is_partial:
        message(f"the {len(rows):,} next: --limit 0 shows all")
    unread.leave()


def _at(due: DueTime) -> datetime | None:
    try:
        return datetime.fromtimestamp(due.at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _delayed_fields(row: _Row) -> Mapping[str, Any]:
    job = row.job
    return {
        "id": None if job.ref is None else job.id,
        "at": _at(row.due),
        "stamp": row.due.stamp,
        "in_s": row.due_s,
        "class": job.class_name,
        "args": job.args,
        **fields_of(job.class_name, job.args),
        "queue": job.queue,
        "size": job.item.size,
        "problem": row.problem,
        **({} if job.jid is None else {"jid": job.jid, "tags": job.tags}),
        "raw": b"" if job.ref is None else job.item.raw,
    }


# `qtop schedules`.

_SCHEDULE_COLUMNS: Final[tuple[OutputColumn[ListedSchedule], ...]] = (
    OutputColumn("SCHEDULE", lambda each: safe(each.name), may_shrink=True),
    OutputColumn("WHEN", lambda each: safe(each.timing or "") if _fires(each) else _why_not(each)),
    OutputColumn("NEXT", lambda each: moment(each.next_at) if _fires(each) else ""),
    OutputColumn("LAST", lambda each: moment(each.last_at, "never" if _fires(each) else "")),
    OutputColumn("CLASS", lambda each: safe(_shown(each, each.class_name)), may_shrink=True),
    OutputColumn("ARGS", lambda each: safe(_shown(each, text_of(each.args), "")), may_shrink=True),
    OutputColumn("QUEUE", lambda each: safe(_shown(each, each.queue, ""))),
    OutputColumn("SOURCE", lambda each: each.source),
)


#: Problems of who moves what is due, which is not listed.
_WHO_MOVES: Final = frozenset({"the schedulers' lock", "processes"})


@click.command()
@listing_options()
def schedules(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List the recurring schedules.

    With their next and last times in local time: those kept in Redis, and those of the file of
    the scheduler at work, which qtop's publishes; of another's file they are unknown. --filter
    takes class:, args:, queue: and words.

    \b
    Example: qtop schedules --json
    """
    unread = Unread()
    with connection.open_all() as places:
        listing = connection.listing(
            places, _SCHEDULE_COLUMNS, _schedule_fields, as_json=as_json, limit=limit
        )

        def visit(session: Session, part: Unread) -> None:
            tell_owners(session)
            every = session.run(session.system.schedules(session.now()))
            if every.zone_problem is not None:
                message(f"{every.zone_problem}; times are calculated in UTC")
            if every.file_problem is not None:
                message(f"schedules of a scheduler's file are unknown: {safe(every.file_problem)}")
            if every.hidden is not None:
                message(safe(every.hidden))
            for what, why in every.problems.items():
                if what not in _WHO_MOVES:
                    part.note(what, safe(why))
            found = [each for each in every.listed or () if wanted.matches(of_schedule(each))]
            listing.add_all(found, "schedule")

        visit_all(places, unread, visit)
    listing.end(is_filtered=not wanted.is_empty and not unread)
    unread.leave()


def _fires(each: ListedSchedule) -> bool:
    return each.timing is not None and each.problem is None


def _why_not(each: ListedSchedule) -> str:
    return "not used" if each.is_usable else "unusable"


def _shown(each: ListedSchedule, text: str | None, otherwise: str | None = None) -> str:
    """What is shown of a schedule that fires; of another why it does not, or `otherwise`."""
    if _fires(each):
        return text or ""
    return (each.problem if otherwise is None else otherwise) or ""


def _schedule_fields(each: ListedSchedule) -> Mapping[str, Any]:
    return {
        "schedule": each.name,
        "when": each.timing,
        "next_at": each.next_at,
        "last_at": each.last_at,
        "class": each.class_name,
        "args": each.args,
        "queue": each.queue,
        "description": each.description if each.is_usable else None,
        "problem": each.problem,
        "source": each.source,
    }
