"""`Resque`: what an application imports to enqueue jobs and to look at queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from queuecore.exchange import Operation, T
from queuecore.stores import DEFAULT_TIMEOUT_S, Store
from queuecore.times import Clock, wall_now
from resque import hooks
from resque.codec import Payload, Unreadable, decode, decode_payload, encode_job, require_utf8
from resque.errors import NoClassError, NoQueueError
from resque.jobs import Enqueueable, Registry, registry
from resque.keys import DEFAULT_NAMESPACE, Keys
from resque.perform import perform
from resque.store import delayed, queues
from resque.store.guard import Guard
from resque.store.queues import Info

__all__ = ["Info", "Resque"]


class Resque:
    """One Resque: a Redis and a namespace. Threads may share it, and it survives a fork.

    With `inline` a job is performed at once, in this process, after a round trip through JSON,
    and Redis is not touched: for tests and consoles. `registry` is where such jobs are found.

    Every method raises StoreError when Redis cannot be reached or refuses; `OutcomeUnknown`
    when a write was sent and its answer never came. What writes to a queue raises
    BelongsToSidekiq, before it writes, when the queue or the namespace is Sidekiq's by its content;
    for that the first write to each queue takes two round trips more than is said below.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        namespace: str = DEFAULT_NAMESPACE,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        inline: bool = False,
        registry: Registry = registry,
        clock: Clock = wall_now,
    ) -> None:
        self.keys = Keys(namespace)
        self._clock = clock
        self.inline = inline
        self._registry = registry
        self._store = Store(url, timeout_s=timeout_s)
        self._guard = Guard(self.keys, clock, remembers=True)

    # ---- putting jobs on queues

    def enqueue(self, job: Enqueueable, *args: Any) -> bool:
        """Put a job on its own queue. One round trip. Returns False when a `before_enqueue` hook
        returned False: then nothing was enqueued.

        Raises NoQueueError when the job has no queue (use `enqueue_to`), NoClassError when it
        has no name, EncodeError for arguments that JSON cannot carry (text that is not UTF-8
        among them), and what hooks raise.
        (Ruby: Resque.enqueue.)
        """
        return self.enqueue_to(_queue_of(job), job, *args)

    def enqueue_to(self, queue: str | None, job: Enqueueable, *args: Any) -> bool:
        """Put a job on `queue`, whatever its own. As `enqueue` otherwise."""
        queue, payload = _new(queue, job, args)
        if not _may(job, "before_enqueue", args):
            return False
        if self.inline:
            self._perform_inline(payload)
        else:
            self._write(queues.push(self.keys, queue, [payload]))
        _tell(job, "after_enqueue", args)
        return True

    def enqueue_many(self, jobs: Iterable[tuple[Enqueueable, Sequence[Any]]]) -> int:
        """Put many jobs, each with its arguments, on their own queues: all of them or none.

        Returns how many were enqueued; jobs vetoed by a hook are left out. One round trip and
        one transaction; O(jobs). Raises as `enqueue`, before anything is sent.
        """
        accepted: list[tuple[Enqueueable, Sequence[Any], bytes]] = []
        by_queue: dict[str, list[bytes]] = {}
        for job, args in jobs:
            queue, payload = _new(_queue_of(job), job, args)
            if _may(job, "before_enqueue", args):
                by_queue.setdefault(queue, []).append(payload)
                accepted.append((job, args, payload))
        if self.inline:
            for _, _, payload in accepted:
                self._perform_inline(payload)
        elif by_queue:
            self._write(queues.push_all(self.keys, by_queue))
        for job, args, _ in accepted:
            _tell(job, "after_enqueue", args)
        return len(accepted)

    def _perform_inline(self, payload: bytes) -> None:
        value = decode(payload)
        perform(self._registry, value["class"], value["args"])

    # ---- delaying jobs

    def enqueue_at(self, when: datetime | float, job: Enqueueable, *args: Any) -> bool:
        """Put a job on its own queue at a time (an aware datetime, or epoch seconds), by way of
        the scheduler. A time that is not in the future enqueues at once, with the hooks of that
        between those of scheduling.

        Returns False when a `before_schedule` or `before_enqueue` hook vetoed it. One round trip.
        Raises as `enqueue`. (resque-scheduler: enqueue_at.)
        """
        return self.enqueue_at_to(_queue_of(job), when, job, *args)

    def enqueue_at_to(
        self, queue: str | None, when: datetime | float, job: Enqueueable, *args: Any
    ) -> bool:
        """As `enqueue_at`, on `queue`, whatever the job's own."""
        at_s = when.timestamp() if isinstance(when, datetime) else float(when)
        is_due = self.inline or int(at_s) <= int(self._clock().timestamp())
        queue, _ = _new(queue, job, args)
        if not _may(job, "before_schedule", args):
            return False
        if is_due:
            is_sent = self.enqueue_to(queue, job, *args)
        else:
            self._write(delayed.schedule(self.keys, at_s, queue, _name_of(job), args), [queue])
            is_sent = True
        # As in resque-scheduler also when `before_enqueue` said no.
        _tell(job, "after_schedule", args)
        return is_sent

    def enqueue_in(self, delay_s: float, job: Enqueueable, *args: Any) -> bool:
        """As `enqueue_at`, so many seconds from now."""
        return self.enqueue_at(self._clock().timestamp() + delay_s, job, *args)

    def remove_delayed(self, job: Enqueueable, *args: Any) -> int:
        """Remove a delayed job, with exactly these arguments, from all its times. Returns how
        many. Two round trips. (resque-scheduler: remove_delayed.)"""
        queue, _ = _checked(_queue_of(job), job, args)
        return self._write(delayed.remove(self.keys, delayed.entry(queue, _name_of(job), args)))

    # ---- taking jobs off queues

    def dequeue(self, job: Enqueueable, *args: Any) -> int | None:
        """Remove waiting jobs from the job's own queue: those with exactly these arguments, or,
        without arguments, all of the class. Returns how many; None when a `before_dequeue` hook
        returned False.

        With arguments the payload's bytes must be those that `enqueue` writes (one round trip,
        O(queue)); `dequeue_matching` finds other spellings too. (Ruby: Resque.dequeue.)
        """
        queue, payload = _checked(_queue_of(job), job, args)
        if not _may(job, "before_dequeue", args):
            return None
        if args:
            removed = self._write(queues.remove_exact(self.keys, queue, payload))
        else:
            removed = self.dequeue_matching(queue, _name_of(job))
        _tell(job, "after_dequeue", args)
        return removed

    def dequeue_matching(
        self, queue: str, class_name: str, args: Sequence[Any] | None = None
    ) -> int:
        """Remove waiting jobs whose decoded class, and arguments when given, are equal, however
        their JSON is spelled (blanks, key order, `1.0` for `1.00`). Runs no hooks. Returns how
        many. A round trip for each 1,000 jobs; O(queue)."""
        wanted = None if args is None else decode(encode_job(class_name, list(args)))["args"]
        return self._write(queues.remove_matching(self.keys, queue, class_name, wanted), [queue])

    def remove_queue(self, queue: str) -> int:
        """Delete a queue with all its jobs, and take its name off the list. Returns how many
        jobs there were. One round trip. (Ruby: Resque.remove_queue.)"""
        return self._write(queues.remove_queue(self.keys, queue))

    def move(self, queue: str, to: str) -> int:
        """Move the jobs that wait in `queue` now to the end of another, byte for byte and in
        order. Returns how many. Each job moves atomically; a round trip for each 1,000 jobs and
        two for each 200."""
        return self._write(queues.move_all(self.keys, queue, to))

    # ---- looking

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
        return self._store.run(queues.info(self.keys))

    def run(self, operation: Operation[T]) -> T:
        """Carry out any operation of `resque.store` on this Redis, with `keys`. Whose the keys are
        that it changes is not looked at: `resque.store.guard` does that."""
        return self._store.run(operation)

    def _write(self, operation: Operation[T], queues: Iterable[str] = ()) -> T:
        """Write, unless that would be to what is Sidekiq's; `queues` are meant, too."""
        return self._store.run(self._guard.watching(operation, queues))

    def close(self) -> None:
        """Close the connections; using it again opens new ones."""
        self._store.close()


def _name_of(job: Enqueueable) -> str:
    return job if isinstance(job, str) else job.name


def _queue_of(job: Enqueueable) -> str | None:
    return None if isinstance(job, str) else job.queue


def _checked(queue: str | None, job: Enqueueable, args: Sequence[Any]) -> tuple[str, bytes]:
    name = _name_of(job)
    if queue is None:
        raise NoQueueError(
            f"{name!r} has no queue of its own: declare one, or name it with enqueue_to"
        )
    if not name:
        raise NoClassError("a job needs a class: its name is empty")
    return queue, encode_job(name, list(args))


def _new(queue: str | None, job: Enqueueable, args: Sequence[Any]) -> tuple[str, bytes]:
    queue, payload = _checked(queue, job, args)
    require_utf8(queue, payload)
    return queue, payload


def _owner(job: Enqueueable) -> object:
    return None if isinstance(job, str) else getattr(job, "hooks_owner", job)


def _may(job: Enqueueable, prefix: str, args: Sequence[Any]) -> bool:
    # All of them run, whatever the first said; only False itself is a veto (None is not).
    answers = [hooks.call(hook, *args) for hook in hooks.find(_owner(job), prefix)]
    return not any(answer is False for answer in answers)


def _tell(job: Enqueueable, prefix: str, args: Sequence[Any]) -> None:
    for hook in hooks.find(_owner(job), prefix):
        hooks.call(hook, *args)
