"""Lists of jobs of several places as one list: see `MergedList`."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, Final, Generic, NamedTuple, TypeVar

from qtop.model.job import Job, JobSource
from qtop.model.job_list import (
    LISTED_BYTES,
    NO_EXTENT,
    DueShare,
    Entry,
    EntryPage,
    GroupFacts,
    JobList,
    JobPage,
    Outline,
    Walk,
)
from qtop.model.layout import Layout, Layouts
from qtop.model.placed import UnreadPart, own_job, placed_job
from qtop.search.selection import PlacedRefs, Selection
from qtop.systems.routing import at, why_unread
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, Operation, Steps, steps_of
from queuecore.values import replace, value
from queuecore.windows import Extent

T = TypeVar("T")
P = TypeVar("P")
PageT = TypeVar("PageT", JobPage, EntryPage)

#: A moment as an order: whole microseconds.
_PARTS_OF_A_SECOND: Final = 1_000_000


@value
class PartStart:
    """Where a page begins in the list of one place; at its end nothing is left of it. `length` is
    how long the list was then."""

    place: str
    start: Hashable = None
    is_end: bool = False
    length: int = 0


@value
class MergedStart:
    """Where a page of several lists begins: in each of them. `before` is where the page before it
    begins, `is_known` whether that is known."""

    parts: tuple[PartStart, ...]
    before: Hashable = None
    is_known: bool = False


class MergedEntry:
    """An entry of the list of one place among those of others; `system` is the label of its place.
    Its order is that of the jobs' times."""

    __slots__ = ("_entry", "_job", "raw", "system")

    def __init__(self, system: str, entry: Entry) -> None:
        self.system, self._entry = system, entry
        self.raw = entry.raw
        self._job: Job | None = None

    @property
    def place(self) -> int:
        moment = time_of(self.job)
        return self._entry.place if moment is None else int(moment * _PARTS_OF_A_SECOND)

    @property
    def job(self) -> Job:
        if self._job is None:
            self._job = placed_job(self.system, self._entry.job)
        return self._job

    @property
    def value(self) -> Any:
        return self._entry.value

    @property
    def group(self) -> GroupFacts:
        return self._entry.group._replace(system=self.system)


def time_of(job: Job) -> float | None:
    """What orders jobs of several lists: when it failed, or is due (epoch). None when that is
    unknown, and for jobs that wait."""
    if job.failed_at is not None:
        return job.failed_at.timestamp()
    return None if job.due is None else job.due.at


class MergedList:
    """The jobs of the lists of several places: see `JobList`. Each job says of which place it is.

    A page has jobs of all of them by time: failed jobs the newest first, delayed ones the next
    first. Each list keeps its own order, and is passed through without a gap; where that is not
    the order of time, as in Sidekiq's sets, a job waits for no newer one that comes after it.

    A place that does not answer takes nothing away from the others: its part is `unread`. Where
    none answers, the error of the first is raised.

    Args:
        source: Which list.
        parts: The lists, by the labels of their places. With one alone it is in its own order.
        every: Those and the same lists of places that are not shown: jobs that were seen there may
            still be acted on.
    """

    def __init__(
        self,
        source: JobSource,
        parts: Mapping[str, JobList],
        every: Mapping[str, JobList] | None = None,
    ) -> None:
        self.source = source
        self.parts = parts
        self._every = parts if every is None else every
        self._is_newest_first = source.kind == "failed"

    @property
    def _only(self) -> str | None:
        """The place of the only list."""
        return next(iter(self.parts)) if len(self.parts) == 1 else None

    def apart(self) -> dict[str, MergedList]:
        """The lists of each place by themselves, as this one has their jobs."""
        return {
            place: MergedList(self.source, {place: jobs}, self._every)
            for place, jobs in self.parts.items()
        }

    # Figures

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Steps[Outline]:
        """As a `JobList`. Costs as those of all."""
        found, unread = yield from _each(
            self.parts, lambda place, jobs: jobs.outline(now_s, ahead_s)
        )
        shares = zip(*(each.shares for each in found.values()), strict=True)
        firsts = [each.first_at for each in found.values()]
        first_at = None if unread or None in firsts else min(filter(None, firsts), default=None)
        only = self._only
        return Outline(
            sum(each.length for each in found.values()),
            None if only is None else _start_of(only, found[only].start),
            tuple(map(_sum_of, shares)),
            first_at,
            unread,
            found,
            _retries(list(found.values())),
        )

    def extent(self) -> Operation[Extent]:
        if (only := self._only) is not None:
            return at(only, self.parts[only].extent())
        return Exchange((), lambda _: NO_EXTENT)

    # Pages

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Steps[JobPage]:
        """As a `JobList`. Costs twice as much as those of all."""
        shown = {place: [own_job(j) for j in before if j.system == place] for place in self.parts}

        def read(place: str, begin: Hashable, many: int) -> Operation[JobPage]:
            jobs = self.parts[place]
            return jobs.page(begin, many, most_bytes=most_bytes, before=shown[place])

        here = self._starts(start)
        taken, unread = yield from self._shares(here, size, read, lambda page: page.jobs)
        jobs = [
            placed_job(place, job)
            for place, share in taken.items()
            for job in share.page.jobs[: share.many]
        ]
        begins = [_begin(each, taken.get(each.place)) for each in here]
        after = [_after(each, taken.get(each.place)) for each in begins]
        counts = [_counts(each, taken.get(each.place)) for each in begins]
        first = sum(each.before for each in counts) + 1
        now_at = None if start is None or _is_top(begins) else _moved(start, begins)
        return JobPage(
            tuple(self._in_order(jobs)),
            now_at,
            None if _is_end(after, unread) else MergedStart(tuple(after), now_at, True),
            first,
            first - 1 + sum(each.here for each in counts),
            sum(each.length for each in counts),
            any(share.page.is_gone for share in taken.values()),
            unread,
        )

    def entries(self, start: Hashable, size: int) -> Steps[EntryPage]:
        """As a `JobList`. Costs as `page`."""

        def read(place: str, begin: Hashable, many: int) -> Operation[EntryPage]:
            return self.parts[place].entries(begin, many)

        def jobs_of(page: EntryPage) -> list[Job]:
            return [entry.job for entry in page.entries]

        here = self._starts(start)
        taken, unread = yield from self._shares(here, size, read, jobs_of)
        entries = [
            MergedEntry(place, entry)
            for place, share in taken.items()
            for entry in share.page.entries[: share.many]
        ]
        after = [
            _part_after(each, taken[each.place]) if each.place in taken else each for each in here
        ]
        if self._only is None:
            entries.sort(key=lambda entry: _rank(entry.job, self._is_newest_first))
        return EntryPage(entries, None if _is_end(after, unread) else MergedStart(tuple(after)))

    def _shares(
        self,
        here: Sequence[PartStart],
        size: int,
        read: Callable[[str, Hashable, int], Operation[PageT]],
        jobs_of: Callable[[PageT], Sequence[Job]],
    ) -> Steps[tuple[dict[str, _Share[PageT]], tuple[UnreadPart, ...]]]:
        """What a page of `size` has of each list, from where it begins there."""
        starts = {each.place: each.start for each in here if not each.is_end}
        pages, unread = yield from _each(starts, lambda place, begin: read(place, begin, size))
        ranks = {
            place: _ranks(jobs_of(page), self._is_newest_first) for place, page in pages.items()
        }
        taken: dict[str, _Share[PageT]] = {}
        for place, many in _first_of(ranks, size).items():
            is_all = many == len(ranks[place])
            if is_all or not many:
                taken[place] = _Share(pages[place], many, is_all)
                continue
            # Once more, so many: where the next page begins is for its list to say.
            try:
                page = yield from steps_of(at(place, read(place, starts[place], many)))
            except StoreError as error:
                unread += (UnreadPart(place, why_unread(error)),)
            else:
                taken[place] = _Share(page, len(jobs_of(page)), True)
        return taken, unread

    def _in_order(self, jobs: list[Job]) -> list[Job]:
        if self._only is None:
            jobs.sort(key=lambda job: _rank(job, self._is_newest_first))
        return jobs

    def _starts(self, start: Hashable) -> list[PartStart]:
        """Where a page begins in each list that there is now."""
        if start is None:
            return [PartStart(place) for place in self.parts]
        assert isinstance(start, MergedStart)  # noqa: S101  as made here
        return [each for each in start.parts if each.place in self.parts]

    def before(self, page: JobPage, size: int) -> Operation[Hashable]:
        """As a `JobList`; where the page before was read, no round trip."""
        start = page.start
        if isinstance(start, MergedStart) and start.is_known:
            known = start.before
            return Exchange((), lambda _: known)
        return self._ending(self._starts(start), size)

    def last(self, page: JobPage, size: int) -> Operation[Hashable]:
        """As a `JobList`. Costs as a page."""
        return self._last(size)

    def _last(self, size: int) -> Steps[Hashable]:
        found, _ = yield from _each(self.parts, lambda place, jobs: jobs.outline())
        ends = [PartStart(place, None, True, each.length) for place, each in found.items()]
        return (yield from self._ending(ends, size))

    def _ending(self, ends: Sequence[PartStart], size: int) -> Steps[Hashable]:
        """Where the last `size` jobs before these places begin."""

        def begin(end: PartStart, many: int) -> Operation[Hashable]:
            jobs, page = self.parts[end.place], JobPage((), end.start, None, 1, 0, end.length)
            return jobs.last(page, many) if end.is_end else jobs.before(page, many)

        by_place = {each.place: each for each in ends if each.is_end or each.start is not None}
        starts, _ = yield from _each(by_place, lambda place, end: begin(end, size))
        pages, _ = yield from _each(
            starts, lambda place, begin: self.parts[place].page(begin, size)
        )
        ranks = {
            place: [-each for each in reversed(_ranks(page.jobs, self._is_newest_first))]
            for place, page in pages.items()
        }
        shares = _first_of(ranks, size)
        begins: list[PartStart] = []
        for each in ends:
            many = shares.get(each.place, 0)
            first: Hashable = each.start
            if many:
                first = yield from steps_of(at(each.place, begin(each, many)))
            is_end = each.is_end and not many
            begins.append(PartStart(each.place, first, is_end, each.length))
        return None if _is_top(begins) else MergedStart(tuple(begins))

    # Jobs

    def layout(self, now: datetime) -> Layouts:
        """How the entries of each place are written."""
        layouts = {place: jobs.layout(now) for place, jobs in self.parts.items()}
        return {place: each for place, each in layouts.items() if isinstance(each, Layout)}

    def read(self, jobs: Sequence[Job]) -> Steps[Sequence[Job | None]]:
        """As a `JobList`: each from its own list."""
        found: list[Job | None] = []
        for job in jobs:
            if job.system not in self._every:
                found.append(None)
                continue
            reading = self._every[job.system].read([own_job(job)])
            [read] = yield from steps_of(at(job.system, reading))
            found.append(None if read is None else placed_job(job.system, read))
        return found

    def refs(self) -> PlacedRefs:
        return PlacedRefs({place: Selection(jobs.refs()) for place, jobs in self._every.items()})

    def walk(self, since: Extent | None = None) -> MergedWalk:
        """Through one list after the other. Only one alone can be walked through `since` an
        extent."""
        return MergedWalk({place: jobs.walk(since) for place, jobs in self.parts.items()})

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        if job.system not in self._every:
            return f"{job.system} is not shown any more"
        return self._every[job.system].payload(own_job(job))


class MergedWalk:
    """One way through the lists of several places, one after the other: see `Walk`. Where a place
    does not answer, the way goes on with the next one, and its part is `unread`."""

    def __init__(self, ways: Mapping[str, Walk]) -> None:
        self._ways = dict(ways)
        self._left = list(ways)
        self._error: StoreError | None = None
        self.unread: tuple[UnreadPart, ...] = ()
        self.took_us: int | None = None

    @property
    def length(self) -> int | None:
        lengths = [way.length for way in self._ways.values()]
        return sum(each or 0 for each in lengths) if any(e is not None for e in lengths) else None

    @property
    def done(self) -> int:
        return sum(way.done for way in self._ways.values())

    @property
    def is_broken(self) -> bool:
        return any(way.is_broken for way in self._ways.values())

    @property
    def extent(self) -> Extent:
        ways = list(self._ways.values())
        return ways[0].extent if len(ways) == 1 else NO_EXTENT

    def window(self) -> Operation[Iterator[Entry]] | None:
        """As of a `Walk`. Raises in its work what the last place raises, where none answered."""
        while self._left:
            place = self._left[0]
            window = self._ways[place].window()
            if window is not None:
                return self._read(place, window)
            self._left.pop(0)
        return None

    def _read(self, place: str, window: Operation[Iterator[Entry]]) -> Steps[Iterator[Entry]]:
        try:
            entries = yield from steps_of(at(place, window))
        except StoreError as error:
            self.unread += (UnreadPart(place, why_unread(error)),)
            self._left.remove(place)
            if len(self.unread) == len(self._ways):
                raise
            return iter(())
        self.took_us = self._ways[place].took_us
        return (MergedEntry(place, entry) for entry in entries)


# Asking each place.


def _each(
    parts: Mapping[str, P], work: Callable[[str, P], Operation[T]]
) -> Steps[tuple[dict[str, T], tuple[UnreadPart, ...]]]:
    """Carry out work at each place, one after the other: the results of those that answer, and
    why others could not be read. Raises the first error where none answers."""
    found: dict[str, T] = {}
    errors: dict[str, StoreError] = {}
    unread: list[UnreadPart] = []
    for place, part in parts.items():
        try:
            found[place] = yield from steps_of(at(place, work(place, part)))
        except StoreError as error:
            unread.append(UnreadPart(place, why_unread(error)))
            errors[place] = error
    if errors and not found:
        raise next(iter(errors.values()))
    return found, tuple(unread)


# Order: by time, where the lists are not in that order as near to it as they can be passed through.


def _rank(job: Job, is_newest_first: bool) -> float:
    """What comes first has the lower one; jobs without a time come last."""
    moment = time_of(job)
    if moment is None:
        return math.inf
    return -moment if is_newest_first else moment


def _ranks(jobs: Sequence[Job], is_newest_first: bool) -> list[float]:
    """The ranks of some jobs of one list, none higher than that of a job behind it: what comes
    first there may be older than what follows, and must not hold that up."""
    ranks = [_rank(job, is_newest_first) for job in jobs]
    for place in reversed(range(len(ranks) - 1)):
        ranks[place] = min(ranks[place], ranks[place + 1])
    return ranks


def _first_of(ranks: Mapping[str, Sequence[float]], size: int) -> dict[str, int]:
    """How many of the first `size` jobs are of each list, each of which rises."""
    counts = dict.fromkeys(ranks, 0)
    by_rank = merge(*([(rank, place) for rank in own] for place, own in ranks.items()))
    for _, place in islice(by_rank, size):
        counts[place] += 1
    return counts


# Where pages begin.


class _Share(NamedTuple, Generic[PageT]):
    """What was read of one list, how many of these jobs are on a page, and whether they are all:
    then the next page begins where it says."""

    page: PageT
    many: int
    is_all: bool


class _Counts(NamedTuple):
    """How many jobs of one list come before a page and are on it, and how long that list is."""

    before: int
    here: int
    length: int


def _begin(start: PartStart, share: _Share[JobPage] | None) -> PartStart:
    """Where a page begins in a list by now."""
    if share is None:
        return start
    return replace(start, start=share.page.start, length=share.page.length)


def _after(start: PartStart, share: _Share[JobPage] | None) -> PartStart:
    """Where the next page begins in a list. Of one that could not be read, where this one does."""
    return start if share is None else _part_after(start, share)


def _part_after(start: PartStart, share: _Share[PageT]) -> PartStart:
    if not share.is_all:
        return start
    return replace(start, start=share.page.after, is_end=share.page.after is None)


def _counts(start: PartStart, share: _Share[JobPage] | None) -> _Counts:
    if share is None:
        return _Counts(start.length if start.is_end else 0, 0, start.length)
    page = share.page
    here = max(0, page.last - page.first + 1) if share.is_all else 0
    return _Counts(page.first - 1, here, page.length)


def _is_end(starts: Sequence[PartStart], unread: Sequence[UnreadPart]) -> bool:
    """Whether no list has more that can be read now."""
    without = {each.place for each in unread}
    return all(each.is_end or each.place in without for each in starts)


def _is_top(starts: Sequence[PartStart]) -> bool:
    return all(each.start is None and not each.is_end for each in starts)


def _moved(start: Hashable, begins: Sequence[PartStart]) -> MergedStart:
    assert isinstance(start, MergedStart)  # noqa: S101  as made here
    return start if tuple(begins) == start.parts else replace(start, parts=tuple(begins))


def _start_of(place: str, start: Hashable) -> Hashable:
    return None if start is None else MergedStart((PartStart(place, start),))


def _retries(outlines: Sequence[Outline]) -> tuple[DueShare, ...] | None:
    """The retries that come due in all of several lists; None where they are unknown in one."""
    known = [each.retries for each in outlines if each.retries != ()]
    if None in known:
        return None
    return tuple(map(_sum_of, zip(*filter(None, known), strict=True)))


def _sum_of(of: tuple[DueShare, ...]) -> DueShare:
    return DueShare(
        sum(each.moments for each in of),
        sum(each.jobs for each in of),
        all(each.is_exact for each in of),
    )
