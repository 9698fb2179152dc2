"""Who may do what in the folder, by flock(2)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from queuecore.errors import NoServer
from queuecore.server.folder import open_file, opened, prepare_folder

POLL_S = 0.02


def try_flock(fd: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Lock the file if that can be done at once."""
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def flock(fd: int, deadline_s: float, operation: int = fcntl.LOCK_EX) -> bool:
    """Lock the file if that can be done before `deadline_s`, on the monotonic clock."""
    while not try_flock(fd, operation):
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(POLL_S)
    return True


@contextlib.contextmanager
def locked(folder: Path, deadline_s: float) -> Iterator[None]:
    """Be the only one who starts or stops the server. Makes and checks the folder first."""
    prepare_folder(folder)
    with opened(folder / "lock") as fd:
        if not flock(fd, deadline_s):
            raise NoServer(
                f"Another qtop is still starting or stopping the server in {folder}: try again."
            )
        try:
            yield
        finally:
            # Unlocked by name: a process forked meanwhile would keep a merely closed lock.
            fcntl.flock(fd, fcntl.LOCK_UN)


class Users:
    """The processes that use the server, of which this may be one.

    Only to be joined and asked by who has `locked` the folder. A forked child shares its parent's
    hold, which only the parent can give up.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "users"
        self._fd: int | None = None
        self._pid = 0

    @property
    def joined(self) -> bool:
        """Whether this very process is a user."""
        return self._fd is not None and self._pid == os.getpid()

    def join(self, deadline_s: float) -> None:
        """Become a user, if this process is none yet."""
        if self.joined:
            return
        self.leave()
        fd = open_file(self._path)
        if not flock(fd, deadline_s, fcntl.LOCK_SH):
            os.close(fd)
            raise NoServer(f"Another process keeps {self._path} locked.")
        self._fd, self._pid = fd, os.getpid()

    def leave(self) -> None:
        """Stop being a user."""
        if self._fd is None:
            return
        if self.joined:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)
        self._fd = None

    def last(self) -> bool:
        """Whether this process is the only user left. For one that leaves: a no costs its hold."""
        return self.joined and self._fd is not None and try_flock(self._fd)

    def present(self) -> bool:
        """Whether there is any user."""
        if self.joined:
            return True
        with opened(self._path) as fd:
            return not try_flock(fd)
