"""Queues: their names, lengths, waiting jobs; pushing, clearing, and matching names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from resque.errors import NoQueueError, WrongType
from resque.state import bulk, windows
from resque.state.trail import Trail
from resque.state.windows import Extent, Item, Window
from resque.wire.codec import Payload, decode_payload
from resque.wire.exchange import Arg, Exchange, Steps, executed, load_script, single
from resque.wire.keys import Keys, name_bytes, name_text

_PUSH_ALL = load_script("push_all")


def names(keys: Keys) -> Exchange[list[str]]:
    """All queues ever enqueued to, in byte order. One round trip, O(queues)."""
    return single(
        ("SMEMBERS", keys.queues()), lambda reply: [name_text(raw) for raw in sorted(reply)]
    )


def size(keys: Keys, queue: str) -> Exchange[int]:
    """How many jobs wait in `queue`; 0 when there is no such queue. One round trip, O(1)."""
    return single(("LLEN", keys.queue(queue)), int)


def push(keys: Keys, queue: str, payloads: Sequence[bytes]) -> Exchange[int]:
    """Append payloads to a queue and register its name, in Ruby's order. Returns the length
    of the queue afterwards. One round trip, O(payloads)."""
    return Exchange(
        (
            ("SADD", keys.queues(), name_bytes(queue)),
            ("RPUSH", keys.queue(queue), *payloads),
        ),
        lambda replies: int(replies[1]),
        writes=True,
    )


def push_all(keys: Keys, payloads: Mapping[str, Sequence[bytes]]) -> Exchange[int]:
    """Append payloads to several queues, all of them or none. Returns how many. Raises WrongType
    when a queue's key is not a list. One round trip, O(payloads)."""
    args: list[Arg] = []
    for queue, items in payloads.items():
        args += [name_bytes(queue), len(items), *items]
    call = _PUSH_ALL.call([keys.queues(), *map(keys.queue, payloads)], args)
    return single(call, _pushed, writes=True)


def _pushed(reply: int) -> int:
    if reply < 0:
        raise WrongType("WRONGTYPE: the key of a queue holds no list; nothing was enqueued")
    return reply


def remove_exact(keys: Keys, queue: str, payload: bytes) -> Exchange[int]:
    """Remove every waiting job with exactly these bytes. Returns how many. One round trip,
    O(queue)."""
    return single(("LREM", keys.queue(queue), 0, payload), int, writes=True)


def remove_matching(keys: Keys, queue: str, class_name: str, args: Any | None) -> Steps[int]:
    """Remove waiting jobs of a class, and with equal arguments unless `args` is None, however
    their JSON is spelled. Returns how many. A round trip for each 1,000 jobs, two for each 200
    removed."""

    wanted = _spelling(args)

    def choose(item: Item, place: int) -> bulk.Mark | None:
        payload = decode_payload(item.raw)
        matches = (
            isinstance(payload, Payload)
            and payload.class_name == class_name
            and (args is None or _spelling(payload.args) == wanted)
        )
        return bulk.Mark(place, item.sha) if matches else None

    marks: list[bulk.Mark] = yield from bulk.scan(keys.queue(queue), choose, max_bytes=2**29)
    result = yield from bulk.take(keys, keys.queue(queue), marks, bulk.delete)
    if result.stopped is not None:
        raise result.stopped
    return result.done


def delete(
    keys: Keys, queue: str, marks: Sequence[bulk.Mark], trail: Trail | None = None
) -> Steps[bulk.Result]:
    """Delete waiting jobs. Costs as `bulk.take`."""
    return bulk.take(keys, keys.queue(queue), marks, bulk.delete, trail)


def move(
    keys: Keys, queue: str, marks: Sequence[bulk.Mark], to: str, trail: Trail | None = None
) -> Steps[bulk.Result]:
    """Move waiting jobs to the end of another queue, byte for byte. Costs as `bulk.take`."""
    return bulk.take(
        keys, keys.queue(queue), marks, lambda raw: bulk.Taking(0, raw, to, raw), trail
    )


def move_all(keys: Keys, queue: str, to: str) -> Steps[int]:
    """Move the jobs that wait in `queue` now to the end of another. Returns how many; raises
    what stopped it. A round trip for each 1,000 jobs, two for each 200."""
    marks: list[bulk.Mark] = yield from bulk.scan(
        keys.queue(queue), lambda item, place: bulk.Mark(place, item.sha)
    )
    result = yield from move(keys, queue, marks, to)
    if result.stopped is not None:
        raise result.stopped
    return result.done


def _spelling(args: Any) -> str:
    # Not `==`: in Python True equals 1, and 1 equals 1.0.
    return json.dumps(args, sort_keys=True)


def remove_queue(keys: Keys, queue: str) -> Exchange[int]:
    """Delete a queue and its name. Returns how many jobs there were. One round trip; the server
    frees the memory in the background."""
    return Exchange(
        (
            ("MULTI",),
            ("LLEN", keys.queue(queue)),
            ("SREM", keys.queues(), name_bytes(queue)),
            ("UNLINK", keys.queue(queue)),
            ("EXEC",),
        ),
        lambda replies: int(executed(replies[4])[0]),
        writes=True,
    )


def peek(
    keys: Keys, queue: str, start: int, count: int, *, max_bytes: int = 65_536
) -> Exchange[Window]:
    """The waiting jobs from place `start` (0 is next), at most `count`; of an item longer than
    `max_bytes` only the beginning. One round trip, O(start + count)."""
    # To LRANGE 0 -1, which these would be for none at all, is everything.
    first, last = (start, start + count - 1) if count > 0 else (1, 0)
    return windows.window(keys.queue(queue), first, last, max_bytes=max_bytes)


def extent(keys: Keys, queue: str) -> Exchange[Extent]:
    """What waits in `queue` now, for a clear to come. One round trip, O(1)."""
    return windows.extent(keys.queue(queue))


def clear(keys: Keys, queue: str, seen: Extent, trail: Trail | None = None) -> Exchange[int | None]:
    """Delete the jobs that waited in `queue` when `seen` was read; later ones stay, and so does
    the queue's name. Returns and costs as `windows.clear_to`."""
    return windows.clear_to(keys, keys.queue(queue), seen, trail=trail)


_SPECIAL = frozenset("*?{}[]")


class QueueList:
    """The queues a worker serves, as Ruby Resque reads `QUEUES`.

    Without wildcards and negations the list is used as it is. With any of them it is dynamic:
    every entry is a pattern over the registered names, in the order given, each entry's matches
    in byte order, without repetition; `!pattern` takes its matches out wherever it stands.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = tuple(entry.strip() for entry in entries)
        self.wanted = tuple(e for e in self.entries if not e.startswith("!"))
        self._unwanted = tuple(e[1:] for e in self.entries if e.startswith("!"))
        if not any(self.wanted):
            raise NoQueueError("a worker needs at least one queue: name some, or `*` for all")
        self.is_dynamic = bool(self._unwanted) or any(_SPECIAL & set(e) for e in self.wanted)

    @classmethod
    def parse(cls, text: str) -> QueueList:
        """Read a comma-separated list. Raises NoQueueError when it names none."""
        return cls(text.split(","))

    def __str__(self) -> str:
        """As it stands in a worker's id: without the negations."""
        return ",".join(self.wanted)

    def resolve(self, registered: Iterable[str]) -> list[str]:
        """The queues to look at, in order. O(entries x names) when dynamic."""
        if not self.is_dynamic:
            return list(self.wanted)
        ordered = sorted(registered, key=name_bytes)
        matches = (n for e in self.wanted for n in ordered if fnmatch(e, n))
        unwanted = {n for e in self._unwanted for n in ordered if fnmatch(e, n)}
        return [n for n in dict.fromkeys(matches) if n not in unwanted]


def fnmatch(pattern: str, name: str) -> bool:
    """Ruby's `File.fnmatch` without flags: `*` and `?` cross `/`, neither matches a leading
    dot, `[ab]`, `[a-z]`, `[!a]` and `[^a]` are sets, braces are literal, `\\` escapes."""
    return _pattern(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    out: list[str] = []
    at = 0
    while at < len(glob):
        char = glob[at]
        at += 1
        # Only at the very beginning: a leading dot must be spelled out.
        guard = "" if out else r"(?!\.)"
        if char == "*":
            out.append(guard + ".*")
        elif char == "?":
            out.append(guard + ".")
        elif char == "[" and (end := _set_end(glob, at)) > 0:
            body = glob[at:end]
            negated = body[0] in "!^"
            members = re.sub(r"([\\\]\[&~|^])", r"\\\1", body[1:] if negated else body)
            out.append(f"{guard}[{'^' if negated else ''}{members}]")
            at = end + 1
        elif char == "\\" and at < len(glob):
            out.append(re.escape(glob[at]))
            at += 1
        else:
            out.append(re.escape(char))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:  # a set such as [z-a]: matches nothing, as in Ruby
        return re.compile(r"(?!)")


def _set_end(glob: str, at: int) -> int:
    """Where the set that begins at `at` closes; -1 when it never does (then it is literal)."""
    first = at + 1 if glob[at : at + 1] in ("!", "^") else at
    return glob.find("]", first + 1)
