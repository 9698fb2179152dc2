"""Resque's snapshots as neutral values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qtop.model.fleet import Process, Queue, RunningJob, Snapshot
from qtop.systems.resque.job_reader import JobMemory
from queuecore.cooperative import Slices, at_once
from resque.store import snapshot
from resque.store.snapshot import QueueState, WorkerState
from resque.store.workers import Record

#: So many workers are converted between two pauses.
_SLICE: Final = 1_000
#: A worker of Resque runs one job at a time.
THREADS: Final = 1


class SnapshotConverter:
    """Makes neutral values of the engine's, snapshot after snapshot. A worker that is the same
    object as before becomes the same process."""

    def __init__(self) -> None:
        self._workers: Sequence[WorkerState] = ()
        #: By the id of what each was made of, which is kept above: no other object gets that id.
        self._known: dict[int, Process] = {}
        self._failures = JobMemory()

    def convert(self, taken: snapshot.Snapshot) -> Slices[Snapshot]:
        """The same in neutral values. O(queues + workers), and the workers that have changed: some
        5 ms where each fourth of 5,000 has, see `tests/benchmarks/console_steps.py`."""
        queues = None if taken.queues is None else tuple(map(_queue, taken.queues))
        yield
        workers = taken.workers
        processes = None if workers is None else tuple((yield from self._processes(workers)))
        return Snapshot(
            server_time=taken.server_time,
            queues=queues,
            processes=processes,
            failures=None if taken.failures is None else self._failures.jobs(taken.failures),
            failed=taken.failed,
            processed_ever=taken.processed_ever,
            failed_ever=taken.failed_ever,
            is_paused=taken.is_paused,
            problems=taken.problems,
        )

    def _processes(self, workers: Sequence[WorkerState]) -> Slices[list[Process]]:
        before = self._known
        found: list[Process] = []
        for at in range(0, len(workers), _SLICE):
            found += [before.get(id(each)) or _process(each) for each in workers[at : at + _SLICE]]
            yield
        self._workers, self._known = workers, dict(zip(map(id, workers), found, strict=True))
        return found


def converted(taken: snapshot.Snapshot) -> Snapshot:
    """A single snapshot in neutral values. O(queues + workers)."""
    return at_once(SnapshotConverter().convert(taken))


def running_job(record: Record) -> RunningJob:
    """The job of a worker's record that Redis gave."""
    return RunningJob(
        record.queue,
        record.class_name,
        record.args,
        record.run_at,
        record.raw,
        record.payload,
        record.problem,
    )


def _process(worker: WorkerState) -> Process:
    who, record = worker.identity, worker.record
    jobs: tuple[RunningJob, ...] | None = ()
    problem = None
    if record is not None and record.is_unread:
        jobs, problem = None, record.problem
    elif record is not None:
        jobs = (running_job(record),)
    return Process(
        who.text,
        who.host,
        who.pid,
        who.queues,
        worker.started,
        worker.beat_at,
        worker.has_heartbeat,
        THREADS,
        jobs,
        worker.processed,
        worker.failed,
        problem,
    )


def _queue(queue: QueueState) -> Queue:
    return Queue(
        queue.name,
        queue.size,
        queue.is_paused,
        queue.unreadable,
        queue.pushed,
        queue.problem,
    )
