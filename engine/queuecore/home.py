"""Where a user's own files are, also for a user without a home: in a container, under cron."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from queuecore.errors import BadOption

_NAME_ONE = "name one in QTOP_STATE_DIR"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's logs and private server live: `$QTOP_STATE_DIR`, else the platform's place
    for it, else, where that cannot be written to, a folder among the temporary files that is this
    user's alone; only that one is made here.

    Raises BadOption when there is none.
    """
    if chosen := environ.get("QTOP_STATE_DIR"):
        return expanded(chosen, "QTOP_STATE_DIR")
    # Imported here: it is not needed where the variable names a folder.
    import platformdirs

    # RuntimeError: there is no home.
    with contextlib.suppress(RuntimeError):
        folder = Path(platformdirs.user_state_dir("qtop"))
        if folder.is_absolute() and _can_be_used(folder):
            _close(folder)
            return folder
    return _temporary()


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone: `mkdir` with
    `parents` would leave the ones above open to all. Raises OSError."""
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def expanded(path: str, variable: str) -> Path:
    """A path that an environment variable holds, `~` expanded. Raises BadOption when that cannot
    be: there is no home, or the current folder is gone."""
    try:
        return Path(path).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise BadOption(f"{variable}={path}: {error}: give a path that begins with /") from None


def _close(folder: Path) -> None:
    """Close the state folder to other users: it holds what workers print. One that was named in
    QTOP_STATE_DIR may have other uses, and stays as it is."""
    with contextlib.suppress(OSError):
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077:
            folder.chmod(0o700)


def _can_be_used(folder: Path) -> bool:
    """Whether the folder can be written to, or made."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> Path:
    # Imported here: it takes a while, and few need it.
    import tempfile

    try:
        folder = Path(tempfile.gettempdir(), f"qtop-{os.geteuid()}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise BadOption(f"qtop has no folder for its state ({error}): {_NAME_ONE}") from None
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or found.st_mode & 0o077:
        raise BadOption(f"{folder} is not a folder of this user alone: {_NAME_ONE}")
    return folder
