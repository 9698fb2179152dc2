"""What is wrong with processes that run jobs in threads and tell more about themselves: they do not
beat, stay quiet for long, went with jobs in their threads, have all threads busy, are far from
Redis, grow. Pure, with what must be remembered from poll to poll."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from qtop.config.limits import Thresholds
from qtop.model.fleet import RunningJob
from qtop.monitor.incidents.incident import Figure, Incident, Link, Remedy
from qtop.monitor.rows import FleetRows, WorkerRow
from qtop.text.format import named
from qtop.text.safe import ago, counted
from queuecore.active_job import unwrapped
from queuecore.audit import AuditEntry

#: How often the memory of a process is noted while it is watched for growth.
_NOTES: Final = 12
#: What holds at so many beats in a row is no accident of one.
_BEATS: Final = 2
#: So many processes that went are remembered, and so many of their jobs are named.
_MOST_LOST, _NAMED = 1_000, 5
_SEE: Final = Remedy("these workers", "table.open")
#: What puts jobs back that a process had when it went.
_RESCUES: Final = frozenset({"rescue"})


class Fullness(NamedTuple):
    """How many threads serve a queue, all of them busy at two beats in a row."""

    threads: int
    workers: int


@dataclass(slots=True)
class _Past:
    """What is remembered of a process. Moments are of the console's clock."""

    seen: WorkerRow
    #: When a beat other than the one before was last seen.
    beat_mono: float
    quiet_since: datetime | None = None
    #: At so many beats in a row all threads were busy, and Redis was far.
    full: int = 0
    far: int = 0
    rss: deque[tuple[float, int]] = field(default_factory=deque)


class _Lost(NamedTuple):
    """A process that went, and what it ran at its last beat."""

    host: str
    jobs: tuple[RunningJob, ...]
    since: datetime


class ThreadWatch:
    """Remembers processes from poll to poll. Bounded by how many there are, and 1,000 that went.
    `on_gone` hears what each ran that went without a clean stop, and when that was seen."""

    def __init__(
        self,
        thresholds: Thresholds,
        on_gone: Callable[[tuple[RunningJob, ...], datetime], None] = lambda jobs, now: None,
    ) -> None:
        self._limits = thresholds
        self._on_gone = on_gone
        self._pasts: dict[str, _Past] = {}
        self._lost: dict[str, _Lost] = {}
        self._rows: Sequence[WorkerRow] = ()
        self._is_known = False

    def add(self, fleet: FleetRows, at_mono: float) -> None:
        """Take in a poll; the same one may be added again. O(workers)."""
        self._is_known = fleet.workers is not None
        if fleet.workers is None:
            self._rows = ()
            return
        self._rows = [row for row in fleet.workers if row.process.facts is not None]
        pasts, self._pasts = self._pasts, {}
        for row in self._rows:
            past = pasts.get(row.id)
            if row.process.is_gone:
                if past is not None:
                    self._note_gone(row, past)
                continue
            self._lost.pop(row.id, None)
            if past is None:
                past = _Past(row, at_mono)
                self._note_beat(past, row, at_mono)
            elif row.process.beat_at != past.seen.process.beat_at:
                self._note_beat(past, row, at_mono)
            past.seen = row
            if not row.process.is_quiet:
                past.quiet_since = None
            elif past.quiet_since is None:
                past.quiet_since = row.now
            self._pasts[row.id] = past
        oldest = fleet.server_time - timedelta(seconds=self._limits.lost_for_s)
        self._lost = {name: each for name, each in self._lost.items() if each.since > oldest}

    def _note_gone(self, row: WorkerRow, past: _Past) -> None:
        jobs = past.seen.process.jobs
        if jobs and row.id not in self._lost and len(self._lost) < _MOST_LOST:
            self._lost[row.id] = _Lost(row.process.host or row.id, jobs, row.now)
            self._on_gone(jobs, row.now)

    def _note_beat(self, past: _Past, row: WorkerRow, at_mono: float) -> None:
        """What a process told at a beat that was not seen before."""
        past.beat_mono = at_mono
        facts, threads = row.process.facts, row.process.threads
        if facts is None:
            return
        is_full = facts.busy is not None and bool(threads) and facts.busy >= (threads or 0)
        past.full = past.full + 1 if is_full else 0
        limit_us = self._limits.round_trip_ms * 1_000
        is_far = facts.round_trip_us is not None and facts.round_trip_us > limit_us
        past.far = past.far + 1 if is_far else 0
        if facts.rss_bytes is None:
            past.rss.clear()
            return
        notes, for_s = past.rss, self._limits.rss_for_s
        if notes and facts.rss_bytes < notes[-1][1]:
            notes.clear()  # It does not only grow.
        if not notes or at_mono - notes[-1][0] >= for_s / _NOTES:
            notes.append((at_mono, facts.rss_bytes))
        while len(notes) > 1 and notes[1][0] <= at_mono - for_s:
            notes.popleft()

    def full(self, queues: Iterable[str]) -> Mapping[str, Fullness]:
        """Those of some queues whose threads are all busy, at two beats of each process. A queue of
        which that is not known is none of them. O(workers)."""
        wanted = set(queues)
        threads, workers = Counter[str](), Counter[str]()
        free: set[str] = set()
        for row in self._rows if wanted else ():
            if row.process.is_gone or row.process.is_quiet:
                continue
            served = wanted.intersection(row.process.listed)
            past = self._pasts.get(row.id)
            if past is None or past.full < _BEATS:
                free |= served
            for name in served:
                threads[name] += row.process.threads or 0
                workers[name] += 1
        return {name: Fullness(threads[name], workers[name]) for name in threads.keys() - free}

    def incidents(
        self, now: datetime, at_mono: float, entries: Sequence[AuditEntry]
    ) -> Iterator[Incident]:
        """What is wrong with them; `entries` are the newest actions on record. Where they could not
        be read, only what they took with them. O(workers)."""
        yield from self._gone(entries)
        if not self._is_known:
            return
        pasts = self._pasts.values()
        # One that does not tell when it beat may beat.
        beating = [each for each in pasts if each.seen.process.beat_at is not None]
        late_s = self._limits.late_beat_s
        if late := [each for each in beating if at_mono - each.beat_mono > late_s]:
            yield _late(late, max(at_mono - each.beat_mono for each in late))
        quiet_before = now - timedelta(seconds=self._limits.quiet_for_s)
        quiet = [e for e in pasts if e.quiet_since is not None and e.quiet_since <= quiet_before]
        if quiet := [each for each in quiet if each.seen.jobs or _busy(each.seen)]:
            yield _quiet(quiet, now)
        if far := [each.seen for each in pasts if each.far >= _BEATS]:
            yield _far(far, self._limits)
        if grown := [each for each in pasts if self._has_grown(each, at_mono)]:
            yield _grown(grown, self._limits)

    def _has_grown(self, past: _Past, at_mono: float) -> bool:
        """Whether its memory never shrank in all that time, and grew by enough, also at the end."""
        notes = past.rss
        if not notes or at_mono - notes[0][0] < self._limits.rss_for_s:
            return False
        first, last = notes[0][1], notes[-1][1]
        late = next((rss for at, rss in notes if at >= at_mono - self._limits.rss_for_s / 3), last)
        return last >= first * (1 + self._limits.rss_by_part) and last > late

    def _gone(self, entries: Sequence[AuditEntry]) -> Iterator[Incident]:
        """Processes whose sign of life has run out: with the jobs that they ran, and others."""
        # What was undone of a rescue is lost again.
        rescues = [each for each in entries if each.action in _RESCUES and not each.undone]
        lost = {
            name: each
            for name, each in self._lost.items()
            if not any(each.since <= done.at and _is_of(done, name) for done in rescues)
        }
        if lost:
            yield _with_jobs(lost)
        others = [row for row in self._rows if row.process.is_gone and row.id not in self._lost]
        if others:
            yield _without_jobs(others)


def _is_of(rescue: AuditEntry, process: str) -> bool:
    """Whether a rescue was about the jobs of a process; one that names none was about all."""
    return not rescue.processes or process in rescue.processes


def _busy(row: WorkerRow) -> int:
    facts = row.process.facts
    return 0 if facts is None else facts.busy or 0


def _late(late: Sequence[_Past], longest_s: float) -> Incident:
    rows = [each.seen for each in late]
    how_long = ago(longest_s)
    up_to = how_long if len(late) == 1 else f"up to {how_long}"
    return Incident(
        *("workers", "warn", f"{counted(len(late), 'worker')} silent", "late beat"),
        link=_to(rows),
        figures=f"no heartbeat for {up_to}{_on(rows)}",
        cause="Stopped, short of CPU or memory, or cut off from Redis.",
        evidence=(Figure("workers", named([row.id for row in rows], _NAMED)),),
        meaning="After a minute without a heartbeat they count as gone.",
        remedies=(_SEE, Remedy("check their machines, and their connection to Redis")),
        since=rows[0].now - timedelta(seconds=longest_s),
    )


def _quiet(quiet: Sequence[_Past], now: datetime) -> Incident:
    rows = [each.seen for each in quiet]
    jobs = sum(max(len(row.jobs or ()), _busy(row)) for row in rows)
    longest = max(rows, key=lambda row: row.elapsed_s or 0.0)
    since = min(each.quiet_since or now for each in quiet)
    return Incident(
        *("workers", "warn", f"{counted(len(rows), 'quiet worker')} still running", "quiet"),
        link=_to(rows, "quiet"),
        figures=f"{counted(jobs, 'job')} for {ago((now - since).total_seconds())}{_on(rows)}; "
        f"longest {_job(longest.job)}, {ago(longest.elapsed_s)}",
        cause="A deploy waits for jobs that run longer than it expects.",
        evidence=tuple(
            Figure(row.id, f"{_job(row.job)} for {ago(row.elapsed_s)}") for row in rows[:_NAMED]
        ),
        meaning="A quiet worker finishes its jobs and takes no more.",
        remedies=(
            _SEE,
            Remedy(
                "wait for the jobs, or stop the process: what it has not done by then goes back"
            ),
        ),
        since=since,
    )


def _with_jobs(lost: Mapping[str, _Lost]) -> Incident:
    jobs = [(name, job) for name, each in lost.items() for job in each.jobs]
    hosts = list(dict.fromkeys(each.host for each in lost.values()))
    names = list(dict.fromkeys(_job(job) for _, job in jobs))
    is_one = len(lost) == 1
    workers, many = counted(len(lost), "worker"), counted(len(jobs), "job")
    return Incident(
        *("workers", "crit", f"{workers} gone with {many} running", "gone with jobs"),
        link=Link("workers", next(iter(lost))) if is_one else Link("workers", filter="gone"),
        figures=f"on {named(hosts, 3)}: {named(names, 3)}",
        cause="Killed, or cut off from Redis: no clean stop was seen.",
        evidence=tuple(
            Figure(name, f"ran {_job(job)} at its last heartbeat") for name, job in jobs[:_NAMED]
        ),
        meaning="These jobs are lost unless something kept them.",
        remedies=(
            _SEE,
            Remedy("rescue the jobs that nothing kept", "prune"),
            Remedy("see whether the process still runs: one that was cut off may come back"),
        ),
        since=min(each.since for each in lost.values()),
    )


def _without_jobs(gone: Sequence[WorkerRow]) -> Incident:
    return Incident(
        *("workers", "warn", f"{counted(len(gone), 'worker')} gone without a clean stop", "gone"),
        link=_to(gone, "gone"),
        figures=f"what they ran may be lost{_on(gone)}",
        cause="Killed, or cut off from Redis.",
        evidence=tuple(Figure(row.id, "its heartbeat has expired") for row in gone[:_NAMED]),
        meaning="What they ran is unknown: this console did not see it.",
        remedies=(
            _SEE,
            Remedy("see whether they run; jobs that nothing kept must be enqueued again"),
        ),
    )


def _far(far: Sequence[WorkerRow], thresholds: Thresholds) -> Incident:
    def took_ms(row: WorkerRow) -> float:
        facts = row.process.facts
        return 0.0 if facts is None else (facts.round_trip_us or 0) / 1_000

    worst = max(map(took_ms, far))
    return Incident(
        *("server", "warn", f"{counted(len(far), 'worker')} far from Redis", "round trip"),
        link=_to(far),
        figures=f"up to {worst:,.0f} ms, over {thresholds.round_trip_ms:g} ms{_on(far)}",
        cause="The network is slow, or Redis or the process is short of CPU.",
        evidence=tuple(
            Figure(row.id, f"{took_ms(row):,.0f} ms a round trip") for row in far[:_NAMED]
        ),
        meaning="Each job takes longer by some round trips.",
        remedies=(
            _SEE,
            Remedy("check the network between them and Redis, and the CPU of both"),
            Remedy("fewer threads in a process: they share its CPU"),
        ),
    )


def _grown(grown: Sequence[_Past], thresholds: Thresholds) -> Incident:
    rows = [each.seen for each in grown]

    def course(past: _Past) -> str:
        return f"{_mib(past.rss[0][1])} to {_mib(past.rss[-1][1])}"

    most = max(grown, key=lambda past: past.rss[-1][1] / max(1, past.rss[0][1]))
    return Incident(
        *("workers", "warn", f"memory of {counted(len(rows), 'worker')} only grows", "memory"),
        link=_to(rows),
        figures=f"{course(most)} in {ago(thresholds.rss_for_s)}{_on(rows)}",
        cause="A leak, or memory that is fragmented by many threads.",
        evidence=tuple(Figure(each.seen.id, course(each)) for each in grown[:_NAMED]),
        meaning="A machine without memory kills processes, and what they run.",
        remedies=(
            _SEE,
            Remedy("restart them before the machine runs out of memory"),
            Remedy("check which class runs on those that grow"),
        ),
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"


def _job(job: RunningJob | None) -> str:
    name = None if job is None else unwrapped(job.class_name, job.args)[0]
    return name or "a job that cannot be read"


def _to(rows: Sequence[WorkerRow], state: str = "") -> Link:
    return Link("workers", rows[0].id) if len(rows) == 1 else Link("workers", filter=state)


def _on(rows: Sequence[WorkerRow]) -> str:
    hosts = list(dict.fromkeys(row.process.host or row.id for row in rows))
    return f", on {named(hosts, 3)}"
