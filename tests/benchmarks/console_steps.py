"""What a step of the console costs with a large fleet: `python -m tests.benchmarks.console_steps`.

Nothing else runs on the event loop during a step, or during a slice of one that is done in slices,
so that each should stay under 10 ms.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from statistics import median

from tests.support.sample_data import NOW, SYSTEM, failure, queue, snapshot, worker

from qtop.model.fleet import Process, Snapshot
from qtop.monitor.incidents.rules import IncidentRules
from qtop.monitor.row_builder import RowBuilder
from qtop.systems.resque.snapshot import SnapshotConverter
from queuecore.cooperative import Slices, at_once
from resque.store import workers
from resque.store.snapshot import EngineSnapshot as ResqueSnapshot
from resque.store.snapshot import WorkerState

QUEUES, WORKERS, FAILURES, LOOKS = 1_000, 5_000, 500, 12


def look(number: int) -> Snapshot:
    """One of a series of snapshots: every depth changes, half of the workers have another job."""
    return snapshot(
        [queue(f"queue-{i:04}", (i * 7 + number) % 900, (i + number) % 5) for i in range(QUEUES)],
        [_worker(i, number) for i in range(WORKERS)],
        [failure(i) for i in range(FAILURES)],
        server_time=NOW + timedelta(seconds=number),
        processed_ever=1_000_000 + 900 * number,
        failed_ever=10_000 + number,
    )


def _worker(i: int, number: int) -> Process:
    queues = f"queue-{i % QUEUES:04},queue-{i * 3 % QUEUES:04}"
    return worker(
        f"host-{i % 100:03}.example.com:{1_000 + i}:{queues}",
        processed=10 * i + number,
        on=f"queue-{i % QUEUES:04}" if i % 2 else None,
        job=(f"Jobs::Kind{i % 40}", [i, number]),
        beat_age_s=float((i + number) % 60),
    )


def taken(before: Sequence[WorkerState], number: int) -> list[WorkerState]:
    """The engine's workers in one of a series of snapshots: each fourth has another job."""
    made = list(before) or [_state(i, number) for i in range(WORKERS)]
    made[number % 4 :: 4] = [_state(i, number) for i in range(number % 4, WORKERS, 4)]
    return made


def _state(i: int, number: int) -> WorkerState:
    who = workers.identity(f"host-{i % 100:03}.example.com:{1_000 + i}:queue-{i % QUEUES:04}")
    record = workers.read_record(b'{"queue":"q","payload":{"class":"A","args":[%d]}}' % number)
    return WorkerState(who, NOW, NOW, True, record, number, 0)


class Steps:
    """The durations of the steps of one kind. The first two warm up, and do not count."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._taken_ms: list[float] = []

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure the processor time of a step, without the garbage of those before."""
        gc.collect()
        begun_s = time.thread_time()
        yield
        self._taken_ms.append((time.thread_time() - begun_s) * 1_000)

    def longest_of(self, work: Slices[object]) -> None:
        """Do work in slices, and measure the longest of them."""
        gc.collect()
        taken_ms, before_s = [], time.thread_time()
        for _ in work:
            now_s = time.thread_time()
            taken_ms.append((now_s - before_s) * 1_000)
            before_s = now_s
        self._taken_ms.append(max(*taken_ms, (time.thread_time() - before_s) * 1_000))

    def __str__(self) -> str:
        counted = self._taken_ms[2:]
        return f"{self._what:16} median {median(counted):5.1f} ms, worst {max(counted):5.1f} ms"


def main() -> None:
    """Measure."""
    print(f"{QUEUES:,} queues, {WORKERS:,} workers, {FAILURES:,} failures")
    history, judge = RowBuilder(SYSTEM, local_host="here"), IncidentRules()
    slices, adding, judging = (
        Steps("longest slice"),
        Steps("RowBuilder.add"),
        Steps("IncidentRules"),
    )
    for number in range(LOOKS):
        slices.longest_of(history.adding(look(number), float(number)))
    for number in range(LOOKS, 2 * LOOKS):
        seen = look(number)
        with adding.timed():
            fleet = history.add(seen, float(number))
        with judging.timed():
            judge.judge(fleet, float(number), survey=None, rtt_ms=20.0)
    converter, converting = SnapshotConverter(), Steps("SnapshotConverter")
    states: list[WorkerState] = []
    for number in range(LOOKS):
        states = taken(states, number)
        seen_by_engine = ResqueSnapshot(NOW, (), tuple(states), (), 0, 0, 0, False)
        with converting.timed():
            at_once(converter.convert(seen_by_engine))
    print(adding, slices, judging, converting, sep="\n")


if __name__ == "__main__":
    main()
