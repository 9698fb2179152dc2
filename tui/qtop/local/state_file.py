"""The files of a group: what it is (`group.json`), and the state of its workers (`state`)."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

ABOUT: Final = "group.json"
WISHES: Final = "wishes"
STATE: Final = "state"
OWNER: Final = "owner"
OWN_LOG: Final = "supervisor.log"

#: Size of the state file: taken at once, so that it can be written when the disk is full.
STATE_BYTES: Final = 65_536
_MOST_STATE_BYTES: Final = 16 * STATE_BYTES
_HEAD_BYTES: Final = 24
_MOST_ABOUT_BYTES: Final = 1_000_000

PlaceState = Literal[
    "running", "paused", "finishing", "stopping", "waiting", "gave up", "ended", "lost"
]
"""`waiting`: it died, and is replaced soon. `lost`: its supervisor was killed."""

#: The ending of a process that obeyed, or had nothing more to do.
DONE: Final = "exited with 0"

#: States of a slot that has a process.
ALIVE: Final = frozenset({"running", "paused", "finishing", "stopping"})


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """What a group is.

    Attributes:
        queues: The list of queues, as it was asked for.
        shown: The command line without secrets.
        argv: The command line of each worker. No secrets: others can read command lines.
        wanted: How many workers at first.
        address: The Redis, without secrets. A console adopts groups of its address and namespace.
        namespace: The prefix of Resque's keys.
        finish_s: How long workers may finish their jobs when the console has ended.
        stop_s: How long they may take to stop after that, before they are killed.
    """

    queues: str
    shown: str
    argv: tuple[str, ...]
    wanted: int
    address: str
    namespace: str
    finish_s: float
    stop_s: float

    def write(self, folder: Path) -> None:
        """Write it to the group's folder. Raises OSError."""
        descriptor = os.open(folder / ABOUT, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file)

    @classmethod
    def read(cls, folder: Path) -> GroupInfo | None:
        """Read it from a folder; None when the folder is no group's."""
        try:
            with (folder / ABOUT).open() as file:
                fields = json.loads(file.read(_MOST_ABOUT_BYTES))
            return cls(**{**fields, "argv": tuple(fields["argv"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True, slots=True)
class SlotState:
    """The state of one slot of a group.

    Attributes:
        number: The number of the slot, from 1.
        state: What it does now.
        pid: Its process, or the last one that ended; None when there was none.
        began: When that process began, from the kernel: a pid can be used again, so both together
            name a process.
        since_mono: Since when it is in this state. All moments are of the monotonic clock, which
            all processes of a machine share.
        until_mono: When it will be started again, or be pressed harder; None for never.
        restarts: How often it was started again.
        ending: How its last process ended, in words; empty when none has.
        said: The last lines that this process printed.
        log_problem: Why some of its output is not logged; empty when all is.
        problem: Why it does not obey; empty when nothing is known.
    """

    number: int
    state: PlaceState
    pid: int | None = None
    began: float | None = None
    since_mono: float = 0.0
    until_mono: float | None = None
    restarts: int = 0
    ending: str = ""
    said: tuple[str, ...] = ()
    log_problem: str = ""
    problem: str = ""

    @property
    def is_alive(self) -> bool:
        return self.state in ALIVE


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The state of a group, as its supervisor wrote it last.

    Attributes:
        pid: The supervisor's process.
        began: When that process began, from the kernel.
        is_detached: The group stays when the console ends.
        is_leaving: All workers are asked to end.
        places: The slots.
    """

    pid: int
    began: float
    is_detached: bool
    is_leaving: bool
    places: tuple[SlotState, ...]

    @property
    def alive(self) -> tuple[SlotState, ...]:
        return tuple(place for place in self.places if place.is_alive)


def log_of(folder: Path, number: int) -> Path:
    return folder / f"worker-{number}.log"


class StateFile:
    """The file with the report. It is overwritten in place, which works on a full disk. A reader
    that comes while it is written notices that by the checksum at its head."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = b""

    @classmethod
    def create(cls, folder: Path) -> None:
        """Create it in its full size. Raises OSError."""
        descriptor = os.open(folder / STATE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(bytes(STATE_BYTES))

    @classmethod
    def open(cls, folder: Path, flags: int) -> StateFile:
        """Open it to read or to write. Raises OSError."""
        return cls(os.open(folder / STATE, flags | os.O_NOFOLLOW))

    def write(self, report: GroupReport) -> None:
        """Write a report. When it is longer than the file and the disk is full, the last lines of
        the workers are left out."""
        if not self._put(report):
            silent = tuple(replace(place, said=()) for place in report.places)
            self._put(replace(report, places=silent))

    def _put(self, report: GroupReport) -> bool:
        body = json.dumps(asdict(report)).encode()
        head = f"{zlib.crc32(body):010d} {len(body):010d}".encode().ljust(_HEAD_BYTES)
        try:
            return os.pwrite(self._descriptor, head + body, 0) == len(head + body)
        except OSError:
            return False

    def read(self) -> GroupReport | None:
        """The report, if it is a new one. Costs one short read when it is not."""
        head = os.pread(self._descriptor, _HEAD_BYTES, 0)
        if head == self._head:
            return None
        try:
            checksum, length = (int(part) for part in head.split())
            body = os.pread(self._descriptor, min(max(0, length), _MOST_STATE_BYTES), _HEAD_BYTES)
            if zlib.crc32(body) != checksum:
                return None
            fields = json.loads(body)
            places = (
                SlotState(**{**each, "said": tuple(each["said"])}) for each in fields["places"]
            )
            report = GroupReport(**{**fields, "places": tuple(places)})
        except (ValueError, TypeError, KeyError):
            return None
        self._head = head
        return report

    def close(self) -> None:
        os.close(self._descriptor)
