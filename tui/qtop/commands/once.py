"""`qtop --once`: the state of everything as text, for pipes and cron."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from rich.cells import cell_len

from qtop.commands import failed, queues, workers
from qtop.commands.connection import Connection, Session
from qtop.commands.output import OutputColumn, counted, line, pick
from qtop.commands.reading import Unread, look, note_unread
from qtop.model import health
from qtop.model.health import HealthReport
from qtop.monitor import row_text
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.incidents.server import UNKNOWN
from qtop.monitor.rows import CONDITIONS, FleetRows, QueueRow, Totals
from qtop.text.safe import count, crop, pad, safe
from queuecore.errors import StoreError

T = TypeVar("T")

_FAILURES: Final = 10
_QUEUES: Final = 40
_WORKERS: Final = 20
_WIDTH: Final = 120
_QUEUE_COLUMNS: Final = (
    *pick(queues.COLUMNS, "QUEUE"),
    OutputColumn("WAITING", lambda row: count(row.depth)),
    *pick(queues.COLUMNS, "NEXT WAITS", "WORKERS", "FAILED"),
    OutputColumn("", row_text.queue_state),
)
_WORKER_COLUMNS: Final = pick(workers.COLUMNS, "WORKER", "STATE", "HEARTBEAT", "FOR", "JOB")
_FAILURE_COLUMNS: Final = (
    *pick(failed.COLUMNS, "FAILED", "CLASS", "QUEUE", "EXCEPTION"),
    OutputColumn("ERROR", row_text.error_of),
)


def print_once(connection: Connection) -> None:
    """Print what is wrong, and queues, workers and failures. Six round trips. Exits with status 3
    when a part of that could not be read. Raises StoreError."""
    unread = Unread()
    with connection.open() as session:
        found = _health(session, unread)
        fleet, seen = look(session, 500, unread, has_waits=True, whose=found.ownership)
        note_unread(unread, seen)
        where = "{}, namespace {}".format(*session.system.place)
    redactor = connection.redactor(is_whole=False)
    width = min(_WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _WIDTH
    incidents = IncidentRules().judge(fleet, 0.0, health_report=found, rtt_ms=None)
    for text in report(fleet, where, incidents, width):
        line(redactor.text(text))
    unread.leave()


def _health(session: Session, unread: Unread) -> HealthReport:
    """The health report. Missing information about the server is not noted as unread: not every
    server gives it."""
    try:
        found = session.run(session.system.health())
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
        f"{row_text.jobs_waiting(totals)} in {counted(totals.queues, 'queue')}, "
        f"{_working(totals)} working, {count(totals.failed)} failed{paused}"
    )
    yield ""
    for incident in incidents:
        severity = "ok" if incident.severity == "good" else incident.severity
        yield f"{pad(severity, 4)}  {safe(incident.text)}"
    of_queues = sorted(fleet.queues or (), key=_trouble)
    of_workers = sorted(fleet.workers or (), key=lambda row: CONDITIONS.index(row.condition))
    failures = [row.job for row in (fleet.failures or ())[:_FAILURES]]
    in_all = totals.failed if totals.failed is not None else len(failures)
    for table in (
        _table(_QUEUE_COLUMNS, of_queues[:_QUEUES], len(of_queues), _none(fleet, "queues")),
        _table(_WORKER_COLUMNS, of_workers[:_WORKERS], len(of_workers), _none(fleet, "workers")),
        _table(_FAILURE_COLUMNS, failures, in_all, _none(fleet, "failures")),
    ):
        yield from (crop(row, width) for row in table)


def _working(totals: Totals) -> str:
    if totals.workers is None:
        return counted(None, "worker")
    busy = count(totals.working, is_least=totals.working_is_least)
    return f"{busy} of {counted(totals.workers, 'worker')}"


def _trouble(row: QueueRow) -> tuple[bool, int]:
    return not row_text.queue_state(row), -(row.depth or 0)


def _none(fleet: FleetRows, what: str) -> str:
    """What an empty table says."""
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
