"""What is wrong with jobs that a system keeps by their times: they are overdue, more retries come
than threads can do, dead jobs are dropped. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from qtop.config.limits import Thresholds
from qtop.model.health import STORM_MINUTES, TimedJobs, TimedSet, storm_begin
from qtop.monitor.incidents.incident import Figure, Incident, Link, Remedy, Severity
from qtop.monitor.rows import FleetRows
from qtop.search.filter_language import term
from qtop.text.format import late_by
from qtop.text.safe import ago, counted

_DAY_S: Final = 86_400
#: What is measured of threads is of so many last seconds.
_MEASURED_S: Final = 300.0
#: Less time of busy threads, and fewer jobs, tell nothing about what they do.
_ENOUGH_S: Final = 30.0
#: For so long after a death was seen the dead are said to become more.
_GROWING_S: Final = 600.0


class Capacity(NamedTuple):
    """How many jobs a minute the threads of all workers would do, if all were busy, by what they
    did of late; None where that cannot be told."""

    per_min: float | None
    threads: int | None


class CapacityWatch:
    """Measures what busy threads do: how many jobs in how much of their time."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._jobs_known = thresholds.jobs_known
        #: When, how many jobs were done by then, and for how many seconds threads were busy.
        self._notes: list[tuple[float, int, float]] = []

    def add(self, fleet: FleetRows, at_mono: float) -> Capacity:
        """Take in a poll; the same one may be added again. O(workers)."""
        alive = [row.process for row in fleet.workers or () if row.process.facts is not None]
        alive = [each for each in alive if not each.is_gone and not each.is_quiet]
        counts = [each.threads for each in alive]
        threads = None if fleet.workers is None or None in counts else sum(filter(None, counts))
        busy = [None if each.facts is None else each.facts.busy for each in alive]
        done = fleet.totals.processed_ever
        if not alive or done is None or None in busy or fleet.totals.drops.breaks_counts:
            self._notes.clear()
            return Capacity(None, threads)
        if not self._notes or done < self._notes[-1][1]:
            self._notes = [(at_mono, done, 0.0)]
        elif at_mono > self._notes[-1][0]:
            last_mono, _, busy_s = self._notes[-1]
            busy_s += (at_mono - last_mono) * sum(filter(None, busy))
            self._notes.append((at_mono, done, busy_s))
        while len(self._notes) > 2 and self._notes[1][0] <= at_mono - _MEASURED_S:
            del self._notes[0]
        (_, first, since_s), (_, last, until_s) = self._notes[0], self._notes[-1]
        took_s, jobs = until_s - since_s, last - first
        if took_s < _ENOUGH_S or jobs < self._jobs_known or threads is None:
            return Capacity(None, threads)
        return Capacity(jobs / took_s * threads * 60, threads)


class DeathWatch:
    """Sees from one health report to the next whether jobs die."""

    def __init__(self) -> None:
        #: When it was first looked at, and the newest death that is known.
        self._first_at: float | None = None
        self._newest: float | None = None
        self._died_at: float | None = None

    def add(self, at: float, dead: TimedSet) -> bool | None:
        """Whether a job died within the last ten minutes; None where that is not known yet, or an
        entry that is dated after `at` hides it. The same report may be added again."""
        newest = -math.inf if dead.last_at is None else dead.last_at
        if self._newest is None or newest > self._newest or self._newest > at:
            if self._newest is not None and newest > self._newest:
                self._died_at = at
            self._newest = newest
        self._first_at = at if self._first_at is None else self._first_at
        if self._died_at is not None and at - self._died_at <= _GROWING_S:
            return True
        # What dies now is counted as older than such an entry.
        is_hidden = newest > at or at == self._first_at
        return None if is_hidden else False


def timed_incidents(
    timed: TimedJobs,
    fleet: FleetRows,
    capacity: Capacity,
    deaths: DeathWatch,
    thresholds: Thresholds,
) -> Iterator[Incident]:
    """What is wrong with them. What could not be read gives nothing: the report's problems say so.
    O(workers)."""
    yield from _overdue(timed, fleet, thresholds)
    if timed.retries_ahead is not None:
        yield from _storm(timed, timed.retries_ahead, capacity, thresholds)
    if timed.dead is not None:
        yield from _dead(timed.at, timed.dead, deaths, thresholds)


# Overdue.


def _overdue(timed: TimedJobs, fleet: FleetRows, thresholds: Thresholds) -> Iterator[Incident]:
    """What is due for long: each process looks every few seconds, the less often the more there
    are."""
    if fleet.workers is None:
        return
    processes = [row.process for row in fleet.workers]
    movers = sum(not each.is_gone and not each.is_quiet for each in processes)
    limit_s = max(thresholds.overdue_delay_s, thresholds.poll_turn_s * movers)
    parts = (
        ("schedule", "scheduled jobs", Link("scheduled"), timed.scheduled),
        ("retry", "retries", Link("failed"), timed.retries),
    )
    for name, what, link, found in parts:
        late_s = 0.0 if found is None or found.first_at is None else timed.at - found.first_at
        # They were counted a moment after the first one was seen: by then it may have moved.
        if found is None or not found.overdue or late_s <= limit_s:
            continue
        remedy, cause = (
            "start a process of theirs",
            "No live process takes jobs, so none moves them.",
        )
        if movers:
            remedy = "see what their logs say, and whether their clocks are right"
            cause = _why_late(name, timed)
        yield Incident(
            *("jobs", "warn" if movers else "crit", f"{what} overdue", f"overdue {name}"),
            link=link if movers else Link("workers"),
            figures=f"oldest {late_by(late_s)}, {found.overdue:,} overdue, "
            f"{counted(movers, 'worker')} to move them",
            cause=cause,
            evidence=(
                Figure("overdue", f"{found.overdue:,} {what}"),
                Figure("movers", f"{counted(movers, 'worker')}: {ago(limit_s)} are allowed for"),
            ),
            meaning="They are not put into their queues, so no worker runs them.",
            remedies=(Remedy("these jobs" if movers else "workers", "table.open"), Remedy(remedy)),
            since=since_of(found.first_at),
        )


def since_of(epoch: float | None) -> datetime | None:
    """A moment in epoch seconds; None where it is none, or beyond what can be told."""
    try:
        return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _why_late(name: str, timed: TimedJobs) -> str:
    """Retries are moved first, and what is scheduled waits for them."""
    ahead = 0 if timed.retries is None else timed.retries.overdue
    behind = 0 if timed.scheduled is None else timed.scheduled.overdue
    if name == "schedule" and ahead > behind:
        return f"{ahead:,} retries are due, too, and are moved first."
    return "Processes run that should move them: they are stuck, or their clocks are behind."


# A storm of retries.


def _storm(
    timed: TimedJobs, ahead: tuple[int, ...], capacity: Capacity, thresholds: Thresholds
) -> Iterator[Incident]:
    """More retries within five minutes than all threads can do in that time."""
    begin = storm_begin(ahead)
    many = sum(ahead[begin : begin + STORM_MINUTES])
    if many < thresholds.storm_jobs:
        return
    per_min, threads = capacity
    room = None if per_min is None else per_min * STORM_MINUTES
    if room is not None and many <= room:
        return
    first = since_of(timed.at + 60 * begin)
    when = "" if first is None else f", {_clock(first)} to {_clock(first, STORM_MINUTES)}"
    classes = timed.storm_classes
    known = {name: number for name, number in classes.items() if name is not None}
    worst = max(known, key=lambda name: known[name], default=None)
    looked_at = sum(classes.values())
    mostly = ""
    link = Link("failed")
    if worst is not None and known[worst] * 2 >= looked_at:
        mostly = f", mostly {worst}"
        link = Link("failed", filter=term("class", worst))
    does = "what the threads can do is not known yet"
    if per_min is not None and threads is not None:
        does = f"all {counted(threads, 'thread')} do {per_min:,.0f}/min"
    shares = sorted(known.items(), key=lambda each: -each[1])[:3]
    yield Incident(
        *("failures", "info" if room is None else "warn", "retry storm ahead", "storm"),
        link=link,
        figures=f"{many:,} retries within 5 min{when}{mostly}; {does}",
        cause=f"Many jobs{f' of {worst}' if mostly else ''} failed at about the same time.",
        evidence=(
            Figure("retries", f"{many:,} of the {sum(ahead):,} of the next hour{when}"),
            Figure("capacity", does),
            *(Figure("class", f"{name} {n:,} of {looked_at:,} sampled") for name, n in shares),
        ),
        meaning="Other jobs wait while the retries run.",
        remedies=(
            Remedy("the retries", "table.open"),
            Remedy("add threads, or move some of them to later times"),
            Remedy("find out why they failed before they are tried again"),
        ),
        doubt="unjudged" if room is None else None,
    )


def _clock(at: datetime, minutes: int = 0) -> str:
    return f"{(at + timedelta(minutes=minutes)).astimezone():%H:%M}"


# The dead.


def _dead(
    at: float, dead: TimedSet, deaths: DeathWatch, thresholds: Thresholds
) -> Iterator[Incident]:
    died = deaths.add(at, dead)
    link = Link("failed")
    cap = int(thresholds.dead_cap)
    says = {
        True: "jobs died within the last 10 min",
        False: "no job died while this console watched",
        None: "whether jobs die now is not known yet",
    }[died]
    severity: Severity = "warn" if died else "info"
    export = Remedy("export the dead jobs: qtop export")
    doubt: Literal["unjudged"] | None = "unjudged" if died is None else None
    if cap - 1 <= dead.length <= cap:
        yield Incident(
            *("failures", severity, "dead jobs at the usual limit", "dead cap"),
            link=link,
            figures=f"{dead.length:,}; each death drops the oldest"
            + ("" if died else ", and none is seen now"),
            cause="The set of dead jobs is cut down at each death.",
            evidence=(
                Figure("dead jobs", f"{dead.length:,} of {cap:,}"),
                Figure("now", says),
            ),
            meaning="A dead job that is dropped cannot be retried.",
            remedies=(
                Remedy("the dead jobs", "table.open"),
                Remedy("retry or delete what is there"),
                export,
                Remedy("raise the limit where the workers are configured (dead_max_jobs)"),
            ),
            doubt=doubt,
        )
    left_days = None
    if dead.first_at is not None and math.isfinite(dead.first_at):
        left_days = thresholds.dead_days - (at - dead.first_at) / _DAY_S
    if left_days is None or left_days > thresholds.dead_warn_days:
        return
    oldest = ago(at - (dead.first_at or at))
    when = "at the next death" if left_days <= 0 else f"in {ago(left_days * _DAY_S)}"
    yield Incident(
        *("failures", severity, "dead jobs about to be dropped", "dead age"),
        link=link,
        figures=f"the oldest of {dead.length:,} is {oldest} old, dropped {when}",
        cause=f"Dead jobs are kept for {thresholds.dead_days:g} days unless it is set otherwise.",
        evidence=(Figure("oldest", f"died {oldest} ago"), Figure("now", says)),
        meaning="A dead job that is dropped cannot be retried.",
        remedies=(
            Remedy("the dead jobs", "table.open"),
            Remedy("retry or delete what is old"),
            export,
        ),
        doubt=doubt,
    )
