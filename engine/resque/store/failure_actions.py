"""What an operator does with failures: requeue, delete, edit; one, many, or all that match.

Entries are named by `bulk.JobRef`s and found by their bytes, wherever they are by then. Every
operation returns numbers and can leave a record for its undo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from queuecore import bulk, times
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result, Taking
from queuecore.exchange import Exchange, Steps
from queuecore.keys import name_bytes
from queuecore.windows import Item
from resque.codec import encode
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import failures
from resque.store.failures import FAILED, Failure

_STAMP = load_script("stamp")


def mark(failure: Failure) -> JobRef:
    """What names a failure to the operations here."""
    return JobRef(failure.place, failure.item.sha)


def select(
    keys: Keys, wanted: Callable[[Failure], bool], list_name: str = FAILED
) -> Steps[list[JobRef]]:
    """The failures that match, newest first. A round trip for each 1,000 entries; O(list)."""

    def choose(item: Item, place: int) -> JobRef | None:
        return JobRef(place, item.sha) if wanted(failures.read(item, place)) else None

    found: list[JobRef] = yield from bulk.scan(failures.list_key(keys, list_name), choose)
    return found


def requeue(
    keys: Keys,
    marks: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    list_name: str = FAILED,
    queue: str | None = None,
    at_once: int = bulk.TAKE_ITEMS,
) -> Steps[Result]:
    """Put the jobs of failures back onto their queues (or all onto `queue`) and take the entries
    off the list. Payloads go back byte for byte. Costs as `bulk.take`."""

    def decide(raw: bytes) -> Taking | str:
        job = failures.job_of(raw, queue)
        return job if isinstance(job, str) else Taking(0, raw, *job)

    key = failures.list_key(keys, list_name)
    return bulk.take(keys, key, marks, decide, record, at_once=at_once)


def delete(
    keys: Keys,
    marks: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    list_name: str = FAILED,
    at_once: int = bulk.TAKE_ITEMS,
) -> Steps[Result]:
    """Delete failures. Costs as `bulk.take`."""
    key = failures.list_key(keys, list_name)
    return bulk.take(keys, key, marks, bulk.delete, record, at_once=at_once)


def edit_and_requeue(
    keys: Keys,
    failure: JobRef,
    queue: str,
    payload: bytes,
    record: ActionRecord | None = None,
    *,
    list_name: str = FAILED,
) -> Steps[Result]:
    """Put another payload on a queue instead of a failure's, and take the entry off the list.
    `payload` is what the operator made of it. Costs as `bulk.take` of one."""
    decide = bulk.instead(queue, payload)
    return bulk.take(keys, failures.list_key(keys, list_name), [failure], decide, record)


def requeue_and_keep(
    keys: Keys, failure: Failure, now: datetime, *, list_name: str = FAILED
) -> Exchange[bool] | str:
    """Requeue as Ruby does: the entry stays on the list, stamped with `retried_at`. The stamp is
    spliced into the entry's bytes. Returns the round trip (whose result says whether the entry
    was still there), or why it cannot be done. O(n) in the list."""
    job = failures.job_of(failure.item.raw)
    if isinstance(job, str):
        return job
    queue, payload = job
    stamped = _stamped(failure.item.raw, times.failed_at(now))
    return _STAMP.write(
        [failures.list_key(keys, list_name), keys.queues(), keys.queue(queue)],
        [failure.place, failure.item.raw, stamped, payload, name_bytes(queue)],
        bool,
    )


def clear_retried(
    keys: Keys, record: ActionRecord | None = None, *, list_name: str = FAILED
) -> Steps[Result]:
    """Delete the failures that carry `retried_at`. (Ruby: Failure.clear_retried.)"""
    marks = yield from select(keys, lambda failure: failure.retried_at is not None, list_name)
    planned = None if record is None else replace(record, planned=len(marks))
    result: Result = yield from delete(keys, marks, planned, list_name=list_name)
    return result


def _stamped(raw: bytes, stamp: str) -> bytes:
    """An entry with `retried_at` as its last member, in place of an earlier one."""
    text = raw.rstrip()[:-1]
    earlier = b',"retried_at":"'
    if earlier in text and text.endswith(b'"'):
        head, _, tail = text.rpartition(earlier)
        if b'"' not in tail[:-1]:
            text = head
    return b"%s%s%s}" % (text, b',"retried_at":', encode(stamp))
