"""Resque, as the console asks it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Final, TypeVar

from qtop.actions.plan import Operator, Outcome, Plan, Refusal
from qtop.actions.request import Request
from qtop.model.fleet import Process, Snapshot
from qtop.model.health import HealthReport, Strays
from qtop.model.job import JobSource
from qtop.model.job_list import JobList
from qtop.search.selection import Chooser, RefusalCheck, nothing_refused
from qtop.systems.resque import health
from qtop.systems.resque.job_reader import JobMemory, snapshot_of
from qtop.systems.system import Ability, Place, Work
from queuecore import audit
from queuecore.action_record import ActionRecord
from queuecore.audit import AuditEntry
from queuecore.cooperative import Slices
from queuecore.exchange import Exchange, Steps
from queuecore.keys import name_text
from queuecore.times import wall_now
from resque.errors import NoQueueError
from resque.keys import Keys
from resque.store import failures, queue_list, strays, workers
from resque.store.failures import FAILED
from resque.store.guard import Guard
from resque.store.queue_list import QueueList
from resque.store.snapshot import EngineSnapshot, SnapshotReader

T = TypeVar("T")

#: How many of the newest failures are part of a snapshot.
FAILURES_READ: Final = 500


class ResqueSystem:
    """Resque in one namespace; see `System` for what its methods do.

    Args:
        keys: The namespace.
        address: Where its Redis is, without secrets.
        failures_read: How many of the newest failures are part of a snapshot.
    """

    name: ClassVar[str] = "resque"
    abilities: ClassVar[Mapping[Ability, str | None]] = {"pause": None, "pause_all": None}

    def __init__(
        self, keys: Keys, address: str = "", *, failures_read: int = FAILURES_READ
    ) -> None:
        self.keys = keys
        self.place = Place(address, keys.namespace)
        self._reader = SnapshotReader(keys, failures_limit=failures_read)
        self._failures = JobMemory()
        self._guard = Guard(keys, wall_now)

    def snapshot(self) -> Steps[Slices[Snapshot]]:
        """Two round trips; see `SnapshotReader.look`."""
        reading = yield from self._reader.look()
        return self._read(reading)

    def _read(self, reading: Slices[EngineSnapshot]) -> Slices[Snapshot]:
        return snapshot_of((yield from reading), self._failures)

    def health(self, queues: Sequence[str] = ()) -> Steps[HealthReport]:
        """Three round trips, five where delayed jobs may be overdue."""
        return health.look(self.keys, queues)

    def strays(self) -> Steps[Strays]:
        """As `strays.find`."""
        return strays.find(self.keys)

    def serves(self, listed: tuple[str, ...], names: Sequence[str]) -> Collection[str]:
        """As a worker reads its list: with `*` and other patterns, and without `!`s."""
        try:
            return frozenset(QueueList(listed).resolve(names))
        except NoQueueError:
            return ()

    def may_run_on(self, process: Process, machine: str) -> bool:
        """By the host of its id, also with the number that it gets where another worker has the
        same id."""
        return workers.may_run_on(workers.identity(process.id), machine)

    def source_of(self, entry: AuditEntry) -> JobSource | None:
        """By the key that it names."""
        if entry.source == self.keys.failed():
            return JobSource("failed", FAILED)
        waiting = self.keys.queue("")
        if not entry.source.startswith(waiting):
            return None
        return JobSource("queue", name_text(entry.source.removeprefix(waiting)))

    def queue_names(self) -> Exchange[list[str]]:
        """As `queue_list.names`."""
        return queue_list.names(self.keys)

    def failure_lists(self) -> Exchange[list[str]]:
        """As `failures.lists`."""
        return failures.lists(self.keys)

    def history(self, limit: int) -> Steps[list[AuditEntry]]:
        """As `audit.newest`."""
        return audit.newest(self.keys, limit)

    def note(self, record: ActionRecord, done: int) -> Exchange[int]:
        """As `audit.note`."""
        return audit.note(self.keys, record, done)

    def forbidden(self) -> Steps[dict[str, str]]:
        """See `connection.forbidden`."""
        # Imported here: the first frame asks for none.
        from qtop.systems.resque.connection import forbidden

        return forbidden(self.keys)

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Steps[Sequence[object]]:
        """See `workers.gather`."""
        # Imported here: it needs psutil.
        from qtop.systems.resque.workers import gather

        return (yield from gather(self.keys, names, ignore_pids=ignore_pids, unlisted=unlisted))

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> JobList:
        """See `job_lists`."""
        # Imported here: the first frame lists none.
        from qtop.systems.resque.job_lists import job_list

        return job_list(self.keys, source, newest_first=newest_first)

    def chooser(
        self, source: JobSource, refusal: RefusalCheck = nothing_refused, *, spares: bool = False
    ) -> Chooser:
        """See `job_actions.Chooser`."""
        # Imported here: the first frame chooses nothing.
        from qtop.systems.resque.job_actions import JobChooser

        return JobChooser(self.keys, source, refusal, spares=spares)

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        """Costs as `ResqueActions.prepare`."""
        # Imported here: the first frame must not wait for it.
        from qtop.systems.resque.actions import ResqueActions

        return ResqueActions(self.keys, operator).prepare(request)

    def carry_out(self, plan: Plan) -> Steps[Outcome]:
        """Costs as the plan."""
        return plan.run()

    def guarded(self, work: Work[T]) -> Work[T]:
        """Keeps away from what is Sidekiq's: costs as `Guard.watching`."""
        return self._guard.watching(work)

    def note_change(self) -> None:
        """The next snapshot leaves nothing out."""
        self._reader.read_all()
