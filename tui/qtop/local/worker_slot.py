"""One slot of a group: its process, its log file, how a process ends, when the next one starts."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import psutil

from qtop.local import state_file
from qtop.local.logs import LogFile
from qtop.local.processes import leftovers, signal_leftovers
from qtop.local.state_file import PlaceState, SlotState

#: The pause before a process that died is replaced: it doubles with each early death.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
#: After a process that lived this long, the pause is the first one again.
STABLE_AFTER_S: Final = 60.0
#: After this many early deaths in a row the slot gives up.
MOST_EARLY_DEATHS: Final = 8

_CHUNK_BYTES: Final = 65_536
#: How much is read of a pipe after its process has ended: others may still write to it.
_MOST_LEFT_BYTES: Final = 1_048_576

#: How long leftovers of a process that died by itself may finish before they are ended: the job of
#: a killed worker cannot report its result, and the next worker will record it as failed.
_LEFT_FINISH_S: Final = 10.0
#: How often leftovers are looked for, until none is left.
_LOOK_EVERY_S: Final = 0.1

#: What a busy machine may lack for a while: processes, memory, open files.
_PASSING: Final = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)

#: The signal of each level of stopping.
_SIGNALS: Final = {"finishing": signal.SIGQUIT, "stopping": signal.SIGTERM}


class WorkerSlot:
    """Keeps one worker process at a time, with all processes of its session. When a script that
    started the worker ends before it, the worker gets the signals instead, and the slot is taken
    until it has ended.

    `arm` runs in the new process before its program, and ties it to this one.
    """

    def __init__(
        self, number: int, argv: Sequence[str], folder: Path, arm: Callable[[], None] | None
    ) -> None:
        self.number = number
        self.state: PlaceState = "waiting"
        self.until_mono: float | None = 0.0
        self.output: int | None = None
        self.look_mono: float | None = None
        """When to call `collect` although no child has ended."""
        self._argv, self._arm = tuple(argv), arm
        self._log = LogFile(state_file.log_of(folder, number))
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: IO[bytes] | None = None
        self._pid: int | None = None
        self._began: float | None = None
        self._status: int | None = None
        self._signalled: signal.Signals | None = None
        self._is_followed = True
        self._since_mono = self._born_mono = time.monotonic()
        self._starts = self._early_deaths = 0
        self._ending = self._problem = ""
        self._said: tuple[str, ...] = ()

    def place(self) -> SlotState:
        return SlotState(
            self.number,
            self.state,
            self._pid,
            self._began,
            self._since_mono,
            self.until_mono,
            max(0, self._starts - 1),
            self._ending,
            self._said,
            self._log.problem,
            self._problem,
        )

    def start(self) -> None:
        """Start a process. If that fails, the slot gives up, since the command has to be corrected;
        but it tries again if the machine lacks something for a while."""
        self._log.forget_tail()
        self._status = self._signalled = None
        self._is_followed, self._problem = True, ""
        self._born_mono = time.monotonic()
        try:
            self._process = process = subprocess.Popen(
                self._argv,
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A session of its own, without a terminal, has all processes of the worker.
                start_new_session=True,
                preexec_fn=self._arm,
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._ending = f"cannot be started: {getattr(error, 'strerror', None) or error}"
            self._said = ()
            self._log.note(self._ending)
            if getattr(error, "errno", None) in _PASSING:
                self._wait_for_next()
            else:
                self._to("gave up")
            return
        assert process.stdout is not None  # noqa: S101  it was asked for
        self._pipe, self.output = process.stdout, process.stdout.fileno()
        os.set_blocking(self.output, False)
        self._pid = process.pid
        self._began = None
        with suppress(psutil.Error):
            self._began = psutil.Process(self._pid).create_time()
        self._starts += 1
        self._log.note(f"{time.strftime('%Y-%m-%d %H:%M:%S')} started process {self._pid}")
        self._to("running")

    def take_output(self) -> bool:
        """Log some of its output. False when there was none."""
        if self.output is None:
            return False
        try:
            data = os.read(self.output, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._log.write(data)
        else:
            self._close_output()
        return bool(data)

    def collect(self) -> None:
        """If its process has ended, log that and find out what comes next."""
        if self._process is None or (status := self._process.poll()) is None:
            return
        if self._status is None:
            self._status = status
            self._ending = ending(status)
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            self._log.note(f"{now} process {self._pid} {self._ending}")
            self._signal_leftovers(self._process.pid)
        if leftovers(self._process.pid):
            self.look_mono = time.monotonic() + _LOOK_EVERY_S
            return
        self.look_mono = None
        left = 0
        while self.take_output() and left < _MOST_LEFT_BYTES:
            left += _CHUNK_BYTES
        self._close_output()
        self._process = None
        self._said = self._log.said()
        if self._is_followed and status != 0:
            self._wait_for_next()
        else:
            self._to("ended")

    def press(self, wanted: str, until_mono: float | None = None) -> None:
        """Signal it to finish its job and end (`finishing`), or to end now (`stopping`), unless it
        already is; `until_mono` is when it will be pressed harder. It is not replaced."""
        self._is_followed = False
        if self._process is None:
            if self.state != "ended":
                self._to("ended")
        elif self.state == wanted or self.state == "stopping":
            self.until_mono = until_mono if self.until_mono is None else self.until_mono
        else:
            self._signalled = _SIGNALS[wanted]
            self._send(self._signalled)
            if self.state == "paused":
                self._send(signal.SIGCONT)
            self._to("finishing" if wanted == "finishing" else "stopping", until_mono)

    def kill(self) -> None:
        """Kill it, with all processes of its session. It is not replaced."""
        self._is_followed = False
        if self._process is not None:
            self._signalled = signal.SIGKILL
            self._send(self._signalled)
            self._to("stopping")

    def press_harder(self, until_mono: float) -> None:
        """It has not ended in time: from `finishing` go to `stopping`, from there kill it."""
        is_followed = self._is_followed
        if self.state == "finishing":
            self.press("stopping", until_mono)
        elif self.state == "stopping":
            self.kill()
        self._is_followed = is_followed

    def pause(self, paused: bool) -> None:
        """Signal it to take no more jobs, or to take jobs again."""
        before: PlaceState = "running" if paused else "paused"
        if self._process is not None and self.state == before:
            self._send(signal.SIGUSR2 if paused else signal.SIGCONT)
            self._to("paused" if paused else "running")

    def begin_anew(self) -> None:
        """Start again after it gave up or ended, without its history."""
        if self._process is None:
            self._starts = self._early_deaths = 0
            self._to("waiting", 0.0)

    def close(self) -> None:
        self._log.close()

    def _wait_for_next(self) -> None:
        now_mono = time.monotonic()
        is_stable = now_mono - self._born_mono > STABLE_AFTER_S
        self._early_deaths = 0 if is_stable else self._early_deaths + 1
        if self._early_deaths >= MOST_EARLY_DEATHS:
            self._log.note(f"gave up: {self._early_deaths} crashes at start")
            self._to("gave up")
            return
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, self._early_deaths - 1))
        self._to("waiting", now_mono + pause_s)

    def _send(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            self._process.send_signal(number)
        except PermissionError:
            self._problem = f"cannot send {number.name}: it runs as another user"
            self._log.note(self._problem)
        if self._status is not None or number == signal.SIGKILL:
            signal_leftovers(self._process.pid, number)

    def _signal_leftovers(self, leader: int) -> None:
        """Send leftovers the signal that the process got, or the one to finish."""
        found = signal_leftovers(leader, self._signalled or signal.SIGQUIT)
        if found:
            left = ", ".join(map(str, found))
            self._log.note(f"process {leader} left {left} running: sent TERM to these, too")
            if self._signalled is None:
                self._to("finishing", time.monotonic() + _LEFT_FINISH_S)

    def _to(self, state: PlaceState, until_mono: float | None = None) -> None:
        self.state, self.until_mono = state, until_mono
        self._since_mono = time.monotonic()

    def _close_output(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = self.output = None


def ending(status: int) -> str:
    if status >= 0:
        return f"exited with {status}"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"
