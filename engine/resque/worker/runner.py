"""Having one job run, in a child process or here, and saying how it ended."""

from __future__ import annotations

import atexit
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from resque import perform
from resque.errors import DirtyExit, JobTimeout, TermException
from resque.jobs import Registry
from resque.state.workers import Record
from resque.wire import times
from resque.wire.codec import decode
from resque.worker import child
from resque.worker.options import Options
from resque.worker.reserve import Closing, Taken
from resque.worker.retrying import Retrying
from resque.worker.signals import Wishes


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn ended. `closing` is what is left to close; None when the child has closed it,
    or died: then `died` says how, and what it held stands in the worker's record; `is_lost` says
    that nobody wanted it to die. `processed` is the worker's count as a child of several jobs
    left it."""

    closing: Closing | None = None
    died: DirtyExit | None = None
    is_lost: bool = False
    processed: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a runner needs of its worker: to set the title, to beat when it is due and to know
    when that is, in a child to let go of the parent's things, to take the next job (None: Redis
    is away, and the worker is to leave) and to log how one ended that began at a time."""

    title: Callable[[str], None]
    beat_if_due: Callable[[], None]
    due_in_s: Callable[[], float]
    let_go: Callable[[], None]
    take_next: Callable[[Closing], Taken | None]
    log_end: Callable[[Record, Closing, float], None]


class Limit:
    """How long the job in hand may still run. A child of several jobs tells of its steps from one
    to the next; between two of them no time runs."""

    def __init__(self, limit_s: float | None, began_s: float) -> None:
        self._limit_s = float("inf") if limit_s is None else limit_s
        self._steps = 0
        self.up_at_s = began_s + self._limit_s
        self.was_reached = False

    def is_reached(self, steps: int, now_s: float) -> bool:
        """Whether the time is up, `steps` being those the child has told of. Says so once."""
        if steps != self._steps:
            self._steps = steps
            self.up_at_s = float("inf") if steps % 2 else now_s + self._limit_s
        if now_s < self.up_at_s:
            return False
        self.up_at_s = float("inf")
        self.was_reached = True
        return True


class Runner:
    """Runs jobs for one worker."""

    def __init__(
        self,
        worker_id: str,
        registry: Registry,
        options: Options,
        wishes: Wishes,
        surroundings: Surroundings,
        retrying: Retrying,
        clock: times.Clock,
    ) -> None:
        self._worker_id = worker_id
        self._registry = registry
        self._options = options
        self._wishes = wishes
        self._around = surroundings
        self._retrying = retrying
        self._clock = clock

    def run(self, record: Record) -> Ended:
        """Run a taken job. Never raises for what the job does."""
        began_s = time.monotonic()
        if not self._options.fork:
            return Ended(self._attempt(record, began_s))
        try:
            self._registry.tell("before_fork", record)
        except Exception as error:
            return Ended(self._failed(error, record))
        with self._wishes.held():
            running = child.fork(lambda step: self._life(record, began_s, step))
        self._around.title(f"Forked {running.pid} at {int(self._clock().timestamp())}")
        limit = Limit(self._options.job_timeout_s, began_s)
        was_asked_for = self._attend(running, limit)
        report = running.report()
        if report is None:
            died = DirtyExit(running.death())
            if limit.was_reached:
                died = self._timeout(f" and was ended: {died}")
            return Ended(died=died, is_lost=not limit.was_reached and not was_asked_for)
        if report.is_closed:
            return Ended(processed=report.processed)
        failure = report.failure
        return Ended(self._failure(failure) if failure else Closing(), processed=report.processed)

    # ---- in the child

    def _life(self, record: Record, began_s: float, step: Callable[[], None]) -> child.Report:
        """Run the job, and more when a child is to run several."""
        self._around.let_go()
        try:
            self._registry.tell("after_fork", record)
        except Exception as error:
            closing = self._failed(error, record)
        else:
            closing = self._attempt(record, began_s)
        report = child.Report(closing.failure or b"")
        if self._options.jobs_per_fork > 1:
            report = self._go_on(record, closing, began_s, step)
        if self._options.run_at_exit_hooks:
            atexit._run_exitfuncs()
        return report

    def _go_on(
        self, record: Record, closing: Closing, began_s: float, step: Callable[[], None]
    ) -> child.Report:
        """After the first job: run more of them, until there are none or it is time to leave."""
        processed: int | None = None
        for left in reversed(range(self._options.jobs_per_fork)):
            # A job may have closed the output; that is no reason to fail it.
            with suppress(Exception):
                self._around.log_end(record, closing, began_s)
            if not left or self._wishes.leave:
                break
            # Raises when the parent is gone: then nobody would answer for another job.
            step()
            taken = self._around.take_next(closing)
            if taken is None:
                break
            processed = taken.processed
            if taken.record is None or taken.record.problem is not None:
                # What cannot be read is the parent's to set aside; it finds it in the record.
                return child.Report(processed=processed, is_closed=True)
            record, began_s = taken.record, time.monotonic()
            step()
            closing = self._attempt(record, began_s)
        return child.Report(closing.failure or b"", processed)

    def _attempt(self, record: Record, began_s: float) -> Closing:
        epoch = int(self._clock().timestamp())
        self._around.title(f"Processing {record.queue} since {epoch} [{record.class_name}]")
        self._retrying.begin(record)
        try:
            self._wishes.begin_job()
            try:
                perform.perform(self._registry, record.class_name, record.args)
            finally:
                self._wishes.finish_job()
        except BaseException as error:
            self._retrying.failed(record)
            return self._failed(self._told_apart(error, began_s), record)
        self._retrying.succeeded(record)
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

    # ---- in the parent

    def _attend(self, running: child.Child, limit: Limit) -> bool:
        """Stay with a child until it ends: listen, beat, and end it when asked to or when its
        time is up. Returns whether it was to be ended so that the worker goes on without it."""
        poll = select.poll()
        poll.register(self._wishes.fileno(), select.POLLIN)
        poll.register(running.report_fd, select.POLLIN)
        steps: list[tuple[float, signal.Signals]] = []
        was_asked_for = False
        while not running.has_ended():
            now_s = time.monotonic()
            if self._wishes.end_job or limit.is_reached(running.steps, now_s):
                was_asked_for |= self._wishes.end_job and not self._wishes.leave
                self._wishes.end_job = False
                steps = steps or self._steps_to_end(now_s)
            if steps or self._wishes.leave or self._wishes.is_paused:
                self._ask_for_the_last(running)
            while steps and steps[0][0] <= now_s:
                running.kill(steps.pop(0)[1])
            self._around.beat_if_due()
            wake_at_s = min(
                [now_s + self._around.due_in_s(), limit.up_at_s, *(s for s, _ in steps)]
            )
            wait_ms = max(0.0, wake_at_s - now_s) * 1000
            for fd, event in poll.poll(wait_ms + 1 if wait_ms else 0):
                if fd == running.report_fd and not event & select.POLLIN:
                    # The child closed its end; from now on only its death is of interest.
                    poll.unregister(fd)
            self._wishes.drain()
            running.listen()
        return was_asked_for

    def _steps_to_end(self, now_s: float) -> list[tuple[float, signal.Signals]]:
        """When to send which signal to a child that must end. (Ruby: new_kill_child.)"""
        if not self._options.term_child:
            return [(now_s, signal.SIGKILL)]
        grace_s = self._options.pre_shutdown_timeout_s if self._wishes.leave else 0.0
        term_s = now_s + grace_s
        return [(term_s, signal.SIGTERM), (term_s + self._options.term_timeout_s, signal.SIGKILL)]

    def _ask_for_the_last(self, running: child.Child) -> None:
        # A child of several jobs looks at its own wishes; QUIT is harmless to one of one.
        if self._options.jobs_per_fork > 1:
            running.kill(signal.SIGQUIT)

    # ---- outcomes

    def _failed(self, error: BaseException, record: Record) -> Closing:
        return self._failure(
            perform.entry_for(
                error,
                record,
                worker_id=self._worker_id,
                queue=record.queue or "",
                now=self._clock(),
            )
        )

    def _failure(self, entry: bytes) -> Closing:
        own_list = ""
        if self._options.multi_failure_queues:
            own_list = f"{decode(entry)['queue']}_failed"
        return Closing(entry, counts=True, failed_list=own_list)

    def died(self, error: DirtyExit, record: Record) -> Closing:
        """The closing of a job whose child died."""
        return replace(self._failed(self.tell_of_death(record, error), record), counts=False)

    def tell_of_death(self, record: Record, error: DirtyExit) -> BaseException:
        """Run the failure hooks of a job whose process died, and try it again where it asks for
        that: here, for it cannot itself. Returns the error to record."""
        self._retrying.failed(record)
        return perform.tell_of_death(self._registry, record.class_name, record.args, error)
