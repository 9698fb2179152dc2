"""One slot of a group: its process, its log file, how a process ends, when the next one starts."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import psutil

from qtop.local import state_file
from qtop.local.logs import without_colours
from qtop.local.state_file import PlaceState, SlotState, remains, tell_remains

# The log file of one worker: of bounded size, and never able to block the worker.

#: The size at which the file is replaced; the one before it is kept as well.
MOST_BYTES: Final = 4 * 1024 * 1024
_TAIL_BYTES: Final = 2_048
_LINES_SAID: Final = 3
_LONGEST_SAID: Final = 200


class LogFile:
    """A file that takes what a worker prints. When it is full it becomes `<name>.1`, in place of
    the one before. What cannot be written is counted and left out: a full disk stops no worker.

    Args:
        path: The file; made for this user alone.
        most_bytes: When it is full.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._file: int | None = None
        self._size = 0
        self._not_kept = 0
        self._tail = b""
        self.problem = ""

    def write(self, data: bytes) -> None:
        """Keep what was printed."""
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        self._keep(data)

    def note(self, text: str) -> None:
        """Write a line of our own."""
        self._keep(f"qtop: {text}\n".encode("utf-8", "surrogateescape"))

    def forget_tail(self) -> None:
        """Begin anew with what is to be the last lines: another process prints now."""
        self._tail = b""

    def said(self) -> tuple[str, ...]:
        """The last lines, the newest last, each cut. Not safe to show as they are."""
        tail = without_colours(self._tail).decode("utf-8", "replace")
        lines = [line.strip() for line in tail.splitlines()]
        return tuple(line[:_LONGEST_SAID] for line in lines if line)[-_LINES_SAID:]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep(self, data: bytes) -> None:
        try:
            if self._not_kept:
                self._append(f"\nqtop: {self._not_kept:,} bytes were not kept\n".encode())
                self._not_kept, self.problem = 0, ""
            self._append(data)
        except OSError as error:
            self._not_kept += len(data)
            self.problem = f"the log is not kept: {error.strerror}"

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._open()
        elif self._size >= self._most_bytes:
            self.close()
            os.replace(self._path, self._path.with_name(f"{self._path.name}.1"))
            self._open()
        assert self._file is not None  # noqa: S101  opening makes it
        while data:
            written = os.write(self._file, data)
            self._size += written
            data = data[written:]

    def _open(self) -> None:
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
        self._file = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._file).st_size


#: A process that died is followed by another after a pause that doubles up to this.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
#: One that lived so long has shown that it can: the pause begins anew.
GROWN_UP_S: Final = 60.0
#: So many deaths one after the other, each before that age, and there is no other.
MOST_EARLY_DEATHS: Final = 8

_CHUNK_BYTES: Final = 65_536
#: Of what a process that ended has left in its pipe; others may hold it and go on writing.
_MOST_LEFT_BYTES: Final = 1_048_576

#: How long what a process left behind that died by itself may finish, before it is ended: the job
#: of a killed worker cannot report any more, and the next worker will record it as failed.
_LEFT_FINISH_S: Final = 10.0
#: How often what a process left behind is looked for, until it has gone.
_LOOK_EVERY_S: Final = 0.1

#: What a machine that has too much to do lacks for a while: processes, memory, open files.
_PASSING: Final = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)

#: What each level of stopping sends.
_SIGNALS: Final = {"finishing": signal.SIGQUIT, "stopping": signal.SIGTERM}


class WorkerSlot:
    """A place for one worker process at a time, with all that it starts in its session: where a
    script that has started the worker ends before it, the worker is told in its stead, and the
    place is taken until it has gone.

    Args:
        number: Which of the group's, from 1.
        argv: The command line.
        folder: The group's folder.
        arm: Run in the new process before its program: ties it to this one.
    """

    def __init__(
        self, number: int, argv: Sequence[str], folder: Path, arm: Callable[[], None] | None
    ) -> None:
        self.number = number
        self.state: PlaceState = "waiting"
        self.until_mono: float | None = 0.0
        self.output: int | None = None
        self.look_mono: float | None = None
        """When to collect although no process of ours has ended."""
        self._argv, self._arm = tuple(argv), arm
        self._log = LogFile(state_file.log_of(folder, number))
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._began: float | None = None
        self._status: int | None = None
        self._told: signal.Signals | None = None
        self._is_followed = True
        self._since_mono = self._born_mono = time.monotonic()
        self._starts = self._early_deaths = 0
        self._ending = self._problem = ""
        self._said: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether no process will be in it any more."""
        return self.state == "ended"

    def place(self) -> SlotState:
        """What has become of it."""
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
        """Start a process. One that cannot be is not tried again, the command has to be mended;
        unless it is the machine that lacks something just now."""
        self._log.forget_tail()
        self._status = self._told = None
        self._is_followed, self._problem = True, ""
        self._born_mono = time.monotonic()
        try:
            self._process, self.output = self._spawn()
        except (OSError, subprocess.SubprocessError) as error:
            self._ending = f"cannot be started: {getattr(error, 'strerror', None) or error}"
            self._said = ()
            self._log.note(self._ending)
            if getattr(error, "errno", None) in _PASSING:
                self._wait_for_next()
            else:
                self._to("gave up")
            return
        self._pid = self._process.pid
        self._began = _began(self._pid)
        self._starts += 1
        self._log.note(f"{time.strftime('%Y-%m-%d %H:%M:%S')} started process {self._pid}")
        self._to("running")

    def _spawn(self) -> tuple[subprocess.Popen[bytes], int]:
        """The process, and the end of a pipe that gives what it prints."""
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                # A signal to all of them reaches what the worker has started, and no terminal.
                start_new_session=True,
                preexec_fn=self._arm,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        os.set_blocking(read_end, False)
        return process, read_end

    def take_output(self) -> bool:
        """Keep some of what it has printed. False when there was nothing."""
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
        """See whether its process has ended, and what follows from that."""
        if self._process is None or (status := self._process.poll()) is None:
            return
        if self._status is None:
            self._status = status
            self._ending = ending(status)
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            self._log.note(f"{now} process {self._pid} {self._ending}")
            self._hand_on(self._process.pid)
        if remains(self._process.pid):
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
        """Have it finish its job and end (`finishing`), or end now (`stopping`), unless it is told
        already; `until_mono` is when it will be pressed harder. No other follows."""
        self._is_followed = False
        if self._process is None:
            if self.state != "ended":
                self._to("ended")
        elif self.state == wanted or self.state == "stopping":
            self.until_mono = until_mono if self.until_mono is None else self.until_mono
        else:
            self._told = _SIGNALS[wanted]
            self._send(self._told)
            if self.state == "paused":
                self._send(signal.SIGCONT)
            self._to("finishing" if wanted == "finishing" else "stopping", until_mono)

    def kill(self) -> None:
        """End it whatever it does, with everything it has started in its session. No other
        follows."""
        self._is_followed = False
        if self._process is not None:
            self._told = signal.SIGKILL
            self._send(self._told)
            self._to("stopping")

    def press_harder(self, until_mono: float) -> None:
        """It has not obeyed in time: end it now, the next time whatever it does."""
        is_followed = self._is_followed
        if self.state == "finishing":
            self.press("stopping", until_mono)
        elif self.state == "stopping":
            self.kill()
        self._is_followed = is_followed

    def pause(self, paused: bool) -> None:
        """Have it take no more jobs, or take some again."""
        before: PlaceState = "running" if paused else "paused"
        if self._process is not None and self.state == before:
            self._send(signal.SIGUSR2 if paused else signal.SIGCONT)
            self._to("paused" if paused else "running")

    def begin_anew(self) -> None:
        """After it gave up or ended: as if nothing had been."""
        if self._process is None:
            self._starts = self._early_deaths = 0
            self._to("waiting", 0.0)

    def close(self) -> None:
        """Close its log."""
        self._log.close()

    def _wait_for_next(self) -> None:
        now_mono = time.monotonic()
        grown_up = now_mono - self._born_mono > GROWN_UP_S
        self._early_deaths = 0 if grown_up else self._early_deaths + 1
        if self._early_deaths >= MOST_EARLY_DEATHS:
            self._log.note(f"gave up after {self._early_deaths} early deaths in a row")
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
            self._problem = f"it may not be sent {number.name}: it runs as another user"
            self._log.note(self._problem)
        if self._status is not None or number == signal.SIGKILL:
            tell_remains(self._process.pid, number)

    def _hand_on(self, leader: int) -> None:
        """Tell what the process left behind as it was told itself, or to finish."""
        told = tell_remains(leader, self._told or signal.SIGQUIT)
        if told:
            left = ", ".join(map(str, told))
            self._log.note(f"process {leader} left {left} behind: told to end, too")
            if self._told is None:
                self._to("finishing", time.monotonic() + _LEFT_FINISH_S)

    def _to(self, state: PlaceState, until_mono: float | None = None) -> None:
        self.state, self.until_mono = state, until_mono
        self._since_mono = time.monotonic()

    def _close_output(self) -> None:
        if self.output is not None:
            os.close(self.output)
            self.output = None


def ending(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"exited with {status}"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"


def _began(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
