"""From when on something is wrong: the bounds of what Overview says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from qtop.monitor.condition import SILENT_AFTER_S


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds, each of which the settings file can change.

    Attributes:
        silent_after_s: A worker whose heartbeat is older is silent.
        beat_ahead_s: A heartbeat that is further in the future comes from a wrong clock.
        overdue_times: A job that runs so many times as long as nearly all of its class did is
            overdue, once `jobs_known` of them were seen to end.
        overdue_after_s: No job is overdue before, however short its class usually is.
        jobs_known: From so many ended jobs on, it is known how long a class usually takes.
        long_job_s: A job of a class that is not known yet is long after so long.
        burst_times: Failures that come so many times as fast as usual are a burst.
        burst_per_min: Fewer failures a minute are none.
        shared_classes: An error in so many classes has a cause that they share.
        worst_part: A class with at least this part of the newest failures is named, from 0 to 1.
        grow_for_s: A queue that grows for so long does not keep up.
        grow_by_jobs: Growth by fewer jobs in that time is none.
        paused_for_s: A pause that is older was perhaps forgotten.
        overdue_delay_s: Delayed jobs whose moment is longer past should have been moved.
        memory_part: The server's memory is nearly full from this part on, from 0 to 1.
        clients_part: The server's connections are nearly used up from this part on.
        clock_skew_s: Clocks that differ by more are wrong.
        slow_look_ms: A look at everything that takes longer is slow.
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
"""The bounds unless somebody sets others."""
