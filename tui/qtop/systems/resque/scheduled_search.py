"""Looking through all delayed jobs: which match a filter, and how many there are of each class. It
goes on in the background, may be stopped, and keeps a bounded number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from qtop.search.fields import Subject, of_delayed, unlisted
from qtop.search.filter_language import Filter
from qtop.systems.resque.scheduled_rows import ClassRow
from queuecore.exchange import Steps
from resque.keys import Keys
from resque.scheduler import delayed_actions
from resque.scheduler.delayed_actions import DelayedRef
from resque.store import delayed_windows
from resque.store.delayed_windows import DelayedEntry

#: Matching jobs that are listed, and jobs that one action takes at most.
MOST_LISTED: Final = 1_000
MOST_CHOSEN: Final = 100_000
#: Classes that are told apart; jobs of further ones are counted together.
MOST_CLASSES: Final = 2_000
_QUEUES_KEPT: Final = 5
#: Longer jobs cannot be read here: neither a filter nor its opposite matches them.
_READ_BYTES: Final = 65_536


def subject(seen: DelayedEntry, now_s: float) -> Subject:
    """A delayed job as filters see it. `now_s` is the server's clock (epoch)."""
    if seen.job is None:
        return unlisted(seen.moment.stamp)
    return of_delayed(seen.job, seen.moment.at - now_s)


@dataclass(slots=True)
class _Tally:
    first_at: float
    last_at: float
    count: int = 0
    queues: dict[str, None] = field(default_factory=dict)


class DelayedSearch:
    """One run through all delayed jobs. `found` are the first that match, `matches` counts all of
    them, `seen` the jobs looked at, `done` of `moments` how far it is. `problem` says why it broke
    off, if it did."""

    def __init__(self, wanted: Filter, now_s: float) -> None:
        self.wanted = wanted
        self.now_s = now_s
        self.found: list[DelayedEntry] = []
        self.matches = self.seen = self.done = self.moments = 0
        self.is_over = self.is_stopped = self.has_more_classes = False
        self.problem: str | None = None
        self._classes: dict[tuple[str | None, bool], _Tally] = {}

    def run(self, keys: Keys) -> Steps[None]:
        """Go through them. Costs as `delayed_windows.walk`."""
        yield from delayed_windows.walk(keys, self._visit, max_bytes=_READ_BYTES)
        self.is_over = True

    def stop(self) -> None:
        """Look no further."""
        self.is_stopped = True

    def classes(self) -> list[ClassRow]:
        """The classes of the jobs that match, the most frequent first. O(classes)."""
        rows = [
            ClassRow(*key, t.count, t.first_at, t.last_at, self.now_s, tuple(t.queues))
            for key, t in self._classes.items()
        ]
        return sorted(rows, key=lambda row: (-row.count, row.name or ""))

    def _visit(self, jobs: Sequence[DelayedEntry], done: int, of: int) -> bool:
        self.seen += len(jobs)
        self.done, self.moments = done, of
        for each in jobs:
            as_subject = subject(each, self.now_s)
            if self.wanted.matches(as_subject):
                self.matches += 1
                if len(self.found) < MOST_LISTED:
                    self.found.append(each)
                self._count(as_subject, each.moment.at)
        return not self.is_stopped

    def _count(self, job: Subject, at: float) -> None:
        key = (job.class_name, job.is_readable)
        tally = self._classes.get(key)
        if tally is None:
            if len(self._classes) >= MOST_CLASSES:
                self.has_more_classes = True
                return
            tally = self._classes[key] = _Tally(at, at)
        tally.count += 1
        tally.first_at, tally.last_at = min(tally.first_at, at), max(tally.last_at, at)
        if job.queue is not None and len(tally.queues) < _QUEUES_KEPT:
            tally.queues[job.queue] = None


@dataclass(slots=True)
class DelayedSelection:
    """Delayed jobs that an action is to take, and what its question says of them. `is_cut` says
    that there are more than one action takes."""

    marks: list[DelayedRef] = field(default_factory=list)
    classes: Counter[str | None] = field(default_factory=Counter)
    queues: Counter[str | None] = field(default_factory=Counter)
    first_at: float | None = None
    last_at: float | None = None
    size_bytes: int = 0
    unusable: int = 0
    is_cut: bool = False

    def add(self, seen: DelayedEntry, job: Subject) -> None:
        """Take one more. A moment that cannot be read is no job: it is only counted."""
        mark = delayed_actions.mark(seen)
        if mark is None:
            self.unusable += 1
            return
        at = seen.moment.at
        self.marks.append(mark)
        self.classes[job.class_name if job.is_readable else "unreadable"] += 1
        self.queues[job.queue] += 1
        self.first_at = at if self.first_at is None else min(at, self.first_at)
        self.last_at = at if self.last_at is None else max(at, self.last_at)
        self.size_bytes += mark.size


def chosen(jobs: Sequence[DelayedEntry]) -> DelayedSelection:
    """These jobs."""
    choice = DelayedSelection()
    for each in jobs:
        choice.add(each, subject(each, 0))
    return choice


def choose(keys: Keys, wanted: Filter, now_s: float) -> Steps[DelayedSelection]:
    """All delayed jobs that match, at most 100,000 of them. Costs as `delayed_windows.walk`."""
    choice = DelayedSelection()

    def visit(jobs: Sequence[DelayedEntry], _done: int, _of: int) -> bool:
        for each in jobs:
            as_subject = subject(each, now_s)
            if wanted.matches(as_subject):
                if len(choice.marks) >= MOST_CHOSEN:
                    choice.is_cut = True
                    return False
                choice.add(each, as_subject)
        return True

    yield from delayed_windows.walk(keys, visit, max_bytes=_READ_BYTES)
    return choice
