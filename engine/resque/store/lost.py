"""Jobs whose process died under them, put back onto their queues a bounded number of times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from queuecore.digests import sha1_hex
from queuecore.exchange import Command, Exchange
from queuecore.keys import name_bytes
from resque.keys import Keys
from resque.scripts import load_script
from resque.store.workers import Record

_PUT_BACK = load_script("put_back")

#: How long it is remembered that a job was lost.
LOST_FOR_S = 24 * 3600


def may_be_put_back(record: Record) -> bool:
    """Whether what a worker held can be read as a job of a queue."""
    return record.queue is not None and record.class_name is not None


def count_key(keys: Keys, queue: str, payload: bytes) -> bytes:
    """The key under which it is counted how often a job was lost."""
    job = b"%s %s" % (name_bytes(queue), payload)
    return keys.lost(sha1_hex(job))


def counts(keys: Keys, jobs: Sequence[tuple[str, bytes]]) -> Exchange[list[int]]:
    """How often jobs (queue and payload each) were put back within a day after their process had
    died. (Only workers that put lost jobs back count that.) One round trip, O(jobs)."""
    return counts_under([count_key(keys, *job) for job in jobs])


def counts_under(wanted: Sequence[bytes]) -> Exchange[list[int]]:
    """As `counts`, of jobs whose `count_key`s are known."""
    commands: tuple[Command, ...] = (("MGET", *wanted),) if wanted else ()
    return Exchange(commands, lambda replies: [int(n or 0) for n in chain.from_iterable(replies)])


def put_back(keys: Keys, worker_id: str, record: Record, *, at_most: int) -> Exchange[int]:
    """Put a lost job back to the head of its queue, unless that has happened `at_most` times to
    a job of these bytes within a day. Returns how often it has happened now; 0 when it was too
    often or the worker holds another job: nothing is done then. One round trip, O(1)."""
    queue = name_bytes(record.queue or "")
    payload = record.payload or b""
    return _PUT_BACK.write(
        [
            keys.worker(worker_id),
            keys.queue(record.queue or ""),
            keys.queues(),
            count_key(keys, record.queue or "", payload),
        ],
        [record.raw, payload, queue, at_most, LOST_FOR_S],
        int,
    )
