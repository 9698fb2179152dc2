"""The lists of the fleet: `qtop queues`, `qtop workers`, and `qtop --once`, which has both."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from rich.cells import cell_len

from qtop.commands.connection import Connection, Session, listing_options
from qtop.commands.output import OutputColumn, counted, line, moment, pick, plain
from qtop.commands.reading import (
    Unread,
    note_unread,
    read_whole,
    search_strays,
    tell_owners,
    visit_all,
)
from qtop.model import health
from qtop.monitor import row_text
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import (
    CONDITIONS,
    TAKES_NONE,
    FleetRows,
    QueueRow,
    Totals,
    WorkerRow,
    unregistered_rows,
)
from qtop.search.fields import Subject
from qtop.search.filter_language import Filter
from qtop.text.format import duration, optional
from qtop.text.redact import OPEN
from qtop.text.safe import count, crop, pad, safe
from queuecore.active_job import fields_of, unwrapped
from queuecore.errors import StoreError
from queuecore.values import replace

if TYPE_CHECKING:
    from qtop.model.fleet import Process, Snapshot
    from qtop.model.job import Job
    from qtop.monitor.incidents.incident import Incident
    from qtop.systems.system import System

T = TypeVar("T")

_WAITS: Final = "oldest ages"
#: The parts of a snapshot that the lists of queues and of workers show.
_OF_QUEUES: Final = frozenset(
    {"queues", "workers", "heartbeats", "jobs in hand", "items set aside", "paused queues"}
)
_OF_WORKERS: Final = frozenset({"workers", "heartbeats", "jobs in hand", "counts of workers"})
#: How many of the newest failures are counted by queue.
_FAILURES_READ: Final = 500
#: Of so many of the longest queues that no worker serves, the classes are read.
_QUEUES_SAMPLED: Final = 20


def _rows_of(
    session: Session,
    failures_limit: int,
    unread: Unread,
    *,
    has_waits: bool = False,
    whose: health.Ownership | None = None,
) -> tuple[FleetRows, Snapshot]:
    """The rows of one snapshot, and the snapshot. Rates need two and are unknown, and so is how
    long jobs have waited, unless `has_waits`; that it could not be read is noted. `whose` says
    whose the queues are. Two round trips, with `has_waits` three, O(queues + workers + failures
    read). Raises StoreError."""
    system = session.new_system(failures_read=failures_limit)
    taken = session.run(read_whole(system.snapshot()))
    builder = RowBuilder(system)
    if whose is not None:
        builder.note_ownership(whose)
    if has_waits:
        names = [queue.name for queue in taken.queues or () if queue.size]
        seen = unread.try_to(session, _WAITS, session.system.next_jobs(names))
        if seen is not None:
            builder.note_next_jobs(seen.jobs)
            if seen.problem is not None:
                unread.note(_WAITS, seen.problem)
    return builder.add(taken, 0.0), taken


# `qtop queues`.

_QUEUE_COLUMNS: Final[tuple[OutputColumn[QueueRow], ...]] = (
    OutputColumn("QUEUE", lambda row: safe(row.name), may_shrink=True),
    OutputColumn("WAITING", lambda row: plain(row.depth), "right"),
    OutputColumn("OLDEST AGE", lambda row: duration(row.next_waits_s), "right"),
    OutputColumn("WORKERS", lambda row: count(row.serving), "right"),
    OutputColumn("RUNNING", lambda row: count(row.in_hand), "right"),
    OutputColumn("FAILED", lambda row: _failed(row), "right"),
    OutputColumn("STATE", lambda row: row_text.queue_state(row) or "ok", may_shrink=True),
)


@click.command()
@listing_options()
def queues(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List the queues and what is wrong with them.

    OLDEST AGE is the age of the oldest job, where its payload has a time, as ActiveJob's has.
    FAILED counts among the 500 newest failures; `7+` says that there are more. --filter takes
    queue: and words.

    \b
    Example: qtop queues --filter 'queue:mail*'
    """
    unread = Unread()
    whose = health.Ownership()
    with connection.open_all() as places:
        listing = connection.listing(
            *(places, _QUEUE_COLUMNS, lambda row: _queue_fields(whose, row)),
            as_json=as_json,
            limit=limit,
            redactor=OPEN,
        )

        def visit(session: Session, part: Unread) -> None:
            nonlocal whose
            whose = tell_owners(session)
            fleet, seen = _rows_of(session, _FAILURES_READ, part, has_waits=True, whose=whose)
            note_unread(part, seen, _OF_QUEUES | {"failures"})
            rows, subject = fleet.queues or (), row_text.queue_subject
            listing.add_all([row for row in rows if wanted.matches(subject(row))], "queue")

        visit_all(places, unread, visit)
    listing.end(is_filtered=not wanted.is_empty and not unread)
    unread.leave()


def _failed(row: QueueRow) -> str:
    return count(None) if row.failed is None else row_text.queue_failed(row)


def _queue_fields(whose: health.Ownership, row: QueueRow) -> Mapping[str, Any]:
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


# `qtop workers`.

_WORKER_COLUMNS: Final[tuple[OutputColumn[WorkerRow], ...]] = (
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
@listing_options()
def workers(connection: Connection, wanted: Filter, limit: int, as_json: bool) -> None:
    """List the workers, troubles first.

    Also workers that hold a job and are not registered.

    --filter takes worker:, serves: (a queue), queue: (of the running job), class:, args: and words
    such as a state.

    \b
    Example: qtop workers --filter 'worker:web-3 !idle'
    """
    unread = Unread()
    with connection.open_all() as places:
        listing = connection.listing(
            places, _WORKER_COLUMNS, _worker_fields, as_json=as_json, limit=limit
        )

        def visit(session: Session, part: Unread) -> None:
            tell_owners(session)
            fleet, seen = _rows_of(session, 0, part)
            strays = search_strays(session, part)
            rows = (*(fleet.workers or ()), *unregistered_rows(strays, fleet))
            # Which queues a pattern stands for matters to a filter only.
            note_unread(part, seen, _OF_WORKERS if wanted.is_empty else _OF_WORKERS | {"queues"})
            names = [row.name for row in fleet.queues or ()]
            # Workers share their lists of queues.
            lists = {row.process.listed for row in rows}
            served = {listed: session.system.serves(listed, names) for listed in lists}
            found = [row for row in rows if wanted.matches(_worker_subject(row, served))]
            found.sort(key=lambda row: CONDITIONS.index(row.condition))
            listing.add_all(found, "worker")

        visit_all(places, unread, visit)
    listing.end(is_filtered=not wanted.is_empty and not unread)
    unread.leave()


def _worker_subject(row: WorkerRow, served: Mapping[tuple[str, ...], Collection[str]]) -> Subject:
    job, lists = row.job, served[row.process.listed]
    name, args = (None, None) if job is None else unwrapped(job.class_name, job.args)
    return Subject(
        class_name=name,
        args=args,
        queue=None if job is None else job.queue,
        worker=row.id,
        words=(row.id, row.condition),
        state=row.condition,
        serves=() if row.condition in TAKES_NONE else lists,
        lists=lists,
    )


def _queue(row: WorkerRow) -> str:
    if row.process.is_busy is False:
        return ""
    return optional(row.job.queue if row.job else None)


def _worker_fields(row: WorkerRow) -> Mapping[str, Any]:
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
        **_facts(process),
    }


def _facts(process: Process) -> Mapping[str, Any]:
    """What only processes with threads tell."""
    facts = process.facts
    if facts is None:
        return {}
    return {
        "busy": facts.busy,
        "threads": process.threads,
        "jobs": None if process.jobs is None else len(process.jobs),
        "quiet": facts.is_quiet,
        "leader": facts.is_leader,
        "embedded": facts.is_embedded,
        "version": facts.version,
        "tag": facts.tag,
        "labels": facts.labels,
        "rss_bytes": facts.rss_bytes,
        "round_trip_us": facts.round_trip_us,
    }


# `qtop --once`.

_MOST_FAILURES: Final = 10
_MOST_QUEUES: Final = 40
_MOST_WORKERS: Final = 20
_WIDTH: Final = 120
_QUEUES: Final = (
    *pick(_QUEUE_COLUMNS, "QUEUE"),
    OutputColumn("WAITING", lambda row: count(row.depth)),
    *pick(_QUEUE_COLUMNS, "OLDEST AGE", "WORKERS", "FAILED"),
    OutputColumn("", row_text.queue_state),
)
_WORKERS: Final = pick(_WORKER_COLUMNS, "WORKER", "STATE", "HEARTBEAT", "FOR", "JOB")
_FAILURES: Final[tuple[OutputColumn[Job], ...]] = (
    OutputColumn("FAILED", lambda job: moment(job.failed_at)),
    OutputColumn("CLASS", row_text.class_of),
    OutputColumn("QUEUE", lambda job: optional(job.queue)),
    OutputColumn("EXCEPTION", lambda job: optional(job.exception)),
    OutputColumn("ERROR", row_text.error_of),
)


def print_once(connection: Connection) -> None:
    """Print what is wrong, and queues, workers and failures, of one place after the other. Seven
    round trips for each. Exits with status 3 when a part of that could not be read. Raises
    StoreError."""
    unread = Unread()
    redactor = connection.redactor(is_whole=False)
    width = min(_WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _WIDTH
    printed = 0

    def visit(session: Session, part: Unread) -> None:
        nonlocal printed
        system = session.system
        fleet, incidents = judge_place(session, part)
        label = session.label if places.is_several else ""
        where = ", ".join(filter(None, (label, system.place.address, _place_of(system))))
        for text in (*([""] if printed else []), *_report(fleet, where, incidents, width)):
            line(redactor.text(text))
        printed += 1

    with connection.open_all() as places:
        visit_all(places, unread, visit)
    unread.leave()


def judge_place(session: Session, unread: Unread) -> tuple[FleetRows, tuple[Incident, ...]]:
    """The rows of one place, and what is wrong there at this moment, as the console's first poll
    would say; what could not be read is noted. Incidents that somebody has acknowledged are marked.
    Seven round trips, nine where no worker serves some queue. Raises StoreError."""
    # Imported here: the lists of queues and workers judge nothing.
    from qtop.monitor.incidents.acknowledged import Acknowledgements
    from qtop.monitor.incidents.rules import IncidentRules

    system = session.system
    found = _health(session, unread)
    whose = found.ownership
    fleet, seen = _rows_of(session, _FAILURES_READ, unread, has_waits=True, whose=whose)
    note_unread(unread, seen)
    names = [row.name for row in fleet.queues or ()]
    unserved = sorted(
        (row for row in fleet.queues or () if row.is_unserved), key=lambda row: -(row.depth or 0)
    )
    if unserved:
        wanted = [row.name for row in unserved[:_QUEUES_SAMPLED]]
        first = unread.try_to(
            session, "the waiting classes", system.next_jobs(wanted, samples=True)
        )
        waiting = {} if first is None else first.waiting
        found = replace(found, waiting={**found.waiting, **waiting})
    rules = IncidentRules(
        abilities=system.abilities, served_by=lambda listed: system.serves(listed, names)
    )
    incidents = rules.judge(fleet, 0.0, health_report=found, rtt_ms=None)
    known = Acknowledgements()
    try:
        known.take(session.run(system.acknowledged()))
    except StoreError as error:
        # Then all are shown as open, which hides nothing.
        unread.note("which incidents are acknowledged", str(error))
    return fleet, tuple(known.marked(incidents, fleet.server_time))


def _place_of(system: System) -> str:
    """Where it is at its address; without a namespace, what it is."""
    namespace = system.place.namespace
    return f"namespace {namespace}" if namespace else system.name


def _health(session: Session, unread: Unread) -> health.HealthReport:
    """The health report. Missing information about the server is not noted as unread: not every
    server gives it."""
    from qtop.monitor.incidents.server import UNKNOWN

    try:
        found = session.run(session.system.health())
    except StoreError as error:
        unread.note("the server, its scheduler and who paused what", str(error))
        return health.failed(str(error))
    for part, why in found.problems.items():
        if part != "server":
            unread.note(UNKNOWN[part], why)
    return found


def _report(
    fleet: FleetRows, where: str, incidents: Sequence[Incident], width: int
) -> Iterator[str]:
    """The lines to print: totals, what is wrong, queues, workers, failures; worst first. Rows of
    tables are cut at `width`, sentences are not."""
    # Imported here: as in `print_once`.
    from qtop.monitor.incidents.incident import SEVERITY_NAMES

    totals = fleet.totals
    yield f"qtop  {safe(where)}  {fleet.server_time:%Y-%m-%d %H:%M:%S %Z}"
    paused = "  PAUSED: no worker takes jobs" if totals.is_paused else ""
    if totals.is_paused is None:
        paused = "  unknown whether everything is paused"
    yield (
        f"{row_text.jobs_waiting(totals)} in {counted(totals.queues, 'queue')}, "
        f"{_working(totals)} working, {count(totals.failed)} failed{paused}"
    )
    yield ""
    # Imported here: as in `judge_place`.
    from qtop.monitor.incidents.acknowledged import how

    for incident in incidents:
        done = incident.acknowledged
        more = "" if done is None else f" ({how(done)})"
        yield f"{pad(SEVERITY_NAMES[incident.severity], 4)}  {safe(incident.sentence + more)}"
    of_queues = sorted(
        fleet.queues or (), key=lambda row: (not row_text.queue_state(row), -(row.depth or 0))
    )
    of_workers = sorted(fleet.workers or (), key=lambda row: CONDITIONS.index(row.condition))
    failures = [row.job for row in (fleet.failures or ())[:_MOST_FAILURES]]
    in_all = totals.failed if totals.failed is not None else len(failures)
    for table in (
        _table(_QUEUES, of_queues[:_MOST_QUEUES], len(of_queues), _none(fleet, "queues")),
        _table(_WORKERS, of_workers[:_MOST_WORKERS], len(of_workers), _none(fleet, "workers")),
        _table(_FAILURES, failures, in_all, _none(fleet, "failures")),
    ):
        yield from (crop(row, width) for row in table)


def _working(totals: Totals) -> str:
    if totals.workers is None:
        return counted(None, "worker")
    busy = count(totals.working, is_least=totals.working_is_least)
    return f"{busy} of {counted(totals.workers, 'worker')}"


def _none(fleet: FleetRows, what: str) -> str:
    why = fleet.totals.problems.get(what)
    return f"no {what}" if why is None else f"unknown {what}: {safe(why)}"


def _table(
    columns: Sequence[OutputColumn[T]], rows: Sequence[T], total: int, none: str
) -> Iterator[str]:
    yield ""
    if not rows:
        yield none
        return
    table = [[each.title for each in columns], *([c.cell(row) for c in columns] for row in rows)]
    widths = [min(40, max(cell_len(row[i]) for row in table)) for i in range(len(columns))]
    for row in table:
        padded = (pad(text, width) for text, width in zip(row[:-1], widths, strict=False))
        yield "  ".join((*padded, row[-1])).rstrip()
    if len(rows) < total:
        yield f"and {total - len(rows):,} more"
