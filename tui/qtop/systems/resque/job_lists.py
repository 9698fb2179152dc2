"""The lists of jobs of Resque: failures, waiting jobs, items set aside, delayed jobs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from qtop.model.job import DueTime, Job, JobSource
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
)
from qtop.search.list_walk import ListWalk
from qtop.search.place_pages import entries_from_front, known, page_from_front, place_of
from qtop.systems.resque.job_reader import (
    delayed_item,
    delayed_job,
    failed_job,
    failed_job_and_value,
    list_key,
    waiting_job,
)
from qtop.text.safe import ago
from queuecore import windows
from queuecore.bulk import JobRefs
from queuecore.exchange import Exchange, Operation, Steps, single
from queuecore.windows import Extent, Item, RawItem, Stretch, Window, read_item
from resque.keys import Keys
from resque.store import delayed_windows, failures
from resque.store.delayed_windows import (
    DelayedEntry,
    DelayedRef,
    Moment,
    Outlook,
    Position,
    entry_of,
    outlook,
)

if TYPE_CHECKING:
    from datetime import datetime

    from qtop.model.health import Stray, StrayJob
    from qtop.model.layout import Layout
    from qtop.model.placed import UnreadPart
    from qtop.systems.resque.group_reader import GroupReader

#: How far from its place a waiting job is looked for when it is not near it.
_FAR: Final = 5_000


class ListEntry:
    """An item of a list as it came over the wire, read when it is asked for."""

    __slots__ = ("_job", "_jobs", "_reply", "place", "raw", "value")

    def __init__(self, jobs: ResqueList, reply: RawItem, place: int) -> None:
        self._jobs = jobs
        self._reply = reply
        self.raw = reply if isinstance(reply, bytes) else None
        self.place = place
        self.value: Any = None
        self._job: Job | None = None

    @property
    def job(self) -> Job:
        if self._job is None:
            item = read_item(self._reply)
            self._job, self.value = self._jobs.job_and_value(item, self.place)
        return self._job

    @property
    def group(self) -> GroupFacts:
        return self._jobs.groups.read(self._reply)


class ResqueList:
    """A list of failures, of waiting jobs or of items set aside: see `JobList`.

    Args:
        keys: Those of the namespace.
        source: Which list.
        newest_first: List it from its end. None: failures from the end, others from the front.
    """

    def __init__(self, keys: Keys, source: JobSource, *, newest_first: bool | None = None) -> None:
        self.source = source
        self._key = list_key(keys, source)
        self._newest_first = source.kind == "failed" if newest_first is None else newest_first

    @cached_property
    def groups(self) -> GroupReader:
        """What reads entries for their groups only."""
        # Imported here: a page needs no groups.
        from qtop.systems.resque.group_reader import GroupReader

        return GroupReader()

    def job_of(self, item: Item, place: int) -> Job:
        """An item that was seen at a place. Never raises. O(bytes)."""
        if self.source.kind == "failed":
            return failed_job(item, place)
        return waiting_job(item, place, self.source.name)

    def job_and_value(self, item: Item, place: int) -> tuple[Job, Any]:
        """As `job_of`, and what its bytes were decoded to, as `Entry.value`."""
        if self.source.kind == "failed":
            return failed_job_and_value(item, place)
        return waiting_job(item, place, self.source.name), None

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Exchange[Outline]:
        is_at_end = self._newest_first
        return single(("LLEN", self._key), lambda many: Outline(many, many if is_at_end else 0))

    def extent(self) -> Exchange[Extent]:
        return windows.extent(self._key)

    def page(
        self,
        start: Hashable,
        size: int,
        *,
        most_bytes: int = LISTED_BYTES,
        before: Sequence[Job] = (),
    ) -> Operation[JobPage]:
        """As a `JobList`. One round trip, a second one where jobs have left at the front of the
        list; O(size)."""
        if self._newest_first:
            return self._newest(place_of(start) or None, size, most_bytes)
        stretch = partial(self._stretch, most_bytes)
        return page_from_front(stretch, self.job_of, place_of(start), size, before)

    def entries(self, start: Hashable, size: int) -> Exchange[EntryPage]:
        """As a `JobList`. One round trip, O(size)."""
        place = place_of(start)
        stretch = partial(self._stretch, LISTED_BYTES)
        if not self._newest_first:
            return entries_from_front(stretch, partial(ListEntry, self), place, size)
        end = place or None
        first, last = (-size, -1) if end is None else (max(0, end - size), end - 1)

        def parse(seen: Stretch) -> EntryPage:
            begin = seen.length - len(seen.replies) if first < 0 else first
            entries = [ListEntry(self, *each) for each in zip(seen.replies, count(begin))]
            return EntryPage(entries[::-1], begin or None)

        return stretch(first, last).then(parse)

    def _stretch(self, max_bytes: int, first: int, last: int) -> Exchange[Stretch]:
        return windows.stretch(self._key, first, last, max_bytes=max_bytes)

    def _newest(self, end: int | None, size: int, most_bytes: int) -> Exchange[JobPage]:
        first, last = (-size, -1) if end is None else (max(0, end - size), end - 1)

        def parse(seen: Stretch) -> JobPage:
            length, many = seen.length, len(seen.replies)
            begin = length - many if end is None else first
            newest = length - begin - many + 1
            return JobPage(
                *(self._jobs(seen, begin)[::-1], end, begin or None),
                *(max(1, newest), max(1, newest) + many - 1, length),
            )

        return windows.stretch(self._key, first, last, max_bytes=most_bytes).then(parse)

    def _jobs(self, seen: Stretch, first: int) -> tuple[Job, ...]:
        """The jobs of a stretch that begins at place `first`."""
        return tuple(
            self.job_of(read_item(reply), place) for place, reply in enumerate(seen.replies, first)
        )

    def before(self, page: JobPage, size: int) -> Exchange[Hashable]:
        start = place_of(page.start)
        if self._newest_first:
            at = start + size
            return known(at if start and at < page.length else None)
        return known(max(0, start - size) or None)

    def last(self, page: JobPage, size: int) -> Exchange[Hashable]:
        start = size if self._newest_first else page.length - size
        return known(None if page.length <= size else start)

    def layout(self, now: datetime) -> Layout:
        # Imported here: a page needs no tests.
        from qtop.systems.resque.entry_layouts import layout_of

        return layout_of(self.source, now)

    def read(self, jobs: Sequence[Job]) -> Steps[Sequence[Job | None]]:
        """As a `JobList`. Waiting jobs that are not near their place are looked for further away:
        a second round trip."""
        found: list[Job | None] = []
        for job in jobs:
            if not job.item.is_cut:
                found.append(job)
                continue
            place = job.place or 0
            raw: bytes | None = yield windows.find(self._key, job.id, place)
            if raw is None and self.source.kind != "failed":
                raw = yield windows.find(self._key, job.id, place, reach=_FAR)
            found.append(None if raw is None else self.job_of(windows.whole(raw), place))
        return found

    def refs(self) -> JobRefs:
        return JobRefs()

    def walk(self, since: Extent | None = None) -> ListWalk:
        return ListWalk(self._key, partial(ListEntry, self), since)

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        raw = job.item.raw
        return failures.job_of(raw) if self.source.kind == "failed" else (self.source.name, raw)


# Delayed jobs: a sorted set of moments, each with a list of jobs.


class DelayedListEntry:
    """A delayed job as it came over the wire, read when it is asked for. `place` is its order among
    all of them."""

    __slots__ = ("_made", "_reply", "place", "raw")
    value = None

    def __init__(
        self, made: Callable[[RawItem | None], DelayedEntry], reply: RawItem | None, place: int
    ) -> None:
        self._made = made
        self._reply = reply
        self.raw = reply if isinstance(reply, bytes) else None
        self.place = place

    @property
    def job(self) -> Job:
        return delayed_job(self._made(self._reply))

    @property
    def group(self) -> GroupFacts:
        # Imported here: delayed jobs have not failed, so nothing groups them.
        from qtop.search.failure_groups import KeyMaker, KnownEntry

        return KnownEntry(self.job, KeyMaker()).group


class DelayedWalk:
    """One way through all delayed jobs, the next first: see `Walk`. `length` counts due times."""

    def __init__(self, keys: Keys) -> None:
        self._seen: list[Entry] = []
        self._steps = delayed_windows.walk(
            keys, self._visit, max_bytes=LISTED_BYTES, make=self._entry
        )
        self._next: Exchange[Any] | None = None
        self._is_over = False
        self._met = 0
        self.length: int | None = None
        self.done = 0
        self.is_broken = False
        self.took_us: int | None = None
        self.extent = NO_EXTENT
        self.unread: tuple[UnreadPart, ...] = ()

    def window(self) -> Steps[Iterator[Entry]] | None:
        return None if self._is_over else self._window()

    def _entry(self, moment: Moment, place: int, reply: RawItem | None) -> Entry:
        self._met += 1
        return DelayedListEntry(partial(entry_of, moment, place), reply, self._met - 1)

    def _visit(self, jobs: Sequence[Entry], done: int, of: int) -> bool:
        self._seen += jobs
        self.done, self.length = done, of
        return True

    def _window(self) -> Steps[Iterator[Entry]]:
        """Go on until some jobs were shown, or to the end."""
        try:
            step = self._next or next(self._steps)
            while True:
                reply = yield step
                step = self._steps.send(reply)
                if self._seen:
                    self._next = step
                    break
        except StopIteration:
            self._is_over = True
        seen, self._seen = self._seen, []
        return iter(seen)


class DelayedRefs(list[DelayedRef]):
    """What names delayed jobs to actions."""

    size_bytes = 0

    def add(self, ref: DelayedRef, size_bytes: int = 0, decided: object = None) -> None:
        self.append(ref)
        self.size_bytes += size_bytes


class DelayedList:
    """All delayed jobs, the next first: see `JobList`."""

    def __init__(self, keys: Keys) -> None:
        self.source = JobSource("delayed", "")
        self._keys = keys

    def outline(self, now_s: float = 0.0, ahead_s: Sequence[int] = ()) -> Steps[Outline]:
        found: Outlook = yield from outlook(self._keys, now_s, ahead_s)
        shares = tuple(DueShare(each.moments, each.jobs, each.is_exact) for each in found.shares)
        return Outline(found.total.jobs, None, shares, found.first_at)

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
        """As a `JobList`. Costs as `delayed_windows.page`."""
        seen: delayed_windows.Page = yield from delayed_windows.page(
            self._keys, _position(start), size, max_bytes=most_bytes
        )
        range_of = (start, seen.after, seen.first, seen.last, seen.moments)
        return JobPage(tuple(map(delayed_job, seen.jobs)), *range_of)

    def entries(self, start: Hashable, size: int) -> Steps[EntryPage]:
        """As a `JobList`. Costs as `delayed_windows.page`."""

        def make(moment: Moment, place: int, reply: RawItem | None) -> Entry:
            return DelayedListEntry(partial(entry_of, moment, place), reply, place)

        seen: delayed_windows.Page = yield from delayed_windows.page(
            self._keys, _position(start), size, max_bytes=LISTED_BYTES, make=make
        )
        return EntryPage(seen.jobs, seen.after)

    def layout(self, now: datetime) -> Layout:
        # Imported here: a page needs no tests.
        from qtop.systems.resque.entry_layouts import layout_of

        return layout_of(self.source, now)

    def before(self, page: JobPage, size: int) -> Steps[Hashable]:
        return self._before(_position(page.start), size)

    def last(self, page: JobPage, size: int) -> Steps[Hashable]:
        return self._before(Position(page.length), size)

    def _before(self, end: Position, size: int) -> Steps[Hashable]:
        start = yield from delayed_windows.before(self._keys, end, size)
        return None if start == Position() else start

    def read(self, jobs: Sequence[Job]) -> Steps[Sequence[Job | None]]:
        found: list[Job | None] = []
        for job in jobs:
            if not job.item.is_cut or job.due is None:
                found.append(job)
                continue
            # From the end of the list: a scheduler takes jobs at its front.
            place = (job.place or 0) - job.due.jobs
            key = self._keys.delayed(job.due.stamp)
            raw: bytes | None = yield windows.find(key, job.id, place)
            if raw is None:
                found.append(None)
            else:
                found.append(delayed_item(windows.whole(raw), job.due, job.ref, job.place))
        return found

    def refs(self) -> DelayedRefs:
        return DelayedRefs()

    def walk(self, since: Extent | None = None) -> DelayedWalk:
        """Through all of them, whatever was there before."""
        return DelayedWalk(self._keys)

    def payload(self, job: Job) -> tuple[str, bytes] | str:
        return "a delayed job has no payload before it is due"


def _position(cursor: Hashable) -> Position:
    assert cursor is None or isinstance(cursor, Position)  # noqa: S101  as made here
    return cursor or Position()


def job_list(keys: Keys, source: JobSource, *, newest_first: bool | None = None) -> JobList:
    """A list of a namespace. `newest_first` is as for `ResqueList`."""
    if source.kind == "delayed":
        return DelayedList(keys)
    return ResqueList(keys, source, newest_first=newest_first)


# Jobs under keys that no index leads to, and the copies that are kept of some.

_STRAYS_AT_ONCE: Final = 250


def stray_jobs(stray: Stray, now: datetime, visit: Callable[[StrayJob], bool]) -> Steps[bool]:
    # Imported here: other lists do without it.
    from qtop.model.health import StrayJob

    if stray.kind == "retry":
        raw: bytes = yield single(("GETRANGE", stray.key, 0, LISTED_BYTES - 1), bytes)
        how = "last failure, tried again"
        return visit(StrayJob(f"retry {stray.name}", how, _copied_job(raw)))
    for first in range(0, stray.jobs, _STRAYS_AT_ONCE):
        last = first + _STRAYS_AT_ONCE - 1
        seen: Window = yield windows.window(stray.key, first, last, max_bytes=LISTED_BYTES)
        for item in seen.items:
            if stray.kind == "delayed":
                how, job = _stray_delayed(stray.name, item, now)
                found = StrayJob(f"{stray.kind}:{stray.name}", how, job)
            elif item.raw.startswith(b"{"):
                found = StrayJob(f"undo {stray.name}", "kept for an undo", _copied_job(item.raw))
            else:
                # It says how to put the others back.
                continue
            if not visit(found):
                return False
    return True


def _stray_delayed(stamp: str, item: Item, now: datetime) -> tuple[str, Job]:
    try:
        due_s = float(stamp) - now.timestamp()
    except ValueError:
        due_s = 0.0
    due = f"due in {ago(due_s)}" if due_s > 0 else "due"
    job = delayed_item(item, DueTime(now.timestamp() + due_s, stamp, 1), None, None)
    return f"{due}, not in the schedule", job


def _copied_job(raw: bytes) -> Job:
    item = windows.whole(raw)
    job = failed_job(item, 0)
    is_failure = job.exception is not None or job.failed_at is not None
    return job if is_failure else waiting_job(item, 0, "")
