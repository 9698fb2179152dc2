"""`qtop --once`: the state of everything as text, for pipes and cron."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from qtop.commands.connection import Connection, Session
from qtop.commands.lists import look, look_around
from qtop.commands.output import counted, line, moment
from qtop.commands.reading import Unread, note_unread
from qtop.model import health
from qtop.model.health import HealthReport
from qtop.monitor import row_text
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.incidents.server import UNKNOWN
from qtop.monitor.rows import CONDITIONS, FleetRows, QueueRow, Totals
from qtop.text import format
from qtop.text.safe import count, crop, how_many, pad, safe
from queuecore.errors import StoreError

_FAILURES: Final = 10
_QUEUES: Final = 40
_WORKERS: Final = 20
_WIDTH: Final = 120


def print_once(connection: Connection) -> None:
    """Print what is wrong, and queues, workers and failures. Six round trips. Exits with status 3
    when a part of that could not be read. Raises StoreError."""
    unread = Unread()
    with connection.open() as session:
        found = _surveyed(session, unread)
        whose = None if found is None else found.ownership
        fleet, seen = look(session, 500, unread, has_waits=True, whose=whose)
        note_unread(unread, seen)
        where = f"{session.address}, namespace {connection.namespace}"
    redactor = connection.redactor(is_whole=False)
    width = min(_WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _WIDTH
    incidents = IncidentRules().judge(fleet, 0.0, survey=found, rtt_ms=None)
    for text in report(fleet, where, incidents, width):
        line(redactor.text(text))
    unread.leave()


def _surveyed(session: Session, unread: Unread) -> HealthReport:
    """The health report. Missing information about the server is not noted as unread: not every
    server gives it."""
    try:
        found = look_around(session)
    except StoreError as error:
        unread.note("the server, its scheduler and who paused what", str(error))
        return health.failed(str(error))
    for part, why in found.problems.items():
        if part != "server":
            unread.note(UNKNOWN[part], why)
    return found


def report(
    fleet: FleetRows, where: str, incidents: Sequence[Incident], width: int = _WIDTH
) -> Iterator[str]:
    """The lines to print: totals, what is wrong, queues, workers, failures; worst first. Rows of
    tables are cut at `width`, sentences are not."""
    totals = fleet.totals
    yield f"qtop  {safe(where)}  {fleet.server_time:%Y-%m-%d %H:%M:%S %Z}"
    paused = "  PAUSED: no worker takes jobs" if totals.is_paused else ""
    if totals.is_paused is None:
        paused = "  whether everything is paused is unknown"
    yield (
        f"{row_text.jobs_waiting(totals)} in {how_many(totals.queues, 'queue')}, "
        f"{_working(totals)} working, {count(totals.failed)} failed{paused}"
    )
    yield ""
    for incident in incidents:
        severity = "ok" if incident.severity == "good" else incident.severity
        yield f"{pad(severity, 4)}  {safe(incident.text)}"
    for table in (_queues(fleet), _workers(fleet), _failures(fleet)):
        yield from (crop(row, width) for row in table)


def _working(totals: Totals) -> str:
    if totals.workers is None:
        return how_many(None, "worker")
    busy = totals.working
    if totals.working_is_least:
        busy_words = f"at least {busy:,}" if busy else count(None)
    else:
        busy_words = count(busy)
    return f"{busy_words} of {counted(totals.workers, 'worker')}"


def _queues(fleet: FleetRows) -> Iterator[str]:
    rows = sorted(fleet.queues or (), key=_trouble)
    table = [
        (
            safe(row.name),
            "unknown" if row.depth is None else f"{row.depth:,}",
            format.duration(row.next_waits_s),
            count(row.serving),
            count(None) if row.failed is None else row_text.queue_failed(row),
            row_text.queue_state(row),
        )
        for row in rows[:_QUEUES]
    ]
    titles = ("QUEUE", "WAITING", "NEXT WAITS", "WORKERS", "FAILED", "")
    yield from _table(titles, table, len(rows), _none(fleet, "queues"))


def _trouble(row: QueueRow) -> tuple[bool, int]:
    return not row_text.queue_state(row), -(row.depth or 0)


def _workers(fleet: FleetRows) -> Iterator[str]:
    rows = sorted(fleet.workers or (), key=lambda row: CONDITIONS.index(row.condition))
    table = [
        (
            safe(row.id),
            row.condition,
            row_text.heartbeat(row),
            row_text.worker_elapsed(row),
            row_text.worker_job(row),
        )
        for row in rows[:_WORKERS]
    ]
    titles = ("WORKER", "STATE", "HEARTBEAT", "FOR", "JOB")
    yield from _table(titles, table, len(rows), _none(fleet, "workers"))


def _failures(fleet: FleetRows) -> Iterator[str]:
    table = [
        (
            moment(row.job.failed_at),
            row_text.class_of(row.job),
            format.optional(row.job.queue),
            format.optional(row.job.exception),
            row_text.error_of(row.job),
        )
        for row in (fleet.failures or ())[:_FAILURES]
    ]
    total = fleet.totals.failed if fleet.totals.failed is not None else len(table)
    yield from _table(
        ("FAILED", "CLASS", "QUEUE", "EXCEPTION", "ERROR"), table, total, _none(fleet, "failures")
    )


def _none(fleet: FleetRows, what: str) -> str:
    """What an empty table says."""
    why = fleet.totals.problems.get(what)
    return f"no {what}" if why is None else f"unknown {what}: {safe(why)}"


def _table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], total: int, none: str
) -> Iterator[str]:
    yield ""
    if not rows:
        yield none
        return
    everything = [titles, *rows]
    widths = [min(40, max(cell_len(row[i]) for row in everything)) for i in range(len(titles))]
    for row in everything:
        padded = (pad(text, width) for text, width in zip(row[:-1], widths, strict=False))
        yield "  ".join((*padded, row[-1])).rstrip()
    if len(rows) < total:
        yield f"and {total - len(rows):,} more"
