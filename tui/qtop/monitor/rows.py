"""The rows of the console: what is known of each queue, worker and failure at one look. Pure.

`qtop.monitor.row_builder` makes them.

Rows hold names and texts as they are in Redis. `qtop.text.format` makes them safe, once, where
the text of a cell is made.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

from qtop.config.limits import DEAD_AFTER_S, SILENT_AFTER_S
from qtop.model.fleet import Process, RunningJob, Snapshot
from qtop.model.health import Strays
from qtop.model.job import GroupKey, JobRow, age_at
from qtop.monitor.drops import NO_DROPS, Drop, Drops
from qtop.monitor.rates import Rates
from queuecore.values import value

# What a worker does, as far as it is known from outside.

Condition = Literal["dead?", "unregistered", "silent", "unknown", "working", "no heartbeat", "idle"]
CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)
"""What a worker does, troubles first. `unregistered`: it holds a job and is on no register. Unknown
is what Redis did not tell."""


class BeatLimits(NamedTuple):
    """The moments before which a last heartbeat makes a worker silent, or dead; `first` is the
    later one of them."""

    first: datetime
    silent: datetime
    dead: datetime

    @classmethod
    def at(cls, now: datetime, silent_after_s: float = SILENT_AFTER_S) -> BeatLimits:
        """Those at a moment of the server's clock."""
        silent, dead = (now - timedelta(seconds=age) for age in (silent_after_s, DEAD_AFTER_S))
        return cls(max(silent, dead), silent, dead)


def condition(process: Process, bounds: BeatLimits) -> Condition:
    """What a worker does, as far as its heartbeat and its jobs tell."""
    if process.has_beat is None:
        return "unknown"
    if not process.has_beat:
        return "no heartbeat"
    beat_at = process.beat_at
    if beat_at is not None and beat_at < bounds.first:
        if beat_at < bounds.dead:
            return "dead?"
        if beat_at < bounds.silent:
            return "silent"
    jobs = process.jobs
    if jobs is None:
        return "unknown"
    return "working" if jobs else "idle"


DEPTHS_KEPT: Final = 60
"""How many looks back the depths of a queue are known."""

#: A queue whose rates differ by less than this part neither drains nor grows.
_STEADY: Final = 0.05


class QueueRow(NamedTuple):
    """One queue. None means unknown.

    Attributes:
        depths: Depths of the last looks, oldest first.
        looks: How many looks there were of it.
        empty_in_s: Seconds until it is empty at these rates; infinite when it never will be.
        serving: Workers that take from it and are not known to be dead.
        in_hand: Jobs of it that workers hold now.
        failed: Its failures among those that were read, which are all when `failed_is_all`.
        drops: Where its depth fell by more than workers took, the oldest first.
        next_waits_s: How long the job that is next has waited, as of some seconds ago; None when
            it does not tell.
        others: Whose the queue is, if it is not Resque's alone: `Sidekiq's`, for example.
    """

    name: str
    depth: int | None
    depths: tuple[int | None, ...]
    looks: int
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

    @property
    def is_unserved(self) -> bool:
        """Whether jobs of Resque's wait that no worker will take, as far as it is known."""
        return self.serving == 0 and bool(self.depth) and not self.others


class WorkerRow(NamedTuple):
    """One registered worker, at the server's time `now`. There may be thousands of them at each
    look, so that what few need is found when it is asked for."""

    process: Process
    condition: Condition
    now: datetime
    is_local: bool

    @property
    def id(self) -> str:
        """What its system calls it."""
        return self.process.id

    @property
    def jobs(self) -> tuple[RunningJob, ...] | None:
        """What it runs; None when that is unknown."""
        return self.process.jobs

    @property
    def is_at_work(self) -> bool:
        """Whether it runs a job and is not dead, as far as it is known."""
        return bool(self.process.jobs) and self.condition != "dead?"

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
        troubled: Workers that are silent or dead, as far as it is known.
        failed: How long the list of failures is.
        failed_ever: Resque's own count.
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


@value
class FleetRows:
    """All rows at one look; None for those that could not be read."""

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
    """

    name: str | None
    workers: int
    working: int | None
    troubled: int | None
    longest_s: float | None
    beat_age_s: float | None
    processed: int | None
    failed: int | None


def host_rows(workers: Iterable[WorkerRow]) -> list[HostRow]:
    """A row for each machine, by name. O(workers)."""
    by_host: defaultdict[str | None, list[WorkerRow]] = defaultdict(list)
    for worker in workers:
        by_host[worker.process.host].append(worker)
    return [_row(name, by_host[name]) for name in sorted(by_host, key=lambda n: (n is None, n))]


def _row(name: str | None, workers: list[WorkerRow]) -> HostRow:
    elapsed = (w.elapsed_s for w in workers if w.elapsed_s is not None)
    beats = (age_s for w in workers if (age_s := w.beat_age_s) is not None)
    are_known = not any(
        w.condition == "unknown" or (w.jobs is None and w.condition != "dead?") for w in workers
    )
    have_beats = all(w.process.has_beat is not None for w in workers)
    troubled = sum(w.condition in ("dead?", "silent") for w in workers)
    return HostRow(
        name=name,
        workers=len(workers),
        working=sum(w.is_at_work for w in workers) if are_known else None,
        troubled=troubled if have_beats else None,
        longest_s=max(elapsed, default=None),
        beat_age_s=min(beats, default=None),
        processed=_sum(w.process.processed for w in workers),
        failed=_sum(w.process.failed for w in workers),
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    """All together; None when one is unknown."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


# Rows for workers that hold jobs and are on no register.


def unregistered_rows(strays: Strays | None, look: FleetRows | Snapshot) -> tuple[WorkerRow, ...]:
    """A row for each process that was found on no register, and is on none at the look either; none
    where the register is unknown. O(workers) where there are such processes."""
    found = () if strays is None else strays.of("record")
    listed = look.workers if isinstance(look, FleetRows) else look.processes
    if not found or listed is None:
        return ()
    names, now = {each.id for each in listed}, look.server_time
    lost = (each.process for each in found if each.process is not None and each.name not in names)
    return tuple(WorkerRow(process, "unregistered", now, False) for process in lost)


# The newest failures in groups, for a glance: of all there are, `groups` tells.


class NewestGroup(NamedTuple):
    """Failures that are the same failure, among the newest: how many, and the newest of them."""

    fingerprint: GroupKey
    number: int
    newest: JobRow


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
        """The fingerprint of a failure that was noted."""
        return self._known[row.job.id]

    def groups(self, rows: Sequence[JobRow]) -> tuple[NewestGroup, ...]:
        """Failures that were noted, in groups, the one with the most first. `rows` are the newest,
        the newest first. O(rows)."""
        counts: dict[GroupKey, int] = {}
        newest: dict[GroupKey, JobRow] = {}
        for row in rows:
            mark = self.of(row)
            counts[mark] = counts.get(mark, 0) + 1
            newest.setdefault(mark, row)
        found = [NewestGroup(mark, n, newest[mark]) for mark, n in counts.items()]
        return tuple(sorted(found, key=lambda group: -group.number))
