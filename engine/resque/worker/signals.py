"""What signals ask of a worker.

| signal | asks |
|---|---|
| QUIT | finish the present job, then leave |
| TERM, INT | end the present job now (it becomes a failure), leave |
| TERM, with GRACEFUL_TERM | as QUIT |
| HUP: its terminal was closed | as INT; nothing where `nohup` holds it back |
| USR1 | end the present job now, go on |
| USR2 | take no more jobs; CONT: take jobs again |
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
from collections.abc import Callable, Mapping
from types import FrameType

from queuecore.values import Any, Self
from resque.errors import TermException

_HANDLED = tuple(
    int(number)
    for number in (
        *(signal.SIGQUIT, signal.SIGTERM, signal.SIGINT, signal.SIGHUP),
        *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGCHLD),
    )
)

#: Sent to a child so that it sees what it was sent before; without a meaning of its own, also to
#: programs that a job has become.
NUDGE = signal.SIGURG

#: They end the present job.
HURRIED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_OF_PAUSES = (signal.SIGUSR2, signal.SIGCONT)

#: What `fileno` has to read after a CHLD.
_CHILD_ENDED = bytes((signal.SIGCHLD,))

# Those of `signal` turn what they return into enums, which are not read here, by way of an error
# for each handler.
_set_handler = _signal.signal
_set_mask = _signal.pthread_sigmask
_BLOCK, _UNBLOCK, _DEFAULT = int(signal.SIG_BLOCK), int(signal.SIG_UNBLOCK), _signal.SIG_DFL
_AT_REST_IN_CHILD = (int(signal.SIGCHLD), int(signal.SIGCONT))


def _pass(number: int, frame: FrameType | None) -> None:
    """CHLD and a nudge only have to end a wait."""


class _Held:
    def __enter__(self) -> None:
        _set_mask(_BLOCK, _HANDLED)

    def __exit__(self, *raised: object) -> None:
        _set_mask(_UNBLOCK, _HANDLED)


_HELD = _Held()


class SignalPipe:
    """A file descriptor that is readable after a signal (`fileno`), so that no wait outlasts one. A
    context manager: it takes some signals over and gives them back."""

    #: What is called with each of the signals that are taken over.
    _handlers: Mapping[int, Callable[[int, FrameType | None], None]]

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._open()

    def _open(self) -> None:
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number, handler in self._handlers.items():
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                # nohup.
                continue
            self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *raised: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._close()

    def _close(self) -> None:
        os.close(self._read_fd)
        os.close(self._write_fd)

    def fileno(self) -> int:
        """Readable after a signal, until it is read."""
        return self._read_fd


class SignalState(SignalPipe):
    """What the signals that a worker got ask for.

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
        super().__init__()
        self.leave = False
        self.end_job = False
        self.is_paused = False
        self._graceful_term = graceful_term
        self._term_child = term_child
        self._on_signal = on_signal
        #: This is a child that has no job yet: one that has to end leaves, and no job fails.
        self.is_without_job = False
        self._is_in_job = False
        self._pending: str | None = None
        self._is_child = False
        noted = dict.fromkeys(_HANDLED, self._note)
        self._handlers = {**noted, int(signal.SIGCHLD): _pass, int(NUDGE): _pass}

    def __enter__(self) -> Self:
        super().__enter__()
        # A process of a pool is born with them held back, so that none is lost before this.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return self

    def leave_to_another(self) -> None:
        """In a child after a fork, which will take the signals over in its own way: until it does
        they stay held back, if they are."""
        signal.set_wakeup_fd(-1)
        self._close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._is_child:
            self._note_in_child(number)
            return
        if number in _OF_PAUSES:
            # Before any call: a later signal may interrupt that, and its handler is done first.
            self.is_paused = number == signal.SIGUSR2
        self._on_signal(number)
        if number == signal.SIGTERM and self._graceful_term:
            number = signal.SIGQUIT
        if number in HURRIED:
            self.leave = self.end_job = True
            self._interrupt(number)
        elif number == signal.SIGQUIT:
            self.leave = True
        elif number == signal.SIGUSR1:
            self.end_job = True

    def _interrupt(self, number: int) -> None:
        """With `term_child`: end the job that this process performs, or is about to."""
        if not self._term_child:
            return
        if self.is_without_job:
            os._exit(0)
        # A QUIT before it may be lost: what is raised here can end the handler of that.
        self.leave = True
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

    def held(self) -> _Held:
        """Hold signals back (`with`), for a fork: none of them may reach the child before it has
        said what they are to do (`let_go`, or a state of its own)."""
        return _HELD

    def drain(self) -> bool:
        """Make `fileno` quiet again. Returns whether there was anything but a child's end."""
        try:
            # What more there is makes the next wait short.
            numbers = os.read(self._read_fd, 512).strip(_CHILD_ENDED)
        except BlockingIOError:
            return False
        for number in numbers:
            # In the order in which they came: handlers are called in that of their numbers, and
            # one of them may interrupt another.
            if number in _OF_PAUSES and not self._is_child:
                self.is_paused = number == signal.SIGUSR2
        return bool(numbers)

    def let_go(self, *, will_wait: bool = False) -> None:
        """In a child after a fork: the parent's signals are not the child's. One that `will_wait`
        for signals itself gets a descriptor of its own: it would drain what wakes its parent.

        QUIT asks a child of several jobs to take no more. As in Ruby, INT (which a terminal sends
        to the child too, as HUP), TERM and USR1 leave it as it is: what becomes of its job is the
        parent's decision. With `term_child` TERM reaches the job as a TermException.
        """
        signal.set_wakeup_fd(-1)
        if will_wait:
            self._close()
            self._open()
            signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        self._is_child = True
        # The others keep their handler: to set one anew costs a fork's child ten pages, and
        # SIG_IGN would be inherited by programs that the job starts, which then ignore a TERM.
        for number in _AT_REST_IN_CHILD:
            _set_handler(number, _DEFAULT)
        self.leave = False
        self._pending = None
        _set_mask(_UNBLOCK, _HANDLED)

    def _note_in_child(self, number: int) -> None:
        if number == signal.SIGQUIT:
            self.leave = True
        elif number in (signal.SIGTERM, signal.SIGUSR1):
            self._interrupt(number)
