"""Rows for workers that hold jobs and are on no register. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from qtop.monitor.rows import FleetRows, WorkerRow
from queuecore import times
from resque.store import workers
from resque.store.snapshot import Snapshot
from resque.store.strays import Stray, Strays
from resque.store.worker_reader import WorkerState


def unregistered_rows(strays: Strays | None, look: FleetRows | Snapshot) -> tuple[WorkerRow, ...]:
    """A row for each record of a worker that was found on no register, and is on none at the look
    either; none where the register is unknown. O(workers) where there are such records."""
    records = () if strays is None else strays.of("record")
    if not records or look.workers is None:
        return ()
    known = {each.identity.text for each in look.workers}
    return tuple(_rows((each for each in records if each.name not in known), look.server_time))


def _rows(records: Iterable[Stray], now: datetime) -> Iterator[WorkerRow]:
    for each in records:
        beaten = None if each.beat is None else times.parse(each.beat.decode("utf-8", "replace"))
        age_s = None if beaten is None else (now - beaten).total_seconds()
        state = WorkerState(
            workers.identity(each.name),
            None,
            age_s,
            each.beat is not None,
            each.record,
            None,
            None,
        )
        yield WorkerRow(state, "unregistered", now, False)
