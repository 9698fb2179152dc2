"""The rows of the Local screen: each group of workers started here, its workers below. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from qtop.local.groups import LocalWorker, WorkerGroup
from qtop.local.state_file import SlotState
from qtop.local.usage import Usage
from qtop.monitor.rows import WorkerRow


@dataclass(frozen=True, slots=True)
class LocalGroupRow:
    """A group. `job`, `processed` and the like are sums over its workers where they are known."""

    group: WorkerGroup
    workers: tuple[LocalWorkerRow, ...]

    @property
    def key(self) -> tuple[str, int]:
        """What makes it the same row."""
        return self.group.id, 0

    @property
    def alive(self) -> int:
        """How many of its workers have a process."""
        return sum(row.worker.place.is_alive for row in self.workers)


@dataclass(frozen=True, slots=True)
class LocalWorkerRow:
    """A worker of a group.

    Attributes:
        seen: It as it is registered in Redis; None when it is not, or not yet.
        usage: What it costs; None when unknown.
        now_mono: The moment of this row.
    """

    worker: LocalWorker
    seen: WorkerRow | None
    usage: Usage | None
    now_mono: float

    @property
    def key(self) -> tuple[str, int]:
        """What makes it the same row after a restart."""
        return self.worker.key

    @property
    def place(self) -> SlotState:
        """What has become of it."""
        return self.worker.place


_UNKNOWN: Final = datetime.min.replace(tzinfo=UTC)

LocalRow = LocalGroupRow | LocalWorkerRow


def local_rows(
    groups: Iterable[WorkerGroup],
    registered: Iterable[WorkerRow],
    usages: Mapping[int, Usage],
    now_mono: float,
) -> list[LocalRow]:
    """All rows, the groups in the order in which they were started.

    Args:
        groups: The groups.
        registered: The workers that are registered in Redis, as far as they run on this machine.
        usages: What the processes cost, and which belong to which.
        now_mono: The moment.

    O(workers).
    """
    # Of two with one pid, in spaces of process ids of their own, the one that came last.
    oldest_first = sorted(registered, key=lambda row: row.process.started or _UNKNOWN)
    by_pid = {row.process.pid: row for row in oldest_first}
    rows: list[LocalRow] = []
    for group in groups:
        places: list[LocalWorkerRow] = []
        for worker in group.workers:
            pid = worker.pid if worker.place.is_alive else None
            usage = None if pid is None else usages.get(pid)
            seen = None if pid is None else by_pid.get(pid)
            if seen is None and usage is not None:
                # A command that starts the worker as a child of its own.
                seen = next((by_pid[pid] for pid in usage.pids if pid in by_pid), None)
            places.append(LocalWorkerRow(worker, seen, usage, now_mono))
        rows += [LocalGroupRow(group, tuple(places)), *places]
    return rows
