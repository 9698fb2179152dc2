"""Jobs, processes and schedules of a queue system in memory, and its lists of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from tests.support.memory_work import Faults

from qtop.model.fleet import ListedSchedule, Process, RunningJob
from qtop.model.job import DueTime, Job, JobSource
from qtop.model.job_list import LISTED_BYTES, DueShare, Entry, EntryPage, JobPage, Outline
from qtop.model.placed import UnreadPart
from qtop.search.failure_groups import KeyMaker, KnownEntry
from qtop.search.selection import RefusalCheck, Selection
from queuecore.exchange import Operation
from queuecore.values import replace
from queuecore.windows import Extent, beginning, whole

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
#: How long ago the last sign of life of a process is, usually and when it is dead.
_BEAT_S, _DEAD_S = 2, 3_600


def job(number: int, name: str, queue: str, **more: Any) -> Job:
    """A job that only its number names: it has no place."""
    raw = json.dumps({"class": name, "args": [number], "queue": queue}).encode()
    return Job(whole(raw), f"id-{number}", None, name, [number], queue, **more)


def from_bytes(raw: bytes, ref: str, **more: Any) -> Job:
    """A job from its bytes, which hold nothing but the job."""
    fields = json.loads(raw)
    return Job(whole(raw), ref, None, fields["class"], fields["args"], fields["queue"], **more)


def failed(number: int, name: str = "Mail::Send", queue: str = "mail", error: str = "no") -> Job:
    """A failed job."""
    at = NOW - timedelta(seconds=number)
    return job(number, name, queue, failed_at=at, exception="Refused", error=error)


def long_failed(number: int) -> Job:
    """A failed job of which a list shows only the beginning."""
    short = failed(number, "Report::Make")
    fields = {"class": short.class_name, "args": [number, "x" * 100_000], "queue": short.queue}
    return replace(short, item=whole(json.dumps(fields).encode()), args=fields["args"])


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


def process(number: int, *running: str, threads: int = 5, is_dead: bool = False) -> Process:
    """A process that takes from all queues and runs these classes, the longest first."""
    jobs = tuple(
        RunningJob(f"{number}.{at}".encode(), "mail", NOW - timedelta(seconds=60 - at), name, [at])
        for at, name in enumerate(running)
    )
    beat_at = NOW - timedelta(seconds=_DEAD_S if is_dead else _BEAT_S)
    name = f"host{number}:{number}"
    fields = (name, f"host{number}", number, ("all",), NOW, beat_at, True, threads, jobs, 7, 1)
    return Process(*fields)


class Names(list[str]):
    """Names of jobs, which are all that names them to actions."""

    size_bytes = 0

    def add(self, ref: Any, size_bytes: int = 0, decided: Any = None) -> None:
        """Take in one."""
        self.append(ref)
        self.size_bytes += size_bytes


class MemoryChooser:
    """Collects jobs, and counts those that an action will refuse."""

    def __init__(self, faults: Faults, refusal: RefusalCheck) -> None:
        self._faults, self._refusal = faults, refusal
        self._chosen = Selection(Names())

    def take(self, job: Job, value: Any = None) -> bool:
        """Take in one job."""
        self._chosen.add(job, self._refusal(job.item.raw))
        return True

    def settle(self) -> Operation[Selection]:
        """The whole selection."""
        return self._faults.work("settle", lambda: self._chosen)


class MemoryWalk:
    """One way through a set of jobs, in windows of 500."""

    _WINDOW = 500

    def __init__(
        self, jobs: Sequence[Job], maker: KeyMaker, faults: Faults, *, newest_first: bool
    ) -> None:
        self._jobs, self._maker, self._newest_first = jobs, maker, newest_first
        self._faults = faults
        self.done = 0
        self.length: int | None = None
        self.is_broken = False
        self.took_us: int | None = None
        self.unread: tuple[UnreadPart, ...] = ()
        self.extent = Extent(len(jobs), jobs[0].id if jobs else None)

    def window(self) -> Operation[Iterator[Entry]] | None:
        """The next window."""
        self.length = len(self._jobs)
        first, self.done = self.done, min(self.done + self._WINDOW, len(self._jobs))
        entries = partial(self._entries, first, self.done)
        return self._faults.work("walk", entries) if first < self.done else None

    def _entries(self, first: int, end: int) -> Iterator[Entry]:
        for at in range(first, end):
            place = len(self._jobs) - at if self._newest_first else at
            yield KnownEntry(self._jobs[at], self._maker, place)


def listed(job: Job, most_bytes: int = LISTED_BYTES) -> Job:
    """A job as a page has it: of a long one only the beginning, which says nothing."""
    if job.item.size <= most_bytes:
        return job
    cut = beginning(job.item, most_bytes)
    return replace(job, item=cut, class_name=None, args=None, problem="too long to be listed")


class MemoryList:
    """A set of jobs, the next or newest first. `jobs_of` gives what is in it at any time."""

    def __init__(
        self, source: JobSource, jobs_of: Callable[[JobSource], Sequence[Job]], faults: Faults
    ) -> None:
        self.source = source
        self._jobs_of, self._faults = jobs_of, faults
        self._maker = KeyMaker()

    @property
    def _jobs(self) -> Sequence[Job]:
        return self._jobs_of(self.source)

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Operation[Outline]:
        """How long it is, and when how many of its jobs come due."""
        return self._faults.work("outline", partial(self._outline, now_s, ahead_s))

    def _outline(self, now_s: float, ahead_s: Sequence[int]) -> Outline:
        due = [each.due.at for each in self._jobs if each.due is not None]
        ends = [now_s, *(now_s + each for each in ahead_s), float("inf")]
        sums = [sum(at <= end for at in due) for end in ends]
        parts = [here - before for before, here in zip([0, *sums], sums, strict=False)]
        shares = tuple(DueShare(many, many, is_exact=True) for many in parts)
        return Outline(len(self._jobs), None, shares, min(due, default=None))

    def extent(self) -> Operation[Extent]:
        """What is in it now."""
        return self._faults.work("extent", lambda: self.walk().extent)

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Operation[JobPage]:
        """Some jobs; a page begins at a number of jobs from the top."""
        return self._faults.work(
            "page", partial(self._page, cast(int, start or 0), size, most_bytes)
        )

    def _page(self, first: int, size: int, most_bytes: int) -> JobPage:
        jobs = tuple(listed(each, most_bytes) for each in self._jobs[first : first + size])
        end = first + len(jobs)
        after = end if end < len(self._jobs) else None
        return JobPage(jobs, first or None, after, first + 1, end, len(self._jobs))

    def entries(self, start: Hashable, size: int) -> Operation[EntryPage]:
        """The jobs of a page as entries."""

        def answer() -> EntryPage:
            page = self._page(cast(int, start or 0), size, LISTED_BYTES)
            entries = [KnownEntry(each, self._maker) for each in page.jobs]
            return EntryPage(entries, page.after)

        return self._faults.work("entries", answer)

    def before(self, page: JobPage, size: int) -> Operation[Hashable]:
        """Where the page before begins."""
        return self._faults.work("before", lambda: max(0, page.first - 1 - size) or None)

    def last(self, page: JobPage, size: int) -> Operation[Hashable]:
        """Where the last page begins."""
        return self._faults.work("last", lambda: max(0, page.length - size) or None)

    def layout(self, now: datetime) -> None:
        """Its jobs are there already."""

    def read(self, jobs: Sequence[Job]) -> Operation[Sequence[Job | None]]:
        """The same jobs, whole."""

        def answer() -> Sequence[Job | None]:
            known = {each.ref: each for each in self._jobs}
            return [known.get(cast(str, each.ref)) for each in jobs]

        return self._faults.work("read", answer)

    def walk(self, since: Extent | None = None) -> MemoryWalk:
        """All of it, or what is in front of the item that was first then."""
        jobs = list(self._jobs)
        if since is not None and since.last is not None:
            known = [each.id for each in jobs]
            jobs = jobs[: known.index(since.last)] if since.last in known else jobs
        newest_first = self.source.kind == "failed"
        return MemoryWalk(jobs, self._maker, self._faults, newest_first=newest_first)

    def refs(self) -> Names:
        """Names of jobs."""
        return Names()

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        """The queue, as the bytes say it, and the bytes."""
        try:
            return str(json.loads(job.item.raw)["queue"]), job.item.raw
        except (ValueError, LookupError, TypeError):
            return "it is no job"
