"""What commands read beside their lists, what they could not read, and `qtop stats`.

A missing part is said on stderr at once, and by the exit status.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Final, TypeVar

from qtop.commands.cli import EXIT_UNREACHABLE
from qtop.commands.connection import OpenPlaces, Session
from qtop.commands.output import message
from qtop.model.fleet import Snapshot
from qtop.model.health import Ownership, Strays
from qtop.text.format import part_name
from queuecore.cooperative import Slices, at_once
from queuecore.errors import Refused, StoreError, Unreachable
from queuecore.exchange import Operation, Steps, steps_of

T = TypeVar("T")

_STRAYS: Final = "jobs that are in no index"


class Unread:
    """The parts of an answer that are missing: why, by their names in words. True when there are
    any. `label` is the place that they are of, where it is one of several."""

    def __init__(self, label: str = "") -> None:
        self.parts: dict[str, str] = {}
        self._label = label
        self._of_places: list[Unread] = []
        self._is_cut_off = False

    def __bool__(self) -> bool:
        return bool(self.parts) or any(self._of_places)

    def of_place(self, label: str) -> Unread:
        """The missing parts of one of several places."""
        self._of_places.append(Unread(label))
        return self._of_places[-1]

    def note(self, what: str, why: str) -> None:
        """Note that a part is missing, and say so on stderr."""
        if what not in self.parts:
            self.parts[what] = why
            message(f"unknown: {f'{self._label}: ' if self._label else ''}{part_name(what)}: {why}")

    def try_to(
        self, session: Session, what: str, operation: Operation[T], doing: str = ""
    ) -> T | None:
        """Carry out an operation that reads a part. When it fails, note that and return None. After
        Redis could not be reached once, nothing more is asked. `doing` is shown meanwhile, else
        `what`."""
        if self._is_cut_off:
            self.note(what, "not read: Redis did not answer before")
            return None
        try:
            return session.run(operation, doing or what)
        except StoreError as error:
            self._is_cut_off = isinstance(error, Unreachable)
            self.note(what, str(error))
            return None

    def leave(self) -> None:
        """Exit with status 3 if a part is missing."""
        if self:
            sys.exit(EXIT_UNREACHABLE)


def visit_all(
    places: OpenPlaces,
    unread: Unread,
    visit: Callable[[Session, Unread], None],
    sessions: Collection[Session] | None = None,
) -> None:
    """Visit the session of each place, with what notes its missing parts. One of several whose
    answer cannot be read is noted, and the others are visited all the same. Raises what `visit`
    raises where there is one place only."""
    unread.parts |= places.unread
    if places.is_empty:
        where = places.current.system.place
        message(
            f"note: no queue system was found at {where.address}: showing Resque's namespace "
            f"{where.namespace!r}"
        )
    if not places.is_several:
        visit(places.current, unread)
        return
    for session in places.sessions if sessions is None else sessions:
        places.current = session
        part = unread.of_place(session.label)
        try:
            visit(session, part)
        except StoreError as error:
            part.note("everything else" if part else "everything", str(error))


def read_whole(work: Operation[Slices[T]]) -> Steps[T]:
    """Work that also reads its answers to the end: where one makes no sense, `Session.run` says
    so."""
    return at_once((yield from steps_of(work)))


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
            if process.jobs is None and not process.is_gone:
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
        message(f"{_STRAYS} were not searched: {error}")
        return Strays(is_complete=False)
    except StoreError as error:
        unread.note(_STRAYS, str(error))
        return Strays(is_complete=False)
    if not found.is_complete:
        message(f"only the first 200,000 keys were searched for {_STRAYS}")
    return found
