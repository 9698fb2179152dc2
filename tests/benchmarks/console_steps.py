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
from queuecore.cooperative import Slices, at_once
from queuecore.exchange import Call, Command
from resque.keys import Keys
from resque.store.worker_reader import USUAL_FLEET, WorkerReader

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


def keys_of(command: Command) -> Sequence[bytes]:
    """The keys that a look at the workers asks for."""
    return command.keys if isinstance(command, Call) else command[1:]  # type: ignore[return-value]


def _reply(key: bytes, number: int) -> bytes | None:
    """What is in Redis at one of a series of looks: each fourth worker has had another job."""
    pid = int(key.partition(b".com:")[2].partition(b":")[0])
    turn = b"%d" % (number - (number + pid) % 4)
    if key.startswith(b"resque:stat:"):
        return turn
    if key.endswith(b":started"):
        return b"2026-11-23 12:00:00 +0000"
    return b'{"queue":"q","payload":{"class":"A","args":[%s]}}' % turn


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
            judge.judge(fleet, float(number), health_report=None, rtt_ms=20.0)
    reading = Steps("WorkerReader")
    reader, ids = (
        WorkerReader(Keys(), USUAL_FLEET),
        [_worker(i, 0).id.encode() for i in range(WORKERS)],
    )
    for number in range(LOOKS):
        asked = reader.ask(ids, dict.fromkeys(ids, b"2026-11-23T12:29:40Z"), (number, 0))
        replies = iter([[_reply(key, number) for key in keys_of(each)] for each in asked])
        with reading.timed():
            at_once(reader.read(replies, {}))
    print(adding, slices, judging, reading, sep="\n")


if __name__ == "__main__":
    main()
