"""`Resque`: what an application imports to enqueue jobs and to look at queues."""

from __future__ import annotations

from typing import Any

from resque.errors import NoClassError, NoQueueError
from resque.jobs import Enqueueable
from resque.state import queues, stats
from resque.state.stats import Info
from resque.wire.codec import Payload, Unreadable, decode_payload, encode_job
from resque.wire.exchange import Operation, T
from resque.wire.keys import DEFAULT_NAMESPACE, Keys
from resque.wire.stores import DEFAULT_TIMEOUT_S, Store

__all__ = ["Info", "Resque"]


class Resque:
    """One Resque: a Redis and a namespace. Threads may share it, and it survives a fork.

    Every method raises StoreError when Redis cannot be reached or refuses; `OutcomeUnknown`
    when an enqueue was sent and its answer never came.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self.keys = Keys(namespace)
        self._store = Store(url, timeout_s=timeout_s)

    def enqueue(self, job: Enqueueable, *args: Any) -> bool:
        """Put a job on its own queue. Returns True. One round trip.

        Raises NoQueueError when the job has no queue (use `enqueue_to`), NoClassError when it
        has no name, EncodeError for arguments that JSON cannot carry.
        """
        queue = None if isinstance(job, str) else job.queue
        return self.enqueue_to(queue, job, *args)

    def enqueue_to(self, queue: str | None, job: Enqueueable, *args: Any) -> bool:
        """Put a job on `queue`, whatever its own. As `enqueue` otherwise."""
        name = job if isinstance(job, str) else job.name
        if queue is None:
            raise NoQueueError(
                f"{name!r} has no queue of its own: declare one, or name it with enqueue_to"
            )
        if not name:
            raise NoClassError("a job needs a class: its name is empty")
        self._store.run(queues.push(self.keys, queue, [encode_job(name, args)]))
        return True

    def size(self, queue: str) -> int:
        """How many jobs wait in `queue`; 0 when there is no such queue. O(1)."""
        return self._store.run(queues.size(self.keys, queue))

    def peek(self, queue: str, start: int = 0, count: int = 1) -> list[Payload | Unreadable]:
        """The waiting jobs from place `start`, at most `count`, whole. O(start + count)."""
        window = self._store.run(queues.peek(self.keys, queue, start, count, max_bytes=2**29))
        return [decode_payload(item.raw) for item in window.items]

    def queues(self) -> list[str]:
        """All queues ever enqueued to, in byte order."""
        return self._store.run(queues.names(self.keys))

    def info(self) -> Info:
        """The totals. Two round trips, O(queues + workers)."""
        return self._store.run(stats.info(self.keys))

    def run(self, operation: Operation[T]) -> T:
        """Carry out any operation of `resque.state` on this Redis, with `keys`."""
        return self._store.run(operation)

    def close(self) -> None:
        """Close the connections; using it again opens new ones."""
        self._store.close()
