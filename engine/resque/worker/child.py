"""A child process for jobs, and its word on how they went.

The child reports through a pipe when its last job has ended, and leaves: what it did may be closed
while the system takes the process down, a fifth of what a job costs. One that ends without a report
died under its job, whatever its exit status.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from resque.wire.values import value
from resque.worker import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_READ_BYTES = 65_536
_HEADER = struct.Struct(">qq?")
#: What a child says before its report at each step: when it is done with a job, and when it has
#: begun another. No header begins with it.
_STEP = b"\x01"


@value
class Report:
    """A child's word. `failure` is the last job's failure, as in `reserve.Closing`; `is_closed`
    says that the child has closed that job itself; `processed` is the worker's count of closed
    jobs, None when the child has closed none."""

    failure: bytes | None = None
    processed: int | None = None
    is_closed: bool = False


class Child:
    """A running child: its pid and the pipe it reports through."""

    __slots__ = ("_said", "_status", "pid", "report_fd")

    def __init__(self, pid: int, report_fd: int) -> None:
        self.pid = pid
        self.report_fd = report_fd
        self._said = b""
        self._status: int | None = None

    def listen(self) -> None:
        """Take in what the child has said so far; never blocks."""
        try:
            while part := os.read(self.report_fd, _READ_BYTES):
                self._said += part
        except BlockingIOError:
            pass

    @property
    def steps(self) -> int:
        """How many steps it has told of. An even number: it has a job in hand."""
        return len(self._said) - len(self._said.lstrip(_STEP))

    def has_left(self) -> bool:
        """Whether the child is gone; collects it, and the rest of what it said."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return False
            self._collected(status)
        return True

    def end(self) -> None:
        """End a child that has nothing left to do, and see it off."""
        if self._status is None:
            # Not by a word or with patience: it may have been stopped.
            os.kill(self.pid, signal.SIGKILL)
            self._collected(os.waitpid(self.pid, 0)[1])

    def _collected(self, status: int) -> None:
        self._status = status
        self.listen()
        os.close(self.report_fd)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the child, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, number)

    def report(self) -> Report | None:
        """What the child has reported; None while it has not, and when it died before it could."""
        said = self._said.lstrip(_STEP)
        if len(said) < _HEADER.size:
            return None
        length, processed, is_closed = _HEADER.unpack_from(said)
        failure = said[_HEADER.size :]
        if len(failure) != max(0, length):
            return None
        processed_or_none = None if processed < 0 else processed
        return Report(None if length < 0 else failure, processed_or_none, is_closed)

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
        return (
            f"Child process pid {self.pid} ended with exit status {status} before its job was done"
        )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def fork(life: Callable[[Callable[[], None]], Report], *, tells_of_steps: bool = False) -> Child:
    """Run `life` in a child process; it gets what to call at each step, which raises when the
    parent is gone and with `tells_of_steps` tells it. (Each time it hears of one it wakes up: a
    third of what a job costs where many share a child.) Raises OSError when no process can be
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
        _live(life, partial(_step, parent_pid, say_fd if tells_of_steps else None), say_fd)
    os.close(say_fd)
    os.set_blocking(report_fd, False)
    return Child(pid, report_fd)


def _step(parent_pid: int, say_fd: int | None) -> None:
    if os.getppid() != parent_pid:
        raise ProcessLookupError("the parent is gone")
    if say_fd is not None:
        _write_all(say_fd, _STEP)


def _live(
    life: Callable[[Callable[[], None]], Report], step: Callable[[], None], say_fd: int
) -> NoReturn:
    """The whole life of the child. Leaves without the parent's exit handlers."""
    status = 1
    try:
        report = life(step)
        processed = -1 if report.processed is None else report.processed
        length = -1 if report.failure is None else len(report.failure)
        header = _HEADER.pack(length, processed, report.is_closed)
        for stream in (sys.stdout, sys.stderr):
            # A job may have closed the output; that is no reason to fail it.
            with suppress(Exception):
                stream.flush()
        _write_all(say_fd, header + (report.failure or b""))
        status = 0
    finally:
        os._exit(status)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
