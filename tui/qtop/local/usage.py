"""CPU and memory of worker processes, with those of all processes that they started."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU and memory of one worker.

    Attributes:
        cpu_percent: Of one processor, since the last sample; None at the first.
        memory_bytes: Of the worker and its descendants. Pages that they share are divided among
            them on Linux; elsewhere each process counts them.
        pids: The worker and its descendants.
        left_alone: Queues that the worker leaves alone because it does not know the classes of
            their jobs, from its process title; separated by commas, not safe to show.
    """

    cpu_percent: float | None
    memory_bytes: int
    pids: frozenset[int]
    left_alone: str = ""


class Sampler:
    """Takes samples. Each reads all processes of the machine: not for the event loop.

    A worker's jobs run in short-lived children. Their parent's counters include children that have
    ended, so the sum over living processes misses nothing. For `left_alone` see
    `System.left_alone`.
    """

    def __init__(self, left_alone: Callable[[str], str]) -> None:
        self._left_alone_in = left_alone
        self._before: dict[int, tuple[float, float]] = {}

    def sample(self, roots: Collection[int]) -> dict[int, Usage]:
        """The usage of these processes, by process id; those that have ended are left out."""
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
            alone = self._left_alone(processes[pid] for pid in pids if pid in processes)
            found[root] = Usage(percent, memory_bytes, frozenset(pids), alone)
        self._before = seconds
        return found

    def _left_alone(self, processes: Iterable[psutil.Process]) -> str:
        for process in processes:
            with suppress(psutil.Error):
                if alone := self._left_alone_in(" ".join(process.cmdline())):
                    return alone
        return ""


def ancestors(pid: int) -> list[int]:
    """A process and its ancestors, the nearest first; only itself when it has ended. Reads a few
    files of the system: not for the event loop."""
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
