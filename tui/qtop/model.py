"""From looks at Redis to the rows of the console: rates, histories, states. Pure.

Rows hold names and texts as they are in Redis. `qtop.cells` makes them safe, once, where the text
of a cell is made.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from qtop.condition import Condition, condition
from qtop.rates import CounterWindow, Flow, FlowWindow, Rates, flows
from resque.errors import NoQueueError
from resque.state.failures import Failure
from resque.state.queues import QueueList
from resque.state.snapshot import QueueState, Snapshot, WorkerState
from resque.state.workers import Identity, Record

DEPTHS_KEPT: Final = 60
#: A clock of a worker may be ahead by so much before its moments count as unknown.
CLOCK_TOLERANCE_S: Final = 5

#: A queue whose rates differ by less than this part neither drains nor grows.
_STEADY: Final = 0.05


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue. None means unknown.

    Attributes:
        depths: Depths of the last looks, oldest first.
        looks: How many looks there were of it.
        empty_in_s: Seconds until it is empty at these rates; infinite when it never will be.
        serving: Workers that take from it and are not dead.
        in_hand: Jobs of it that workers hold now.
        failed: Its failures among those that were read, which are all when `failed_is_all`.
    """

    name: str
    depth: int | None
    depths: tuple[int | None, ...]
    looks: int
    rates: Rates
    empty_in_s: float | None
    is_paused: bool
    unreadable: int
    serving: int
    in_hand: int
    failed: int
    failed_is_all: bool
    problem: str | None

    @property
    def is_unserved(self) -> bool:
        """Whether jobs wait that nobody will take."""
        return not self.serving and bool(self.depth)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One registered worker. `elapsed_s` is how long it has had its job."""

    identity: Identity
    condition: Condition
    record: Record | None
    elapsed_s: float | None
    heartbeat_age_s: float | None
    has_heartbeat: bool
    started: datetime | None
    processed: int | None
    failed: int | None
    is_local: bool


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failure. `key` tells it from others with the same bytes."""

    key: tuple[str, int]
    failure: Failure
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The fleet in figures. `waiting` counts the queues whose depth is known."""

    queues: int
    waiting: int
    working: int
    workers: int
    troubled: int
    failed: int | None
    processed_per_s: float | None
    failed_per_s: float | None
    is_paused: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """All rows at one look."""

    server_time: datetime
    queues: tuple[QueueRow, ...]
    workers: tuple[WorkerRow, ...]
    failures: tuple[FailureRow, ...]
    totals: Totals


class History:
    """What must be remembered from look to look.

    Args:
        local_host: Together with a process id it tells the workers that this console started.
    """

    def __init__(self, *, local_host: str = "") -> None:
        self._local_host = local_host
        self._before: tuple[Snapshot, float] | None = None
        self._depths: dict[str, deque[int | None]] = {}
        self._looks: Counter[str] = Counter()
        self._flows: dict[str, FlowWindow] = {}
        self._processed = CounterWindow()
        self._failed = CounterWindow()
        self._names: tuple[str, ...] = ()
        self._served: dict[tuple[str, ...], Collection[str]] = {}

    def add(self, snapshot: Snapshot, at_mono: float, *, local_pids: Collection[int] = ()) -> Board:
        """Take in a look and return the rows that show it.

        Args:
            snapshot: The look.
            at_mono: When it was taken, in monotonic seconds, later than the one before.
            local_pids: Processes of the workers that this console started.

        Cost: O(queues + workers + failures), and the matching of queue lists when names changed.
        """
        self._note_names(snapshot.queues)
        workers = tuple(self._worker(w, snapshot.server_time, local_pids) for w in snapshot.workers)
        failures = failure_rows(snapshot)
        board = Board(
            server_time=snapshot.server_time,
            queues=self._queues(snapshot, at_mono, workers),
            workers=workers,
            failures=failures,
            totals=self._totals(snapshot, at_mono, workers),
        )
        self._before = (snapshot, at_mono)
        return board

    def served_by(self, identity: Identity) -> Collection[str]:
        """The registered queues that a worker serves. Remembered for each list of queues."""
        queues = identity.queues
        if queues not in self._served:
            try:
                self._served[queues] = frozenset(QueueList(queues).resolve(self._names))
            except NoQueueError:
                self._served[queues] = ()
        return self._served[queues]

    def _note_names(self, queues: Iterable[QueueState]) -> None:
        names = tuple(queue.name for queue in queues)
        if names == self._names:
            return
        self._names = names
        self._served.clear()
        for name in self._flows.keys() - set(names):
            del self._flows[name], self._depths[name], self._looks[name]

    def _queues(
        self, snapshot: Snapshot, at_mono: float, workers: Iterable[WorkerRow]
    ) -> tuple[QueueRow, ...]:
        alive = Counter(w.identity.queues for w in workers if w.condition != "dead?")
        serving: Counter[str] = Counter()
        for queues, number in alive.items():
            for name in self.served_by(Identity("", None, None, queues)):
                serving[name] += number
        in_hand = Counter(w.record.queue for w in workers if w.record is not None)
        failed = Counter(failure.queue for failure in snapshot.failures)
        all_read = snapshot.failed is not None and len(snapshot.failures) >= snapshot.failed
        rates = self._rates(snapshot, at_mono)
        return tuple(
            QueueRow(
                name=queue.name,
                depth=queue.size,
                depths=self._remembered_depths(queue),
                looks=self._looks[queue.name],
                rates=rates[queue.name],
                empty_in_s=empty_in_s(queue.size, rates[queue.name]),
                is_paused=queue.is_paused,
                unreadable=queue.unreadable,
                serving=serving[queue.name],
                in_hand=in_hand[queue.name],
                failed=failed[queue.name],
                failed_is_all=all_read,
                problem=queue.problem,
            )
            for queue in snapshot.queues
        )

    def _remembered_depths(self, queue: QueueState) -> tuple[int | None, ...]:
        ring = self._depths.setdefault(queue.name, deque(maxlen=DEPTHS_KEPT))
        ring.append(queue.size)
        self._looks[queue.name] += 1
        return tuple(ring)

    def _rates(self, snapshot: Snapshot, at_mono: float) -> dict[str, Rates]:
        seen: dict[str, Flow] = {}
        if self._before is not None and at_mono > self._before[1]:
            before, before_mono = self._before
            seconds = at_mono - before_mono
            seen = flows(before, snapshot, lambda w: self.served_by(w.identity), seconds)
        rates: dict[str, Rates] = {}
        for queue in snapshot.queues:
            window = self._flows.setdefault(queue.name, FlowWindow())
            rates[queue.name] = window.add(seen.get(queue.name), at_mono)
        return rates

    def _worker(self, worker: WorkerState, now: datetime, local_pids: Collection[int]) -> WorkerRow:
        identity = worker.identity
        record = worker.record
        return WorkerRow(
            identity=identity,
            condition=condition(worker),
            record=record,
            elapsed_s=None if record is None else _since(record.run_at, now),
            heartbeat_age_s=worker.heartbeat_age_s,
            has_heartbeat=worker.has_heartbeat,
            started=worker.started,
            processed=worker.processed,
            failed=worker.failed,
            is_local=identity.pid in local_pids and identity.host == self._local_host,
        )

    def _totals(self, snapshot: Snapshot, at_mono: float, workers: Collection[WorkerRow]) -> Totals:
        return Totals(
            queues=len(snapshot.queues),
            waiting=sum(queue.size or 0 for queue in snapshot.queues),
            working=sum(w.record is not None and w.condition != "dead?" for w in workers),
            workers=len(workers),
            troubled=sum(w.condition in ("dead?", "silent") for w in workers),
            failed=snapshot.failed,
            processed_per_s=self._processed.add(snapshot.processed_ever, at_mono),
            failed_per_s=self._failed.add(snapshot.failed_ever, at_mono),
            is_paused=snapshot.is_paused,
            problems=snapshot.problems,
        )


def empty_in_s(depth: int | None, rates: Rates) -> float | None:
    """Seconds until a queue is empty; infinite when it does not drain, None when unknown: also
    when as many come as leave, which is neither."""
    if depth is None:
        return None
    if depth == 0:
        return 0.0
    if rates.in_per_s is None or rates.out_per_s is None:
        return None
    drain_per_s = rates.out_per_s - rates.in_per_s
    if rates.out_per_s > 0 and abs(drain_per_s) < _STEADY * rates.out_per_s:
        return None
    return depth / drain_per_s if drain_per_s > 0 else math.inf


def failure_rows(snapshot: Snapshot) -> tuple[FailureRow, ...]:
    """The failures, newest first, each with a key of its own. O(failures)."""
    seen: Counter[str] = Counter()
    rows: list[FailureRow] = []
    # Counted from the oldest, so that a newcomer with the same bytes takes no other's key.
    for failure in reversed(snapshot.failures):
        sha = failure.item.sha
        age_s = _since(failure.failed_at, snapshot.server_time)
        rows.append(FailureRow((sha, seen[sha]), failure, age_s))
        seen[sha] += 1
    return tuple(reversed(rows))


def _since(moment: datetime | None, now: datetime) -> float | None:
    """Seconds since a moment; None when it is unknown or lies in the future."""
    if moment is None:
        return None
    age_s = (now - moment).total_seconds()
    return max(0.0, age_s) if age_s > -CLOCK_TOLERANCE_S else None
