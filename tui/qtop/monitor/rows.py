"""The rows of the console: what is known at one poll of each queue, worker and machine, of failures
that are alike, and of the workers started here. Pure.

`qtop.monitor.row_builder` makes those of queues and workers. Rows hold names and texts as they are
in Redis: they are made safe once, where the text of a cell is made (`qtop.monitor.row_text`).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from qtop.model.fleet import Process, RunningJob, Snapshot
from qtop.model.health import Strays
from qtop.model.job import GroupKey, JobRow, age_at
from qtop.monitor.changes import NO_DROPS, Drop, Drops, Rates, sum_if_known
from queuecore.values import value

if TYPE_CHECKING:
    from qtop.local.groups import LocalWorker, WorkerGroup
    from qtop.local.processes import Usage
    from qtop.local.state_file import SlotState

Condition = Literal[
    "dead?",
    "gone",
    "unregistered",
    "silent",
    "unknown",
    "quiet",
    "working",
    "no heartbeat",
    "idle",
]
CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)
"""What a worker does as far as it is known from outside, troubles first. `gone`: its sign of life
has run out. `unregistered`: it holds a job and is not registered. `unknown`: it could not be read.
`quiet`: it takes no more jobs, and may have some in hand."""
#: It takes no jobs.
TAKES_NONE: Final[frozenset[Condition]] = frozenset({"dead?", "gone", "quiet"})
#: It holds none that will be done, as far as is known.
NOT_ALIVE: Final[frozenset[Condition]] = frozenset({"dead?", "gone"})
#: What people should look at.
TROUBLED: Final[frozenset[Condition]] = frozenset({"dead?", "gone", "silent"})


def condition(process: Process, silent_before: datetime, dead_before: datetime) -> Condition:
    """What a worker does, as far as its heartbeat and its jobs show: it is silent, or dead, when
    its last heartbeat was before these moments."""
    if process.facts is not None:
        return _by_facts(process)
    if process.has_beat is None:
        return "unknown"
    if not process.has_beat:
        return "no heartbeat"
    beat_at = process.beat_at
    if beat_at is not None:
        if beat_at < dead_before:
            return "dead?"
        if beat_at < silent_before:
            return "silent"
    jobs = process.jobs
    if jobs is None:
        return "unknown"
    return "working" if jobs else "idle"


def _by_facts(process: Process) -> Condition:
    """As `condition`, of one whose sign of life runs out by the server's clock: while it is there,
    it lives, whatever its own clock says."""
    if process.is_gone:
        return "gone"
    if process.is_quiet:
        return "quiet"
    if process.has_beat is None or process.jobs is None:
        return "unknown"
    if not process.has_beat:
        return "no heartbeat"
    return "working" if process.jobs else "idle"


#: For so many polls the depths of a queue are remembered.
DEPTHS_KEPT: Final = 60

#: A queue whose rates differ by less than this part neither drains nor grows.
_STEADY: Final = 0.05


def keyed(system: str, key: Hashable) -> Hashable:
    """The key of a row among those of several places: `system` is the label of its own, empty where
    there is only one."""
    return (system, key) if system else key


class QueueRow(NamedTuple):
    """One queue. None means unknown.

    Attributes:
        depths: Depths at the last polls, oldest first.
        polls: How many polls have seen it.
        empty_in_s: Seconds until it is empty at these rates; infinite when it never will be.
        serving: Workers that take from it and are not known to be dead.
        in_hand: Jobs of it that workers hold now.
        failed: Its failures among those that were read, which are all when `failed_is_all`.
        drops: Where its depth dropped by more than workers took, the oldest first.
        next_waits_s: How long the job that is next has waited, perhaps as of some seconds ago; None
            when it does not tell, and where it came back to the front.
        others: Whose the queue is, if it is not Resque's alone: `Sidekiq's`, for example.
        latency_s: As `next_waits_s`, where every job tells its time.
        system: The label of its place, where there are several; empty where there is one.
        members: The queues of which this is the sum, where several are folded into one row.
    """

    name: str
    depth: int | None
    depths: tuple[int | None, ...]
    polls: int
    rates: Rates
    empty_in_s: float | None
    is_paused: bool | None
    unreadable: int | None
    serving: int | None
    in_hand: int | None
    failed: int | None
    failed_is_all: bool
    problem: str | None
    drops: tuple[Drop, ...] = ()
    next_waits_s: float | None = None
    others: str = ""
    latency_s: float | None = None
    system: str = ""
    members: tuple[QueueRow, ...] = ()

    @property
    def key(self) -> Hashable:
        """What makes it the same row at the next poll."""
        return ("folded", self.system, self.name) if self.members else keyed(self.system, self.name)

    @property
    def queues(self) -> tuple[QueueRow, ...]:
        """The queues that the row stands for."""
        return self.members or (self,)

    @property
    def is_unserved(self) -> bool:
        """Whether jobs of Resque's wait that no worker will take, as far as it is known."""
        return self.serving == 0 and bool(self.depth) and not self.others


class WorkerRow(NamedTuple):
    """One registered worker, at the server's time `now`. There may be thousands of them at each
    poll: what few need is found when it is asked for."""

    process: Process
    condition: Condition
    now: datetime
    is_local: bool
    system: str = ""

    @property
    def id(self) -> str:
        return self.process.id

    @property
    def key(self) -> Hashable:
        """What makes it the same row at the next poll."""
        return keyed(self.system, self.id)

    @property
    def jobs(self) -> tuple[RunningJob, ...] | None:
        """What it runs; None when that is unknown."""
        return self.process.jobs

    @property
    def is_at_work(self) -> bool:
        """Whether it runs a job and is not dead, as far as it is known."""
        return bool(self.process.jobs) and self.condition not in NOT_ALIVE

    @property
    def job(self) -> RunningJob | None:
        """The job that it has run longest; None when it is idle or that is unknown."""
        jobs = self.process.jobs
        if not jobs:
            return None
        return jobs[0] if len(jobs) == 1 else min(jobs, key=_began)

    @property
    def beat_age_s(self) -> float | None:
        """The age of its last heartbeat by the server's clock; None when unknown."""
        beat_at = self.process.beat_at
        return None if beat_at is None else (self.now - beat_at).total_seconds()

    @property
    def elapsed_s(self) -> float | None:
        """How long it has run that job; None when it is idle or that is unknown."""
        job = self.job
        return None if job is None else age_at(self.now, job.since)


_NO_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


def _began(job: RunningJob) -> datetime:
    return job.since or _NO_MOMENT


@value
class Totals:
    """The fleet in figures. None means unknown.

    Attributes:
        waiting: Of all queues; of those whose depth is known when `waiting_is_least`.
        working: Workers with a job; at least so many when `working_is_least`.
        troubled: Workers that are silent, gone or dead, as far as it is known.
        failed: How long the list of failures is.
        queues_is_least, workers_is_least, failed_is_least: There are at least so many: something
            of several places is unknown.
        failed_ever, processed_ever: The system's own counts.
        in_per_s: Jobs that come to all queues; None when that is not known of each.
        in_is_estimate: Of some queue it is inferred from what its workers took.
        rates_over_s: The rates are averages over so many seconds, because what they are made from
            is written only with the beats of processes; None where it is always up to date.
        slots, busy: How many jobs the workers that are not dead can run at once, and how many they
            run; None when that is not known of each.
        dead: Workers that are known, or thought, to be dead.
        problems: Why what is unknown could not be read, by what that is in words.
    """

    queues: int | None
    waiting: int | None
    working: int | None
    workers: int | None
    troubled: int
    failed: int | None
    failed_ever: int | None
    processed_per_s: float | None
    failed_per_s: float | None
    is_paused: bool | None
    problems: Mapping[str, str]
    drops: Drops = NO_DROPS
    waiting_is_least: bool = False
    working_is_least: bool = False
    queues_is_least: bool = False
    workers_is_least: bool = False
    failed_is_least: bool = False
    processed_ever: int | None = None
    in_per_s: float | None = None
    in_is_estimate: bool = False
    rates_over_s: float | None = None
    slots: int | None = None
    busy: int | None = None
    dead: int = 0


@value
class FleetRows:
    """All rows at one poll; None for those that could not be read."""

    server_time: datetime
    queues: tuple[QueueRow, ...] | None
    workers: tuple[WorkerRow, ...] | None
    failures: tuple[JobRow, ...] | None
    totals: Totals


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


# The machines that workers run on.


@value
class HostRow:
    """One machine, by the ids of its workers. None means unknown.

    Attributes:
        name: The host part of the ids; None for ids that have none.
        troubled: Workers that are silent or dead.
        longest_s: How long the longest running job has run.
        beat_age_s: The age of the youngest heartbeat: silent machines stand out.
        system: The label of the place of its workers, where there are several.
    """

    name: str | None
    workers: int
    working: int | None
    troubled: int | None
    longest_s: float | None
    beat_age_s: float | None
    processed: int | None
    failed: int | None
    system: str = ""

    @property
    def key(self) -> Hashable:
        """What makes it the same row at the next poll."""
        return keyed(self.system, self.name)


def host_rows(workers: Iterable[WorkerRow]) -> list[HostRow]:
    """A row for each machine and system, by name. O(workers)."""
    by_host: defaultdict[tuple[bool, str, str], list[WorkerRow]] = defaultdict(list)
    for worker in workers:
        host = worker.process.host
        by_host[host is None, host or "", worker.system].append(worker)
    return [_row(by_host[key]) for key in sorted(by_host)]


def _row(workers: list[WorkerRow]) -> HostRow:
    elapsed = (w.elapsed_s for w in workers if w.elapsed_s is not None)
    beats = (age_s for w in workers if (age_s := w.beat_age_s) is not None)
    are_known = not any(
        w.condition == "unknown" or (w.jobs is None and w.condition not in NOT_ALIVE)
        for w in workers
    )
    have_beats = all(w.process.has_beat is not None for w in workers)
    troubled = sum(w.condition in TROUBLED for w in workers)
    return HostRow(
        name=workers[0].process.host,
        workers=len(workers),
        working=sum(w.is_at_work for w in workers) if are_known else None,
        troubled=troubled if have_beats else None,
        longest_s=max(elapsed, default=None),
        beat_age_s=min(beats, default=None),
        processed=sum_if_known(w.process.processed for w in workers),
        failed=sum_if_known(w.process.failed for w in workers),
        system=workers[0].system,
    )


# The jobs that run, whatever process runs them.


class RunningRow(NamedTuple):
    """One job that a worker runs; `number` tells it from others of that worker that are alike."""

    worker: WorkerRow
    job: RunningJob
    number: int

    @property
    def system(self) -> str:
        """The label of its place, where there are several."""
        return self.worker.system

    @property
    def key(self) -> Hashable:
        """What makes it the same row at the next poll."""
        return self.worker.key, self.job.thread, self.job.raw, self.number

    @property
    def elapsed_s(self) -> float | None:
        """How long it has run; None when that is unknown."""
        return age_at(self.worker.now, self.job.since)


def running_rows(workers: Iterable[WorkerRow]) -> list[RunningRow]:
    """A row for each job that runs, the oldest first; those whose age is unknown come last. Jobs of
    the dead are listed, too: their state says so. O(jobs log jobs)."""
    rows: list[RunningRow] = []
    for worker in workers:
        seen: Counter[tuple[str | None, bytes]] = Counter()
        for job in worker.jobs or ():
            rows.append(RunningRow(worker, job, seen[job.thread, job.raw]))
            seen[job.thread, job.raw] += 1
    rows.sort(key=lambda row: -1.0 if row.elapsed_s is None else row.elapsed_s, reverse=True)
    return rows


# Rows for workers that hold jobs and are not registered.


def unregistered_rows(strays: Strays | None, seen: FleetRows | Snapshot) -> tuple[WorkerRow, ...]:
    """A row for each process that was found unregistered, and is not registered at this poll
    either; none where the register is unknown. O(workers) where there are such processes."""
    found = () if strays is None else strays.of("record")
    listed = seen.workers if isinstance(seen, FleetRows) else seen.processes
    if not found or listed is None:
        return ()
    names, now = {each.id for each in listed}, seen.server_time
    lost = (each.process for each in found if each.process is not None and each.name not in names)
    return tuple(WorkerRow(process, "unregistered", now, False) for process in lost)


# The newest failures in groups; `qtop.search.failure_groups` has those of a whole list.


class NewestGroup(NamedTuple):
    """Failures that are the same failure: how many of them are known.

    Attributes:
        newest: The newest of them; None where it is not among those that the poll read.
        system: The label of their place, where there are several.
        last_s: How long ago the last of them failed; None when unknown.
    """

    fingerprint: GroupKey
    number: int
    newest: JobRow | None
    system: str = ""
    last_s: float | None = None

    @property
    def key(self) -> Hashable:
        return keyed(self.system, self.fingerprint)


class GroupMemory:
    """What makes each of the newest failures the same as others. Each entry is read once."""

    def __init__(self) -> None:
        # Imported here: most commands group nothing.
        from qtop.search.failure_groups import KeyMaker

        self._maker = KeyMaker()
        self._known: dict[str, GroupKey] = {}

    def note(self, rows: Sequence[JobRow]) -> None:
        """Group what is new among the newest failures, and forget the others. About 10 us for each
        new one."""
        known, self._known = self._known, {}
        for row in rows:
            name = row.job.id
            self._known[name] = known.get(name) or self._maker.key_of(row.job)

    def of(self, row: JobRow) -> GroupKey:
        """The key of the group of a failure that was noted."""
        return self._known[row.job.id]

    def groups(self, rows: Sequence[JobRow]) -> tuple[NewestGroup, ...]:
        """Failures that were noted, in groups, the one with the most first. `rows` are the newest,
        the newest first. O(rows)."""
        alike: defaultdict[GroupKey, list[JobRow]] = defaultdict(list)
        for row in rows:
            alike[self.of(row)].append(row)
        found = [
            NewestGroup(key, len(same), same[0], last_s=same[0].age_s)
            for key, same in alike.items()
        ]
        return tuple(sorted(found, key=lambda group: -group.number))


# The rows of the Local screen: each group of workers started here, its workers below.

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@value
class LocalGroupRow:
    group: WorkerGroup
    workers: tuple[LocalWorkerRow, ...]

    @property
    def key(self) -> tuple[str, int]:
        return self.group.id, 0

    @property
    def alive(self) -> int:
        return sum(row.worker.place.is_alive for row in self.workers)


@value
class LocalWorkerRow:
    """A worker of a group.

    Attributes:
        seen: The worker as it is registered in Redis; None when it is not, or not yet.
        usage: Its CPU and memory; None when unknown.
    """

    worker: LocalWorker
    seen: WorkerRow | None
    usage: Usage | None
    now_mono: float

    @property
    def key(self) -> tuple[str, int]:
        """What makes it the same row after a restart."""
        return self.worker.key

    @property
    def place(self) -> SlotState:
        return self.worker.place


LocalRow = LocalGroupRow | LocalWorkerRow


def local_rows(
    groups: Iterable[WorkerGroup],
    registered: Iterable[WorkerRow],
    usages: Mapping[int, Usage],
    now_mono: float,
) -> list[LocalRow]:
    """All rows, the groups in the order in which they were started. O(workers).

    Args:
        registered: The workers that are registered in Redis, as far as they run on this machine.
        usages: CPU and memory, by the process ids of living workers.
    """
    # Of two with one pid, in spaces of process ids of their own, the one that came last.
    oldest_first = sorted(registered, key=lambda row: row.process.started or _LONG_AGO)
    by_pid = {row.process.pid: row for row in oldest_first}
    rows: list[LocalRow] = []
    for group in groups:
        places: list[LocalWorkerRow] = []
        for worker in group.workers:
            pid = worker.pid if worker.place.is_alive else None
            usage = None if pid is None else usages.get(pid)
            seen = None if pid is None else by_pid.get(pid)
            if seen is None and usage is not None:
                # A command that starts the worker as a child of its own.
                seen = next((by_pid[pid] for pid in usage.pids if pid in by_pid), None)
            places.append(LocalWorkerRow(worker, seen, usage, now_mono))
        rows += [LocalGroupRow(group, tuple(places)), *places]
    return rows
