"""How long a job may run."""

from __future__ import annotations


class TimeLimit:
    """How long the job in hand may still run. A child of several jobs tells of its steps from one
    to the next; between two of them no time runs."""

    def __init__(self, limit_s: float | None, began_s: float) -> None:
        self._limit_s = float("inf") if limit_s is None else limit_s
        self._steps = 0
        self.up_at_s = began_s + self._limit_s
        self.was_reached = False

    def is_reached(self, steps: int, now_s: float) -> bool:
        """Whether the time is up, `steps` being those the child has told of. Says so once."""
        if steps != self._steps:
            self._steps = steps
            self.up_at_s = float("inf") if steps % 2 else now_s + self._limit_s
        if now_s < self.up_at_s:
            return False
        self.up_at_s = float("inf")
        self.was_reached = True
        return True
