"""The server's folder, which only its owner can enter, the files in it, and who may do what there,
by flock(2)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from queuecore.errors import NoServer
from queuecore.home import make_private, state_folder

SOCKET = "s"
POLL_S = 0.02
#: A socket's address holds 104 bytes on macOS and 108 on Linux, closing NUL included.
SOCKET_PATH_LIMIT_BYTES = 103


def default_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's server lives: `server` in the folder of `state_folder`. Raises BadOption
    when there is none."""
    return state_folder(environ) / "server"


def prepare_folder(folder: Path) -> None:
    """Make the folder if it is not there. Raises NoServer when it is not safe to use."""
    size = len(os.fsencode(folder / SOCKET))
    if size > SOCKET_PATH_LIMIT_BYTES:
        raise NoServer(
            f"The path {folder / SOCKET} has {size} bytes, but a socket's path can only have "
            f"{SOCKET_PATH_LIMIT_BYTES}: choose a shorter folder with QTOP_STATE_DIR."
        )
    try:
        make_private(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise _unusable(folder, error) from error
    if not stat.S_ISDIR(found.st_mode):
        raise NoServer(f"{folder} is not a folder, or only a link to one: remove it.")
    if found.st_uid != os.geteuid():
        raise NoServer(f"The folder {folder} belongs to another user: choose another.")
    if found.st_mode & 0o077:
        raise NoServer(
            f"The folder {folder} is open to other users (mode {stat.S_IMODE(found.st_mode):04o}): "
            "look what is in it, then `chmod 700` it."
        )


def open_file(path: Path) -> int:
    """Open a file of the folder for reading and appending; make it if it is not there."""
    try:
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unusable(path.parent, error) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """Like `open_file`, and close it again."""
    fd = open_file(path)
    try:
        yield fd
    finally:
        os.close(fd)


def _unusable(folder: Path, error: OSError) -> NoServer:
    return NoServer(f"The folder {folder} cannot be used: {error}")


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

    Call `join`, `last` and `present` only while the folder is `locked`. A forked child shares its
    parent's hold, which only the parent can give up.
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
        if self._fd is None:
            return
        if self.joined:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)
        self._fd = None

    def last(self) -> bool:
        """Whether this process is the only user left. For a process that leaves: where the answer
        is no, it has lost its hold."""
        return self.joined and self._fd is not None and try_flock(self._fd)

    def present(self) -> bool:
        if self.joined:
            return True
        with opened(self._path) as fd:
            return not try_flock(fd)
