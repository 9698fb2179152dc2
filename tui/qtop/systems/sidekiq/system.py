"""Sidekiq, as the console asks it."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, get_args

from qtop.model.job import FAILED, JobSource
from qtop.systems.system import Ability, Place, Wording
from queuecore.exchange import Exchange, contact, single
from queuecore.keys import name_text
from queuecore.times import from_server
from queuecore.values import replace
from sidekiq.errors import StoreError, WrongType

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
    from qtop.systems.sidekiq.signal_watch import SignalWatch
    from qtop.systems.sidekiq.work_watch import WorkWatch
    from qtop.systems.system import DiagnosisPart, Work
    from queuecore.address import Address
    from queuecore.audit import AuditEntry
    from queuecore.cooperative import Slices
    from queuecore.exchange import Steps
    from sidekiq.keys import SidekiqKeys
    from sidekiq.store.newest_failed import FailedEntry
    from sidekiq.store.snapshot import SidekiqSnapshot, SidekiqSnapshotReader

T = TypeVar("T")

#: How many of the newest failures are part of a snapshot.
FAILURES_READ: Final = 500
_NO_PAUSE: Final = "pausing is not enforced by open-source Sidekiq"
_NO_WORKERS: Final = "qtop has no workers for Sidekiq: start Sidekiq's own processes"
_NO_QUARANTINE: Final = "Sidekiq moves such jobs to Dead: kill them"
_NO_REGISTER: Final = "Sidekiq itself puts a queue on its set with the next job"


class SidekiqSystem:
    """Sidekiq in one namespace, or without any; see `System` for what its methods do.

    Args:
        keys: The namespace.
        address: Where its Redis is.
        failures_read: How many of the newest failures are part of a snapshot.
    """

    name: ClassVar[str] = "sidekiq"
    abilities: ClassVar[Mapping[Ability, str | None]] = MappingProxyType(
        {
            **dict.fromkeys(get_args(Ability)),
            "pause": _NO_PAUSE,
            "pause_all": _NO_PAUSE,
            "start_workers": _NO_WORKERS,
            "register": _NO_REGISTER,
            "quarantine": _NO_QUARANTINE,
        }
    )
    wording: ClassVar[Mapping[str, Wording]] = MappingProxyType(
        {
            "stop_worker": Wording(
                "stop",
                "Stop the marked processes: running jobs get 25 s (the default), then return to "
                "their queues.",
            ),
            "pause_worker": Wording("quiet", "Quiet the marked processes: they take no more jobs."),
            "unregister": Wording(
                "",
                "Rescue the jobs that the marked processes lost, also where that is not sure; "
                "asks for a word.",
            ),
            "prune": Wording(
                "rescue",
                "Rescue the jobs that crashed processes lost, each once, after showing the "
                "evidence.",
            ),
        }
    )

    def __init__(
        self,
        keys: SidekiqKeys,
        address: Address | None = None,
        *,
        failures_read: int = FAILURES_READ,
    ) -> None:
        self.keys = keys
        self.place = Place("" if address is None else str(address), keys.namespace)
        self._failures_read = failures_read
        #: Those of the last snapshot; None where they are unknown.
        self._processes: Sequence[Process] | None = None
        #: Each process about which more is told than its snapshot has, before and after that.
        self._told: dict[str, tuple[Process, Process]] = {}

    def snapshot(self) -> Steps[Slices[Snapshot]]:
        reading = yield from self._signals.beside(self._reader.look())
        return self._read(reading)

    @cached_property
    def _reader(self) -> SidekiqSnapshotReader:
        from sidekiq.store.snapshot import SidekiqSnapshotReader

        return SidekiqSnapshotReader(self.keys, failures_limit=self._failures_read)

    @cached_property
    def work(self) -> WorkWatch:
        """What its processes ran when they were seen last."""
        from qtop.systems.sidekiq.work_watch import WorkWatch

        return WorkWatch(self.keys)

    @cached_property
    def _signals(self) -> SignalWatch:
        """What became of the signals that were sent to its processes."""
        from qtop.systems.sidekiq.signal_watch import SignalWatch

        return SignalWatch(self.keys)

    @cached_property
    def _failures(self) -> JobMemory[FailedEntry]:
        from qtop.systems.job_memory import JobMemory
        from qtop.systems.sidekiq.job_reader import failed_job

        return JobMemory(failed_job)

    def _read(self, reading: Slices[SidekiqSnapshot]) -> Slices[Snapshot]:
        taken = yield from reading
        self._processes = taken.processes
        return self._failures.snapshot_of(self._with_more(taken))

    def _with_more(self, taken: SidekiqSnapshot) -> SidekiqSnapshot:
        """A snapshot with what this program knows of its processes besides. O(processes)."""
        processes, before = taken.processes or (), self._told
        told = self.work.told(processes)
        told |= self._signals.told(told.get(each.id, each) for each in processes)
        self._told = {}
        if not told:
            return taken
        now: list[Process] = []
        for each in processes:
            more = told.get(each.id, each)
            was = before.get(each.id)
            # What is the same stays the same object.
            more = was[1] if was is not None and was[0] is each and was[1] == more else more
            if more is not each:
                self._told[each.id] = each, more
            now.append(more)
        return replace(taken, processes=tuple(now))

    def _known_processes(self) -> Steps[Sequence[Process] | None]:
        """Those of the last snapshot; without one they are read. None where they are unknown."""
        if self._processes is None:
            from sidekiq.store import processes

            try:
                return (yield from processes.read(self.keys))
            except StoreError:
                return None
        return self._processes

    def health(self, queues: Sequence[str] = ()) -> Steps[HealthReport]:
        from qtop.systems.sidekiq import health

        yield from self.work.look()
        known = yield from self._known_processes()
        return (yield from health.look(self.keys, queues, known))

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
        from qtop.systems.sidekiq import strays

        return strays.find(self.keys)

    def stray_jobs(
        self, stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]
    ) -> Steps[bool]:
        """As `System`, of the private lists of processes that are gone."""
        from qtop.systems.sidekiq import strays

        return strays.jobs_of(stray, visit)

    def unregistered(self, what: Index, names: Sequence[str]) -> Steps[list[tuple[str, bool]]]:
        """Each of these names once: queues that hold jobs and are on no set; nothing else has an
        index that can be without it."""
        wanted = list(dict.fromkeys(names))
        if what != "queue" or not wanted:
            return [(name, False) for name in wanted]
        commands = [
            command
            for name in wanted
            for command in (
                ("SISMEMBER", self.keys.queues(), name.encode("utf-8", "surrogateescape")),
                ("EXISTS", self.keys.queue(name)),
            )
        ]
        found: list[int] = yield Exchange(tuple(commands), list)
        pairs = zip(wanted, found[::2], found[1::2], strict=True)
        return [(name, not is_listed and bool(is_there)) for name, is_listed, is_there in pairs]

    def ownership(self) -> Steps[Ownership]:
        from qtop.systems.sidekiq.ownership import ownership

        return ownership(self.keys)

    def next_jobs(self, queues: Sequence[str], *, samples: bool = False) -> Exchange[UpcomingJobs]:
        from qtop.systems.sidekiq import health

        return health.next_jobs(self.keys, queues, samples=samples)

    def now(self) -> Exchange[datetime]:
        return single(("TIME",), lambda reply: from_server(*reply))

    def ping(self) -> Exchange[StoreError | None]:
        def refused(replies: list[Any]) -> StoreError | None:
            return replies[0] if isinstance(replies[0], StoreError) else None

        return Exchange((("PING",),), refused, tolerant=True)

    def contact(self) -> Exchange[None]:
        return contact(self.place.address)

    def probe(self) -> Exchange[None]:
        keys = self.keys
        expected = {keys.queues(): b"set", keys.processes(): b"set", keys.jobs("retry"): b"zset"}

        def parse(kinds: list[bytes]) -> None:
            for (key, wanted), found in zip(expected.items(), kinds, strict=True):
                if found not in (wanted, b"none"):
                    raise WrongType(
                        f"{self.place.address}: the key {key.decode(errors='replace')!r} is a "
                        f"{found.decode()}, not a {wanted.decode()}: this is not Sidekiq; try "
                        "another --namespace or database"
                    )

        return Exchange(tuple(("TYPE", key) for key in expected), parse)

    def server(self) -> Exchange[ServerInfo | None]:
        from qtop.systems.sidekiq import health

        return health.facts(self.keys).then(lambda found: found)

    def scheduler_lock(self) -> Exchange[tuple[str | None, float | None]]:
        """None: each of its processes moves what is due."""
        return Exchange((), lambda _: (None, None))

    def diagnose(
        self,
        part: DiagnosisPart,
        tell: Callable[[Finding], None],
        seen: Snapshot,
        suspects: Collection[str],
    ) -> Steps[None]:
        from qtop.systems.sidekiq import diagnosis

        return diagnosis.look(self.keys, part, tell, seen)

    def serves(self, listed: tuple[str, ...], names: Sequence[str]) -> Collection[str]:
        """As it is written: there are no patterns."""
        return frozenset(listed).intersection(names)

    def may_run_on(self, process: Process, machine: str) -> bool:
        return process.host == machine

    def source_of(self, entry: AuditEntry) -> JobSource | None:
        keys, source = self.keys, entry.source
        if source in (keys.jobs("retry"), keys.jobs("dead")):
            return JobSource("failed", FAILED)
        if source == keys.jobs("schedule"):
            return JobSource("delayed", "")
        queue = keys.queue_of(source)
        return None if queue is None else JobSource("queue", queue)

    def queue_names(self) -> Exchange[list[str]]:
        command = ("SMEMBERS", self.keys.queues())
        return single(command, lambda found: [name_text(each) for each in sorted(found)])

    def quarantined(self) -> Exchange[list[str]]:
        """None: such jobs are among the dead."""
        return Exchange((), lambda _: [])

    def failure_lists(self, *, apart: bool = False) -> Exchange[list[str]]:
        from qtop.systems.sidekiq.job_lists import failure_lists

        return failure_lists(self.keys, apart=apart)

    def newest_failures(self, jobs: tuple[Job, ...], length: int) -> JobPage:
        """As `System`, where all of them were brought along. No list is in the order of failures:
        of more, nothing, so that the list itself is read."""
        from qtop.model.job_list import JobPage

        if len(jobs) < length:
            return JobPage((), None, FAILED, 1, 0, length)
        return JobPage(jobs, None, None, 1, len(jobs), length)

    def history(self, limit: int) -> Steps[list[AuditEntry]]:
        from queuecore import audit

        return audit.newest(self.keys, limit)

    def days(self, now: datetime) -> Steps[RunHistory]:
        from qtop.systems.sidekiq import run_counts

        return run_counts.days(self.keys, now)

    def classes(self, now: datetime, hours: int) -> Steps[ClassHistory]:
        from qtop.systems.sidekiq import run_counts

        return run_counts.classes(self.keys, now, hours)

    def iterations(self, jids: Sequence[str], place: str = "") -> Exchange[Mapping[str, str]]:
        from qtop.systems.sidekiq.cancelling import how_far

        return how_far(self.keys, jids)

    def launch(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        from qtop.actions.plan import Refusal

        return Refusal(_NO_WORKERS)

    def waiting_classes(self, request: LaunchRequest) -> Exchange[list[QueueClasses]]:
        """None: nothing is launched."""
        return Exchange((), lambda _: [])

    def left_alone(self, title: str) -> str:
        """What the title of a process says are the queues that it leaves alone: none."""
        return ""

    def note(self, operator: Operator, action: str, workers: str, done: int) -> Exchange[int]:
        from queuecore import audit

        record = operator.record(action, workers, self.keys.processes(), done, undo_s=0)
        return audit.note(self.keys, record, done)

    def forbidden(self) -> Steps[dict[str, str]]:
        from qtop.systems.sidekiq.permissions import forbidden

        return forbidden(self.keys)

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Steps[Sequence[PruneCase]]:
        """As `System`, of processes whose work this program, or one that stores it, has seen."""
        from qtop.systems.sidekiq.rescuing import gather

        return gather(self.keys, self.work.memory, names, ignore_pids=ignore_pids)

    def remember(self) -> Steps[Sequence[Sighting]]:
        return self.work.keep()

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> JobList:
        """As `System`; each list has one order only."""
        from qtop.systems.sidekiq.job_lists import job_list

        return job_list(self.keys, source)

    def schedules(self, now: datetime) -> Steps[Schedules]:
        from qtop.systems.sidekiq import schedules

        known = yield from self._known_processes()
        movers = None if known is None else schedules.movers(known)
        return (yield from schedules.look(self.keys, now, movers))

    def schedules_look(self, now: datetime) -> Steps[Callable[[], Schedules]]:
        found = yield from self.schedules(now)
        return lambda: found

    def firings(self, schedule: ListedSchedule, now: datetime, count: int) -> list[datetime]:
        from qtop.systems.sidekiq.schedules import firings

        return firings(schedule, count)

    def chooser(self, source: JobSource, refusal: RefusalCheck, *, spares: bool = False) -> Chooser:
        from qtop.systems.sidekiq.job_actions import SidekiqChooser

        return SidekiqChooser(source, refusal)

    def refusal(self, request: JobRequest | Load) -> RefusalCheck:
        from qtop.systems.sidekiq.loading import refusal_of

        return refusal_of(request)

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        from qtop.systems.sidekiq.actions import SidekiqActions

        return SidekiqActions(self.keys, operator, self._signals).prepare(request)

    def guarded(self, work: Work[T]) -> Work[T]:
        """Keeps away from what is Resque's: costs as `sidekiq.store.systems.guarded`."""
        from sidekiq.store import systems

        return systems.guarded(self.keys, work)

    def admit(self, queues: Iterable[str] = (), *, failures: bool = False) -> Exchange[None]:
        """No key of its names is known to be another system's."""
        return Exchange((), lambda _: None)

    def note_change(self) -> None:
        self._reader.read_all()
