"""Whether the scheduler that holds the schedulers' lock is at work. A killed one holds it for up to
three minutes more: only renewals show that its owner lives. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resque.store.health import HealthReport

#: How long a lock lasts after each renewal, unless a scheduler was told otherwise: Ruby's and ours.
LIFETIME_S: Final = 180.0
#: A scheduler renews every few seconds: three of its rounds.
FRESH_S: Final = 15.0
#: Ours waits a third of the lifetime at most, however it was told to look.
STALE_S: Final = LIFETIME_S / 3


@dataclass(frozen=True, slots=True)
class Lease:
    """The lock, while it is held.

    Attributes:
        owner: Who holds it: `host:pid`.
        idle_s: For how long it has not been renewed; None when that is not known.
        left_s: Until it runs out; None when it never does, or that is not known.
        is_gone: Whether its owner's process should run on this machine, and does not.
    """

    owner: str
    idle_s: float | None = None
    left_s: float | None = None
    is_gone: bool = False


class LockWatch:
    """Sees from survey to survey whether the lock is renewed."""

    def __init__(self) -> None:
        self._owner = ""
        self._ends_at = self._moved_at = float("-inf")

    def add(self, survey: HealthReport) -> Lease | None:
        """What is known of the lock by now; None when it is free, or that is not known. The
        same survey may be added again."""
        left_s = survey.lock_left_s
        if not survey.master or survey.taken is None:
            return None
        if left_s is None:
            return Lease(survey.master)
        now = survey.taken.timestamp()
        # A renewal moves the end by seconds; what is less is the time that answers take.
        if survey.master != self._owner or now + left_s > self._ends_at + 1:
            self._owner, self._ends_at, self._moved_at = survey.master, now + left_s, now
        return Lease(survey.master, now - self._moved_at, left_s)
