"""What `qtop doctor` makes of what it learned about a server: findings with reasons and remedies.
Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from resque.errors import ResqueError
from resque.state.inspection import Facts

Level = Literal["OK", "WARN", "ERROR"]

_SLOW_MS: Final = 50
_SKEW_WARN_S: Final = 5
_SKEW_ERROR_S: Final = 150
_NEARLY_FULL: Final = 0.9
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `remedy` is what to do; empty when nothing needs to be done."""

    check: str
    level: Level
    text: str
    remedy: str = ""


def failed(check: str, error: ResqueError) -> Finding:
    """A check that could not be made."""
    return Finding(check, "ERROR", str(error), "see that this works first, then ask again")


def latency(round_trips_ms: Sequence[float]) -> Finding:
    """How long a round trip takes; at least one was measured."""
    middle, worst = median(round_trips_ms), max(round_trips_ms)
    text = f"a round trip takes {middle:.1f} ms, at worst {worst:.1f} ms"
    if middle <= _SLOW_MS:
        return Finding("latency", "OK", text)
    return Finding("latency", "WARN", text, "run qtop and the workers nearer to Redis")


def version(facts: Facts) -> Finding:
    """Whether the server is new enough."""
    fields = facts.fields
    name = "Valkey" if "valkey_version" in fields else "Redis"
    told = fields.get("valkey_version") or fields.get("redis_version", "unknown")
    text = f"{name} {told}"
    # Valkey tells there which Redis it is compatible with.
    found = re.match(r"(\d+)\.(\d+)", fields.get("redis_version", ""))
    if found is None:
        return Finding("version", "WARN", text, "make sure that it is 6.2 or newer")
    number = (int(found[1]), int(found[2]))
    if number < (5, 0):
        return Finding("version", "ERROR", text, "use 6.2 or newer: the record needs streams")
    if number < (6, 2):
        return Finding("version", "WARN", text, "use 6.2 or newer: undo of a clear needs it")
    return Finding("version", "OK", text)


def role(facts: Facts) -> Finding:
    """Whether the server takes writes."""
    told = facts.fields.get("role", "unknown")
    if told == "slave":
        return Finding(
            "role", "ERROR", "a replica", "connect to its primary: this one is read-only"
        )
    return Finding("role", "OK", "a primary" if told == "master" else told)


def memory(facts: Facts) -> Iterator[Finding]:
    """How full the memory is, and what the server does when it is full."""
    used, limit = _integer(facts, "used_memory"), _integer(facts, "maxmemory")
    policy = facts.fields.get("maxmemory_policy", "unknown")
    text = f"{_mib(used)} used" + (f" of {_mib(limit)}" if limit else ", no limit set")
    if limit and used >= limit * _NEARLY_FULL:
        level: Level = "ERROR" if used >= limit else "WARN"
        yield Finding("memory", level, text, "raise maxmemory, or clear what is not needed")
    else:
        yield Finding("memory", "OK", text)
    remedy = "CONFIG SET maxmemory-policy noeviction, and the same in its configuration"
    if policy == "noeviction":
        yield Finding("eviction", "OK", "noeviction: nothing is ever dropped to save memory")
    elif policy.startswith("allkeys") and limit:
        yield Finding("eviction", "ERROR", f"{policy}: a full server drops whole queues", remedy)
    elif policy == "unknown":
        yield Finding("eviction", "WARN", "the policy is not told", "make sure: noeviction")
    else:
        what = "queues" if policy.startswith("allkeys") else "locks, and what undo needs,"
        yield Finding("eviction", "WARN", f"{policy}: when full, {what} are dropped", remedy)


def persistence(facts: Facts) -> Finding:
    """What a crash of the server would cost."""
    fields = facts.fields
    for field, what in (
        ("aof_last_write_status", "append-only file"),
        ("rdb_last_bgsave_status", "snapshot"),
    ):
        if fields.get(field, "ok") != "ok":
            text = f"the last write of the {what} failed"
            return Finding("persistence", "ERROR", text, "free its disk, and look into its log")
    if fields.get("aof_enabled") == "1":
        return Finding("persistence", "OK", "append-only file")
    remedy = "CONFIG SET appendonly yes, and the same in its configuration"
    if facts.save is None and "aof_enabled" not in fields:
        return Finding("persistence", "WARN", "not told", "make sure that it writes to disk")
    if facts.save == "":
        return Finding("persistence", "WARN", "none: a restart loses every job", remedy)
    return Finding("persistence", "WARN", "snapshots only: a crash loses minutes of jobs", remedy)


def scripts(facts: Facts) -> Finding:
    """Whether Lua scripts can be run."""
    if facts.script_problem is None:
        return Finding("scripts", "OK", "Lua scripts can be run")
    remedy = "allow EVAL and EVALSHA: nothing works without"
    return Finding("scripts", "ERROR", facts.script_problem, remedy)


def rights(missing: Mapping[str, str] | None) -> Finding:
    """Whether all commands are allowed."""
    if missing is None:
        text = "cannot be found out: MULTI is not allowed"
        return Finding("rights", "WARN", text, "allow +multi +exec +discard")
    if not missing:
        return Finding("rights", "OK", "every command that qtop and its workers use is allowed")
    names = sorted(missing)
    first = missing[names[0]]
    text = f"{len(names):,} commands are refused: {named(names)} ({first})"
    return Finding("rights", "ERROR", text, f"allow {' '.join(f'+{n.lower()}' for n in names)}")


def clock(skew_s: float) -> Finding:
    """Whether this machine and the server agree on the time. `skew_s` is how far the server is
    ahead."""
    if abs(skew_s) <= _SKEW_WARN_S:
        return Finding("clock", "OK", "the server's and this machine's agree")
    side = "ahead of" if skew_s > 0 else "behind"
    level: Level = "ERROR" if abs(skew_s) > _SKEW_ERROR_S else "WARN"
    text = f"the server's is {abs(skew_s):,.0f} s {side} this machine's"
    return Finding("clock", level, text, "synchronise both with NTP: ages and delays are wrong")


def namespaces(found: Collection[str], is_complete: bool, ours: str) -> Finding:
    """Whether there are queues where we look, or elsewhere."""
    others = [name for name in found if name != ours]
    elsewhere = f"others: {named(others)}" if others else "no others"
    if not is_complete:
        elsewhere += ", among the first 200,000 keys"
    if ours in found:
        return Finding("namespace", "OK", f"{ours!r} has queues; {elsewhere}")
    if others:
        text = f"{ours!r} has no queues; {elsewhere}"
        return Finding("namespace", "WARN", text, f"try --namespace {others[0]}")
    return Finding("namespace", "OK", f"{ours!r} has no queues yet; {elsewhere}")


def scheduler(master: str | None, is_due: bool, overdue_s: float, schedules: int) -> Finding:
    """Whether somebody moves the delayed jobs that are due and fires the schedules."""
    if master is not None:
        return Finding("scheduler", "OK", f"{master} is at work")
    remedy = "start one: qtop scheduler"
    if is_due:
        text = f"none is at work, and delayed jobs are due since {overdue_s:,.0f} s"
        return Finding("scheduler", "ERROR", text, remedy)
    if schedules:
        return Finding("scheduler", "WARN", f"none is at work for {schedules:,} schedules", remedy)
    return Finding("scheduler", "OK", "none is at work, and nothing is due")


def named(names: Sequence[str]) -> str:
    """The first few of some names."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _integer(facts: Facts, field: str) -> int:
    text = facts.fields.get(field, "")
    return int(text) if text.isdecimal() else 0


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.1f} MiB"
