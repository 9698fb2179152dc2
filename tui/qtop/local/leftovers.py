"""Leftovers: processes that are still in the session of a process that has ended.

Such as the worker that a script started, or the job of a worker that was killed. Also the workers
of a supervisor that has ended.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

import psutil

from qtop.local.state_file import GroupReport

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
                is_deaf = number == signal.SIGQUIT and _ignores(process.pid, number)
                process.send_signal(signal.SIGTERM if is_deaf else number)
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
