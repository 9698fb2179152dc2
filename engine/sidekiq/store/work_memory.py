"""What each process ran when it was last seen: with open-source fetch that is all that is left of
the jobs of one that died, for 50 to 60 s after its last heartbeat. Who watches remembers it longer.

A memory is a value: `look` reads the processes, `fed` makes the next memory of it. `store` writes
one to Redis for a day, and `stored` reads it, for those who did not watch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Final, Literal

from queuecore import times
from queuecore.exchange import Arg, Command, Exchange, Reply, Steps
from queuecore.keys import name_bytes, name_text
from queuecore.values import TypeVar, replace, value
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

T = TypeVar("T")

_HELD = load_script("held_jobs")
_KEEP = load_script("keep_work")

#: How long after a process was last seen its work is remembered, in Redis and out of it.
MEMORY_S: Final = 24 * 3600
#: What a memory holds at most; the work of processes that died goes first.
MOST_PROCESSES: Final = 20_000
MOST_JOBS: Final = 50_000
MOST_BYTES: Final = 64 << 20
#: A larger job is not remembered, only that there was one.
MOST_JOB_BYTES: Final = 1 << 20
#: Processes that one round trip is about; of how many the work is read in one, and about how many
#: bytes of each.
_AT_ONCE: Final = 200
_WORK_AT_ONCE: Final = 20
_WORK_BYTES: Final = 8 << 20

ProcessFate = Literal["alive", "crashed", "unknown"]
"""`crashed`: its hash expired while it was on the set of processes, which it leaves when it ends
cleanly. `unknown`: it is on no set and has no hash; nobody saw which went first."""

#: How the field of a thread begins in what is stored; those of the process itself have no colon.
_THREAD: Final = b"thread:"


@value
class SeenProcess:
    """One process at a moment.

    Attributes:
        is_member: Whether it is on the set of processes.
        beat: Its last heartbeat as it wrote it; None when its hash does not exist.
        work: Thread to what it runs, as it is written; None when that was not read, because the
            beat is that of the memory, or because it could not be.
        left_out: How many more jobs it runs, which are too large to remember.
    """

    is_member: bool
    beat: bytes | None
    work: Mapping[str, bytes] | None = None
    left_out: int = 0


@value
class WorkLook:
    """The processes at a moment by the server's clock, also those of the memory that are gone."""

    at_s: float
    processes: Mapping[str, SeenProcess]


@value
class RememberedProcess:
    """What is known of a process that was seen alive.

    Attributes:
        seen_s: When its hash was last seen to exist, in seconds by the server's clock.
        beat: Its last heartbeat as it wrote it.
        work: Thread to what it ran then, as it is written.
        left_out: How many more jobs it ran, which were too large or too many to remember.
    """

    identity: str
    seen_s: float
    beat: bytes = b""
    work: Mapping[str, bytes] = MappingProxyType({})
    fate: ProcessFate = "alive"
    left_out: int = 0


@value
class WorkMemory:
    """What the processes ran, by their identities. Those that left cleanly are not in it: they gave
    their jobs back."""

    processes: Mapping[str, RememberedProcess] = MappingProxyType({})


def look(keys: SidekiqKeys, memory: WorkMemory) -> Steps[WorkLook]:
    """Look at the processes, and at those of a memory. One round trip, one more for each 200
    processes, and one for each 20 whose heartbeat is not that of the memory: O(bytes of their
    work)."""
    members: set[str] = yield Exchange(
        (("SMEMBERS", keys.processes()),), lambda replies: set(map(name_text, replies[0]))
    )
    identities = sorted(members | memory.processes.keys())
    found: dict[str, SeenProcess] = {}
    at_s = 0.0
    for part in _parts(identities, _AT_ONCE):
        at_s, states = yield _states(keys, part)
        found |= states
        changed = [each for each in part if _has_beaten(states[each], memory, each)]
        for few in _parts(changed, _WORK_AT_ONCE):
            found |= yield _work(keys, {each: states[each] for each in few})
    if not identities:
        at_s, _ = yield _states(keys, ())
    return WorkLook(at_s, found)


def _has_beaten(now: SeenProcess, memory: WorkMemory, identity: str) -> bool:
    before = memory.processes.get(identity)
    return now.beat is not None and (before is None or before.beat != now.beat)


def _states(
    keys: SidekiqKeys, identities: Sequence[str]
) -> Exchange[tuple[float, dict[str, SeenProcess]]]:
    commands: list[Command] = [("TIME",)]
    for identity in identities:
        commands.append(("HGET", keys.process(identity), "beat"))
        commands.append(("EXISTS", keys.process(identity)))
        # After the hash: one that leaves cleanly between the two is seen to leave, never to crash.
        commands.append(("SISMEMBER", keys.processes(), name_bytes(identity)))

    def parse(replies: list[Reply]) -> tuple[float, dict[str, SeenProcess]]:
        clock = replies[0]
        if isinstance(clock, StoreError):
            raise clock
        at_s = times.from_server(*clock).timestamp()
        parts = zip(identities, replies[1::3], replies[2::3], replies[3::3], strict=True)
        return at_s, {
            identity: SeenProcess(
                member == 1, None if exists == 0 else (beat if isinstance(beat, bytes) else b"")
            )
            for identity, beat, exists, member in parts
        }

    return Exchange(tuple(commands), parse, tolerant=True)


def _work(keys: SidekiqKeys, states: Mapping[str, SeenProcess]) -> Exchange[dict[str, SeenProcess]]:
    commands: list[Command] = []
    for identity in states:
        commands.append(("HGET", keys.process(identity), "busy"))
        for key in (keys.old_work(identity), keys.work(identity)):
            commands.append(_HELD.call([key], [MOST_JOB_BYTES, _WORK_BYTES]))

    def parse(replies: list[Reply]) -> dict[str, SeenProcess]:
        parts = zip(states.items(), replies[::3], replies[1::3], replies[2::3], strict=True)
        return {
            identity: _with_work(state, busy, old, new)
            for (identity, state), busy, old, new in parts
        }

    return Exchange(tuple(commands), parse, tolerant=True)


def _with_work(process: SeenProcess, busy: Reply, old: Reply, new: Reply) -> SeenProcess:
    """A process with its work; without where that cannot be read, or has expired a moment before
    its hash."""
    if not isinstance(old, list) or not isinstance(new, list):
        return process
    # One thread has one job: who writes both names means the same one.
    flat = [*old[0], *new[0]]
    work = {name_text(thread): raw for thread, raw in zip(flat[::2], flat[1::2], strict=True)}
    left_out: int = max(old[1], new[1])
    if not work and not left_out and busy not in (None, b"0"):
        return process
    return replace(process, work=work, left_out=left_out)


def fed(memory: WorkMemory, seen: WorkLook) -> WorkMemory:
    """The memory after a look. Pure. O(processes + jobs)."""
    remembered = dict(memory.processes)
    for identity, process in seen.processes.items():
        before = remembered.pop(identity, None)
        now = _after(identity, before, process, seen.at_s)
        if now is not None and seen.at_s - now.seen_s <= MEMORY_S:
            remembered[identity] = now
    return WorkMemory(MappingProxyType(_bounded(remembered.values())))


def _after(
    identity: str, before: RememberedProcess | None, now: SeenProcess, at_s: float
) -> RememberedProcess | None:
    if now.beat is None:
        if before is None or before.fate == "crashed":
            return before
        return replace(before, fate="crashed" if now.is_member else "unknown")
    if not now.is_member:
        return None
    if now.work is None:
        before = before or RememberedProcess(identity, at_s)
        # With the beat that is remembered the work is read again, unless it is that of this beat.
        return replace(before, seen_s=at_s, fate="alive")
    work = MappingProxyType(now.work)
    return RememberedProcess(identity, at_s, now.beat, work, left_out=now.left_out)


def _bounded(processes: Iterable[RememberedProcess]) -> dict[str, RememberedProcess]:
    """As much of it as may be remembered: first of those that are gone, the last seen first."""
    ordered = sorted(processes, key=lambda each: (each.fate == "alive", -each.seen_s))
    jobs, room = MOST_JOBS, MOST_BYTES
    kept: dict[str, RememberedProcess] = {}
    for each in islice(ordered, MOST_PROCESSES):
        size = sum(map(len, each.work.values()))
        if len(each.work) <= jobs and size <= room:
            jobs, room = jobs - len(each.work), room - size
            kept[each.identity] = each
            continue
        work: dict[str, bytes] = {}
        for thread, raw in each.work.items():
            if jobs > 0 and len(raw) <= room:
                jobs, room = jobs - 1, room - len(raw)
                work[thread] = raw
        left_out = each.left_out + len(each.work) - len(work)
        kept[each.identity] = replace(each, work=MappingProxyType(work), left_out=left_out)
    return kept


def store(keys: SidekiqKeys, before: WorkMemory, now: WorkMemory, at_s: float) -> Steps[None]:
    """Write what is new in a memory since `before`, for a day; what left it is forgotten there,
    too. Of two who store, the newer look counts. `at_s` is when `now` was seen. A round trip for
    each 200 processes that changed, O(bytes of their work)."""
    changed = [
        _keep(keys, each, each.seen_s)
        for identity, each in now.processes.items()
        if before.processes.get(identity) != each
    ]
    gone = [
        _keep(keys, RememberedProcess(identity, at_s), at_s, is_forgotten=True)
        for identity in before.processes.keys() - now.processes.keys()
    ]
    for part in _parts([*changed, *gone], _AT_ONCE):
        yield Exchange(tuple(part), lambda _: None, writes=True)


def _keep(
    keys: SidekiqKeys, process: RememberedProcess, seen_s: float, *, is_forgotten: bool = False
) -> Command:
    args: list[Arg] = [name_bytes(process.identity), repr(seen_s), MEMORY_S]
    if not is_forgotten:
        args += ["seen", repr(seen_s), "beat", process.beat]
        args += ["fate", process.fate, "left_out", process.left_out]
        for thread, raw in process.work.items():
            args += [_THREAD + name_bytes(thread), raw]
    return _KEEP.call([keys.memory(process.identity), keys.memories()], args)


def stored(keys: SidekiqKeys) -> Steps[WorkMemory]:
    """The memory that is stored. One round trip, and one for each 200 processes, O(bytes of their
    work)."""
    identities: list[str] = yield Exchange(
        (("ZREVRANGE", keys.memories(), 0, MOST_PROCESSES - 1),),
        lambda replies: list(map(name_text, replies[0])),
    )
    found: list[RememberedProcess] = []
    for part in _parts(identities, _AT_ONCE):
        found += yield _stored(keys, part)
    return WorkMemory(MappingProxyType(_bounded(found)))


def _stored(keys: SidekiqKeys, identities: Sequence[str]) -> Exchange[list[RememberedProcess]]:
    def parse(replies: list[Reply]) -> list[RememberedProcess]:
        pairs = zip(identities, replies, strict=True)
        return [each for who, flat in pairs if (each := _read_stored(who, flat)) is not None]

    commands = tuple(("HGETALL", keys.memory(identity)) for identity in identities)
    return Exchange(commands, parse, tolerant=True)


def _read_stored(identity: str, flat: Reply) -> RememberedProcess | None:
    """What was stored of a process; None for what is nothing of ours."""
    if not isinstance(flat, list):
        return None
    fields: dict[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))
    try:
        seen_s, left_out = float(fields[b"seen"]), int(fields[b"left_out"])
    except (KeyError, ValueError):
        return None
    fates: dict[bytes | None, ProcessFate] = {b"alive": "alive", b"crashed": "crashed"}
    work = {
        name_text(field.removeprefix(_THREAD)): raw
        for field, raw in fields.items()
        if field.startswith(_THREAD) and len(raw) <= MOST_JOB_BYTES
    }
    if not math.isfinite(seen_s):
        return None
    fate = fates.get(fields.get(b"fate"), "unknown")
    beat = fields.get(b"beat", b"")
    return RememberedProcess(identity, seen_s, beat, MappingProxyType(work), fate, left_out)


def merged(one: WorkMemory, other: WorkMemory) -> WorkMemory:
    """What either of two memories knows; of a process that both know, what was seen later, and that
    it crashed where one knows that. Pure."""
    found = dict(one.processes)
    for identity, each in other.processes.items():
        mine = found.get(identity)
        if mine is None or (each.seen_s, each.fate == "crashed") > (
            mine.seen_s,
            mine.fate == "crashed",
        ):
            found[identity] = each
    return WorkMemory(MappingProxyType(_bounded(found.values())))


def _parts(things: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (things[first : first + most] for first in range(0, len(things), most))
