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
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import psutil

from qtop.local import state_file
from qtop.local.state_file import GroupInfo, GroupReport, StateFile
from qtop.local.worker_slot import WorkerSlot
from queuecore.errors import NoServer
from resque.worker import own_server

_WISHES: Final = 0
_READ_BYTES: Final = 65_536
#: Signals that end it as a closed pipe does; a hang-up is nothing to it.
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_PR_SET_PDEATHSIG: Final = 1
#: The report is written no more often, however much happens.
_REPORT_EVERY_S: Final = 0.05


class Supervisor:
    """Keeps a group.

    Args:
        folder: The group's folder.
        about: What the group is.
    """

    def __init__(self, folder: Path, about: GroupInfo) -> None:
        self._folder, self._about = folder, about
        self._state = StateFile.open(folder, os.O_RDWR)
        self._arm = _tie_to(os.getpid())
        self._berths = [self._berth(number + 1) for number in range(about.wanted)]
        self._is_detached = self._is_leaving = self._was_signalled = False
        self._unread = b""
        self._own_end: int | None = None
        self._listens = True
        self._wakeup, wake = os.pipe()
        for end in (self._wakeup, wake):
            os.set_blocking(end, False)
        for number in (*_ENDING, signal.SIGHUP, signal.SIGCHLD):
            # Not SIG_IGN for any of them: the workers would inherit that.
            signal.signal(number, self._note)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._began = psutil.Process().create_time()
        self._told: GroupReport | None = None
        self._told_mono = float("-inf")
        self._is_behind = False

    def run(self) -> None:
        """Keep the workers until none is left and none will come."""
        while not self._is_over():
            self._start_due()
            self._tell()
            self._wait()
            if self._was_signalled:
                self._console_is_gone()
            for berth in self._berths:
                berth.collect()
            self._press_harder()
        self._tell(at_once=True)
        for berth in self._berths:
            berth.close()

    def _is_over(self) -> bool:
        if not all(berth.is_over or berth.state == "gave up" for berth in self._berths):
            return False
        # What gave up can be told to try again, as long as there is somebody to tell it.
        return all(berth.is_over for berth in self._berths) or self._is_detached

    def _berth(self, number: int) -> WorkerSlot:
        return WorkerSlot(number, self._about.argv, self._folder, self._arm)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._was_signalled |= number in _ENDING

    # One turn

    def _start_due(self) -> None:
        for berth in self._berths:
            if berth.state == "waiting" and time.monotonic() >= (berth.until_mono or 0.0):
                berth.start()

    def _tell(self, *, at_once: bool = False) -> None:
        report = GroupReport(
            os.getpid(),
            self._began,
            self._is_detached,
            self._is_leaving,
            tuple(berth.place() for berth in self._berths),
        )
        now_mono = time.monotonic()
        if report != self._told and (at_once or now_mono - self._told_mono >= _REPORT_EVERY_S):
            self._state.write(report)
            self._told, self._told_mono = report, now_mono
            self._is_behind = False
        else:
            self._is_behind = report != self._told

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if self._listens:
            poll.register(_WISHES, select.POLLIN)
        outputs = {b.output: b for b in self._berths if b.output is not None}
        for output in outputs:
            poll.register(output, select.POLLIN)
        moments = [b.until_mono for b in self._berths if b.until_mono is not None]
        moments += [b.look_mono for b in self._berths if b.look_mono is not None]
        if self._is_behind:
            moments.append(self._told_mono + _REPORT_EVERY_S)
        timeout_s = max(0.0, min(moments) - time.monotonic()) if moments else 3_600.0
        for descriptor, _ in poll.poll(timeout_s * 1_000 + 1):
            if descriptor in outputs:
                outputs[descriptor].take_output()
            elif descriptor == _WISHES:
                self._read_wishes()
            else:
                _drain(self._wakeup)

    def _press_harder(self) -> None:
        now_mono = time.monotonic()
        for berth in self._berths:
            if berth.until_mono is not None and now_mono >= berth.until_mono:
                berth.press_harder(now_mono + self._about.stop_s)

    # Wishes

    def _read_wishes(self) -> None:
        try:
            data = os.read(_WISHES, _READ_BYTES)
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

    def _obey(self, wish: dict[str, Any]) -> None:
        do = wish["do"]
        if do == "leave":
            self._leave(now=bool(wish["now"]))
        elif do == "detach":
            self._is_detached = True
            self._stay_open()
        elif do == "scale":
            self._scale(int(wish["wanted"]))
        else:
            self._obey_for_one(do, int(wish["number"]), wish["pid"])

    def _obey_for_one(self, do: str, number: int, pid: int | None) -> None:
        meant = (b for b in self._berths if b.number == number and b.place().pid == pid)
        for berth in meant:
            if do in ("finishing", "stopping"):
                berth.press(do)
            elif do == "kill":
                berth.kill()
            elif do in ("pause", "resume"):
                berth.pause(do == "pause")

    def _scale(self, wanted: int) -> None:
        if self._is_leaving:
            return
        for berth in self._berths:
            if berth.state == "gave up":
                berth.begin_anew()
        staying = [b for b in self._berths if b.state not in ("finishing", "stopping", "ended")]
        missing = wanted - len(staying)
        # A place is used again, and its log: they stay as few as there were workers at once.
        ended = [b for b in self._berths if b.is_over][: max(0, missing)]
        for berth in ended:
            berth.begin_anew()
        first_new = len(self._berths) + 1
        added = range(first_new, first_new + missing - len(ended))
        self._berths += [self._berth(number) for number in added]
        # Those that have no process go first, then the youngest.
        staying.sort(key=lambda berth: (berth.state == "waiting", berth.number))
        for berth in staying[wanted:]:
            berth.press("finishing")

    def _leave(self, *, now: bool, finish_s: float | None = None) -> None:
        self._is_leaving = True
        now_mono = time.monotonic()
        for berth in self._berths:
            if now:
                berth.press("stopping", now_mono + self._about.stop_s)
            else:
                berth.press("finishing", None if finish_s is None else now_mono + finish_s)

    def _console_is_gone(self) -> None:
        self._stay_open()
        if self._was_signalled or not self._is_detached:
            self._was_signalled = False
            self._leave(now=False, finish_s=self._about.finish_s)

    def _stay_open(self) -> None:
        """Hold the pipe open from here on: a closed one would be all there is to hear, again and
        again, and a console that comes back could not be heard."""
        if self._own_end is None:
            try:
                self._own_end = os.open(self._folder / state_file.WISHES, os.O_WRONLY)
            except OSError:
                self._listens = False  # the folder is gone


def _tie_to(parent_pid: int) -> Callable[[], None] | None:
    """What a new process runs so that it is told to finish when this one ends (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() != parent_pid:
            os._exit(1)

    return arm


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 512):
            pass
    except BlockingIOError:
        pass


def main(folder: Path) -> int:
    """Run a supervisor that is nobody's child and has no terminal. Returns the exit status of the
    process that was called, at once; 2 when the folder is no group's."""
    about = GroupInfo.read(folder)
    if about is None:
        print(f"{folder} is no group of workers", file=sys.stderr)
        return 2
    if os.fork():
        return 0
    os.setsid()
    os.set_blocking(_WISHES, False)
    # For as long as there may be workers: the last of them may be between two lives.
    server = None
    with suppress(NoServer):
        server = own_server.hold(about.address)
    Supervisor(folder, about).run()
    if server is not None:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
