"""The jobs under keys that no index leads to, and the copies that are kept of some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from qtop.model.health import Stray, StrayJob
from qtop.model.job import DueTime
from qtop.model.job_list import LISTED_BYTES
from qtop.systems.resque.job_reader import delayed_item, failed_job, waiting_job
from qtop.text.safe import ago
from queuecore import windows
from queuecore.exchange import Steps, single
from queuecore.windows import Item, Window

_ITEMS: Final = 250


def walk(stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]) -> Steps[bool]:
    if stray.kind == "retry":
        raw: bytes = yield single(("GETRANGE", stray.key, 0, LISTED_BYTES - 1), bytes)
        return visit(_copy(f"retry {stray.name}", "last failure, tried again", raw))
    for first in range(0, stray.jobs, _ITEMS):
        seen: Window = yield windows.window(
            stray.key, first, first + _ITEMS - 1, max_bytes=LISTED_BYTES
        )
        jobs = (job for item in seen.items for job in _read(stray, item, now))
        if not all(map(visit, jobs)):
            return False
    return True


def _read(stray: Stray, item: Item, now: datetime) -> Iterator[StrayJob]:
    if stray.kind == "delayed":
        yield _delayed(stray, item, now)
    elif item.raw.startswith(b"{"):
        # The rest says how to put it back.
        yield _copy(f"undo {stray.name}", "kept for an undo", item.raw)


def _delayed(stray: Stray, item: Item, now: datetime) -> StrayJob:
    try:
        due_s = float(stray.name) - now.timestamp()
    except ValueError:
        due_s = 0.0
    where = f"{stray.kind}:{stray.name}"
    due = f"due in {ago(due_s)}" if due_s > 0 else "due"
    job = delayed_item(item, DueTime(now.timestamp() + due_s, stray.name, 1), None, None)
    return StrayJob(where, f"{due}, not in the schedule", job)


def _copy(where: str, how: str, raw: bytes) -> StrayJob:
    item = windows.whole(raw)
    job = failed_job(item, 0)
    if job.exception is None and job.failed_at is None:
        job = waiting_job(item, 0, "")
    return StrayJob(where, how, job)
