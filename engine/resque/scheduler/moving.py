"""Moving delayed jobs to their queues: those that are due, a whole moment, or a single one.

What is pushed is cut out of the delayed job's own bytes, so nothing is re-encoded. A script takes
the jobs off only while they are the expected ones, so that any number of schedulers may move at
once: none moves a job twice, none loses one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from queuecore.exchange import Arg, Exchange, Steps, single
from queuecore.keys import is_name, name_bytes
from resque.codec import Unreadable, decode, members
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import delayed

_HEAD = load_script("delayed_head")
_TAKE = load_script("delayed_take")

#: Jobs taken in one script (Ruby: DELAYED_REQUEUE_BATCH_SIZE) ...
BATCH = 100
#: ... and bytes after which no further one is added.
_BATCH_BYTES = 1 << 20
#: Batches of one pass, so that a long backlog does not keep a scheduler from its other duties.
PASS_BATCHES = 50

#: Returns the queue that a class declares; None when it has none or is not known.
QueueOf = Callable[[str], str | None]
#: Says of a job that is about to be moved why it may not go to its queue; None: it may.
Admit = Callable[["Push"], str | None]


def no_queue(class_name: str) -> None:
    """A `QueueOf` that knows no class."""


def admit_all(push: Push) -> None:
    """An `Admit` that lets every job through."""


@dataclass(frozen=True, slots=True)
class Push:
    """What goes onto which queue when a delayed job's moment has come."""

    queue: str
    payload: bytes


def push_of(raw: bytes, queue_of: QueueOf = no_queue) -> Push | Unreadable:
    """What a delayed job becomes: `{"class":...,"args":[...]}` from its own bytes, on its queue,
    else on its class's own. Arguments that are no list become the only one. Never raises."""
    try:
        decode(raw)
        parts = members(raw)
        name, args = decode(parts.get("class", b"null")), parts.get("args", b"null")
        queue = decode(parts.get("queue", b"null"))
    except ValueError as error:
        return Unreadable(raw, str(error))
    if not isinstance(name, str) or not name:
        return Unreadable(raw, "it names no class")
    if queue is None:
        queue = queue_of(name)
    if not isinstance(queue, str) or not queue:
        return Unreadable(raw, "it names no queue, and its class has none that is known here")
    if not is_name(queue):
        return Unreadable(raw, "its queue's name is no text")
    return Push(queue, b'{"class":%s,"args":%s}' % (parts["class"], as_list(args)))


def as_list(args: bytes) -> bytes:
    """Arguments as JSON text of a list, as Ruby's `Array(args)` with objects wrapped."""
    if args == b"null":
        return b"[]"
    return args if args.startswith(b"[") else b"[%s]" % args


@dataclass(frozen=True, slots=True)
class MovedJobs:
    """What became of delayed jobs: how many were queued, and those that cannot be moved, with the
    reason, which are kept in `unreadable:delayed`."""

    queued: int = 0
    set_aside: tuple[Unreadable, ...] = ()

    def plus(self, other: MovedJobs) -> MovedJobs:
        return MovedJobs(self.queued + other.queued, self.set_aside + other.set_aside)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over the due jobs did. `is_complete` says that no job is due any more;
    `next_at` is when the next one will be (epoch), None when there is none. `broken` are moments
    whose key is not a list."""

    moved: MovedJobs
    is_complete: bool
    next_at: float | None = None
    broken: tuple[str, ...] = ()


def move_due(
    keys: Keys,
    now: float,
    queue_of: QueueOf = no_queue,
    admit: Admit = admit_all,
    *,
    batch: int = BATCH,
) -> Steps[Pass]:
    """Move the jobs that are due at `now` (epoch), the earliest first, but at most 50 batches.
    Those that are not admitted are set aside. Three round trips a batch; no script touches more
    than `batch` jobs."""
    moved, broken = MovedJobs(), list[str]()
    for _ in range(PASS_BATCHES):
        first: list[tuple[str, float]] = yield single(
            ("ZRANGE", keys.delayed_schedule(), len(broken), len(broken), "WITHSCORES"),
            delayed.stamps,
        )
        if not first or first[0][1] > now:
            next_at = first[0][1] if first and math.isfinite(first[0][1]) else None
            return Pass(moved, True, next_at, tuple(broken))
        stamp = first[0][0]
        taken = yield from _move_head(keys, stamp, queue_of, admit, batch)
        if taken is None:
            # It stays where it is, before all others: looked past from now on.
            broken.append(stamp)
        else:
            moved = moved.plus(taken)
    return Pass(moved, False, None, tuple(broken))


def reset(keys: Keys) -> Steps[int]:
    """Delete all delayed jobs, also those that arrive meanwhile. Returns how many. Three round
    trips for each 100; moments whose key is not a list stay. (Ruby: reset_delayed_queue.)"""
    deleted = skip = 0
    while True:
        first: list[tuple[str, float]] = yield single(
            ("ZRANGE", keys.delayed_schedule(), skip, skip, "WITHSCORES"), delayed.stamps
        )
        if not first:
            return deleted
        stamp = first[0][0]
        head: list[bytes] | None = yield _head(keys, stamp, BATCH)
        if head is None:
            skip += 1
        else:
            taken, _ = yield _take(keys, stamp, [(raw, "drop", None) for raw in head])
            deleted += taken


_Decided = tuple[bytes, str, Push | None]


def _move_head(
    keys: Keys, stamp: str, queue_of: QueueOf, admit: Admit, batch: int
) -> Steps[MovedJobs | None]:
    """Move the first jobs of a moment; None when its key is not a list."""
    head: list[bytes] | None = yield _head(keys, stamp, batch)
    if head is None:
        return None
    pushes = [_admitted(push_of(raw, queue_of), raw, admit) for raw in head]
    decided: list[_Decided] = [
        (raw, "queue", push) if isinstance(push, Push) else (raw, "aside", None)
        for raw, push in zip(head, pushes, strict=True)
    ]
    taken, kept_back = yield _take(keys, stamp, decided)
    aside = [push for push in pushes[:taken] if isinstance(push, Unreadable)]
    refused = [Unreadable(b"", "the key of its queue is not a list")] * kept_back
    return MovedJobs(queued=taken - len(aside) - kept_back, set_aside=(*aside, *refused))


def _admitted(push: Push | Unreadable, raw: bytes, admit: Admit) -> Push | Unreadable:
    why = admit(push) if isinstance(push, Push) else None
    return push if why is None else Unreadable(raw, why)


def _head(keys: Keys, stamp: str, batch: int) -> Exchange[list[bytes] | None]:
    return _HEAD.read(
        [keys.delayed(stamp)],
        [batch, _BATCH_BYTES],
        lambda reply: None if reply[0] < 0 else reply[1:],
    )


def _take(keys: Keys, stamp: str, decided: Sequence[_Decided]) -> Exchange[tuple[int, int]]:
    """Take jobs off the head of a moment. Returns how many, and how many of them were set aside
    because of their queue's key. Without any it only forgets a moment that is empty."""
    aside = keys.unreadable(delayed.ASIDE)
    touched = [keys.delayed(stamp), keys.delayed_schedule(), keys.queues(), aside]
    args: list[Arg] = [keys.delayed_member(stamp), name_bytes(stamp)]
    for raw, act, push in decided:
        touched += [keys.delayed_stamps(raw), keys.queue(push.queue) if push else aside]
        args += [raw, act, name_bytes(push.queue) if push else b"", push.payload if push else b""]
    return _TAKE.write(touched, args, lambda reply: (int(reply[0]), int(reply[1])))
