"""A child process for jobs, and its word on how they went.

The child reports through a pipe when its last job has ended. One that ends without a report died
under its job, whatever its exit status.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

_READ_BYTES = 65_536
_HEADER = struct.Struct(">qq?")
#: What a child says before its report at each step: when it is done with a job, and when it has
#: begun another. No header begins with it.
_STEP = b"\x01"


@dataclass(frozen=True, slots=True)
class Report:
    """A child's word. `failure` is the last job's failure entry, empty when it went well;
    `is_closed` says that the child has closed that job itself; `processed` is the worker's count
    of closed jobs, None when the child has closed none."""

    failure: bytes = b""
    processed: int | None = None
    is_closed: bool = False


@dataclass(slots=True)
class Child:
    """A running child: its pid and the pipe it reports through."""

    pid: int
    report_fd: int
    _said: bytearray = field(default_factory=bytearray)
    _status: int | None = None

    def listen(self) -> None:
        """Take in what the child has said so far; never blocks."""
        while True:
            try:
                part = os.read(self.report_fd, _READ_BYTES)
            except BlockingIOError:
                return
            if not part:
                return
            self._said += part

    @property
    def steps(self) -> int:
        """How many steps it has told of. An even number: it has a job in hand."""
        return len(self._said) - len(self._said.lstrip(_STEP))

    def has_ended(self) -> bool:
        """Whether the child is gone; collects it, and the rest of what it said."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return False
            self._status = status
            self.listen()
            os.close(self.report_fd)
        return True

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the child, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, number)

    def report(self) -> Report | None:
        """After the end: what the child reported; None when it died before it could."""
        said = self._said.lstrip(_STEP)
        if len(said) < _HEADER.size:
            return None
        length, processed, is_closed = _HEADER.unpack_from(said)
        failure = bytes(said[_HEADER.size :])
        if len(failure) != length:
            return None
        return Report(failure, None if processed < 0 else processed, is_closed)

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


def fork(life: Callable[[Callable[[], None]], Report]) -> Child:
    """Run `life` in a child process; it gets what tells the parent of a step. Raises OSError when
    no process can be made."""
    sys.stdout.flush()
    sys.stderr.flush()
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
        _live(life, say_fd)
    os.close(say_fd)
    os.set_blocking(report_fd, False)
    return Child(pid, report_fd)


def _live(life: Callable[[Callable[[], None]], Report], say_fd: int) -> NoReturn:
    """The whole life of the child. Leaves without the parent's exit handlers."""
    status = 1
    try:
        report = life(lambda: _write_all(say_fd, _STEP))
        processed = -1 if report.processed is None else report.processed
        header = _HEADER.pack(len(report.failure), processed, report.is_closed)
        _write_all(say_fd, header + report.failure)
        status = 0
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
