"""The jobs of a queue, the next first. Sidekiq pushes at the head of the list and takes from its
end, so the next job is the last item; lists of jobs that a process holds are ordered alike.

A place is counted from the next job (0), as the list is shown: what is pushed meanwhile does not
change it, what is taken does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from queuecore import windows
from queuecore.exchange import Exchange, Steps
from queuecore.values import value
from queuecore.windows import Item, Stretch, read_item
from sidekiq.codec import JobRecord, read_ends, read_job

#: Of longer jobs only the beginning is listed.
LISTED_BYTES: Final = 65_536


@value
class WaitingJob:
    """One job as it was seen in a queue, or in a list that a process holds. `place` counts from the
    next job, which is 0."""

    item: Item
    place: int

    @property
    def index(self) -> int:
        """Its place as Redis counts from the end of the list: -1 is the next job."""
        return -1 - self.place

    @property
    def record(self) -> JobRecord:
        """The job, read at each call; of one that is cut what its beginning tells. Never raises.
        O(bytes)."""
        item = self.item
        return read_ends(item.raw, b"", item.size) if item.is_cut else read_job(item.raw)


def stretch(
    key: bytes, first: int, last: int, *, max_bytes: int = LISTED_BYTES
) -> Exchange[Stretch]:
    """The jobs at places `first` to `last` of a list, the next first; negative places count from
    the newest, which is -1. One round trip, O(stretch). As `windows.stretch` of the list turned
    round: what walks a list with that can walk a queue with this."""
    seen = windows.stretch(key, -1 - last, -1 - first, max_bytes=max_bytes)
    return seen.then(lambda found: Stretch(found.length, found.replies[::-1]))


@value
class WaitingPage:
    """Some jobs of a queue, the next first.

    Attributes:
        first: The place of the first of them.
        length: How many jobs the queue has.
        is_gone: None of the jobs that it was to go on after is there any more: they were taken, and
            these are the next ones.
    """

    jobs: tuple[WaitingJob, ...]
    first: int
    length: int
    is_gone: bool = False


def page(
    key: bytes,
    after: Sequence[WaitingJob],
    size: int,
    *,
    max_bytes: int = LISTED_BYTES,
) -> Steps[WaitingPage]:
    """Read the `size` jobs after some that were listed one after the other, those of the page
    before; the first ones where there are none. Where jobs have left meanwhile, it goes on after
    the last of them that is still there. One round trip, or two; O(jobs)."""
    if not after:
        seen: Stretch = yield stretch(key, 0, size - 1, max_bytes=max_bytes)
        return _page(seen, 0, 0, size)
    # What was taken moves the others to the front.
    begin = max(0, after[-1].place - len(after))
    seen = yield stretch(key, begin, after[-1].place + size, max_bytes=max_bytes)
    at = _after_known(seen, begin, after)
    if at is None and begin:
        # More were taken than that.
        begin = 0
        seen = yield stretch(key, 0, len(after) + size - 1, max_bytes=max_bytes)
        at = _after_known(seen, begin, after)
    if at is None:
        return _page(seen, begin, 0, size, is_gone=True)
    if at + size > len(seen.replies) < seen.length - begin:
        begin, at = begin + at, 0
        seen = yield stretch(key, begin, begin + size - 1, max_bytes=max_bytes)
    return _page(seen, begin, at, size)


def _after_known(seen: Stretch, begin: int, after: Sequence[WaitingJob]) -> int | None:
    """Where in a stretch the jobs begin that come after the last known one; None without any."""
    shas = [read_item(each).sha for each in seen.replies]

    def fits(at: int, many: int) -> tuple[int, int]:
        # Jobs are often equal byte for byte: those before it tell which one it is.
        known = (each.item.sha for each in reversed(after[:many]))
        pairs = zip(known, reversed(shas[: at + 1]), strict=False)
        same = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        return same, -abs(begin + at - after[many - 1].place)

    for many in range(len(after), 0, -1):
        sha = after[many - 1].item.sha
        places = [at for at, each in enumerate(shas) if each == sha]
        if places:
            return 1 + max((fits(at, many), at) for at in places)[1]
    return None


def _page(seen: Stretch, begin: int, at: int, size: int, *, is_gone: bool = False) -> WaitingPage:
    first = begin + at
    jobs = tuple(
        WaitingJob(read_item(reply), place)
        for place, reply in enumerate(seen.replies[at : at + size], first)
    )
    return WaitingPage(jobs, first, seen.length, is_gone)


def read_whole(key: bytes, job: WaitingJob, *, reach: int = 200) -> Exchange[WaitingJob | None]:
    """The same job with all its bytes, looked for within `reach` places; None where it is not
    there. One round trip, none for one that is not cut; O(bytes looked at)."""
    if not job.item.is_cut:
        return Exchange((), lambda _: job)
    found = windows.find(key, job.item.sha, job.index, reach=reach)
    return found.then(
        lambda raw: None if raw is None else WaitingJob(windows.whole(raw), job.place)
    )
