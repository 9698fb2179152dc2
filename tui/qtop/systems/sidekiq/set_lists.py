"""Jobs in Sidekiq's sorted sets: those that failed, those that are to run later."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from qtop.model.job import Job, JobSource
from qtop.model.job_list import (
    LISTED_BYTES,
    NO_EXTENT,
    DueShare,
    Entry,
    EntryPage,
    GroupFacts,
    JobPage,
    Outline,
)
from qtop.systems.sidekiq.job_reader import entry_job
from qtop.systems.sidekiq.refs import SetRef, SetRefs
from queuecore.exchange import Exchange, Operation, Steps
from queuecore.values import replace, value
from queuecore.windows import Extent, Item
from sidekiq.codec import read_job
from sidekiq.errors import Refused, WrongType
from sidekiq.keys import SidekiqKeys
from sidekiq.store import entries, entry_counts
from sidekiq.store.entries import ListedSet, SetEnd, SetEntry, SetPage, SetWindow
from sidekiq.store.entry_counts import DueCounts, SetSize
from sidekiq.store.entry_walk import EntryWalk
from sidekiq.store.pushes import unreadable

if TYPE_CHECKING:
    from datetime import datetime

    from qtop.model.layout import Layout
    from qtop.model.placed import UnreadPart
    from qtop.systems.sidekiq.entry_groups import EntryGroups

#: One window of a walk from the lowest score; the first one is small: a person waits for it.
_FIRST_ENTRIES, _WINDOW_ENTRIES = 250, 1_000


@value
class SetCursor:
    """Where a page begins: after an entry of a set, or with the first one (None)."""

    listed_in: ListedSet
    after: SetEntry | None = None


class SetListEntry:
    """An entry of a set as it came over the wire, read when it is asked for."""

    __slots__ = ("_job", "_jobs", "_seen", "place", "raw")
    value = None

    def __init__(self, jobs: SetList, seen: SetEntry, place: int) -> None:
        self._jobs, self._seen = jobs, seen
        self.raw = seen.content if isinstance(seen.content, bytes) else None
        self.place = place
        self._job: Job | None = None

    @property
    def job(self) -> Job:
        if self._job is None:
            self._job = entry_job(self._seen)
        return self._job

    @property
    def group(self) -> GroupFacts:
        return self._jobs.groups.read(self._seen)


class SetList:
    """The jobs of some sets, one after the other: see `JobList`.

    Nothing in Redis is in the order of failures. So a list of failed jobs has those first that are
    tried again last, then those that died last; what is to run later comes the next first. Without
    sets it is empty.
    """

    def __init__(self, keys: SidekiqKeys, source: JobSource, sets: Sequence[ListedSet]) -> None:
        self.source = source
        self._keys, self._sets = keys, sets
        self._end: SetEnd = "low" if source.kind == "delayed" else "high"

    @cached_property
    def groups(self) -> EntryGroups:
        """What reads entries for their groups only."""
        # Imported here: a page needs no groups.
        from qtop.systems.sidekiq.entry_groups import EntryGroups

        return EntryGroups()

    def _lengths(self) -> Exchange[list[int]]:
        if not self._sets:
            return Exchange((), lambda _: [])
        sizes = entry_counts.sizes(self._keys, self._sets)
        return sizes.then(lambda found: list(map(_length_of, found)))

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Operation[Outline]:
        if self.source.kind == "delayed":
            return self._due(now_s, ahead_s)
        return self._lengths().then(lambda found: Outline(sum(found)))

    def _due(self, now_s: float, ahead_s: Sequence[int]) -> Steps[Outline]:
        """What comes due when, and the retries besides: unknown where only they cannot be read."""
        found: list[DueCounts] = yield entry_counts.due(self._keys, now_s, ahead_s, self._sets)
        retries: tuple[DueShare, ...] | None = None
        with suppress(Refused):
            counts: list[DueCounts] = yield entry_counts.due(self._keys, now_s, ahead_s, ("retry",))
            retries = _shares(counts[0])
        return replace(_outline(found[0]), retries=retries)

    def extent(self) -> Exchange[Extent]:
        return Exchange((), lambda _: NO_EXTENT)

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Steps[JobPage]:
        """As a `JobList`. A round trip, and one for each set that it goes through; more where
        entries are huge."""
        found, after, first, length = yield from self._read(start, size, most_bytes)
        jobs = tuple(map(entry_job, found))
        return JobPage(jobs, start, after, first, first + len(jobs) - 1, length)

    def entries(self, start: Hashable, size: int) -> Steps[EntryPage]:
        """As a `JobList`. Costs as `page`."""
        found, after, first, _ = yield from self._read(start, size, LISTED_BYTES)
        listed = [self.entry_of(each, first + at) for at, each in enumerate(found)]
        return EntryPage(listed, after)

    def entry_of(self, seen: SetEntry, at: int) -> SetListEntry:
        """An entry that is the `at`th one of the list: what is listed first failed last, or is due
        first."""
        return SetListEntry(self, seen, at if self._end == "low" else -at)

    def _read(
        self, start: Hashable, size: int, max_bytes: int
    ) -> Steps[tuple[list[SetEntry], SetCursor | None, int, int]]:
        """The entries of a page, where the next one begins, which of all of them the first one is,
        and how many there are."""
        lengths: list[int] = yield self._lengths()
        found: list[SetEntry] = []
        cursor = _cursor(start)
        begin = 0 if cursor is None else self._sets.index(cursor.listed_in)
        first, after = 1, None if cursor is None else cursor.after
        for place, name in enumerate(self._sets[begin:], begin):
            seen: SetPage = yield from entries.page(
                *(self._keys, name, self._end, after, size - len(found)), max_bytes=max_bytes
            )
            lengths[place] = seen.length
            if not found:
                first = sum(lengths[:place]) + seen.first
            found += seen.entries
            if seen.after is not None:
                return found, SetCursor(name, seen.after), first, sum(lengths)
            after = None
            if len(found) >= size and any(lengths[place + 1 :]):
                return found, SetCursor(self._sets[place + 1]), first, sum(lengths)
        return found, None, first, sum(lengths)

    def before(self, page: JobPage, size: int) -> Steps[Hashable]:
        """As a `JobList`. A round trip for each set it goes through."""
        cursor = _cursor(page.start)
        if cursor is None:
            return None
        place, last = self._sets.index(cursor.listed_in), cursor.after
        if last is not None:
            name = self._sets[place]
            # That entry is the last one of the page before.
            last = yield from entries.before(self._keys, name, self._end, last, size - 1)
            if last is not None:
                return SetCursor(name, last)
            assert cursor.after is not None  # noqa: S101  as asked
            size -= cursor.after.above + 1 if self._end == "high" else size
            if size <= 0:
                return SetCursor(name) if place else None
        return (yield from self._last(place, size))

    def last(self, page: JobPage, size: int) -> Steps[Hashable]:
        """As a `JobList`. A round trip for each set it goes through, and one."""
        return self._last(len(self._sets), size)

    def _last(self, end: int, size: int) -> Steps[Hashable]:
        """Where the last `size` entries of the first `end` sets begin."""
        lengths: list[int] = yield self._lengths()
        for place in reversed(range(end)):
            name = self._sets[place]
            if lengths[place] > size:
                after = yield from entries.before(self._keys, name, self._end, None, size)
                return None if after is None else SetCursor(name, after)
            size -= lengths[place]
            if not size and place:
                return SetCursor(name)
        return None

    def layout(self, now: datetime) -> Layout:
        # Imported here: a page needs no tests.
        from qtop.systems.sidekiq.entry_layouts import layout_of

        return layout_of(self.source, now)

    def read(self, jobs: Sequence[Job]) -> Steps[Sequence[Job | None]]:
        found: list[Job | None] = []
        for job in jobs:
            if not job.item.is_cut:
                found.append(job)
                continue
            seen = _named(job) or (yield from self._search(job))
            read = None if seen is None else (yield entries.read_whole(self._keys, seen))
            found.append(None if read is None else entry_job(read))
        return found

    def _search(self, job: Job) -> Steps[SetEntry | None]:
        """A job without a score in its name, as a copy is. Costs as a walk."""
        for name in self._sets:
            way = EntryWalk(self._keys, name)
            while (window := way.window()) is not None:
                seen: list[SetEntry] = yield window
                for each in seen:
                    if isinstance(each.content, Item) and each.content.sha == job.id:
                        return each
        return None

    def refs(self) -> SetRefs:
        return SetRefs()

    def walk(self, since: Extent | None = None) -> SetWalk:
        """Through all of them, whatever was there before."""
        return SetWalk(self._keys, self._sets, self._end, self.entry_of)

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        """The job itself is what is in its queue when it runs; one that names none has none yet.
        O(bytes)."""
        raw = job.item.raw
        return unreadable(raw) or (read_job(raw).queue or "", raw)


def _cursor(start: Hashable) -> SetCursor | None:
    assert start is None or isinstance(start, SetCursor)  # noqa: S101  as made here
    return start


def _named(job: Job) -> SetEntry | None:
    """The entry that the ref of a cut job names."""
    ref = job.ref
    if not isinstance(ref, SetRef):
        return None
    return SetEntry(ref.set_name, repr(ref.entry.score), job.item, 0)


def _length_of(size: SetSize) -> int:
    if size.length is None:
        raise WrongType(f"the key of {size.name} holds another kind of value than a sorted set")
    return size.length


def _shares(due: DueCounts) -> tuple[DueShare, ...]:
    figures = (due.overdue, *due.shares, due.later)
    return tuple(DueShare(many, many, is_exact=True) for many in figures)


def _outline(due: DueCounts) -> Outline:
    # As of delayed jobs: without any, the first one is never due.
    first_at = math.inf if due.first_at is None else due.first_at
    return Outline(due.length, None, _shares(due), first_at)


class SetWalk:
    """One way through some sets, each from the same end: see `Walk`. Pollers take entries at the
    low end: those that it has not come to by then are not met."""

    def __init__(
        self,
        keys: SidekiqKeys,
        sets: Sequence[ListedSet],
        end: SetEnd,
        entry_of: Callable[[SetEntry, int], Entry],
    ) -> None:
        make = EntryWalk if end == "high" else UpwardWalk
        self._ways = [make(keys, name) for name in sets]
        self._entry_of = entry_of
        self._lengths = entry_counts.sizes(keys, sets) if sets else None
        self._at = self._met = self._passed = 0
        self.length: int | None = None
        self.done = 0
        self.took_us = 0
        self.extent = NO_EXTENT
        self.unread: tuple[UnreadPart, ...] = ()

    @property
    def is_broken(self) -> bool:
        return any(way.is_broken for way in self._ways)

    def window(self) -> Operation[Iterator[Entry]] | None:
        while self._at < len(self._ways):
            way = self._ways[self._at]
            found = way.window()
            if found is not None:
                return self._first(found) if self.length is None else found.then(self._read)
            self._passed += way.done
            self._at += 1
        return None

    def _first(self, window: Exchange[list[SetEntry]]) -> Steps[Iterator[Entry]]:
        assert self._lengths is not None  # noqa: S101  there is a way
        sizes: list[SetSize] = yield self._lengths
        self.length = sum(each.length or 0 for each in sizes)
        seen: list[SetEntry] = yield window
        return self._read(seen)

    def _read(self, seen: list[SetEntry]) -> Iterator[Entry]:
        way = self._ways[self._at]
        self.took_us = way.took_us
        self.done = self._passed + way.done
        self.length = max(self.length or 0, self.done)
        first, self._met = self._met, self._met + len(seen)
        return (self._entry_of(each, first + at) for at, each in enumerate(seen, 1))


class UpwardWalk:
    """One way through a set from its lowest score to its highest, as `EntryWalk` goes the other
    way. An entry that stays is met once; of huge ones of one score that begin alike, while others
    change the set around them, some may be left out (`is_broken`)."""

    def __init__(self, keys: SidekiqKeys, name: ListedSet) -> None:
        self._keys, self._name = keys, name
        self._after: SetEntry | None = None
        #: The SHA-1s of the entries of the last window that were cut.
        self._met: set[str] = set()
        self._is_over = False
        self.done = self.took_us = 0
        self.is_broken = False

    def window(self) -> Exchange[list[SetEntry]] | None:
        """As of `EntryWalk`."""
        if self._is_over:
            return None
        most = _WINDOW_ENTRIES if self.done else _FIRST_ENTRIES
        seen = entries.window(self._keys, self._name, "low", self._after, most)
        return seen.then(self._read)

    def _read(self, seen: SetWindow) -> list[SetEntry]:
        self.took_us = seen.ended_us - seen.began_us
        fresh = [each for each in seen.entries if _sha_of_cut(each) not in self._met]
        self.done += len(fresh)
        if not fresh:
            # At its end; or it lost its place among entries that begin alike.
            self._is_over = True
            self.is_broken = bool(seen.entries)
            return []
        last = self._after = seen.entries[-1]
        self._is_over = last.above == 0
        cut = {_sha_of_cut(each) for each in seen.entries}
        self._met = {sha for sha in cut if sha is not None}
        return fresh


def _sha_of_cut(entry: SetEntry) -> str | None:
    return entry.content.sha if isinstance(entry.content, Item) else None
