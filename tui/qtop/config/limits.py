"""Thresholds from which on something is wrong, and how much an undo may keep."""

from __future__ import annotations

from typing import Final, Self

from queuecore.action_record import DEFAULT_UNDO_BYTES, DEFAULT_UNDO_S
from queuecore.values import value

#: Two heartbeats are missing.
SILENT_AFTER_S: Final = 120
#: Four more are: others take such a worker for dead.
DEAD_AFTER_S: Final = 300


@value
class Thresholds:
    """From when on something is wrong; the settings file can change each. Parts are from 0 to 1."""

    silent_after_s: float = SILENT_AFTER_S  # A worker whose heartbeat is older is silent.
    beat_ahead_s: float = 60  # A heartbeat further in the future comes from a wrong clock.
    #: A job is overdue when it runs this many times as long as nearly all jobs of its class did,
    #: once `jobs_known` of them have ended.
    overdue_times: float = 3
    overdue_after_s: float = 60  # A job that runs for less is never overdue.
    jobs_known: float = 20  # After so many ended jobs it is known how long a class usually takes.
    long_job_s: float = 1_800  # A job of a class that is not known yet is long after this time.
    burst_times: float = 5  # Failures that come this many times as fast as usual are a burst.
    burst_per_min: float = 10  # Fewer failures a minute are no burst.
    shared_classes: float = 4  # An error in so many classes has a cause that they share.
    worst_part: float = 0.8  # A class with at least this part of the newest failures is named.
    grow_for_s: float = 120  # A queue that grows for this long does not keep up.
    grow_by_jobs: float = 20  # A queue that grew by fewer jobs in that time keeps up.
    paused_for_s: float = 3_600  # A pause that is older may have been forgotten.
    overdue_delay_s: float = 60  # Delayed jobs that are due for longer should have been moved.
    #: Where processes take turns to look for what is due, it may wait so long for each of them.
    poll_turn_s: float = 15
    latency_s: float = 300  # A queue whose next job has waited for longer is late.
    late_beat_s: float = (
        25  # A process with threads that has not beaten for longer missed two beats.
    )
    quiet_for_s: float = 300  # A process that is quiet for longer should have finished its jobs.
    lost_for_s: float = 3_600  # Jobs of a process that went without a word are named for so long.
    round_trip_ms: float = 50  # A process that waits longer for Redis is slowed down by it.
    rss_for_s: float = 1_800  # Memory of a process that only grows for this long may leak.
    rss_by_part: float = 0.2  # Memory that grew by less than this part in that time does not.
    storm_jobs: float = 1_000  # Fewer retries within five minutes are no storm.
    dead_cap: float = 10_000  # At so many dead jobs each death drops the oldest (dead_max_jobs).
    dead_days: float = 180  # Dead jobs that are older are dropped (dead_timeout_in_seconds).
    dead_warn_days: float = 7  # Dead jobs that are dropped within so many days are about to be.
    memory_part: float = 0.9  # The server's memory is nearly full from this part on.
    clients_part: float = 0.9  # The server's connections are nearly used up from this part on.
    clock_skew_s: float = 5  # Clocks that differ by more are wrong.
    slow_look_ms: float = 250  # A poll that takes longer is slow.


#: The thresholds that the settings do not change.
USUAL: Final = Thresholds()


# Undo: how long actions can be undone, and how much that may keep in Redis.

MOST_UNDO: Final = 1_000_000


@value
class UndoLimits:
    """An action can be undone for `lifetime_s`, unless that would keep more than `most_bytes`, or
    than the `free_bytes` that the server has left (None: no limit is known)."""

    lifetime_s: int = DEFAULT_UNDO_S
    most_bytes: int = DEFAULT_UNDO_BYTES
    free_bytes: int | None = None

    @classmethod
    def of(cls, hours: float, mebibytes: float) -> Self:
        """The limits, given in hours and MiB."""
        return cls(int(hours * 3600), int(mebibytes * 2**20))

    def seconds_for(self, size_bytes: int | None) -> int:
        """How long an action that removes `size_bytes` (None: unknown) can be undone; 0 when that
        is too much to keep."""
        return 0 if self.refusal(size_bytes) else self.lifetime_s

    def refusal(self, size_bytes: int | None) -> str | None:
        """Why nothing that takes `size_bytes` is kept for an undo, in words; None when it is."""
        if not self.lifetime_s:
            return "undo is off (undo_hours is 0)"
        if size_bytes is None:
            return None
        would = f"its undo would keep {_mib(size_bytes)}"
        if size_bytes > self.most_bytes:
            return f"{would}, the limit is {_mib(self.most_bytes)} (undo_mib, QTOP_UNDO_MIB)"
        if self.free_bytes is not None and size_bytes > self.free_bytes:
            return f"{would}, the server has {_mib(self.free_bytes)} left below its maxmemory"
        return None


def _mib(size_bytes: int) -> str:
    return f"{round(size_bytes / 2**20, 1):,} MiB".replace(".0 MiB", " MiB")
