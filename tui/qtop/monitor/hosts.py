"""The machines that workers run on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from qtop.monitor.rows import WorkerRow


@dataclass(frozen=True, slots=True)
class HostRow:
    """One machine, by the ids of its workers. None means unknown.

    Attributes:
        name: The host part of the ids; None for ids that have none.
        troubled: Workers that are silent or dead.
        longest_s: How long the longest running job has run.
        beat_age_s: The age of the youngest heartbeat: silent machines stand out.
    """

    name: str | None
    workers: int
    working: int | None
    troubled: int | None
    longest_s: float | None
    beat_age_s: float | None
    processed: int | None
    failed: int | None


def host_rows(workers: Iterable[WorkerRow]) -> list[HostRow]:
    """A row for each machine, by name. O(workers)."""
    by_host: defaultdict[str | None, list[WorkerRow]] = defaultdict(list)
    for worker in workers:
        by_host[worker.identity.host].append(worker)
    return [_row(name, by_host[name]) for name in sorted(by_host, key=lambda n: (n is None, n))]


def _row(name: str | None, workers: list[WorkerRow]) -> HostRow:
    elapsed = (w.elapsed_s for w in workers if w.elapsed_s is not None)
    beats = (w.heartbeat_age_s for w in workers if w.heartbeat_age_s is not None)
    are_known = not any(
        w.condition == "unknown" or (w.state.is_busy is None and w.condition != "dead?")
        for w in workers
    )
    have_beats = all(w.has_heartbeat is not None for w in workers)
    troubled = sum(w.condition in ("dead?", "silent") for w in workers)
    return HostRow(
        name=name,
        workers=len(workers),
        working=sum(w.is_at_work for w in workers) if are_known else None,
        troubled=troubled if have_beats else None,
        longest_s=max(elapsed, default=None),
        beat_age_s=min(beats, default=None),
        processed=_sum(w.processed for w in workers),
        failed=_sum(w.failed for w in workers),
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    """All together; None when one is unknown."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
