"""Rows of the scheduled screen: delayed jobs, their classes, recurring schedules. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

from qtop.search.fields import Subject
from qtop.search.filter_language import term
from queuecore.active_job import unwrapped
from queuecore.windows import Item
from resque.codec import decode
from resque.scheduler import listing
from resque.scheduler.cron import Cron
from resque.scheduler.definition import Schedule
from resque.scheduler.listing import Listed
from resque.store.delayed_windows import DelayedEntry
from resque.store.published import OfFile, PublishedSchedule
from resque.store.schedules import Looked, last_time

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
