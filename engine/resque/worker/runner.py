"""Having one job run, in a child process or here, and saying how it ended."""

from __future__ import annotations

import atexit
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from resque import perform
from resque.errors import DirtyExit, JobTimeout
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
    or died: then `died` says how, and what it held stands in the worker's record. `processed` is
    the worker's count as a child of several jobs left it."""

    closing: Closing | None = None
    died: DirtyExit | None = None
    processed: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a runner needs of its worker: to set the title, to beat when it is due and to know
    when that is, in a child to let go of the parent's things and to take the next job."""

    title: Callable[[str], None]
    beat_if_due: Callable[[], None]
    due_in_s: Callable[[], float]
    let_go: Callable[[], None]
    take_next: Callable[[Closing], Taken]


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
        if not self._options.fork:
            with self._wishes.in_job():
                return Ended(self._attempt(record))
        try:
            self._registry.tell("before_fork", record)
        except Exception as error:
            return Ended(self._failed(error, record))
        running = child.fork(lambda: self._life(record))
        self._around.title(f"Forked {running.pid} at {int(self._clock().timestamp())}")
        timed_out = self._attend(running)
        report = running.report()
        if report is None:
            return Ended(died=self._death(running.death(), timed_out))
        processed = report.processed if self._options.jobs_per_fork > 1 else None
        if report.is_closed:
            return Ended(processed=processed)
        failure = report.failure
        return Ended(self._failure(failure) if failure else Closing(), processed=processed)

    # ---- in the child

    def _life(self, record: Record) -> child.Report:
        """Run the job, and more when a child is to run several."""
        self._around.let_go()
        try:
            self._registry.tell("after_fork", record)
        except Exception as error:
            closing = self._failed(error, record)
        else:
            closing = self._attempt(record)
        taken: Taken | None = None
        for _ in range(self._options.jobs_per_fork - 1):
            if self._wishes.leave:
                break
            taken = self._around.take_next(closing)
            if taken.record is None or taken.record.problem is not None:
                # What cannot be read is the parent's to set aside; it finds it in the record.
                return child.Report(processed=taken.processed, is_closed=True)
            closing = self._attempt(taken.record)
        if self._options.run_at_exit_hooks:
            atexit._run_exitfuncs()
        return child.Report(closing.failure or b"", 0 if taken is None else taken.processed)

    def _attempt(self, record: Record) -> Closing:
        epoch = int(self._clock().timestamp())
        self._around.title(f"Processing {record.queue} since {epoch} [{record.class_name}]")
        self._retrying.begin(record)
        try:
            perform.perform(self._registry, record.class_name, record.args)
        except BaseException as error:
            self._retrying.failed(record)
            return self._failed(error, record)
        self._retrying.succeeded(record)
        return Closing()

    # ---- in the parent

    def _attend(self, running: child.Child) -> bool:
        """Stay with a child until it ends: listen, beat, and end it when asked to or when its
        time is up. Returns whether its time was up."""
        poll = select.poll()
        poll.register(self._wishes.fileno(), select.POLLIN)
        poll.register(running.report_fd, select.POLLIN)
        began_s = time.monotonic()
        limit_s = self._options.job_timeout_s
        steps: list[tuple[float, signal.Signals]] = []
        timed_out = False
        while not running.has_ended():
            now_s = time.monotonic()
            if self._wishes.end_job:
                self._wishes.end_job = False
                steps = steps or self._steps_to_end(now_s)
            if limit_s is not None and not timed_out and now_s >= began_s + limit_s:
                timed_out = True
                steps = steps or self._steps_to_end(now_s)
            while steps and steps[0][0] <= now_s:
                running.kill(steps.pop(0)[1])
            self._around.beat_if_due()
            deadlines = [now_s + self._around.due_in_s()]
            deadlines += [steps[0][0]] if steps else []
            deadlines += [began_s + limit_s] if limit_s is not None and not timed_out else []
            wait_ms = max(0.0, min(deadlines) - now_s) * 1000
            for fd, event in poll.poll(wait_ms + 1 if wait_ms else 0):
                if fd == running.report_fd and not event & select.POLLIN:
                    # The child closed its end; from now on only its death is of interest.
                    poll.unregister(fd)
            self._wishes.drain()
            if self._wishes.leave or self._wishes.is_paused:
                self._ask_for_the_last(running)
            running.listen()
        return timed_out

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

    def _death(self, death: str, timed_out: bool) -> DirtyExit:
        if not timed_out:
            return DirtyExit(death)
        limit_s = self._options.job_timeout_s
        return JobTimeout(f"Job ran longer than {limit_s:g} s and was ended: {death}")

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
        """The closing of a job whose child died: its failure hooks run here, in the parent."""
        self._retrying.failed(record)
        told = perform.tell_of_death(self._registry, record.class_name, record.args, error)
        return replace(self._failed(told, record), counts=False)
