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

_Jobs = tuple[RunningJob, ...]


class SnapshotConverter:
    """Makes neutral values of the engine's, snapshot after snapshot. A record that is the same
    object as before becomes the same jobs."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Record, _Jobs]] = {}
        self._failures = JobMemory()

    def convert(self, taken: snapshot.Snapshot) -> Slices[Snapshot]:
        """The same in neutral values. O(queues + workers): some 2 ms for 5,000 workers, see
        `tests/benchmarks/console_steps.py`."""
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
        before, self._known = self._known, {}
        known = self._known
        found: list[Process] = []
        for at, worker in enumerate(workers):
            if at % _SLICE == 0:
                yield
            who, record = worker.identity, worker.record
            jobs: _Jobs | None = ()
            problem = None
            if record is not None and record.is_unread:
                jobs, problem = None, record.problem
            elif record is not None:
                # The record is kept with its jobs: its id is not given to another object.
                pair = before.get(id(record)) or (record, (running_job(record),))
                known[id(record)] = pair
                jobs = pair[1]
            found.append(
                Process(
                    who.text,
                    who.host,
                    who.pid,
                    who.queues,
                    worker.started,
                    worker.heartbeat_age_s,
                    worker.has_heartbeat,
                    THREADS,
                    jobs,
                    worker.processed,
                    worker.failed,
                    problem,
                )
            )
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


def _queue(queue: QueueState) -> Queue:
    return Queue(
        queue.name,
        queue.size,
        queue.is_paused,
        queue.unreadable,
        queue.pushed,
        queue.problem,
    )
