"""A queue system in memory that is not like Resque: no Redis, processes with several threads, two
sets of failed jobs, jobs without places, nothing to pause, schedules that name no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from qtop.actions.plan import Operator, Outcome, Plan, Refusal
from qtop.actions.request import (
    DelayedRequest,
    Delete,
    DeleteSchedules,
    Index,
    JobRequest,
    LaunchCommand,
    LaunchRequest,
    Pause,
    PauseAll,
    PruneCase,
    QueueClasses,
    Request,
    Requeue,
    Reschedule,
    RunNow,
    RunSchedules,
    Undo,
)
from qtop.keymap.keymap import Danger
from qtop.model.fleet import (
    ListedSchedule,
    LockHolder,
    Process,
    Queue,
    RunningJob,
    Schedules,
    Snapshot,
)
from qtop.model.health import (
    Finding,
    HealthReport,
    Ownership,
    ServerInfo,
    Stray,
    StrayJob,
    Strays,
    SystemHealth,
    UpcomingJobs,
)
from qtop.model.job import DueTime, Job, JobSource
from qtop.model.job_list import LISTED_BYTES, DueShare, Entry, JobPage, Outline
from qtop.search.failure_groups import KeyMaker, KnownEntry
from qtop.search.selection import RefusalCheck, Selection, nothing_refused
from qtop.systems.system import Ability, DiagnosisPart, Place, Work
from queuecore.action_record import ActionRecord
from queuecore.audit import AuditEntry
from queuecore.cooperative import Slices
from queuecore.errors import StoreError, Unreachable
from queuecore.exchange import Exchange, Operation, Steps, drive
from queuecore.windows import Extent, whole

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NO_PAUSE = "this system cannot pause"
NO_START = "this system starts no workers"


def at_once(value: T) -> Steps[T]:
    """Work that needs no round trip."""
    yield from ()
    return value


def job(number: int, name: str, queue: str, **more: Any) -> Job:
    """A job that only its number names: it has no place."""
    raw = json.dumps({"id": number, "job": name}).encode()
    return Job(whole(raw), f"id-{number}", None, name, [number], queue, **more)


def failed(number: int, name: str = "Mail::Send", queue: str = "mail", error: str = "no") -> Job:
    """A failed job."""
    at = NOW - timedelta(seconds=number)
    return job(number, name, queue, failed_at=at, exception="Refused", error=error)


def delayed(number: int, name: str, queue: str, ahead_s: int) -> Job:
    """A delayed job, alone at its moment."""
    at = NOW.timestamp() + ahead_s
    return job(number, name, queue, due=DueTime(at, f"{at:.0f}", 1))


def schedule(name: str, class_name: str, queue: str) -> ListedSchedule:
    """A schedule that fires every hour."""
    at = NOW + timedelta(hours=1)
    fires = {"timing": "every hour", "next_at": at, "next_s": 3_600.0}
    fields: Any = {"class_name": class_name, "args": [1], "queue": queue, **fires}
    return ListedSchedule(name, "persistent", f"schedule {name}", **fields)


def process(number: int, *running: str, threads: int = 5) -> Process:
    """A process that takes from all queues and runs these classes, the longest first."""
    jobs = tuple(
        RunningJob(f"{number}.{at}".encode(), "mail", NOW - timedelta(seconds=60 - at), name, [at])
        for at, name in enumerate(running)
    )
    beat_at = NOW - timedelta(seconds=2)
    name = f"host{number}:{number}"
    fields = (name, f"host{number}", number, ("all",), NOW, beat_at, True, threads, jobs, 7, 1)
    return Process(*fields)


class Names(list[str]):
    """Names of jobs, which are all that names them to actions."""

    size_bytes = 0

    def add(self, ref: Any, size_bytes: int = 0) -> None:
        """Take in one."""
        self.append(ref)
        self.size_bytes += size_bytes


class MemoryChooser:
    """Collects jobs."""

    def __init__(self) -> None:
        self._chosen = Selection(Names())

    def take(self, job: Job) -> bool:
        """Take in one job."""
        self._chosen.add(job)
        return True

    def settle(self) -> Operation[Selection]:
        """The whole selection."""
        return at_once(self._chosen)


class MemoryWalk:
    """One way through a set of jobs, in windows of 500."""

    _WINDOW = 500

    def __init__(self, jobs: Sequence[Job], maker: KeyMaker, *, newest_first: bool) -> None:
        self._jobs, self._maker, self._newest_first = jobs, maker, newest_first
        self.done = 0
        self.length: int | None = None
        self.is_broken = False
        self.extent = Extent(len(jobs), jobs[0].id if jobs else None)

    def window(self) -> Operation[Iterator[Entry]] | None:
        """The next window."""
        self.length = len(self._jobs)
        first, self.done = self.done, min(self.done + self._WINDOW, len(self._jobs))
        return at_once(self._entries(first, self.done)) if first < self.done else None

    def _entries(self, first: int, end: int) -> Iterator[Entry]:
        for at in range(first, end):
            place = len(self._jobs) - at if self._newest_first else at
            yield KnownEntry(self._jobs[at], self._maker, place)


class MemoryList:
    """A set of jobs, the next or newest first."""

    def __init__(self, system: MemorySystem, source: JobSource) -> None:
        self.source = source
        self._system = system
        self._maker = KeyMaker()

    @property
    def _jobs(self) -> Sequence[Job]:
        return self._system.jobs_of(self.source)

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Operation[Outline]:
        """How long it is, and when how many of its jobs come due."""
        due = [each.due.at for each in self._jobs if each.due is not None]
        ends = [now_s, *(now_s + each for each in ahead_s), float("inf")]
        sums = [sum(at <= end for at in due) for end in ends]
        parts = [here - before for before, here in zip([0, *sums], sums, strict=False)]
        shares = tuple(DueShare(many, many, is_exact=True) for many in parts)
        return at_once(Outline(len(self._jobs), None, shares, min(due, default=None)))

    def extent(self) -> Operation[Extent]:
        """What is in it now."""
        return at_once(self.walk().extent)

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Operation[JobPage]:
        """Some jobs; a page begins at a number of jobs from the top."""
        first = cast(int, start or 0)
        jobs = tuple(self._jobs[first : first + size])
        end = first + len(jobs)
        after = end if end < len(self._jobs) else None
        return at_once(JobPage(jobs, first or None, after, first + 1, end, len(self._jobs)))

    def before(self, page: JobPage, size: int) -> Operation[Hashable]:
        """Where the page before begins."""
        return at_once(max(0, page.first - 1 - size) or None)

    def last(self, page: JobPage, size: int) -> Operation[Hashable]:
        """Where the last page begins."""
        return at_once(max(0, page.length - size) or None)

    def read(self, jobs: Sequence[Job]) -> Operation[Sequence[Job | None]]:
        """The same jobs: nothing of them is cut."""
        known = {each.ref for each in self._jobs}
        return at_once([each if each.ref in known else None for each in jobs])

    def walk(self, since: Extent | None = None) -> MemoryWalk:
        """All of it, or what is in front of the item that was first then."""
        jobs = self._jobs
        if since is not None and since.last is not None:
            known = [each.id for each in jobs]
            jobs = jobs[: known.index(since.last)] if since.last in known else jobs
        return MemoryWalk(jobs, self._maker, newest_first=self.source.kind == "failed")

    def refs(self) -> Names:
        """Names of jobs."""
        return Names()

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        """The queue and the bytes."""
        return job.queue or "", job.item.raw


class MemorySystem:
    """The system, which is its own runner. With `trouble` every request fails."""

    name = "memory"
    place = Place("in memory", "none")

    def __init__(self) -> None:
        self.queues: dict[str, list[Job]] = {}
        self.processes: list[Process] = []
        self.failures: dict[str, list[Job]] = {"failed": [], "dead": []}
        self.delayed: list[Job] = []
        self.scheduled: list[ListedSchedule] = []
        self.history_of: list[AuditEntry] = []
        self.trouble: StoreError | None = None
        self.requests: list[Request] = []
        self._before: dict[str, tuple[JobSource, list[Job], dict[str, list[Job]]]] = {}

    @property
    def system(self) -> MemorySystem:
        """Itself."""
        return self

    @property
    def abilities(self) -> Mapping[Ability, str | None]:
        """It pauses nothing, and starts nothing."""
        return {"pause": NO_PAUSE, "pause_all": NO_PAUSE, "start_workers": NO_START}

    def jobs_of(self, source: JobSource) -> list[Job]:
        """What is in a list now."""
        if source.kind == "delayed":
            return self.delayed
        return (self.failures if source.kind == "failed" else self.queues).get(source.name, [])

    # As a `System`

    def snapshot(self) -> Work[Slices[Snapshot]]:
        """The queues and processes."""
        return at_once(self._read())

    def _read(self) -> Slices[Snapshot]:
        yield
        return Snapshot(
            NOW,
            tuple(Queue(name, len(jobs)) for name, jobs in self.queues.items()),
            tuple(self.processes),
            tuple(self.failures["failed"][:500]),
            len(self.failures["failed"]),
            1_000,
            10,
            False,
        )

    def health(self, queues: Sequence[str] = ()) -> Work[HealthReport]:
        """Nothing is known beside the snapshots."""
        return at_once(HealthReport(SystemHealth(taken=NOW)))

    def strays(self) -> Work[Strays]:
        """There are none."""
        return at_once(Strays())

    def stray_jobs(
        self, stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]
    ) -> Work[bool]:
        """There are none."""
        return at_once(True)

    def unregistered(self, what: Index, names: Sequence[str]) -> Work[list[tuple[str, bool]]]:
        """None is missing."""
        return at_once([(name, False) for name in names])

    def refusal(self, request: JobRequest) -> RefusalCheck:
        """It refuses none."""
        return nothing_refused

    def ownership(self) -> Work[Ownership]:
        """No other system shares its keys."""
        return at_once(Ownership())

    def next_jobs(self, queues: Sequence[str], *, samples: bool = False) -> Work[UpcomingJobs]:
        """Unknown."""
        return at_once(UpcomingJobs({}, {}))

    def now(self) -> Work[datetime]:
        """A moment that stays."""
        return at_once(NOW)

    def probe(self) -> Work[None]:
        """It always answers."""
        return at_once(None)

    def server(self) -> Work[ServerInfo]:
        """There is no server."""
        return at_once(ServerInfo({}))

    def scheduler_lock(self) -> Work[tuple[str | None, float | None]]:
        """It has no scheduler."""
        return at_once(cast("tuple[str | None, float | None]", (None, None)))

    def diagnose(
        self,
        part: DiagnosisPart,
        tell: Callable[[Finding], None],
        seen: Snapshot,
        suspects: Collection[str],
    ) -> Work[None]:
        """All is well."""
        return at_once(None)

    def serves(self, listed: tuple[str, ...], names: Sequence[str]) -> Collection[str]:
        """Each process takes from all queues."""
        return names

    def may_run_on(self, process: Process, machine: str) -> bool:
        """None runs here."""
        return False

    def source_of(self, entry: AuditEntry) -> JobSource | None:
        """Unknown."""
        return None

    def queue_names(self) -> Work[list[str]]:
        """Of all queues."""
        return at_once(list(self.queues))

    def failure_lists(self) -> Work[list[str]]:
        """Both sets."""
        return at_once(list(self.failures))

    def history(self, limit: int) -> Work[list[AuditEntry]]:
        """The actions so far."""
        return at_once(self.history_of[:limit])

    def launch(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        """It starts none."""
        return Refusal(NO_START)

    def waiting_classes(self, request: LaunchRequest) -> Work[list[QueueClasses]]:
        """None that a worker would look for."""
        return at_once(cast("list[QueueClasses]", []))

    def left_alone(self, title: str) -> str:
        """None."""
        return ""

    def note(self, operator: Operator, action: str, workers: str, done: int) -> Work[int]:
        """Keeps no record."""
        return at_once(0)

    def forbidden(self) -> Work[Mapping[str, str]]:
        """Nothing is forbidden."""
        return at_once(cast("Mapping[str, str]", {}))

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Work[Sequence[PruneCase]]:
        """No process is dead."""
        return at_once(cast("Sequence[PruneCase]", []))

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> MemoryList:
        """A list."""
        return MemoryList(self, source)

    def schedules(self, now: datetime) -> Work[Schedules]:
        """All of them: none is in a file."""
        return at_once(Schedules(tuple(self.scheduled), LockHolder("host1:1", 60)))

    def schedules_look(self, now: datetime) -> Work[Callable[[], Schedules]]:
        """The same."""
        seen = drive(self.schedules(now), lambda step: None)
        return at_once(lambda: seen)

    def firings(self, schedule: ListedSchedule, now: datetime, count: int) -> list[datetime]:
        """Every hour."""
        return [NOW + timedelta(hours=1 + each) for each in range(count)]

    def chooser(
        self, source: JobSource, refusal: RefusalCheck = nothing_refused, *, spares: bool = False
    ) -> MemoryChooser:
        """A chooser that collects jobs by their names."""
        return MemoryChooser()

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        """It deletes failed and delayed jobs, runs them now, delays them until later, runs and
        deletes schedules, and undoes what it did to jobs."""
        self.requests.append(request)
        match request:
            case Pause() | PauseAll():
                return at_once(cast("Plan | Refusal", Refusal(NO_PAUSE)))
            case Delete() | Requeue() | RunNow() | Reschedule():
                return at_once(cast("Plan | Refusal", self._plan(request, operator)))
            case RunSchedules() | DeleteSchedules():
                run = partial(self._on_schedules, request)
                return at_once(cast("Plan | Refusal", Plan("", "", (), "undoable", run)))
            case Undo():
                undo = partial(self._undo, request.id)
                return at_once(cast("Plan | Refusal", Plan("Undo", "Undo", (), "none", undo)))
        return at_once(cast("Plan | Refusal", Refusal("not here")))

    def _plan(self, request: JobRequest | DelayedRequest, operator: Operator) -> Plan:
        verb, many = type(request).__name__, len(request.chosen.refs)
        record = operator.record(verb.lower(), "jobs", request.source.name.encode(), many)
        danger: Danger = "confirm" if request.is_found or many > 1 else "undoable"
        run = partial(self._act, request, record)
        what = f"{verb} {many} by name"
        details = ("Their names are known.", "", "")
        return Plan(what, verb, details, danger, run, many=many, record=record)

    def _act(self, request: JobRequest | DelayedRequest, record: ActionRecord) -> Steps[Outcome]:
        listed = self.jobs_of(request.source)
        queues = {name: list(jobs) for name, jobs in self.queues.items()}
        self._before[record.id] = (request.source, list(listed), queues)
        wanted = set(cast(Names, request.chosen.refs))
        taken = [each for each in listed if each.ref in wanted]
        listed[:] = [each for each in listed if each.ref not in wanted]
        for each in taken:
            if isinstance(request, Requeue | RunNow):
                self.queues.setdefault(each.queue or "", []).append(each)
            elif isinstance(request, Reschedule):
                at = request.at.timestamp()
                listed.append(replace(each, due=DueTime(at, f"{at:.0f}", 1)))
        gone = len(wanted) - len(taken)
        subject, place = record.subject, request.source.name
        entry = (record.id, NOW, record.actor, record.action, subject, place, place.encode())
        self.history_of.insert(0, AuditEntry(*entry, record.planned, len(taken), 0, 3_600))
        text = f"{record.action}d {len(taken)}, gone {gone}"
        return at_once(Outcome(text, done=len(taken), gone=gone, record=record))

    def _on_schedules(self, request: RunSchedules | DeleteSchedules) -> Steps[Outcome]:
        for each in request.schedules:
            if isinstance(request, RunSchedules):
                waiting = self.queues.setdefault(each.queue or "", [])
                waiting.append(job(len(waiting), each.class_name or "", each.queue or ""))
            else:
                self.scheduled.remove(each)
        return at_once(Outcome(f"did it to {len(request.schedules)}"))

    def _undo(self, action: str) -> Steps[Outcome]:
        source, jobs, queues = self._before.pop(action)
        back = len(jobs) - len(self.jobs_of(source))
        self.jobs_of(source)[:] = jobs
        self.queues = queues
        at = [each.id for each in self.history_of].index(action)
        self.history_of[at] = replace(self.history_of[at], undone=back, undo_left_s=None)
        return at_once(Outcome(f"took back {back}", done=back, undid=action))

    def guarded(self, work: Work[T]) -> Work[T]:
        """All of it is its own."""
        if self.trouble is not None:
            raise self.trouble
        return work

    def admit(self, queues: Iterable[str] = (), *, failures: bool = False) -> Work[None]:
        """All keys are its own."""
        return at_once(None)

    def note_change(self) -> None:
        """Remembers nothing."""

    # As its runner

    def open(self) -> None:
        """There is nothing to load."""

    async def watch(self, work: Work[T]) -> T:
        """Do it."""
        return self._driven(work)

    async def run(self, work: Work[T]) -> T:
        """Do it."""
        return self._driven(work)

    def _driven(self, work: Work[T]) -> T:
        if self.trouble is not None:
            raise self.trouble
        if isinstance(work, Exchange):
            raise Unreachable("there is no Redis")
        try:
            next(work)
        except StopIteration as end:
            return cast(T, end.value)
        work.close()
        raise Unreachable("there is no Redis")

    async def close(self) -> None:
        """There is nothing to close."""
