"""The end of a child that is to end before its job does."""

from __future__ import annotations

import signal

from resque.worker.options import WorkerOptions
from resque.worker.signals import NUDGE

#: From TERM to the first nudge; the second comes after twice that time, and so on.
_FIRST_NUDGE_S = 0.25


class ChildStop:
    """Which signals a child is sent, and when. (Ruby: new_kill_child.)

    Between TERM and KILL it is nudged some times: Python tells a job of a signal between two of
    its steps, and one that comes just before a call blocks would be told of when that ends.
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
