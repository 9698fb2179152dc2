"""Schedules as people see and change them, those of Redis and those of the master's file: with
their next and last times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Literal

from queuecore.exchange import Exchange, Steps
from resque.errors import Refused
from resque.keys import Keys
from resque.scheduler.definition import BadSchedule, Schedule, from_json, read
from resque.scheduler.plan import next_firing
from resque.store import schedules
from resque.store.schedules import OfFile, PublishedSchedule, Stored

ScheduleSource = Literal["persistent", "file"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One schedule as it was read. `schedule` is None when it cannot be read; `problem` says why it
    does not fire. `next_at` is None when that is unknown: never, or an interval that never fired.
    `source` says where it is kept: in Redis, or in the file of the scheduler at work."""

    name: str
    schedule: Schedule | None
    problem: str | None
    next_at: datetime | None
    last_at: datetime | None
    source: ScheduleSource = "persistent"


@dataclass(frozen=True, slots=True)
class ScheduleListing:
    """All schedules by name; `of_file` says whether those of a file are known."""

    schedules: tuple[Listed, ...]
    of_file: OfFile


def everything(keys: Keys, prefix: str, now: datetime, local: tzinfo) -> Steps[ScheduleListing]:
    """All schedules by name, also those of the master's file if it publishes them; of one name
    Redis's counts, as for the scheduler. `prefix` is that of the master lock, `local` the zone of
    the schedulers, for cron expressions that name none. Two round trips, O(schedules)."""
    found: Stored = yield schedules.stored(keys)
    try:
        of_file: OfFile = yield schedules.read_published(keys, prefix)
    except Refused as error:
        of_file = OfFile(None, unknown=str(error))
    both = {
        name: of_entry(name, entry, found.last.get(name), now, local)
        for name, entry in of_file.entries.items()
    } | {
        name: listed(name, raw, found.last.get(name), now, local)
        for name, raw in found.configs.items()
    }
    return ScheduleListing(tuple(both[name] for name in sorted(both)), of_file)


def of_entry(
    name: str, entry: PublishedSchedule, last_raw: bytes | None, now: datetime, local: tzinfo
) -> Listed:
    """One schedule of a file, from what its scheduler has published. Never raises. Costs as
    `listed`."""
    last = schedules.last_time(last_raw, now)
    if entry.config is None:
        return Listed(name, None, entry.problem or "it cannot be used", None, last, "file")
    try:
        schedule = replace(from_json(name, entry.config), queue=entry.queue)
    except BadSchedule as error:
        return Listed(name, None, entry.problem or str(error), None, last, "file")
    at = next_firing(schedule, last, now, local) if entry.problem is None else None
    return Listed(name, schedule, entry.problem, at, last, "file")


def listed(name: str, raw: bytes, last_raw: bytes | None, now: datetime, local: tzinfo) -> Listed:
    """One persistent schedule from what lies in Redis. Never raises. Costs as the cron expression;
    see `Cron.next_after`."""
    last = schedules.last_time(last_raw, now)
    try:
        schedule = from_json(name, raw)
    except BadSchedule as error:
        return Listed(name, None, str(error), None, last)
    return Listed(name, schedule, None, next_firing(schedule, last, now, local), last)


def put(keys: Keys, name: str, config: Mapping[str, Any]) -> Exchange[bool]:
    """Write a persistent schedule, if it can be used. Returns whether it replaced one. One round
    trip. Raises BadSchedule. (Ruby: set_schedule with `persist`.)"""
    read(name, config)
    return schedules.put(keys, name, config)
