"""What `qtop doctor` says of what it finds about a server and its fleet. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from qtop.model.health import Finding, FindingLevel, ServerInfo, Strays
from qtop.monitor.incidents.incident import Incident, Severity
from qtop.monitor.incidents.workers import stray_incidents
from qtop.monitor.rows import FleetRows
from qtop.text.safe import count, counted
from queuecore.errors import (
    AuthRefused,
    BadUrl,
    Busy,
    MissingCommand,
    NoServer,
    NotPersisting,
    NotRedis,
    OutOfMemory,
    QueueError,
    ReadOnly,
    TooManyClients,
    Unreachable,
    WrongType,
)

# What to do about an error of Redis, for those who ask `qtop doctor`.

#: The first that fits; a subclass comes before its base.
_REMEDIES: Final[tuple[tuple[type[QueueError], str], ...]] = (
    (TooManyClients, "end clients that are not needed, or raise maxclients in its configuration"),
    (Unreachable, "correct the URL, or start Redis there"),
    (BadUrl, "correct the URL"),
    (NotRedis, "correct the host and port of the URL"),
    (NoServer, "name a Redis with --url"),
    (MissingCommand, "have the command allowed there, or do without what needs it"),
    (NotPersisting, "free its disk, look into its log, and have it save: BGSAVE"),
    (OutOfMemory, "raise maxmemory where the machine has more, or let workers catch up"),
    (ReadOnly, "connect to the primary"),
    (Busy, "wait until that is over, then ask again"),
    (WrongType, "see whose key it is before you change it: another system may use this namespace"),
)
#: What refuses everything that has no login, or a wrong one, in Redis's own words.
_OF_THE_LOGIN: Final = ("NOAUTH", "WRONGPASS", "DENIED")


def remedy(error: QueueError) -> str:
    """What to do about an error, beside what its message says."""
    if isinstance(error, AuthRefused):
        right = "have the user's rights extended: `rights` names what is missing"
        return "correct the login in the URL" if is_of_the_login(error) else right
    fitting = (text for kind, text in _REMEDIES if isinstance(error, kind))
    return next(fitting, "see that this works first, then ask again")


def is_of_the_login(error: QueueError) -> bool:
    """Whether an error says that nothing can be asked without another login."""
    is_refused = isinstance(error, AuthRefused)
    return is_refused and any(f"says: {code}" in str(error) for code in _OF_THE_LOGIN)


_SLOW_MS: Final = 50


def failed(check: str, error: QueueError) -> Finding:
    """A check that could not be made."""
    return Finding(check, "UNKNOWN", str(error), remedy(error))


def untold(why: QueueError) -> Finding:
    """A server that may not be asked about itself."""
    what = "version, role, memory, eviction, connections and persistence were not looked at"
    return Finding("server", "UNKNOWN", f"{what}: {why}", remedy(why))


def latency(round_trips_ms: Sequence[float]) -> Finding:
    """How long a round trip takes; at least one was measured."""
    middle, worst = median(round_trips_ms), max(round_trips_ms)
    text = f"a round trip takes {middle:.1f} ms, at worst {worst:.1f} ms"
    if middle <= _SLOW_MS:
        return Finding("latency", "OK", text)
    return Finding("latency", "WARN", text, "run qtop and the workers nearer to Redis")


def version(facts: ServerInfo) -> Finding:
    """Whether the server is new enough."""
    fields = facts.fields
    name = "Valkey" if "valkey_version" in fields else "Redis"
    told = fields.get("valkey_version") or fields.get("redis_version", "unknown")
    text = f"{name} {told}"
    # Valkey tells there which Redis it is compatible with.
    found = re.match(r"(\d+)\.(\d+)", fields.get("redis_version", ""))
    if found is None:
        return Finding("version", "UNKNOWN", text, "make sure that it is 6.2 or newer")
    number = (int(found[1]), int(found[2]))
    if number < (5, 0):
        return Finding("version", "ERROR", text, "use 6.2 or newer: the record needs streams")
    if number < (6, 2):
        return Finding("version", "WARN", text, "use 6.2 or newer: undo of a clear needs it")
    return Finding("version", "OK", text)


def scripts(facts: ServerInfo) -> Finding:
    """Whether Lua scripts can be run."""
    if facts.script_problem is None:
        return Finding("scripts", "OK", "Lua scripts can be run")
    if isinstance(facts.script_problem, Busy):
        return failed("scripts", facts.script_problem)
    what_to_do = "allow EVAL and EVALSHA: nothing works without"
    return Finding("scripts", "ERROR", str(facts.script_problem), what_to_do)


def stray_findings(found: Strays) -> Iterator[Finding]:
    """Whether there are jobs that no index leads to, beside those of queues. What is only kept for
    an undo, or while a job is tried again, is not lost."""
    told = [each for each in stray_incidents(found) if each.kind != "queue"]
    for each in told:
        yield Finding("strays", "WARN", each.text, each.remedy)
    if not found.is_complete:
        text = "only the first 200,000 keys were looked at for jobs that no index leads to"
        yield Finding("strays", "UNKNOWN", text, "give Resque a database of its own")
    elif not told:
        copies = counted(len(found.found) - len(found.lost), "key")
        text = f"every job is under a key that an index leads to; {copies} with copies"
        yield Finding("strays", "OK", text)


# What Overview says of a fleet, and what is well in it.

_LEVELS: Final[dict[Severity, FindingLevel]] = {
    "bad": "ERROR",
    "warn": "WARN",
    "note": "OK",
    "good": "OK",
}
#: What to do where something could not be read.
SEE: Final = "see what `state` and `rights` say"


def of_fleet(
    fleet_rows: FleetRows, incidents: Iterator[Incident], theirs: int
) -> Iterator[Finding]:
    """What Overview says of a fleet, and what is well in it, without `theirs`: so many queues are
    Sidekiq's. A note is no reason to act."""
    rest = f"; {theirs:,} more of Sidekiq's, not looked into" if theirs else ""
    number = None if fleet_rows.queues is None else len(fleet_rows.queues)
    told: set[str] = set()
    for incident in incidents:
        level = _LEVELS[incident.severity]
        remedy = "" if level == "OK" else incident.remedy
        if incident.doubt is not None:
            level = "UNKNOWN"
            remedy = SEE if incident.doubt == "unread" else remedy
        told |= {incident.check} if level != "OK" else set()
        yield Finding(incident.check, level, incident.text, remedy)
    is_whole = not fleet_rows.totals.problems
    knows_depths = is_whole and all(row.depth is not None for row in fleet_rows.queues or ())
    for check, is_known, text in (
        ("queues", knows_depths, f"{count(number)}, all with jobs are served{rest}"),
        ("workers", is_whole, f"{count(fleet_rows.totals.workers)}, none is silent"),
        ("jobs", is_whole, "none was set aside as unreadable, none runs for long"),
    ):
        if check in told:
            continue
        if is_known:
            yield Finding(check, "OK", text)
        else:
            yield Finding(check, "UNKNOWN", "not everything could be read: see `keys`", SEE)
