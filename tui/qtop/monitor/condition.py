"""What a worker does, as far as it can be told from outside. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

from resque.store.snapshot import WorkerState
from resque.store.workers import PRUNE_AFTER_S

Condition = Literal["dead?", "unregistered", "silent", "unknown", "working", "no heartbeat", "idle"]
CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)
"""What a worker does, troubles first. `unregistered`: it holds a job and is on no register. Unknown
is what Redis did not tell."""

#: Two heartbeats are missing.
SILENT_AFTER_S: Final = 120


def condition(worker: WorkerState, silent_after_s: float = SILENT_AFTER_S) -> Condition:
    """What a worker does, as far as its heartbeat and its record tell."""
    if worker.has_heartbeat is None:
        return "unknown"
    if not worker.has_heartbeat:
        return "no heartbeat"
    age_s = worker.heartbeat_age_s
    if age_s is not None and age_s > PRUNE_AFTER_S:
        return "dead?"
    if age_s is not None and age_s > silent_after_s:
        return "silent"
    if worker.is_busy is None:
        return "unknown"
    return "working" if worker.is_busy else "idle"
