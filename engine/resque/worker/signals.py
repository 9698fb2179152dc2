"""What signals ask of a worker.

| signal | asks |
|---|---|
| QUIT | finish the job in hand, then leave |
| TERM, INT | end the job in hand now (it becomes a failure), leave |
| TERM, with GRACEFUL_TERM | as QUIT |
| USR1 | end the job in hand now, go on |
| USR2 | take no more jobs; CONT: take jobs again |
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from resque.errors import TermException

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
    over and gives them back.

    `graceful_term` and `term_child` are Ruby's switches of those names; `on_signal` is called
    with each signal but CHLD.
    """

    def __init__(
        self,
        *,
        graceful_term: bool = False,
        term_child: bool = False,
        on_signal: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.leave = False
        self.end_job = False
        self.is_paused = False
        self._graceful_term = graceful_term
        self._term_child = term_child
        self._on_signal = on_signal
        self._is_in_job = False
        self._pending: str | None = None
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in _HANDLED:
            self._before[number] = signal.signal(number, self._note)
        # A process of a pool is born with them held back, so that none is lost before this.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._close()

    def leave_to_another(self) -> None:
        """In a child after a fork, which will take the signals over in its own way: until it does
        they stay held back, if they are."""
        signal.set_wakeup_fd(-1)
        self._close()

    def _close(self) -> None:
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._on_signal(number)
        if number == signal.SIGTERM and self._graceful_term:
            number = signal.SIGQUIT
        if number in (signal.SIGTERM, signal.SIGINT):
            self.leave = self.end_job = True
            self._interrupt(number)
        elif number == signal.SIGQUIT:
            self.leave = True
        elif number == signal.SIGUSR1:
            self.end_job = True
        elif number == signal.SIGUSR2:
            self.is_paused = True
        elif number == signal.SIGCONT:
            self.is_paused = False

    def _interrupt(self, number: int) -> None:
        """With `term_child`: end the job that this process performs, or is about to."""
        if not self._term_child:
            return
        name = signal.Signals(number).name
        if self._is_in_job:
            raise TermException(name)
        self._pending = name

    def begin_job(self) -> None:
        """From now on, with `term_child`, a signal that ends the job in this process reaches it
        as a TermException; raised at once when the signal has been here already."""
        self._is_in_job = True
        if self._pending is not None:
            raise TermException(self._pending)

    def finish_job(self) -> None:
        """From now on no signal raises anything."""
        self._is_in_job = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold signals back, for a fork: none of them may reach the child before it has said
        what they are to do (`let_go`, or wishes of its own)."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

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

        QUIT asks a child of several jobs to take no more. As in Ruby, INT (which a terminal sends
        to the child too), TERM and USR1 leave it as it is: what becomes of its job is the
        parent's decision. With `term_child` TERM reaches the job as a TermException.
        """
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            # Not SIG_IGN: programs that the job starts would inherit that, and ignore a TERM.
            at_rest = number in (signal.SIGCHLD, signal.SIGCONT)
            signal.signal(number, signal.SIG_DFL if at_rest else self._note_in_child)
        self.leave = False
        self._pending = None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)

    def _note_in_child(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGQUIT:
            self.leave = True
        elif number in (signal.SIGTERM, signal.SIGUSR1):
            self._interrupt(number)
