"""A queue system in memory that is not like Resque: no Redis, processes with several threads, two
sets of failed jobs, jobs without places, nothing to pause, schedules that name no file. Each call
of it can fail or be slow: see `Faults`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from tests.support.memory_actions import NO_PAUSE, Contents, MemoryActions, MemoryCase
from tests.support.memory_jobs import NOW, MemoryChooser, MemoryList, listed
from tests.support.memory_work import Faults, carried_out

from qtop.actions.plan import Operator, Plan, Refusal
from qtop.actions.request import (
    Index,
    JobRequest,
    LaunchCommand,
    LaunchRequest,
    Load,
    PruneCase,
    QueueClasses,
    Request,
)
from qtop.model.fleet import (
    ListedSchedule,
    LockHolder,
    Process,
    Queue,
    Schedules,
    Sighting,
    Snapshot,
)
from qtop.model.health import (
    Acknowledgement,
    Finding,
    HealthReport,
    IncidentKey,
    Ownership,
    ServerInfo,
    Stray,
    StrayJob,
    Strays,
    SystemHealth,
    UpcomingJobs,
)
from qtop.model.job import Job, JobSource
from qtop.model.job_list import JobList, JobPage
from qtop.model.run_counts import ClassHistory, ClassRuns, DayRuns, RunHistory
from qtop.monitor.incidents.server import LIFETIME_S
from qtop.search.selection import Chooser, RefusalCheck, nothing_refused
from qtop.systems.system import (
    Ability,
    DiagnosisPart,
    JobSystem,
    Place,
    System,
    Wording,
    Work,
)
from queuecore.audit import AuditEntry
from queuecore.cooperative import Slices
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Steps

T = TypeVar("T")

NO_START = "this system starts no workers"
#: The process that moves delayed jobs.
_SCHEDULER = "host1:1"
#: How the result of a method begins that gives work.
_WORK = ("Work[", "Operation[", "Steps[")
#: A process without a sign of life for so long is dead.
_DEAD_AFTER = timedelta(minutes=5)


def calls_of_the_seam() -> set[str]:
    """The names of all calls that a runner carries out for a system, and can fail or be slow."""
    of_protocols = {
        name
        for protocol in (JobSystem, System, JobList, Chooser)
        for name, method in vars(protocol).items()
        if str(getattr(method, "__annotations__", {}).get("return", "")).startswith(_WORK)
    }
    # A window of a walk, and what a plan does.
    return {*of_protocols, "walk", "act"} - {"guarded"}


class MemorySystem:
    """The system, which is its own runner. What it holds are its `contents`; `copies` are jobs that
    are kept while they are tried again, `is_able_to_start` lets it start workers, and `no_right`
    says which actions are forbidden, and why."""

    name = "memory"
    place = Place("in memory", "none")

    def __init__(self) -> None:
        self.contents = Contents()
        self.faults = Faults()
        self.actions = MemoryActions(self.contents, self.faults)
        self.copies: list[Job] = []
        self.requests: list[Request] = []
        self.acknowledgements: dict[IncidentKey, Acknowledgement] = {}
        self.is_able_to_start = False
        self.no_right: Mapping[str, str] = {}

    @property
    def system(self) -> MemorySystem:
        """Itself."""
        return self

    @property
    def wording(self) -> Mapping[str, Wording]:
        return {}

    @property
    def abilities(self) -> Mapping[Ability, str | None]:
        """It pauses nothing, and starts nothing."""
        no_start = None if self.is_able_to_start else NO_START
        return {
            "pause": NO_PAUSE,
            "pause_all": NO_PAUSE,
            "start_workers": no_start,
            "register": None,
            "watch": None,
        }

    # What tests look at and change

    @property
    def queues(self) -> dict[str, list[Job]]:
        return self.contents.queues

    @property
    def failures(self) -> dict[str, list[Job]]:
        return self.contents.failures

    @property
    def delayed(self) -> list[Job]:
        return self.contents.delayed

    @property
    def scheduled(self) -> list[ListedSchedule]:
        return self.contents.scheduled

    @property
    def processes(self) -> list[Process]:
        return self.contents.processes

    # As a `System`

    def snapshot(self) -> Work[Slices[Snapshot]]:
        """The queues and processes."""
        return self.faults.work("snapshot", self._read)

    def _read(self) -> Slices[Snapshot]:
        yield
        return Snapshot(
            NOW,
            tuple(Queue(name, len(jobs)) for name, jobs in self.queues.items()),
            tuple(self.processes),
            tuple(map(listed, self.failures["failed"][:500])),
            len(self.failures["failed"]),
            1_000,
            10,
            False,
        )

    def health(self, queues: Sequence[str] = ()) -> Work[HealthReport]:
        """When the next job comes due, and how many schedules there are."""
        return self.faults.work("health", self._health)

    def _health(self) -> HealthReport:
        due = min((each.due.at for each in self.delayed if each.due), default=math.inf)
        system = SystemHealth(taken=NOW, master=_SCHEDULER, due=due, schedules=len(self.scheduled))
        return HealthReport(system)

    def acknowledged(self) -> Work[Sequence[Acknowledgement]]:
        return self.faults.work("acknowledged", lambda: tuple(self.acknowledgements.values()))

    def acknowledge(
        self, wanted: Acknowledgement, known: Iterable[Acknowledgement] = ()
    ) -> Work[bool]:
        self.acknowledgements[wanted.key] = wanted
        return self.faults.work("acknowledge", lambda: True)

    def forget_acknowledged(self, key: IncidentKey) -> Work[bool]:
        self.acknowledgements.pop(key, None)
        return self.faults.work("acknowledge", lambda: True)

    def strays(self) -> Work[Strays]:
        """Queues that no index names, and copies."""
        return self.faults.work("strays", self._strays)

    def _strays(self) -> Strays:
        hidden = self.contents.hidden.items()
        found = [Stray("queue", name, name.encode(), len(jobs)) for name, jobs in hidden]
        if self.copies:
            found.append(Stray("retry", "again", b"again", len(self.copies)))
        return Strays(tuple(found))

    def stray_jobs(
        self, stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]
    ) -> Work[bool]:
        """The copies."""

        def show() -> bool:
            return all(visit(StrayJob("again", "tried again", each)) for each in self.copies)

        return self.faults.work("stray_jobs", show)

    def unregistered(self, what: Index, names: Sequence[str]) -> Work[list[tuple[str, bool]]]:
        """Queues are missing that are hidden."""
        hidden = self.contents.hidden if what == "queue" else {}
        return self.faults.work("unregistered", lambda: [(name, name in hidden) for name in names])

    def refusal(self, request: JobRequest | Load) -> RefusalCheck:
        """It refuses none."""
        return nothing_refused

    def ownership(self) -> Work[Ownership]:
        """No other system shares its keys."""
        return self.faults.work("ownership", Ownership)

    def next_jobs(self, queues: Sequence[str], *, samples: bool = False) -> Work[UpcomingJobs]:
        """Unknown."""
        return self.faults.work("next_jobs", lambda: UpcomingJobs({}, {}))

    def now(self) -> Work[datetime]:
        """A moment that stays."""
        return self.faults.work("now", lambda: NOW)

    def ping(self) -> Work[StoreError | None]:
        """It refuses nothing."""
        return self.faults.work("ping", lambda: None)

    def contact(self) -> Work[None]:
        """It is what it is."""
        return self.faults.work("contact", lambda: None)

    def probe(self) -> Work[None]:
        """It always answers."""
        return self.faults.work("probe", lambda: None)

    def server(self) -> Work[ServerInfo | None]:
        """There is none."""
        return self.faults.work("server", lambda: None)

    def scheduler_lock(self) -> Work[tuple[str | None, float | None]]:
        """One of its processes has just renewed it."""
        held: tuple[str | None, float | None] = (_SCHEDULER, LIFETIME_S)
        return self.faults.work("scheduler_lock", lambda: held)

    def diagnose(
        self,
        part: DiagnosisPart,
        tell: Callable[[Finding], None],
        seen: Snapshot,
        suspects: Collection[str],
    ) -> Work[None]:
        """All is well."""
        return self.faults.work("diagnose", lambda: tell(Finding(part, "OK", "it is well")))

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
        return self.faults.work("queue_names", lambda: list(self.queues))

    def quarantined(self) -> Work[list[str]]:
        """None."""
        return self.faults.work("quarantined", lambda: [])

    def failure_lists(self, *, apart: bool = False) -> Work[list[str]]:
        """Both sets."""
        return self.faults.work("failure_lists", lambda: list(self.failures))

    def newest_failures(self, jobs: tuple[Job, ...], length: int) -> JobPage:
        """The page, which ends before the job with this number."""
        after = len(jobs) if len(jobs) < length else None
        return JobPage(jobs, None, after, 1, len(jobs), length)

    def history(self, limit: int) -> Work[list[AuditEntry]]:
        """The actions so far."""
        return self.faults.work("history", lambda: self.actions.history[:limit])

    def iterations(self, jids: Sequence[str], place: str = "") -> Work[Mapping[str, str]]:
        """None goes on from a cursor."""
        return self.faults.work("iterations", dict)

    def days(self, now: datetime) -> Work[RunHistory]:
        """As much as a snapshot says."""
        return self.faults.work("days", lambda: RunHistory((DayRuns(now.date(), 1_000, 10),)))

    def classes(self, now: datetime, hours: int) -> Work[ClassHistory]:
        """A run for each job that failed."""
        ran = Counter(each.class_name or "" for each in self.failures["failed"])
        runs = tuple(ClassRuns(name, many, many) for name, many in ran.items())
        since = now - timedelta(hours=hours)
        return self.faults.work("classes", lambda: ClassHistory(since, now, runs))

    def launch(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        """It starts none, unless a test lets it."""
        if not self.is_able_to_start:
            return Refusal(NO_START)
        return LaunchCommand(("false",), {}, f"start {request.queues}")

    def waiting_classes(self, request: LaunchRequest) -> Work[list[QueueClasses]]:
        """None that a worker would look for."""
        none: list[QueueClasses] = []
        return self.faults.work("waiting_classes", lambda: none)

    def left_alone(self, title: str) -> str:
        """None."""
        return ""

    def note(self, operator: Operator, action: str, workers: str, done: int) -> Work[int]:
        """Keeps no record."""
        return self.faults.work("note", lambda: 0)

    def forbidden(self) -> Work[Mapping[str, str]]:
        """Nothing is forbidden, unless a test forbids it."""
        return self.faults.work("forbidden", lambda: self.no_right)

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Work[Sequence[PruneCase]]:
        """Dead are processes that were silent for long."""

        def gather() -> Sequence[PruneCase]:
            found = []
            for each in self.processes:
                is_dead = each.beat_at is not None and each.beat_at < NOW - _DEAD_AFTER
                if each.id in names or (is_dead and not names):
                    found.append(MemoryCase(each, None if is_dead else "it is alive"))
            return cast("Sequence[PruneCase]", found)

        return self.faults.work("evidence", gather)

    def remember(self) -> Work[Sequence[Sighting]]:
        """Nothing happens to its processes."""
        return self.faults.work("remember", lambda: ())

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> MemoryList:
        """A list."""
        return MemoryList(source, self.contents.jobs_of, self.faults)

    def schedules(self, now: datetime) -> Work[Schedules]:
        """All of them: none is in a file."""
        return self.faults.work("schedules", self._schedules)

    def _schedules(self) -> Schedules:
        return Schedules(tuple(self.scheduled), LockHolder(_SCHEDULER, 60))

    def schedules_look(self, now: datetime) -> Work[Callable[[], Schedules]]:
        """The same."""
        return self.faults.work("schedules_look", lambda: self._schedules)

    def firings(self, schedule: ListedSchedule, now: datetime, count: int) -> list[datetime]:
        """Every hour."""
        return [NOW + timedelta(hours=1 + each) for each in range(count)]

    def chooser(
        self, source: JobSource, refusal: RefusalCheck = nothing_refused, *, spares: bool = False
    ) -> MemoryChooser:
        """A chooser that collects jobs by their names."""
        return MemoryChooser(self.faults, refusal)

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        """It does everything but pause, start and signal: see `MemoryActions`."""
        self.requests.append(request)
        plan: Any = partial(self.actions.plan, request, operator)
        return self.faults.work("prepare", plan)

    def guarded(self, work: Work[T]) -> Work[T]:
        """All of it is its own."""
        return work

    def admit(self, queues: Iterable[str] = (), *, failures: bool = False) -> Work[None]:
        """All keys are its own."""
        return self.faults.work("admit", lambda: None)

    def note_change(self) -> None:
        """Remembers nothing."""

    # As its runner

    def open(self) -> None:
        """There is nothing to load."""

    async def watch(self, work: Work[T]) -> T:
        """Do it."""
        return await carried_out(work)

    async def run(self, work: Work[T]) -> T:
        """Do it."""
        return await carried_out(work)

    async def send(self, exchange: Exchange[T]) -> T:
        """Do it."""
        return await carried_out(exchange)

    async def close(self) -> None:
        """There is nothing to close."""
