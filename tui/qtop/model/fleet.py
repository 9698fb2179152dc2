"""A fleet at one moment, as the console knows it: with failures as jobs; and its schedules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from qtop.model.job import Job
from queuecore import fleet
from queuecore.fleet import Process as Process
from queuecore.fleet import ProcessFacts as ProcessFacts
from queuecore.fleet import Queue as Queue
from queuecore.fleet import RunningJob as RunningJob
from queuecore.values import value
from queuecore.windows import Item

Snapshot = fleet.FleetSnapshot[Job]

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
#: A snapshot of which all is unknown.
NOTHING_SEEN: Final = Snapshot(_LONG_AGO, None, None, None, None, None, None, None)


# Recurring schedules, and who moves what is due.

ScheduleKeeper = Literal["persistent", "sidekiq-cron", "sidekiq-scheduler", "file", "unknown"]


@value
class ListedSchedule:
    """A recurring schedule as it was read. What is missing is None.

    Attributes:
        source: Where it is kept: in Redis, as a plug-in of this name keeps it there, or in the file
            of the scheduler at work; unknown when it only left a last time.
        ref: What names it to its system: nothing else looks inside.
        problem: Why it does not fire, in words.
        timing: When it fires, as it is configured; None when its definition cannot be read, and
            then so is all that its definition says.
        environments: It fires only in these; None: in all.
        zone: The time zone of `next_at`, where its own timing names none.
        next_s: How soon `next_at` is.
        item: Its definition as it is kept in Redis.
        system: The label of its place, where there are several; empty where there is one.
    """

    name: str
    source: ScheduleKeeper = "unknown"
    ref: object = None
    problem: str | None = None
    timing: str | None = None
    class_name: str | None = None
    args: Any = None
    queue: str | None = None
    description: str = ""
    environments: Collection[str] | None = None
    zone: str | None = None
    next_at: datetime | None = None
    last_at: datetime | None = None
    next_s: float | None = None
    item: Item | None = None
    system: str = ""

    @property
    def is_usable(self) -> bool:
        return self.timing is not None


@value
class LockHolder:
    """The scheduler that moves what is due: the `owner` of the schedulers' lock, None when there is
    none, and for how many more seconds (-1: for ever)."""

    owner: str | None
    left_s: int


@value
class Schedules:
    """The recurring schedules as they were read. None is what could not be read.

    Attributes:
        listed: All of them, by name.
        holder: Who moves what is due.
        file_problem: Why the schedules of a scheduler's file are not known.
        zone_problem: Why the time zone of this machine is not known: then UTC is taken.
        problems: Why something could not be read, by what it is: schedules, the schedulers' lock,
            schedules of a file.
        movers: How many processes move what is due, where any of them does; None where a scheduler
            does (`holder`).
        parts: The same of each of several places, by label; then `listed` has those of all.
    """

    listed: tuple[ListedSchedule, ...] | None
    holder: LockHolder | None = None
    file_problem: str | None = None
    zone_problem: str | None = None
    problems: Mapping[str, str] = MappingProxyType({})
    movers: int | None = None
    parts: Mapping[str, Schedules] = MappingProxyType({})
