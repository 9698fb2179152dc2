"""What only `qtop doctor` finds out about a server and its jobs, beside `server_checks`. Pure."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Final

from qtop.model.health import Strays
from qtop.monitor.incidents.server_checks import Finding, argument
from qtop.monitor.incidents.workers import stray_incidents
from qtop.text.format import named
from qtop.text.safe import counted
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
from resque.store import ownership
from resque.store.neighbours import Neighbours
from resque.store.ownership import KeyOwners
from resque.store.registration import Unregistered
from resque.store.server_info import RedisInfo
from resque.store.waiting_jobs import Sample

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


def version(facts: RedisInfo) -> Finding:
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


def scripts(facts: RedisInfo) -> Finding:
    """Whether Lua scripts can be run."""
    if facts.script_problem is None:
        return Finding("scripts", "OK", "Lua scripts can be run")
    if isinstance(facts.script_problem, Busy):
        return failed("scripts", facts.script_problem)
    what_to_do = "allow EVAL and EVALSHA: nothing works without"
    return Finding("scripts", "ERROR", str(facts.script_problem), what_to_do)


def commands(refused: Mapping[str, QueueError]) -> Finding:
    """Whether the server knows all commands."""
    unknown = sorted(name for name, why in refused.items() if isinstance(why, MissingCommand))
    if not unknown:
        return Finding("commands", "OK", "every command that qtop and its workers need is known")
    number = counted(len(unknown), "command")
    text = f"{number} not known to the server: {named(unknown)}: what needs them does not work"
    what_to_do = "use Redis 6.2 or newer; where they were renamed, have their names back"
    return Finding("commands", "WARN", text, what_to_do)


def rights(refused: Mapping[str, QueueError] | None) -> Finding:
    """Whether all commands are allowed."""
    if refused is None:
        text = "cannot be found out: MULTI is refused or not there"
        return Finding("rights", "UNKNOWN", text, "allow +multi +exec +discard")
    missing = {name: why for name, why in refused.items() if isinstance(why, AuthRefused)}
    if not missing:
        return Finding("rights", "OK", "every command that qtop and its workers need is allowed")
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
        return _as_far_as_seen(
            "namespace", f"{ours!r} has queues; {elsewhere}", is_complete, "*:queues"
        )
    advised = [name for name in others if name not in foreign]
    if advised:
        text = f"{ours!r} has no queues; {elsewhere}"
        what_to_do = f"try --namespace {shlex.quote(advised[0])}"
        return Finding("namespace", "WARN", text, what_to_do)
    text = f"{ours!r} has no queues yet; {elsewhere}"
    return _as_far_as_seen("namespace", text, is_complete, "*:queues")


def _as_far_as_seen(check: str, text: str, is_complete: bool, pattern: str) -> Finding:
    """Nothing was found; what was not looked at may hold it."""
    if is_complete:
        return Finding(check, "OK", text)
    return Finding(check, "UNKNOWN", text, f"redis-cli --scan --pattern '{pattern}' looks at all")


def unregistered(found: Sequence[Unregistered], is_complete: bool, foreign: int = 0) -> Finding:
    """Whether queues with jobs are missing from the set of queues. `foreign` is the number of
    further ones, which are Sidekiq's."""
    rest = "" if is_complete else " among the first 200,000 keys"
    rest += f"; {counted(foreign, 'list')} of Sidekiq's left alone" if foreign else ""
    if not found:
        text = f"no queue with jobs is missing from the set{rest}"
        return _as_far_as_seen("unregistered", text, is_complete, "*:queue:*")
    text = named([f"{each.name} ({each.jobs:,} waiting)" for each in found])
    what_to_do = f"qtop register {argument(found[0].name)}"
    missing = f"queues are missing from the set{rest}: {text}"
    return Finding("unregistered", "WARN", missing, what_to_do)


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


def items(found: Sequence[Sample], queues: int) -> Finding:
    """Whether workers can read what waits. `found` is what was looked at, of so many queues with
    jobs."""
    unread = [each.queue for each in found if each.length is None]
    looked_at = sum(each.looked_at for each in found)
    waiting = sum(each.length or 0 for each in found)
    part = f"{looked_at:,} looked at of {waiting:,} in {counted(len(found), 'queue')}"
    bad = [each for each in found if each.unreadable]
    if bad:
        number = sum(len(each.unreadable) for each in bad)
        where = named([f"{each.queue} ({len(each.unreadable):,})" for each in bad])
        text = f"{counted(number, 'item')} cannot be read: {where}; {part}"
        first = shlex.quote(bad[0].queue)
        see = f"qtop show --from queue:{first} --filter id:{bad[0].unreadable[0].sha[:10]}"
        return Finding("items", "WARN", text, see)
    if unread or len(found) < queues:
        rest = f"{counted(queues - len(found) + len(unread), 'queue')} not looked at"
        return Finding("items", "UNKNOWN", f"each can be read: {part}; {rest}")
    return Finding("items", "OK", f"each can be read: {part}")


def poison(classes: Sequence[str], read: int, in_all: int | None) -> Finding:
    """Whether there are jobs whose process died under them again and again. `classes` are those
    of their failures, among the `read` newest; `in_all` is how many failures there are."""
    among = f"among the {read:,} newest of {'' if in_all is None else f'{in_all:,} '}failures"
    if in_all is not None and read >= in_all:
        among = f"among {counted(in_all, 'failure')}"
    if not classes:
        return Finding("poison", "OK", f"no job killed its process again and again, {among}")
    counts = [f"{name} ({count:,})" for name, count in Counter(classes).most_common()]
    jobs, their = counted(len(classes), "failed job"), "its" if len(classes) == 1 else "their"
    text = f"{jobs} killed {their} process again and again: {named(counts)}, {among}"
    return Finding("poison", "WARN", text, "mend the job first; `qtop requeue` spares them")


def duplicates(
    holders: Mapping[tuple[str, bytes], Collection[str]],
    troubled: Collection[str],
    alike: Mapping[str, int],
    queues: int,
) -> Finding:
    """Whether jobs are there more than once. `holders` are the ids of the workers that hold each
    job, `troubled` those that are silent or dead; `alike` counts jobs of the same bytes among the
    first 1,000 of each of so many `queues`. Alone that is no fault: jobs may be alike."""
    shared = {job: ids for job, ids in holders.items() if len(ids) > 1}
    suspects = sorted({each for ids in shared.values() for each in ids if each in troubled})
    if suspects:
        text = f"another worker holds the same job as the silent {named(suspects)}"
        return Finding("duplicates", "WARN", text, "qtop prune --dry-run shows what it would do")
    told = [f"{len(shared):,} in several hands"] if shared else []
    told += [f"{count:,} of the first 1,000 of {name}" for name, count in alike.items()]
    if told:
        return Finding("duplicates", "OK", f"jobs are alike, byte for byte: {named(told)}")
    where = f"in workers' hands and among the first 1,000 of {counted(queues, 'queue')}"
    return Finding("duplicates", "OK", f"no job was found more than once, {where}")


# Which systems live in a database, in words: for `qtop doctor`.


def system_findings(found: Neighbours, ours: str) -> Iterator[Finding]:
    """Which systems there are, and whether ours is where we look."""
    yield _systems(found)
    if found.problem is not None:
        yield failed("namespace", found.problem)
        return
    judged = {ours: found.own, **found.others}
    foreign = {name: whose.system for name, whose in judged.items() if whose.level != "none"}
    names = [*found.others]
    if found.own.of_resque or found.own.level != "none" or found.own.owners:
        names.append(ours)
    yield namespaces(names, found.is_complete, ours, foreign)


def _systems(found: Neighbours) -> Finding:
    everything = [found.own, *found.others.values(), found.bare]
    told = [f"{each.system} under {each.place}{_why(each)}" for each in everything if each.system]
    told += [f"a connection calls itself {name}" for name in found.clients]
    text = "; ".join(told) or "neither Resque nor Sidekiq was found"
    if not found.is_complete:
        text += "; not all keys were searched"
    unread = [each for each in everything if each.problem is not None]
    if unread:
        text += f"; not all could be read under {unread[0].place} ({unread[0].problem})"
    # Where it was not looked, another system may live.
    return Finding("systems", "OK" if found.is_complete and not unread else "UNKNOWN", text)


def _why(whose: KeyOwners) -> str:
    told = [*whose.signs[:1]]
    if not whose.is_complete:
        told.append(f"{ownership.QUEUES} of its queues were looked at, not all")
    return f" ({'; '.join(told)})" if told else ""
