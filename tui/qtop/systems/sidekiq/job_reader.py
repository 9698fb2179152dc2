"""Jobs of Sidekiq as the console knows them, made from what the engine reads."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from qtop.model.job import DueTime, Job
from qtop.systems.sidekiq.cautions import cautions_of
from qtop.systems.sidekiq.refs import SETS, SetRef
from queuecore.active_job import unwrapped
from queuecore.bulk import JobRef
from queuecore.windows import Item
from sidekiq.codec import JobRecord, instant_of
from sidekiq.store.entries import ListedSet, SetEntry, state_of
from sidekiq.store.entry_search import EntryRef
from sidekiq.store.newest_failed import FailedEntry
from sidekiq.store.waiting_jobs import WaitingJob

if TYPE_CHECKING:
    pass

#: What is no extra of a waiting job: it is shown by itself.
_SHOWN: Final = ("class", "args", "jid", "tags")


def entry_job(entry: SetEntry) -> Job:
    """An entry of a set. Never raises. O(bytes)."""
    return _of_set(entry.listed_in, entry.at, entry.item, entry.record)


def failed_job(seen: FailedEntry) -> Job:
    """A job that a snapshot brought along. O(1)."""
    return _of_set(seen.listed_in, float(seen.score), seen.item, seen.record)


def _of_set(listed_in: ListedSet, at: float, item: Item, record: JobRecord) -> Job:
    """A job of a set with this score. What it does not say of its failure the score says of one
    that died. Copies of sidekiq-failures cannot be acted on: they have no ref."""
    name, args = names_of(record)
    name_of_set = next((each for each in SETS if each == listed_in), None)
    is_failed = listed_in != "schedule"
    is_read = bool(record.members)
    return Job(
        item,
        None if name_of_set is None else SetRef(name_of_set, EntryRef(at, item.sha)),
        class_name=name,
        args=args,
        queue=record.queue,
        problem=record.problem,
        failed_at=failed_at(listed_in, at, record) if is_failed else None,
        is_retried=False if is_failed and record.problem is None else None,
        exception=record.text("error_class") if is_failed else None,
        error=record.text("error_message") if is_failed else None,
        backtrace=record.backtrace if is_failed else (),
        due=DueTime(at, repr(at), 1) if listed_in in ("retry", "schedule") else None,
        state=state_of(listed_in, record) if is_read or listed_in != "retry" else None,
        jid=record.jid,
        tags=record.tags,
        cautions=cautions_of(record.members),
    )


def failed_at(listed_in: ListedSet, at: float, record: JobRecord) -> datetime | None:
    """When a job of a set failed last."""
    found = record.moment("retried_at") or record.moment("failed_at")
    if found is None and listed_in != "retry":
        # Of one that died, and of a copy, the score is when it did.
        return instant_of(at)
    return found


def names_of(record: JobRecord) -> tuple[str | None, Any]:
    """The class and arguments as they are written; where the arguments do not tell the job within
    ActiveJob's wrapper, its class is what `wrapped` says."""
    name, args = record.class_name, record.args
    inner = record.unwrapped[0]
    return (name if inner == unwrapped(name, args)[0] else inner), args


def waiting_job(item: Item, place: int, queue: str) -> Job:
    """A job at a place of a queue, counted from the next. Never raises. O(bytes)."""
    record = WaitingJob(item, place).record
    name, args = names_of(record)
    extra = {key: each for key, each in record.members.items() if key not in _SHOWN}
    return Job(
        item,
        JobRef(place, item.sha),
        place,
        name,
        args,
        queue,
        record.problem,
        extra=extra or None,
        jid=record.jid,
        tags=record.tags,
        cautions=cautions_of(record.members),
    )
