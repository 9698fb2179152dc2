"""What worker processes cost: processor and memory, with everything they have started."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psutil

from qtop.local.groups import LocalWorker, WorkerGroup
from qtop.local.state_file import SlotState
from qtop.monitor.rows import WorkerRow
from resque.worker.strangers import left_alone_in


@dataclass(frozen=True, slots=True)
class Usage:
    """What one worker costs.

    Attributes:
        cpu_percent: Of one processor, since the last sample; None at the first.
        memory_bytes: Its own and that of its descendants. Pages that several processes share, as
            a worker and its children do, are divided among them where the system tells (Linux);
            elsewhere each counts them.
        pids: It and its descendants.
        left_alone: Queues that the worker leaves alone because it does not know the classes of
            their jobs, as its process title tells; with commas, not safe to show.
    """

    cpu_percent: float | None
    memory_bytes: int
    pids: frozenset[int]
    left_alone: str = ""


class Sampler:
    """Takes samples. Each costs a pass over the processes of the machine: not for the event loop.

    A worker's jobs run in children that come and go. What ended ones have used is in their
    parent's account, so that the sum over those that live misses nothing.
    """

    def __init__(self) -> None:
        self._before: dict[int, tuple[float, float]] = {}

    def sample(self, roots: Collection[int]) -> dict[int, Usage]:
        """What these processes cost, by process; those that have ended are left out."""
        processes = {each.pid: each for each in psutil.process_iter(["ppid"])}
        children: dict[int, list[int]] = {}
        for pid, process in processes.items():
            children.setdefault(process.info["ppid"], []).append(pid)
        found: dict[int, Usage] = {}
        seconds: dict[int, tuple[float, float]] = {}
        for root in roots:
            if root not in processes:
                continue
            pids = _family(root, children)
            used_s, memory_bytes = _sum(processes[pid] for pid in pids if pid in processes)
            now_mono = time.monotonic()
            before = self._before.get(root)
            percent = None
            if before is not None and now_mono > before[0]:
                percent = max(0.0, (used_s - before[1]) / (now_mono - before[0]) * 100)
            seconds[root] = now_mono, used_s
            alone = _left_alone(processes[pid] for pid in pids if pid in processes)
            found[root] = Usage(percent, memory_bytes, frozenset(pids), alone)
        self._before = seconds
        return found


def ancestors(pid: int) -> list[int]:
    """A process and those that it comes from, the nearest first; itself alone when it has ended.
    Reads a few files of the system: not for the event loop."""
    try:
        return [pid, *(each.pid for each in psutil.Process(pid).parents())]
    except psutil.Error:
        return [pid]


def _family(root: int, children: dict[int, list[int]]) -> set[int]:
    family: set[int] = set()
    todo = [root]
    while todo:
        pid = todo.pop()
        if pid not in family:
            family.add(pid)
            todo += children.get(pid, ())
    return family


def _memory_bytes(process: psutil.Process) -> int:
    if sys.platform == "linux":
        with suppress(psutil.AccessDenied, AttributeError):
            return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)


def _left_alone(processes: Iterable[psutil.Process]) -> str:
    for process in processes:
        with suppress(psutil.Error):
            if alone := left_alone_in(" ".join(process.cmdline())):
                return alone
    return ""


def _sum(processes: Iterable[psutil.Process]) -> tuple[float, int]:
    used_s, memory_bytes = 0.0, 0
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                memory_bytes += _memory_bytes(process)
        except psutil.Error:
            continue
        used_s += times.user + times.system
        used_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return used_s, memory_bytes


# The rows of the Local screen: each group, and its workers below it.


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
    oldest_first = sorted(registered, key=lambda row: row.started or _UNKNOWN)
    by_pid = {row.identity.pid: row for row in oldest_first}
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
