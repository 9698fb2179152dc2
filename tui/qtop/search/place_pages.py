"""Pages of a list whose jobs are named by their places, and are taken at its front."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import count

from qtop.model.job import Job
from qtop.model.job_list import Entry, EntryPage, JobPage
from queuecore.exchange import Exchange, Steps
from queuecore.windows import Item, RawItem, Stretch, read_item

#: Reads the items at two places of a list and between them.
ReadStretch = Callable[[int, int], Exchange[Stretch]]


def place_of(cursor: Hashable) -> int:
    """Where a page begins, by its cursor."""
    assert cursor is None or isinstance(cursor, int)  # noqa: S101  as made here
    return cursor or 0


def known(start: Hashable) -> Exchange[Hashable]:
    """A cursor that is known without asking."""
    return Exchange((), lambda _: start)


def page_from_front(
    stretch: ReadStretch,
    job_of: Callable[[Item, int], Job],
    start: int,
    size: int,
    before: Sequence[Job],
) -> Steps[JobPage]:
    """The `size` jobs from a place on. Where jobs have left at the front, the page goes with those
    that it showed `before`. One round trip, or two; O(size)."""
    seen: Stretch = yield stretch(start, start + size - 1)
    if start and before and seen.replies:
        first = read_item(seen.replies[0]).sha
        if left := next((at for at, job in enumerate(before) if job.id == first), 0):
            start = max(0, start - left)
            seen = yield stretch(start, start + size - 1)
    is_gone = bool(start) and not seen.replies
    if is_gone:
        # The list has become shorter than that.
        start = max(0, seen.length - 1) // size * size
        seen = yield stretch(start, start + size - 1)
    end = start + len(seen.replies)
    after = end if start < end < seen.length else None
    jobs = tuple(job_of(read_item(reply), at) for at, reply in enumerate(seen.replies, start))
    return JobPage(jobs, start or None, after, start + 1, end, seen.length, is_gone)


def entries_from_front(
    stretch: ReadStretch, entry_of: Callable[[RawItem, int], Entry], start: int, size: int
) -> Exchange[EntryPage]:
    """The same jobs as entries. One round trip, O(size)."""

    def parse(seen: Stretch) -> EntryPage:
        end = start + len(seen.replies)
        entries = [entry_of(*each) for each in zip(seen.replies, count(start))]
        return EntryPage(entries, end if end < seen.length else None)

    return stretch(start, start + size - 1).then(parse)
