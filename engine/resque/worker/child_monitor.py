"""Staying with a child while it performs: listening, beating, and ending it when that is asked for
or its time is up."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Callable

from resque.worker import child
from resque.worker.cores import Cores
from resque.worker.ending import ChildStop
from resque.worker.limit import TimeLimit
from resque.worker.options import WorkerOptions
from resque.worker.signals import SignalState

#: Beside a job that takes longer there is time to make the next child ready, on whichever core.
_LONG_S = 0.005


class ChildMonitor:
    """Attends to one worker's children. `beat_if_due` and `due_in_s` are its heart's; beside each
    child `make_ready` is called once, for the next one."""

    def __init__(
        self,
        options: WorkerOptions,
        wishes: SignalState,
        beat_if_due: Callable[[], None],
        due_in_s: Callable[[], float],
        make_ready: Callable[[], None],
    ) -> None:
        self._options = options
        self._wishes = wishes
        self._beat_if_due = beat_if_due
        self._due_in_s = due_in_s
        self._make_ready = make_ready
        self._cores = Cores()

    def attend(self, running: child.Child, limit: TimeLimit | None) -> bool:
        """Stay with a child until it has reported or is gone. Returns whether it was to be ended
        so that the worker goes on without it."""
        poll = select.poll()
        poll.register(self._wishes.fileno(), select.POLLIN)
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
            if self._wishes.end_job or is_late:
                was_asked_for |= self._wishes.end_job and not self._wishes.leave
                self._wishes.end_job = False
                ending = ending or ChildStop(now_s, self._options, is_leaving=self._wishes.leave)
            if not is_last and (ending or self._wishes.leave or self._wishes.is_paused):
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
            self._wishes.drain()
        elif event & select.POLLIN:
            running.listen()
        else:
            # The child closed its end; from now on only its death is of interest.
            poll.unregister(fd)

    def _ask_for_the_last(self, running: child.Child) -> None:
        # A child of several jobs looks at its own wishes; QUIT is harmless to one of one.
        if self._options.jobs_per_fork > 1:
            running.kill(signal.SIGQUIT)
