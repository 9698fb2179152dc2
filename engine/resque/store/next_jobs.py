"""The jobs that are next: the payload at the head of each of some queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from queuecore import active_job
from queuecore.exchange import Command, Exchange, Reply
from resque.codec import Payload, decode_payload
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script
from resque.store.read_cache import batches

#: Longer payloads are left out.
LONGEST_BYTES = 4_096
_QUEUE_FRONTS = load_script("queue_fronts")


@dataclass(frozen=True, slots=True)
class Fronts:
    """The payload that is next, by queue, without those that are empty, of another kind or over
    `LONGEST_BYTES`. `problem` says why some could not be read; None when all could."""

    payloads: Mapping[str, bytes]
    problem: str | None = None


def take(keys: Keys, queues: Sequence[str]) -> Exchange[Fronts]:
    """Read the payload that is next in each queue. One round trip, O(queues)."""
    return Exchange(asking(keys, queues), lambda replies: read(queues, replies), tolerant=True)


def asking(keys: Keys, queues: Sequence[str]) -> tuple[Command, ...]:
    """The commands of `take`, to be sent with others."""
    return tuple(
        _QUEUE_FRONTS.call([keys.queue(name) for name in batch], [LONGEST_BYTES])
        for batch in batches(queues)
    )


def read(queues: Sequence[str], replies: Iterable[Reply]) -> Fronts:
    """What the replies to `asking` say."""
    found: dict[str, bytes] = {}
    problem: str | None = None
    for batch, items in zip(batches(queues), replies, strict=True):
        if isinstance(items, StoreError):
            problem = str(items)
        else:
            found.update((name, item) for name, item in zip(batch, items, strict=True) if item)
    return Fronts(found, problem)


def waiting_since(raw: bytes) -> datetime | None:
    """When the job of a payload came to its queue; None when nothing tells: Resque itself writes no
    time. O(bytes)."""
    # Others are not worth decoding.
    payload = decode_payload(raw) if b"enqueued_at" in raw else None
    if not isinstance(payload, Payload):
        return None
    return active_job.waiting_since(payload.class_name, payload.args)
