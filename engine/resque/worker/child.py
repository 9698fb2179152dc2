"""A child process for jobs, and its report on how they went.

The child reports through a pipe when its last job has ended, and leaves: what it did may be closed
while the system takes the process down. One that ends without a report died under its job, whatever
its exit status.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

from queuecore.values import NoReturn, value
from resque.worker import log

_READ_BYTES = 65_536
_HEADER = struct.Struct(">qq?")
_HEADER_BYTES = _HEADER.size
#: As a number: to look one of `signal` up takes the fork's parent two pages.
_KILL = int(signal.SIGKILL)
#: What a child says before its report at each step: when it is done with a job, and when it has
#: begun another. No header begins with it.
_STEP = b"\x01"
#: The exit status of a child that has ended its job, and cannot say how.
_MUTE = 121


@value
class ChildReport:
    """What a child reports. `failure` is the last job's failure, as in `reserve.Closing`;
    `is_closed` says that the child has closed that job itself; `processed` is the worker's count of
    closed jobs, None when the child has closed none."""

    failure: bytes | None = None
    processed: int | None = None
    is_closed: bool = False


class Child:
    """A running child: its pid and the pipe it reports through."""

    __slots__ = ("_said", "_status", "pid", "report_fd", "steps")

    def __init__(self, pid: int, report_fd: int) -> None:
        self.pid = pid
        self.report_fd = report_fd
        #: How many steps it has reported. An even number: it has a job.
        self.steps = 0
        self._said = bytearray()
        self._status: int | None = None

    def listen(self) -> None:
        """Take in what the child has said so far; never blocks."""
        try:
            while part := os.read(self.report_fd, _READ_BYTES):
                report = part if self._said else part.lstrip(_STEP)
                self.steps += len(part) - len(report)
                self._said += report
        except BlockingIOError:
            pass

    def has_left(self) -> bool:
        """Whether the child is gone; collects it, and the rest of what it said."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return False
            self._collected(status)
        return True

    def end(self) -> None:
        """End a child that has nothing left to do, and collect it."""
        if self._status is None:
            # Not by a signal that it could miss: it may have been stopped.
            os.kill(self.pid, _KILL)
            self._collected(os.waitpid(self.pid, 0)[1])

    def _collected(self, status: int) -> None:
        self._status = status
        self.listen()
        os.close(self.report_fd)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the child, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, number)

    def report(self) -> ChildReport | None:
        """What the child has reported; None while it has not, and when it died before it could."""
        if len(self._said) < _HEADER_BYTES:
            return None
        length, processed, is_closed = _HEADER.unpack_from(self._said)
        if len(self._said) != _HEADER_BYTES + max(0, length):
            return None
        failure = None if length < 0 else bytes(self._said[_HEADER_BYTES:])
        return ChildReport(failure, None if processed < 0 else processed, is_closed)

    @property
    def is_collected(self) -> bool:
        """Whether it was waited for: its pid may be another process's by now."""
        return self._status is not None

    @property
    def is_mute(self) -> bool:
        """After an end without a report: whether the job came to its end all the same."""
        return self._status is not None and os.waitstatus_to_exitcode(self._status) == _MUTE

    def death(self) -> str:
        """After an end without a report: how the child died, in Ruby's words."""
        assert self._status is not None  # noqa: S101
        if os.WIFSIGNALED(self._status):
            number = os.WTERMSIG(self._status)
            dumped = " (core dumped)" if os.WCOREDUMP(self._status) else ""
            return (
                f"Child process received unhandled signal pid {self.pid} "
                f"{_signal_name(number)} (signal {number}){dumped}"
            )
        status = os.waitstatus_to_exitcode(self._status)
        if self.is_mute:
            return (
                f"Child process pid {self.pid} could not say how its job ended: "
                "the job closed files that it had not opened"
            )
        return (
            f"Child process pid {self.pid} ended with exit status {status} before its job was done"
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def fork(
    life: Callable[[Callable[[], None]], ChildReport], *, tells_of_steps: bool = False
) -> Child:
    """Run `life` in a child process; it gets what to call at each step, which raises when the
    parent is gone and with `tells_of_steps` tells it. (Each time it hears of one it wakes up, which
    costs where many jobs share a child.) Raises OSError when no process can be
    made."""
    log.flush()
    parent_pid = os.getpid()
    report_fd, say_fd = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(report_fd)
        os.close(say_fd)
        raise
    if pid == 0:
        # Else a child that its parent has left would not notice.
        os.close(report_fd)
        _live(life, Pipe(say_fd, parent_pid, tells_of_steps))
    os.close(say_fd)
    os.set_blocking(report_fd, False)
    return Child(pid, report_fd)


class Pipe:
    """The child's end of the pipe to its parent. A job that closes what it has not opened closes
    that, too, and its number may be a file of the job's by now."""

    __slots__ = ("_fd", "_parent_pid", "_tells", "_was")

    def __init__(self, fd: int, parent_pid: int, tells_of_steps: bool) -> None:
        self._fd = fd
        self._was = _identity(fd)
        self._parent_pid = parent_pid
        self._tells = tells_of_steps

    def step(self) -> None:
        """See that the parent is there, and report a step to it where that is wanted. Raises
        ProcessLookupError."""
        if os.getppid() != self._parent_pid:
            raise ProcessLookupError("the parent is gone")
        if not self.is_open():
            # The job that is to blame is not over yet.
            os._exit(_MUTE)
        if self._tells:
            self.say(_STEP)

    def is_open(self) -> bool:
        """Whether it is still what it was."""
        try:
            return _identity(self._fd) == self._was
        except OSError:
            return False

    def report(self, report: ChildReport) -> None:
        """Say how the last job went. Where that cannot be said, the process ends."""
        processed = -1 if report.processed is None else report.processed
        length = -1 if report.failure is None else len(report.failure)
        header = _HEADER.pack(length, processed, report.is_closed)
        log.flush()
        if not self.is_open():
            os._exit(_MUTE)
        self.say(header + (report.failure or b""))

    def say(self, data: bytes) -> None:
        """Say it to the parent, as it is."""
        while data:
            data = data[os.write(self._fd, data) :]


def _identity(fd: int) -> tuple[int, ...]:
    """What is behind a descriptor: inode and device."""
    return os.fstat(fd)[1:3]


def _live(life: Callable[[Callable[[], None]], ChildReport], pipe: Pipe) -> NoReturn:
    """The whole life of the child. Leaves without the parent's exit handlers."""
    status = 1
    try:
        pipe.report(life(pipe.step))
        status = 0
    except (ProcessLookupError, BrokenPipeError):
        pass  # The parent is gone.
    except BaseException:
        with suppress(BaseException):
            sys.excepthook(*sys.exc_info())
            log.flush()
    finally:
        os._exit(status)


def leave_as_copy() -> NoReturn:
    """In a process that a job forked and that came back from the job: end it. The worker, its
    connection and the word on how the job ended are those of the process it is a copy of."""
    kind, error, trace = sys.exc_info()
    with suppress(BaseException):
        if kind is not None and not issubclass(kind, SystemExit):
            sys.excepthook(kind, error, trace)  # type: ignore[arg-type]
    log.flush()
    os._exit(0 if kind is None else 1)
