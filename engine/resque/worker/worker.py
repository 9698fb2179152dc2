"""The worker: takes jobs, has them run, and answers for each of them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence

from resque.errors import Refused, ResqueError, StoreError
from resque.jobs import Registry
from resque.state.queue_list import QueueList
from resque.state.workers import Record
from resque.wire import times
from resque.wire.address import Address
from resque.wire.keys import Keys
from resque.worker.admission import Admission
from resque.worker.connection import LeanStore
from resque.worker.heartbeat import Beater, Heartbeat
from resque.worker.membership import Membership
from resque.worker.options import Options
from resque.worker.pace import Pace
from resque.worker.rehearsal import rehearse
from resque.worker.reserve import Closing, Taken
from resque.worker.retries import Retries
from resque.worker.runner import Ended, Runner, Surroundings
from resque.worker.signals import Wishes
from resque.worker.supply import Supply
from resque.worker.title import set_title
from resque.worker.waiting import Waiter, wait

#: A worker that waits for something no wake-up call announces looks again after this time: a
#: pause that ends, a queue that is new.
_LOOK_AGAIN_S = 1.0


class Worker:
    """One worker. `run` returns when it was told to leave.

    `clock` and `mono_now` are arguments so that tests can set them; `log` gets one line for each
    thing worth telling.
    """

    def __init__(
        self,
        address: Address,
        keys: Keys,
        queue_list: QueueList,
        registry: Registry,
        *,
        version: str,
        options: Options | None = None,
        log: Callable[[str], None] = lambda line: None,
        clock: times.Clock = times.wall_now,
        mono_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{queue_list}"
        options = options or Options()
        self._address = address
        self._keys = keys
        self._queues = queue_list
        self._registry = registry
        self._options = options
        self._version = version
        self._log = log
        self._clock = clock
        self._store = self._connection()
        self._waiter = Waiter(keys, self._connection)
        heart = Heartbeat(keys, self.id, options.heartbeat_interval_s, mono_now)
        # Children of several jobs use the worker's connection while they live.
        shares = options.jobs_per_fork > 1 or not options.fork
        beats = self._connection() if shares else self._store
        self._beater = Beater(heart, beats, log, in_thread=not options.fork)
        self._membership = Membership(self._store, keys, self.id, options, log, clock, mono_now)
        self._wishes = Wishes(graceful_term=options.graceful_term, term_child=options.term_child)
        self._runner = self._make_runner()
        every_s = options.heartbeat_interval_s
        self._supply = Supply(
            self._store,
            keys,
            self.id,
            queue_list,
            Admission(self._store, keys, every_s, log, clock, mono_now),
            options,
            self._wishes,
            log,
            clock,
            mono_now,
            self._wait_out,
        )
        self._was_busy = False
        self._pace = Pace(options)

    def _connection(self) -> LeanStore:
        name = f"resque-worker-{os.getpid()}"
        return LeanStore(self._address, timeout_s=self._options.timeout_s, client_name=name)

    def _make_runner(self) -> Runner:
        retries = Retries(self._keys, self._registry, self._store, self._clock, self._log)
        around = Surroundings(
            title=self._title,
            log=self._log,
            sleep=self._sleep,
            beat_if_due=self._beater.beat_if_due,
            due_in_s=self._beater.due_in_s,
            let_go=self._let_go,
            take_next=lambda closing: self._supply.take(closing),
            log_end=self._log_end,
            retries=retries.wanted,
        )
        return Runner(self.id, self._registry, self._options, self._wishes, around, self._clock)

    # ---- the life of a worker

    def run(self) -> None:
        """Register, work until told to leave, unregister. Signals: see `signals`.

        Raises StoreError only when Redis cannot be reached or refuses at the start,
        BelongsToSidekiq when all its queues are Sidekiq's then, and ResqueError when a hook of the
        worker raises; later outages are waited out.
        """
        if self._options.fork:
            rehearse(self._wishes, self._clock)
        with self._wishes:
            self._title("Starting", plain=True)
            # Before anything is written.
            self._supply.open()
            self._beater.start()
            closing: Closing | None = None
            try:
                self._begin()
                closing = self._loop()
            finally:
                self._end(closing)

    def _begin(self) -> None:
        # An id can come back (a container's process 1, say): what its last bearer left undone
        # is a failure, not to be overwritten.
        self._membership.unregister()
        self._prune()
        self._tell("before_first_fork")
        self._beater.beat()
        self._membership.register()
        self._log(f"worker {self.id} is ready")

    def _loop(self) -> Closing | None:
        closing: Closing | None = None
        while True:
            # In this order: a TERM that comes after it ends the job about to be taken, too.
            self._wishes.end_job = False
            if self._wishes.leave:
                break
            self._beater.beat_if_due()
            if self._wishes.is_paused:
                self._supply.close(closing)
                closing = None
                self._stay_paused()
                continue
            # What the last child did is closed while it leaves.
            taken = self._supply.take(closing)
            self._runner.see_off()
            if taken is None:
                break
            closing = None
            if taken.record is not None:
                closing = self._work_on(taken.record)
                continue
            if self._was_busy:
                self._was_busy = False
                self._tell("queue_empty")
            if self._pace.is_over:
                break
            self._idle(taken)
        return closing

    def _stay_paused(self) -> None:
        self._tell("before_pause", self)
        self._title("Paused")
        while self._wishes.is_paused and not self._wishes.leave:
            self._beater.beat_if_due()
            self._sleep(self._pace.longest_s or _LOOK_AGAIN_S)
        self._tell("after_pause", self)

    def _end(self, closing: Closing | None) -> None:
        try:
            self._supply.close(closing)
            if self._wishes.leave:
                self._tell("shutdown")
        finally:
            self._sign_off()

    def _sign_off(self) -> None:
        try:
            self._runner.stop()
            self._beater.stop()
            if self._membership.unregister():
                self._log("left a job behind: recorded as failed")
            self._tell("worker_exit")
        except StoreError as error:
            self._log(f"could not unregister: {error}")
        finally:
            self._beater.stop()
            self._waiter.close()
            self._store.close()
        self._log(f"worker {self.id} has left")

    def _tell(self, event: str, *args: object) -> None:
        try:
            self._registry.tell(event, *args)
        except Exception as error:
            raise ResqueError(f"a {event} hook raised {type(error).__name__}: {error}") from error

    def _prune(self) -> None:
        self._membership.prune(self._runner.tell_of_death)

    # ---- working

    def _work_on(self, record: Record) -> Closing | None:
        """Have a taken job run. Returns what is left to close."""
        self._was_busy = True
        self._pace.begin_anew()
        if self._supply.set_aside_if_unreadable(record):
            return None
        began_s = time.monotonic()
        ended = self._runner.run(record)
        if ended.died is not None:
            return self._answer_for(ended, record, began_s)
        self._supply.recount(ended.processed)
        # A child of several jobs logs each of them itself.
        if ended.closing is not None and self._options.jobs_per_fork == 1:
            self._log_end(record, ended.closing, began_s)
        return ended.closing

    def _log_end(self, record: Record, closing: Closing, began_s: float) -> None:
        outcome = "done" if closing.failure is None else "failed"
        took_s = time.monotonic() - began_s
        # !r: names from Redis may hold escapes, and a log is read on a terminal.
        self._log(f"{outcome} {record.class_name!r} of {record.queue!r} in {took_s:.3f} s")

    def _answer_for(self, ended: Ended, record: Record, began_s: float) -> Closing | None:
        """A child died under a job: put the job back, if that is wanted, or let it fail."""
        assert ended.died is not None  # noqa: S101
        held = self._supply.in_hand(record)
        at_most = self._options.requeue_lost if ended.is_lost else 0
        if held is None or (at_most and self._supply.put_back(held, at_most)):
            return None
        closing = self._runner.died(ended.died, held)
        self._log_end(held, closing, began_s)
        return closing

    def _let_go(self) -> None:
        """In the child: nothing of the parent's may be disturbed."""
        self._wishes.let_go(will_wait=self._options.jobs_per_fork > 1)
        self._waiter.forget()
        if self._options.jobs_per_fork == 1:
            self._store.forget()
        else:
            self._beater.forget()

    # ---- waiting

    def _idle(self, taken: Taken) -> None:
        self._title("Paused" if taken.state == "paused" else f"Waiting for {self._queues}")
        if self._membership.is_prune_due:
            self._supply.patiently(self._prune)
        self._runner.fork_ahead()
        names = self._supply.looked_at
        is_covered = taken.state == "empty" and self._waiter.wait_for(
            name for name in names if name not in taken.paused
        )
        patience_s = self._pace.longest_s
        if not is_covered or taken.paused or self._queues.is_dynamic:
            patience_s = min(self._pace.rest_s(), _LOOK_AGAIN_S)
        self._sleep(patience_s, self._waiter.filenos())

    def _sleep(self, seconds: float, filenos: Sequence[int] = ()) -> None:
        """Wait for a signal, a waiting connection or the next beat, at most `seconds`."""
        self._wait(min(seconds, self._beater.due_in_s()), filenos)

    def _wait_out(self, error: StoreError, seconds: float) -> None:
        """Wait for Redis to be rid of an error, or for a signal, at most `seconds`. A beat that is
        due makes this no shorter: it would be a try without a pause."""
        if isinstance(error, Refused):
            # What refuses this may take a beat, without which others take us for dead.
            self._beater.beat_if_due()
        self._membership.put_off_prune()
        self._wait(seconds)

    def _wait(self, seconds: float, filenos: Sequence[int] = ()) -> None:
        if self._wishes.leave:
            # The signal may have ended an earlier wait, and does not end this one.
            seconds = 0.0
        ready = wait(self._wishes, filenos, seconds, self._runner.tidy)
        self._waiter.wake(ready)

    def _title(self, text: str, *, plain: bool = False) -> None:
        # A booting Ruby worker prunes what calls itself neither `resque: Starting` nor
        # `resque-<version>`.
        name = "resque" if plain else f"resque-{self._version}"
        set_title(f"{self._options.title_prefix}{name}: {text}")
