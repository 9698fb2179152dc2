"""A queue system in memory that is not like Resque: no Redis, processes with several threads, two
sets of failed jobs, jobs without places, nothing to pause."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from qtop.actions.plan import Operator, Outcome, Plan, Refusal
from qtop.actions.request import Delete, Pause, PauseAll, Request, Requeue, Undo
from qtop.keymap.keymap import Danger
from qtop.model.fleet import Process, Queue, RunningJob, Snapshot
from qtop.model.health import HealthReport, Strays, SystemHealth
from qtop.model.job import Job, JobSource
from qtop.model.job_list import LISTED_BYTES, Ask, Entry, JobPage, Outline
from qtop.search.failure_groups import KeyMaker, KnownEntry
from qtop.search.selection import RefusalCheck, Selection, nothing_refused
from qtop.systems.system import Ability, Place, Work
from queuecore.action_record import ActionRecord
from queuecore.audit import AuditEntry
from queuecore.cooperative import Slices
from queuecore.errors import StoreError, Unreachable
from queuecore.exchange import Exchange, Operation, Steps
from queuecore.windows import Extent, whole

T = TypeVar("T")

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NO_PAUSE = "this system cannot pause"


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

    def take(self, job: Job) -> None:
        """Take in one job."""
        self._chosen.add(job)

    def settle(self) -> Operation[Selection]:
        """All of them."""
        return at_once(self._chosen)


class MemoryWalk:
    """One way through a set of jobs, in windows of 500."""

    _WINDOW = 500

    def __init__(self, jobs: Sequence[Job], maker: KeyMaker) -> None:
        self._jobs, self._maker = jobs, maker
        self.done = 0
        self.length: int | None = None
        self.is_broken = False
        self.extent = Extent(len(jobs), jobs[0].id if jobs else None)

    def ask(self) -> Ask | None:
        """The next window."""
        self.length = len(self._jobs)
        first, self.done = self.done, min(self.done + self._WINDOW, len(self._jobs))
        return Ask(at_once(self._jobs[first : self.done]), first) if first < self.done else None

    def take(self, ask: Ask, seen: Any) -> Iterator[Entry]:
        """The entries of a window."""
        for at, each in enumerate(cast("Sequence[Job]", seen)):
            yield KnownEntry(each, self._maker, len(self._jobs) - ask.first - at)


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
        """How long it is."""
        return at_once(Outline(len(self._jobs)))

    def extent(self) -> Operation[Extent]:
        """What is in it now."""
        return at_once(MemoryWalk(self._jobs, self._maker).extent)

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
        """The same jobs: they are whole."""
        known = {each.ref for each in self._jobs}
        return at_once([each if each.ref in known else None for each in jobs])

    def walk(self, since: Extent | None = None) -> MemoryWalk:
        """All of it, or what is in front of what was the first then."""
        jobs = self._jobs
        if since is not None and since.last is not None:
            known = [each.id for each in jobs]
            jobs = jobs[: known.index(since.last)] if since.last in known else jobs
        return MemoryWalk(jobs, self._maker)

    def refs(self) -> Names:
        """Names of jobs."""
        return Names()

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        """The queue and the bytes."""
        return job.queue or "", job.item.raw


class MemorySystem:
    """The system, which is its own runner. With `trouble` everything that is asked fails."""

    name = "memory"
    place = Place("in memory", "none")

    def __init__(self) -> None:
        self.queues: dict[str, list[Job]] = {}
        self.processes: list[Process] = []
        self.failures: dict[str, list[Job]] = {"failed": [], "dead": []}
        self.history_of: list[AuditEntry] = []
        self.trouble: StoreError | None = None
        self.requests: list[Request] = []
        self._taken: dict[str, tuple[str, list[tuple[int, Job]]]] = {}

    @property
    def system(self) -> MemorySystem:
        """Itself."""
        return self

    @property
    def abilities(self) -> Mapping[Ability, str | None]:
        """It pauses nothing."""
        return {"pause": NO_PAUSE, "pause_all": NO_PAUSE}

    def jobs_of(self, source: JobSource) -> Sequence[Job]:
        """What is in a list now."""
        return (self.failures if source.kind == "failed" else self.queues).get(source.name, [])

    # As a `System`

    def snapshot(self) -> Work[Slices[Snapshot]]:
        """Everything."""
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
        """What was done."""
        return at_once(self.history_of[:limit])

    def note(self, record: ActionRecord, done: int) -> Work[int]:
        """Keeps no record."""
        return at_once(0)

    def forbidden(self) -> Work[Mapping[str, str]]:
        """Nothing is."""
        return at_once(cast("Mapping[str, str]", {}))

    def evidence(
        self, names: Sequence[str], *, ignore_pids: bool = False, unlisted: Sequence[str] = ()
    ) -> Work[Sequence[object]]:
        """No process is dead."""
        return at_once(cast("Sequence[object]", []))

    def jobs(self, source: JobSource, *, newest_first: bool | None = None) -> MemoryList:
        """A list."""
        return MemoryList(self, source)

    def chooser(
        self, source: JobSource, refusal: RefusalCheck = nothing_refused, *, spares: bool = False
    ) -> MemoryChooser:
        """What collects jobs by their names."""
        return MemoryChooser()

    def prepare(self, request: Request, operator: Operator) -> Steps[Plan | Refusal]:
        """It deletes failed jobs, puts them back onto their queues, and takes both back."""
        self.requests.append(request)
        match request:
            case Pause() | PauseAll():
                return at_once(cast("Plan | Refusal", Refusal(NO_PAUSE)))
            case Delete() | Requeue():
                return at_once(cast("Plan | Refusal", self._plan(request, operator)))
            case Undo():
                undo = partial(self._undo, request.id)
                return at_once(cast("Plan | Refusal", Plan("Undo", "Undo", (), "none", undo)))
        return at_once(cast("Plan | Refusal", Refusal("not here")))

    def _plan(self, request: Delete | Requeue, operator: Operator) -> Plan:
        verb, many = type(request).__name__, len(request.chosen.marks)
        record = operator.record(verb.lower(), "jobs", request.source.name.encode(), many)
        danger: Danger = "confirm" if request.is_found or many > 1 else "undoable"
        run = partial(self._act, request, record)
        what = f"{verb} {many} by name"
        details = ("Their names are known.",)
        return Plan(what, verb, details, danger, run, many=many, record=record)

    def _act(self, request: Delete | Requeue, record: ActionRecord) -> Steps[Outcome]:
        listed = self.failures[request.source.name]
        wanted = set(cast(Names, request.chosen.marks))
        taken = [(at, each) for at, each in enumerate(listed) if each.ref in wanted]
        listed[:] = [each for each in listed if each.ref not in wanted]
        if isinstance(request, Requeue):
            for _, each in taken:
                self.queues.setdefault(each.queue or "", []).append(each)
        self._taken[record.id] = (request.source.name, taken)
        gone = len(wanted) - len(taken)
        text = f"{record.action}d {len(taken)}, gone {gone}"
        return at_once(Outcome(text, done=len(taken), gone=gone, record=record))

    def _undo(self, action: str) -> Steps[Outcome]:
        name, taken = self._taken.pop(action)
        for at, each in taken:
            self.failures[name].insert(at, each)
            waiting = self.queues.get(each.queue or "", [])
            waiting[:] = [other for other in waiting if other.ref != each.ref]
        return at_once(Outcome(f"took back {len(taken)}", undid=action))

    def carry_out(self, plan: Plan) -> Steps[Outcome]:
        """Do it."""
        return plan.run()

    def guarded(self, work: Work[T]) -> Work[T]:
        """All of it is its own."""
        return work

    def note_change(self) -> None:
        """Remembers nothing."""

    # As its runner

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
