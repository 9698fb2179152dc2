"""A fleet at one moment, as the console knows it: with failures as jobs; and its schedules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from qtop.model.job import Job
from qtop.text.safe import counted
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
        hidden: What is there and cannot be listed, in words; None where nothing is.
    """

    listed: tuple[ListedSchedule, ...] | None
    holder: LockHolder | None = None
    file_problem: str | None = None
    zone_problem: str | None = None
    problems: Mapping[str, str] = MappingProxyType({})
    movers: int | None = None
    parts: Mapping[str, Schedules] = MappingProxyType({})
    hidden: str | None = None


# What happens to processes whose work is remembered.

Event = Literal["seen", "crashed", "left", "gone", "back", "forgotten"]
"""What happened to a process: it is seen for the first time; its hash expired; it left cleanly; it
is gone, and whether it left cleanly is unknown; it beats again; it is gone for too long to be
remembered."""

_SENTENCES: Final[dict[Event, str]] = {
    "seen": "appeared, running {jobs}",
    "crashed": "crashed or was cut off, running {jobs}",
    "left": "stopped cleanly; its jobs returned to their queues",
    "gone": "is gone, running {jobs}; unknown whether it returned them",
    "back": "is back, running {jobs}",
    "forgotten": "dropped from the record",
}


@value
class Sighting:
    """What a look showed of one process.

    Attributes:
        at: When, by the server's clock.
        jobs: How many jobs it runs, or ran when it was last seen.
        not_kept: How many of them are too large, or too many, to remember.
    """

    identity: str
    event: Event
    at: datetime
    jobs: int
    not_kept: int = 0

    @property
    def words(self) -> str:
        """What happened, without the name of the process."""
        many = counted(self.jobs, "job")
        kept = f" ({self.not_kept:,} of them not remembered)" if self.not_kept else ""
        return _SENTENCES[self.event].format(jobs=many + kept)

    @property
    def fields(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "at": self.at,
            "process": self.identity,
            "event": self.event,
            "jobs": self.jobs,
            "not_remembered": self.not_kept,
        }
