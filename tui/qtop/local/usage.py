"""CPU and memory of worker processes, with those of all processes that they started."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

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
