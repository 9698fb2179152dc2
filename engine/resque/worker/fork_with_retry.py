"""Waiting until the system has room for a process: memory and process ids come and go."""

from __future__ import annotations

from collections.abc import Callable

from resque.worker.child import Child
from resque.worker.log import told
from resque.worker.signals import SignalState

#: Tries to make a process again grow up to this distance.
_LONGEST_PAUSE_S = 10.0


class Room:
    """Makes the processes of one worker's jobs. `wait` waits some seconds, or until a signal or the
    next beat; `log` gets a line for each try that failed."""

    def __init__(
        self,
        wishes: SignalState,
        beat_if_due: Callable[[], None],
        wait: Callable[[float], None],
        log: Callable[[str], None],
    ) -> None:
        self._wishes = wishes
        self._beat_if_due = beat_if_due
        self._wait = wait
        self._log = log

    def fork(self, fork: Callable[[], Child]) -> Child | None:
        """What `fork` returns, as soon as it does not raise OSError. None when the worker was told
        to leave before, or to end the job."""
        pause_s = 0.1
        while True:
            try:
                with self._wishes.held():
                    return fork()
            except OSError as error:
                why = error.strerror or error
                text = f"no process for a job: {why}; next try in {pause_s:.1f} s"
                self._log(told(text, level="error", event="no process"))
            if self._wishes.leave or self._wishes.end_job:
                return None
            self._beat_if_due()
            self._wait(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
