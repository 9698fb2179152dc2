"""Finds everything that is wrong, and remembers since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, get_args

from qtop.config.limits import USUAL, Thresholds
from qtop.model.health import HealthReport, Notice, Ownership, Strays
from qtop.monitor.changes import ServedBy
from qtop.monitor.incidents import jobs, queues, server, service, workers
from qtop.monitor.incidents.incident import (
    SEVERITIES,
    Check,
    Figure,
    Incident,
    Link,
    Remedy,
    remedies_of,
)
from qtop.monitor.incidents.jobs import Durations, FailureRate, failure_incidents
from qtop.monitor.incidents.poison import PoisonWatch
from qtop.monitor.incidents.queues import Growth, drop_incidents, pause_incidents
from qtop.monitor.incidents.server import LockWatch
from qtop.monitor.incidents.threads import ThreadWatch
from qtop.monitor.incidents.timed_jobs import CapacityWatch, DeathWatch, timed_incidents
from qtop.monitor.incidents.workers import stray_incidents
from qtop.monitor.rows import FleetRows, GroupMemory
from qtop.systems.system import Ability
from qtop.text.safe import ago, counted
from queuecore.values import replace

# Which incidents are shown: those that come and go must not move the rows.

#: What is not found any more is shown for so much longer.
STAYS_S: Final = 10.0
#: What is checked by asking at all.
NO_ANSWER: Final = "answer"

_Key = tuple[str, str, str]


class Steady:
    """Reports what two polls in a row have found. What is not found any more is called over and
    keeps its place for ten seconds.

    What the first poll and the first health report find is shown at once: there is nothing yet
    that could move. So is what is found when polls are further apart than ten seconds, and what
    could not be read: without that, the others would say that nothing is wrong.
    """

    def __init__(self) -> None:
        #: Each incident that is shown, and when it was last found.
        self._shown: dict[_Key, tuple[Incident, float]] = {}
        self._waiting: frozenset[_Key] = frozenset()
        self._found: frozenset[_Key] = frozenset()
        self._poll: tuple[FleetRows, float] | None = None
        self._is_settled = self._is_slow = False

    def shown(
        self, found: Iterable[Incident], fleet_rows: FleetRows, at_mono: float, *, is_whole: bool
    ) -> list[Incident]:
        """What is shown of what was found.

        Args:
            found: At the poll, or at the health report that came after it.
            fleet_rows: The poll's; the same one when it is judged again.
            at_mono: When it was taken, in monotonic seconds.
            is_whole: A health report was judged, too.
        """
        incidents = {incident.key: incident for incident in found}
        before = self._poll
        if before is None or fleet_rows is not before[0]:
            # Of the poll before, as it was judged last.
            self._waiting, self._poll = self._found, (fleet_rows, at_mono)
            self._is_slow = before is not None and at_mono - before[1] > STAYS_S
        self._found = frozenset(incidents)
        at_once = not self._is_settled or self._is_slow
        for key, incident in incidents.items():
            is_unknown = incident.kind == "unknown" or key[:2] == ("keys", "queue")
            if at_once or is_unknown or key in self._shown or key in self._waiting:
                self._shown[key] = incident, at_mono
        self._is_settled = self._is_settled or is_whole
        self._shown = {
            key: each for key, each in self._shown.items() if at_mono - each[1] < STAYS_S
        }
        return [
            incident if key in incidents else replace(incident, is_over=True)
            for key, (incident, _) in self._shown.items()
        ]


_CHECKS: Final = get_args(Check)
_QUOTES: Final = "(Redis says: "


#: The commands that incidents advise, by what a system must be able to do for them.
_NEEDS: Final[Mapping[str, Ability]] = {"resume": "pause", "register": "register"}


class IncidentRules:
    """Finds the incidents, poll after poll. With `is_steady` what comes and goes is shown as
    `Steady` says, else as it is found. `abilities` are the system's: what it cannot do is not
    advised. `served_by` says which queues workers with a list of queues serve. `newest_groups` has
    the newest failures of the last poll."""

    def __init__(
        self,
        thresholds: Thresholds = USUAL,
        *,
        is_steady: bool = False,
        abilities: Mapping[Ability, str | None] = MappingProxyType({}),
        served_by: ServedBy = lambda listed: listed,
    ) -> None:
        self._thresholds = thresholds
        self._abilities = abilities
        self._served_by = served_by
        self._service = service.ServiceWatch()
        self._growth = Growth(thresholds)
        self._durations = Durations()
        self._lock = LockWatch()
        self._pace = FailureRate()
        self._poison = PoisonWatch()
        self._threads = ThreadWatch(thresholds, self._poison.note_gone)
        self._capacity = CapacityWatch(thresholds)
        self._deaths = DeathWatch()
        self.newest_groups = GroupMemory()
        self._first_seen: dict[_Key, datetime] = {}
        self._began: datetime | None = None
        self._steady = Steady() if is_steady else None

    def judge(
        self,
        fleet_rows: FleetRows,
        at_mono: float,
        *,
        health_report: HealthReport | None,
        rtt_ms: float | None,
    ) -> tuple[Incident, ...]:
        """What is wrong, the worst first; when nothing is, one that says so comes first.

        Args:
            at_mono: When the poll was, in monotonic seconds.
            health_report: The newest there is; None before the first.
            rtt_ms: What polls take of late.

        The same poll may be judged again, as when a health report has come. Cost: O(queues +
        workers + failures read), a fraction of what making the rows costs.
        """
        found = list(self.fleet(fleet_rows, at_mono, health_report))
        found += server.slow(rtt_ms, self._thresholds)
        if health_report is not None:
            found += server.server_incidents(
                health_report, self._lock.add(health_report.system), self._thresholds
            )
        if self._steady is not None:
            is_whole = health_report is not None
            found = self._steady.shown(found, fleet_rows, at_mono, is_whole=is_whole)
        dated = self._dated(map(self._advised, found), fleet_rows.server_time)
        dated.sort(key=lambda each: (SEVERITIES.index(each.severity), _CHECKS.index(each.check)))
        if any(each.severity in ("crit", "warn") and not each.is_over for each in dated):
            return tuple(dated)
        return (_all_well(fleet_rows, health_report), *dated)

    def fleet(
        self, fleet_rows: FleetRows, at_mono: float, health_report: HealthReport | None
    ) -> Iterator[Incident]:
        """What is wrong with queues, workers and jobs, in no order, without when it began."""
        audit_entries = (
            health_report.system.audit_entries or () if health_report is not None else ()
        )
        self._durations.add(fleet_rows)
        grown = self._growth.add(fleet_rows, at_mono, audit_entries)
        if health_report is not None and health_report.ownership is not None:
            yield from _notice_incidents(health_report.notices)
            fleet_rows = without_others(fleet_rows, health_report.ownership)
            names = {row.name for row in fleet_rows.queues or ()}
            grown = [each for each in grown if each.row.name in names]
        classes = {} if health_report is None else health_report.waiting
        self._threads.add(fleet_rows, at_mono)
        late = queues.late_queues(fleet_rows, self._thresholds)
        full = self._threads.full((*(each.row.name for each in grown), *(r.name for r in late)))
        self._service.add(fleet_rows)
        unserved = service.unserved_rows(fleet_rows)
        formers = self._service.former(fleet_rows, {row.name for row in unserved}, self._served_by)
        yield from service.unserved_incidents(fleet_rows, unserved, classes, formers)
        yield from queues.queue_incidents(fleet_rows, grown, classes, late, full)
        yield from self._timed(fleet_rows, at_mono, health_report)
        if health_report is not None:
            yield from queues.delayed_aside(fleet_rows, health_report.system.aside)
            yield from stray_incidents(health_report.strays or Strays())
        yield from pause_incidents(fleet_rows, audit_entries, self._thresholds)
        yield from workers.worker_incidents(fleet_rows, self._thresholds, formers)
        yield from self._threads.incidents(fleet_rows.server_time, at_mono, audit_entries)
        yield from jobs.job_incidents(fleet_rows, self._durations, self._thresholds)
        pace = self._pace.add(fleet_rows, at_mono)
        self.newest_groups.note(fleet_rows.failures or ())
        yield from failure_incidents(fleet_rows, pace, self.newest_groups, self._thresholds)
        yield from self._poison.incidents(fleet_rows.failures or (), fleet_rows.totals.failed)
        yield from drop_incidents(fleet_rows)

    def _timed(
        self, fleet_rows: FleetRows, at_mono: float, health_report: HealthReport | None
    ) -> Iterator[Incident]:
        capacity = self._capacity.add(fleet_rows, at_mono)
        if health_report is not None and (timed := health_report.timed) is not None:
            yield from timed_incidents(timed, fleet_rows, capacity, self._deaths, self._thresholds)

    def _advised(self, incident: Incident) -> Incident:
        """The same, with the reason in place of a command that the system does not have."""
        return replace(incident, remedies=tuple(map(self._possible, incident.remedies)))

    def _possible(self, remedy: Remedy) -> Remedy:
        rest = remedy.command.removeprefix("qtop ")
        need = _NEEDS.get(rest.partition(" ")[0]) if remedy.command else None
        why = None if need is None else self._abilities.get(need)
        return remedy if why is None else Remedy(why)

    def usual_s(self, class_name: str) -> float | None:
        """How long 95 of 100 jobs of a class took at most; None when too few were seen to end."""
        return self._durations.usual_s(class_name, self._thresholds.jobs_known)

    def _dated(self, found: Iterable[Incident], now: datetime) -> list[Incident]:
        if self._began is None:
            self._began = now
        before, self._first_seen = self._first_seen, {}
        dated: list[Incident] = []
        for incident in found:
            if incident.since is None:
                since = self._first_seen[incident.key] = before.get(incident.key, now)
                incident = replace(incident, since=since, is_older=since == self._began)
            dated.append(incident)
        return dated


def _all_well(fleet_rows: FleetRows, health_report: HealthReport | None) -> Incident:
    totals = fleet_rows.totals
    last = "no failure on record"
    if totals.failed != 0:
        age_s = fleet_rows.failures[0].age_s if fleet_rows.failures else None
        # Coarse: a figure that changes every second is bytes over ssh and no news.
        is_new = age_s is not None and age_s < 60
        when = "unknown" if age_s is None else f"{ago(age_s)} ago"
        last = f"last failure {'less than a minute ago' if is_new else when}"
    is_partly = health_report is not None and bool(health_report.problems)
    doubt = " (some checks unavailable)" if is_partly else ""
    if health_report is None:
        doubt = " so far (checks are running)"
    queues, workers = counted(totals.queues, "queue"), counted(totals.workers, "worker")
    first = Remedy("jobs come as from: qtop enqueue Sleep 5 --queue sleep")
    return Incident(
        # What is unknown is not well.
        *("all", "info" if is_partly else "good", f"No problems detected{doubt}"),
        figures=f"{queues}, {workers}, {last}",
        remedies=(first,) if totals.queues == 0 else (),
    )


def no_answer(why: str, since: datetime | None) -> Incident:
    """Redis does not answer, or refuses to. `since` is when it last did."""
    # A refusal quotes Redis.
    text = f"Redis refuses: {why}" if _QUOTES in why else f"Redis does not answer: {why}"
    return Incident(
        *(NO_ANSWER, "crit", text),
        meaning="What is shown is as it was at the last answer.",
        remedies=(Remedy("qtop tries again by itself"),),
        since=since,
    )


# What is wrong where another system lives in the same place.


def _notice_incidents(notices: Iterable[Notice]) -> Iterator[Incident]:
    """What a system itself has to say about its keys."""
    for each in notices:
        yield Incident(
            *("keys", each.severity, each.text, each.kind),
            link=None if each.place is None else Link(each.place),
            cause=each.cause,
            evidence=tuple(Figure(*pair) for pair in each.evidence),
            remedies=remedies_of(each.remedy),
            doubt="unjudged" if each.severity == "info" else None,
        )


def without_others(fleet: FleetRows, seen: Ownership) -> FleetRows:
    """The same without the queues in which this system may change nothing: none of its workers may
    serve them. O(queues)."""
    if not (seen.refusals or seen.others_refusal or seen.has_foreign_failures):
        return fleet
    rows = tuple(row for row in fleet.queues or () if seen.refusal(row.name) is None)
    problems = fleet.totals.problems
    if seen.has_foreign_failures:
        problems = {what: why for what, why in problems.items() if what != "failures"}
    queues = None if fleet.queues is None else rows
    return replace(fleet, queues=queues, totals=replace(fleet.totals, problems=problems))
