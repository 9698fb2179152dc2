"""Persistent schedules as people see and change them: with their next and last times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from resque.errors import NoQueueError
from resque.scheduler.definition import BadSchedule, Schedule, from_json, read
from resque.scheduler.moving import QueueOf, no_queue
from resque.scheduler.plan import next_firing
from resque.state import queues, schedules
from resque.state.schedules import Stored
from resque.wire.exchange import Exchange
from resque.wire.keys import Keys


@dataclass(frozen=True, slots=True)
class Listed:
    """One persistent schedule at one look. `schedule` is None when it cannot be used, `problem`
    says why. `next_at` is None when that is unknown: never, or an interval that never fired."""

    name: str
    schedule: Schedule | None
    problem: str | None
    next_at: datetime | None
    last_at: datetime | None


def listing(keys: Keys, now: datetime, local: tzinfo) -> Exchange[list[Listed]]:
    """All persistent schedules by name. One round trip, O(schedules). `local` is the zone of the
    schedulers, for cron expressions that name none."""

    def parse(found: Stored) -> list[Listed]:
        return [
            listed(name, found.configs[name], found.last.get(name), now, local)
            for name in sorted(found.configs)
        ]

    return schedules.stored(keys).then(parse)


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


def run_now(keys: Keys, schedule: Schedule, queue_of: QueueOf = no_queue) -> Exchange[int]:
    """Put a schedule's job onto its queue now; its next firing stays. Returns the length of the
    queue. One round trip. Raises NoQueueError."""
    queue = schedule.queue_for(queue_of)
    if queue is None:
        raise NoQueueError(f"schedule {schedule.name!r} names no queue, and its class has none")
    return queues.push(keys, queue, [schedule.payload])
