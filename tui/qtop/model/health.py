"""What is found out now and then, beside the snapshots. Values only; None means unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

from qtop.model.job import Job
from queuecore.fleet import COPIES as COPIES
from queuecore.fleet import Stray as Stray
from queuecore.fleet import StrayKind as StrayKind
from queuecore.fleet import Strays as Strays
from queuecore.health import Acknowledgement as Acknowledgement
from queuecore.health import HealthPart as HealthPart
from queuecore.health import IncidentKey as IncidentKey
from queuecore.health import ServerInfo as ServerInfo
from queuecore.health import SystemHealth as SystemHealth
from queuecore.values import replace, value


class StrayJob(NamedTuple):
    """A job under a stray key: `where` it is and `how`, in words."""

    where: str
    how: str
    job: Job


FindingLevel = Literal["OK", "UNKNOWN", "WARN", "ERROR"]
"""UNKNOWN is a check that could not be made: neither well nor wrong."""


@value
class Finding:
    """What one check found. `remedy` is what to do; empty when nothing needs to be done. A weakness
    is `latent` when it hurts only together with something else that has not happened."""

    check: str
    level: FindingLevel
    text: str
    remedy: str = ""
    latent: bool = False


@value
class SystemsSeen:
    """Which systems surely live under a namespace, by name; `doubt` is what another one may live
    there by, in words, `problem` why something could not be read."""

    namespace: str
    systems: tuple[str, ...] = ()
    doubt: str | None = None
    problem: str | None = None


@value
class Ownership:
    """Whose the queues are, where another system may be in the same place, too.

    Attributes:
        owners: Whose each queue is that was looked at, in words: `Sidekiq's`; empty where it is
            only this system's or that is not known.
        refusals: Why nothing may be changed in some of these queues.
        others_owner, others_refusal: The same for queues that were not looked at, and for the place
            as a whole; nothing unless it is another system's alone.
        has_foreign_failures: The key of the list of failures is another system's.
        systems, others_system: The same as `owners` for programs: `resque`, `sidekiq`, `mixed`.
        note: What to say beside a listing; None where this system lives alone, or none does.
    """

    owners: Mapping[str, str] = MappingProxyType({})
    refusals: Mapping[str, str] = MappingProxyType({})
    others_owner: str = ""
    others_refusal: str | None = None
    has_foreign_failures: bool = False
    systems: Mapping[str, str] = MappingProxyType({})
    others_system: str | None = None
    note: str | None = None

    def owner(self, queue: str) -> str:
        """Whose a queue is, in words; empty where it is this system's or not known."""
        return self.owners.get(queue, self.others_owner)

    def refusal(self, queue: str | None = None) -> str | None:
        """Why nothing may be changed in a queue, or anywhere here; None when it may."""
        if queue is not None and queue in self.owners:
            return self.refusals.get(queue)
        return self.others_refusal


class NextJob(NamedTuple):
    """The job that is next in a queue: its class, and since when it waits; None when it does not
    tell."""

    class_name: str | None
    since: datetime | None


class WaitingClasses(NamedTuple):
    """The classes of jobs that wait in a queue, the next job's first; `is_sampled` when more than
    the next job was looked at. `newest` is how many of the jobs that came last are of which class
    (None: it cannot be read), as far as those were sampled."""

    names: tuple[str, ...]
    is_sampled: bool
    newest: Mapping[str | None, int] = MappingProxyType({})


class UpcomingJobs(NamedTuple):
    """The job that is next, by queue, the classes that are known to wait, and why some queues could
    not be read; None when all could."""

    jobs: Mapping[str, NextJob]
    waiting: Mapping[str, WaitingClasses]
    problem: str | None = None


@value
class Notice:
    """What a system itself has to say about its keys. `kind` tells it from other notices; `place`
    is the screen that shows more; `cause` is why it is so, and `evidence` the figures, each with
    its label."""

    severity: Literal["crit", "warn", "info"]
    text: str
    kind: str
    place: Literal["queues", "workers", "failed", "scheduled"] | None = None
    remedy: str = ""
    cause: str = ""
    evidence: tuple[tuple[str, str], ...] = ()


@value
class TimedSet:
    """A set of jobs by their times.

    Attributes:
        length: How many jobs are in it.
        first_at, last_at: The earliest and the latest time of any (epoch); None where it is empty.
        overdue: How many have a time that has passed.
    """

    length: int
    first_at: float | None = None
    last_at: float | None = None
    overdue: int = 0


@value
class TimedJobs:
    """The jobs of a system that keeps them in sets, by the times when they are due or died. None is
    what could not be read.

    Attributes:
        at: The server's clock when it was looked at (epoch).
        scheduled, retries: Jobs that are due at their time.
        dead: Jobs that died at their time.
        retries_ahead: How many retries are due in each of the next minutes, the first from `at` on.
        storm_classes: How many are of which class, among retries from the minutes with the most.
    """

    at: float
    scheduled: TimedSet | None = None
    retries: TimedSet | None = None
    dead: TimedSet | None = None
    retries_ahead: tuple[int, ...] | None = None
    storm_classes: Mapping[str | None, int] = MappingProxyType({})


#: So many minutes with the most retries are looked at together.
STORM_MINUTES: Final = 5


def storm_begin(ahead: Sequence[int]) -> int:
    """The first of those minutes that together have the most."""
    starts = range(max(1, len(ahead) - STORM_MINUTES + 1))
    return max(starts, key=lambda at: sum(ahead[at : at + STORM_MINUTES]))


#: The name under which delayed jobs lie that were set aside, beside those of queues.
DELAYED_ASIDE: Final = "delayed"


@value
class HealthReport:
    """What was found out. None means unknown, and `problems` says why, by part.

    Attributes:
        system: What the system tells about itself.
        next_jobs: The job that is next, of the queues that were asked for and tell.
        problems: Why something is unknown, by part.
        waiting: Which classes wait, by queue, as far as that was looked at.
        skew_s: How far the server's clock is ahead of this machine's.
        strays: Jobs that no index leads to; these are searched for apart from the rest.
        ownership: Whose the queues are; None when it was not looked at.
        notices: What the system has to say.
        timed: The jobs that it keeps by their times; None where it has no such, or that is unknown.
        order: Whether its lists are in their order; None when it has no others, or was not asked.
        acknowledged: The incidents that somebody has acknowledged.
    """

    system: SystemHealth = SystemHealth()
    next_jobs: Mapping[str, NextJob] = MappingProxyType({})
    problems: Mapping[HealthPart, str] = MappingProxyType({})
    waiting: Mapping[str, WaitingClasses] = MappingProxyType({})
    skew_s: float | None = None
    strays: Strays | None = None
    ownership: Ownership | None = None
    notices: tuple[Notice, ...] = ()
    order: Finding | None = None
    timed: TimedJobs | None = None
    acknowledged: tuple[Acknowledgement, ...] | None = None

    def with_strays(self, strays: Strays | None, why: str = "") -> HealthReport:
        """The same with what a search for jobs that no index leads to has found; `why` it could not
        be made."""
        problems: dict[HealthPart, str] = {k: v for k, v in self.problems.items() if k != "strays"}
        if strays is not None and not strays.is_complete:
            why = "only the first 200,000 keys were searched"
        if why:
            problems["strays"] = why
        return replace(self, strays=strays, problems=problems)


def failed(why: str) -> HealthReport:
    """The report on a server that does not answer."""
    parts: tuple[HealthPart, ...] = get_args(HealthPart)
    return HealthReport(problems=dict.fromkeys(parts, why))


def skew_s(server_s: float, before_s: float, after_s: float) -> float:
    """How far a clock is at least ahead of ours, or behind it, when it was read between two moments
    of ours. 0 when it may be right."""
    return max(0.0, server_s - after_s) + min(0.0, server_s - before_s)
