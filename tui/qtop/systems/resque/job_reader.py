"""Jobs of Resque as the console knows them, made from what the engine reads."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final

from qtop.model.job import DueTime, Job, JobSource
from queuecore.bulk import JobRef
from queuecore.windows import Item
from resque.codec import Payload, decode, decode_payload
from resque.errors import WIRE_NAMES, DirtyExit, PruneDeadWorkerDirtyExit
from resque.keys import Keys
from resque.store import delayed, failures
from resque.store.failures import Failure

if TYPE_CHECKING:
    from resque.store.delayed_windows import DelayedEntry

TOO_LARGE: Final = "too large to list"
_DEADLY: Final = frozenset({WIRE_NAMES[DirtyExit], WIRE_NAMES[PruneDeadWorkerDirtyExit]})
NO_LIST: Final = "the key of this moment holds no list"


def list_key(keys: Keys, source: JobSource) -> bytes:
    """The key of a list of failures, of waiting jobs or of items set aside, of the delayed jobs of
    a moment, or of all moments with these."""
    if source.kind == "delayed":
        return keys.delayed(source.name) if source.name else keys.delayed_schedule()
    if source.kind == "failed":
        return failures.list_key(keys, source.name)
    if source.kind == "quarantine":
        return keys.quarantine(source.name)
    return keys.queue(source.name) if source.kind == "queue" else keys.unreadable(source.name)


def failed_job(item: Item, place: int) -> Job:
    """An entry of a list of failures, written by any implementation. Never raises. O(bytes)."""
    return failure_job(failures.read(item, place))


def failed_job_and_value(item: Item, place: int) -> tuple[Job, Any]:
    """As `failed_job`, and what `decode` made of its bytes; None where that is not known."""
    if not item.is_cut:
        try:
            value = decode(item.raw)
        except ValueError:
            pass  # Read once more, for the words.
        else:
            return failure_job(failures.read_value(item, place, value)), value
    return failed_job(item, place), None


def failure_job(failure: Failure) -> Job:
    """A failure that the engine has read. O(1)."""
    item, place, problem = failure.item, failure.place, failure.problem
    retried_at = failure.retried_at
    is_retried = None if problem is not None else retried_at is not None
    name, args, queue = failure.class_name, failure.args, failure.queue
    raised = failure.exception, failure.error, failure.backtrace, failure.worker
    # By their places: by their names it takes twice as long.
    return Job(
        *(item, JobRef(place, item.sha), place, name, args, queue, problem, None),
        *(failure.failed_at, retried_at, is_retried, *raised),
        has_died=failure.exception in _DEADLY,
    )


def engine_failure(job: Job) -> Failure:
    """A failure as the engine looks at it to tell what its process died of. O(1)."""
    return Failure(job.item, job.place or 0, exception=job.exception)


def waiting_job(item: Item, place: int, queue: str) -> Job:
    """A waiting job, or an item that was set aside from `queue`. Never raises. O(bytes)."""
    ref = JobRef(place, item.sha)
    payload = decode_payload(item.raw)
    if item.is_cut or not isinstance(payload, Payload):
        reason = TOO_LARGE if isinstance(payload, Payload) else payload.reason
        return Job(item, ref, place, queue=queue, problem=reason)
    return Job(item, ref, place, payload.class_name, payload.args, queue, extra=payload.extra)


def delayed_job(seen: DelayedEntry) -> Job:
    """A delayed job; or, for a moment that cannot be read, what is shown in its place. O(1)."""
    due = DueTime(seen.moment.at, seen.moment.stamp, seen.moment.size)
    if seen.job is None:
        shown = Item(due.stamp.encode("utf-8", "surrogateescape"), 0, "")
        return Job(shown, problem=NO_LIST, due=due)
    job = seen.job
    return Job(
        *(job.item, seen.ref, seen.place, job.class_name, job.args, job.queue, job.problem), due=due
    )


def delayed_item(item: Item, due: DueTime | None, ref: Hashable, place: int | None) -> Job:
    """A delayed job of which all bytes were read. Never raises. O(bytes)."""
    read = delayed.read(item, 0)
    parts = (read.class_name, read.args, read.queue, read.problem)
    return Job(item, ref, place, *parts, due=due)
