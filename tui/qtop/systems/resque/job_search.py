"""Finding waiting jobs, or items set aside, in a list of any length: those that match a filter."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from qtop.search.chosen import Selection
from qtop.search.fields import Subject, of_waiting
from qtop.search.filter_language import Filter
from qtop.search.list_walk import Walk
from qtop.search.selection import Hit, JobSource
from qtop.search.walker import Read, walk
from qtop.systems.resque.waiting import JobRow, numbered, slim
from queuecore.windows import read_item
from resque.keys import Keys

#: Matches that are listed, those nearest the head; all are counted.
MOST_LISTED: Final = 2_000


class JobSearch:
    """Tells which items of a list match. Those over 64 KiB are not looked into: neither a filter
    nor its opposite matches them."""

    def __init__(self, source: JobSource, wanted: Filter) -> None:
        self.source = source
        self.wanted = wanted
        #: Items that were too long to be looked into, where that would have mattered.
        self.too_large = 0

    def hit(self, reply: bytes | list[bytes | int], place: int) -> Hit | None:
        """An item as a stretch holds it, if it is wanted. Never raises. O(bytes)."""
        item = read_item(reply)
        hit = Hit(item, place, of_waiting(item, self.source.name))
        if self.wanted.is_empty:
            return hit
        self.too_large += item.is_cut
        return hit if self.wanted.matches(hit.subject) else None


class JobMatches:
    """The jobs that match: those nearest the head listed, all of them counted."""

    def __init__(self, search: JobSearch) -> None:
        self.search = search
        self.count = 0
        self._nearest: deque[JobRow] = deque(maxlen=MOST_LISTED)

    def visit(self, reply: bytes | list[bytes | int], place: int) -> None:
        """Look at an item. Memory: 2 KB each of the 2,000 that are listed."""
        hit = self.search.hit(reply, place)
        if hit is None:
            return
        self.count += 1
        nearest = self._nearest
        if not nearest or place < nearest[-1].place:
            nearest.append(slim(hit))
        elif len(nearest) < MOST_LISTED:
            # A newcomer, behind all others.
            nearest.appendleft(slim(hit))

    def listed(self) -> list[JobRow]:
        """The rows in the order of their places. O(listed)."""
        return numbered(sorted(self._nearest, key=lambda row: row.place))


async def choose(
    read: Read,
    keys: Keys,
    search: JobSearch,
    tell: Callable[[int, int], None],
    *,
    refusal: Callable[[bytes], str | None] = lambda raw: None,
) -> Selection:
    """Find all that matches, for an action to come: exactly what is in the list now. Raises
    StoreError. Costs a walk through the list, 28 bytes of memory for each match."""
    chosen = Selection()

    def visit(reply: bytes | list[bytes | int], place: int) -> None:
        hit = search.hit(reply, place)
        if hit is not None:
            chosen.add(hit, None if hit.item.is_cut else refusal(hit.item.raw))

    await walk(read, Walk(search.source.key(keys)), visit, tell)
    return chosen


def chosen_of(
    rows: Iterable[JobRow],
    source: JobSource,
    refusal: Callable[[bytes], str | None] = lambda raw: None,
) -> Selection:
    """Jobs that somebody pointed at, in figures."""
    chosen = Selection()
    for row in rows:
        subject = Subject(
            class_name=row.class_name, queue=source.name, is_readable=row.problem is None
        )
        chosen.add(
            Hit(row.item, row.place, subject),
            None if row.item.is_cut else refusal(row.item.raw),
        )
    return chosen
