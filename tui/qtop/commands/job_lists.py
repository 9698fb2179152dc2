"""Jobs as they are now: `qtop failed`, `qtop show` and `qtop find`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from qtop.commands.connection import Connection, Session, connection_options, listing_options
from qtop.commands.options import (
    DEFAULT_LIMIT,
    FILTER,
    filter_option,
    from_option,
    json_option,
    limit_option,
    redact_option,
)
from qtop.commands.output import (
    Listing,
    OutputColumn,
    json_line,
    leave,
    line,
    message,
    moment,
    tell_rest,
    tell_too_large,
)
from qtop.commands.reading import (
    Unread,
    note_unread,
    read_whole,
    search_strays,
    tell_owners,
    visit_all,
)
from qtop.model.fleet import RunningJob, Snapshot
from qtop.model.health import DELAYED_ASIDE, Stray, StrayJob, StrayKind, Strays
from qtop.model.job import FAILED, Job, JobSource, SourceKind, age_at
from qtop.monitor.row_text import class_of
from qtop.monitor.rows import unregistered_rows
from qtop.search.fields import Subject, of_job, of_running, text_of
from qtop.search.filter_language import Filter
from qtop.search.list_walk import Scanned, scan, through
from qtop.text.format import job_class, optional
from qtop.text.safe import ago, counted, pad, safe
from queuecore.active_job import fields_of
from queuecore.exchange import Operation, Steps

if TYPE_CHECKING:
    from qtop.model.job_list import Entry

T = TypeVar("T")

# `qtop failed`.

_FAILURE_COLUMNS: Final[tuple[OutputColumn[Job], ...]] = (
    OutputColumn("FAILED", lambda job: moment(job.failed_at)),
    OutputColumn("CLASS", class_of, may_shrink=True),
    OutputColumn("EXCEPTION", lambda job: optional(job.exception), may_shrink=True),
    OutputColumn("ERROR", lambda job: safe(job.problem or job.error or ""), may_shrink=True),
    OutputColumn("QUEUE", lambda job: optional(job.queue), may_shrink=True),
    OutputColumn("ID", lambda job: job.item.sha[:10]),
)


#: Where failed jobs are tried again by themselves.
_STATED_COLUMNS: Final[tuple[OutputColumn[Job], ...]] = (
    *_FAILURE_COLUMNS[:-1],
    OutputColumn("STATE", lambda job: optional(job.state)),
    OutputColumn("NEXT", lambda job: "" if job.due is None else moment(job.due.moment)),
    *_FAILURE_COLUMNS[-1:],
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
def failed(
    connection: Connection, wanted: Filter, limit: int, as_json: bool, list_name: str
) -> None:
    """List failed jobs, the newest first.

    The ID serves the filter of other commands: `qtop show --from failed --filter id:3f2a9c0d11`.

    \b
    Example: qtop failed --filter 'class:Mailers::* exception:*Timeout age<1h'
    """
    unread = Unread()
    source = JobSource("failed", list_name)
    #: How many were shown, and what was looked at.
    parts: list[tuple[int, Scanned]] = []

    with connection.open_all() as places:
        columns = _STATED_COLUMNS if places.able_to("postpone") else _FAILURE_COLUMNS
        found = connection.listing(places, columns, _failure_fields, as_json=as_json)

        def visit(session: Session, part: Unread) -> None:
            tell_owners(session)
            found.begin_part()
            jobs, now = session.system.jobs(source), session.now()
            look = scan(jobs, wanted, now, found.add, limit=limit)
            scanned = part.try_to(session, "failed jobs", look)
            if scanned is not None:
                parts.append((found.in_part, scanned))

        visit_all(places, unread, visit, places.holding(source))
    tell_too_large(sum(scanned.too_large for _, scanned in parts))
    found.end(is_filtered=not wanted.is_empty and not unread)
    for shown, scanned in parts:
        if wanted.is_empty:
            tell_rest(shown, scanned.length, "failure")
        elif scanned.is_partial:
            message(f"the {shown:,} newest that match: --limit 0 shows all")
    unread.leave()


def _failure_fields(failure: Job) -> Mapping[str, Any]:
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
        **_stated(failure),
    }


def _stated(job: Job) -> Mapping[str, Any]:
    """What only jobs of some systems have."""
    named = {} if job.jid is None else {"jid": job.jid, "tags": job.tags}
    if job.state is None:
        return named
    return {"state": job.state, "next_at": None if job.due is None else job.due.moment, **named}


# `qtop show`.

_LABEL_CELLS = 11


@click.command()
@from_option
@filter_option
@limit_option(10)
@connection_options
@json_option
@redact_option
def show(
    source: JobSource, wanted: Filter, limit: int, connection: Connection, as_json: bool
) -> None:
    """Show all of a failure or a waiting job.

    Failures come newest first, waiting jobs in the order in which they will be taken. With --json
    `raw` holds the very bytes (a byte that is not UTF-8 as Python's surrogateescape has it).
    Everything is shown, secrets too, unless --redact says otherwise.

    \b
    Example: qtop show --from failed --filter id:3f2a9c0d11
    """
    # Imported here: lists need nothing of screens.
    from qtop.screens.details import failure_lines, job_lines

    shown = length = 0
    is_partial = False
    unread = Unread()
    redactor = connection.redactor(is_whole=True)

    def visit(session: Session, part: Unread) -> None:
        nonlocal length, is_partial
        tell_owners(session)
        jobs = session.system.jobs(source)

        def print_job(job: Job) -> None:
            nonlocal shown
            shown += 1
            session.progress.make_way()
            if as_json:
                line(json_line(session.named(redactor.value(_whole_fields(job, source)))))
                return
            place = "" if job.place is None else f", place {job.place:,}"
            of = f" of {safe(session.label)}" if places.is_several else ""
            line(f"{'' if shown == 1 else chr(10)}id {job.id}{place} in {source}{of}")
            if source.kind == "failed":
                lines = failure_lines(job, jobs.payload(job), redactor)
            else:
                lines = job_lines(job, redactor)
            for each in lines:
                if each.tone == "title":
                    line(click.style(each.text, bold=True))
                else:
                    line(f"{pad(each.label, _LABEL_CELLS)} {each.text}".rstrip())

        look = scan(jobs, wanted, session.now(), print_job, limit=limit, whole=True)
        scanned = part.try_to(session, f"what is in {source}", look)
        if scanned is not None:
            length += scanned.length
            is_partial |= scanned.is_partial

    with connection.open_all() as places:
        visit_all(places, unread, visit, places.holding(source))
    if not shown and not unread:
        leave(f"nothing in {source} matches" if length else f"{source} is empty")
    if is_partial:
        message(f"{shown:,} shown, there may be more: --limit 0 shows all")
    unread.leave()


def _whole_fields(job: Job, source: JobSource) -> Mapping[str, Any]:
    raw = {"raw": job.item.raw}
    if source.kind == "failed":
        return {**_failure_fields(job), "backtrace": job.backtrace, **raw}
    queue = job.queue if source.kind == "delayed" else source.name
    where = {"id": job.id, "place": job.place, "queue": queue, "size": job.item.size}
    shown = {"class": job.class_name, "args": job.args}
    extra = {"extra": job.extra} if job.problem is None else {}
    named = fields_of(job.class_name, job.args)
    return {**where, **shown, **extra, **named, **_stated(job), "problem": job.problem, **raw}


# `qtop find`.

_NO_LIST: Final = "the key of their moment holds no list"
_FOUND_COLUMNS: Final[tuple[OutputColumn[_Found], ...]] = (
    OutputColumn("WHERE", lambda found: safe(found.where), may_shrink=True),
    OutputColumn("HOW", lambda found: found.how),
    OutputColumn("CLASS", lambda found: _class_of(found.subject), may_shrink=True),
    OutputColumn("ARGS", lambda found: _args_of(found.subject), may_shrink=True),
    OutputColumn("QUEUE", lambda found: optional(found.subject.queue), may_shrink=True),
    OutputColumn("ID", lambda found: found.subject.id[:10]),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """A job in a place. `where` is what `--from` takes, where it takes the place at all."""

    where: str
    how: str
    subject: Subject
    raw: bytes


@click.command()
@connection_options
@redact_option
@json_option
@limit_option(DEFAULT_LIMIT)
@click.argument("wanted", type=FILTER, metavar="FILTER")
def find(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """Find jobs, wherever they are.

    Delayed, waiting, unreadable, running and failed ones, also under keys that no list names; and
    copies kept for an undo or while a job is tried again. FILTER is that of the other commands:
    class:, args:, queue:, id: and words. Places are searched in the order in which jobs pass
    them: one that is on its way meanwhile is met at least once. Lists are named as --from of other
    commands takes them.

    \b
    Example: qtop find 'class:ChargeCard args.0:4711'
    """
    if wanted.is_empty:
        raise click.UsageError("an empty filter matches everything: say what to find")
    unread = Unread()
    too_large = 0
    with connection.open_all() as places:
        found = connection.listing(
            places, _FOUND_COLUMNS, _found_fields, as_json=as_json, limit=limit
        )

        def visit(session: Session, part: Unread) -> None:
            nonlocal too_large
            found.begin_part()
            tell_owners(session)
            strays = search_strays(session, part)
            search = _Search(session, wanted, limit, found, part, strays, session.now())
            search.run()
            too_large += search.too_large

        try:
            visit_all(places, unread, visit)
        except KeyboardInterrupt:
            if len(found):
                found.end()
            message(f"interrupted: {counted(len(found), 'job')} found, the rest was not searched")
            raise
    tell_too_large(too_large)
    found.end(is_filtered=not unread)
    if found.is_partial:
        message(f"the first {len(found):,}: --limit 0 shows all")
    unread.leave()


@dataclass
class _Search:
    """Looks for jobs in all places, and adds them to `found` until that is full."""

    session: Session
    wanted: Filter
    limit: int
    found: Listing[_Found]
    unread: Unread
    strays: Strays
    now: datetime
    too_large: int = 0

    def run(self) -> None:
        """Look through one place after the other. One that cannot be read is noted, and the others
        are looked through all the same. Costs what reading all of them costs."""
        for what, place in self._places():
            self._try_to(what, place)
            if self.found.is_full:
                return

    def _try_to(self, what: str, operation: Operation[T]) -> T | None:
        return self.unread.try_to(self.session, what, operation)

    def _places(self) -> Iterator[tuple[str, Operation[Any]]]:
        """The places in the order in which jobs pass them, and what looks through each."""
        yield "delayed jobs", self._delayed()
        yield from self._kept("delayed")
        seen = self._snapshot({"queues"})
        for queue in () if seen is None else seen.queues or ():
            if queue.problem is None:
                yield self._list(JobSource("queue", queue.name))
            # Also where it is unknown whether there are any.
            if queue.unreadable != 0:
                yield self._list(JobSource("unreadable", queue.name))
        yield self._list(JobSource("unreadable", DELAYED_ASIDE))
        for stray in (*self.strays.of("queue"), *self.strays.of("unreadable")):
            yield self._list(_source(stray))
        now = self._snapshot({"workers", "jobs in hand"})
        if now is not None and not all(map(self._take, self._in_hand(now))):
            return
        lists = self._try_to("lists of failures", self.session.system.failure_lists(apart=True))
        # Without the names of the others there is still the usual one.
        for name in lists or [FAILED]:
            yield self._list(JobSource("failed", name))
        for stray in self.strays.of("failed"):
            yield self._list(_source(stray))
        yield from self._kept("held")
        yield from self._kept("undo")
        yield from self._kept("retry")

    def _snapshot(self, parts: Collection[str]) -> Snapshot | None:
        reading = read_whole(self.session.new_system().snapshot())
        seen = self._try_to("queues and workers", reading)
        if seen is not None:
            note_unread(self.unread, seen, parts)
        return seen

    def _in_hand(self, seen: Snapshot) -> Iterator[_Found]:
        """What workers hold, also those on no register."""
        for process in seen.processes or ():
            for job in process.jobs or ():
                yield _of_running(job, process.id, seen.server_time)
        for row in unregistered_rows(self.strays, seen):
            for job in row.jobs or ():
                yield _of_running(job, row.id, row.now, ", not registered")

    def _take(self, found: _Found) -> bool:
        """Keep what matches; False when there was no room for it."""
        return not self.wanted.matches(found.subject) or self.found.add(found)

    def _kept(self, kind: StrayKind) -> Iterator[tuple[str, Operation[Any]]]:
        """What is under keys that no list names."""

        def visit(found: StrayJob) -> bool:
            job = found.job
            return self._take(_Found(found.where, found.how, of_job(job, self.now), job.item.raw))

        for each in self.strays.of(kind):
            look = self.session.system.stray_jobs(each, self.now, visit)
            yield f"jobs under {kind} keys", look

    def _delayed(self) -> Steps[bool]:
        def visit(entry: Entry) -> bool:
            job, due = entry.job, entry.job.due
            if due is None or job.ref is None:
                self.session.progress.make_way()
                self.unread.note(f"delayed jobs of {'' if due is None else due.stamp}", _NO_LIST)
                return True
            due_s = due.at - self.now.timestamp()
            how = f"due in {ago(due_s)}" if due_s >= 0 else "due"
            return self._take(_Found("delayed", how, of_job(job, self.now), job.item.raw))

        return through(self.session.system.jobs(JobSource("delayed", "")).walk(), visit)

    def _list(self, source: JobSource) -> tuple[str, Steps[None]]:
        """A list, the next jobs first, but the newest failures."""

        def look() -> Steps[None]:
            # One more than there is room for tells that there are more.
            room = self.limit - self.found.in_part + 1 if self.limit else 0
            jobs = self.session.system.jobs(source, newest_first=source.kind != "queue")
            scanned = yield from scan(jobs, self.wanted, self.now, take, limit=room)
            self.too_large += scanned.too_large

        def take(job: Job) -> None:
            self._take(_of_listed(source, job, self.now))

        return str(source), look()


def _source(stray: Stray) -> JobSource:
    kinds: dict[str, SourceKind] = {"queue": "queue", "unreadable": "unreadable"}
    return JobSource(kinds.get(stray.kind, "failed"), stray.name)


def _of_listed(source: JobSource, job: Job, now: datetime) -> _Found:
    if source.kind == "failed":
        age_s = age_at(now, job.failed_at)
        how = "failed" if age_s is None else f"failed {ago(age_s)} ago"
    elif source.kind == "queue":
        # A list without places does not tell which is next.
        how = "waiting" if job.place is None else f"after {job.place:,}" if job.place else "next"
    else:
        how = "unreadable"
    return _Found(str(source), how, of_job(job, now), job.item.raw)


def _of_running(job: RunningJob, worker: str, now: datetime, more: str = "") -> _Found:
    elapsed_s = age_at(now, job.since)
    how = "running" if elapsed_s is None else f"running {ago(elapsed_s)}"
    raw = job.raw if job.payload is None else job.payload
    return _Found(f"worker {worker}", how + more, of_running(job, worker), raw)


def _class_of(subject: Subject) -> str:
    return job_class(subject.class_name, None) if subject.is_readable else "unreadable"


def _args_of(subject: Subject) -> str:
    return safe(text_of(subject.args) if subject.is_readable else subject.words[0])


def _found_fields(found: _Found) -> Mapping[str, Any]:
    subject = found.subject
    return {
        "where": found.where,
        "how": found.how,
        "id": subject.id or None,
        "class": subject.class_name,
        "args": subject.args,
        "job_class": subject.class_name,
        "arguments": subject.args,
        "queue": subject.queue,
        "raw": found.raw,
    }
