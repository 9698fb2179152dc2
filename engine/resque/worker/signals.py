"""What signals ask of a worker.

| signal    | asks                                                    |
|-----------|---------------------------------------------------------|
| QUIT      | finish the job in hand, then leave                      |
| TERM, INT | end the job in hand now (it becomes a failure), leave   |
| USR1      | end the job in hand now, go on                          |
| USR2      | take no more jobs; CONT: take jobs again                |
"""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Self

_HANDLED = (
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
    signal.SIGCHLD,
)


class Wishes:
    """The signals a worker got, as wishes, and a file descriptor that is readable after any of
    them (`fileno`), so that no wait outlasts a signal. A context manager: it takes the signals
    over and gives them back."""

    def __init__(self) -> None:
        self.leave = False
        self.end_job = False
        self.is_paused = False
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in _HANDLED:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self.leave = self.end_job = True
        elif number == signal.SIGQUIT:
            self.leave = True
        elif number == signal.SIGUSR1:
            self.end_job = True
        elif number == signal.SIGUSR2:
            self.is_paused = True
        elif number == signal.SIGCONT:
            self.is_paused = False

    def fileno(self) -> int:
        """Readable after a signal, until `drain`."""
        return self._read_fd

    def drain(self) -> None:
        """Make `fileno` quiet again."""
        try:
            while os.read(self._read_fd, 512):
                pass
        except BlockingIOError:
            pass

    def let_go(self) -> None:
        """In a child after a fork: the parent's signals are not the child's.

        As in Ruby, INT (which a terminal sends to the child too), TERM, QUIT and USR1 leave it as
        it is: what becomes of its job is the parent's decision.
        """
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            # Not SIG_IGN: programs that the job starts would inherit that, and ignore a TERM.
            at_rest = number in (signal.SIGCHLD, signal.SIGCONT)
            signal.signal(number, signal.SIG_DFL if at_rest else _nothing)


def _nothing(number: int, frame: FrameType | None) -> None:
    """A signal that leaves a child as it is."""
