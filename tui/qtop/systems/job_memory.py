"""The newest failures as jobs, from poll to poll."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from qtop.model.fleet import Snapshot
from qtop.model.job import Job
from queuecore.fleet import FleetSnapshot
from queuecore.values import replace

F = TypeVar("F")


class JobMemory(Generic[F]):
    """Makes jobs of the failures of snapshots: a failure that is the same object as before is the
    same job. `make` makes one."""

    def __init__(self, make: Callable[[F], Job]) -> None:
        self._make = make
        self._known: dict[int, tuple[F, Job]] = {}

    def snapshot_of(self, taken: FleetSnapshot[F]) -> Snapshot:
        """A snapshot with its failures as jobs. All others are forgotten. O(failures)."""
        same: Snapshot = cast("Any", taken)
        seen = taken.failures
        if seen is None:
            return same
        known, self._known = self._known, {}
        for failure in seen:
            pair = known.get(id(failure))
            self._known[id(failure)] = pair or (failure, self._make(failure))
        return replace(same, failures=tuple(self._known[id(failure)][1] for failure in seen))
