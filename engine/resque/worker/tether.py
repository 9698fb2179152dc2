"""What ties a pool's worker to its parent: when the parent ends, the worker gets a QUIT.

Each worker holds the reading end of a pipe whose other end only the parent holds. However the
parent ends, the system closes that end, and sends the worker a signal for it (Linux). Elsewhere,
and where a job closes the worker's files, the worker compares its parent's pid (`Upkeep`).
Linux has a death signal for that, too, but to ask for it takes ctypes: 18 pages that each fork
for a job would copy, where this takes 2.
"""

from __future__ import annotations

import os
import signal


class Tether:
    """One worker's tie to the process that makes this. Raises OSError when no pipe can be made."""

    def __init__(self) -> None:
        self._parent_pid = os.getpid()
        self._worker_fd, self._parent_fd = os.pipe()

    def keep_parents_end(self) -> None:
        """In the parent after the fork, or when there was none."""
        os.close(self._worker_fd)

    def cut(self) -> None:
        """Let go of the parent's end: its worker is gone, or this is another worker."""
        os.close(self._parent_fd)

    def bind(self) -> None:
        """In the worker after the fork: have the system send this process a QUIT when the parent
        ends; at once when that has happened already."""
        # Imported here: no other worker needs it.
        import fcntl

        os.close(self._parent_fd)
        if hasattr(fcntl, "F_SETSIG"):
            fcntl.fcntl(self._worker_fd, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(self._worker_fd, fcntl.F_SETSIG, signal.SIGQUIT)
            flags = fcntl.fcntl(self._worker_fd, fcntl.F_GETFL)
            fcntl.fcntl(self._worker_fd, fcntl.F_SETFL, flags | os.O_ASYNC)
        if os.getppid() != self._parent_pid:
            os.kill(os.getpid(), signal.SIGQUIT)
