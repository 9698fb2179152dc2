"""What a worker does, as far as it can be told from outside. Pure."""

from __future__ import annotations

from typing import Final, Literal

from resque.state.snapshot import WorkerState
from resque.state.workers import PRUNE_AFTER_S

Condition = Literal["dead?", "unregistered", "silent", "working", "no heartbeat", "idle"]
CONDITIONS: Final[tuple[Condition, ...]] = (
    *("dead?", "unregistered", "silent", "working", "no heartbeat", "idle"),
)
"""What a worker does, troubles first. `unregistered`: it holds a job and is on no register."""

#: Two heartbeats are missing.
SILENT_AFTER_S: Final = 120


def condition(worker: WorkerState, silent_after_s: float = SILENT_AFTER_S) -> Condition:
    """What a worker does, as far as its heartbeat and its record tell."""
    if not worker.has_heartbeat:
        return "no heartbeat"
    age_s = worker.heartbeat_age_s
    if age_s is not None and age_s > PRUNE_AFTER_S:
        return "dead?"
    if age_s is not None and age_s > silent_after_s:
        return "silent"
    return "idle" if worker.record is None else "working"
