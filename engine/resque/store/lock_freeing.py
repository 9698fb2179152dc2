"""Deleting the locks of jobs that operators take off their queues, and finding those without a
job. What the locks are: see `plugin_locks`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from queuecore import windows
from queuecore.bulk import Decide, Taking
from queuecore.exchange import Exchange, Operation, Steps, steps_of
from queuecore.keys import name_bytes, name_text
from resque.codec import Payload, decode_payload
from resque.errors import StoreError, WrongType
from resque.keys import Keys
from resque.scripts import load_script
from resque.store.plugin_locks import waiting_locks

_FREE = load_script("free_locks")

#: Of one action so many jobs are looked at, of so many bytes in all.
MOST_JOBS = 10_000
MOST_BYTES = 16 * 2**20
_AT_ONCE = 50
#: Jobs looked at to find those of locks, in all queues.
_MOST_LOOKED_AT = 50_000
_PAGE = 1_000
_JOB_BYTES = 65_536

T = TypeVar("T")


@dataclass(slots=True)
class Leaving:
    """The jobs that an action takes off a queue: `note` each before it goes. Bounded."""

    keys: Keys
    queue: str
    jobs: list[bytes] = field(default_factory=list)
    left_bytes: int = MOST_BYTES

    def note(self, raw: bytes) -> None:
        """A job is about to go."""
        if len(self.jobs) < MOST_JOBS and len(raw) <= self.left_bytes:
            self.jobs.append(raw)
            self.left_bytes -= len(raw)

    def free(self) -> Steps[int]:
        """Delete the locks of those that have left by now. Returns how many were deleted. A round
        trip for each 50 locks. Raises StoreError."""
        pairs = [(lock, raw) for raw in self.jobs for lock in locks_of(self.keys, self.queue, raw)]
        freed = 0
        for at in range(0, len(pairs), _AT_ONCE):
            part = pairs[at : at + _AT_ONCE]
            freed += yield _free(self.keys, self.queue, part)
        return freed


def edited(keys: Keys, queue: str, raw: bytes, payload: bytes) -> Leaving:
    """What leaves a queue when a job gets another payload: nothing where its locks stay its own."""
    leaving = Leaving(keys, queue)
    if set(locks_of(keys, queue, raw)) != set(locks_of(keys, queue, payload)):
        leaving.note(raw)
    return leaving


def locks_of(keys: Keys, queue: str, raw: bytes) -> tuple[bytes, ...]:
    """The locks that a payload may have; none when it is no job. Pure, O(bytes)."""
    payload = decode_payload(raw)
    if not isinstance(payload, Payload) or not payload.class_name:
        return ()
    try:
        return waiting_locks(keys, queue, payload.class_name, payload.args)
    except UnicodeError:
        return ()


def _free(keys: Keys, queue: str, pairs: Sequence[tuple[bytes, bytes]]) -> Exchange[int]:
    places = [keys.queue(queue), *(lock for lock, _ in pairs)]
    return _FREE.write(places, [raw for _, raw in pairs], int)


def and_free(action: Operation[T], leaving: Leaving) -> Steps[T]:
    """Carry out an action, and then free the jobs that have left. Where those cannot be freed the
    action was done all the same: `stale` finds their locks."""
    result = yield from steps_of(action)
    with suppress(StoreError):
        yield from leaving.free()
    return result


def noting(leaving: Leaving, decide: Decide) -> Decide:
    """`decide`, with each job noted that is to leave the queue and its locks."""

    def asked(raw: bytes) -> Taking | str:
        taking = decide(raw)
        if isinstance(taking, str):
            return taking
        stays = taking.queue == leaving.queue
        if not stays or edited(leaving.keys, leaving.queue, raw, taking.payload).jobs:
            leaving.note(raw)
        return taking

    return asked


def and_free_all(keys: Keys, queue: str, action: Operation[int | None]) -> Steps[int | None]:
    """Carry out an action that empties a queue, and then delete the locks of its jobs, if the
    queue is empty: else they may be those of jobs that came after it. For that a round trip for
    each 1,000 keys of the database, 200 at most."""
    deleted = yield from steps_of(action)
    if not deleted:
        return deleted
    with suppress(StoreError):
        found, _ = yield from _scanned(keys)
        mine = [(lock, b"") for lock in found if keys.queue_of_lock(lock) == queue]
        for at in range(0, len(mine), _AT_ONCE):
            yield _free(keys, queue, mine[at : at + _AT_ONCE])
    return deleted


def _scanned(keys: Keys) -> Steps[tuple[list[bytes], bool]]:
    """The locks of waiting jobs that there are, and whether all keys were looked at."""
    wanted = keys.lock_beginnings()
    pattern = windows.pattern_of(name_bytes(keys.namespace) + b":") + b"lo*"
    found, is_complete = yield from windows.find_keys(pattern, lambda key: key.startswith(wanted))
    return sorted(found), is_complete


@dataclass(frozen=True, slots=True)
class Stale:
    """The result of a search for locks without a job: the `locks` that have none and no lifetime
    of their own, how many `there` are in all, and whether all keys and all jobs were read."""

    locks: tuple[str, ...] = ()
    there: int = 0
    is_complete: bool = True


def stale(keys: Keys, queues: Sequence[str]) -> Steps[Stale]:
    """Find the locks of waiting jobs that do not wait. A round trip for each 1,000 keys of the
    database, 200 at most; where there are locks, one for each 1,000 jobs, 50 at most, and one for
    each queue; of locks that a class computes in its own way this is unknown."""
    found, is_complete = yield from _scanned(keys)
    if not found:
        return Stale(is_complete=is_complete)
    named = (keys.queue_of_lock(lock) for lock in found)
    had: set[bytes] = set()
    left = _MOST_LOOKED_AT
    for queue in dict.fromkeys((*queues, *(name for name in named if name is not None))):
        left -= yield from _look_at(keys, queue, had, left)
        if left <= 0:
            return Stale(there=len(found), is_complete=False)
    without = [lock for lock in found if lock not in had and _is_usual(keys, lock)]
    lasting: list[bytes] = yield _lasting(without)
    return Stale(tuple(map(name_text, lasting)), len(found), is_complete)


def _look_at(keys: Keys, queue: str, had: set[bytes], most: int) -> Steps[int]:
    """Add the locks that the jobs of a queue may have. Returns how many were looked at, `most` also
    when one is too large to be looked into."""
    # From the tail: jobs that workers take during this move nothing that is still to be read.
    for at in range(0, most, _PAGE):
        try:
            page: windows.Window = yield windows.window(
                keys.queue(queue), -at - _PAGE, -at - 1, max_bytes=_JOB_BYTES
            )
        except WrongType:
            return at
        for item in page.items:
            if item.is_cut:
                return most
            had.update(locks_of(keys, queue, item.raw))
        if len(page.items) < _PAGE:
            return at + len(page.items)
    return most


def _is_usual(keys: Keys, lock: bytes) -> bool:
    """Whether a lock is computed as the plug-in does it."""
    digest = lock.rpartition(b":")[2]
    is_digest = len(digest) == 32 and not digest.strip(b"0123456789abcdef")
    return is_digest or keys.queue_of_lock(lock) is None


def _lasting(locks: Sequence[bytes]) -> Exchange[list[bytes]]:
    """Those that do not end by themselves."""
    commands = tuple(("TTL", lock) for lock in locks)
    return Exchange(
        commands,
        lambda replies: [lock for lock, ttl in zip(locks, replies, strict=True) if ttl == -1],
    )
