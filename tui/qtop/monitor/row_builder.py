"""From looks at Redis to rows, with what must be remembered from look to look. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat

from qtop.config.limits import SILENT_AFTER_S
from qtop.model.fleet import Process, Queue, Snapshot
from qtop.model.health import NextJob, Ownership
from qtop.model.job import age_at, failure_rows
from qtop.monitor.drops import Drops, DropWatch
from qtop.monitor.rates import CounterWindow, Flow, FlowWindow, flows, paired
from qtop.monitor.rows import (
    DEPTHS_KEPT,
    BeatLimits,
    FleetRows,
    QueueRow,
    Totals,
    WorkerRow,
    condition,
    empty_in_s,
)
from qtop.systems.system import System
from queuecore.cooperative import Slices, at_once

#: So many queues are added between two pauses.
_SLICE = 500
#: A worker with a job in such a condition is counted as working.
_AT_WORK = ("silent", "working", "no heartbeat")


@dataclass(slots=True)
class _Past:
    """What is remembered of a queue."""

    depths: deque[int | None] = field(default_factory=lambda: deque(maxlen=DEPTHS_KEPT))
    looks: int = 0
    flows: FlowWindow = field(default_factory=FlowWindow)

    def note(self, depth: int | None) -> None:
        """How deep it is at a look; None when that is unknown: no rate goes across it."""
        self.depths.append(depth)
        self.looks += 1
        if depth is None:
            self.flows = FlowWindow()


class RowBuilder:
    """What must be remembered from look to look.

    Args:
        system: Whose looks they are.
        local_host: Together with a process id it tells the workers that this console started.
        silent_after_s: A worker whose heartbeat is older is silent.
    """

    def __init__(
        self, system: System, *, local_host: str = "", silent_after_s: float = SILENT_AFTER_S
    ) -> None:
        self._system = system
        self._local_host = local_host
        self._silent_after_s = silent_after_s
        self._before: tuple[Snapshot, float] | None = None
        self._pasts: dict[str, _Past] = {}
        self._processed = CounterWindow()
        self._failed = CounterWindow()
        self._watch = DropWatch(DEPTHS_KEPT, self.served_by)
        self._names: tuple[str, ...] = ()
        self._whose: Ownership | None = None
        self._next_jobs: Mapping[str, NextJob] = {}
        self._served: dict[tuple[str, ...], Collection[str]] = {}
        self._alive: list[tuple[str, ...]] | None = None
        self._serving: Counter[str] = Counter()
        self._lists: list[tuple[str, ...]] = []
        self._by_any: Collection[str] | None = None

    def add(
        self, snapshot: Snapshot, at_mono: float, *, local_pids: Collection[int] = ()
    ) -> FleetRows:
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
    ) -> Slices[FleetRows]:
        """As `add`, in slices of a few milliseconds. To be done before the next look is taken
        in."""
        self._note_names(snapshot.queues)
        workers = self._workers(snapshot, local_pids)
        yield
        served_before = self._serving
        # While they are unknown, those of the last look that knew them: none has left.
        serving = served_before if workers is None else self._serving_by(workers)
        drops = self._watch.add(snapshot, serving, served_before)
        totals = self._totals(snapshot, at_mono, workers, drops)
        yield
        known_serving = None if workers is None else serving
        queues = yield from self._queues(snapshot, at_mono, known_serving, drops)
        seen = snapshot.failures
        failures = None if seen is None else failure_rows(seen, snapshot.server_time)
        fleet = FleetRows(snapshot.server_time, queues, workers, failures, totals)
        self._before = (snapshot, at_mono)
        return fleet

    def note_next_jobs(self, jobs: Mapping[str, NextJob]) -> None:
        """Take in which jobs are next, for the rows of the looks to come."""
        self._next_jobs = jobs

    def note_ownership(self, whose: Ownership) -> None:
        """Take in whose the queues are, for the rows of the looks to come. O(queues)."""
        self._whose = whose

    def served_by(self, queues: tuple[str, ...]) -> Collection[str]:
        """The registered queues that workers with this list of queues serve. Remembered."""
        if queues not in self._served:
            self._served[queues] = self._system.serves(queues, self._names)
        return self._served[queues]

    def _note_names(self, queues: Iterable[Queue] | None) -> None:
        if queues is None:
            # Those of the last look that knew them, each with a gap.
            for past in self._pasts.values():
                past.note(None)
            return
        names = tuple(queue.name for queue in queues)
        if names == self._names:
            return
        self._names = names
        self._served.clear()
        self._alive = self._by_any = None
        for name in self._pasts.keys() - set(names):
            del self._pasts[name]

    def _queues(
        self,
        snapshot: Snapshot,
        at_mono: float,
        serving: Mapping[str, int] | None,
        drops: Drops,
    ) -> Slices[tuple[QueueRow, ...] | None]:
        if snapshot.queues is None:
            return None
        in_hand, failed = _in_hand(snapshot), _failed(snapshot)
        all_read = (
            failed is not None and snapshot.failed is not None and failed.total() >= snapshot.failed
        )
        seen = self._seen_flows(snapshot, at_mono, drops)
        # Without heartbeats it is not known how many serve a queue, only that none does.
        has_beats = all(each.has_beat is not None for each in snapshot.processes or ())
        rows: list[QueueRow] = []
        for queue in snapshot.queues:
            if len(rows) % _SLICE == 0:
                yield
            name, depth = queue.name, queue.size
            past = self._pasts.get(name)
            if past is None:
                past = self._pasts[name] = _Past()
            past.note(depth)
            if drops.breaks_counts or self._watch.dropped_now(name):
                past.flows = FlowWindow()  # no worker took what is missing
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
                    _serving_of(name, serving, is_exact=has_beats),
                    None if in_hand is None else in_hand.get(name, 0),
                    None if failed is None else failed.get(name, 0),
                    all_read,
                    queue.problem,
                    self._watch.of(name),
                    self._next_waits_s(name, snapshot.server_time) if depth else None,
                    "" if self._whose is None else self._whose.owner(name),
                )
            )
        return tuple(rows)

    def _next_waits_s(self, queue: str, now: datetime) -> float | None:
        job = self._next_jobs.get(queue)
        return None if job is None else age_at(now, job.since)

    def _serving_by(self, workers: Sequence[WorkerRow]) -> Mapping[str, int]:
        """How many workers serve each queue. The dead serve none."""
        alive = [w.process.listed for w in workers if w.condition != "dead?"]
        # Mostly the same ones as before.
        if alive != self._alive:
            self._alive = alive
            self._serving = Counter()
            for queues, number in Counter(alive).items():
                for name in self.served_by(queues):
                    self._serving[name] += number
        return self._serving

    def _served_by_any(self, processes: Sequence[Process]) -> Collection[str]:
        """The queues that any of these serves, dead or alive."""
        lists = [each.listed for each in processes]
        # Mostly the same ones as before: to put thousands of lists into a set takes long.
        if self._by_any is None or lists != self._lists:
            self._lists = lists
            self._by_any = set().union(*map(self.served_by, set(lists)))
        return self._by_any

    def _seen_flows(self, snapshot: Snapshot, at_mono: float, drops: Drops) -> dict[str, Flow]:
        if self._before is None or at_mono <= self._before[1] or drops.breaks_counts:
            return {}
        before, before_mono = self._before
        both = paired(before, snapshot)
        # Where jobs are missing, what workers took does not tell from where.
        workers = None if both is None or both[1] or drops.breaks_waiting else both[0]
        served = self._served_by_any(snapshot.processes or ())
        seen = flows(before, snapshot, workers, self.served_by, served, at_mono - before_mono)
        if drops.breaks_waiting:
            return {name: flow for name, flow in seen.items() if not self._watch.dropped_now(name)}
        return seen

    def _workers(
        self, snapshot: Snapshot, local_pids: Collection[int]
    ) -> tuple[WorkerRow, ...] | None:
        processes = snapshot.processes
        if processes is None:
            return None
        now, host = snapshot.server_time, self._local_host
        conditions = map(condition, processes, repeat(BeatLimits.at(now, self._silent_after_s)))
        rows = list(map(WorkerRow, processes, conditions, repeat(now), repeat(False)))
        for at, process in enumerate(processes) if local_pids else ():
            if process.pid in local_pids and self._system.may_run_on(process, host):
                rows[at] = rows[at]._replace(is_local=True)
        return tuple(rows)

    def _totals(
        self,
        snapshot: Snapshot,
        at_mono: float,
        workers: Collection[WorkerRow] | None,
        drops: Drops,
    ) -> Totals:
        if drops.breaks_counts:
            self._processed, self._failed = CounterWindow(), CounterWindow()
        waiting, waiting_is_least = summed(snapshot.queues)
        states = Counter([(w.condition, w.process.is_busy) for w in workers or ()])
        working = sum(n for (state, busy), n in states.items() if busy and state in _AT_WORK)
        return Totals(
            queues=None if snapshot.queues is None else len(snapshot.queues),
            waiting=waiting,
            working=None if workers is None else working,
            workers=None if workers is None else len(workers),
            troubled=sum(n for (state, _), n in states.items() if state in ("dead?", "silent")),
            failed=snapshot.failed,
            failed_ever=snapshot.failed_ever,
            processed_per_s=self._processed.add(snapshot.processed_ever, at_mono),
            failed_per_s=self._failed.add(snapshot.failed_ever, at_mono),
            is_paused=snapshot.is_paused,
            problems=snapshot.problems,
            drops=drops,
            waiting_is_least=waiting_is_least,
            working_is_least=any(
                state == "unknown" or (busy is None and state in _AT_WORK) for state, busy in states
            ),
        )


def _serving_of(queue: str, serving: Mapping[str, int] | None, *, is_exact: bool) -> int | None:
    number = None if serving is None else serving.get(queue, 0)
    return number if is_exact or number == 0 else None


def summed(queues: Sequence[Queue] | None) -> tuple[int | None, bool]:
    """How many jobs wait in some queues, and whether that is only at least so many because some
    are unknown."""
    if queues is None:
        return None, False
    known = [queue.size for queue in queues if queue.size is not None]
    return sum(known) if known or not queues else None, len(known) < len(queues)


def _in_hand(snapshot: Snapshot) -> Counter[str | None] | None:
    """How many jobs of each queue workers hold; None when that is not known of each worker."""
    processes = snapshot.processes
    if processes is None or any(each.jobs is None for each in processes):
        return None
    return Counter([job.queue for each in processes for job in each.jobs or ()])


def _failed(snapshot: Snapshot) -> Counter[str | None] | None:
    """How many failures of each queue were read."""
    if snapshot.failures is None:
        return None
    return Counter([failure.queue for failure in snapshot.failures])
