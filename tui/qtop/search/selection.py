"""What commands and the console look for in a list of jobs, and what an action is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from qtop.model.job import Job
from qtop.model.job_list import Entry, JobList, JobPage, Outline, Refs, Walk
from qtop.search.fields import Subject, of_job
from qtop.search.filter_language import Filter
from qtop.text.format import job_class
from qtop.text.safe import safe
from queuecore import bulk
from queuecore.bulk import READ_ITEMS
from queuecore.exchange import Exchange, Operation, Steps, steps_of
from queuecore.values import value

#: The first window is as small as if all items were long; later ones carry about so much.
_FIRST_ITEMS: Final = 60
_FEWEST_ITEMS: Final = 20
_WINDOW_BYTES: Final = 4 << 20
#: A filter looks into an item up to here.
_LOOKED_INTO_BYTES: Final = 8 << 20


@value
class Hit:
    """A job that was selected, and as filters see it."""

    job: Job
    subject: Subject


@dataclass(frozen=True, slots=True)
class Scanned:
    """How a scan went: how long the list was, how many matched, how many did not of which only the
    beginning was looked at, for their size, and whether it stopped because there were enough."""

    length: int
    matched: int
    too_large: int
    is_partial: bool = False


def scan(
    jobs: JobList,
    wanted: Filter,
    now: datetime,
    each: Callable[[Hit], object],
    *,
    limit: int = 0,
    whole: bool = False,
) -> Steps[Scanned]:
    """Hand every job that matches to `each`, in the order in which the list is listed.

    Args:
        limit: Stop after so many; 0 is all.
        whole: Hand over also items over 64 KiB whole, whatever their size.

    A round trip for each 4 MB of items, 1,000 at most, and one for each long one; no more is kept
    than that and one whole item. Items that arrive during the scan are not seen.
    """
    outline: Outline = yield from steps_of(jobs.outline())
    length, start = outline.length, outline.start
    most = min(READ_ITEMS, limit) if limit and wanted.is_empty else READ_ITEMS
    size = min(most, _FIRST_ITEMS)
    done = matched = too_large = 0
    while done < length:
        # How far it is: no round trip.
        yield Exchange((), lambda _: None, progress=(done, length))
        seen: JobPage = yield from steps_of(jobs.page(start, min(size, length - done)))
        if seen.is_gone:
            # The list has become shorter than that: this is its last page, which was shown before.
            break
        for job in seen.jobs:
            is_small = job.item.size <= _LOOKED_INTO_BYTES
            if job.item.is_cut and (whole or (is_small and not wanted.is_empty)):
                [read] = yield from steps_of(jobs.read([job]))
                job = read or job
            subject = of_job(job, now)
            if wanted.matches(subject):
                matched += 1
                each(Hit(job, subject))
            else:
                too_large += job.item.is_cut
            if limit and matched >= limit:
                seen_all = done + len(seen.jobs) >= length
                is_partial = not seen_all or matched < length
                return Scanned(length, matched, too_large, is_partial)
        done += size
        size, start = _size(seen, most), seen.after
        if start is None:
            break
    return Scanned(length, matched, too_large)


def through(way: Walk, visit: Callable[[Entry], bool]) -> Steps[bool]:
    """Show the entries of a walk to `visit`, until it returns False; returns whether it never did.
    Costs what the walk costs."""
    while (window := way.window()) is not None:
        entries = yield from steps_of(window)
        if not all(map(visit, entries)):
            return False
    return True


def _size(seen: JobPage, most: int) -> int:
    """How many items to read next: about as many bytes each time, whatever their size."""
    size = sum(len(job.item.raw) for job in seen.jobs)
    each_bytes = max(1, size // max(1, len(seen.jobs)))
    return max(min(_FEWEST_ITEMS, most), min(most, _WINDOW_BYTES // each_bytes))


# The items that an action is about, with figures.

_LISTED: Final = 8
#: Names that are counted each by itself.
_MOST_NAMES: Final = 1_000
_OTHERS: Final = "(others)"


class Chooser(Protocol):
    """Collects what a walk through a list finds, for an action to come."""

    def take(self, job: Job) -> bool:
        """Take in one job. Returns False when there is no room for it: an action takes no more."""

    def settle(self) -> Operation[Selection]:
        """What was chosen, without what is to be left out."""


#: Says for an item's bytes why an action will refuse it; None when it will not.
RefusalCheck = Callable[[bytes], str | None]


def nothing_refused(raw: bytes) -> str | None:
    return None


@dataclass(slots=True)
class Selection:
    """What would be touched. Bounded but for `marks`.

    Attributes:
        marks: What names the jobs to their list.
        refusals: Why some cannot be touched, and how many for each reason.
        spared: How many match and are left out.
        too_large: How many the filter did not look into.
        unusable: How many were given that are no job: what could not be read in place of some.
        is_cut: There are more than one action takes.
        oldest, newest: When the first and the last of them failed.
        first_due, last_due: When the first and the last of them are due (epoch).
    """

    marks: Refs = field(default_factory=bulk.JobRefs)
    classes: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    spared: int = 0
    too_large: int = 0
    unusable: int = 0
    is_cut: bool = False
    oldest: datetime | None = None
    newest: datetime | None = None
    first_due: float | None = None
    last_due: float | None = None

    @property
    def size_bytes(self) -> int:
        return self.marks.size_bytes

    def add(self, job: Job, refusal: str | None = None) -> None:
        if job.ref is None:
            self.unusable += 1
            return
        self.marks.add(job.ref, job.item.size)
        name = job.unwrapped[0]
        is_known = job.problem is None or name is not None
        unknown = "(large)" if job.item.is_cut and job.due is None else "unreadable"
        _count(self.classes, job_class(name, None) if is_known else unknown)
        if job.queue is not None:
            _count(self.queues, job.queue)
        if refusal is not None:
            _count(self.refusals, refusal)
        self.retried += job.is_retried is True
        failed_at = job.failed_at
        if failed_at is not None:
            self.oldest = min(self.oldest or failed_at, failed_at)
            self.newest = max(self.newest or failed_at, failed_at)
        if job.due is not None:
            at = job.due.at
            self.first_due = at if self.first_due is None else min(self.first_due, at)
            self.last_due = at if self.last_due is None else max(self.last_due, at)

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


def chosen_of(
    jobs_of: JobList,
    jobs: Iterable[Job],
    refusal: RefusalCheck = nothing_refused,
) -> Selection:
    """Jobs of a list that were pointed at, in figures. `refusal` says for the bytes of one why an
    action will refuse it."""
    chosen = Selection(jobs_of.refs())
    for job in jobs:
        chosen.add(job, None if job.item.is_cut else refusal(job.item.raw))
    return chosen


def _count(counts: Counter[str], name: str) -> None:
    counts[name if name in counts or len(counts) < _MOST_NAMES else _OTHERS] += 1


def _top(counts: Counter[str]) -> str:
    shown = [f"{safe(name)} {number:,}" for name, number in counts.most_common(_LISTED)]
    more = f", and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else ""
    return ", ".join(shown) + more
