"""Jobs whose process died under them, put back onto their queues a bounded number of times."""

from __future__ import annotations

import hashlib

from resque.state.workers import Record
from resque.wire.exchange import Exchange, load_script, single
from resque.wire.keys import Keys, name_bytes

_PUT_BACK = load_script("put_back")

#: How long it is remembered that a job was lost.
_LOST_FOR_S = 24 * 3600


def may_be_put_back(record: Record) -> bool:
    """Whether what a worker held can be read as a job of a queue."""
    return record.queue is not None and record.class_name is not None


def count_key(keys: Keys, queue: str, payload: bytes) -> bytes:
    """The key under which it is counted how often a job was lost."""
    job = b"%s %s" % (name_bytes(queue), payload)
    return keys.lost(hashlib.sha1(job, usedforsecurity=False).hexdigest())


def put_back(keys: Keys, worker_id: str, record: Record, *, at_most: int) -> Exchange[int]:
    """Put a lost job back to the head of its queue, unless that has happened `at_most` times to
    a job of these bytes within a day. Returns how often it has happened now; 0 when it was too
    often or the worker holds another job: nothing is done then. One round trip, O(1)."""
    queue = name_bytes(record.queue or "")
    payload = record.payload or b""
    return single(
        _PUT_BACK.call(
            [
                keys.worker(worker_id),
                keys.queue(record.queue or ""),
                keys.queues(),
                count_key(keys, record.queue or "", payload),
            ],
            [record.raw, payload, queue, at_most, _LOST_FOR_S],
        ),
        int,
        writes=True,
    )
