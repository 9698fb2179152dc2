"""The worker: takes jobs, has them run, and records how each of them ended."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence

from queuecore import times
from queuecore.address import Address
from queuecore.lean import LeanStore
from queuecore.values import replace
from resque.errors import Refused, ResqueError, StoreError
from resque.jobs import Registry
from resque.keys import Keys
from resque.store.claims import WorkerId
from resque.store.queue_list import QueueList
from resque.store.workers import Record
from resque.worker.context import WorkerContext
from resque.worker.heartbeat import Beater, Heartbeat
from resque.worker.job_fetcher import JobFetcher, ServedQueues
from resque.worker.job_log import capture_logging, capture_logging_later
from resque.worker.locks import Locks
from resque.worker.log import told
from resque.worker.membership import Membership, here
from resque.worker.options import WorkerOptions
from resque.worker.reserve import Closing, Taken
from resque.worker.runner import Ended, Runner
from resque.worker.signals import SignalState
from resque.worker.title import set_title
from resque.worker.unknown_classes import UnknownClasses
from resque.worker.upkeep import Upkeep, adopted
from resque.worker.waiting import IdleInterval, Waiter, wait
from resque.worker.warm_up import warm_up

#: A worker that waits for something no wake-up call announces looks again after this time: a
#: pause that ends, a queue that is new.
_LOOK_AGAIN_S = 1.0


class Worker:
    """One worker. `run` returns when a signal has asked it to leave.

    `clock`, `mono_now` and `where` (see `membership.here`) are arguments so that tests can set
    them; `log` gets one line for each thing worth telling. `pool_pid` is the process whose end
    makes this worker leave after its job, None where there is none.
    """

    def __init__(
        self,
        address: Address,
        keys: Keys,
        queue_list: QueueList,
        registry: Registry,
        *,
        version: str,
        options: WorkerOptions | None = None,
        log: Callable[[str], None] = lambda line: None,
        clock: times.Clock = times.wall_now,
        mono_now: Callable[[], float] = time.monotonic,
        pool_pid: int | None = None,
        where: Callable[[], str] = here,
    ) -> None:
        options = options or WorkerOptions()
        self._address = address
        self._queues = queue_list
        self._registry = registry
        self._options = options
        self._version = version
        self._log = log
        self._clock = clock
        self._store = self._connection()
        self._waiter = Waiter(keys, self._connection)
        self._worker_id = WorkerId(
            socket.gethostname(), os.getpid(), str(queue_list), where=where()
        )
        self._signals = SignalState(
            graceful_term=options.graceful_term, term_child=options.term_child
        )
        context = self._context = WorkerContext(
            *(self._store, keys, self._worker_id, queue_list, registry, options, self._signals),
            *(log, clock, mono_now),
        )
        every_s = options.heartbeat_interval_s
        heart = Heartbeat(
            *(keys, self._worker_id, every_s, mono_now, clock), lasts_s=options.prune_after_s
        )
        self._membership = Membership(context, heart)
        # Children of several jobs use the worker's connection while they live.
        shares = options.jobs_per_fork > 1 or not options.fork
        self._beats = self._connection() if shares else self._store
        renewal = self._membership.renewal
        self._beater = Beater(heart, self._beats, log, renewal, in_thread=not options.fork)
        self._upkeep = self._make_upkeep(pool_pid)
        # When a job is tried again: a scheduler goes by the server's clock, too.
        self._runner = Runner(context, self, self._upkeep, heart.clock)
        self._unknown = UnknownClasses(registry, log, mono_now)
        self._locks = Locks(self._store, keys, log, mono_now)
        self._served = ServedQueues(self._store, keys, every_s, log, clock, mono_now)
        self._fetcher = JobFetcher(
            context, self._served, self._unknown, self._locks, self._wait_out
        )
        self._was_busy = False
        #: Whether a child may have left a job in this worker's hands, to be run.
        self._may_hold = False
        self._idle_interval = IdleInterval(options)
        self._tidy = self._upkeep.tidy if isinstance(self._upkeep, Upkeep) else self._runner.tidy

    @property
    def id(self) -> str:
        """The id that it goes by; another when it finds its own borne."""
        return self._worker_id.id

    def _connection(self) -> LeanStore:
        name = f"resque-worker-{os.getpid()}"
        return LeanStore(self._address, timeout_s=self._options.timeout_s, client_name=name)

    def _make_upkeep(self, pool_pid: int | None) -> Upkeep | Beater:
        collector = adopted(lambda: self._runner.children())
        if pool_pid is None and collector is None:
            return self._beater
        return Upkeep(
            self._beater,
            self._signals,
            lambda: self._runner.tidy(),
            pool_pid=pool_pid,
            adopted=collector,
        )

    # ---- the life of a worker

    def run(self) -> None:
        """Register, work until a signal asks to leave, unregister. Signals: see `signals`.

        Raises StoreError only when Redis cannot be reached or refuses at the start,
        BelongsToSidekiq when all its queues are Sidekiq's then, and ResqueError when a hook of the
        worker raises; later outages are waited out.
        """
        if self._options.fork:
            warm_up(self._context)
        capture_logging_later(self._log)
        with self._signals:
            self.title("Starting", plain=True)
            # Before anything is written.
            self._fetcher.open()
            self._beater.start()
            closing: Closing | None = None
            try:
                self._begin()
                closing = self._loop()
            finally:
                self._end(closing)

    def _begin(self) -> None:
        self._prune()
        self._tell("before_first_fork")
        # An id can come back (a container's process 1, say): what its last bearer left undone
        # is a failure, not to be overwritten; and it can be borne still.
        self._membership.register()
        self._beater.go_on()
        if not self._options.fork:
            capture_logging(self._log)
        self._log(told(f"worker {self.id} is ready", event="ready", worker=self.id))

    def _loop(self) -> Closing | None:
        closing: Closing | None = None
        while True:
            is_owed = self._may_hold and not self._signals.end_job
            self._may_hold = False
            # In this order: a TERM that comes after it ends the job about to be taken, too.
            self._signals.end_job = False
            if is_owed and (self._signals.leave or self._signals.is_paused):
                closing = self._work_on_held()
                continue
            if self._signals.leave:
                break
            self._upkeep.beat_if_due()
            if self._signals.is_paused:
                self._close(closing)
                closing = None
                self._stay_paused()
                continue
            # What the last child did is closed while it leaves.
            taken = self._take(closing)
            self._runner.see_off()
            if taken is None:
                break
            closing = None
            if taken.record is not None:
                closing = self._work_on(taken.record)
                continue
            if taken.state == "shared":
                self._register_anew()
                continue
            if self._was_busy:
                self._was_busy = False
                self._tell("queue_empty")
            if self._idle_interval.is_over:
                break
            self._idle(taken)
        return closing

    def _take(self, closing: Closing | None) -> Taken | None:
        """Close the last job and take the next; None when asked to leave during an outage."""
        taken = self._fetcher.take(closing)
        while taken is not None and taken.state == "lost":
            if not self._register_anew():
                return None
            taken = self._fetcher.take(closing)
        return taken

    def _close(self, closing: Closing | None) -> None:
        while not self._fetcher.close(closing) and self._register_anew():
            pass

    def _register_anew(self) -> bool:
        """Register again: others took this worker for dead, or have its id. Returns whether it is
        registered."""
        before = self.id
        is_another = self._fetcher.patiently(self._membership.register)
        if is_another:
            # A child that is ready knows its worker by the old name; counts begin anew.
            self._runner.stop()
            self._fetcher.recount(0)
            self._log(f"the id {before} is another worker's by now; this one is {self.id}")
        elif is_another is not None:
            self._log(f"worker {self.id} was taken off the register; it is on it again")
        return is_another is not None

    def _stay_paused(self) -> None:
        self._tell("before_pause", self)
        self.title("Paused")
        while self._signals.is_paused and not self._signals.leave:
            self._upkeep.beat_if_due()
            self.sleep(self._idle_interval.longest_s or _LOOK_AGAIN_S)
        self._tell("after_pause", self)

    def _end(self, closing: Closing | None) -> None:
        try:
            self._close(closing)
            if self._signals.leave:
                self._tell("shutdown")
        finally:
            self._sign_off()

    def _sign_off(self) -> None:
        try:
            self._runner.stop()
            self._beater.stop()
            if self._membership.unregister():
                self._log(
                    told("left a job behind: recorded as failed", level="error", event="lost")
                )
            self._tell("worker_exit")
        except StoreError as error:
            self._log(told(f"could not unregister: {error}", level="error", event="redis"))
        finally:
            self._beater.stop()
            self._waiter.close()
            self._beats.close()
            self._store.close()
        self._log(told(f"worker {self.id} has left", event="left", worker=self.id))

    def _tell(self, event: str, *args: object) -> None:
        try:
            self._registry.tell(event, *args)
        except Exception as error:
            raise ResqueError(f"a {event} hook raised {type(error).__name__}: {error}") from error

    def _prune(self) -> None:
        self._membership.prune(self._runner.tell_of_death)

    # ---- working

    def take_next(self, closing: Closing) -> Taken | None:
        """In a child: take the next job. One from a queue whose jobs may be unknown is left in the
        worker's record: only the parent can remember how it ended."""
        taken = self._fetcher.take(closing)
        if taken and taken.record and taken.record.queue not in self._unknown.known:
            return replace(taken, record=None)
        if taken and taken.record and taken.record.problem is None:
            self._locks.taken(taken.record, at_once=True)
        return taken

    def _work_on_held(self) -> Closing | None:
        """Run the job that a child took and left in this worker's record, if there is one; also
        before a pause, or before leaving."""
        taken = self._fetcher.held()
        self._runner.see_off()
        return self._work_on(taken.record) if taken and taken.record else None

    def _work_on(self, record: Record) -> Closing | None:
        """Have a taken job run. Returns what is left to close."""
        self._was_busy = True
        self._idle_interval.begin_anew()
        if self._fetcher.set_aside_if_unreadable(record):
            return None
        if record.queue not in self._unknown.known:
            self._unknown.meet(record.queue or "", record.class_name or "")
        self._locks.taken(record)
        began_s = time.monotonic()
        ended = self._runner.run(record)
        if ended.died is not None:
            return self._answer_for(ended, record, began_s)
        self._fetcher.recount(ended.processed)
        # A child of several jobs logs each of them itself.
        if ended.closing is not None and self._options.jobs_per_fork == 1:
            self._runner.log_end(record, ended.closing, began_s)
        self._may_hold = ended.closing is None
        return ended.closing

    def _answer_for(self, ended: Ended, record: Record, began_s: float) -> Closing | None:
        """A child died while it ran a job: put the job back, if that is wanted, or let it fail."""
        assert ended.died is not None  # noqa: S101
        held = self._held_after_death(record)
        at_most = self._options.requeue_lost if ended.is_lost else 0
        if held is None or (at_most and self._fetcher.put_back(held, at_most)):
            return None
        closing = self._runner.died(ended.died, held)
        self._runner.log_end(held, closing, began_s)
        return closing

    def _held_after_death(self, record: Record) -> Record | None:
        """What this worker's record has after a child died that was given `record`. When its claim
        has ended, it registers first: else what it holds would be taken for a new job."""
        taken = self._fetcher.held_after_death(record)
        while taken is not None and taken.state == "lost" and self._register_anew():
            taken = self._fetcher.held_after_death(record)
        return None if taken is None else taken.record

    def let_go(self) -> None:
        """In the child: leave what belongs to the parent as it is."""
        self._signals.let_go(will_wait=self._options.jobs_per_fork > 1)
        self._waiter.forget()
        if self._options.jobs_per_fork == 1:
            self._store.forget()
        else:
            self._beats.forget()
        capture_logging(self._log)

    # ---- waiting

    def _idle(self, taken: Taken) -> None:
        self.title("Paused" if taken.state == "paused" else f"Waiting for {self._queues}")
        if self._membership.is_prune_due:
            self._fetcher.patiently(self._prune)
        self._runner.fork_ahead()
        names = self._served.last_served
        is_covered = taken.state == "empty" and self._waiter.wait_for(
            name for name in names if name not in taken.paused
        )
        patience_s = self._idle_interval.longest_s
        if not is_covered or taken.paused or self._queues.is_dynamic:
            patience_s = min(self._idle_interval.rest_s(), _LOOK_AGAIN_S)
        self.sleep(patience_s, self._waiter.filenos())

    def sleep(self, seconds: float, filenos: Sequence[int] = ()) -> None:
        """Wait for a signal, a waiting connection or the next beat, at most `seconds`."""
        self._wait(min(seconds, self._upkeep.due_in_s()), filenos)

    def _wait_out(self, error: StoreError, seconds: float) -> None:
        """Wait for Redis to be rid of an error, or for a signal, at most `seconds`. A beat that is
        due makes this no shorter: it would be a try without a pause."""
        if isinstance(error, Refused):
            # What refuses this may take a beat, without which others take us for dead.
            self._upkeep.beat_if_due()
        self._membership.put_off_prune()
        self._wait(seconds)

    def _wait(self, seconds: float, filenos: Sequence[int] = ()) -> None:
        if self._signals.leave:
            # The signal may have ended an earlier wait, and does not end this one.
            seconds = 0.0
        ready = wait(self._signals, filenos, seconds, self._tidy)
        self._waiter.wake(ready)

    def title(self, text: str, *, plain: bool = False) -> None:
        # A booting Ruby worker prunes what calls itself neither `resque: Starting` nor
        # `resque-<version>`.
        name = "resque" if plain else f"resque-{self._version}"
        alone = self._unknown.title() if self._unknown.alone else ""
        set_title(f"{self._options.title_prefix}{name}: {text}{alone}")
