"""The worker: takes jobs, has them run in child processes, and answers for each of them."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import setproctitle

from resque.errors import StoreError, Unreachable
from resque.jobs import Registry
from resque.state import queues, workers
from resque.state.queues import QueueList
from resque.state.workers import Record
from resque.wire import times
from resque.wire.address import Address
from resque.wire.codec import Payload, Unreadable, decode_payload
from resque.wire.exchange import Exchange, T
from resque.wire.keys import Keys
from resque.worker import child, perform
from resque.worker.connection import LeanStore
from resque.worker.heartbeat import Heartbeat
from resque.worker.reserve import Closing, Taken, set_aside, work
from resque.worker.signals import Wishes
from resque.worker.waiting import Waiter

#: A worker that waits for something no wake-up call announces looks again after this time: a
#: pause that ends, a queue that is new.
_LOOK_AGAIN_S = 1.0
#: Tries to reach a lost Redis again grow up to this distance.
_LONGEST_BACKOFF_S = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker behaves. `interval_s` is the longest time between two looks at the queues;
    0 makes the worker leave when no job is found. `title_prefix` stands before its process
    title."""

    interval_s: float = 5.0
    heartbeat_interval_s: float = workers.HEARTBEAT_INTERVAL_S
    title_prefix: str = ""
    timeout_s: float = 5.0


class Worker:
    """One worker. `run` returns when it was told to leave.

    `clock`, `mono_now`, `host` and `pid` are arguments so that tests can set them; `log` gets
    one line for each thing worth telling.
    """

    def __init__(
        self,
        address: Address,
        keys: Keys,
        queue_list: QueueList,
        registry: Registry,
        *,
        version: str,
        options: Options = Options(),
        log: Callable[[str], None] = lambda line: None,
        clock: times.Clock = times.wall_now,
        mono_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{queue_list}"
        self._keys = keys
        self._queues = queue_list
        self._registry = registry
        self._options = options
        self._version = version
        self._log = log
        self._clock = clock
        self._mono_now = mono_now
        self._store = self._connect_to(address)
        self._waiter = Waiter(keys, lambda: self._connect_to(address))
        self._heart = Heartbeat(keys, self.id, options.heartbeat_interval_s, mono_now)
        self._wishes = Wishes()
        self._processed = 0
        self._names: list[str] = []
        self._names_read_at = float("-inf")

    def _connect_to(self, address: Address) -> LeanStore:
        name = f"resque-worker-{os.getpid()}"
        return LeanStore(address, timeout_s=self._options.timeout_s, client_name=name)

    # ---- the life of a worker

    def run(self) -> None:
        """Register, work until told to leave, unregister. Signals: see `signals`.

        Raises StoreError only when Redis cannot be reached or refuses at the start. Later
        outages are waited out.
        """
        with self._wishes:
            self._title("Starting", plain=True)
            self._store.run(self._heart.first())
            self._begin()
            closing: Closing | None = None
            try:
                closing = self._loop()
            finally:
                self._end(closing)

    def _begin(self) -> None:
        # An id can come back (a container's process 1, say): what its last bearer left undone
        # is a failure, not to be overwritten.
        self._store.run(workers.unregister(self._keys, self.id, self._lost))
        self._store.run(self._heart.beat())
        pruned = self._store.run(workers.prune(self._keys, self.id, self._clock))
        for worker_id in pruned:
            self._log(f"pruned {worker_id}: no heartbeat for {workers.PRUNE_AFTER_S} s")
        self._store.run(workers.register(self._keys, self.id, self._clock()))
        self._log(f"worker {self.id} is ready")

    def _loop(self) -> Closing | None:
        closing: Closing | None = None
        while not self._wishes.leave:
            self._beat_if_due()
            if self._wishes.is_paused:
                self._close(closing)
                closing = None
                self._title("Paused")
                self._sleep(self._options.interval_s)
                continue
            taken = self._take(closing)
            closing = None
            if taken is None:
                break
            if taken.record is not None:
                closing = self._work_on(taken.record)
            elif self._options.interval_s == 0:
                break
            else:
                self._idle(taken)
        return closing

    def _end(self, closing: Closing | None) -> None:
        try:
            self._close(closing)
            if self._store.run(workers.unregister(self._keys, self.id, self._lost)):
                self._log("left a job behind: recorded as failed")
        except StoreError as error:
            self._log(f"could not unregister: {error}")
        finally:
            self._waiter.close()
            self._store.close()
        self._log(f"worker {self.id} has left")

    def _lost(self, record: bytes) -> bytes:
        return workers.lost_job(
            record,
            worker_id=self.id,
            exception="Resque::DirtyExit",
            error="Job still being processed",
            now=self._clock(),
        )

    # ---- taking

    def _take(self, closing: Closing | None) -> Taken | None:
        """Close the last job and take the next; None when told to leave during an outage."""
        names = self._through(lambda: self._current_queues())
        if names is None:
            return None
        now = self._clock()
        return self._through(lambda: self._exchange(self._work(names, closing, take=True, now=now)))

    def _work(
        self, names: list[str], closing: Closing | None, *, take: bool, now: datetime
    ) -> Exchange[Taken]:
        return work(
            self._keys,
            self.id,
            names,
            closing=closing,
            processed=self._processed,
            take=take,
            now=now,
        )

    def _exchange(self, exchange: Exchange[Taken]) -> Taken:
        taken = self._store.run(exchange)
        self._processed = taken.processed
        if taken.set_aside:
            self._log(f"set {taken.set_aside} unreadable items aside")
        return taken

    def _close(self, closing: Closing | None) -> None:
        if closing is not None:
            now = self._clock()
            self._through(lambda: self._exchange(self._work([], closing, take=False, now=now)))

    def _current_queues(self) -> list[str]:
        if not self._queues.is_dynamic:
            return list(self._queues.wanted)
        if self._mono_now() - self._names_read_at >= _LOOK_AGAIN_S:
            registered = self._store.run(queues.names(self._keys))
            self._names = self._queues.resolve(registered)
            self._names_read_at = self._mono_now()
        return self._names

    def _through(self, attempt: Callable[[], T]) -> T | None:
        """Make an attempt until Redis answers. None when told to leave before it does.

        Safe for `work`: repeated after a lost answer it closes nothing twice and returns the
        job that was taken, if one was.
        """
        backoff_s = 0.1
        while True:
            try:
                return attempt()
            except StoreError as error:
                self._log(f"{error}; next try in {backoff_s:.1f} s")
                if self._wishes.leave and isinstance(error, Unreachable):
                    return None
            self._sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _LONGEST_BACKOFF_S)

    # ---- working

    def _work_on(self, record: Record) -> Closing | None:
        """Have a taken job run, and say how it ended; None when it could not be read."""
        queue = record.queue or ""
        reading = Unreadable(b"", record.problem) if record.problem else _payload_of(record)
        if isinstance(reading, Unreadable):
            self._through(lambda: self._store.run(set_aside(self._keys, self.id, queue, record)))
            self._log(f"set an unreadable item of {queue!r} aside: {reading.reason}")
            return None
        began = self._mono_now()
        closing = self._run_in_child(record, queue)
        outcome = "done" if closing.failure is None else "failed"
        self._log(f"{outcome} {record.class_name!r} in {self._mono_now() - began:.3f} s")
        return closing

    def _run_in_child(self, record: Record, queue: str) -> Closing:
        epoch = int(self._clock().timestamp())
        self._wishes.end_job = False

        def job() -> bytes | None:
            self._title(f"Processing {queue} since {epoch} [{record.class_name}]")
            try:
                perform.perform(self._registry, record.class_name, record.args)
            except BaseException as error:
                return perform.entry_for(
                    error, record, worker_id=self.id, queue=queue, now=self._clock()
                )
            return None

        running = child.fork(job, self._let_go)
        self._title(f"Forked {running.pid} at {epoch}")
        self._attend(running)
        death = running.death()
        if death is None:
            return Closing(running.failure(), counts=True)
        return Closing(self._dirty_exit(record, queue, death), counts=False)

    def _let_go(self) -> None:
        """In the child: nothing of the parent's may be disturbed."""
        self._wishes.let_go()
        self._store.forget()
        self._waiter.forget()

    def _attend(self, running: child.Child) -> None:
        """Stay with a child until it ends: listen, beat, and end it when asked to."""
        poll = select.poll()
        poll.register(self._wishes.fileno(), select.POLLIN)
        poll.register(running.report_fd, select.POLLIN)
        while not running.has_ended():
            if self._wishes.end_job:
                running.kill()
                self._wishes.end_job = False
            self._beat_if_due()
            for fd, event in poll.poll(self._heart.due_in_s() * 1000):
                if fd == running.report_fd and not event & select.POLLIN:
                    # The child closed its end; from now on only its death is of interest.
                    poll.unregister(fd)
            self._wishes.drain()
            running.listen()

    def _dirty_exit(self, record: Record, queue: str, death: str) -> bytes:
        error = perform.tell_of_death(self._registry, record.class_name, record.args, death)
        return perform.entry_for(error, record, worker_id=self.id, queue=queue, now=self._clock())

    # ---- waiting

    def _idle(self, taken: Taken) -> None:
        self._title("Paused" if taken.state == "paused" else f"Waiting for {self._queues}")
        names = self._names if self._queues.is_dynamic else list(self._queues.wanted)
        is_covered = taken.state == "empty" and self._waiter.wait_for(
            name for name in names if name not in taken.paused
        )
        patience_s = self._options.interval_s
        if not is_covered or taken.paused or self._queues.is_dynamic:
            patience_s = min(patience_s, _LOOK_AGAIN_S)
        self._sleep(patience_s, self._waiter.filenos())

    def _sleep(self, seconds: float, filenos: list[int] | None = None) -> None:
        """Wait for a signal, a waiting connection or the next beat, at most `seconds`."""
        poll = select.poll()
        for fd in (self._wishes.fileno(), *(filenos or [])):
            poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(min(seconds, self._heart.due_in_s()) * 1000)}
        self._wishes.drain()
        self._waiter.wake(ready)

    def _beat_if_due(self) -> None:
        if self._heart.due_in_s() > 0:
            return
        try:
            self._store.run(self._heart.beat())
        except StoreError as error:
            self._log(f"heartbeat: {error}")

    def _title(self, text: str, *, plain: bool = False) -> None:
        # A booting Ruby worker prunes what calls itself neither `resque: Starting` nor
        # `resque-<version>`.
        name = "resque" if plain else f"resque-{self._version}"
        setproctitle.setproctitle(f"{self._options.title_prefix}{name}: {text}")


def _payload_of(record: Record) -> Payload | Unreadable:
    return decode_payload(record.payload or b"")
