"""Jobs that kill their workers, kept where no worker takes them.

Each queue has a list of ours for them, beside the queue and outside of the set of queues: a worker
with `*` on its list, Ruby's included, never sees it. Payloads are kept byte for byte.
"""

from __future__ import annotations

from queuecore import bulk
from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef, Result, Taking
from queuecore.digests import sha1_hex
from queuecore.exchange import Exchange, Steps, single
from queuecore.keys import name_bytes, name_text
from queuecore.values import value
from queuecore.windows import Item
from resque.keys import Keys, QuarantineKeys
from resque.store import failures
from resque.store.failures import FAILED
from resque.store.lock_freeing import Leaving, and_free, noting

#: Longer entries are compared by their SHA-1, or not found at all in failures.
_WHOLE_BYTES = 65_536


@value
class Copies:
    """Where one payload of a queue was found: among the failures, and waiting in the queue.
    `size_bytes` is how large these items are together."""

    queue: str
    payload: bytes
    failed: tuple[JobRef, ...]
    waiting: tuple[JobRef, ...]
    size_bytes: int = 0


def names(keys: Keys) -> Steps[list[tuple[str, int]]]:
    """The queues of which jobs are in quarantine, and how many. Two round trips."""
    found: list[str] = yield single(
        ("SMEMBERS", keys.quarantined()), lambda reply: [name_text(raw) for raw in sorted(reply)]
    )
    lengths: list[int] = yield Exchange(
        tuple(("LLEN", keys.quarantine(name)) for name in found), lambda replies: list(replies)
    )
    return [(name, many) for name, many in zip(found, lengths, strict=True) if many]


def find(keys: Keys, queue: str, payload: bytes, list_name: str = FAILED) -> Steps[Copies]:
    """Find a payload among the failures and in its queue. Changes nothing. A round trip for each
    1,000 items of both; a failure that is longer than 64 KiB is not looked into."""
    sha, size = sha1_hex(payload), 0

    def of_failure(item: Item, place: int) -> JobRef | None:
        nonlocal size
        # What does not hold the bytes anywhere need not be read.
        if item.is_cut or payload not in item.raw:
            return None
        if failures.job_of(item.raw) != (queue, payload):
            return None
        size += item.size
        return JobRef(place, item.sha)

    def of_waiting(item: Item, place: int) -> JobRef | None:
        nonlocal size
        if item.sha != sha:
            return None
        size += item.size
        return JobRef(place, sha)

    waiting: list[JobRef] = yield from bulk.scan(keys.queue(queue), of_waiting)
    key = failures.list_key(keys, list_name)
    failed: list[JobRef] = yield from bulk.scan(key, of_failure, max_bytes=_WHOLE_BYTES)
    return Copies(queue, payload, tuple(failed), tuple(waiting), size)


def take_waiting(
    keys: Keys, found: Copies, record: ActionRecord | None, *, at_once: int = bulk.TAKE_ITEMS
) -> Steps[Result]:
    """Move the waiting copies to the quarantine of their queue, and free the locks that Ruby's
    plug-ins keep for them. Costs as `bulk.take`, and one round trip."""
    leaving = Leaving(keys, found.queue)

    def decide(raw: bytes) -> Taking | str:
        return Taking(0, raw, found.queue, raw)

    yield from _register(keys, found.queue)
    key = keys.queue(found.queue)
    taking = bulk.take(
        *(QuarantineKeys(keys.namespace), key, found.waiting, noting(leaving, decide), record),
        at_once=at_once,
    )
    return (yield from and_free(taking, leaving))


def take_failed(
    keys: Keys,
    found: Copies,
    record: ActionRecord | None,
    *,
    list_name: str = FAILED,
    at_once: int = bulk.TAKE_ITEMS,
) -> Steps[Result]:
    """Move the jobs of the failures to the quarantine of their queue. Costs as `bulk.take`, and
    one round trip."""

    def decide(raw: bytes) -> Taking | str:
        if failures.job_of(raw) != (found.queue, found.payload):
            return "the entry holds another job by now"
        return failures.requeue(raw)

    yield from _register(keys, found.queue)
    key = failures.list_key(keys, list_name)
    return (
        yield from bulk.take(
            *(QuarantineKeys(keys.namespace), key, found.failed, decide, record), at_once=at_once
        )
    )


def _register(keys: Keys, queue: str) -> Steps[None]:
    """Name the list before anything is in it. What moves jobs there finds the name, and notes no
    new one: an undo would take such a name off the set of queues, which is another one."""
    yield single(("SADD", keys.quarantined(), name_bytes(queue)), lambda _: None, writes=True)
