"""A child process for one job, and its word on how the job went.

The child tells its parent through a pipe: `D` for done, `F` and a failure entry for failed. A
child that ends without a word died under its job, whatever its exit status.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

_READ_BYTES = 65_536


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

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the child, unless it has ended."""
        if self._status is None:
            os.kill(self.pid, number)

    def failure(self) -> bytes | None:
        """After the end: the failure entry the child reported, None when it did not fail."""
        return bytes(self._said[1:]) if self._said[:1] == b"F" and self._is_whole() else None

    def death(self) -> str | None:
        """After the end: how the child died, in Ruby's words, None when it had its say."""
        assert self._status is not None  # noqa: S101
        if self._is_whole():
            return None
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

    def _is_whole(self) -> bool:
        return self._said[:1] == b"D" or (self._said[:1] == b"F" and self._said[-1:] == b"}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def fork(job: Callable[[], bytes | None], prepare: Callable[[], None]) -> Child:
    """Run `job` in a child process. `prepare` runs first in the child; `job` returns a failure
    entry, or None when all went well. Raises OSError when no process can be made."""
    sys.stdout.flush()
    sys.stderr.flush()
    report, say = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(report)
        os.close(say)
        raise
    if pid == 0:
        _live(job, prepare, say)
    os.close(say)
    os.set_blocking(report, False)
    return Child(pid, report)


def _live(job: Callable[[], bytes | None], prepare: Callable[[], None], say: int) -> NoReturn:
    """The whole life of the child. Leaves without the parent's exit handlers."""
    status = 1
    try:
        prepare()
        failure = job()
        _write_all(say, b"D" if failure is None else b"F" + failure)
        status = 0
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
