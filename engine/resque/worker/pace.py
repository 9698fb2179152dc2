"""How long an idle worker rests between two looks at its queues, as Ruby's does."""

from __future__ import annotations

from resque.worker.options import WorkerOptions


class IdleInterval:
    """Rests grow from the shortest, after a job, to the longest, while there is none.

    Only what no wake-up call announces is looked for at this pace.
    """

    def __init__(self, options: WorkerOptions) -> None:
        given = options.interval_s
        longest = options.max_interval_s
        self.longest_s = given if longest is None else longest
        shortest = given if options.min_interval_s is None else options.min_interval_s
        self._shortest_s = min(shortest, self.longest_s)
        self._step_s = options.backoff_interval_s
        self._rest_s = max(self._shortest_s, min(given, self.longest_s))

    @property
    def is_over(self) -> bool:
        """Whether the worker is to leave instead of resting."""
        return self._rest_s == 0

    def begin_anew(self) -> None:
        """There was a job: the next one may follow soon."""
        self._rest_s = self._shortest_s

    def rest_s(self) -> float:
        """How long to rest now; a little longer each time."""
        self._rest_s = min(self._rest_s + self._step_s, self.longest_s)
        return self._rest_s
