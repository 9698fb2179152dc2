"""Processes of this machine: what workers cost with all processes that they started, and leftovers.

Leftovers are processes that are still in the session of a process that has ended, such as the
worker that a script started, or the job of a worker that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from qtop.local.state_file import GroupReport


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


# Leftovers, and the workers of a supervisor that has ended.

#: Two moments at which a process began are the same if they differ by less.
_SAME_S: Final = 2.0


def leftovers(leader: int) -> list[psutil.Process]:
    """The living processes of a session, without its leader. While there is one, no other process
    can get the leader's id. O(processes of the machine)."""
    found: list[psutil.Process] = []
    for pid in psutil.pids():
        # Most are of other sessions: those cost one call each.
        with suppress(OSError, psutil.Error):
            if pid != leader and os.getsid(pid) == leader:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE and os.getsid(pid) == leader:
                    found.append(process)
    return found


def signal_leftovers(leader: int, number: signal.Signals) -> list[int]:
    """Send a signal to the leftovers of a session whose leader has ended.

    Only to those whose parent is none of them: a worker looks after its own children. SIGKILL goes
    to all. A process that ignores QUIT, as one does that a shell started in the background, gets
    TERM instead.

    Returns the processes that got the signal. O(processes of the machine).
    """
    signalled: list[int] = []
    left = leftovers(leader)
    pids = {process.pid for process in left}
    for process in left:
        with suppress(psutil.Error):
            if number == signal.SIGKILL or process.ppid() not in pids:
                ignores_quit = number == signal.SIGQUIT and _ignores(process.pid, number)
                process.send_signal(signal.SIGTERM if ignores_quit else number)
                signalled.append(process.pid)
    return signalled


def _ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process ignores a signal; False where the system does not say (Linux does)."""
    with suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as status:
        for line in status:
            if line.startswith(b"SigIgn:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def quit_leftovers(report: GroupReport, *, at_once: bool) -> None:
    """Signal the workers of a supervisor that has ended to finish. A process with the same id that
    began at another moment is left alone. `at_once` says that the supervisor has only just ended,
    so that no id can be used again yet: then leftovers of scripts get the signal, too."""
    for place in report.alive:
        if place.pid is None or place.began is None:
            continue
        try:
            process = psutil.Process(place.pid)
            is_there = process.status() != psutil.STATUS_ZOMBIE
            if is_there and abs(process.create_time() - place.began) < _SAME_S:
                process.send_signal(signal.SIGQUIT)
        except psutil.NoSuchProcess:
            is_there = False
        except psutil.Error:
            is_there = True
        if at_once and not is_there:
            signal_leftovers(place.pid, signal.SIGQUIT)
