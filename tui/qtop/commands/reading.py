"""What commands read beside their lists, and what they could not read.

A missing part is said on stderr at once, and by the exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from qtop.commands.connection import Session
from qtop.commands.output import message
from qtop.model.fleet import Snapshot
from qtop.model.health import Ownership, Strays
from queuecore.cooperative import at_once
from queuecore.errors import Refused, StoreError, Unreachable
from queuecore.exchange import Operation

if TYPE_CHECKING:
    from qtop.monitor.rows import FleetRows

T = TypeVar("T")

#: Exit status: Redis did not answer the question, or a part of it.
UNANSWERED: Final = 3
_STRAYS: Final = "jobs that no index leads to"
_WAITS: Final = "how long the next jobs have waited"
#: What of a look the lists of queues and of workers show.
OF_QUEUES: Final = frozenset(
    {"queues", "workers", "heartbeats", "jobs in hand", "items set aside", "paused queues"}
)
OF_WORKERS: Final = frozenset({"workers", "heartbeats", "jobs in hand", "counts of workers"})


class Unread:
    """The parts of an answer that are missing. True when there are any."""

    def __init__(self) -> None:
        self._parts: dict[str, str] = {}
        self._is_cut_off = False

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def parts(self) -> Mapping[str, str]:
        """Why each part is missing, by its name in words."""
        return self._parts

    def note(self, what: str, why: str) -> None:
        """Note that a part is missing, and say so on stderr."""
        if what not in self._parts:
            self._parts[what] = why
            message(f"unknown: {what}: {why}")

    def try_to(self, session: Session, what: str, operation: Operation[T]) -> T | None:
        """Carry out an operation that reads a part. When it fails, note that and return None. After
        Redis could not be reached once, nothing more is asked."""
        if self._is_cut_off:
            self.note(what, "not asked: Redis gave no answer before")
            return None
        try:
            return session.run(operation)
        except StoreError as error:
            self._is_cut_off = isinstance(error, Unreachable)
            self.note(what, str(error))
            return None

    def leave(self) -> None:
        """Exit with status 3 if a part is missing."""
        if self._parts:
            sys.exit(UNANSWERED)


def note_unread(unread: Unread, seen: Snapshot, parts: Collection[str] | None = None) -> None:
    """Note what is unknown in a snapshot, in some of its parts or in all (None)."""
    for what, why in seen.problems.items():
        if parts is None or what in parts:
            unread.note(what, why)
    if parts is None or "queues" in parts:
        for queue in seen.queues or ():
            if queue.problem is not None:
                unread.note(f"queue {queue.name}", queue.problem)
    if "jobs in hand" not in seen.problems and (parts is None or "jobs in hand" in parts):
        for process in seen.processes or ():
            if process.jobs is None:
                unread.note(f"worker {process.id}", process.problem or "")


def tell_owners(session: Session) -> Ownership:
    """Say on stderr what lives in the namespace, unless it is this system alone, or nothing. Costs
    as `System.ownership`. Raises StoreError."""
    whose = session.run(session.system.ownership())
    if whose.note is not None:
        message(f"note: {whose.note}")
    return whose


def search_strays(session: Session, unread: Unread) -> Strays:
    """What no index leads to. A search that is refused (a server may lack SCAN) or does not come
    to its end is said on stderr; one that Redis does not answer is noted as unread. Costs what
    `System.strays` costs."""
    try:
        found = session.run(session.system.strays())
    except Refused as error:
        message(f"{_STRAYS} were not looked for: {error}")
        return Strays(is_complete=False)
    except StoreError as error:
        unread.note(_STRAYS, str(error))
        return Strays(is_complete=False)
    if not found.is_complete:
        message(f"only the first 200,000 keys were looked at for {_STRAYS}")
    return found


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
    # Imported here: commands without rows do without it.
    from qtop.monitor.row_builder import RowBuilder

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
