"""Resque, as the console asks it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, get_args

from qtop.model.job import FAILED, JobSource
from qtop.systems.system import Ability, Place, Wording
from queuecore.exchange import Exchange, contact, single
from queuecore.keys import name_text
from queuecore.times import from_server, wall_now
from resque.errors import NoQueueError, StoreError, WrongType

if TYPE_CHECKING:
    # Every command loads this file. What only some methods need they import themselves.
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

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
    from qtop.model.fleet import ListedSchedule, Process, Schedules, Sighting, Snapshot
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
        UpcomingJobs,
    )
    from qtop.model.job import Job
    from qtop.model.job_list import JobList, JobPage
    from qtop.model.run_counts import ClassHistory, RunHistory
    from qtop.search.selection import Chooser, RefusalCheck
    from qtop.systems.job_memory import JobMemory
    from qtop.systems.resque.schedules import ScheduleReader
    from qtop.systems.system import DiagnosisPart, Work
    from queuecore.address import Address
    from queuecore.audit import AuditEntry
    from queuecore.cooperative import Slices
    from queuecore.exchange import Steps
    from resque.keys import Keys
    from resque.store.failures import Failure
    from resque.store.guard import Guard
    from resque.store.snapshot import EngineSnapshot, SnapshotReader

T = TypeVar("T")

NO_DEAD: Final = "Resque has no dead jobs: failures stay until they are requeued or deleted"
NO_RETRIES: Final = "Resque does not retry by itself: requeue the failures"

#: How many of the newest failures are part of a snapshot.
FAILURES_READ: Final = 500
NO_RUNS: Final = "Resque counts runs in total only, not by day or class"


_NO_SIGNALS: Final = (
    "Resque's workers read no signals from Redis: the console signals those of its machine"
)
_NO_RESCUE: Final = "Resque's workers keep what they run until they are pruned: see qtop prune"


class ResqueSystem:
    """Resque in one namespace; see `System` for what its methods do.

    Args:
        keys: The namespace.
        address: Where its Redis is.
        url: The same with its password, for workers that are started here; never shown.
        failures_read: How many of the newest failures are part of a snapshot.
        warn: Gets a sentence where Sidekiq perhaps lives, before a change.
    """

    name: ClassVar[str] = "resque"
    abilities: ClassVar[Mapping[Ability, str | None]] = {
        **dict.fromkeys(get_args(Ability)),
        **dict.fromkeys(("kill", "kill_all", "kill_delayed", "kill_matching"), NO_DEAD),
        **dict.fromkeys(("postpone", "postpone_all"), NO_RETRIES),
        "dump_worker": "Resque's workers have no signal that logs what they do",
        **dict.fromkeys(("quiet", "stop"), _NO_SIGNALS),
        "cancel": "Resque has no iterable jobs",
        **dict.fromkeys(("rescue", "watch"), _NO_RESCUE),
        "open_runs": NO_RUNS,
    }
    wording: ClassVar[Mapping[str, Wording]] = {}

    def __init__(
        self,
        keys: Keys,
        address: Address | None = None,
        *,
        url: str = "",
        failures_read: int = FAILURES_READ,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.keys = keys
        self.place = Place("" if address is None else str(address), keys.namespace)
        self._database = 0 if address is None else address.db
        self._url = url
        self._failures_read = failures_read
        self._warn = warn

    def snapshot(self) -> Steps[Slices[Snapshot]]:
        reading = yield from self._reader.look()
        return self._read(reading)

    @cached_property
    def _reader(self) -> SnapshotReader:
        from resque.store.snapshot import SnapshotReader

        return SnapshotReader(self.keys, failures_limit=self._failures_read)

    @cached_property
    def _failures(self) -> JobMemory[Failure]:
        from qtop.systems.job_memory import JobMemory
        from qtop.systems.resque.job_reader import failure_job

        return JobMemory(failure_job)

    def _read(self, reading: Slices[EngineSnapshot]) -> Slices[Snapshot]:
        return self._failures.snapshot_of((yield from reading))

    def health(self, queues: Sequence[str] = ()) -> Steps[HealthReport]:
        from qtop.systems.resque import health

        return health.look(self.keys, queues)

    def acknowledged(self) -> Exchange[Sequence[Acknowledgement]]:
        from queuecore import acknowledging

        return acknowledging.read(self.keys)

    def acknowledge(
        self, wanted: Acknowledgement, known: Iterable[Acknowledgement] = ()
    ) -> Exchange[bool]:
        from queuecore import acknowledging

        return acknowledging.acknowledge(self.keys, wanted, known)

    def forget_acknowledged(self, key: IncidentKey) -> Exchange[bool]:
        from queuecore import acknowledging

        return acknowledging.forget(self.keys, key)

    def strays(self) -> Steps[Strays]:
        from resque.store import strays

        return strays.find(self.keys)

    def stray_jobs(
        self, stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]
    ) -> Steps[bool]:
        from qtop.systems.resque.job_lists import stray_jobs

        return stray_jobs(stray, now, visit)

    def unregistered(self, what: Index, names: Sequence[str]) -> Steps[list[tuple[str, bool]]]:
        from qtop.systems.resque.actions import unregistered

        return unregistered(self.keys, what, names)

    def ownership(self) -> Steps[Ownership]:
        from qtop.systems.resque.ownership import ownership
        from resque.store.ownership import find_owners

        return ownership((yield from find_owners(self.keys, now=wall_now())))

    def next_jobs(self, queues: Sequence[str], *, samples: bool = False) -> Steps[UpcomingJobs]:
        from qtop.systems.resque import health

        return health.first_jobs(self.keys, queues, samples=samples)

    def now(self) -> Exchange[datetime]:
        return single(("TIME",), lambda reply: from_server(*reply))

    def ping(self) -> Exchange[StoreError | None]:
        def refused(replies: list[Any]) -> StoreError | None:
            return replies[0] if isinstance(replies[0], StoreError) else None

        return Exchange((("PING",),), refused, tolerant=True)

    def contact(self) -> Exchange[None]:
        return contact(self.place.address)

    def probe(self) -> Exchange[None]:
        expected = {
            self.keys.queues(): b"set",
            self.keys.workers(): b"set",
            self.keys.failed(): b"list",
        }

        def parse(kinds: list[bytes]) -> None:
            for (key, wanted), found in zip(expected.items(), kinds, strict=True):
                if found not in (wanted, b"none"):
                    raise WrongType(
                        f"{self.place.address}: the key {key.decode(errors='replace')!r} is a "
                        f"{found.decode()}, not a {wanted.decode()}: this is not Resque; try "
                        "another --namespace or database"
                    )

        return Exchange(tuple(("TYPE", key) for key in expected), parse)

    def server(self) -> Steps[ServerInfo | None]:
        from resque.store import server_info

        facts: ServerInfo = yield server_info.facts(self.keys)
        return facts

    def scheduler_lock(self) -> Exchange[tuple[str | None, float | None]]:
        from qtop.systems.resque.health import master_prefix
        from resque.store.schedules import lease

        return lease(self.keys.master_lock(master_prefix()))

    def diagnose(
        self,
        part: DiagnosisPart,
        tell: Callable[[Finding], None],
        seen: Snapshot,
        suspects: Collection[str],
    ) -> Steps[None]:
        from qtop.systems.resque.diagnosis import Diagnosis

        return Diagnosis(self.keys, self._database, tell, seen, suspects).look(part)

    def serves(self, listed: tuple[str, ...], names: Sequence[str]) -> Collection[str]:
        """As a worker reads its list: with `*` and other patterns, and without `!`s."""
        from resque.store.queue_list import QueueList

        try:
            return frozenset(QueueList(listed).resolve(names))
        except NoQueueError:
            return ()

    def may_run_on(self, process: Process, machine: str) -> bool:
        """By the host of its id, also with the number that it gets where another worker has the
        same id."""
        from resque.store import workers

        return workers.may_run_on(workers.identity(process.id), machine)

    def source_of(self, entry: AuditEntry) -> JobSource | None:
        if entry.source == self.keys.failed():
            return JobSource("failed", FAILED)
        waiting = self.keys.queue("")
        if not entry.source.startswith(waiting):
            return None
        return JobSource("queue", name_text(entry.source.removeprefix(waiting)))

    def queue_names(self) -> Exchange[list[str]]:
        from resque.store import queue_list

        return queue_list.names(self.keys)

    def quarantined(self) -> Steps[list[str]]:
        from resque.store import quarantine

        return [name for name, _ in (yield from quarantine.names(self.keys))]

    def failure_lists(self, *, apart: bool = False) -> Exchange[list[str]]:
        from resque.store import failures

        return failures.lists(self.keys)

    def newest_failures(self, jobs: tuple[Job, ...], length: int) -> JobPage:
        from qtop.model.job_list import JobPage

        return JobPage(jobs, None, max(0, length - len(jobs)) or None, 1, len(jobs), length)

    def history(self, limit: int) -> Steps[list[AuditEntry]]:
        from queuecore import audit

        return audit.newest(self.keys, limit)

    def iterations(self, jids: Sequence[str], place: str = "") -> Exchange[Mapping[str, str]]:
        """None: no job of Resque's goes on from a cursor."""
        return Exchange((), lambda _: {})

    def days(self, now: datetime) -> Exchange[RunHistory]:
        """None: nothing counts them."""
        from qtop.model.run_counts import RunHistory

        return Exchange((), lambda _: RunHistory(()))

    def classes(self, now: datetime, hours: int) -> Exchange[ClassHistory]:
        """None: nothing counts them."""
        from qtop.model.run_counts import ClassHistory

        return Exchange((), lambda _: ClassHistory(now, now, ()))

    def launch(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        from qtop.systems.resque.launch import command

        return command(request, self._url, self.keys.namespace)

    def waiting_classes(self, request: LaunchRequest) -> Steps[list[QueueClasses]]:
        from qtop.actions.request import QueueClasses
        from resque.store import waiting_classes
        from resque.store.queue_list import QueueList

        found = yield from waiting_classes.of_list(self.keys, QueueList.parse(request.queues))
        return [QueueClasses(each.queue, each.classes) for each in found]

    def left_alone(self, title: str) -> str:
        from resque.worker.unknown_classes import left_alone_in

        return left_alone_in(title)

    def note(self, operator: Operator, action: str, workers: str, done: int) -> Exchange[int]:
        from queuecore import audit

        record = operator.record(action, workers, self.keys.workers(), done, undo_s=0)
        return audit.note(self.keys, record, done)

    def forbidden(self) -> Steps[dict[str, str]]:
        from qtop.systems.resque.permissions import forbidden

        return forbidden(self.keys)

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Steps[Sequence[PruneCase]]:
        from qtop.systems.resque.workers import gather

        return gather(self.keys, names, ignore_pids=ignore_pids, unlisted=unlisted)

    def remember(self) -> Exchange[Sequence[Sighting]]:
        """Nothing: workers keep on record what they run."""
        return Exchange((), lambda _: ())

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> JobList:
        from qtop.systems.resque.job_lists import job_list

        return job_list(self.keys, source, newest_first=newest_first)

    def schedules(self, now: datetime) -> Steps[Schedules]:
        return self._schedules.everything(now)

    def schedules_look(self, now: datetime) -> Steps[Callable[[], Schedules]]:
        return self._schedules.look(now)

    @cached_property
    def _schedules(self) -> ScheduleReader:
        from qtop.systems.resque.schedules import ScheduleReader

        return ScheduleReader(self.keys)

    def firings(self, schedule: ListedSchedule, now: datetime, count: int) -> list[datetime]:
        from qtop.systems.resque.schedules import firings

        return firings(schedule, now, count)

    def chooser(self, source: JobSource, refusal: RefusalCheck, *, spares: bool = False) -> Chooser:
        from qtop.systems.resque.job_actions import JobChooser

        return JobChooser(self.keys, source, refusal, spares=spares)

    def refusal(self, request: JobRequest | Load) -> RefusalCheck:
        from qtop.systems.resque.job_actions import refusal_of

        return refusal_of(request)

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        from qtop.systems.resque.actions import ResqueActions

        return ResqueActions(self.keys, operator, self.abilities).prepare(request)

    @cached_property
    def _guard(self) -> Guard:
        from resque.store.guard import Guard

        return Guard(self.keys, wall_now, self._warn)

    def guarded(self, work: Work[T]) -> Work[T]:
        """Keeps away from what is Sidekiq's: costs as `Guard.watching`."""
        return self._guard.watching(work)

    def admit(self, queues: Iterable[str] = (), *, failures: bool = False) -> Steps[None]:
        """As `Guard.vouch`: raises BelongsToSidekiq."""
        yield from self._guard.vouch(queues, failures=failures)

    def note_change(self) -> None:
        self._reader.read_all()
