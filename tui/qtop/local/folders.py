"""The folders of groups: a new one, those that still run, those that can go."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from qtop.local import state_file
from qtop.local.groups import WorkerGroup, quit_leftovers
from qtop.local.state_file import GroupInfo, StateFile
from queuecore.home import make_private

#: Folders of groups that ended are kept for their logs: the newest, and only so much of them.
FOLDERS_KEPT: Final = 20
BYTES_KEPT: Final = 256 * 1024 * 1024

#: For the first word of a supervisor.
_FIRST_WORD_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.02


class CannotStart(Exception):
    """A group could not be started; the message says why."""


async def found(
    root: Path, name: str, about: GroupInfo, environment: Mapping[str, str]
) -> WorkerGroup:
    """Start a group in a new folder, and wait for the first word of its supervisor.

    Args:
        root: Where the folders are; made, for this user alone, when needed.
        name: The folder's name.
        about: What the group is.
        environment: The whole environment of its workers.

    Raises CannotStart, also when not even one worker could be started.
    """
    folder = root / name
    try:
        make_private(root)
        folder.mkdir(mode=0o700)
        about.write(folder)
        StateFile.create(folder)
        os.mkfifo(folder / state_file.WISHES, 0o600)
        group = await _launch(folder, about, environment)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotStart(f"{error.strerror} ({error.filename or folder})") from None
    try:
        await _first_word(group)
    except BaseException:
        group.let_go()
        raise
    return group


async def _first_word(group: WorkerGroup) -> None:
    """Wait until the supervisor says what has become of the workers. Raises CannotStart."""
    deadline_mono = time.monotonic() + _FIRST_WORD_S
    while group.report is None and not group.is_gone and time.monotonic() < deadline_mono:
        await asyncio.sleep(_LOOK_EVERY_S)
        group.refresh()
    if group.report is None:
        log = group.folder / state_file.OWN_LOG
        raise CannotStart(f"their supervisor says nothing; see {log}")
    if group.places and not any(place.pid for place in group.places):
        raise CannotStart(f"{group.about.argv[0]} {group.places[0].ending}")


async def _launch(folder: Path, about: GroupInfo, environment: Mapping[str, str]) -> WorkerGroup:
    with ExitStack() as held:
        # Another console that looks around may have it for a moment.
        owner = _lock(folder, waits=True)
        assert owner is not None  # noqa: S101  it was waited for
        held.callback(os.close, owner)
        wishes = folder / state_file.WISHES
        reading = os.open(wishes, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(reading, "rb") as standard_input:
            # There is never a moment at which the pipe has no end here: it would mean that we left.
            pipe = os.open(wishes, os.O_WRONLY | os.O_NONBLOCK)
            held.callback(os.close, pipe)
            with open(folder / state_file.OWN_LOG, "wb", opener=_private) as log:
                # -P: a module in the current folder must not stand in for one of ours.
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "qtop.local.supervisor", str(folder)),
                    stdin=standard_input,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,
                )
        # It forks and leaves at once: the supervisor is nobody's child.
        await process.wait()
        group = WorkerGroup(folder, about, pipe, owner)
        held.pop_all()
    return group


def adopt_groups(root: Path, address: str, namespace: str) -> Iterator[WorkerGroup]:
    """The groups that run on a Redis and belong to no console: they were left running, or their
    console has died. What was left behind without a supervisor is told to finish."""
    for folder in _folders(root):
        about = GroupInfo.read(folder)
        if about is None or (about.address, about.namespace) != (address, namespace):
            continue
        try:
            owner = _lock(folder)
            if owner is None:
                continue
            pipe = _pipe_to_supervisor(folder)
            if pipe is None:
                os.close(owner)
                _end_leftovers(folder)
                continue
            group = WorkerGroup(folder, about, pipe, owner)
        except OSError:
            continue
        group.refresh()
        yield group


def tidy(root: Path, spare: Collection[str]) -> None:
    """Remove folders of groups that ended, but for the newest. `spare` are names to keep."""
    kept = kept_bytes = 0
    for folder in _folders(root):
        if folder.name in spare or not _has_ended(folder):
            continue
        kept += 1
        kept_bytes += _size(folder)
        if kept > FOLDERS_KEPT or kept_bytes > BYTES_KEPT:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(root: Path) -> list[Path]:
    """The newest first: their names begin with the time."""
    try:
        return sorted((each for each in root.iterdir() if each.is_dir()), reverse=True)
    except OSError:
        return []


def _has_ended(folder: Path) -> bool:
    """Whether nobody has anything to do with a folder any more."""
    try:
        owner = _lock(folder)
        if owner is None:
            return False
        os.close(owner)
        pipe = _pipe_to_supervisor(folder)
    except OSError:
        return False
    if pipe is None:
        return True
    os.close(pipe)
    return False


def _size(folder: Path) -> int:
    try:
        return sum(each.stat().st_size for each in folder.iterdir())
    except OSError:
        return 0


def _lock(folder: Path, *, waits: bool = False) -> int | None:
    """Take a group for this console, until it ends or lets go. None when another has it."""
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
    descriptor = os.open(folder / state_file.OWNER, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _pipe_to_supervisor(folder: Path) -> int | None:
    """The pipe's end to write to; None when nobody reads at the other. Only a supervisor does, so
    this is proof that it lives: no process that merely has its id can be taken for it."""
    try:
        return os.open(folder / state_file.WISHES, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return None
        raise


def _end_leftovers(folder: Path) -> None:
    state = StateFile.open(folder, os.O_RDONLY)
    try:
        report = state.read()
    finally:
        state.close()
    if report is not None:
        quit_leftovers(report, at_once=False)
