"""What is wrong with the server, its clock and its scheduler: findings with reasons and remedies,
for `qtop doctor`, and the incidents made of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from qtop.config.limits import USUAL, Thresholds
from qtop.model.health import (
    Finding,
    FindingLevel,
    HealthPart,
    HealthReport,
    ServerInfo,
    SystemHealth,
)
from qtop.monitor.incidents.incident import (
    Check,
    Figure,
    Incident,
    Link,
    Remedy,
    Severity,
    remedies_of,
)
from qtop.text.format import late_by, part_name
from qtop.text.safe import ago, counted

# Whether the scheduler that holds the schedulers' lock is at work. A killed one holds it for up
# to three minutes more: only renewals show that its owner lives.

#: How long a lock lasts after each renewal, Ruby's and ours, unless it is set up otherwise.
LIFETIME_S: Final = 180.0
#: A scheduler renews every few seconds: three of its rounds.
FRESH_S: Final = 15.0
#: Ours waits a third of the lifetime at most, however it is set up.
STALE_S: Final = LIFETIME_S / 3


@dataclass(frozen=True, slots=True)
class Lease:
    """The lock, while it is held.

    Attributes:
        owner: Who holds it: `host:pid`.
        idle_s: For how long it has not been renewed; None when that is not known.
        left_s: Until it runs out; None when it never does, or that is not known.
        is_gone: Whether its owner's process should run on this machine, and does not.
    """

    owner: str
    idle_s: float | None = None
    left_s: float | None = None
    is_gone: bool = False


class LockWatch:
    """Sees from one health report to the next whether the lock is renewed."""

    def __init__(self) -> None:
        self._owner = ""
        self._ends_at = self._moved_at = float("-inf")

    def add(self, system: SystemHealth) -> Lease | None:
        """What is known of the lock by now; None when it is free, or that is not known. The
        same may be added again."""
        owner, taken, left_s = system.master, system.taken, system.lock_left_s
        if not owner or taken is None:
            return None
        if left_s is None:
            return Lease(owner)
        now = taken.timestamp()
        # A renewal moves the end by seconds; what is less is the time that answers take.
        if owner != self._owner or now + left_s > self._ends_at + 1:
            self._owner, self._ends_at, self._moved_at = owner, now + left_s, now
        return Lease(owner, now - self._moved_at, left_s)


_SKEW_ERROR_S: Final = 150


def role(facts: ServerInfo) -> Finding:
    """Whether the server takes writes."""
    is_called = facts.fields.get("role", "unknown")
    if is_called == "slave":
        return Finding(
            "role", "ERROR", "a replica", "connect to its primary: this one is read-only"
        )
    if is_called != "master":
        return Finding("role", "UNKNOWN", is_called, "make sure that it is a primary")
    return Finding("role", "OK", "a primary")


def memory(facts: ServerInfo, thresholds: Thresholds = USUAL) -> Iterator[Finding]:
    """How full the memory is, and what the server does when it is full."""
    used, limit = _integer(facts, "used_memory"), _integer(facts, "maxmemory")
    if used is None or limit is None:
        text = "memory use and limit unknown"
        yield Finding("memory", "UNKNOWN", text, "check the server's configuration")
    else:
        yield _memory(used, limit, thresholds)
    yield _eviction(facts.fields.get("maxmemory_policy") or "unknown", bool(limit))


def _memory(used: int, limit: int, thresholds: Thresholds) -> Finding:
    text = f"{_mib(used)} used" + (f" of {_mib(limit)}" if limit else ", no limit set")
    if limit and used >= limit * thresholds.memory_part:
        level: FindingLevel = "ERROR" if used >= limit else "WARN"
        remedy = "raise maxmemory where the machine has more, or let workers catch up"
        return Finding("memory", level, text, remedy)
    return Finding("memory", "OK", text)


def _eviction(policy: str, has_limit: bool) -> Finding:
    remedy = (
        "have maxmemory-policy set to noeviction: a full server then refuses new jobs, and what "
        "a cache on it wants to write"
    )
    if policy == "noeviction":
        return Finding("eviction", "OK", "noeviction: nothing is ever dropped to save memory")
    if policy.startswith("allkeys") and has_limit:
        return Finding("eviction", "ERROR", f"{policy}: a full server drops whole queues", remedy)
    if policy == "unknown":
        text = "policy unknown"
        return Finding("eviction", "UNKNOWN", text, "check that it is noeviction", latent=True)
    what = "queues" if policy.startswith("allkeys") else "locks, and what undo needs,"
    text = f"{policy}: when full, {what} are dropped"
    return Finding("eviction", "WARN", text, remedy, latent=not has_limit)


def connections(facts: ServerInfo, thresholds: Thresholds = USUAL) -> Finding:
    """Whether the server will go on taking connections."""
    used, limit = _integer(facts, "connected_clients"), _integer(facts, "maxclients")
    if used is None or limit is None:
        text = "unknown" if used is None else f"{used:,} used, limit unknown"
        return Finding("connections", "UNKNOWN", text, "check the server's configuration")
    text = f"{used:,} used of {limit:,}"
    if used < limit * thresholds.clients_part:
        return Finding("connections", "OK", text)
    remedy = "raise maxclients, or find out who leaves connections open"
    return Finding("connections", "WARN", text, remedy)


def persistence(facts: ServerInfo) -> Finding:
    """What a crash of the server would cost."""
    fields = facts.fields
    for field, what in (
        ("aof_last_write_status", "append-only file"),
        ("rdb_last_bgsave_status", "snapshot"),
    ):
        if fields.get(field, "ok") != "ok":
            text = f"failing; the last write of the {what} failed"
            remedy = "free its disk and check its log: until it can save it may refuse writes"
            return Finding("persistence", "ERROR", text, remedy)
    if fields.get("aof_enabled") == "1":
        return Finding("persistence", "OK", "append-only file")
    if facts.save is None or "aof_enabled" not in fields:
        remedy = "make sure that it writes to disk"
        return Finding("persistence", "UNKNOWN", "unknown", remedy, latent=True)
    # To write it into the configuration first and restart would lose what is there.
    remedy = "CONFIG SET appendonly yes while it runs, and only then the same in its configuration"
    if facts.save == "":
        return Finding("persistence", "WARN", "off; a restart loses all jobs", remedy)
    text = "by snapshots only; a crash loses minutes of jobs"
    return Finding("persistence", "WARN", text, remedy, latent=True)


def clock(skew_s: float, thresholds: Thresholds = USUAL) -> Finding:
    """Whether this machine and the server agree on the time. `skew_s` is how far the server is
    ahead."""
    if abs(skew_s) <= thresholds.clock_skew_s:
        text = f"the server's and this machine's agree, to {thresholds.clock_skew_s:g} s"
        return Finding("clock", "OK", text)
    side = "ahead of" if skew_s > 0 else "behind"
    level: FindingLevel = "ERROR" if abs(skew_s) > _SKEW_ERROR_S else "WARN"
    text = f"the server's is {abs(skew_s):,.0f} s {side} this machine's"
    return Finding("clock", level, text, "synchronise both with NTP: ages and delays are wrong")


def scheduler(lease: Lease | None, is_due: bool, overdue_s: float, schedules: int) -> Finding:
    """Whether delayed jobs that are due are moved, and schedules fired."""
    due = f"; oldest overdue job {late_by(overdue_s)}" if is_due else ""
    if lease is not None:
        return _held(lease, due)
    remedy = "start one: qtop scheduler"
    if is_due:
        text = f"scheduler down; oldest overdue job {late_by(overdue_s)}"
        return Finding("scheduler", "ERROR", text, remedy)
    if schedules:
        text = f"scheduler down; {counted(schedules, 'schedule')} will not fire"
        return Finding("scheduler", "WARN", text, remedy)
    return Finding("scheduler", "OK", "none runs, and nothing is due")


def _held(lease: Lease, due: str) -> Finding:
    """Whether the scheduler that holds the lock is at work, by its renewals; `due` is the end of
    the sentence where jobs are."""
    owner, idle_s = lease.owner, lease.idle_s
    holds = f"{owner} holds the lock"
    if idle_s is not None and idle_s < FRESH_S and not lease.is_gone:
        return Finding("scheduler", "OK", f"{owner} runs: it renewed its lock {_just(idle_s)}")
    if idle_s is None or (idle_s < STALE_S and not lease.is_gone):
        when = (
            "when it last did is not known" if idle_s is None else f"the last time {_just(idle_s)}"
        )
        text = f"{holds}, which a running scheduler renews every few seconds: {when}"
        return Finding("scheduler", "UNKNOWN", text, "see whether it runs, and ask again")
    gone = ", and no such process runs on this machine" if lease.is_gone else ""
    when = "" if lease.left_s is None else f", in {ago(max(1.0, lease.left_s))}"
    remedy = f"start another, which takes over when that lock ends{when}: qtop scheduler"
    level: FindingLevel = "ERROR" if due else "WARN"
    text = f"{holds} and has not renewed it for {ago(idle_s)}{gone}{due}"
    return Finding("scheduler", level, text, remedy)


def _just(idle_s: float) -> str:
    return f"{max(1.0, idle_s):.0f} s ago"


def late(master: str | None, overdue_s: float, thresholds: Thresholds = USUAL) -> Finding | None:
    """What is wrong when jobs are due for long though a scheduler is at work; None when not."""
    if master is None or overdue_s <= 2 * thresholds.overdue_delay_s:
        return None
    text = f"oldest overdue job {late_by(overdue_s)}, though {master} holds the schedulers' lock"
    return Finding("scheduler", "WARN", text, "see what it prints: it says what it cannot move")


def _integer(facts: ServerInfo, field: str) -> int | None:
    text = facts.fields.get(field, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.1f} MiB"


# The incidents of the console, made of the findings.

#: What begins the sentence of a finding; its figures are behind a semicolon.
_SUBJECTS: Final = {
    "role": "Redis is ",
    "memory": "Redis memory nearly full; ",
    "eviction": "Redis may drop data; ",
    "persistence": "Redis persistence ",
    "clock": "clocks differ; ",
    "connections": "Redis connections nearly used up; ",
}
#: Why it is so, where that is the same each time.
_CAUSES: Final = {
    "role": "The console is connected to a replica.",
    "memory": "Jobs or other data fill the memory of the server.",
    "eviction": "The server is configured as a cache.",
    "persistence": "The server is configured so, or could not write to its disk.",
    "clock": "One of the two clocks is not synchronised.",
    "connections": "More programs are connected than the server is configured for.",
}
#: What it does to the jobs.
_MEANINGS: Final = {
    "role": "Nothing can be changed here, and what is shown may be old.",
    "memory": "A full server refuses new jobs.",
    "eviction": "Jobs may be lost without a trace.",
    "persistence": "Jobs that wait are lost when the server crashes or restarts.",
    "clock": "Ages and delays are wrong by as much.",
    "connections": "Workers and programs that enqueue jobs cannot connect then.",
    "scheduler": "Delayed jobs stay where they are, and schedules do not fire.",
}
#: The checks that are not about the server itself.
_OTHER_CHECKS: Final[dict[str, Check]] = {
    "clock": "clock",
    "scheduler": "scheduler",
    "order": "keys",
}
#: What a part of a health report says, in words.
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
    findings: list[Finding] = []
    if health_report.system.facts is not None:
        findings += _of_facts(health_report.system.facts, thresholds)
    if health_report.skew_s is not None:
        findings.append(clock(health_report.skew_s, thresholds))
    if health_report.order is not None:
        findings.append(health_report.order)
    yield from (_incident(each) for each in findings if each.level != "OK")
    yield from _scheduler(health_report.system, lease, thresholds)
    for part, why in health_report.problems.items():
        text = f"unknown: {part_name(UNKNOWN[part])} ({why})"
        yield Incident(
            *("server", "info", text, "unknown", part),
            meaning="This check could not be made: what it would find is not shown.",
        )


def slow(rtt_ms: float | None, thresholds: Thresholds) -> Iterator[Incident]:
    """Whether Redis answers slowly. `rtt_ms` is what polls take of late."""
    if rtt_ms is not None and rtt_ms > thresholds.slow_look_ms:
        took = f"{rtt_ms / 1_000:.1f} s"
        yield Incident(
            *("server", "warn", "Redis answers slowly", "slow"),
            figures=f"a refresh takes {took}",
            cause="The network, a busy server, or very many queues and workers.",
            evidence=(Figure("refresh", took),),
            meaning="What is shown is older than usual; workers may be slowed down, too.",
            remedies=(Remedy("qtop doctor measures one round trip"),),
        )


def _of_facts(facts: ServerInfo, thresholds: Thresholds) -> list[Finding]:
    if facts.fields.get("role") == "slave":
        return [role(facts)]  # the rest is its primary's business
    findings = [role(facts), *memory(facts, thresholds)]
    return [*findings, persistence(facts), connections(facts, thresholds)]


def _incident(finding: Finding, link: Link | None = None) -> Incident:
    severity: Severity = "crit" if finding.level == "ERROR" else "warn"
    if finding.latent or finding.level == "UNKNOWN":
        severity = "info"
    text, _, figures = (_SUBJECTS.get(finding.check, "") + finding.text).partition("; ")
    if finding.level == "UNKNOWN":
        text, figures = f"unknown: {finding.check}: {finding.text}", ""
    check = _OTHER_CHECKS.get(finding.check, "server")
    is_known = finding.level != "UNKNOWN"
    return Incident(
        *(check, severity, text, finding.check, "", link),
        figures=figures,
        cause=_CAUSES.get(finding.check, "") if is_known else "",
        evidence=(Figure(finding.check, finding.text),),
        meaning=_MEANINGS.get(finding.check, "") if is_known else "",
        remedies=remedies_of(finding.remedy),
    )


def _scheduler(
    system: SystemHealth, lease: Lease | None, thresholds: Thresholds
) -> Iterator[Incident]:
    if system.master is None or system.due is None or system.taken is None:
        return
    overdue_s = system.taken.timestamp() - system.due
    is_due = overdue_s > thresholds.overdue_delay_s
    finding = scheduler(lease, is_due, overdue_s, system.schedules or 0)
    if finding.level in ("WARN", "ERROR"):
        yield replace(
            _incident(finding, Link("scheduled")),
            cause="No process holds the schedulers' lock."
            if lease is None
            else f"{lease.owner} holds the schedulers' lock and does not renew it.",
            evidence=tuple(_scheduler_evidence(system, lease, overdue_s)),
        )
        return
    # It is unknown when a health report was the first: the next ones will tell.
    late_finding = late(system.master or None, overdue_s, thresholds)
    if late_finding is not None:
        yield Incident(
            *("scheduler", "warn", late_finding.text, "late", "", Link("scheduled")),
            cause="The scheduler does not keep up, or cannot move some jobs.",
            evidence=tuple(_scheduler_evidence(system, lease, overdue_s)),
            meaning=_MEANINGS["scheduler"],
            remedies=remedies_of(late_finding.remedy),
        )


def _scheduler_evidence(
    system: SystemHealth, lease: Lease | None, overdue_s: float
) -> Iterator[Figure]:
    if overdue_s > 0:
        yield Figure("oldest overdue", late_by(overdue_s))
    yield Figure("schedulers' lock", "free" if lease is None else lease.owner)
    if lease is not None and lease.idle_s is not None:
        yield Figure("last renewal", f"{ago(lease.idle_s)} ago")
    if system.schedules:
        yield Figure("schedules", f"{system.schedules:,}")
