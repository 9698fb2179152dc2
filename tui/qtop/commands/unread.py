"""What a command could not read: it says so on stderr at once, and by its exit status."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Final, TypeVar

from qtop.commands.connection import Session
from qtop.commands.output import message
from qtop.model.fleet import Snapshot
from queuecore.errors import StoreError, Unreachable
from queuecore.exchange import Operation

T = TypeVar("T")

#: Exit status: Redis did not answer the question, or a part of it.
UNANSWERED: Final = 3


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
