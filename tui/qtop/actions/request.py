"""What an operator may ask a queue system to do.

A request is data only. The system's `prepare` makes a plan of it and changes nothing;
`Plan.run` does what it says. The console and the commands make the same requests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeVar

from queuecore.audit import AuditEntry

if TYPE_CHECKING:
    from qtop.actions.argument_change import ArgumentChange
    from qtop.model.fleet import ListedSchedule, Process
    from qtop.model.job import Job, JobSource
    from qtop.search.selection import Selection
    from queuecore.action_record import ActionRecord

#: What a signal asks of a worker. To pause is what Sidekiq calls to be quiet.
Wish = Literal["finish", "end job", "stop now", "pause", "resume", "dump"]
#: What becomes of the job of a process that is taken off the register: it has none, the job
#: fails, or goes back to its queue.
JobFate = Literal["idle", "failed", "put back"]
#: What has names on an index.
Index = Literal["queue", "delayed", "failures"]


@dataclass(frozen=True, slots=True)
class Clear:
    """Delete everything that is in a list now; with `removes` the queue's name, too. `subject`
    goes on record instead of the usual words."""

    source: JobSource
    removes: bool = False
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause queues, or resume them when `pauses` is false."""

    queues: tuple[str, ...]
    pauses: bool = True


@dataclass(frozen=True, slots=True)
class PauseAll:
    """Let no worker take another job, or take that back when `pauses` is false."""

    pauses: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """Take an action back. What it was in words, its source and the number of its jobs are as far
    as they are known; `question` is what to say before it is done, nothing: it is not asked."""

    id: str
    what: str = ""
    source: bytes = b""
    many: int = 1
    question: tuple[str, ...] = ()

    @classmethod
    def of(cls, action: ActionRecord | AuditEntry, *question: str) -> Undo:
        done = action.done if isinstance(action, AuditEntry) else action.planned
        what = f"{action.action} {action.subject}"
        return cls(action.id, what, action.source, done or action.planned, question)


@dataclass(frozen=True, slots=True)
class OfJobs:
    """What all requests about jobs of one list hold.

    Attributes:
        source: The list.
        chosen: The jobs, and what is known of them in figures.
        group: The group of failures that was chosen, in words; empty: none was.
        filter: The text of the filter that found them.
        is_found: A filter or a group found them: then it is always asked before.
        subject: What goes on record instead of the usual words.
    """

    source: JobSource
    chosen: Selection
    group: str = field(default="", kw_only=True)
    filter: str = field(default="", kw_only=True)
    is_found: bool = field(default=False, kw_only=True)
    subject: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Requeue(OfJobs):
    """Put the jobs of failures back onto their queues, or all onto `to`."""

    to: str | None = None


@dataclass(frozen=True, slots=True)
class Delete(OfJobs):
    """Delete jobs."""


@dataclass(frozen=True, slots=True)
class Move(OfJobs):
    """Move jobs to the end of the queue `to`; of a failure the job in it."""

    to: str


@dataclass(frozen=True, slots=True)
class PutBack(OfJobs):
    """Put items that were set aside back onto their queue: those that can be read by now."""


@dataclass(frozen=True, slots=True)
class Edit(OfJobs):
    """Put changed jobs at the end of their queue, or of `to`. None leaves a part as it is; `args`
    are JSON, `payload` is the whole job, `change` another value in the arguments of each."""

    payload: bytes | None = None
    class_name: str | None = None
    args: bytes | None = None
    to: str | None = None
    change: ArgumentChange | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """Put another payload in the place of one waiting job, which was read whole."""

    source: JobSource
    job: Job
    payload: bytes


@dataclass(frozen=True, slots=True)
class RunNow(OfJobs):
    """Put delayed jobs onto their queues, whenever they are due."""


@dataclass(frozen=True, slots=True)
class Reschedule(OfJobs):
    """Delay jobs until `at` instead. What that means was shown when it was asked for."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Kill(OfJobs):
    """Put jobs that are tried again or come due among the dead, where somebody must retry them."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Move all copies of one job to where no worker takes them: those that failed and those that
    wait. `job` is one of them, in the list `source`."""

    source: JobSource
    job: Job


@dataclass(frozen=True, slots=True)
class RunSchedules:
    """Put the jobs of schedules onto their queues now, besides their next firings."""

    schedules: tuple[ListedSchedule, ...]


@dataclass(frozen=True, slots=True)
class DeleteSchedules:
    """Delete persistent schedules."""

    schedules: tuple[ListedSchedule, ...]


class PruneCase(Protocol):
    """What speaks for and against the death of one process, as its system gathered it."""

    @property
    def worker_id(self) -> str:
        """The id of the process."""

    @property
    def doubt(self) -> str | None:
        """Why it may be alive after all; None when nothing says so."""

    @property
    def unread(self) -> Mapping[str, str]:
        """Why some of this is unknown, by what it is in words."""

    @property
    def words(self) -> str:
        """The evidence in one line of safe text."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """The evidence for programs; what is unknown is null."""

    def fate(self, requeue_lost: int) -> JobFate:
        """What will become of its job."""


class PruneEvidence(NamedTuple):
    """What speaks for and against the death of processes, by the label of their place; empty where
    there is one place. `lacking` says why nothing is known of the processes of other places."""

    cases: Mapping[str, Sequence[PruneCase]]
    lacking: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prune:
    """Take dead processes off the register; the jobs that they hold become failures, or go back,
    each at most `requeue_lost` times within a day.

    Attributes:
        cases: The evidence of each, as the system gathered it.
        forces: Take off even what may be alive.
        tell: Hears what became of each, at once.
    """

    cases: tuple[PruneCase, ...]
    forces: bool = False
    requeue_lost: int = 0
    tell: Callable[[PruneCase, str], None] = lambda case, fate: None


@dataclass(frozen=True, slots=True)
class Signal:
    """Signal registered processes of this machine. `tell` hears the id of each that got the signal.
    It cannot be undone."""

    processes: tuple[Process, ...]
    wish: Wish
    tell: Callable[[str], None] = lambda worker_id: None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Have iterable jobs with these ids end, whether they run or wait."""

    jids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Put a name on the index that leads to it: of a queue, of a moment with delayed jobs, or of a
    list of failures."""

    what: Index
    name: str


@dataclass(frozen=True, slots=True)
class Load:
    """Put items that were kept elsewhere at the end of a list, in their order: `number` of them.
    Where each `returns` to the list that it was in, no byte of it changes."""

    target: JobSource
    items: Iterable[bytes]
    number: int
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put a new job at the end of a queue; with `at_s`, an epoch to come, only then."""

    class_name: str
    args: Sequence[Any]
    queue: str
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reorder:
    """Put lists in order that were left turned when the program that turned them was ended: the
    `sources`, or, without any, all."""

    sources: tuple[JobSource, ...] = ()


DelayedRequest = RunNow | Delete | Reschedule
JobRequest = Requeue | Delete | Move | PutBack | Edit | Kill | Reschedule | RunNow
Request = (
    Clear
    | Pause
    | PauseAll
    | Undo
    | JobRequest
    | Quarantine
    | Replace
    | DelayedRequest
    | RunSchedules
    | DeleteSchedules
    | Prune
    | Signal
    | Cancel
    | Register
    | Reorder
    | Load
    | Enqueue
)
"""What is asked of one system."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A request to one of several systems. `place` is the label of its place."""

    place: str
    request: Request


@dataclass(frozen=True, slots=True)
class Several:
    """Requests to several systems, as one action: one question, one outcome, one undo. No two of
    `parts` have the same place. `lacking` says why nothing is asked of other places, whose rows
    were chosen, too: by label, in words."""

    parts: tuple[Placed, ...]
    lacking: Mapping[str, str] = field(default_factory=dict)


AnyRequest = Request | Placed | Several
"""What a key asks for where one or several systems may be shown."""


class InSystem(Protocol):
    """A row of a table that may show several systems."""

    @property
    def system(self) -> str:
        """The label of its place; empty where there is only one."""


RowT = TypeVar("RowT", bound=InSystem)


def by_place(rows: Iterable[RowT]) -> dict[str, list[RowT]]:
    """The rows of each place, in their order. O(rows)."""
    found: dict[str, list[RowT]] = {}
    for row in rows:
        found.setdefault(row.system, []).append(row)
    return found


def placed(
    rows: Iterable[RowT],
    make: Callable[[list[RowT]], Request],
    lacking: Mapping[str, str] = MappingProxyType({}),
) -> AnyRequest:
    """The request that `make` makes of rows; of those of several places one for each. Nothing is
    asked of the places that cannot do it, which `lacking` has with the reason; where no other was
    chosen, they are asked all the same: their system says why not."""
    parts = by_place(rows)
    able = {place: chosen for place, chosen in parts.items() if place not in lacking} or parts
    requests = {place: make(chosen) for place, chosen in able.items()}
    if list(requests) == [""]:
        return requests[""]
    without = {place: why for place, why in lacking.items() if place in parts and place not in able}
    if len(requests) == 1 and not without:
        return Placed(*next(iter(requests.items())))
    return Several(tuple(map(Placed, requests, requests.values())), without)


# Workers to start on this machine, and the command that starts them.

MOST_PER_START: Final = 32


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """Which workers a person wants to start.

    Attributes:
        queues: A list of queues as workers take it: names with commas, `*`, `!x`.
        count: How many workers.
        modules: Modules with jobs to load; for our own worker only.
        template: A command to run instead of our own worker: leading `NAME=value` words are
            environment, `{queues}`, `{namespace}`, `{url}` and `{interval}` are filled in.
        interval_s: Seconds between two looks at the queues; None for the worker's default.
        jobs_per_fork: How many jobs share a child; None for the worker's default.
        time_limit_s: Seconds after which a job is ended; None for no limit.
    """

    queues: str
    count: int = 1
    modules: tuple[str, ...] = ()
    template: str = ""
    interval_s: float | None = None
    jobs_per_fork: int | None = None
    time_limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class LaunchCommand:
    """How each worker of a request is started.

    Attributes:
        argv: The command line, without secrets: all users of the machine can read it.
        environment: Variables besides those of the console; may hold secrets.
        shown: Both as they would be typed in a shell, without secrets.
        dropped: Variables of the console that would change what the workers do.
        names_program: Python: imports the modules of its second argument and the following, and
            writes the names of their jobs as JSON to the descriptor of the first. Empty where the
            command runs another program than our own worker.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    shown: str
    dropped: Collection[str] = ()
    names_program: str = ""

    def environment_in(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the workers that a console with these variables starts."""
        kept = {name: value for name, value in environ.items() if name not in self.dropped}
        return {**kept, **self.environment}


class QueueClasses(NamedTuple):
    """The classes of jobs that were seen to wait in a queue."""

    queue: str
    classes: tuple[str, ...] = ()
