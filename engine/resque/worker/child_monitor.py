"""Watches a child while it performs: reads its reports, sends heartbeats, and ends it when a signal
asks for that or its time is up."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable

from resque.worker import child
from resque.worker.options import WorkerOptions
from resque.worker.signals import NUDGE, SignalState
from resque.worker.upkeep import Heart

#: Beside a job that takes longer there is time to make the next child ready, on whichever core.
_LONG_S = 0.005
#: What Linux tells of its load: how many processes want a core, before the slash.
_LOAD = "/proc/loadavg"
#: One reading of the load answers so many questions.
_GOOD_FOR = 8


class Cores:
    """The cores of this machine; `count` of them, and the file `load` tells who wants one."""

    def __init__(self, count: int | None = None, load: str = _LOAD) -> None:
        self._count = count or os.cpu_count() or 1
        self._load = load
        self._questions = 0
        self._are_enough = True

    def are_enough(self) -> bool:
        """Whether there is one for every process that wants to run, but for this one, which is
        about to wait. Where the system does not tell: yes."""
        if self._questions % _GOOD_FOR == 0:
            self._are_enough = self._wanted() - 1 <= self._count
        self._questions += 1
        return self._are_enough

    def _wanted(self) -> int:
        try:
            fd = os.open(self._load, os.O_RDONLY)
        except OSError:
            return 0
        try:
            return int(os.read(fd, 100).split()[3].partition(b"/")[0])
        except (OSError, ValueError, IndexError):
            return 0
        finally:
            os.close(fd)


class TimeLimit:
    """How long the present job may still run. A child of several jobs reports its steps from one
    to the next; between two of them no time runs."""

    def __init__(self, limit_s: float | None, began_s: float) -> None:
        self._limit_s = float("inf") if limit_s is None else limit_s
        self._steps = 0
        self.up_at_s = began_s + self._limit_s
        self.was_reached = False

    def is_reached(self, steps: int, now_s: float) -> bool:
        """Whether the time is up, `steps` being those that the child has reported. Says so once."""
        if steps != self._steps:
            self._steps = steps
            self.up_at_s = float("inf") if steps % 2 else now_s + self._limit_s
        if now_s < self.up_at_s:
            return False
        self.up_at_s = float("inf")
        self.was_reached = True
        return True


#: From TERM to the first nudge; the second comes after twice that time, and so on.
_FIRST_NUDGE_S = 0.25


class ChildStop:
    """Which signals a child is sent, and when. (Ruby: new_kill_child.)

    Between TERM and KILL it is nudged some times: Python tells a job of a signal between two of
    its steps, and one that comes just before a call blocks would be noticed when that ends.
    """

    def __init__(self, now_s: float, options: WorkerOptions, *, is_leaving: bool) -> None:
        if options.term_child:
            grace_s = options.pre_shutdown_timeout_s if is_leaving else 0.0
            self._term_s = now_s + grace_s
            self._kill_s = self._term_s + options.term_timeout_s
        else:
            self._term_s, self._kill_s = float("inf"), now_s
        self._gap_s = _FIRST_NUDGE_S
        #: When there is something to send again; of `time.monotonic`.
        self.next_s = min(self._term_s, self._kill_s)

    def due(self, now_s: float) -> signal.Signals | None:
        """What is to be sent by now, if anything; not said twice."""
        if now_s < self.next_s:
            return None
        if now_s >= self._kill_s:
            self.next_s = float("inf")
            return signal.SIGKILL
        number = signal.SIGTERM if self.next_s == self._term_s else NUDGE
        self.next_s = min(now_s + self._gap_s, self._kill_s)
        self._gap_s *= 2
        return number


class ChildMonitor:
    """Watches one worker's children. While a child runs, `make_ready` is called once, to prepare
    the next one."""

    def __init__(
        self,
        options: WorkerOptions,
        signals: SignalState,
        heart: Heart,
        make_ready: Callable[[], None],
    ) -> None:
        self._options = options
        self._signals = signals
        self._beat_if_due = heart.beat_if_due
        self._due_in_s = heart.due_in_s
        self._make_ready = make_ready
        self._cores = Cores()

    def attend(self, running: child.Child, limit: TimeLimit | None) -> bool:
        """Watch a child until it has reported or is gone. Returns whether a signal asked to end it
        while the worker goes on."""
        poll = select.poll()
        poll.register(self._signals.fileno(), select.POLLIN)
        poll.register(running.report_fd, select.POLLIN)
        ending: ChildStop | None = None
        was_asked_for = is_last = False
        now_s = time.monotonic()
        ready_at_s = now_s + (0.0 if self._cores.are_enough() else _LONG_S)
        while True:
            if now_s >= ready_at_s:
                self._make_ready()
                ready_at_s = float("inf")
            is_late = limit is not None and limit.is_reached(running.steps, now_s)
            if self._signals.end_job or is_late:
                was_asked_for |= self._signals.end_job and not self._signals.leave
                self._signals.end_job = False
                ending = ending or ChildStop(now_s, self._options, is_leaving=self._signals.leave)
            if not is_last and (ending or self._signals.leave or self._signals.is_paused):
                is_last = True
                self._ask_for_the_last(running)
            if ending and (number := ending.due(now_s)):
                running.kill(number)
            self._beat_if_due()
            wait_s = min(self._due_in_s(), ready_at_s - now_s)
            if limit is not None:
                wait_s = min(wait_s, limit.up_at_s - now_s)
            if ending:
                wait_s = min(wait_s, ending.next_s - now_s)
            for fd, event in poll.poll(wait_s * 1000 + 1 if wait_s > 0 else 0):
                self._hear(fd, event, running, poll)
            if running.report() is not None or running.has_left():
                return was_asked_for
            now_s = time.monotonic()

    def _hear(self, fd: int, event: int, running: child.Child, poll: select.poll) -> None:
        if fd != running.report_fd:
            self._signals.drain()
        elif event & select.POLLIN:
            running.listen()
        else:
            # The child closed its end; from now on only its death is of interest.
            poll.unregister(fd)

    def _ask_for_the_last(self, running: child.Child) -> None:
        # A child of several jobs looks at its own signals; QUIT is harmless to one of one.
        if self._options.jobs_per_fork > 1:
            running.kill(signal.SIGQUIT)
