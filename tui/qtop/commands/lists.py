"""One look at everything, for commands."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from qtop.commands.connection import Session
from qtop.commands.reading import Unread
from qtop.model.fleet import Snapshot
from qtop.model.health import HealthReport, Ownership
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.rows import FleetRows
from queuecore.cooperative import at_once

_WAITS: Final = "how long the next jobs have waited"
_QUEUES_SAMPLED: Final = 20


#: What of a look the lists of queues and of workers show.
OF_QUEUES: Final = frozenset(
    {"queues", "workers", "heartbeats", "jobs in hand", "items set aside", "paused queues"}
)
OF_WORKERS: Final = frozenset({"workers", "heartbeats", "jobs in hand", "counts of workers"})


def look(
    session: Session,
    failures_limit: int,
    unread: Unread,
    *,
    has_waits: bool = False,
    whose: Ownership | None = None,
) -> tuple[FleetRows, Snapshot]:
    """The rows of a console at one look, and the look; rates need two looks and are unknown, and so
    is how long jobs have waited, unless `has_waits`; that it could not be read is noted. `whose`
    says whose the queues are. Two round trips, with `has_waits` three, O(queues + workers +
    failures read). Raises StoreError."""
    system = session.new_system(failures_read=failures_limit)
    taken = at_once(session.run(system.snapshot()))
    history = RowBuilder(system)
    if whose is not None:
        history.note_ownership(whose)
    if has_waits:
        names = [queue.name for queue in taken.queues or () if queue.size]
        seen = unread.try_to(session, _WAITS, session.system.next_jobs(names))
        if seen is not None:
            history.note_next_jobs(seen.jobs)
            if seen.problem is not None:
                unread.note(_WAITS, seen.problem)
    return history.add(taken, 0.0), taken


def with_classes(session: Session, fleet: FleetRows, report: HealthReport) -> HealthReport:
    """The report with the classes that wait in the longest queues that no worker serves. Two round
    trips. Raises StoreError."""
    rows = [row for row in fleet.queues or () if row.is_unserved]
    longest = sorted(rows, key=lambda row: -(row.depth or 0))[:_QUEUES_SAMPLED]
    names = [row.name for row in longest]
    first = session.run(session.system.next_jobs(names, samples=True))
    return replace(report, next_jobs=first.jobs, waiting=first.waiting)
