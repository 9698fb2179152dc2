"""Jobs that are there more than once: the same bytes, waiting, failed, or held by several workers.

Resque's jobs have no ids, so two of the same bytes may be one job twice or two jobs alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from queuecore import windows
from queuecore.exchange import Command, Exchange, Reply
from queuecore.fleet import Process
from resque.codec import members, text_of
from resque.keys import Keys
from resque.store.failures import Failure

#: How many jobs at the head of a queue are compared with each other.
HEAD_JOBS = 1000
#: How many places from either end of a queue a job is looked for.
_REACH = 100_000

#: A job: the name of its queue, and its payload.
QueuedJob = tuple[str, bytes]


def in_hands(workers: Iterable[Process]) -> dict[QueuedJob, list[str]]:
    """The ids of the workers that hold each job. Jobs over 64 KiB are left out. Pure."""
    holders: dict[QueuedJob, list[str]] = {}
    for worker in workers:
        for job in worker.jobs or ():
            if job.queue is not None and job.payload is not None:
                holders.setdefault((job.queue, job.payload), []).append(worker.id)
    return holders


def failed(failures: Iterable[Failure]) -> Counter[QueuedJob]:
    """How many of some failures are of each job. Entries over 64 KiB are not looked into. Pure."""
    return Counter(job for failure in failures if (job := _job(failure)) is not None)


def _job(failure: Failure) -> QueuedJob | None:
    if failure.item.is_cut:
        return None
    try:
        parts = members(failure.item.raw)
    except ValueError:
        return None
    queue, payload = text_of(parts.get("queue")), parts.get("payload")
    return None if queue is None or payload is None else (queue, payload)


def waiting_alike(keys: Keys, queues: Sequence[str]) -> Exchange[dict[str, int]]:
    """How many of the first 1,000 jobs of some queues are there more than once, by the queue's
    name; queues where none is are left out. One round trip, O(bytes of those jobs)."""
    heads = [windows.window(keys.queue(q), 0, HEAD_JOBS - 1, max_bytes=0) for q in queues]

    def parse(replies: list[Reply]) -> dict[str, int]:
        found: dict[str, int] = {}
        for queue, head, reply in zip(queues, heads, replies, strict=True):
            counts = Counter(item.sha for item in head.parse([reply]).items)
            found[queue] = sum(count for count in counts.values() if count > 1)
        return {queue: count for queue, count in found.items() if count}

    return Exchange(tuple(command for head in heads for command in head.commands), parse)


def waiting(keys: Keys, jobs: Sequence[QueuedJob]) -> Exchange[list[int | None]]:
    """How often each job waits in its queue, within 100,000 places of either end; None where the
    server cannot tell (before Redis 6.0.6). One round trip, O(places looked at)."""
    commands: list[Command] = []
    for queue, payload in jobs:
        for rank in (1, -1):
            find = ("LPOS", keys.queue(queue), payload, "RANK", rank)
            commands.append((*find, "COUNT", 0, "MAXLEN", _REACH))

    def parse(replies: list[Reply]) -> list[int | None]:
        ends = zip(replies[::2], replies[1::2], strict=True)
        return [
            len({*head, *tail}) if isinstance(head, list) and isinstance(tail, list) else None
            for head, tail in ends
        ]

    return Exchange(tuple(commands), parse, tolerant=True)
