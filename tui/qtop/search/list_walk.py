"""Reads a whole list, in windows: from its newest item to its oldest, or as it is listed.

The list may change meanwhile. Items that are added are not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from qtop.model.job_list import LISTED_BYTES
from qtop.search.byte_tests import ByteTest, byte_test, entry_test
from qtop.search.fields import of_job
from queuecore import windows
from queuecore.bulk import READ_ITEMS
from queuecore.exchange import Exchange, Steps, steps_of
from queuecore.values import value
from queuecore.windows import Extent, RawItem, Stretch, read_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from qtop.model.job import Job
    from qtop.model.job_list import Entry, EntryPage, JobList, Outline, Walk
    from qtop.model.layout import Layout, Layouts
    from qtop.model.placed import UnreadPart
    from qtop.search.filter_language import Filter

#: The first window is small: a person waits for it.
_FIRST_ITEMS: Final = 250
#: Later ones carry about so much. Reaching the middle of a list takes Redis as long as carrying it.
_WINDOW_BYTES: Final = 512 << 10
_MOST_ITEMS: Final = 4_000
_FEWEST_ITEMS: Final = 20
#: So many windows further on the last one is looked for, where none of it is in the next one.
_FARTHER: Final = 20


class Fresh:
    """Some items of a list, in its order, as entries with the newest first, each of which is made
    when it is met: an iterator.

    Args:
        replies: The items.
        place: That of the first one.
        entry: Makes an entry of an item and its place.
    """

    def __init__(
        self, replies: list[RawItem], place: int, entry: Callable[[RawItem, int], Entry]
    ) -> None:
        self._replies, self._place, self._entry = replies, place, entry
        self._left = len(replies)

    def __iter__(self) -> Fresh:
        return self

    def __next__(self) -> Entry:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._entry(self._replies[self._left], self._place + self._left)

    def that_may_match(self, test: ByteTest) -> Iterator[Entry]:
        """Those of them that are left, without those that the test refuses."""
        replies, place, entry = self._replies[: self._left], self._place, self._entry
        self._left = 0
        replies.reverse()
        last = place + len(replies) - 1
        raws = [each if type(each) is bytes else None for each in replies]
        return (entry(replies[at], last - at) for at in test.sieve(raws))


class ListWalk:
    """One way through a list of Redis, from its newest item to its oldest: see `Walk`.

    Items that are removed move those behind them: the last item of the window before is read again
    with each window, and shows how far; where it is gone itself, those that were seen before it do.
    Where none of them is in a window, because so many left before them, they are looked for in the
    windows that follow.

    Args:
        key: The list.
        entry: Makes an entry of an item and its place.
        since: What was there before is not looked at, if the list is still the one it was.
        stretch: Reads a part of the list: in its order, or turned round, where the newest is first.
    """

    def __init__(
        self,
        key: bytes,
        entry: Callable[[RawItem, int], Entry],
        since: Extent | None = None,
        stretch: Callable[..., Exchange[Stretch]] = windows.stretch,
    ) -> None:
        self._stretch = partial(stretch, key, max_bytes=LISTED_BYTES)
        self._entry = entry
        self._floor = 0 if since is None else since.length
        self._floor_anchor = None if since is None else since.last
        # The anchor is read as well, to see whether it is still there.
        self._lowest = self._floor - (self._floor_anchor is not None)
        self._asked_to = 0
        #: How many were removed since the walk began, before those that were seen.
        self._removed = 0
        #: Where that item was which was seen last; in how many windows it may be looked for.
        self._seen_from, self._farther, self._is_lost = 0, _FARTHER, False
        #: The window before: its first item was seen last.
        self._before: Sequence[RawItem] = ()
        self._page = _FIRST_ITEMS
        self.extent = Extent(0, None)
        self.unread: tuple[UnreadPart, ...] = ()
        self.length: int | None = None
        self.is_broken = False
        self.took_us: int | None = None

    @property
    def done(self) -> int:
        return 0 if self.length is None else self.length - self._asked_to

    def window(self) -> Exchange[Iterator[Entry]] | None:
        if self.length is None:
            return self._stretch(-self._page, -1).then(self._newest)
        end = self._asked_to
        if end <= self._lowest:
            return None
        first = self._asked_to = max(self._lowest, end - self._page)
        # One more at the end, which was seen before: where it is now says what has moved.
        return self._stretch(first, end).then(partial(self._older, first))

    def _newest(self, seen: Stretch) -> Iterator[Entry]:
        replies = seen.replies
        self.length, first = seen.length, seen.length - len(replies)
        self.extent = Extent(seen.length, read_item(replies[-1]).sha if replies else None)
        self._asked_to = max(first, self._lowest)
        self.is_broken = seen.length < self._floor
        return self._entries(seen, first, len(replies))

    def _older(self, first: int, seen: Stretch) -> Iterator[Entry]:
        fresh = self._fresh(first, seen)
        return iter(()) if fresh is None else self._entries(seen, first, fresh)

    def _entries(self, seen: Stretch, first: int, fresh: int) -> Iterator[Entry]:
        """The first `fresh` items of a window, newest first."""
        replies = seen.replies
        self._seen_from = first
        if replies:
            self._before = replies
            self._measure(seen)
        if first <= self._lowest and self._floor_anchor is not None:
            self._check_floor(seen, first)
        begin = max(0, self._floor - first)
        return Fresh(list(replies[begin:fresh]), first + self._removed + begin, self._entry)

    def _fresh(self, first: int, seen: Stretch) -> int | None:
        """How many items of a window come before the one that was seen last; None where that is not
        known before another one was read."""
        replies, expected = seen.replies, self._seen_from - first
        if self._is_lost:
            self._is_lost = False
            return min(expected, len(replies))
        if replies[expected : expected + 1] == self._before[:1]:
            return expected
        # What was removed moved them, or it is gone itself.
        places = {_known_by(each): at for at, each in enumerate(replies[: expected + 1])}
        for gone, each in enumerate(self._before):
            at = places.get(_known_by(each))
            # Else those before it may be not gone, but further on, if there is more.
            if at is not None and (at >= gone or first <= self._lowest):
                self._removed += expected - at
                self._farther = _FARTHER
                return at
        if first > self._lowest and self._farther:
            self._farther -= 1
            self._asked_to = max(self._lowest, min(first, seen.length))
        else:
            # Then from there on, as if nothing had moved.
            self.is_broken = self._is_lost = True
            self._asked_to = self._seen_from
        return None

    def _measure(self, seen: Stretch) -> None:
        whole = [each for each in seen.replies if type(each) is bytes]
        cut = len(seen.replies) - len(whole)
        each_bytes = max(1, (sum(map(len, whole)) + cut * LISTED_BYTES) // len(seen.replies))
        self._page = max(_FEWEST_ITEMS, min(_MOST_ITEMS, _WINDOW_BYTES // each_bytes))

    def _check_floor(self, seen: Stretch, first: int) -> None:
        before = self._floor - 1 - first
        is_there = 0 <= before < len(seen.replies)
        if not is_there or read_item(seen.replies[before]).sha != self._floor_anchor:
            self.is_broken = True


def _known_by(reply: RawItem) -> bytes | str:
    """What distinguishes an item from others: its bytes, or the SHA-1 of those that were cut."""
    return reply if isinstance(reply, bytes) else read_item(reply).sha


# As a list is listed: for the commands.

#: The first window is as small as if all items were long; later ones carry about so much.
_FIRST_LISTED: Final = 60
#: A filter looks into an item up to here.
_LOOKED_INTO_BYTES: Final = 8 << 20


@value
class Scanned:
    """How a scan went: how long the list was, how many did not match of which only the beginning
    was looked at, for their size, whether it stopped because there were enough, and whether others
    changed the list so much meanwhile that some may have been missed, or met twice."""

    length: int
    too_large: int
    is_partial: bool = False
    is_broken: bool = False


def scan(
    jobs: JobList,
    wanted: Filter,
    now: datetime,
    each: Callable[[Job], object],
    *,
    limit: int = 0,
    whole: bool = False,
) -> Steps[Scanned]:
    """Hand every job that matches to `each`, in the order in which the list is listed.

    Args:
        limit: Stop after so many; 0 is all.
        whole: Hand over also items over 64 KiB whole, whatever their size.

    A round trip for each 512 KB of items, 1,000 at most, and one for each long one; no more is kept
    than twice that and one whole item: the next ones are asked for before these are looked into.
    Items that arrive during the scan are not seen.
    """
    outline: Outline = yield from steps_of(jobs.outline())
    length, start = outline.length, outline.start
    most = min(READ_ITEMS, limit) if limit and wanted.is_empty else READ_ITEMS
    size = min(most, _FIRST_LISTED)
    sifted, moment = _sifter(wanted, jobs.layout(now)), now if wanted.asks_times else None
    done = matched = too_large = 0
    window = jobs.entries(start, min(size, length))
    while done < length:
        seen: EntryPage = yield from steps_of(window)
        entries, ahead = seen.entries, None
        begun, done, size = done, done + size, _size(entries, most)
        if seen.after is None:
            done = length
        if done < length:
            window = jobs.entries(seen.after, min(size, length - done))
            is_enough = wanted.is_empty and 0 < limit <= matched + len(entries)
            ahead = window if isinstance(window, Exchange) and not is_enough else None
        # How far it is, and what comes next: no round trip.
        yield Exchange((), lambda _: None, progress=(begun, length), ahead=ahead)
        for entry in sifted(entries):
            job = entry.job
            if job.item.is_cut:
                job = yield from _looked_into(jobs, job, wanted, whole=whole)
            if wanted.matches(of_job(job, moment)):
                matched += 1
                each(job)
            else:
                too_large += job.item.is_cut
            if limit and matched >= limit:
                is_partial = begun + len(entries) < length or matched < length
                return Scanned(length, too_large, is_partial)
    return Scanned(length, too_large)


def choose(
    jobs: JobList,
    wanted: Filter,
    now: datetime,
    take: Callable[[Job, Any], object],
    *,
    whole: bool = False,
) -> Steps[Scanned]:
    """Hand every job of a list that matches to `take`, with the `value` of its entry, the newest
    first, for an action on them.

    As `scan`, but others may remove items anywhere meanwhile: a job that they moved is met once, as
    long as fewer leave between two round trips than one of them reads. Costs as the walk of the
    list.
    """
    sifted, moment = _sifter(wanted, jobs.layout(now)), now if wanted.asks_times else None
    way = jobs.walk()
    too_large = 0
    window = way.window()
    while window is not None:
        entries: Iterator[Entry] = yield from steps_of(window)
        done, window = way.done, way.window()
        ahead = window if isinstance(window, Exchange) else None
        # How far it is, and what comes next: no round trip.
        yield Exchange((), lambda _: None, progress=(done, way.length or 0), ahead=ahead)
        for entry in sifted(entries):
            job = entry.job
            if job.item.is_cut:
                job = yield from _looked_into(jobs, job, wanted, whole=whole)
            if wanted.matches(of_job(job, moment)):
                take(job, entry.value)
            else:
                too_large += job.item.is_cut
    return Scanned(way.length or 0, too_large, is_broken=way.is_broken)


def _sifter(
    wanted: Filter, layout: Layout | Layouts | None
) -> Callable[[Iterable[Entry]], Iterable[Entry]]:
    """Leaves out the entries that a test on their bytes refuses; of a list of several places each
    by its own layout."""
    if isinstance(layout, Mapping):
        return partial(filter, entry_test(wanted, layout))
    return partial(_that_may_match, test=byte_test(wanted, layout))


def _that_may_match(entries: Iterable[Entry], test: ByteTest | None) -> Iterable[Entry]:
    """The entries without those that a test on their bytes refuses."""
    if test is None:
        return entries
    if isinstance(entries, Fresh):
        return entries.that_may_match(test)
    met = list(entries)
    return (met[at] for at in test.sieve([each.raw for each in met]))


def _looked_into(jobs: JobList, job: Job, wanted: Filter, *, whole: bool = False) -> Steps[Job]:
    """A job of which only the beginning was read: with all of its bytes, where they are needed and
    it is still there. A round trip then."""
    is_small = job.item.size <= _LOOKED_INTO_BYTES
    if whole or (is_small and not wanted.is_empty):
        [read] = yield from steps_of(jobs.read([job]))
        return read or job
    return job


def through(way: Walk, visit: Callable[[Entry], bool]) -> Steps[bool]:
    """Show the entries of a walk to `visit`, until it returns False; returns whether it never did.
    Costs what the walk costs."""
    while (window := way.window()) is not None:
        entries = yield from steps_of(window)
        if not all(map(visit, entries)):
            return False
    return True


def _size(entries: Sequence[Entry], most: int) -> int:
    """How many items to read next: about as many bytes each time, whatever their size."""
    size = sum(LISTED_BYTES if each.raw is None else len(each.raw) for each in entries)
    each_bytes = max(1, size // max(1, len(entries)))
    return max(min(_FEWEST_ITEMS, most), min(most, _WINDOW_BYTES // each_bytes))
