"""The console's side of a group: its pipe, and what its supervisor says."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from qtop.local import state_file
from qtop.local.state_file import GroupInfo, GroupReport, PlaceState, SlotState, StateFile

#: What was asked for and not obeyed for so long is no longer shown as if it were so.
_OBEYS_WITHIN_S: Final = 5.0
#: Two moments at which a process began, as the kernel says, that are the same.
_SAME_S: Final = 2.0

GroupAction = Literal["finishing", "stopping", "kill", "pause", "resume"]
_SHOWN_AS: Final[Mapping[GroupAction, PlaceState]] = {
    "finishing": "finishing",
    "stopping": "stopping",
    "kill": "stopping",
    "pause": "paused",
    "resume": "running",
}


class _Asked(NamedTuple):
    """What was asked of a place: how it will be, and the states it may be in until then."""

    told: SlotState
    before: frozenset[str]


class _Scaled(NamedTuple):
    """How many workers were asked for, and when."""

    wanted: int
    asked_mono: float


@dataclass(frozen=True, slots=True)
class LocalWorker:
    """One worker of a group that was started here."""

    group: WorkerGroup
    place: SlotState

    @property
    def pid(self) -> int | None:
        """Its process; the last one when it has ended."""
        return self.place.pid

    @property
    def queues(self) -> str:
        """The list of queues it was started for."""
        return self.group.about.queues

    @property
    def log(self) -> Path:
        """Where what it prints is kept."""
        return state_file.log_of(self.group.folder, self.place.number)

    @property
    def key(self) -> tuple[str, int]:
        """What makes it the same worker after a restart."""
        return self.group.id, self.place.number


class WorkerGroup:
    """A group that this console has: it started it, or found it running.

    Args:
        folder: The group's folder.
        about: What it is.
        pipe: The pipe's end to write to.
        owner: The file that says whose it is, locked.
    """

    def __init__(self, folder: Path, about: GroupInfo, pipe: int, owner: int) -> None:
        self.folder, self.about = folder, about
        self.id = folder.name
        self.report: GroupReport | None = None
        self.is_gone = False
        self._asked: dict[int, _Asked] = {}
        self._scaled: _Scaled | None = None
        self._pipe: int | None = pipe
        self._owner = owner
        self._state = StateFile.open(folder, os.O_RDONLY)

    @property
    def places(self) -> tuple[SlotState, ...]:
        """What has become of its places."""
        return () if self.report is None else self.report.places

    @property
    def workers(self) -> list[LocalWorker]:
        """Its workers, also those that ended."""
        return [LocalWorker(self, place) for place in self.places]

    @property
    def wanted(self) -> int:
        """How many workers it is to have: as was asked for, until the supervisor has come to it."""
        asked = self._scaled
        if asked is not None and time.monotonic() - asked.asked_mono < _OBEYS_WITHIN_S:
            return asked.wanted
        return self._staying

    @property
    def is_detached(self) -> bool:
        """Whether it stays when the console leaves."""
        return self.report is not None and self.report.is_detached

    def refresh(self) -> bool:
        """Take in what its supervisor says. False when there is nothing new."""
        report = None if self.is_gone else self._state.read()
        if report is not None:
            self.report = self._with_asked(report)
        if self._scaled is not None and self._scaled.wanted == self._staying:
            self._scaled = None
        if not self.is_gone and not self._is_heard():
            self._is_over()
            return True
        return report is not None

    @property
    def _staying(self) -> int:
        told_to_end = ("finishing", "stopping", "ended", "lost")
        return sum(place.state not in told_to_end for place in self.places)

    def ask(self, do: str, **more: Any) -> bool:
        """Tell the supervisor a wish. False when it does not listen."""
        if self._pipe is None:
            return False
        line = json.dumps({"do": do, **more}).encode() + b"\n"
        try:
            os.write(self._pipe, line)
        except OSError:
            return False
        return True

    def scale(self, wanted: int) -> bool:
        """Tell the supervisor how many workers there are to be, and show it at once as if it were
        so: keys that follow count from there. False when it does not listen."""
        if not self.ask("scale", wanted=wanted):
            return False
        self._scaled = _Scaled(wanted, time.monotonic())
        return True

    def ask_for_one(self, do: GroupAction, place: SlotState) -> bool:
        """Tell it a wish about one of its workers, and show it at once as if it were so: what is
        asked for a second time means more."""
        if not self.ask(do, number=place.number, pid=place.pid):
            return False
        self._scaled = None
        state: PlaceState = _SHOWN_AS[do] if place.is_alive else "ended"
        told = replace(place, state=state, since_mono=time.monotonic(), until_mono=None)
        asked = self._asked.get(place.number)
        before = asked.before if asked is not None and asked.told == place else frozenset()
        self._asked[place.number] = _Asked(told, before | {place.state})
        if self.report is not None:
            self.report = self._with_asked(self.report)
        return True

    def _with_asked(self, report: GroupReport) -> GroupReport:
        """A report with what was asked for since, as long as the supervisor has not come to it."""
        return replace(report, places=tuple(map(self._as_asked, report.places)))

    def _as_asked(self, place: SlotState) -> SlotState:
        asked = self._asked.get(place.number)
        if asked is None or place == asked.told:
            return place
        is_new = time.monotonic() - asked.told.since_mono < _OBEYS_WITHIN_S
        if is_new and place.pid == asked.told.pid and place.state in asked.before:
            return asked.told
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
        # The last words may have come after they were looked for.
        self.report = self._state.read() or self.report
        if self.report is not None and self.report.alive:
            # It was killed. Where the kernel has not told the workers to finish, this does.
            quit_leftovers(self.report, at_once=True)
            ending = "its supervisor was killed; it finishes its job and ends"
            places = tuple(
                replace(place, state="lost", ending=ending) if place.is_alive else place
                for place in self.places
            )
            self.report = replace(self.report, places=places)
        self.let_go()


def quit_leftovers(report: GroupReport, *, at_once: bool) -> None:
    """Tell the workers of a supervisor that is no more to finish. A process that only has the
    same id is left alone: it began at another moment. With `at_once` the supervisor has only just
    ended, so that no id can mean another process yet: what a script that has ended with it had
    started is told, too."""
    import psutil  # the first frame does not wait for it: 5 ms

    from qtop.local.leftovers import tell_remains

    for place in report.alive:
        if place.pid is None or place.began is None:
            continue
        try:
            process = psutil.Process(place.pid)
            is_there = process.status() != psutil.STATUS_ZOMBIE
            if is_there and abs(process.create_time() - place.began) < _SAME_S:
                process.send_signal(signal.SIGQUIT)
        except psutil.NoSuchProcess:
            is_there = False
        except psutil.Error:
            is_there = True
        if at_once and not is_there:
            tell_remains(place.pid, signal.SIGQUIT)
