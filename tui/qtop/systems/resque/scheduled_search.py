"""Looking through all delayed jobs: which match a filter, and how many there are of each class. It
goes on in the background, may be stopped, and keeps a bounded number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal, TypeVar

from qtop.search.fields import Subject, of_delayed, unlisted
from qtop.search.filter_language import Filter, term
from queuecore.active_job import unwrapped
from queuecore.errors import Refused
from queuecore.exchange import Exchange, Steps
from queuecore.windows import Item
from resque.codec import decode
from resque.keys import Keys
from resque.scheduler import delayed_actions, listing
from resque.scheduler.cron import Cron
from resque.scheduler.definition import Schedule
from resque.scheduler.delayed_actions import DelayedRef
from resque.scheduler.listing import Listed
from resque.store import delayed_windows, schedules
from resque.store.delayed_windows import DelayedEntry, Outlook, Page, Position, outlook
from resque.store.schedules import Looked, OfFile, PublishedSchedule, last_time

# Rows of the scheduled screen: delayed jobs, their classes, recurring schedules.

#: Epochs further away are no dates: milliseconds, or anything at all.
_LAST: Final = 60_000_000_000.0


@dataclass(frozen=True, slots=True)
class DueRow:
    """A delayed job at one look. `key` tells it from others with the same bytes and moment;
    `now_s` is the server's clock (epoch)."""

    key: tuple[str, str, int]
    seen: DelayedEntry
    now_s: float

    @property
    def at(self) -> datetime | None:
        """When it is due; None when that is no date."""
        return moment_of(self.seen.moment.at)

    @property
    def due_s(self) -> float:
        """Seconds until it is due; negative when it is overdue."""
        return self.seen.moment.at - self.now_s

    @property
    def problem(self) -> str | None:
        """Why it cannot be read; None when it can."""
        job = self.seen.job
        return "the key of this moment holds no list" if job is None else job.problem

    @property
    def class_name(self) -> str | None:
        """Its class, taken out of ActiveJob's wrapper."""
        job = self.seen.job
        return None if job is None else unwrapped(job.class_name, job.args)[0]

    @property
    def args(self) -> Any:
        """Its arguments, taken out of ActiveJob's wrapper."""
        job = self.seen.job
        return None if job is None else unwrapped(job.class_name, job.args)[1]

    @property
    def queue(self) -> str | None:
        """Its queue; None when it names none."""
        return None if self.seen.job is None else self.seen.job.queue


def moment_of(epoch: float) -> datetime | None:
    """A moment from its epoch; None when it is no date, or one that no zone may move."""
    return datetime.fromtimestamp(epoch, UTC) if -_LAST < epoch < _LAST else None


def due_rows(jobs: Iterable[DelayedEntry], now_s: float) -> list[DueRow]:
    """The rows of some delayed jobs. O(jobs)."""
    seen: Counter[tuple[str, str]] = Counter()
    rows = []
    for each in jobs:
        key = (each.moment.stamp, "" if each.job is None else each.job.item.sha)
        rows.append(DueRow((*key, seen[key]), each, now_s))
        seen[key] += 1
    return rows


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


def timing(schedule: Schedule) -> str:
    """When a schedule fires, as it is configured."""
    is_cron = isinstance(schedule.timing, Cron)
    return schedule.timing.text if is_cron else f"every {schedule.timing.text}"


def args_of(schedule: Schedule) -> Any:
    """The arguments of a schedule's jobs."""
    return decode(schedule.payload)["args"]


def schedule_rows(
    looked: Looked,
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


# What the scheduled screen reads at a look: a page of delayed jobs, what comes due, the
# schedules, and who moves it all.

T = TypeVar("T")

#: Jobs of one page.
PAGE: Final = 200
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
    words. `page` begins at `start`."""

    start: Position | None
    page: Page | None
    outlook: Outlook | None
    looked: Looked | None
    master: Master | None
    problems: Mapping[str, str]
    of_file: OfFile | None = None


def insights(keys: Keys, prefix: str, now_s: float, start: Position | None) -> Steps[ScheduledPage]:
    """Look at everything; at no page of jobs without a `start`. `now_s` is the server's clock
    (epoch), `prefix` that of the schedulers' lock. Five round trips, three more for a page."""
    problems: dict[str, str] = {}
    jobs: Page | None = None
    if start is not None:
        page = delayed_windows.page(keys, start, PAGE)
        jobs = yield from _attempt(page, "delayed jobs", problems)
    ahead = yield from _attempt(outlook(keys, now_s, AHEAD_S), "what comes due", problems)
    looked = yield from _attempt(_one(schedules.look(keys)), "schedules", problems)
    lock = schedules.master(keys.master_lock(prefix))
    owner = yield from _attempt(_one(lock), "the schedulers' lock", problems)
    what = "schedules of a file"
    of_file = yield from _attempt(_one(schedules.read_published(keys, prefix)), what, problems)
    master = None if owner is None else Master(*owner)
    return ScheduledPage(start, jobs, ahead, looked, master, problems, of_file)


def _one(exchange: Exchange[T]) -> Steps[T]:
    return (yield exchange)  # type: ignore[no-any-return]


def _attempt(steps: Steps[T], what: str, problems: dict[str, str]) -> Steps[T | None]:
    """The result; None when Redis refuses, as for a key of another kind: the rest is shown."""
    try:
        return (yield from steps)
    except Refused as error:
        problems[what] = str(error)
        return None
