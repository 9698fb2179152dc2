"""From snapshots to rows, with what must be remembered from poll to poll. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import repeat
from typing import TYPE_CHECKING, Final

from qtop.config.limits import DEAD_AFTER_S, SILENT_AFTER_S
from qtop.model.fleet import Queue, Snapshot
from qtop.model.health import NextJob, Ownership
from qtop.model.job import JobSource, age_at, failure_rows
from qtop.monitor.changes import (
    BEATS_S,
    WINDOW_S,
    BeatWindow,
    CounterWindow,
    Drop,
    Drops,
    DropWatch,
    Flow,
    FlowWindow,
    InflowWindow,
    flows,
    paired,
    sum_if_known,
)
from qtop.monitor.rows import (
    DEPTHS_KEPT,
    NOT_ALIVE,
    TAKES_NONE,
    TROUBLED,
    FleetRows,
    QueueRow,
    Totals,
    WorkerRow,
    condition,
    empty_in_s,
)
from queuecore.cooperative import Slices, at_once
from queuecore.values import replace

if TYPE_CHECKING:
    from qtop.systems.system import System
    from queuecore.audit import AuditEntry

_DEAD_AFTER: Final = timedelta(seconds=DEAD_AFTER_S)
#: So many queues are added between two pauses.
_SLICE: Final = 500
#: A worker with a job in such a condition is counted as working.
_AT_WORK: Final = ("silent", "quiet", "working", "no heartbeat")


class _Past:
    """What is remembered of a queue."""

    def __init__(self) -> None:
        self.depths: deque[int | None] = deque(maxlen=DEPTHS_KEPT)
        self.polls = 0
        self.flows = FlowWindow()

    def note(self, depth: int | None) -> None:
        """Note its depth; None when that is unknown: no rate goes across it."""
        self.depths.append(depth)
        self.polls += 1
        if depth is None:
            self.flows = FlowWindow()


class RowBuilder:
    """Makes rows from snapshots, and remembers what rates and trends need.

    Args:
        system: Whose snapshots they are.
        local_host: Together with a process id it names the workers that this console started.
        silent_after_s: A worker whose heartbeat is older is silent.

    Attributes:
        label: What the place is called, on the rows to come; empty where there is only one.
        newest_flows: What was seen to come to each queue and leave it before the newest snapshot;
            a queue of which that is unknown is not there.
    """

    def __init__(
        self, system: System, *, local_host: str = "", silent_after_s: float = SILENT_AFTER_S
    ) -> None:
        self._system = system
        self._local_host = local_host
        self._silent_after_s = silent_after_s
        self.label = ""
        self.newest_flows: Mapping[str, Flow] = {}
        self._before: tuple[Snapshot, float] | None = None
        self._pasts: dict[str, _Past] = {}
        self._processed: CounterWindow | BeatWindow = CounterWindow()
        self._failed: CounterWindow | BeatWindow = CounterWindow()
        self._inflow = InflowWindow()
        self._watch = DropWatch(DEPTHS_KEPT, self.served_by)
        self._names: tuple[str, ...] = ()
        self._whose: Ownership | None = None
        self._next_jobs: Mapping[str, NextJob] = {}
        self._served: dict[tuple[str, ...], Collection[str]] = {}
        #: The lists of queues of the living workers, and of the dead ones.
        self._lists: tuple[list[tuple[str, ...]], ...] | None = None
        #: How many living workers serve each queue, and which queues any serves, dead or alive.
        self._serving: Counter[str] = Counter()
        self._served_by_any: set[str] = set()

    def add(
        self, snapshot: Snapshot, at_mono: float, *, local_pids: Collection[int] = ()
    ) -> FleetRows:
        """Take in a snapshot and return the rows that show it.

        `at_mono` is when it was taken, later than the one before; `local_pids` are the processes of
        the workers that this console started. Cost: O(queues + workers + failures), and the
        matching of queue lists when names changed.
        """
        return at_once(self.adding(snapshot, at_mono, local_pids=local_pids))

    def adding(
        self, snapshot: Snapshot, at_mono: float, *, local_pids: Collection[int] = ()
    ) -> Slices[FleetRows]:
        """As `add`, in slices of a few milliseconds. To be done before the next snapshot is taken
        in."""
        self._note_names(snapshot.queues)
        workers = self._workers(snapshot, local_pids)
        yield
        served_before = self._serving
        # While workers are unknown, those of the last poll that knew them: none has left.
        if workers is not None:
            self._note_serving(workers)
        drops = self._watch.add(snapshot, self._serving, served_before)
        totals = self._totals(snapshot, at_mono, workers, drops)
        yield
        queues = yield from self._queues(snapshot, at_mono, drops)
        totals = self._with_in_rate(totals, queues, at_mono)
        seen = snapshot.failures
        failures = None if seen is None else failure_rows(seen, snapshot.server_time)
        fleet = FleetRows(snapshot.server_time, queues, workers, failures, totals)
        self._before = (snapshot, at_mono)
        return fleet

    def _with_in_rate(
        self, totals: Totals, queues: Sequence[QueueRow] | None, at_mono: float
    ) -> Totals:
        """The same with the rate at which jobs come to all queues: exact where it is known of each,
        else an estimate from what waits, runs and was done. O(queues)."""
        drops, counts = totals.drops, (totals.waiting, totals.busy, totals.processed_ever)
        is_whole = not (drops.breaks_waiting or drops.breaks_counts or totals.waiting_is_least)
        jobs = sum_if_known(counts) if is_whole else None
        estimate = self._inflow.add(jobs, at_mono, totals.rates_over_s or WINDOW_S)
        rates = [row.rates for row in queues or () if row.problem is None]
        known = [each.in_per_s for each in rates if each.in_per_s is not None]
        if queues is None or len(known) < len(rates):
            return replace(totals, in_per_s=estimate, in_is_estimate=True)
        is_estimate = any(each.is_estimate for each in rates)
        return replace(totals, in_per_s=sum(known), in_is_estimate=is_estimate)

    def note_next_jobs(self, jobs: Mapping[str, NextJob]) -> None:
        """Take in which jobs are next, for the rows to come."""
        self._next_jobs = jobs

    def note_ownership(self, whose: Ownership) -> None:
        """Take in whose the queues are, for the rows to come."""
        self._whose = whose

    def served_by(self, queues: tuple[str, ...]) -> Collection[str]:
        """The registered queues that workers with this list of queues serve. Remembered."""
        if queues not in self._served:
            self._served[queues] = self._system.serves(queues, self._names)
        return self._served[queues]

    def _note_names(self, queues: Iterable[Queue] | None) -> None:
        if queues is None:
            # Those of the last poll that knew them, each with a gap.
            for past in self._pasts.values():
                past.note(None)
            return
        names = tuple(queue.name for queue in queues)
        if names == self._names:
            return
        self._names = names
        self._served.clear()
        self._lists = None
        for name in self._pasts.keys() - set(names):
            del self._pasts[name]

    def _queues(
        self, snapshot: Snapshot, at_mono: float, drops: Drops
    ) -> Slices[tuple[QueueRow, ...] | None]:
        self.newest_flows = {}
        if snapshot.queues is None:
            return None
        in_hand, failures = _in_hand(snapshot), snapshot.failures
        failed = None if failures is None else Counter([failure.queue for failure in failures])
        all_read = (
            failed is not None and snapshot.failed is not None and failed.total() >= snapshot.failed
        )
        seen = self.newest_flows = self._seen_flows(snapshot, at_mono, drops)
        knows_serving = snapshot.processes is not None
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
            serving, job = self._serving.get(name, 0), self._next_jobs.get(name)
            rows.append(
                QueueRow(
                    name,
                    depth,
                    tuple(past.depths),
                    past.polls,
                    rates,
                    empty_in_s(depth, rates),
                    queue.is_paused,
                    queue.unreadable,
                    serving if knows_serving and (has_beats or not serving) else None,
                    None if in_hand is None else in_hand.get(name, 0),
                    None if failed is None else failed.get(name, 0),
                    all_read,
                    queue.problem,
                    self._watch.of(name),
                    _next_waits_s(queue, job, snapshot.server_time),
                    "" if self._whose is None else self._whose.owner(name),
                    _latency_s(queue, snapshot.server_time),
                    self.label,
                )
            )
        return tuple(rows)

    def _note_serving(self, workers: Sequence[WorkerRow]) -> None:
        """Find which queues the workers serve. The dead serve none."""
        alive = [w.process.listed for w in workers if w.condition not in TAKES_NONE]
        dead = [w.process.listed for w in workers if w.condition in TAKES_NONE]
        # Mostly the same ones as before: to count thousands of lists takes long.
        if (alive, dead) == self._lists:
            return
        self._lists, self._serving = (alive, dead), Counter()
        for queues, number in Counter(alive).items():
            for name in self.served_by(queues):
                self._serving[name] += number
        self._served_by_any = set(self._serving).union(*map(self.served_by, set(dead)))

    def _seen_flows(self, snapshot: Snapshot, at_mono: float, drops: Drops) -> dict[str, Flow]:
        if self._before is None or at_mono <= self._before[1] or drops.breaks_counts:
            return {}
        before, before_mono = self._before
        both = paired(before, snapshot)
        # Where jobs are missing, what workers took does not tell from where.
        workers = None if both is None or both[1] or drops.breaks_waiting else both[0]
        seconds, served = at_mono - before_mono, self._served_by_any
        seen = flows(before, snapshot, workers, self.served_by, served, seconds)
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
        silent, dead = now - timedelta(seconds=self._silent_after_s), now - _DEAD_AFTER
        conditions = map(condition, processes, repeat(silent), repeat(dead))
        around = repeat(now), repeat(False), repeat(self.label)
        rows = list(map(WorkerRow, processes, conditions, *around))
        for at, process in enumerate(processes) if local_pids else ():
            if process.pid in local_pids and self._system.may_run_on(process, host):
                rows[at] = rows[at]._replace(is_local=True)
        return tuple(rows)

    def _totals(
        self,
        snapshot: Snapshot,
        at_mono: float,
        workers: Sequence[WorkerRow] | None,
        drops: Drops,
    ) -> Totals:
        if drops.breaks_counts:
            self._processed, self._failed = CounterWindow(), CounterWindow()
        if not isinstance(self._processed, BeatWindow) and _count_by_beats(workers):
            self._processed, self._failed = BeatWindow(), BeatWindow()
        waiting, waiting_is_least = _summed(snapshot.queues)
        states = Counter([(w.condition, w.process.is_busy) for w in workers or ()])
        working = sum(n for (state, busy), n in states.items() if busy and state in _AT_WORK)
        slots, busy = _capacity(workers)
        return Totals(
            queues=None if snapshot.queues is None else len(snapshot.queues),
            waiting=waiting,
            working=None if workers is None else working,
            workers=None if workers is None else len(workers),
            troubled=sum(n for (state, _), n in states.items() if state in TROUBLED),
            failed=snapshot.failed,
            failed_ever=snapshot.failed_ever,
            processed_per_s=self._processed.add(snapshot.processed_ever, at_mono),
            failed_per_s=self._failed.add(snapshot.failed_ever, at_mono),
            is_paused=snapshot.is_paused,
            problems=snapshot.problems,
            drops=drops,
            waiting_is_least=waiting_is_least,
            processed_ever=snapshot.processed_ever,
            rates_over_s=BEATS_S if isinstance(self._processed, BeatWindow) else None,
            dead=sum(n for (state, _), n in states.items() if state in NOT_ALIVE),
            slots=slots,
            busy=busy,
            working_is_least=any(
                state == "unknown" or (busy is None and state in _AT_WORK) for state, busy in states
            ),
        )


def _count_by_beats(workers: Sequence[WorkerRow] | None) -> bool:
    """Whether the totals move only when processes beat: those of one system all tell facts, or none
    does."""
    return workers is not None and any(row.process.facts is not None for row in workers[:1])


def _capacity(workers: Sequence[WorkerRow] | None) -> tuple[int | None, int | None]:
    """How many jobs the workers that are not dead can run at once, and how many they run. Of one
    with threads that is what it says itself. O(workers)."""
    if workers is None:
        return None, None
    slots = busy = 0
    for row in workers:
        process = row.process
        if row.condition in NOT_ALIVE:
            continue
        facts, threads = process.facts, process.threads or 1
        runs = facts.busy if facts is not None else None
        if runs is None:
            if process.jobs is None:
                return None, None
            runs = len(process.jobs)
        slots += threads
        busy += min(runs, threads)
    return slots, busy


def _summed(queues: Sequence[Queue] | None) -> tuple[int | None, bool]:
    """How many jobs wait in some queues, and whether that is only at least so many because some
    are unknown."""
    if queues is None:
        return None, False
    known = [queue.size for queue in queues if queue.size is not None]
    return sum(known) if known or not queues else None, len(known) < len(queues)


def _latency_s(queue: Queue, now: datetime) -> float | None:
    is_told = queue.next_since is not None and not queue.is_put_back
    return queue.latency_s(now) if is_told and queue.size else None


def _next_waits_s(queue: Queue, job: NextJob | None, now: datetime) -> float | None:
    """How long the next job of a queue has waited, by the snapshot or, where that does not tell, by
    what was found out beside it."""
    if not queue.size or queue.is_put_back:
        return None
    if (latency_s := _latency_s(queue, now)) is not None:
        return latency_s
    return None if job is None else age_at(now, job.since)


def _in_hand(snapshot: Snapshot) -> Counter[str | None] | None:
    """How many jobs of each queue workers hold; None when that is not known of each worker."""
    processes = snapshot.processes
    if processes is None or any(each.jobs is None and not each.is_gone for each in processes):
        return None
    return Counter([job.queue for each in processes for job in each.jobs or ()])


# Sudden drops that operators' actions explain are taken off the rows. The audit stream says which
# actions there were.

#: An action is on record at its first step, and one over many jobs takes some time.
_LASTS: Final = timedelta(seconds=10)
#: One with a rate limit is not thought to last longer.
_MOST_S: Final = 3_600
#: The poll and the record are not made at the same instant.
_CLOCKS_DIFFER: Final = timedelta(seconds=2)
#: They take jobs from where others had put them, which the record does not tell.
_ANYWHERE: Final = frozenset({"undo"})
_OF_WORKERS: Final = frozenset({"prune", "stop", "stop now", "kill"})
#: A worker that is asked to end finishes its job first.
_FINISHES: Final = timedelta(minutes=10)


def _may_last_to(audit_entry: AuditEntry, drop: Drop, lasts: timedelta) -> bool:
    """Whether an action on record may have been under way when a figure dropped. One with a rate
    limit lasts longer: as many seconds as it has jobs, where no more are missing than those."""
    if audit_entry.at > drop.at + _CLOCKS_DIFFER:
        return False
    if audit_entry.at >= drop.after - lasts:
        return True
    limited = timedelta(seconds=min(audit_entry.planned, _MOST_S))
    return drop.was - drop.left <= audit_entry.planned and audit_entry.at >= drop.after - limited


def without_explained(
    fleet_rows: FleetRows, audit_entries: Sequence[AuditEntry], system: System
) -> FleetRows:
    """Rows without the drops that actions on record explain. O(queues)."""
    drops = fleet_rows.totals.drops
    fleet = drops.gone, drops.waiting, drops.workers, drops.failed
    rows = fleet_rows.queues or ()
    if not audit_entries or not (any(fleet) or any(row.drops for row in rows)):
        return fleet_rows

    def is_by(
        drop: Drop | None,
        actions: frozenset[str],
        took: Callable[[JobSource], bool] = lambda source: False,
        lasts: timedelta = _LASTS,
    ) -> bool:
        return drop is not None and any(
            audit_entry.action in actions
            or ((source := system.source_of(audit_entry)) is not None and took(source))
            for audit_entry in audit_entries
            if _may_last_to(audit_entry, drop, lasts)
        )

    def unexplained(name: str, found: Sequence[Drop]) -> tuple[Drop, ...]:
        queue = JobSource("queue", name)
        return tuple(
            drop for drop in found if not is_by(drop, _ANYWHERE, lambda source: source == queue)
        )

    queues = tuple(
        row._replace(drops=unexplained(row.name, row.drops)) if row.drops else row for row in rows
    )
    gone = tuple((name, drop) for name, drop in drops.gone if unexplained(name, [drop]))
    left = [drop for row in queues for drop in row.drops] + [drop for _, drop in gone]
    waiting = drops.waiting
    if waiting is not None and not any(drop.at == waiting.at for drop in left):
        waiting = None
    is_ours = is_by(drops.failed, _ANYWHERE, lambda source: source.kind == "failed")
    drops = drops._replace(
        gone=gone,
        waiting=waiting,
        workers=None if is_by(drops.workers, _OF_WORKERS, lasts=_FINISHES) else drops.workers,
        failed=None if is_ours else drops.failed,
    )
    queues_known = None if fleet_rows.queues is None else queues
    return replace(fleet_rows, queues=queues_known, totals=replace(fleet_rows.totals, drops=drops))
