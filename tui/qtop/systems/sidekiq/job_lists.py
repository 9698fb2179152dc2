"""The lists of jobs of Sidekiq: waiting jobs, retries, dead jobs, scheduled jobs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from qtop.model.job import FAILED, Job, JobSource
from qtop.model.job_list import LISTED_BYTES, EntryPage, GroupFacts, JobList, JobPage, Outline
from qtop.search.list_walk import ListWalk
from qtop.search.place_pages import entries_from_front, known, page_from_front, place_of
from qtop.systems.sidekiq.job_reader import waiting_job
from qtop.systems.sidekiq.set_lists import SetList
from queuecore import windows
from queuecore.bulk import JobRefs
from queuecore.errors import BadOption
from queuecore.exchange import Exchange, Operation, Reply, Steps, single
from queuecore.keys import name_text
from queuecore.windows import Extent, Item, RawItem, Stretch, read_item
from sidekiq.keys import SidekiqKeys
from sidekiq.store import waiting_jobs
from sidekiq.store.entries import ListedSet
from sidekiq.store.waiting_jobs import WaitingJob

if TYPE_CHECKING:
    from datetime import datetime

    from qtop.model.layout import Layout
    from qtop.systems.turned_lists import TurnableLists

#: The copies of sidekiq-failures, as a list of failures.
COPIES: Final = "copies"
#: The sets of each list of failures.
_FAILURES: Final[dict[str, tuple[ListedSet, ...]]] = {
    FAILED: ("retry", "dead"),
    "retry": ("retry",),
    "dead": ("dead",),
    COPIES: ("failed",),
}
#: How far from its place a job is looked for.
_FAR: Final = 5_000


def job_list(keys: SidekiqKeys, source: JobSource) -> JobList:
    """A list of a namespace. Nothing is ever set aside: such lists are empty. Raises BadOption for
    a list of failures of another name."""
    if source.kind == "queue":
        return WaitingList(keys, source)
    if source.kind == "delayed":
        return SetList(keys, source, ("schedule",))
    if source.kind == "unreadable":
        return SetList(keys, source, ())
    if source.name not in _FAILURES:
        names = ", ".join(_FAILURES)
        raise BadOption(f"Sidekiq has no list of failures {source.name!r}: there are {names}")
    return SetList(keys, source, _FAILURES[source.name])


def failure_lists(keys: SidekiqKeys, *, apart: bool = False) -> Exchange[list[str]]:
    """The names of the lists of failures, with `apart` without the one that has all others; copies
    only where there are some. One round trip."""
    names = [name for name in _FAILURES if not (apart and name == FAILED)]

    def parse(kind: Reply) -> list[str]:
        return [name for name in names if name != COPIES or kind == b"zset"]

    return single(("TYPE", keys.copies_of_failures()), parse)


def turnable(keys: SidekiqKeys) -> TurnableLists:
    """The queues of a namespace: what of it may be turned."""
    # Imported here: a page needs nothing of it.
    from qtop.systems.turned_lists import TurnableLists

    def everything() -> Steps[list[JobSource]]:
        """One round trip."""
        names: list[bytes] = yield single(("SMEMBERS", keys.queues()), sorted)
        return [JobSource("queue", name_text(name)) for name in names]

    def key_of(source: JobSource) -> bytes:
        if source.kind != "queue":
            raise BadOption(f"{source} is not a queue of Sidekiq")
        return keys.queue(source.name)

    return TurnableLists(keys, key_of, everything, "Sidekiq's own page and processes", "head")


class WaitingEntry:
    """A job of a queue as it came over the wire, read when it is asked for. `place` counts from the
    next job."""

    __slots__ = ("_job", "_queue", "_reply", "place", "raw")
    value = None

    def __init__(self, queue: str, reply: RawItem, place: int) -> None:
        self._queue, self._reply = queue, reply
        self.raw = reply if isinstance(reply, bytes) else None
        self.place = place
        self._job: Job | None = None

    @property
    def job(self) -> Job:
        if self._job is None:
            self._job = waiting_job(read_item(self._reply), self.place, self._queue)
        return self._job

    @property
    def group(self) -> GroupFacts:
        # Imported here: waiting jobs have not failed, so nothing groups them.
        from qtop.search.failure_groups import KeyMaker, KnownEntry

        return KnownEntry(self.job, KeyMaker()).group


class WaitingList:
    """The jobs of a queue, the next first: see `JobList`. Its list in Redis goes the other way: a
    place counts from the next job, which is the last item."""

    def __init__(self, keys: SidekiqKeys, source: JobSource) -> None:
        self.source = source
        self._key = keys.queue(source.name)

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Exchange[Outline]:
        return single(("LLEN", self._key), lambda many: Outline(many, 0))

    def extent(self) -> Exchange[Extent]:
        return windows.extent(self._key, newest="head")

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Steps[JobPage]:
        """As a `JobList`. One round trip, a second one where jobs have left; O(size)."""
        stretch = partial(self._stretch, most_bytes)
        return page_from_front(stretch, self._job_of, place_of(start), size, before)

    def entries(self, start: Hashable, size: int) -> Exchange[EntryPage]:
        """As a `JobList`. One round trip, O(size)."""
        stretch, entry = (
            partial(self._stretch, LISTED_BYTES),
            partial(WaitingEntry, self.source.name),
        )
        return entries_from_front(stretch, entry, place_of(start), size)

    def _job_of(self, item: Item, place: int) -> Job:
        return waiting_job(item, place, self.source.name)

    def _stretch(self, max_bytes: int, first: int, last: int) -> Exchange[Stretch]:
        return waiting_jobs.stretch(self._key, first, last, max_bytes=max_bytes)

    def before(self, page: JobPage, size: int) -> Exchange[Hashable]:
        return known(max(0, place_of(page.start) - size) or None)

    def last(self, page: JobPage, size: int) -> Exchange[Hashable]:
        return known(None if page.length <= size else page.length - size)

    def layout(self, now: datetime) -> Layout:
        # Imported here: a page needs no tests.
        from qtop.systems.sidekiq.entry_layouts import layout_of

        return layout_of(self.source, now)

    def read(self, jobs: Sequence[Job]) -> Operation[Sequence[Job | None]]:
        """As a `JobList`. Jobs that are not near their place are looked for further away: a second
        round trip."""
        return self._read(jobs)

    def _read(self, jobs: Sequence[Job]) -> Steps[Sequence[Job | None]]:
        found: list[Job | None] = []
        for job in jobs:
            seen = WaitingJob(job.item, job.place or 0)
            read: WaitingJob | None = yield waiting_jobs.read_whole(self._key, seen)
            if read is None:
                read = yield waiting_jobs.read_whole(self._key, seen, reach=_FAR)
            found.append(None if read is None else self._job_of(read.item, read.place))
        return found

    def refs(self) -> JobRefs:
        return JobRefs()

    def walk(self, since: Extent | None = None) -> ListWalk:
        entry = partial(WaitingEntry, self.source.name)
        return ListWalk(self._key, entry, since, stretch=waiting_jobs.stretch)

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        return self.source.name, job.item.raw
