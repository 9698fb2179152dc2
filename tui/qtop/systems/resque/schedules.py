"""The recurring schedules of Resque as the console knows them, and what operators do to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from qtop.actions.plan import Operator, Outcome, Plan, acted, count_of, list_of
from qtop.actions.request import DeleteSchedules, RunSchedules
from qtop.keymap.keymap import Danger
from qtop.model.fleet import ListedSchedule, LockHolder, Schedules
from qtop.systems.resque.health import master_prefix
from queuecore.action_record import ActionRecord
from queuecore.errors import Refused
from queuecore.exchange import Exchange, Steps
from queuecore.windows import Item
from resque.codec import decode
from resque.keys import Keys
from resque.scheduler import listing, schedule_actions
from resque.scheduler.cron import Cron
from resque.scheduler.definition import Schedule
from resque.scheduler.listing import Listed
from resque.scheduler.plan import next_firings
from resque.scheduler.schedule_actions import ScheduleRef
from resque.scheduler.zones import local_zone
from resque.store import schedules
from resque.store.schedules import OfFile, PublishedSchedule, StoredItems, last_time

T = TypeVar("T")


class ReadSchedule(NamedTuple):
    """What `ListedSchedule.ref` is: the schedule, None when it cannot be used or is not known; what
    its scheduler has published of it; and its last time as it is in Redis."""

    schedule: Schedule | None
    entry: PublishedSchedule | None = None
    last_raw: bytes | None = None


def read_of(listed: ListedSchedule) -> ReadSchedule:
    return cast("ReadSchedule", listed.ref)


class ScheduleReader:
    """Reads the schedules of a namespace. Those about which nothing is new are kept from poll to
    poll: an absurd cron expression may cost a second."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._before: Mapping[str, ListedSchedule] = {}

    def everything(self, now: datetime) -> Steps[Schedules]:
        zone, problem = _zone()
        found = yield from listing.everything(self._keys, master_prefix(), now, zone)
        listed = tuple(
            _listed(each, ReadSchedule(each.schedule), zone, now) for each in found.schedules
        )
        return Schedules(listed, file_problem=found.of_file.unknown, zone_problem=problem)

    def look(self, now: datetime) -> Steps[Callable[[], Schedules]]:
        keys, prefix = self._keys, master_prefix()
        problems: dict[str, str] = {}
        looked = yield from _attempt(schedules.stored_items(keys), "schedules", problems)
        lock = schedules.master(keys.master_lock(prefix))
        owner = yield from _attempt(lock, "the schedulers' lock", problems)
        published = schedules.read_published(keys, prefix)
        of_file = yield from _attempt(published, "schedules of a file", problems)

        def read() -> Schedules:
            zone, zone_problem = _zone()
            listed = None
            if looked is not None:
                listed = read_schedules(looked, now, zone, self._before, of_file)
                self._before = {each.name: each for each in listed}
            holder = None if owner is None else LockHolder(*owner)
            unknown = None if of_file is None else of_file.unknown
            return Schedules(listed, holder, unknown, zone_problem, problems)

        return read


def _attempt(work: Exchange[T], what: str, problems: dict[str, str]) -> Steps[T | None]:
    """The result; None when Redis refuses, as for a key of another kind: the rest is shown."""
    try:
        return (yield work)  # type: ignore[no-any-return]
    except Refused as error:
        problems[what] = str(error)
        return None


def _zone() -> tuple[tzinfo, str | None]:
    """The time zone of this machine; UTC where `TZ` is none, and the reason."""
    try:
        return local_zone(os.environ), None
    except ValueError as error:
        return UTC, str(error)


def args_of(schedule: Schedule) -> Any:
    return decode(schedule.payload)["args"]


def firings(listed: ListedSchedule, now: datetime, count: int) -> list[datetime]:
    schedule = read_of(listed).schedule
    if schedule is None:
        return []
    return next_firings(schedule, listed.last_at, now, _zone()[0], count)


def read_schedules(
    looked: StoredItems,
    now: datetime,
    zone: tzinfo,
    before: Mapping[str, ListedSchedule],
    of_file: OfFile | None = None,
) -> tuple[ListedSchedule, ...]:
    """All schedules that left a trace or are `of_file`, by name. Those of the poll `before` are
    kept while nothing is new about them."""
    found = []
    entries = {} if of_file is None else of_file.entries
    for name in sorted({*looked.configs, *looked.last, *entries}):
        item, last = looked.configs.get(name), looked.last.get(name)
        entry = entries.get(name) if item is None else None
        known = before.get(name)
        if known is not None and read_of(known).entry == entry and _is_same(known, item, last, now):
            found.append(replace(known, next_s=_how_soon(known.next_at, now)))
            continue
        if entry is not None:
            read = listing.of_entry(name, entry, last, now, zone)
        elif item is None or item.is_cut:
            problem = None if item is None else f"too large to read ({item.size:,} bytes)"
            read = Listed(name, None, problem, None, last_time(last, now))
        else:
            read = listing.listed(name, item.raw, last, now, zone)
        if read.problem is not None:
            # Beside the name, how reasons begin says nothing new.
            read = replace(read, problem=read.problem.removeprefix(f"schedule {name!r}: "))
        listed = _listed(read, ReadSchedule(read.schedule, entry, last), zone, now)
        is_known = entry is not None or item is not None
        found.append(replace(listed, item=item) if is_known else replace(listed, source="unknown"))
    return tuple(found)


def _listed(found: Listed, ref: ReadSchedule, zone: tzinfo, now: datetime) -> ListedSchedule:
    listed = ListedSchedule(
        *(found.name, found.source, ref, found.problem),
        next_at=found.next_at,
        last_at=found.last_at,
        next_s=_how_soon(found.next_at, now),
    )
    schedule = found.schedule
    if schedule is None:
        return listed
    timing = schedule.timing
    has_zone = not isinstance(timing, Cron) or timing.zone is not None
    return replace(
        listed,
        timing=timing.text if isinstance(timing, Cron) else f"every {timing.text}",
        class_name=schedule.class_name,
        args=args_of(schedule),
        queue=schedule.queue,
        description=schedule.description,
        environments=schedule.environments,
        zone=None if has_zone else getattr(zone, "key", None) or "this machine's zone",
    )


def _how_soon(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (moment - now).total_seconds()


def _is_same(known: ListedSchedule, item: Item | None, last: bytes | None, now: datetime) -> bool:
    sha = None if item is None else item.sha
    is_past = known.next_at is not None and known.next_at <= now
    known_sha = None if known.item is None else known.item.sha
    return known_sha == sha and read_of(known).last_raw == last and not is_past


# What operators do to them.


def prepare(keys: Keys, operator: Operator, request: RunSchedules | DeleteSchedules) -> Plan:
    """Say what a request would do to schedules. One goes at once, several after a question."""
    rows = request.schedules
    names, runs = list_of(row.name for row in rows), isinstance(request, RunSchedules)
    usable = [row for row in rows if (read_of(row).schedule if runs else row.item) is not None]
    action, source = "run now" if runs else "delete", keys.persistent_schedules()
    record = operator.record(action, names[:200], source, len(usable), size_bytes=None)
    back = operator.way_back(None)
    what, verb = f"Delete {count_of(len(rows), 'schedule')}", "Delete"
    line = f"Schedules of a scheduler's file return when it starts. {back}"
    if runs:
        what, verb = f"Queue {count_of(len(rows), 'schedule')} now", "Queue"
        line = f"Their next times do not change. {back}"
    danger: Danger = "confirm" if len(rows) > 1 or not record.undo_s else "undoable"
    run = partial(_act, keys, request, usable, record)
    details = (f"Schedules: {names}", line)
    return Plan(what, verb, details, danger, run, many=len(rows), record=record)


def _act(
    keys: Keys,
    request: RunSchedules | DeleteSchedules,
    rows: Sequence[ListedSchedule],
    record: ActionRecord,
) -> Steps[Outcome]:
    """Act on the `rows` that can be used."""
    kept = len(request.schedules) - len(rows)
    if isinstance(request, RunSchedules):
        if not rows:
            return Outcome("cannot run: its definition is unusable or unknown", "warn")
        schedules = [each for row in rows if (each := read_of(row).schedule) is not None]
        result = yield from schedule_actions.run_now(keys, schedules, record)
        return acted("queued", result, record, [("cannot be used", kept)] if kept else [])
    if not rows:
        return Outcome("not in Redis: it is in a scheduler's file, or gone", "warn")
    stored = [ScheduleRef(row.name, row.item.sha) for row in rows if row.item is not None]
    result = yield from schedule_actions.delete(keys, stored, record)
    outcome = acted("deleted", result, record, [("not in Redis", kept)] if kept else [])
    note = "; schedules of a scheduler's file return when it starts"
    return replace(outcome, text=outcome.text + note)
