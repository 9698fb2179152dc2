"""What the console's keys would do to waiting jobs, to items set aside, and to a whole queue; see
`plans`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from qtop.search.fields import Subject, of_waiting
from qtop.search.filter_language import Filter
from qtop.search.selection import Hit, JobSource, Selection
from qtop.text.format import short_json
from qtop.text.safe import safe
from queuecore import windows
from queuecore.active_job import unwrapped
from queuecore.exchange import Steps
from queuecore.windows import Item, Window, read_item
from resque.codec import Payload, decode_payload

# Finding waiting jobs, or items set aside, in a list of any length: those that match a filter.

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


# Waiting jobs, and items set aside, as rows.

#: What a row of a search keeps of its job's bytes.
_KEPT_BYTES: Final = 1_000
#: How far from its place a job is looked for when it is not near it.
_FAR: Final = 5_000


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job. `place` 0 is next; `key` tells it from others with the same bytes. Class and arguments
    are those inside ActiveJob's wrapper; `args` is a safe text, `problem` why there are none."""

    key: tuple[str, int]
    place: int
    item: Item
    class_name: str | None
    args: str
    problem: str | None
    is_large: bool = False


def source_of(queue: str, *, is_set_aside: bool) -> JobSource:
    """The list: the jobs that wait in a queue, or what was set aside from it."""
    return JobSource("unreadable" if is_set_aside else "queue", queue)


def read(item: Item, place: int, nth: int = 0) -> JobRow:
    """A job as it was listed, whole or cut. O(bytes)."""
    payload = decode_payload(item.raw)
    key = (item.sha, nth)
    if isinstance(payload, Payload) and not item.is_cut:
        name, args = unwrapped(payload.class_name, payload.args)
        return JobRow(key, place, item, name, short_json(args), None)
    if item.is_cut:
        text = safe(item.raw[:_KEPT_BYTES])
        return JobRow(key, place, item, None, text, "too large to list", is_large=True)
    reason = "" if isinstance(payload, Payload) else payload.reason
    return JobRow(key, place, item, None, safe(reason), reason)


def rows_of(window: Window, start: int) -> list[JobRow]:
    """The rows of a window whose first item is at place `start`. O(bytes)."""
    return numbered(read(item, start + offset) for offset, item in enumerate(window.items))


def numbered(rows: Iterable[JobRow]) -> list[JobRow]:
    """The same rows; those with equal bytes get different keys. O(rows)."""
    seen: Counter[str] = Counter()
    told: list[JobRow] = []
    for row in rows:
        sha, nth = row.item.sha, seen[row.item.sha]
        seen[sha] += 1
        told.append(row if row.key[1] == nth else replace(row, key=(sha, nth)))
    return told


def slim(hit: Hit) -> JobRow:
    """What a row shows of a job that was found; the rest is fetched when it is opened. O(bytes)."""
    item, job = hit.item, hit.subject
    kept = Item(item.raw[:_KEPT_BYTES], item.size, item.sha)
    if not job.is_readable:
        return replace(read(item, hit.place), item=kept)
    return JobRow((item.sha, 0), hit.place, kept, job.class_name, short_json(job.args), None)


def shifted(before: Sequence[JobRow], window: Window) -> int:
    """How many of the rows of a window have left at its front since it was read before. 0 when
    that cannot be told."""
    if not before or not window.items:
        return 0
    first = window.items[0].sha
    return next((at for at, row in enumerate(before) if row.item.sha == first), 0)


def fetch(key: bytes, row: JobRow) -> Steps[bytes | None]:
    """The whole bytes of a job of the list `key`; None when it is gone, or very far from where it
    was seen. One round trip, a second one where many jobs have left before it."""
    if not row.item.is_cut:
        return row.item.raw
    raw: bytes | None = yield windows.find(key, row.item.sha, row.place)
    if raw is None:
        raw = yield windows.find(key, row.item.sha, row.place, reach=_FAR)
    return raw
