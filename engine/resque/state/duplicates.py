"""Jobs that are there more than once: the same bytes, waiting or failed or in several hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from resque.state import bulk, failures
from resque.state.failures import FAILED
from resque.state.snapshot import WorkerState
from resque.state.windows import Item, whole
from resque.wire.codec import members, text_of
from resque.wire.exchange import Steps
from resque.wire.keys import Keys


def waiting(keys: Keys, queue: str) -> Steps[dict[str, int]]:
    """How often each job waits in a queue that waits there more than once, by the SHA-1 of its
    payload. A round trip for each 1,000 jobs; O(queue)."""
    shas: list[str] = yield from bulk.scan(
        keys.queue(queue), lambda item, place: item.sha, max_bytes=0
    )
    return {sha: count for sha, count in Counter(shas).items() if count > 1}


def failed(keys: Keys, list_name: str = FAILED) -> Steps[dict[str, int]]:
    """How many failures are of the same job of the same queue, for each entry that has such
    company, by the SHA-1 of the entry. Entries over 64 KiB are not looked into. A round trip for
    each 1,000 entries; O(list)."""
    found: list[tuple[str, str]] = yield from bulk.scan(failures.list_key(keys, list_name), _job)
    counts = Counter(job for _, job in found)
    return {entry: counts[job] for entry, job in found if counts[job] > 1}


def _job(item: Item, place: int) -> tuple[str, str] | None:
    if item.is_cut:
        return None
    try:
        parts = members(item.raw)
    except ValueError:
        return None
    queue, payload = text_of(parts.get("queue")), parts.get("payload")
    if queue is None or payload is None:
        return None
    return item.sha, f"{whole(payload).sha} {queue}"


def in_hands(workers: Iterable[WorkerState]) -> dict[str, int]:
    """How many workers hold the same job of the same queue, for each that is not alone with it,
    by its id. Pure."""
    held = {
        worker.identity.text: (worker.record.queue, worker.record.payload)
        for worker in workers
        if worker.record is not None and worker.record.payload is not None
    }
    counts = Counter(held.values())
    return {worker_id: counts[job] for worker_id, job in held.items() if counts[job] > 1}
