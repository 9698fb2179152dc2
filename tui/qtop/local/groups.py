"""Groups of local workers, as the console sees them: the pipe, the supervisor's reports, the
folders."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from qtop.local import state_file
from qtop.local.state_file import GroupInfo, GroupReport, PlaceState, SlotState, StateFile
from qtop.systems.system import Place
from queuecore.home import make_private

#: What was asked for is shown as done at once, for this long; then the report counts again.
_OBEYS_WITHIN_S: Final = 5.0

GroupAction = Literal["finishing", "stopping", "kill", "pause", "resume"]
_SHOWN_AS: Final[Mapping[GroupAction, PlaceState]] = {
    "finishing": "finishing",
    "stopping": "stopping",
    "kill": "stopping",
    "pause": "paused",
    "resume": "running",
}


class _Asked(NamedTuple):
    """What was asked of a slot: its state after that, and the states it may be in until then."""

    after: SlotState
    before: frozenset[str]


@dataclass(frozen=True, slots=True)
class LocalWorker:
    group: WorkerGroup
    place: SlotState

    @property
    def pid(self) -> int | None:
        """Its process; the last one when it has ended."""
        return self.place.pid

    @property
    def queues(self) -> str:
        return self.group.about.queues

    @property
    def log(self) -> Path:
        return state_file.log_of(self.group.folder, self.place.number)

    @property
    def key(self) -> tuple[str, int]:
        """What names the worker, also after a restart."""
        return self.group.id, self.place.number


class WorkerGroup:
    """A group that this console has started or adopted.

    `pipe` is the pipe's end to write to; `owner` the file whose lock says that this console has it.
    """

    def __init__(self, folder: Path, about: GroupInfo, pipe: int, owner: int) -> None:
        self.folder, self.about = folder, about
        self.id = folder.name
        self.report: GroupReport | None = None
        self.is_gone = False
        self._asked: dict[int, _Asked] = {}
        #: How many workers were asked for, and until when that is shown.
        self._scaled: tuple[int, float] | None = None
        self._pipe: int | None = pipe
        self._owner = owner
        self._state = StateFile.open(folder, os.O_RDONLY)

    @property
    def places(self) -> tuple[SlotState, ...]:
        return () if self.report is None else self.report.places

    @property
    def workers(self) -> list[LocalWorker]:
        """Its workers, also those that ended."""
        return [LocalWorker(self, place) for place in self.places]

    @property
    def wanted(self) -> int:
        """How many workers it is to have: what was asked for, until the supervisor has done it."""
        if self._scaled is not None and time.monotonic() < self._scaled[1]:
            return self._scaled[0]
        return self._staying

    @property
    def is_detached(self) -> bool:
        """Whether it stays when the console ends."""
        return self.report is not None and self.report.is_detached

    def refresh(self) -> bool:
        """Read the report of its supervisor. False when there is nothing new."""
        report = None if self.is_gone else self._state.read()
        self._take(report)
        if self._scaled is not None and self._scaled[0] == self._staying:
            self._scaled = None
        if not self.is_gone and not self._is_heard():
            self._is_over()
            return True
        return report is not None

    @property
    def _staying(self) -> int:
        ending = ("finishing", "stopping", "ended", "lost")
        return sum(place.state not in ending for place in self.places)

    def ask(self, do: str, **more: Any) -> bool:
        """Send the supervisor a request. False when it does not listen."""
        if self._pipe is None:
            return False
        line = json.dumps({"do": do, **more}).encode() + b"\n"
        try:
            os.write(self._pipe, line)
        except OSError:
            return False
        return True

    def scale(self, wanted: int) -> bool:
        """Ask the supervisor for a number of workers, and show that number at once: keys that
        follow count from there. False when it does not listen."""
        if not self.ask("scale", wanted=wanted):
            return False
        self._scaled = wanted, time.monotonic() + _OBEYS_WITHIN_S
        return True

    def ask_for_one(self, do: GroupAction, place: SlotState) -> bool:
        """Send a request about one worker, and show its state at once as if it was obeyed: a second
        request of the same key means more."""
        if not self.ask(do, number=place.number, pid=place.pid):
            return False
        self._scaled = None
        state: PlaceState = _SHOWN_AS[do] if place.is_alive else "ended"
        after = replace(place, state=state, since_mono=time.monotonic(), until_mono=None)
        asked = self._asked.get(place.number)
        before = asked.before if asked is not None and asked.after == place else frozenset()
        self._asked[place.number] = _Asked(after, before | {place.state})
        self._take(self.report)
        return True

    def _take(self, report: GroupReport | None) -> None:
        """Take in a report, with what was asked for since, until the supervisor has done it."""
        if report is not None:
            self.report = replace(report, places=tuple(map(self._as_asked, report.places)))

    def _as_asked(self, place: SlotState) -> SlotState:
        asked = self._asked.get(place.number)
        if asked is None or place == asked.after:
            return place
        is_new = time.monotonic() - asked.after.since_mono < _OBEYS_WITHIN_S
        if is_new and place.pid == asked.after.pid and place.state in asked.before:
            return asked.after
        del self._asked[place.number]
        return place

    def let_go(self) -> None:
        """Close the pipe: the supervisor ends the group, unless it is detached."""
        for descriptor in (self._pipe, None if self.is_gone else self._owner):
            if descriptor is not None:
                os.close(descriptor)
        if not self.is_gone:
            self._state.close()
        self._pipe, self.is_gone = None, True

    def _is_heard(self) -> bool:
        """Whether there is a supervisor at the other end of the pipe."""
        if self._pipe is None:
            return False
        poll = select.poll()
        poll.register(self._pipe, 0)
        return not any(happened & (select.POLLERR | select.POLLHUP) for _, happened in poll.poll(0))

    def _is_over(self) -> None:
        # The last report may have come after the last refresh.
        self.report = self._state.read() or self.report
        if self.report is not None and self.report.alive:
            # It was killed. Not every kernel has sent the workers the signal to finish.
            from qtop.local.processes import quit_leftovers  # not at the start: it needs psutil

            quit_leftovers(self.report, at_once=True)
            ending = "its supervisor was killed; it finishes its job and ends"
            places = tuple(
                replace(place, state="lost", ending=ending) if place.is_alive else place
                for place in self.places
            )
            self.report = replace(self.report, places=places)
        self.let_go()


# Folders of groups: a new one, those of running groups, those that can be removed.

#: Folders of ended groups are kept for their logs: the newest ones, up to this number and size.
FOLDERS_KEPT: Final = 20
BYTES_KEPT: Final = 256 * 1024 * 1024

#: How long to wait for the first report of a supervisor.
_FIRST_REPORT_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.02


class CannotStart(Exception):
    """A group could not be started; the message says why."""


async def start_group(
    root: Path, name: str, about: GroupInfo, environment: Mapping[str, str]
) -> WorkerGroup:
    """Start a group in a new folder, and wait for the first report of its supervisor. `root`, where
    the folders are, is made when needed, for this user alone; `environment` is the whole one of the
    workers.

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
        deadline_mono = time.monotonic() + _FIRST_REPORT_S
        while group.report is None and not group.is_gone and time.monotonic() < deadline_mono:
            await asyncio.sleep(_LOOK_EVERY_S)
            group.refresh()
        if group.report is None:
            log = folder / state_file.OWN_LOG
            raise CannotStart(f"their supervisor does not answer; see {log}")
        if group.places and not any(place.pid for place in group.places):
            raise CannotStart(f"{about.argv[0]} {group.places[0].ending}")
    except BaseException:
        group.let_go()
        raise
    return group


async def _launch(folder: Path, about: GroupInfo, environment: Mapping[str, str]) -> WorkerGroup:
    with ExitStack() as held:
        # A console that looks for groups to adopt may lock it for a moment.
        owner = _lock(folder, waits=True)
        assert owner is not None  # noqa: S101  it was waited for
        held.callback(os.close, owner)
        wishes = folder / state_file.WISHES
        reading = os.open(wishes, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(reading, "rb") as standard_input:
            # Opened before the supervisor starts: a pipe without a writer means that we have ended.
            pipe = os.open(wishes, os.O_WRONLY | os.O_NONBLOCK)
            held.callback(os.close, pipe)
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
            with os.fdopen(os.open(folder / state_file.OWN_LOG, flags, 0o600), "wb") as log:
                # -P: a module in the current folder must not be taken for one of ours.
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "qtop.local.supervisor", str(folder)),
                    stdin=standard_input,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,
                )
        # It forks and ends at once: the supervisor is an orphan.
        await process.wait()
        group = WorkerGroup(folder, about, pipe, owner)
        held.pop_all()
    return group


def adopt_groups(root: Path, place: Place) -> Iterator[WorkerGroup]:
    """Adopt the groups of this address and namespace that run without a console: they were left
    running, or their console has died. Workers without a supervisor are signalled to finish."""
    for folder in _folders(root):
        about = GroupInfo.read(folder)
        if about is None or (about.address, about.namespace) != place:
            continue
        try:
            owner = _lock(folder)
            if owner is None:
                continue
            pipe = _pipe_to_supervisor(folder)
            if pipe is None:
                os.close(owner)
                with closing(StateFile.open(folder, os.O_RDONLY)) as state:
                    report = state.read()
                if report is not None:
                    from qtop.local.processes import quit_leftovers

                    quit_leftovers(report, at_once=False)
                continue
            group = WorkerGroup(folder, about, pipe, owner)
        except OSError:
            continue
        group.refresh()
        yield group


def tidy(root: Path, spare: Collection[str]) -> None:
    """Remove folders of ended groups, except the newest. `spare` are names to keep."""
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
    """Whether the group of a folder has neither a console nor a supervisor."""
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
    """Lock a group for this console, until it ends or lets go. None when another has it."""
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW
    descriptor = os.open(folder / state_file.OWNER, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _pipe_to_supervisor(folder: Path) -> int | None:
    """The pipe's end to write to; None when no process reads the other end. Only a supervisor reads
    it, so this proves that it is alive, whatever process has its id."""
    try:
        return os.open(folder / state_file.WISHES, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return None
        raise
