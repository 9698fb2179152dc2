"""The machines that workers run on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from qtop.rows.model import WorkerRow


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
    working: int
    troubled: int
    longest_s: float | None
    beat_age_s: float | None
    processed: int
    failed: int


def host_rows(workers: Iterable[WorkerRow]) -> list[HostRow]:
    """A row for each machine, by name. O(workers)."""
    by_host: defaultdict[str | None, list[WorkerRow]] = defaultdict(list)
    for worker in workers:
        by_host[worker.identity.host].append(worker)
    return [_row(name, by_host[name]) for name in sorted(by_host, key=lambda n: (n is None, n))]


def _row(name: str | None, workers: list[WorkerRow]) -> HostRow:
    elapsed = (w.elapsed_s for w in workers if w.elapsed_s is not None)
    beats = (w.heartbeat_age_s for w in workers if w.heartbeat_age_s is not None)
    return HostRow(
        name=name,
        workers=len(workers),
        working=sum(w.record is not None and w.condition != "dead?" for w in workers),
        troubled=sum(w.condition in ("dead?", "silent") for w in workers),
        longest_s=max(elapsed, default=None),
        beat_age_s=min(beats, default=None),
        processed=sum(w.processed or 0 for w in workers),
        failed=sum(w.failed or 0 for w in workers),
    )
