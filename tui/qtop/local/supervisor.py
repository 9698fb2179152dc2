"""`python -m qtop.local.supervisor FOLDER`: keeps the workers of one group.

It reads requests from its standard input, the group's pipe, a JSON object a line:

| request | meaning |
|---|---|
| `{"do": "finishing", "number": 1, "pid": 42}` | that worker finishes its job and ends |
| `stopping`, `kill`, `pause`, `resume`, with `number` and `pid` | do that to the worker |
| `{"do": "scale", "wanted": 3}` | keep 3 workers, and try again those that were given up |
| `{"do": "detach"}` | stay when the console leaves |
| `{"do": "leave", "now": false}` | all finish, or stop now, and then it ends itself |

A request names the process it is for, so that it never reaches the process that replaced it. When
the pipe closes, the console has ended, in whatever way: all workers get `finish_s` to finish their
jobs, then `stop_s` to stop, then they are killed. When this process itself is killed, the kernel
sends the workers the signal to finish (Linux).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import psutil

from qtop.local import state_file
from qtop.local.state_file import GroupInfo, GroupReport, StateFile
from qtop.local.worker_slot import WorkerSlot
from queuecore.errors import NoServer

_REQUESTS: Final = 0
_READ_BYTES: Final = 65_536
#: Signals that end it as a closed pipe does; a hang-up is ignored.
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_ENDING_STATES: Final = ("finishing", "stopping", "ended")
_PR_SET_PDEATHSIG: Final = 1
#: The shortest time between two reports.
_REPORT_EVERY_S: Final = 0.05


class Supervisor:
    def __init__(self, folder: Path, about: GroupInfo) -> None:
        self._folder, self._about = folder, about
        self._state = StateFile.open(folder, os.O_RDWR)
        self._arm = _tie_to(os.getpid())
        self._slots = [self._new_slot(number + 1) for number in range(about.wanted)]
        self._is_detached = self._is_leaving = self._was_signalled = False
        self._unread = b""
        self._own_end: int | None = None
        self._listens = True
        self._wakeup, wake = os.pipe()
        for end in (self._wakeup, wake):
            os.set_blocking(end, False)
        for number in (*_ENDING, signal.SIGHUP, signal.SIGCHLD):
            # None is set to SIG_IGN: workers would inherit that.
            signal.signal(number, self._note)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._began = psutil.Process().create_time()
        self._reported: GroupReport | None = None
        self._reported_mono = float("-inf")
        self._is_behind = False

    def run(self) -> None:
        """Keep the workers until all have ended and none will be started."""
        while not self._is_over():
            for slot in self._slots:
                if slot.state == "waiting" and time.monotonic() >= (slot.until_mono or 0.0):
                    slot.start()
            self._report()
            self._wait()
            if self._was_signalled:
                self._console_is_gone()
            for slot in self._slots:
                slot.collect()
            now_mono = time.monotonic()
            for slot in self._slots:
                if slot.until_mono is not None and now_mono >= slot.until_mono:
                    slot.press_harder(now_mono + self._about.stop_s)
        self._report(at_once=True)
        for slot in self._slots:
            slot.close()

    def _is_over(self) -> bool:
        states = {slot.state for slot in self._slots}
        # A slot that gave up may be asked to try again while a console may come.
        return states <= {"ended"} or (self._is_detached and states <= {"ended", "gave up"})

    def _new_slot(self, number: int) -> WorkerSlot:
        return WorkerSlot(number, self._about.argv, self._folder, self._arm)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._was_signalled |= number in _ENDING

    # One turn

    def _report(self, *, at_once: bool = False) -> None:
        report = GroupReport(
            os.getpid(),
            self._began,
            self._is_detached,
            self._is_leaving,
            tuple(slot.place() for slot in self._slots),
        )
        now_mono = time.monotonic()
        is_due = at_once or now_mono - self._reported_mono >= _REPORT_EVERY_S
        if is_due and report != self._reported:
            self._state.write(report)
            self._reported, self._reported_mono = report, now_mono
        self._is_behind = report != self._reported

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if self._listens:
            poll.register(_REQUESTS, select.POLLIN)
        outputs = {slot.output: slot for slot in self._slots if slot.output is not None}
        for output in outputs:
            poll.register(output, select.POLLIN)
        due = [each for slot in self._slots for each in (slot.until_mono, slot.look_mono)]
        moments = [each for each in due if each is not None]
        if self._is_behind:
            moments.append(self._reported_mono + _REPORT_EVERY_S)
        timeout_s = max(0.0, min(moments) - time.monotonic()) if moments else 3_600.0
        for descriptor, _ in poll.poll(timeout_s * 1_000 + 1):
            if descriptor in outputs:
                outputs[descriptor].take_output()
            elif descriptor == _REQUESTS:
                self._read_requests()
            else:
                with suppress(BlockingIOError):
                    while os.read(self._wakeup, 512):
                        pass

    # Requests

    def _read_requests(self) -> None:
        try:
            data = os.read(_REQUESTS, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._console_is_gone()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            try:
                self._obey(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                print(f"not understood: {error!r}", file=sys.stderr, flush=True)

    def _obey(self, request: dict[str, Any]) -> None:
        do = request["do"]
        if do == "leave":
            self._leave(now=bool(request["now"]))
        elif do == "detach":
            self._is_detached = True
            self._stay_open()
        elif do == "scale":
            self._scale(int(request["wanted"]))
        else:
            self._obey_for_one(do, int(request["number"]), request["pid"])

    def _obey_for_one(self, do: str, number: int, pid: int | None) -> None:
        for slot in self._slots:
            if slot.number != number or slot.place().pid != pid:
                continue
            if do in ("finishing", "stopping"):
                slot.press(do)
            elif do == "kill":
                slot.kill()
            elif do in ("pause", "resume"):
                slot.pause(do == "pause")

    def _scale(self, wanted: int) -> None:
        if self._is_leaving:
            return
        for slot in self._slots:
            if slot.state == "gave up":
                slot.begin_anew()
        staying = [each for each in self._slots if each.state not in _ENDING_STATES]
        missing = wanted - len(staying)
        # Slots and their logs are used again: there are never more than there were workers at once.
        ended = [slot for slot in self._slots if slot.state == "ended"][: max(0, missing)]
        for slot in ended:
            slot.begin_anew()
        first_new = len(self._slots) + 1
        added = range(first_new, first_new + missing - len(ended))
        self._slots += [self._new_slot(number) for number in added]
        # Slots without a process end first, then the newest.
        staying.sort(key=lambda slot: (slot.state == "waiting", slot.number))
        for slot in staying[wanted:]:
            slot.press("finishing")

    def _leave(self, *, now: bool, finish_s: float | None = None) -> None:
        self._is_leaving = True
        now_mono = time.monotonic()
        for slot in self._slots:
            if now:
                slot.press("stopping", now_mono + self._about.stop_s)
            else:
                slot.press("finishing", None if finish_s is None else now_mono + finish_s)

    def _console_is_gone(self) -> None:
        self._stay_open()
        if self._was_signalled or not self._is_detached:
            self._was_signalled = False
            self._leave(now=False, finish_s=self._about.finish_s)

    def _stay_open(self) -> None:
        """Hold the pipe open ourselves: a closed one would be reported again and again, and a
        console that comes back could not be heard."""
        if self._own_end is None:
            try:
                self._own_end = os.open(self._folder / state_file.WISHES, os.O_WRONLY)
            except OSError:
                self._listens = False  # the folder is gone


def _tie_to(parent_pid: int) -> Callable[[], None] | None:
    """What a new process runs, so that it gets the signal to finish when this one ends (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() != parent_pid:
            os._exit(1)

    return arm


def main(folder: Path) -> int:
    """Run a supervisor as an orphan without a terminal. Returns the exit status of the process that
    was called, at once; 2 when the folder is no group's."""
    about = GroupInfo.read(folder)
    if about is None:
        print(f"{folder} is no group of workers", file=sys.stderr)
        return 2
    if os.fork():
        return 0
    os.setsid()
    os.set_blocking(_REQUESTS, False)
    with ExitStack() as held:
        if about.address.startswith("unix:"):
            # Not imported for other servers.
            from queuecore.server import PrivateServer

            # It is kept while workers may come: the last one may be about to be restarted.
            with suppress(NoServer):
                if server := PrivateServer.at(about.address):
                    server.hold()
                    held.callback(server.close)
        Supervisor(folder, about).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
