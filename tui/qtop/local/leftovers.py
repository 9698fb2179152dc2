"""What a process that has ended leaves behind in its session: the worker that a script had started,
the job of a worker that was killed."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil


def remains(leader: int) -> list[psutil.Process]:
    """The living processes of a session, but for its leader. As long as there is one, no other
    process can get the leader's id. O(processes of the machine)."""
    found: list[psutil.Process] = []
    for pid in psutil.pids():
        # Most are others': those cost one call each.
        with suppress(OSError, psutil.Error):
            if pid != leader and os.getsid(pid) == leader:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE and os.getsid(pid) == leader:
                    found.append(process)
    return found


def tell_remains(leader: int, number: signal.Signals) -> list[int]:
    """Send a signal to what the leader of a session, which has ended, left behind. What another of
    them has started is left to that one: a worker looks after its jobs. SIGKILL is for all. What
    ignores QUIT would never finish, as what a shell starts in the background does: it gets TERM.

    Returns the processes that were told. O(processes of the machine).
    """
    told: list[int] = []
    left = remains(leader)
    pids = {process.pid for process in left}
    for process in left:
        with suppress(psutil.Error):
            if number == signal.SIGKILL or process.ppid() not in pids:
                is_deaf = number == signal.SIGQUIT and _ignores(process.pid, number)
                process.send_signal(signal.SIGTERM if is_deaf else number)
                told.append(process.pid)
    return told


def _ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process ignores a signal, as far as the system tells (Linux)."""
    with suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as status:
        for line in status:
            if line.startswith(b"SigIgn:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False
