"""Thresholds from which on something is wrong, and how much an undo may keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from queuecore.action_record import DEFAULT_UNDO_BYTES, DEFAULT_UNDO_S
from queuecore.errors import BadOption
from queuecore.values import value

#: Two heartbeats are missing.
SILENT_AFTER_S: Final = 120
#: Four more are: others take such a worker for dead.
DEAD_AFTER_S: Final = 300


@value
class Thresholds:
    """The thresholds of Overview; the settings file can change each of them.

    Attributes:
        silent_after_s: A worker whose heartbeat is older is silent.
        beat_ahead_s: A heartbeat that is further in the future comes from a wrong clock.
        overdue_times: A job is overdue when it runs this many times as long as nearly all jobs of
            its class did, once `jobs_known` of them have ended.
        overdue_after_s: A job that runs for less is never overdue.
        jobs_known: After this many ended jobs it is known how long a class usually takes.
        long_job_s: A job of a class that is not known yet is long after this time.
        burst_times: Failures that come this many times as fast as usual are a burst.
        burst_per_min: Fewer failures a minute are no burst.
        shared_classes: An error in this many classes has a cause that they share.
        worst_part: A class with at least this part of the newest failures is named, from 0 to 1.
        grow_for_s: A queue that grows for this long does not keep up.
        grow_by_jobs: A queue that grew by fewer jobs in that time keeps up.
        paused_for_s: A pause that is older may have been forgotten.
        overdue_delay_s: Delayed jobs that are due for longer should have been moved.
        memory_part: The server's memory is nearly full from this part on, from 0 to 1.
        clients_part: The server's connections are nearly used up from this part on.
        clock_skew_s: Clocks that differ by more are wrong.
        slow_look_ms: A poll that takes longer is slow.
    """

    silent_after_s: float = SILENT_AFTER_S
    beat_ahead_s: float = 60
    overdue_times: float = 3
    overdue_after_s: float = 60
    jobs_known: float = 20
    long_job_s: float = 1_800
    burst_times: float = 5
    burst_per_min: float = 10
    shared_classes: float = 4
    worst_part: float = 0.8
    grow_for_s: float = 120
    grow_by_jobs: float = 20
    paused_for_s: float = 3_600
    overdue_delay_s: float = 60
    memory_part: float = 0.9
    clients_part: float = 0.9
    clock_skew_s: float = 5
    slow_look_ms: float = 250


USUAL: Final = Thresholds()
"""The thresholds that the settings do not change."""


# Undo: how long actions can be undone, and how much that may keep in Redis.

DEFAULT_UNDO_HOURS = DEFAULT_UNDO_S / 3600
DEFAULT_UNDO_MIB = DEFAULT_UNDO_BYTES / 2**20
UNDO_HOURS, UNDO_MIB = "QTOP_UNDO_HOURS", "QTOP_UNDO_MIB"
MOST_UNDO: Final = 1_000_000


@value
class UndoLimits:
    """An action can be undone for `lifetime_s`, unless that would keep more than `most_bytes`."""

    lifetime_s: int = DEFAULT_UNDO_S
    most_bytes: int = DEFAULT_UNDO_BYTES

    @classmethod
    def of(cls, hours: float, mebibytes: float) -> Self:
        """The limits, given in hours and MiB."""
        return cls(int(hours * 3600), int(mebibytes * 2**20))

    def seconds_for(self, size_bytes: int | None) -> int:
        """How long an action that removes `size_bytes` (None: unknown) can be undone; 0 when that
        is too much to keep."""
        return 0 if size_bytes is not None and size_bytes > self.most_bytes else self.lifetime_s


def undo_settings(environ: Mapping[str, str]) -> dict[str, float]:
    """The values of `QTOP_UNDO_HOURS` (default 24; 0: never) and `QTOP_UNDO_MIB` (default 64), by
    the variable's name, where they are set. Raises BadOption."""
    return {
        name: _number(name, environ[name]) for name in (UNDO_HOURS, UNDO_MIB) if environ.get(name)
    }


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MOST_UNDO:
        raise BadOption(f"{name} must be a number from 0 to {MOST_UNDO:,}, not {text!r}")
    return value
