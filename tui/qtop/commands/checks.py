"""What only `qtop doctor` finds out about a server and its jobs, beside `server_checks`. Pure."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Final

from qtop.display.text import counted
from qtop.verdicts.server_checks import Finding, named
from resque.errors import ResqueError
from resque.state.inspection import Facts
from resque.state.registration import Unregistered

_SLOW_MS: Final = 50


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
    are = "is" if len(names) == 1 else "are"
    text = f"{counted(len(names), 'command')} {are} refused: {named(names)} ({first})"
    return Finding("rights", "ERROR", text, f"allow {' '.join(f'+{n.lower()}' for n in names)}")


def namespaces(
    found: Collection[str],
    is_complete: bool,
    ours: str,
    foreign: Mapping[str, str] = MappingProxyType({}),
) -> Finding:
    """Whether there are queues where we look, or elsewhere. `foreign` are the namespaces in which
    Sidekiq lives, and what lives there in words: they are never advised."""
    others = [name for name in found if name != ours]
    shown = [f"{name} ({foreign[name]})" if name in foreign else name for name in others]
    elsewhere = f"others: {named(shown)}" if others else "no others"
    if not is_complete:
        elsewhere += ", among the first 200,000 keys"
    if ours in found:
        return Finding("namespace", "OK", f"{ours!r} has queues; {elsewhere}")
    advised = [name for name in others if name not in foreign]
    if advised:
        text = f"{ours!r} has no queues; {elsewhere}"
        remedy = f"try --namespace {shlex.quote(advised[0])}"
        return Finding("namespace", "WARN", text, remedy)
    return Finding("namespace", "OK", f"{ours!r} has no queues yet; {elsewhere}")


def unregistered(found: Sequence[Unregistered], is_complete: bool, foreign: int = 0) -> Finding:
    """Whether queues hold jobs that nobody will find. Besides there are so many `foreign` ones,
    which are Sidekiq's."""
    rest = "" if is_complete else " among the first 200,000 keys"
    rest += f"; {counted(foreign, 'list')} of Sidekiq's left alone" if foreign else ""
    if not found:
        return Finding("unregistered", "OK", f"no queue with jobs is missing from the set{rest}")
    text = named([f"{each.name} ({each.jobs:,} waiting)" for each in found])
    remedy = f"qtop register {shlex.quote(found[0].name)}"
    return Finding("unregistered", "WARN", f"queues are missing from the set{rest}: {text}", remedy)


def poison(classes: Sequence[str]) -> Finding:
    """Whether there are jobs whose process died under them again and again. `classes` are those
    of their failures."""
    if not classes:
        return Finding("poison", "OK", "no failed job killed its process again and again")
    counts = [f"{name} ({count:,})" for name, count in Counter(classes).most_common()]
    jobs, their = counted(len(classes), "failed job"), "its" if len(classes) == 1 else "their"
    text = f"{jobs} killed {their} process again and again: {named(counts)}"
    return Finding("poison", "WARN", text, "mend the job first; `qtop requeue` spares them")


def duplicates(
    holders: Mapping[tuple[str, bytes], Collection[str]],
    troubled: Collection[str],
    alike: Mapping[str, int],
) -> Finding:
    """Whether jobs are there more than once. `holders` are the ids of the workers that hold each
    job, `troubled` those that are silent or dead; `alike` counts jobs of the same bytes among the
    first 1,000 of a queue. Alone that is no fault: jobs may be alike."""
    shared = {job: ids for job, ids in holders.items() if len(ids) > 1}
    suspects = sorted({each for ids in shared.values() for each in ids if each in troubled})
    if suspects:
        text = f"another worker holds the same job as the silent {named(suspects)}"
        return Finding("duplicates", "WARN", text, "qtop prune --dry-run shows what it would do")
    told = [f"{len(shared):,} in several hands"] if shared else []
    told += [f"{count:,} of the first 1,000 of {name}" for name, count in alike.items()]
    if told:
        return Finding("duplicates", "OK", f"jobs are alike, byte for byte: {named(told)}")
    return Finding("duplicates", "OK", "no job was found more than once")
