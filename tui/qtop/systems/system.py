"""What the console asks of a queue system, whichever it is. `qtop.systems.resque` answers for
Resque; outside of such folders nothing knows an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeVar

from queuecore.exchange import Operation

if TYPE_CHECKING:
    # Every command loads this file: it imports nothing that only its annotations need.
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
    from qtop.model.job import Job, JobSource
    from qtop.model.job_list import JobList, JobPage
    from qtop.model.run_counts import ClassHistory, RunHistory
    from qtop.search.selection import Chooser, RefusalCheck
    from queuecore.audit import AuditEntry
    from queuecore.cooperative import Slices
    from queuecore.errors import StoreError
    from queuecore.exchange import Exchange, Steps

T = TypeVar("T")

#: What a system is to do: exchanges, of which a runner makes round trips. Work of a system in
#: memory asks for none; but what changes something has an exchange that says so (`writes`), if
#: only one without commands: by that a runner knows what it must refuse where nothing may change.
if TYPE_CHECKING:
    Work = Operation[T]
else:
    Work = Operation

Ability = Literal[
    "pause",
    "pause_all",
    "start_workers",
    "register",
    "kill",
    "kill_all",
    "kill_delayed",
    "kill_matching",
    "postpone",
    "postpone_all",
    "dump_worker",
    "open_runs",
    "quarantine",
    "quiet",
    "stop",
    "cancel",
    "rescue",
    "watch",
]
"""What a system may be unable to do, by the id of its action: pause queues, pause everything, start
workers, put on an index what is missing there; put jobs among the dead, try failed jobs again at
another time; have a worker log what it does; tell what was run on each day, and by each class; put
jobs into quarantine. The last five are commands: see those."""


OF_COMMANDS: Final = frozenset({"quiet", "stop", "rescue", "watch"})
"""Those that are no keys of the console: an action of it may have the same id."""

DiagnosisPart = Literal[
    "rights",
    "namespace",
    "unregistered",
    "locks",
    "order",
    "items",
    "poison",
    "duplicates",
    "schedules",
]
"""What `doctor` asks a system about: whether this user may do everything; which systems there are,
and where; queues that no index leads to; locks without a job; lists that are out of their
order; jobs that cannot be read, that kill their process, or that are there twice; schedules."""


class Wording(NamedTuple):
    """What an action is called in one system: its label in the footer, and its help."""

    label: str
    help: str


class Place(NamedTuple):
    """Where a system is: the server's address, without secrets, and the namespace there."""

    address: str
    namespace: str


class JobSystem(Protocol):
    """What screens and actions ask of a queue system in one place, or of several together
    (`qtop.systems.together`). Its methods do no input and output by themselves: they return work,
    which a runner carries out."""

    @property
    def name(self) -> str:
        """What it is called: `resque`."""

    @property
    def place(self) -> Place:
        """Where it is."""

    @property
    def abilities(self) -> Mapping[Ability, str | None]:
        """None for what it can do; for what it cannot, why, in words."""

    def may_run_on(self, process: Process, machine: str) -> bool:
        """Whether a process may be one of the machine with this host name, by its id."""

    def source_of(self, entry: AuditEntry) -> JobSource | None:
        """The list from which an action on record took jobs; None where that is none of waiting or
        failed jobs."""

    def queue_names(self) -> Work[list[str]]:
        """The names of all queues. One round trip, O(queues)."""

    def failure_lists(self, *, apart: bool = False) -> Work[list[str]]:
        """The names of all lists of failures, the main one first; with `apart` of those that have
        every failure once. One round trip."""

    def quarantined(self) -> Work[list[str]]:
        """The queues of which jobs are in quarantine. Two round trips."""

    def newest_failures(self, jobs: tuple[Job, ...], length: int) -> JobPage:
        """The first page of the main list of failures, as a snapshot brought it along: the newest
        ones of `length`. No round trip."""

    def history(self, limit: int) -> Work[list[AuditEntry]]:
        """The last `limit` actions of operators, newest first. Two round trips."""

    def days(self, now: datetime) -> Work[RunHistory]:
        """What was run on each of the last days (UTC). Two round trips. Raises StoreError."""

    def classes(self, now: datetime, hours: int) -> Work[ClassHistory]:
        """What each class did in the last hours. Some round trips for each hour: for once a minute.
        Raises StoreError."""

    def iterations(self, jids: Sequence[str], place: str = "") -> Work[Mapping[str, str]]:
        """How far each of these jobs of a place is that goes on from a cursor where it was
        interrupted, in safe words; other jobs are left out. One round trip for each 200. Raises
        StoreError."""

    def launch(self, request: LaunchRequest) -> LaunchCommand | Refusal:
        """The command that starts workers on this machine, or why there is none, in safe words. No
        round trip."""

    def waiting_classes(self, request: LaunchRequest) -> Work[list[QueueClasses]]:
        """The classes that wait in the queues of a request that can be launched. At most two round
        trips."""

    def left_alone(self, title: str) -> str:
        """The queues that a worker leaves alone because it does not know the classes of their jobs,
        as the title of its process says; with commas, not safe to show."""

    def note(self, operator: Operator, action: str, workers: str, done: int) -> Work[int]:
        """Put on record what was done to workers outside of the system. One round trip."""

    def forbidden(self) -> Work[Mapping[str, str]]:
        """Why the server would refuse actions, by the action's id. A few round trips; reads only.
        Raises StoreError."""

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Work[Sequence[PruneCase]]:
        """What speaks for and against the death of the processes with these names, for a `Prune`;
        without names, of all that are silent and of the `unlisted`. Some round trips."""

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> JobList:
        """A list of jobs. `newest_first` lists it from its end; None as it is usual for it. No
        round trip."""

    def schedules_look(self, now: datetime) -> Work[Callable[[], Schedules]]:
        """Look at the schedules and at who moves what is due. What the work returns reads the
        answers: it may take seconds, so it is for a thread, one at a time. Three round trips.
        Raises StoreError; what is refused singly is unknown."""

    def firings(self, schedule: ListedSchedule, now: datetime, count: int) -> list[datetime]:
        """The next times at which a schedule fires (UTC), fewer when there are no more or that is
        unknown. No round trip; may cost a second for each."""

    def chooser(self, source: JobSource, refusal: RefusalCheck, *, spares: bool = False) -> Chooser:
        """What collects jobs of a list for an action. With `spares` failures are left out that
        would do harm again, unless there is only one. No round trip."""

    def refusal(self, request: JobRequest | Load) -> RefusalCheck:
        """What says for an item's bytes why a request will refuse it. O(bytes). Of a `Load` no
        items are needed."""

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        """Say what a request would do, in the operator's name, or why it cannot be done. Reads
        only. Raises StoreError."""


class System(JobSystem, Protocol):
    """A queue system in one place, which can be watched, too."""

    @property
    def wording(self) -> Mapping[str, Wording]:
        """What actions are called, by their ids: those that the table of keys does not name as they
        are here."""

    def snapshot(self) -> Work[Slices[Snapshot]]:
        """Look at everything. The work asks; what it returns reads the answers, in slices of a few
        milliseconds, and must be done before the next snapshot. What has not changed since the
        snapshot before stays the same object. At most two round trips; one at a time. Raises
        StoreError when nothing is known; what is refused singly is unknown in the snapshot."""

    def health(self, queues: Sequence[str] = ()) -> Work[HealthReport]:
        """Find out what is looked at now and then, also of these queues. Some round trips: for
        every ten seconds. Raises StoreError when nothing is known."""

    def acknowledged(self) -> Work[Sequence[Acknowledgement]]:
        """The incidents that somebody has acknowledged, also those for which that has expired. One
        round trip. Raises StoreError."""

    def acknowledge(
        self, wanted: Acknowledgement, known: Iterable[Acknowledgement] = ()
    ) -> Work[bool]:
        """Acknowledge an incident for all who watch this place, and forget those of the `known`
        that have expired. Returns False where there are too many. One round trip. Raises
        StoreError."""

    def forget_acknowledged(self, key: IncidentKey) -> Work[bool]:
        """Acknowledge an incident no more. One round trip. Raises StoreError."""

    def strays(self) -> Work[Strays]:
        """Search for jobs that no index leads to. May take hundreds of round trips: for once a
        minute. Raises StoreError."""

    def stray_jobs(
        self, stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]
    ) -> Work[bool]:
        """Show the jobs of a moment, an undo or a retry to `visit`, until it returns False. Returns
        whether it never did. A round trip for each 250 jobs; of longer ones only the beginning is
        read."""

    def unregistered(self, what: Index, names: Sequence[str]) -> Work[list[tuple[str, bool]]]:
        """Each of these names once, and whether it is missing on its index though it holds
        something. One round trip for queues, one for each moment, one and one for each list of
        failures."""

    def ownership(self) -> Work[Ownership]:
        """Find out which systems live here, and whose the queues are. Two round trips."""

    def next_jobs(self, queues: Sequence[str], *, samples: bool = False) -> Work[UpcomingJobs]:
        """Read the jobs that are next in queues, with `samples` also the classes of some others.
        One round trip, or two."""

    def now(self) -> Work[datetime]:
        """The clock that all of its processes go by. One round trip."""

    def ping(self) -> Work[StoreError | None]:
        """Ask for the smallest answer there is. One round trip. Returns why even that is refused.
        Raises StoreError where nothing answers."""

    def contact(self) -> Work[None]:
        """Check that what answers is a server of this kind. One round trip. Raises NotRedis."""

    def probe(self) -> Work[None]:
        """Check that this may be such a system: that its main keys have the right types. One round
        trip. Raises WrongType."""

    def server(self) -> Work[ServerInfo | None]:
        """What the server says of itself; None where the system has none. One round trip."""

    def scheduler_lock(self) -> Work[tuple[str | None, float | None]]:
        """Which scheduler holds the lock, and for how many more seconds; None where it never ends.
        One round trip."""

    def diagnose(
        self,
        part: DiagnosisPart,
        tell: Callable[[Finding], None],
        seen: Snapshot,
        suspects: Collection[str],
    ) -> Work[None]:
        """Look for what is wrong with a part; `tell` gets it. `seen` is a snapshot, `suspects` are
        the processes in it that may be dead, for the parts that are about jobs. Changes nothing.
        May take hundreds of round trips. Raises StoreError."""

    def serves(self, listed: tuple[str, ...], names: Sequence[str]) -> Collection[str]:
        """The queues that a process takes jobs from, as `Process.listed` has its list. `names` are
        those that exist. O(names)."""

    def remember(self) -> Work[Sequence[Sighting]]:
        """Look at what the processes run, keep it for a day, so that it can be put back when one
        has died, and say what happened since the look before. Some round trips. Raises
        StoreError."""

    def schedules(self, now: datetime) -> Work[Schedules]:
        """The recurring schedules, as they are at `now` by the server's clock. Two round trips.
        Raises StoreError."""

    def guarded(self, work: Work[T], /) -> Work[T]:
        """The same work, which ends with an error before it changes what is not this system's."""

    def admit(self, queues: Iterable[str] = (), *, failures: bool = False) -> Work[None]:
        """End with an error when the namespace or one of these queues is another system's, with
        `failures` also when the list of failures is. Two round trips."""

    def note_change(self) -> None:
        """Something was changed: the next snapshot, which begins after this, reads everything."""


class WorkRunner(Protocol):
    """Carries out work by asyncio."""

    def open(self) -> None:
        """Load what the first frame did not wait for; else the first work does it."""

    async def watch(self, work: Work[T], /) -> T:
        """Carry out work that reads, beside the actions: neither waits for the other. Raises
        StoreError."""

    async def run(self, work: Work[T], /) -> T:
        """Carry out work that a key asked for; what it writes is guarded (see `System.guarded`).
        Raises StoreError and what the guard raises."""

    async def close(self) -> None:
        """Close the connections."""


class SystemRunner(WorkRunner, Protocol):
    """Carries out the work of a system in one place."""

    @property
    def system(self) -> System:
        """Whose work it is."""


class PartRunner(SystemRunner, Protocol):
    """Carries out the work of a system that is one of several together, too."""

    async def send(self, exchange: Exchange[T], /) -> T:
        """Send one exchange of work that a key asked for, and that is guarded already. Raises
        StoreError."""
