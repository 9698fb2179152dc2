"""Which list of jobs (`JobSource`), the items that match there, and what an action is about
(`Selection`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from qtop.search.fields import Subject, of_failure, of_waiting
from qtop.search.filter_language import Filter
from qtop.search.list_walk import LISTED_BYTES
from qtop.text.format import job_class
from qtop.text.safe import safe
from queuecore import windows
from queuecore.bulk import READ_ITEMS, JobRef, JobRefs
from queuecore.exchange import Steps, single
from queuecore.values import value
from queuecore.windows import Item, Window
from resque.keys import Keys
from resque.store import failures
from resque.store.failures import FAILED, Failure

SourceKind = Literal["failed", "queue", "unreadable"]

#: The first window is as small as if all items were long; later ones carry about so much.
_FIRST_ITEMS: Final = 60
_FEWEST_ITEMS: Final = 20
_WINDOW_BYTES: Final = 4 << 20
#: A filter looks into an item up to here.
_LOOKED_INTO_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class JobSource:
    """A list of jobs. `name` is that of the list of failures, or of the queue."""

    kind: SourceKind
    name: str

    def key(self, keys: Keys) -> bytes:
        """The key of the list."""
        if self.kind == "failed":
            return failures.list_key(keys, self.name)
        return keys.queue(self.name) if self.kind == "queue" else keys.unreadable(self.name)

    @property
    def queue(self) -> str:
        """The name of the queue; empty for failures."""
        return "" if self.kind == "failed" else self.name

    @property
    def noun(self) -> str:
        """What is in it, in the singular."""
        return {"failed": "failed job", "queue": "waiting job", "unreadable": "item"}[self.kind]

    def __str__(self) -> str:
        """How it is written on the command line."""
        is_main = self.kind == "failed" and self.name == FAILED
        return self.kind if is_main else f"{self.kind}:{self.name}"


@value
class Hit:
    """An item that was selected. `failure` is None when it is none."""

    item: Item
    place: int
    subject: Subject
    failure: Failure | None = None

    @property
    def mark(self) -> JobRef:
        """What names it to actions."""
        return JobRef(self.place, self.item.sha)


@dataclass(frozen=True, slots=True)
class Scanned:
    """How a scan went: how long the list was, how many matched, how many did not of which only the
    beginning was looked at, for their size, and whether it stopped because there were enough."""

    length: int = 0
    matched: int = 0
    too_large: int = 0
    is_partial: bool = False


def scan(
    keys: Keys,
    source: JobSource,
    wanted: Filter,
    now: datetime,
    each: Callable[[Hit], None],
    *,
    limit: int = 0,
    from_head: bool = False,
    whole: bool = False,
) -> Steps[Scanned]:
    """Hand every item that matches to `each`, the last of the list first unless `from_head`.

    Args:
        limit: Stop after so many; 0 is all.
        whole: Hand over also items over 64 KiB whole, whatever their size.

    A round trip for each 4 MB of items, 1,000 at most, and one for each long one; no more is kept
    than that and one whole item. Items that arrive during the scan are not seen.
    """
    key = source.key(keys)
    length: int = yield single(("LLEN", key), int)
    found = Scanned(length)
    most = min(READ_ITEMS, limit) if limit and wanted.is_empty else READ_ITEMS
    page = min(most, _FIRST_ITEMS)
    done = 0
    while done < length:
        first, last = done, min(length, done + page) - 1
        if not from_head:
            first, last = length - 1 - last, length - 1 - first
        seen: Window = yield replace(
            windows.window(key, first, last, max_bytes=LISTED_BYTES), progress=(done, length)
        )
        places = range(len(seen.items)) if from_head else reversed(range(len(seen.items)))
        for offset in places:
            item, place = seen.items[offset], first + offset
            if item.is_cut and (whole or _is_looked_into(item, wanted)):
                raw: bytes | None = yield windows.find(key, item.sha, place)
                item = item if raw is None else windows.whole(raw)
            hit = hit_of(source, item, place, now)
            is_match = wanted.matches(hit.subject)
            large = found.too_large + (item.is_cut and not is_match)
            found = replace(found, matched=found.matched + is_match, too_large=large)
            if is_match:
                each(hit)
            if limit and found.matched >= limit:
                seen_all = done + len(seen.items) >= length
                return replace(found, is_partial=not seen_all or found.matched < length)
        done += page
        page = _page(seen, most)
    return found


def _page(seen: Window, most: int) -> int:
    """How many items to read next: about as many bytes each time, whatever their size."""
    size = sum(len(item.raw) for item in seen.items)
    each_bytes = max(1, size // max(1, len(seen.items)))
    return max(min(_FEWEST_ITEMS, most), min(most, _WINDOW_BYTES // each_bytes))


def _is_looked_into(item: Item, wanted: Filter) -> bool:
    return not wanted.is_empty and item.size <= _LOOKED_INTO_BYTES


def hit_of(source: JobSource, item: Item, place: int, now: datetime) -> Hit:
    """An item as filters see it."""
    if source.kind == "failed":
        failure = failures.read(item, place)
        return Hit(item, place, of_failure(failure, now), failure)
    return Hit(item, place, of_waiting(item, source.name))


# The items that an action is about, with figures.

_LISTED: Final = 8
#: Names that are counted each by itself.
_MOST_NAMES: Final = 1_000
_OTHERS: Final = "(others)"


@dataclass(slots=True)
class Selection:
    """What would be touched. `refusals` counts reasons why some cannot be; `spared` those that
    match and are left out; `too_large` those that the filter did not look into. Bounded: 28 bytes
    an item."""

    marks: JobRefs = field(default_factory=JobRefs)
    classes: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    spared: int = 0
    too_large: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    @property
    def size_bytes(self) -> int:
        """How large what would be touched is together."""
        return self.marks.size_bytes

    def add(self, hit: Hit, refusal: str | None = None) -> None:
        """Take in one item."""
        subject = hit.subject
        self.marks.add(hit.mark, hit.item.size)
        is_known = subject.is_readable or subject.class_name is not None
        unknown = "(large)" if hit.item.is_cut else "unreadable"
        _count(self.classes, job_class(subject.class_name, None) if is_known else unknown)
        if subject.queue is not None:
            _count(self.queues, subject.queue)
        if refusal is not None:
            _count(self.refusals, refusal)
        self.retried += subject.is_retried is True
        failed_at = hit.failure.failed_at if hit.failure is not None else None
        if failed_at is not None:
            self.oldest = min(self.oldest or failed_at, failed_at)
            self.newest = max(self.newest or failed_at, failed_at)

    @property
    def targets(self) -> list[str]:
        """The queues that were counted by their names."""
        return [name for name in self.queues if name != _OTHERS]

    def details(self, moment: Callable[[datetime | None], str]) -> list[str]:
        """The figures in lines of safe text; `moment` writes a time."""
        lines = [f"classes: {_top(self.classes)}"]
        if self.queues:
            lines.append(f"queues: {_top(self.queues)}")
        if self.oldest is not None:
            lines.append(f"failed: {moment(self.oldest)} to {moment(self.newest)}")
        if self.retried:
            lines.append(f"requeued before and kept: {self.retried:,}")
        lines += [f"refused {n:,}: {safe(reason)}" for reason, n in self.refusals.items()]
        return lines


def _count(counts: Counter[str], name: str) -> None:
    counts[name if name in counts or len(counts) < _MOST_NAMES else _OTHERS] += 1


def _top(counts: Counter[str]) -> str:
    shown = [f"{safe(name)} {number:,}" for name, number in counts.most_common(_LISTED)]
    more = f", and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else ""
    return ", ".join(shown) + more
