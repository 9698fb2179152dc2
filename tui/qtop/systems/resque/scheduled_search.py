"""Looking through all delayed jobs: which match a filter, and how many there are of each class. It
goes on in the background, may be stopped, and keeps a bounded number."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal, TypeVar

from qtop.model.job import Job
from qtop.model.job_list import Entry, JobList, JobPage, Outline, Walk
from qtop.search.fields import Subject, of_job
from qtop.search.filter_language import Filter, term
from qtop.search.selection import steps, through
from queuecore.errors import Refused
from queuecore.exchange import Steps
from queuecore.windows import Item
from resque.codec import decode
from resque.keys import Keys
from resque.scheduler import listing
from resque.scheduler.cron import Cron
from resque.scheduler.definition import Schedule
from resque.scheduler.delayed_actions import DelayedRef
from resque.scheduler.listing import Listed
from resque.scheduler.plan import next_firings
from resque.scheduler.zones import local_zone
from resque.store import schedules
from resque.store.schedules import OfFile, PublishedSchedule, StoredItems, last_time

# Rows of the scheduled screen: classes of delayed jobs, recurring schedules.


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


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A recurring schedule at one look. `item` is its configuration in Redis, `entry` what the
    scheduler at work has published of its file; with neither it only left a last time: it is in
    a file that is not known, or gone. `problem` says why it does not fire. `next_s` is how soon
    `next_at` is."""

    name: str
    item: Item | None
    schedule: Schedule | None
    problem: str | None
    next_at: datetime | None
    last_at: datetime | None
    last_raw: bytes | None
    next_s: float | None = None
    entry: PublishedSchedule | None = None

    @property
    def source(self) -> Literal["Redis", "file", "unknown"]:
        """Where it is kept."""
        return "Redis" if self.item is not None else "file" if self.entry is not None else "unknown"

    @property
    def args(self) -> Any:
        """The arguments of its jobs."""
        return None if self.schedule is None else args_of(self.schedule)

    @property
    def has_no_zone(self) -> bool:
        """Whether it is a cron expression that names no time zone."""
        timing = None if self.schedule is None else self.schedule.timing
        return isinstance(timing, Cron) and timing.zone is None

    def firings(self, now: datetime, zone: tzinfo, count: int) -> list[datetime]:
        """The next times at which it fires (UTC), fewer when there are no more or that is unknown.
        An absurd expression may cost a second for each."""
        if self.schedule is None:
            return []
        return next_firings(self.schedule, self.last_at, now, zone, count)


def zone_of_machine() -> tzinfo:
    """The time zone of this machine; UTC where `TZ` is none."""
    try:
        return local_zone(os.environ)
    except ValueError:
        return UTC


def timing(schedule: Schedule) -> str:
    """When a schedule fires, as it is configured."""
    is_cron = isinstance(schedule.timing, Cron)
    return schedule.timing.text if is_cron else f"every {schedule.timing.text}"


def args_of(schedule: Schedule) -> Any:
    """The arguments of a schedule's jobs."""
    return decode(schedule.payload)["args"]


def schedule_rows(
    looked: StoredItems,
    now: datetime,
    zone: tzinfo,
    before: Mapping[str, ScheduleRow],
    of_file: OfFile | None = None,
) -> list[ScheduleRow]:
    """The rows of all schedules that left a trace or are `of_file`, by name. Those of the look
    `before` are kept while nothing is new about them: an absurd cron expression may cost a
    second."""
    rows = []
    entries = {} if of_file is None else of_file.entries
    for name in sorted({*looked.configs, *looked.last, *entries}):
        item, last = looked.configs.get(name), looked.last.get(name)
        entry = entries.get(name) if item is None else None
        known = before.get(name)
        if known is not None and known.entry == entry and _is_same(known, item, last, now):
            rows.append(known)
        elif entry is not None:
            rows.append(_of_entry(name, entry, last, now, zone))
        elif item is None:
            rows.append(ScheduleRow(name, None, None, None, None, last_time(last, now), last))
        elif item.is_cut:
            problem = f"too large to read ({item.size:,} bytes)"
            rows.append(ScheduleRow(name, item, None, problem, None, last_time(last, now), last))
        else:
            found = listing.listed(name, item.raw, last, now, zone)
            why = None if found.problem is None else found.problem.removeprefix(_named(name))
            at = (found.next_at, found.last_at)
            rows.append(ScheduleRow(name, item, found.schedule, why, *at, last))
    return [replace(row, next_s=_how_soon(row.next_at, now)) for row in rows]


def _of_entry(
    name: str, entry: PublishedSchedule, last: bytes | None, now: datetime, zone: tzinfo
) -> ScheduleRow:
    found = listing.of_entry(name, entry, last, now, zone)
    why = None if found.problem is None else found.problem.removeprefix(_named(name))
    at = (found.next_at, found.last_at)
    return ScheduleRow(name, None, found.schedule, why, *at, last, entry=entry)


def _how_soon(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (moment - now).total_seconds()


def _named(name: str) -> str:
    """How reasons begin: beside the name it says nothing new."""
    return f"schedule {name!r}: "


def _is_same(known: ScheduleRow, item: Item | None, last: bytes | None, now: datetime) -> bool:
    sha = None if item is None else item.sha
    is_past = known.next_at is not None and known.next_at <= now
    known_sha = None if known.item is None else known.item.sha
    return known_sha == sha and known.last_raw == last and not is_past


def firing_within(rows: Sequence[ScheduleRow], now: datetime, ahead_s: float) -> int:
    """How many schedules fire within some seconds."""
    found = (row.next_at for row in rows if row.next_at is not None)
    return sum((at - now).total_seconds() <= ahead_s for at in found)


def schedule_subject(row: ScheduleRow | Listed) -> Subject:
    """A schedule as filters see it: words find its name and what it is for."""
    if row.schedule is None:
        return Subject(words=(row.name, row.problem or ""), is_readable=False)
    return Subject(
        class_name=row.schedule.class_name,
        args=args_of(row.schedule),
        queue=row.schedule.queue,
        words=(row.name, row.schedule.description),
    )


def class_filter(row: ClassRow, beside: str) -> str:
    """The filter that lets only the jobs of a class through, `beside` another one."""
    wanted = term("class", row.name or "") if row.is_readable else "readable:no"
    return f"{beside} {wanted}".strip()


#: Matching jobs that are listed, and jobs that one action takes at most.
MOST_LISTED: Final = 1_000
MOST_CHOSEN: Final = 100_000
#: Classes that are told apart; jobs of further ones are counted together.
MOST_CLASSES: Final = 2_000
_QUEUES_KEPT: Final = 5


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

    def __init__(self, wanted: Filter, now: datetime) -> None:
        self.wanted = wanted
        self.now = now
        self.found: list[Job] = []
        self.matches = self.seen = self.done = self.moments = 0
        self.is_over = self.is_stopped = self.has_more_classes = False
        self.problem: str | None = None
        self._classes: dict[tuple[str | None, bool], _Tally] = {}

    def run(self, way: Walk) -> Steps[None]:
        """Go through them. Costs what the walk costs."""

        def visit(entry: Entry) -> bool:
            self._visit(entry.job)
            self.done, self.moments = way.done, way.length or 0
            return not self.is_stopped

        yield from through(way, visit)
        self.is_over = True

    def stop(self) -> None:
        """Look no further."""
        self.is_stopped = True

    def classes(self) -> list[ClassRow]:
        """The classes of the jobs that match, the most frequent first. O(classes)."""
        rows = [
            ClassRow(*key, t.count, t.first_at, t.last_at, self.now.timestamp(), tuple(t.queues))
            for key, t in self._classes.items()
        ]
        return sorted(rows, key=lambda row: (-row.count, row.name or ""))

    def _visit(self, job: Job) -> None:
        self.seen += 1
        subject = of_job(job, self.now)
        if self.wanted.matches(subject):
            self.matches += 1
            if len(self.found) < MOST_LISTED:
                self.found.append(job)
            self._count(subject, 0.0 if job.due is None else job.due.at)

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

    def add(self, job: Job) -> None:
        """Take one more. A moment that cannot be read is no job: it is only counted."""
        mark, due = job.ref, job.due
        if due is None or not isinstance(mark, DelayedRef):
            self.unusable += 1
            return
        self.marks.append(mark)
        self.classes["unreadable" if job.problem else job.unwrapped[0]] += 1
        self.queues[job.queue] += 1
        self.first_at = due.at if self.first_at is None else min(due.at, self.first_at)
        self.last_at = due.at if self.last_at is None else max(due.at, self.last_at)
        self.size_bytes += mark.size


def chosen(jobs: Iterable[Job]) -> DelayedSelection:
    """These jobs."""
    choice = DelayedSelection()
    for each in jobs:
        choice.add(each)
    return choice


def choose(jobs: JobList, wanted: Filter, now: datetime) -> Steps[DelayedSelection]:
    """All delayed jobs that match, at most 100,000 of them. Costs what a walk costs."""
    choice = DelayedSelection()

    def visit(entry: Entry) -> bool:
        job = entry.job
        if wanted.matches(of_job(job, now)):
            choice.is_cut = len(choice.marks) >= MOST_CHOSEN
            if choice.is_cut:
                return False
            choice.add(job)
        return True

    yield from through(jobs.walk(), visit)
    return choice


# What the scheduled screen reads at a look: a page of delayed jobs, what comes due, the
# schedules, and who moves it all.

T = TypeVar("T")

#: Jobs of one page.
PAGE: Final = 200
#: Of longer jobs only the beginning is listed.
_LISTED_BYTES: Final = 4_096
#: The times ahead for which is counted what comes due: 5 minutes, an hour, a day.
AHEAD_S: Final = (300, 3_600, 86_400)


@dataclass(frozen=True, slots=True)
class Master:
    """Who holds the schedulers' lock, and for how many more seconds (-1: for ever). `owner` is
    None when nobody does."""

    owner: str | None
    left_s: int


@dataclass(frozen=True, slots=True)
class ScheduledPage:
    """What one look gave; None is what could not be read, `problems` say why, by what it is in
    words."""

    page: JobPage | None
    outline: Outline | None
    looked: StoredItems | None
    master: Master | None
    problems: Mapping[str, str]
    of_file: OfFile | None = None


def insights(
    keys: Keys, prefix: str, now_s: float, jobs: JobList, paged: tuple[Hashable] | None
) -> Steps[ScheduledPage]:
    """Look at everything; of the jobs at the page that begins where `paged` says. `now_s` is the
    server's clock (epoch), `prefix` that of the schedulers' lock. Five round trips, three more for
    a page."""
    problems: dict[str, str] = {}
    page: JobPage | None = None
    if paged is not None:
        look = jobs.page(*paged, PAGE, most_bytes=_LISTED_BYTES)
        page = yield from _attempt(steps(look), "delayed jobs", problems)
    outline = jobs.outline(now_s, AHEAD_S)
    ahead = yield from _attempt(steps(outline), "what comes due", problems)
    looked = yield from _attempt(steps(schedules.stored_items(keys)), "schedules", problems)
    lock = schedules.master(keys.master_lock(prefix))
    owner = yield from _attempt(steps(lock), "the schedulers' lock", problems)
    what = "schedules of a file"
    of_file = yield from _attempt(steps(schedules.read_published(keys, prefix)), what, problems)
    master = None if owner is None else Master(*owner)
    return ScheduledPage(page, ahead, looked, master, problems, of_file)


def _attempt(work: Steps[T], what: str, problems: dict[str, str]) -> Steps[T | None]:
    """The result; None when Redis refuses, as for a key of another kind: the rest is shown."""
    try:
        return (yield from work)
    except Refused as error:
        problems[what] = str(error)
        return None
