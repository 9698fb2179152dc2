"""Which jobs of a list are wanted; those that were found: some listed, all counted, also by class;
and those that an action is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

from qtop.model.job import GroupKey, Job, JobSource
from qtop.model.job_list import Entry, JobList, Refs
from qtop.model.layout import Layout, Layouts
from qtop.model.placed import UnreadPart, own_job
from qtop.search.byte_tests import Sieve, byte_test, entry_test
from qtop.search.fields import of_job
from qtop.search.filter_language import Filter, term
from qtop.text.format import job_class
from qtop.text.safe import beginning, safe
from queuecore.bulk import JobRefs
from queuecore.exchange import Operation
from queuecore.values import replace
from queuecore.windows import Item

T = TypeVar("T", datetime, float)

_EVERYTHING: Final = Filter("")
_KEPT_CHARACTERS: Final = 300
#: Of arguments of failures: characters of each text, items of each list, levels of lists within.
_KEPT_OF_ARGUMENTS: Final = (80, 8, 2)
#: Of the bytes of a waiting or delayed job.
_KEPT_BYTES: Final = 1_000


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs: of one list, of some groups (None: of any), as a filter says. `but` turns the
    groups round: all but these, which is what "other" means."""

    source: JobSource
    filter: Filter = _EVERYTHING
    groups: frozenset[GroupKey] | None = None
    but: bool = False
    named: str = ""

    @property
    def is_everything(self) -> bool:
        return self.groups is None and self.filter.is_empty


class JobSearch:
    """Tells which entries are wanted. Those that are too large to be listed whole are not looked
    into: neither a filter nor its opposite matches them. `now` is the server's clock, `layout` that
    of the list: with it, jobs are made only of what may be wanted. `system` is what their system is
    called where there is only one."""

    def __init__(
        self,
        wanted: JobQuery,
        now: datetime,
        layout: Layout | Layouts | None = None,
        *,
        system: str = "",
    ) -> None:
        self.wanted = wanted
        self.now = now
        self._system = system
        self._moment = now if wanted.filter.asks_times else None
        self._may_match = entry_test(wanted.filter, layout)
        test = None if isinstance(layout, Mapping) else byte_test(wanted.filter, layout)
        #: Leaves out entries of which no job is wanted; None where their bytes do not tell, and in
        #: a list of several places.
        self.sieve: Sieve | None = None if test is None else test.sieve
        #: Entries that were too long to be looked into, where that would have mattered.
        self.too_large = 0

    def find(self, entry: Entry) -> Job | None:
        """The job of an entry, if it is wanted. Never raises. O(bytes)."""
        wanted = self.wanted
        if self._may_match is not None and not self._may_match(entry):
            return None
        if wanted.groups is not None:
            is_in = entry.group.fingerprint in wanted.groups
            if is_in is wanted.but:
                return None
        job = entry.job
        if wanted.filter.is_empty:
            return job
        self.too_large += job.item.is_cut
        is_wanted = wanted.filter.matches(of_job(job, self._moment, self._system))
        return job if is_wanted else None


class Matches:
    """The jobs that are wanted: some listed, all of them counted.

    Args:
        search: Tells which.
        most: So many are listed.
        last_first: List the last ones of the list, the last first; else the first ones.
        keep: What is kept of a job that is listed.
        classes: Counts them by class, too.
    """

    def __init__(
        self,
        search: JobSearch,
        most: int,
        *,
        last_first: bool,
        keep: Callable[[Job], Job] = lambda job: job,
        classes: ClassCounts | None = None,
    ) -> None:
        self.search = search
        self.classes = classes
        #: Those that are wanted, of those that were seen.
        self.count = self.seen = 0
        self.most = most
        #: Everything there is was looked at.
        self.is_complete = False
        self._last_first = last_first
        self._keep = keep
        self._kept: list[tuple[int, Job]] = []
        self._worst = 0

    @property
    def sieve(self) -> Sieve | None:
        """As `JobSearch.sieve`, which counts what it has seen."""
        sieve = self.search.sieve
        if sieve is None:
            return None

        def counting(raws: Sequence[bytes | None]) -> Sequence[int]:
            found = sieve(raws)
            self.seen += len(raws) - len(found)
            return found

        return counting

    def visit(self, entry: Entry) -> None:
        self.seen += 1
        job = self.search.find(entry)
        if job is None:
            return
        self.count += 1
        if self.classes is not None:
            self.classes.add(job)
        rank = -entry.place if self._last_first else entry.place
        if len(self._kept) >= self.most and rank > self._worst:
            return
        self._worst = max(self._worst, rank) if self._kept else rank
        self._kept.append((rank, self._keep(job)))
        # Not one by one: a walk may meet each before all others.
        if len(self._kept) >= 2 * self.most:
            self._trim()

    def listed(self) -> list[Job]:
        """Those that are listed, in their order. O(listed)."""
        self._trim()
        return [job for _, job in self._kept]

    @classmethod
    def joined(cls, parts: Sequence[Matches]) -> Matches:
        """What was found in several lists, as if it were one. O(listed)."""
        first = parts[0]
        found = cls(copy(first.search), first.most, last_first=first._last_first, keep=first._keep)
        found.search.too_large = sum(each.search.too_large for each in parts)
        found.count = sum(each.count for each in parts)
        found.seen = sum(each.seen for each in parts)
        found._kept = [pair for each in parts for pair in each._kept]
        found._trim()
        if first.classes is not None:
            found.classes = ClassCounts()
            for each in parts:
                found.classes.take_in(each.classes or ClassCounts())
        return found

    def _trim(self) -> None:
        self._kept.sort(key=lambda pair: pair[0])
        del self._kept[self.most :]
        self._worst = self._kept[-1][0] if self._kept else 0


def slim_failure(job: Job) -> Job:
    """What a row shows of a failure; the rest is read when it is opened. About 1 KB."""
    name, args = job.unwrapped
    error = job.error
    return replace(
        job,
        item=Item(b"", job.item.size, job.item.sha),
        class_name=name,
        args=beginning(args, *_KEPT_OF_ARGUMENTS),
        error=error if error is None else error[:_KEPT_CHARACTERS],
        backtrace=(),
    )


def slim_waiting(job: Job) -> Job:
    """What a row shows of a waiting job; the rest is read when it is opened."""
    if job.problem is not None and not job.item.is_cut:
        return job
    name, args = job.unwrapped
    kept = Item(job.item.raw[:_KEPT_BYTES], job.item.size, job.item.sha)
    return replace(job, item=kept, class_name=name, args=beginning(args), extra=None)


# Delayed jobs by class.

#: Classes that are counted each by itself.
MOST_CLASSES: Final = 2_000
_QUEUES_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class ClassRow:
    """All delayed jobs of one class. `name` is None for those without; `is_readable` is False for
    the row of those that cannot be read. Times are epochs."""

    name: str | None
    is_readable: bool
    count: int
    first_at: float
    last_at: float
    now_s: float
    queues: tuple[str, ...]

    def filter_text(self, beside: str) -> str:
        """The filter that lets only these jobs through, `beside` another one."""
        wanted = term("class", self.name or "") if self.is_readable else "readable:no"
        return f"{beside} {wanted}".strip()


@dataclass(slots=True)
class _Tally:
    first_at: float
    last_at: float
    count: int = 0
    queues: dict[str, None] = field(default_factory=dict)


class ClassCounts:
    """Counts delayed jobs by class. `has_more` says that there are more classes than are
    counted. Bounded memory."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str | None, bool], _Tally] = {}
        self.has_more = False

    def add(self, job: Job) -> None:
        key = (job.unwrapped[0], job.problem is None)
        at = 0.0 if job.due is None else job.due.at
        tally = self._tallies.get(key)
        if tally is None:
            if len(self._tallies) >= MOST_CLASSES:
                self.has_more = True
                return
            tally = self._tallies[key] = _Tally(at, at)
        tally.count += 1
        tally.first_at, tally.last_at = min(tally.first_at, at), max(tally.last_at, at)
        if job.queue is not None and len(tally.queues) < _QUEUES_KEPT:
            tally.queues[job.queue] = None

    def take_in(self, other: ClassCounts) -> None:
        """Add what another one counted. O(classes)."""
        self.has_more |= other.has_more
        for key, theirs in other._tallies.items():
            mine = self._tallies.get(key)
            if mine is None:
                if len(self._tallies) >= MOST_CLASSES:
                    self.has_more = True
                    continue
                mine = self._tallies[key] = _Tally(theirs.first_at, theirs.last_at)
            mine.count += theirs.count
            mine.first_at = min(mine.first_at, theirs.first_at)
            mine.last_at = max(mine.last_at, theirs.last_at)
            names = [*mine.queues, *theirs.queues]
            mine.queues = dict.fromkeys(names[:_QUEUES_KEPT])

    def rows(self, now: datetime) -> list[ClassRow]:
        rows = [
            ClassRow(*key, t.count, t.first_at, t.last_at, now.timestamp(), tuple(t.queues))
            for key, t in self._tallies.items()
        ]
        return sorted(rows, key=lambda row: (-row.count, row.name or ""))


# The items that an action is about, with figures.

_LISTED: Final = 8
#: Names that are counted each by itself.
_MOST_NAMES: Final = 1_000
_OTHERS: Final = "(others)"


class Chooser(Protocol):
    """Collects what a walk through a list finds, for an action to come."""

    def take(self, job: Job, value: Any = None) -> bool:
        """Take in one job, which its `Entry.value` may come with. Returns False when there is no
        room for it: an action takes no more."""

    def settle(self) -> Operation[Selection]:
        """What was chosen, without what is to be left out."""


#: Says for an item's bytes why an action will refuse it: a text. Else it is what the action will
#: make of them, for those who collect refs.
RefusalCheck = Callable[[bytes], object]


def nothing_refused(raw: bytes) -> None:
    return None


@dataclass(slots=True)
class Selection:
    """What would be touched. Bounded but for `refs`.

    Attributes:
        refs: What names the jobs to their list.
        refusals: Why some cannot be touched, and how many for each reason.
        cautions: What else hangs on some of them, and on how many.
        spared: How many match and are left out.
        too_large: How many the filter did not look into.
        unusable: How many were given that are no job: what could not be read in place of some.
        is_cut: There are more than one action takes.
        unread: The places whose part of the list could not be read: none of it was chosen.
        oldest, newest: When the first and the last of them failed.
        first_due, last_due: When the first and the last of them are due (epoch).
    """

    refs: Refs = field(default_factory=JobRefs)
    classes: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    cautions: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    spared: int = 0
    too_large: int = 0
    unusable: int = 0
    is_cut: bool = False
    unread: tuple[UnreadPart, ...] = ()
    oldest: datetime | None = None
    newest: datetime | None = None
    first_due: float | None = None
    last_due: float | None = None

    @property
    def size_bytes(self) -> int:
        return self.refs.size_bytes

    def add(self, job: Job, decided: object = None) -> None:
        """Take in a job. `decided` is what a `RefusalCheck` says of it, or what the refs keep of
        that."""
        if job.ref is None:
            self.unusable += 1
            return
        refusal = decided if isinstance(decided, str) else None
        self.refs.add(job.ref, job.item.size, decided if refusal is None else None)
        name, due = job.unwrapped[0], job.due
        if job.problem is None or name is not None:
            _count(self.classes, _class_label(name))
        else:
            _count(self.classes, "(large)" if job.item.is_cut and due is None else "unreadable")
        if job.queue is not None:
            _count(self.queues, job.queue)
        if refusal is not None:
            _count(self.refusals, refusal)
        for caution in job.cautions:
            _count(self.cautions, caution)
        self.retried += job.is_retried is True
        failed_at = job.failed_at
        if failed_at is not None:
            if self.oldest is None or failed_at < self.oldest:
                self.oldest = failed_at
            if self.newest is None or failed_at > self.newest:
                self.newest = failed_at
        if due is not None:
            at = due.at
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
    refs = jobs_of.refs()
    chosen = PlacedSelection(refs) if isinstance(refs, PlacedRefs) else Selection(refs)
    for job in jobs:
        check = None if job.item.is_cut else _check_for(refusal, job)
        decided = None if check is None else check(job.item.raw)
        chosen.add(job, decided if isinstance(decided, str) else None)
    return chosen


def _check_for(refusal: RefusalCheck, job: Job) -> RefusalCheck | None:
    return refusal.parts.get(job.system) if isinstance(refusal, PlacedRefusal) else refusal


# Most are of few classes.
@lru_cache(maxsize=_MOST_NAMES)
def _class_label(name: str | None) -> str:
    return job_class(name, None)


def _count(counts: Counter[str], name: str) -> None:
    counts[name if name in counts or len(counts) < _MOST_NAMES else _OTHERS] += 1


def _top(counts: Counter[str]) -> str:
    shown = [f"{safe(name)} {number:,}" for name, number in counts.most_common(_LISTED)]
    more = f", and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else ""
    return ", ".join(shown) + more


# Of several places: the jobs of each by themselves, and figures about all of them.


class PlacedRefs:
    """What names jobs of several places: see `Refs`. `parts` are those that were chosen of each
    place, by its label: they hold the refs."""

    def __init__(self, parts: Mapping[str, Selection]) -> None:
        self.parts = parts

    @property
    def size_bytes(self) -> int:
        """As of `Refs`."""
        return sum(part.size_bytes for part in self.parts.values())

    def add(self, ref: Any, size_bytes: int = 0, decided: Any = None) -> None:
        """Nothing: a part takes in its own."""

    def __len__(self) -> int:
        return sum(len(part.refs) for part in self.parts.values())


@dataclass(slots=True)
class PlacedSelection(Selection):
    """A selection of jobs of several places, whose refs are `PlacedRefs`."""

    def add(self, job: Job, decided: object = None) -> None:
        """As of every selection; the part of its place takes in the job, too."""
        refs = self.refs
        assert isinstance(refs, PlacedRefs)  # noqa: S101  as made here
        if job.system not in refs.parts:
            # Of a place that is not shown any more.
            self.unusable += 1
            return
        # Not `super()`: a dataclass with slots is another class than the one written here.
        Selection.add(self, job, decided)
        refs.parts[job.system].add(own_job(job), decided)


class PlacedRefusal:
    """Says for the bytes of jobs of several places why an action will refuse them: see
    `RefusalCheck`. `parts` say it for each place."""

    def __init__(self, parts: Mapping[str, RefusalCheck]) -> None:
        self.parts = parts

    def __call__(self, raw: bytes) -> None:
        """Nothing: bytes alone do not tell whose they are."""


def summed(parts: Mapping[str, Selection]) -> Selection:
    """The selections of several places as one, with the figures of all. O(classes and queues)."""
    chosen = PlacedSelection(PlacedRefs(parts))
    for part in parts.values():
        for mine, theirs in (
            (chosen.classes, part.classes),
            (chosen.queues, part.queues),
            (chosen.refusals, part.refusals),
            (chosen.cautions, part.cautions),
        ):
            mine.update(theirs)
        chosen.retried += part.retried
        chosen.spared += part.spared
        chosen.too_large += part.too_large
        chosen.unusable += part.unusable
        chosen.is_cut |= part.is_cut
    each = tuple(parts.values())
    chosen.oldest = _first(part.oldest for part in each)
    chosen.newest = _last(part.newest for part in each)
    chosen.first_due = _first(part.first_due for part in each)
    chosen.last_due = _last(part.last_due for part in each)
    return chosen


def _first(values: Iterable[T | None]) -> T | None:
    return min((each for each in values if each is not None), default=None)


def _last(values: Iterable[T | None]) -> T | None:
    return max((each for each in values if each is not None), default=None)
