"""Having one job run, in a child process or here, and saying how it ended."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from queuecore import times
from queuecore.values import replace, value
from resque import perform
from resque.codec import decode
from resque.errors import DirtyExit, JobTimeout, TermException
from resque.jobs import Registry
from resque.store.workers import Record
from resque.worker import child, job_log
from resque.worker.child_monitor import ChildMonitor, TimeLimit
from resque.worker.fork_with_retry import Room
from resque.worker.options import WorkerOptions
from resque.worker.place import WorkerId
from resque.worker.prefork import Prefork
from resque.worker.reserve import Closing, Taken
from resque.worker.signals import SignalState

#: Events whose hooks run in the worker's own process between two jobs.
_BETWEEN_JOBS = ("before_fork", "queue_empty", "before_pause", "after_pause")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from resque.worker.retrying import Retrying


@value
class Ended:
    """How a turn ended. `closing` is what is left to close; None when the child has closed it,
    or died: then `died` says how, and what it held stands in the worker's record; `is_lost` says
    that nobody wanted it to die. `processed` is the worker's count as a child of several jobs
    left it."""

    closing: Closing | None = None
    died: DirtyExit | None = None
    is_lost: bool = False
    processed: int | None = None


@value
class RunnerContext:
    """What a runner needs of its worker: to set the title, to log a line, to wait some seconds or
    until a signal or the next beat, to beat when it is due and to know when that is, in a child to
    let go of the parent's things, to take the next job (None: Redis is away, and the worker is to
    leave), to log how one ended that began at a time, and what tries jobs again (None: none of
    them asks for it)."""

    title: Callable[[str], None]
    log: Callable[[str], None]
    sleep: Callable[[float], None]
    beat_if_due: Callable[[], None]
    due_in_s: Callable[[], float]
    let_go: Callable[[], None]
    take_next: Callable[[Closing], Taken | None]
    log_end: Callable[[Record, Closing, float], None]
    retries: Callable[[], Retrying | None]


class Runner:
    """Runs jobs for one worker."""

    def __init__(
        self,
        place: WorkerId,
        registry: Registry,
        options: WorkerOptions,
        wishes: SignalState,
        surroundings: RunnerContext,
        clock: times.Clock,
    ) -> None:
        self._place = place
        self._registry = registry
        self._options = options
        self._wishes = wishes
        self._around = surroundings
        self._clock = clock
        self._now = times.in_utc(clock)
        self._attendant = ChildMonitor(
            options, wishes, surroundings.beat_if_due, surroundings.due_in_s, self.fork_ahead
        )
        self._ahead = Prefork(wishes, self._get_ready, self.perform)
        self._room = Room(wishes, surroundings.beat_if_due, surroundings.sleep, surroundings.log)
        #: A child that has reported, and is perhaps not yet gone.
        self._leaving: child.Child | None = None
        #: The child that performs a job, or did so last.
        self._running: child.Child | None = None

    def fork_ahead(self) -> None:
        """Have a child ready for the next job; not where hooks of the application run in this
        process from one job to the next, whose traces a child is to find."""
        if not self._options.fork or self._options.jobs_per_fork > 1:
            return
        if self._wishes.leave or self._registry.hears_of(*_BETWEEN_JOBS):
            return
        if self._registry.has_retries:
            # What it loads, the child is to find loaded.
            self._around.retries()
        self._ahead.fork(tells_of_steps=self._options.job_timeout_s is not None)

    def see_off(self) -> None:
        """Wait until the child of the last job is gone: with it go its locks, its ports and its
        memory, which the next job may need."""
        if self._leaving is not None:
            self._leaving.end()
            self._leaving = None

    def tidy(self) -> None:
        """Collect what children are gone: the last job's, and the one that is ready if somebody
        killed it."""
        if self._leaving is not None and self._leaving.has_left():
            self._leaving = None
        self._ahead.tidy()

    def children(self) -> set[int]:
        """The pids of the children that are collected here."""
        known = (self._running, self._leaving, self._ahead.waiting)
        return {one.pid for one in known if one is not None and not one.is_collected}

    def stop(self) -> None:
        """No more jobs: end the children that have none."""
        self.see_off()
        self._ahead.dismiss()

    def run(self, record: Record) -> Ended:
        """Run a taken job. Never raises for what the job does."""
        began_s = time.monotonic()
        if not self._options.fork:
            return Ended(self._attempt(record, began_s, self._processing(record)))
        try:
            self._registry.tell("before_fork", record)
        except Exception as error:
            return Ended(self._failed(error, record))
        limit_s = self._options.job_timeout_s
        self.see_off()
        running = self._ahead.give(record, began_s)
        if running is None:
            running = self._room.fork(lambda: self._fork(record))
            began_s = time.monotonic()
        if running is None:
            died = DirtyExit("No process could be made for the job")
            return Ended(died=died, is_lost=self._wishes.leave)
        self._around.title(f"Forked {running.pid} at {int(self._now().timestamp())}")
        limit = TimeLimit(limit_s, began_s) if limit_s is not None else None
        self._running = running
        was_asked_for = self._attendant.attend(running, limit)
        self._leaving = running
        report = running.report()
        if report is None:
            died = DirtyExit(running.death())
            was_late = limit is not None and limit.was_reached
            if was_late:
                died = self._timeout(f" and was ended: {died}")
            is_lost = not was_late and not was_asked_for and not running.is_mute
            return Ended(died=died, is_lost=is_lost)
        if report.is_closed:
            return Ended(processed=report.processed)
        failure = report.failure
        closing = Closing() if failure is None else self._failure(failure)
        return Ended(closing, processed=report.processed)

    def _fork(self, record: Record) -> child.Child:
        if self._registry.has_retries:
            self._around.retries()
        life = partial(self._life, record, time.monotonic(), self._processing(record))
        return child.fork(life, tells_of_steps=self._options.job_timeout_s is not None)

    # ---- in the child

    def _get_ready(self) -> None:
        self._around.let_go()
        self._around.title("Ready for a job")

    def perform(
        self, record: Record, began_s: float, step: Callable[[], None]
    ) -> child.ChildReport:
        """Run a job that began then, in a child that was ready for it."""
        return self._live(record, began_s, self._processing(record), step)

    def _life(
        self, record: Record, began_s: float, title: str, step: Callable[[], None]
    ) -> child.ChildReport:
        self._around.let_go()
        return self._live(record, began_s, title, step)

    def _live(
        self, record: Record, began_s: float, title: str, step: Callable[[], None]
    ) -> child.ChildReport:
        """Run the job, and more when a child is to run several."""
        try:
            self._registry.tell("after_fork", record)
        except BaseException as error:
            closing = self._failed(error, record)
        else:
            closing = self._attempt(record, began_s, title)
        report = child.ChildReport(closing.failure)
        if self._options.jobs_per_fork > 1:
            report = self._go_on(record, closing, began_s, step)
        if self._options.run_at_exit_hooks:
            atexit._run_exitfuncs()
        return report

    def _go_on(
        self, record: Record, closing: Closing, began_s: float, step: Callable[[], None]
    ) -> child.ChildReport:
        """After the first job: run more of them, until there are none or it is time to leave."""
        processed: int | None = None
        for left in reversed(range(self._options.jobs_per_fork)):
            self._around.log_end(record, closing, began_s)
            if not left or self._wishes.leave:
                break
            # Raises when the parent is gone: then nobody would answer for another job.
            step()
            taken = None
            # Where a job left this process unfit for it, the parent closes the job.
            with suppress(Exception):
                taken = self._around.take_next(closing)
            if taken is None or taken.state == "lost":
                break
            processed = taken.processed
            if taken.record is None or taken.record.problem is not None:
                # What cannot be read is the parent's to set aside; it finds it in the record.
                return child.ChildReport(processed=processed, is_closed=True)
            record, began_s = taken.record, time.monotonic()
            if self._options.job_timeout_s is not None:
                step()
            closing = self._attempt(record, began_s, self._processing(record))
        return child.ChildReport(closing.failure, processed)

    def _processing(self, record: Record) -> str:
        epoch = int(self._now().timestamp())
        return f"Processing {record.queue} since {epoch} [{record.class_name}]"

    def _attempt(self, record: Record, began_s: float, title: str) -> Closing:
        self._around.title(title)
        retrying = self._around.retries() if self._registry.has_retries else None
        if retrying:
            retrying.begin(record)
        pid = os.getpid()
        try:
            self._wishes.begin_job()
            try:
                perform.perform(self._registry, record.class_name, record.args)
            finally:
                self._wishes.finish_job()
                if os.getpid() != pid:
                    child.leave_as_copy()
        except BaseException as error:
            entry = self._entry(self._told_apart(error, began_s), record)
            is_kept = retrying is not None and retrying.failed(record, entry)
            if is_kept:
                self._around.log(job_log.tried_again(record, entry))
            return self._failure(b"" if is_kept else entry)
        if retrying:
            retrying.succeeded(record)
        return Closing()

    def _told_apart(self, error: BaseException, began_s: float) -> BaseException:
        """The error of a job; a timeout where it was told to stop because its time was up."""
        limit_s = self._options.job_timeout_s
        if not self._options.fork or limit_s is None or not isinstance(error, TermException):
            return error
        # The parent's clock is this one, and it began to count no earlier.
        if time.monotonic() < began_s + limit_s:
            return error
        return self._timeout(" and was told to stop").with_traceback(error.__traceback__)

    def _timeout(self, what_came: str) -> JobTimeout:
        return JobTimeout(f"Job ran longer than {self._options.job_timeout_s:g} s{what_came}")

    # ---- outcomes

    def _failed(self, error: BaseException, record: Record) -> Closing:
        return self._failure(self._entry(error, record))

    def _entry(self, error: BaseException, record: Record) -> bytes:
        return perform.entry_for(
            error, record, worker_id=self._place.id, queue=record.queue or "", now=self._clock()
        )

    def _failure(self, entry: bytes) -> Closing:
        own_list = ""
        if entry and self._options.multi_failure_queues:
            own_list = f"{decode(entry)['queue']}_failed"
        return Closing(entry, counts=True, failed_list=own_list)

    def died(self, error: DirtyExit, record: Record) -> Closing:
        """The closing of a job whose child died."""
        told = self.tell_of_death(record, error)
        closing = self._failure(b"") if told is None else self._failed(told, record)
        return replace(closing, counts=False)

    def tell_of_death(self, record: Record, error: DirtyExit) -> BaseException | None:
        """Run the failure hooks of a job whose process died, and try it again where it asks for
        that: here, for it cannot itself. Returns the error to record, if it is to be recorded."""
        # What the hooks leave in this process, the next child is to find.
        self._ahead.dismiss()
        retrying = self._around.retries()
        entry = self._entry(error, record)
        is_kept = retrying is not None and retrying.failed(record, entry)
        if is_kept:
            self._around.log(job_log.tried_again(record, entry))
        told = perform.tell_of_death(self._registry, record.class_name, record.args, error)
        return None if is_kept else told
