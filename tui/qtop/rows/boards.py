"""From looks at Redis to boards of rows, with what must be remembered from look to look. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from typing import Final

from qtop.rows.active_job import waiting_since
from qtop.rows.condition import SILENT_AFTER_S, condition
from qtop.rows.falls import Falls, FallWatch
from qtop.rows.model import (
    DEPTHS_KEPT,
    Board,
    QueueRow,
    Totals,
    WorkerRow,
    age_at,
    empty_in_s,
    failure_rows,
)
from qtop.rows.rates import CounterWindow, Flow, FlowWindow, flows, paired
from resque.errors import NoQueueError
from resque.state.ownership import Ownership
from resque.state.queues import QueueList
from resque.state.snapshot import QueueState, Snapshot
from resque.state.workers import Identity
from resque.wire.slices import Slices, at_once

#: So many queues are added between two pauses.
_SLICE = 500


@dataclass(slots=True)
class _Past:
    """What is remembered of a queue."""

    depths: deque[int | None] = field(default_factory=lambda: deque(maxlen=DEPTHS_KEPT))
    looks: int = 0
    flows: FlowWindow = field(default_factory=FlowWindow)


#: What is said of a queue that is not Resque's alone.
_OWNERS: Final = {"sidekiq": "Sidekiq's", "mixed": "Sidekiq's and Resque's"}


class History:
    """What must be remembered from look to look.

    Args:
        local_host: Together with a process id it tells the workers that this console started.
        silent_after_s: A worker whose heartbeat is older is silent.
    """

    def __init__(self, *, local_host: str = "", silent_after_s: float = SILENT_AFTER_S) -> None:
        self._local_host = local_host
        self._silent_after_s = silent_after_s
        self._before: tuple[Snapshot, float] | None = None
        self._pasts: dict[str, _Past] = {}
        self._processed = CounterWindow()
        self._failed = CounterWindow()
        self._watch = FallWatch(DEPTHS_KEPT, self.served_by)
        self._names: tuple[str, ...] = ()
        self._whose: Ownership | None = None
        self._waiting_since: Mapping[str, datetime | None] = {}
        self._served: dict[tuple[str, ...], Collection[str]] = {}
        self._alive: list[Identity] | None = None
        self._serving: Counter[str] = Counter()

    def add(self, snapshot: Snapshot, at_mono: float, *, local_pids: Collection[int] = ()) -> Board:
        """Take in a look and return the rows that show it.

        Args:
            snapshot: The look.
            at_mono: When it was taken, in monotonic seconds, later than the one before.
            local_pids: Processes of the workers that this console started.

        Cost: O(queues + workers + failures), and the matching of queue lists when names changed.
        """
        return at_once(self.adding(snapshot, at_mono, local_pids=local_pids))

    def adding(
        self, snapshot: Snapshot, at_mono: float, *, local_pids: Collection[int] = ()
    ) -> Slices[Board]:
        """As `add`, in slices of a few milliseconds. To be done before the next look is taken
        in."""
        self._note_names(snapshot.queues)
        workers = self._workers(snapshot, local_pids)
        yield
        served_before, serving = self._serving, self._serving_by(workers)
        falls = self._watch.add(snapshot, serving, served_before)
        totals = self._totals(snapshot, at_mono, workers, falls)
        yield
        queues = yield from self._queues(snapshot, at_mono, serving, falls)
        failures = failure_rows(snapshot.failures, snapshot.server_time)
        board = Board(snapshot.server_time, queues, workers, failures, totals)
        self._before = (snapshot, at_mono)
        return board

    def note_fronts(self, fronts: Mapping[str, bytes]) -> None:
        """Take in which payloads are next, for the rows of the looks to come. O(bytes)."""
        self._waiting_since = {name: waiting_since(raw) for name, raw in fronts.items()}

    def note_ownership(self, whose: Ownership) -> None:
        """Take in whose the queues are, for the rows of the looks to come. O(queues)."""
        self._whose = whose

    def served_by(self, queues: tuple[str, ...]) -> Collection[str]:
        """The registered queues that workers with this list of queues serve. Remembered."""
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
        self._alive = None
        for name in self._pasts.keys() - set(names):
            del self._pasts[name]

    def _queues(
        self, snapshot: Snapshot, at_mono: float, serving: Mapping[str, int], falls: Falls
    ) -> Slices[tuple[QueueRow, ...]]:
        in_hand = Counter([w.record.queue for w in snapshot.workers if w.record is not None])
        failed = Counter([failure.queue for failure in snapshot.failures])
        all_read = snapshot.failed is not None and len(snapshot.failures) >= snapshot.failed
        seen = self._seen_flows(snapshot, at_mono, falls)
        rows: list[QueueRow] = []
        for queue in snapshot.queues:
            if len(rows) % _SLICE == 0:
                yield
            name, depth = queue.name, queue.size
            past = self._pasts.get(name)
            if past is None:
                past = self._pasts[name] = _Past()
            past.depths.append(depth)
            past.looks += 1
            if falls.breaks_counts or self._watch.fell_now(name):
                past.flows = FlowWindow()  # nobody took what is missing
            rates = past.flows.add(seen.get(name), at_mono)
            rows.append(
                QueueRow(
                    name,
                    depth,
                    tuple(past.depths),
                    past.looks,
                    rates,
                    empty_in_s(depth, rates),
                    queue.is_paused,
                    queue.unreadable,
                    serving.get(name, 0),
                    in_hand.get(name, 0),
                    failed.get(name, 0),
                    all_read,
                    queue.problem,
                    self._watch.of(name),
                    age_at(snapshot.server_time, self._waiting_since.get(name)) if depth else None,
                    _OWNERS.get(self._whose.owner(name), "") if self._whose is not None else "",
                )
            )
        return tuple(rows)

    def _serving_by(self, workers: Sequence[WorkerRow]) -> Mapping[str, int]:
        """How many workers serve each queue. The dead serve none."""
        alive = [w.state.identity for w in workers if w.condition != "dead?"]
        # Mostly the same ones as before: the engine reads an id once.
        if alive != self._alive:
            self._alive = alive
            self._serving = Counter()
            for queues, number in Counter(who.queues for who in alive).items():
                for name in self.served_by(queues):
                    self._serving[name] += number
        return self._serving

    def _seen_flows(self, snapshot: Snapshot, at_mono: float, falls: Falls) -> dict[str, Flow]:
        if self._before is None or at_mono <= self._before[1] or falls.breaks_counts:
            return {}
        before, before_mono = self._before
        pairs, some_left = paired(before, snapshot)
        # Where jobs are missing, what workers took does not tell from where.
        workers = None if some_left or falls.breaks_waiting else pairs
        seen = flows(before, snapshot, workers, self.served_by, at_mono - before_mono)
        if falls.breaks_waiting:
            return {name: flow for name, flow in seen.items() if not self._watch.fell_now(name)}
        return seen

    def _workers(self, snapshot: Snapshot, local_pids: Collection[int]) -> tuple[WorkerRow, ...]:
        now, host, silent_after_s = snapshot.server_time, self._local_host, self._silent_after_s
        conditions = map(condition, snapshot.workers, repeat(silent_after_s))
        rows = list(map(WorkerRow, snapshot.workers, conditions, repeat(now), repeat(False)))
        for at, row in enumerate(rows) if local_pids else ():
            if row.identity.pid in local_pids and row.identity.host == host:
                rows[at] = row._replace(is_local=True)
        return tuple(rows)

    def _totals(
        self, snapshot: Snapshot, at_mono: float, workers: Collection[WorkerRow], falls: Falls
    ) -> Totals:
        if falls.breaks_counts:
            self._processed, self._failed = CounterWindow(), CounterWindow()
        states = Counter([(w.condition, w.state.record is None) for w in workers])
        return Totals(
            queues=len(snapshot.queues),
            waiting=sum([queue.size or 0 for queue in snapshot.queues]),
            working=sum(n for (state, idle), n in states.items() if not idle and state != "dead?"),
            workers=len(workers),
            troubled=sum(n for (state, _), n in states.items() if state in ("dead?", "silent")),
            failed=snapshot.failed,
            failed_ever=snapshot.failed_ever,
            processed_per_s=self._processed.add(snapshot.processed_ever, at_mono),
            failed_per_s=self._failed.add(snapshot.failed_ever, at_mono),
            is_paused=snapshot.is_paused,
            problems=snapshot.problems,
            falls=falls,
        )
