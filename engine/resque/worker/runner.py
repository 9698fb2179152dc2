"""Runs one job, in a child process or in this one, and returns how it ended."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from queuecore import times
from queuecore.values import TYPE_CHECKING, Protocol, replace, value
from resque import perform
from resque.codec import decode
from resque.errors import DirtyExit, JobTimeout, TermException
from resque.store.workers import Record
from resque.worker import child, job_log
from resque.worker.child_monitor import ChildMonitor, TimeLimit
from resque.worker.context import WorkerContext
from resque.worker.log import say, told
from resque.worker.prefork import Prefork
from resque.worker.reserve import Closing, Taken
from resque.worker.upkeep import Heart

#: Events whose hooks run in the worker's own process between two jobs.
_BETWEEN_JOBS = ("before_fork", "queue_empty", "before_pause", "after_pause")
#: Tries to make a process again grow up to this distance.
_LONGEST_PAUSE_S = 10.0

if TYPE_CHECKING:
    from resque.worker.retrying import Retrying


@value
class Ended:
    """How a run ended. `closing` is what is left to close; None when the child has closed it,
    or died: then `died` says how, and the worker's record has what it held; `is_lost` says
    that its death was not wanted. `processed` is the worker's count as a child of several jobs
    left it."""

    closing: Closing | None = None
    died: DirtyExit | None = None
    is_lost: bool = False
    processed: int | None = None


class RunnerHost(Protocol):
    """What a runner needs of its `Worker`."""

    def title(self, text: str) -> None: ...
    def sleep(self, seconds: float) -> None: ...
    def let_go(self) -> None: ...
    def take_next(self, closing: Closing) -> Taken | None: ...


class Runner:
    """Runs the jobs of one worker. `server_clock` is that by which a scheduler goes, too."""

    def __init__(
        self, context: WorkerContext, host: RunnerHost, heart: Heart, server_clock: times.Clock
    ) -> None:
        self._worker = context
        self._registry = context.registry
        self._options = context.options
        self._signals = context.signals
        self._log = context.log
        self._clock = context.clock
        self._now = times.in_utc(context.clock)
        self._host = host
        self._heart = heart
        self._server_clock = server_clock
        self._monitor = ChildMonitor(context.options, context.signals, heart, self.fork_ahead)
        self._prefork = Prefork(context.signals, self._get_ready, self.perform)
        self._retrying: Retrying | None = None
        #: A child that has reported, and is perhaps not yet gone.
        self._leaving: child.Child | None = None
        #: The child that performs a job, or did so last.
        self._running: child.Child | None = None

    def retries(self) -> Retrying | None:
        """What tries jobs again; None while no registered job asks for that. Loaded when it is
        needed: each fork would carry it. In a child its connection is one of the child's own."""
        if self._retrying is None and self._registry.has_retries:
            from resque.worker.retrying import Retrying

            worker = self._worker
            self._retrying = Retrying(
                worker.keys, self._registry, worker.store.run, self._server_clock, self._log
            )
        return self._retrying

    def log_end(self, record: Record, closing: Closing, began_s: float) -> None:
        """Log how a job ended that began then."""
        took_s = time.monotonic() - began_s
        if closing.failure is not None:
            self._log(job_log.failed(record, closing.failure, took_s))
            return
        # !r: names from Redis may hold escapes, and a log is read on a terminal.
        text = f"done {record.class_name!r} of {record.queue!r} in {took_s:.3f} s"
        # Where a text is all that is printed, it has no parts: they cost each fork some 10 pages.
        self._log(text if self._log is say else job_log.done(record, text, took_s))

    def fork_ahead(self) -> None:
        """Have a child ready for the next job; not where hooks of the application run in this
        process from one job to the next, whose traces a child is to find."""
        if not self._options.fork or self._options.jobs_per_fork > 1:
            return
        if self._signals.leave or self._registry.hears_of(*_BETWEEN_JOBS):
            return
        if self._registry.has_retries:
            # What it loads, the child is to find loaded.
            self.retries()
        self._prefork.fork(tells_of_steps=self._options.job_timeout_s is not None)

    def see_off(self) -> None:
        """Wait until the child of the last job is gone: it holds locks, ports and memory that the
        next job may need."""
        if self._leaving is not None:
            self._leaving.end()
            self._leaving = None

    def tidy(self) -> None:
        """Collect children that are gone: the last job's, and the ready one if it was killed."""
        if self._leaving is not None and self._leaving.has_left():
            self._leaving = None
        self._prefork.tidy()

    def children(self) -> set[int]:
        """The pids of the children that are collected here."""
        known = (self._running, self._leaving, self._prefork.waiting)
        return {one.pid for one in known if one is not None and not one.is_collected}

    def stop(self) -> None:
        """No more jobs: end the children that have none."""
        self.see_off()
        self._prefork.dismiss()

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
        running = self._prefork.give(record, began_s)
        if running is None:
            running = self._fork_patiently(record)
            began_s = time.monotonic()
        if running is None:
            died = DirtyExit("No process could be made for the job")
            return Ended(died=died, is_lost=self._signals.leave)
        self._host.title(f"Forked {running.pid} at {int(self._now().timestamp())}")
        limit = TimeLimit(limit_s, began_s) if limit_s is not None else None
        self._running = running
        was_asked_for = self._monitor.attend(running, limit)
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

    def _fork_patiently(self, record: Record) -> child.Child | None:
        """A child for a job, as soon as the system has memory and a process id for it. None when
        the worker is to leave before that, or to end the job."""
        pause_s = 0.1
        while True:
            try:
                with self._signals.held():
                    return self._fork(record)
            except OSError as error:
                why = error.strerror or error
                text = f"no process for a job: {why}; next try in {pause_s:.1f} s"
                self._log(told(text, level="error", event="no process"))
            if self._signals.leave or self._signals.end_job:
                return None
            self._heart.beat_if_due()
            self._host.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _fork(self, record: Record) -> child.Child:
        if self._registry.has_retries:
            self.retries()
        life = partial(self._life, record, time.monotonic(), self._processing(record))
        return child.fork(life, tells_of_steps=self._options.job_timeout_s is not None)

    # ---- in the child

    def _get_ready(self) -> None:
        self._host.let_go()
        self._host.title("Ready for a job")

    def perform(
        self, record: Record, began_s: float, step: Callable[[], None]
    ) -> child.ChildReport:
        """Run a job that began then, in a child that was ready for it."""
        return self._live(record, began_s, self._processing(record), step)

    def _life(
        self, record: Record, began_s: float, title: str, step: Callable[[], None]
    ) -> child.ChildReport:
        self._host.let_go()
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
            self.log_end(record, closing, began_s)
            if not left or self._signals.leave:
                break
            # Raises when the parent is gone: then another job would have no worker.
            step()
            taken = None
            # Where a job left this process unfit for it, the parent closes the job.
            with suppress(Exception):
                taken = self._host.take_next(closing)
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
        self._host.title(title)
        retrying = self.retries() if self._registry.has_retries else None
        if retrying:
            retrying.begin(record)
        pid = os.getpid()
        try:
            self._signals.begin_job()
            try:
                perform.perform(self._registry, record.class_name, record.args)
            finally:
                self._signals.finish_job()
                if os.getpid() != pid:
                    child.leave_as_copy()
        except BaseException as error:
            entry = self._entry(self._told_apart(error, began_s), record)
            is_kept = retrying is not None and retrying.failed(record, entry)
            if is_kept:
                self._log(job_log.tried_again(record, entry))
            return self._failure(b"" if is_kept else entry)
        if retrying:
            retrying.succeeded(record)
        return Closing()

    def _told_apart(self, error: BaseException, began_s: float) -> BaseException:
        """The error of a job; a timeout where it had to stop because its time was up."""
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
            error,
            record,
            worker_id=self._worker.worker_id.id,
            queue=record.queue or "",
            now=self._clock(),
        )

    def _failure(self, entry: bytes) -> Closing:
        own_list = ""
        if entry and self._options.multi_failure_queues:
            own_list = f"{decode(entry)['queue']}_failed"
        return Closing(entry, counts=True, failed_list=own_list)

    def died(self, error: DirtyExit, record: Record) -> Closing:
        """The closing of a job whose child died."""
        raised = self.tell_of_death(record, error)
        closing = self._failure(b"") if raised is None else self._failed(raised, record)
        return replace(closing, counts=False)

    def tell_of_death(self, record: Record, error: DirtyExit) -> BaseException | None:
        """Run the failure hooks of a job whose process died, and try it again where it asks for
        that: here, for it cannot itself. Returns the error to record, if it is to be recorded."""
        # What the hooks leave in this process, the next child is to find.
        self._prefork.dismiss()
        retrying = self.retries()
        entry = self._entry(error, record)
        is_kept = retrying is not None and retrying.failed(record, entry)
        if is_kept:
            self._log(job_log.tried_again(record, entry))
        raised = perform.tell_of_death(self._registry, record.class_name, record.args, error)
        return None if is_kept else raised
