"""Ended processes that no process waits for: what a job leaves behind becomes a child of process 1.

In a container without an init the worker, its pool or the scheduler is process 1. What it does not
collect stays as a zombie and keeps a process id, of which a container has few.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container

#: Only this thread's own children: what another thread of the application started, that thread
#: waits for. What is adopted belongs to the first thread. (Linux, `__WNOTHREAD`)
_OF_THIS_THREAD = 0x20000000


class Adopted:
    """Collects what process 1 adopted. `own` gives the pids of what this program started and
    collects itself. To be used in the first thread, and never while a job runs in this
    process, which may wait for a child of its own."""

    def __init__(self, own: Callable[[], Container[int | None]]) -> None:
        self._own = own

    def collect(self) -> None:
        """Collect what has ended, up to the first process that is this program's own: that one is
        collected by the program, which then comes here again. Never blocks or raises."""
        peek = os.WEXITED | os.WNOHANG | os.WNOWAIT | _OF_THIS_THREAD
        try:
            while (ended := os.waitid(os.P_ALL, 0, peek)) is not None:
                if ended.si_pid in self._own():
                    return
                os.waitpid(ended.si_pid, os.WNOHANG)
        except OSError:
            # No child at all, or a system that does not tell them apart.
            return


def adopted(own: Callable[[], Container[int | None]], pid: int | None = None) -> Adopted | None:
    """What collects them, if this is process 1 (`pid`: by default this process's); else None."""
    return Adopted(own) if (os.getpid() if pid is None else pid) == 1 else None
