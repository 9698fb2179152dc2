"""The server's folder, which only its owner can enter, and the files in it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from queuecore.errors import NoServer
from queuecore.home import make_private, state_folder

SOCKET = "s"
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
