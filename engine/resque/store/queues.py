"""Queues: their names, lengths, waiting jobs; pushing, moving and removing jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from queuecore import bulk, windows
from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Arg, Exchange, Steps, single
from queuecore.keys import name_bytes, name_text, turn
from queuecore.values import value
from queuecore.windows import Item, Window
from resque.codec import Payload, decode_payload
from resque.errors import WrongType
from resque.keys import Keys
from resque.scripts import load_script

# A forking worker needs no more of queues than these.
from resque.store.queue_list import QueueList as QueueList
from resque.store.queue_list import fnmatch as fnmatch
from resque.store.queue_list import names as names

_PUSH_ALL = load_script("push_all")
_REMOVE_QUEUE = load_script("remove_queue")
_REPLACE = load_script("replace")

#: How far from its place a job is looked for before the whole queue is.
_REACH = 50
#: So many jobs are removed by their bytes: each may take a walk through the whole queue.
_FEW = 10


def size(keys: Keys, queue: str) -> Exchange[int]:
    """How many jobs wait in `queue`; 0 when there is no such queue. One round trip, O(1)."""
    return single(("LLEN", keys.queue(queue)), int)


def push(keys: Keys, queue: str, payloads: Sequence[bytes]) -> Exchange[int]:
    """Append payloads to a queue and register its name, in Ruby's order. Returns the length
    of the queue afterwards. One round trip, O(payloads)."""
    return Exchange(
        (
            ("SADD", keys.queues(), name_bytes(queue)),
            ("RPUSH", keys.queue(queue), *payloads),
        ),
        lambda replies: int(replies[1]),
        writes=True,
    )


def push_all(keys: Keys, payloads: Mapping[str, Sequence[bytes]]) -> Exchange[int]:
    """Append payloads to several queues, all of them or none. Returns how many. Raises WrongType
    when a queue's key is not a list. One round trip, O(payloads)."""
    args: list[Arg] = []
    for queue, items in payloads.items():
        args += [name_bytes(queue), len(items), *items]
    return _PUSH_ALL.write([keys.queues(), *map(keys.queue, payloads)], args, _pushed)


def _pushed(reply: int) -> int:
    if reply < 0:
        raise WrongType("WRONGTYPE: the key of a queue holds no list; nothing was enqueued")
    return reply


def remove_exact(keys: Keys, queue: str, payload: bytes) -> Exchange[int]:
    """Remove waiting jobs with exactly these bytes. Returns how many. One round trip, O(queue)."""
    return single(("LREM", keys.queue(queue), 0, payload), int, writes=True)


def remove_matching(keys: Keys, queue: str, class_name: str, args: Any | None) -> Steps[int]:
    """Remove waiting jobs of a class, and with equal arguments unless `args` is None, however
    their JSON is spelled. Returns how many. A round trip for each 1,000 jobs, one more for a few
    that match and two for each 200 of many."""

    wanted = _spelling(args)

    def choose(item: Item, place: int) -> tuple[bulk.JobRef, bytes] | None:
        payload = decode_payload(item.raw)
        matches = (
            isinstance(payload, Payload)
            and payload.class_name == class_name
            and (args is None or _spelling(payload.args) == wanted)
        )
        return (bulk.JobRef(place, item.sha), item.raw) if matches else None

    key = keys.queue(queue)
    found = yield from bulk.scan(key, choose, max_bytes=2**29)
    if len(found) <= _FEW:
        removals = tuple(("LREM", key, 1, raw) for _, raw in found)
        removed: int = yield Exchange(removals, sum, writes=True)
        return removed
    return (yield from _all_of(bulk.take(keys, key, [ref for ref, _ in found], bulk.delete)))


def _all_of(action: Steps[bulk.Result]) -> Steps[int]:
    """How many items an action has taken; raises what stopped it."""
    result = yield from action
    if result.stopped is not None:
        raise result.stopped
    return result.done


def move(
    keys: Keys,
    queue: str,
    refs: Sequence[bulk.JobRef],
    to: str,
    record: ActionRecord | None = None,
) -> Steps[bulk.Result]:
    """Move waiting jobs to the end of another queue, byte for byte. Costs as `bulk.take`."""
    return bulk.take(
        keys, keys.queue(queue), refs, lambda raw: bulk.Taking(0, raw, to, raw), record
    )


def move_all(keys: Keys, queue: str, to: str) -> Steps[int]:
    """Move the jobs that wait in `queue` now to the end of another. Returns how many; raises
    what stopped it. A round trip for each 1,000 jobs, two for each 200."""
    refs: list[bulk.JobRef] = yield from bulk.scan(
        keys.queue(queue), lambda item, place: bulk.JobRef(place, item.sha)
    )
    return (yield from _all_of(move(keys, queue, refs, to)))


def replace(
    keys: Keys,
    queue: str,
    place: int,
    raw: bytes,
    payload: bytes,
    record: ActionRecord | None = None,
) -> Exchange[bool]:
    """Put another payload in the place of a waiting job.

    Args:
        place: Where it was seen, from the head (0 is next); it may have moved since.
        raw: Its bytes.

    Returns whether it was still there. One round trip, atomic; O(distance to the nearer end), or
    O(queue) when it has moved far.
    """
    args: list[Arg] = [place, raw, payload, _REACH]
    return recorded(_REPLACE, keys, record, [keys.queue(queue)], args, bool)


def _spelling(args: Any) -> str:
    # Not `==`: in Python True equals 1, and 1 equals 1.0.
    return json.dumps(args, sort_keys=True)


def remove_queue(keys: Keys, queue: str) -> Exchange[int]:
    """Delete a queue and its name. Returns how many jobs there were. One round trip, atomic; the
    server frees the memory in the background."""
    key = keys.queue(queue)
    return _REMOVE_QUEUE.write([keys.queues(), key, turn(key)], [name_bytes(queue)], int)


def peek(
    keys: Keys, queue: str, start: int, count: int, *, max_bytes: int = 65_536
) -> Exchange[Window]:
    """The waiting jobs from place `start` (0 is next), at most `count`; of an item longer than
    `max_bytes` only the beginning. One round trip, O(start + count)."""
    # To LRANGE 0 -1, which these would be for none at all, is everything.
    first, last = (start, start + count - 1) if count > 0 else (1, 0)
    return windows.window(keys.queue(queue), first, last, max_bytes=max_bytes)


@value
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
