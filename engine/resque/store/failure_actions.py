"""What Ruby's own API does with failures, beside what `bulk` does with all lists."""

from __future__ import annotations

from datetime import datetime

from queuecore import bulk, times
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result
from queuecore.exchange import Exchange, Steps
from queuecore.keys import name_bytes
from queuecore.values import replace
from queuecore.windows import Item
from resque.codec import encode
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import failures
from resque.store.failures import FAILED, Failure

_STAMP = load_script("stamp")


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
    """Delete the failures that carry `retried_at`. (Ruby: Failure.clear_retried.) Costs as
    `bulk.scan` and `bulk.take`."""

    def choose(item: Item, place: int) -> JobRef | None:
        was_retried = failures.read(item, place).retried_at is not None
        return JobRef(place, item.sha) if was_retried else None

    key = failures.list_key(keys, list_name)
    refs = yield from bulk.scan(key, choose)
    planned = None if record is None else replace(record, planned=len(refs))
    return (yield from bulk.take(keys, key, refs, bulk.delete, planned))


def _stamped(raw: bytes, stamp: str) -> bytes:
    """An entry with `retried_at` as its last member, in place of an earlier one."""
    text = raw.rstrip()[:-1]
    earlier = b',"retried_at":"'
    if earlier in text and text.endswith(b'"'):
        head, _, tail = text.rpartition(earlier)
        if b'"' not in tail[:-1]:
            text = head
    return b"%s%s%s}" % (text, b',"retried_at":', encode(stamp))
