"""Totals."""

from __future__ import annotations

from dataclasses import dataclass

from queuecore.exchange import Exchange, Steps
from queuecore.keys import name_text
from resque.keys import Keys


@dataclass(frozen=True, slots=True)
class Info:
    """Totals, as Ruby's `Resque.info`: `failed` is the length of the list, not the statistic."""

    pending: int
    processed: int
    queues: int
    workers: int
    working: int
    failed: int


def info(keys: Keys) -> Steps[Info]:
    """Count everything. Two round trips, O(queues + workers)."""
    names, workers, processed, failed = yield Exchange(
        (
            ("SMEMBERS", keys.queues()),
            ("SMEMBERS", keys.workers()),
            ("GET", keys.stat("processed")),
            ("LLEN", keys.failed()),
        ),
        lambda replies: replies,
    )
    counts: list[int] = yield Exchange(
        (
            *(("LLEN", keys.queue(name_text(name))) for name in names),
            *(("EXISTS", keys.worker(name_text(worker))) for worker in workers),
        ),
        lambda replies: replies,
    )
    return Info(
        pending=sum(counts[: len(names)]),
        processed=int(processed or 0),
        queues=len(names),
        workers=len(workers),
        working=sum(counts[len(names) :]),
        failed=failed,
    )
