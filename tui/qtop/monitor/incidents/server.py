"""What is wrong with the server, its clock and its scheduler. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from qtop.config.limits import Thresholds
from qtop.model.health import (
    Finding,
    HealthPart,
    HealthReport,
    Notice,
    Ownership,
    ServerInfo,
    SystemHealth,
)
from qtop.monitor.incidents import server_checks
from qtop.monitor.incidents.incident import Check, Incident, Link, Severity
from qtop.monitor.incidents.server_checks import Lease
from qtop.monitor.rows import FleetRows

#: What begins the sentence of a finding.
_SUBJECTS: Final = {
    "role": "Redis is ",
    "memory": "the memory of Redis is nearly full: ",
    "eviction": "Redis may drop data: ",
    "persistence": "persistence: ",
    "clock": "the clocks differ: ",
    "connections": "Redis is about to refuse connections: ",
    "scheduler": "scheduler: ",
}
#: What a part of a health report tells, in words.
UNKNOWN: Final[dict[HealthPart, str]] = {
    "server": "Redis's memory, eviction and persistence",
    "scheduler": "the scheduler and delayed jobs",
    "deeds": "who paused what",
    "aside": "delayed jobs that were set aside",
    "fronts": "how long the next jobs have waited",
    "strays": "whether there are jobs that no index leads to",
}


def server_incidents(
    health_report: HealthReport, lease: Lease | None, thresholds: Thresholds
) -> Iterator[Incident]:
    """What is wrong beside queues, workers and jobs; what could not be found out is a note."""
    if health_report.system.facts is not None:
        yield from _of_facts(health_report.system.facts, thresholds)
    if health_report.skew_s is not None:
        yield from _told(server_checks.clock(health_report.skew_s, thresholds), "clock")
    yield from _scheduler(health_report.system, lease, thresholds)
    for part, why in health_report.problems.items():
        yield Incident("server", "note", f"unknown: {UNKNOWN[part]} ({why})", "unknown", part)


def slow(rtt_ms: float | None, thresholds: Thresholds) -> Iterator[Incident]:
    """Whether Redis answers slowly. `rtt_ms` is what looks take of late."""
    if rtt_ms is not None and rtt_ms > thresholds.slow_look_ms:
        text = f"Redis answers slowly: a look at everything takes {rtt_ms / 1_000:.1f} s"
        remedy = "qtop doctor tells how long one round trip takes"
        yield Incident("server", "warn", text, "slow", remedy=remedy)


def _of_facts(facts: ServerInfo, thresholds: Thresholds) -> Iterator[Incident]:
    yield from _told(server_checks.role(facts), "server")
    if facts.fields.get("role") == "slave":
        return  # the rest is its primary's business
    for finding in server_checks.memory(facts, thresholds):
        yield from _told(finding, "server")
    yield from _told(server_checks.persistence(facts), "server")
    yield from _told(server_checks.connections(facts, thresholds), "server")


def _told(finding: Finding, check: Check, link: Link | None = None) -> Iterator[Incident]:
    if finding.level == "OK":
        return
    severity: Severity = "bad" if finding.level == "ERROR" else "warn"
    if finding.latent or finding.level == "UNKNOWN":
        severity = "note"
    text = _SUBJECTS.get(finding.check, "") + finding.text
    if finding.level == "UNKNOWN":
        text = f"unknown: {finding.check}: {finding.text}"
    yield Incident(check, severity, text, finding.check, "", link, finding.remedy)


def _scheduler(
    system: SystemHealth, lease: Lease | None, thresholds: Thresholds
) -> Iterator[Incident]:
    if system.master is None or system.due is None or system.taken is None:
        return
    overdue_s = system.taken.timestamp() - system.due
    is_due = overdue_s > thresholds.overdue_delay_s
    finding = server_checks.scheduler(lease, is_due, overdue_s, system.schedules or 0)
    if finding.level != "UNKNOWN":
        # It is when a health report was the first: the next ones will tell.
        yield from _told(finding, "scheduler", Link("scheduled"))
    late = server_checks.late(system.master or None, overdue_s, thresholds)
    if late is not None and finding.level in ("OK", "UNKNOWN"):
        yield Incident("scheduler", "warn", late.text, "late", "", Link("scheduled"), late.remedy)


# What is wrong where another system lives in the same place.


def notice_incidents(notices: Iterable[Notice]) -> Iterator[Incident]:
    """What a system itself has to say about its keys."""
    for each in notices:
        yield Incident(
            *("keys", each.severity, each.text, each.kind),
            link=None if each.place is None else Link(each.place),
            remedy=each.remedy,
            doubt="unjudged" if each.severity == "note" else None,
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
