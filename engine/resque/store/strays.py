"""Keys that hold jobs and that no index leads to.

Workers, queues, delayed moments and lists of failures are found by sets that name them. Scripts
that clean up, evictions and accidents take a name off such a set while its key still holds jobs;
then neither a worker, nor a scheduler, nor a console comes to them. Here all keys are gone through.
What is only a copy, kept for an undo or while a job is tried again, is marked as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from queuecore import windows
from queuecore.exchange import Command, Exchange, Reply, Steps, raise_all_but
from queuecore.fleet import COPIES, RunningJob, Stray, StrayKind, Strays
from queuecore.keys import name_bytes, name_text
from resque.errors import WrongType
from resque.keys import Keys
from resque.store import workers
from resque.store.delayed import ASIDE
from resque.store.worker_reader import unregistered

#: So much of a record is read.
_RECORD_BYTES: Final = 65_536


def find(keys: Keys) -> Steps[Strays]:
    """Go through the keys of the namespace. A round trip for each 1,000 keys of the database, up
    to 200, one or two more for those of them with what may be a stray, and another one. Raises
    StoreError where an index cannot be read, or SCAN is refused."""
    reading: _Reading = yield _indexes(keys)
    found: dict[bytes, Stray] = {}

    def visit(page: Sequence[bytes]) -> Steps[None]:
        suspects = [each for key in page if (each := reading.suspect(key)) is not None]
        moments = [each for each in suspects if each.kind == "delayed"]
        if moments:
            # There may be as many as keys, and nearly all of them are in the schedule.
            scheduled: set[bytes] = yield _scheduled(keys, moments)
            suspects = [each for each in suspects if each.key not in scheduled]
        if suspects:
            strays: list[Stray] = yield _confirmed(keys, suspects)
            found.update((each.key, each) for each in strays)

    is_complete = yield from windows.scan_keys(reading.pattern, visit)
    return Strays(
        tuple(sorted(found.values(), key=lambda each: (each.kind, each.key))), is_complete
    )


def _indexes(keys: Keys) -> Exchange[_Reading]:
    return Exchange(
        (
            ("SMEMBERS", keys.workers()),
            ("SMEMBERS", keys.queues()),
            ("SMEMBERS", keys.failed_queues()),
            # Only whether it can be asked.
            ("ZCARD", keys.delayed_schedule()),
        ),
        lambda replies: _Reading(keys, *map(frozenset, replies[:3])),
    )


class _Reading:
    """Tells by a key's name whether it may be a stray."""

    def __init__(
        self,
        keys: Keys,
        registered: frozenset[bytes],
        queues: frozenset[bytes],
        lists: frozenset[bytes],
    ) -> None:
        self._namespace = keys.failed_named("")
        self.pattern = windows.pattern_of(self._namespace)
        self._started = keys.worker_started("").removeprefix(keys.worker(""))
        self._items = keys.undo_items("").removeprefix(keys.undo(""))
        self._workers, self._lists = registered, lists
        #: By the beginning of a key: what it is, and which names need no look.
        self._kinds: tuple[tuple[bytes, StrayKind, frozenset[bytes]], ...] = (
            (keys.worker(""), "record", registered),
            (keys.queue(""), "queue", queues),
            (keys.unreadable(""), "unreadable", queues | {name_bytes(ASIDE)}),
            (keys.delayed(""), "delayed", frozenset()),
            (keys.undo(""), "undo", frozenset()),
            (keys.retry_failure(""), "retry", frozenset()),
        )
        self._others = (
            keys.stat(""),
            keys.delayed_stamps(b""),
            keys.retry(""),
            keys.claim(""),
            keys.lost(""),
            keys.pause_queue(""),
            keys.quarantine(""),
        )

    def suspect(self, key: bytes) -> Stray | None:
        for beginning, kind, known in self._kinds:
            if key.startswith(beginning):
                name = key.removeprefix(beginning)
                return None if name in known else self._named(kind, name, key)
        if key.endswith(b"_failed") and not key.startswith(self._others):
            name = key.removeprefix(self._namespace)
            return None if name in self._lists else Stray("failed", name_text(name), key)
        return None

    def _named(self, kind: StrayKind, name: bytes, key: bytes) -> Stray | None:
        if kind == "record" and name.removesuffix(self._started) in self._workers:
            return None
        if kind == "undo":
            if not name.endswith(self._items):
                return None
            name = name.removesuffix(self._items)
        return Stray(kind, name_text(name), key)


def _scheduled(keys: Keys, moments: Sequence[Stray]) -> Exchange[set[bytes]]:
    """The keys of those moments that are in the schedule."""
    schedule = keys.delayed_schedule()
    return Exchange(
        tuple(("ZSCORE", schedule, name_bytes(each.name)) for each in moments),
        lambda replies: {
            each.key for each, score in zip(moments, replies, strict=True) if score is not None
        },
    )


def _confirmed(keys: Keys, suspects: Sequence[Stray]) -> Exchange[list[Stray]]:
    """Those that hold jobs, and got no place in an index since they were suspected."""
    commands: list[Command] = []
    for each in suspects:
        commands += _questions(keys, each)

    def parse(replies: list[Reply]) -> list[Stray]:
        raise_all_but(WrongType, replies)
        confirmed = map(_confirm, suspects, zip(*[iter(replies)] * 3, strict=True))
        return [each for each in confirmed if each is not None]

    return Exchange(tuple(commands), parse, tolerant=True)


def _questions(keys: Keys, suspect: Stray) -> tuple[Command, Command, Command]:
    """Whether an index has it; what it holds; and more of that."""
    name, key = name_bytes(suspect.name), suspect.key
    of_list: tuple[Command, Command] = ("LLEN", key), ("EXISTS", key)
    match suspect.kind:
        case "record":
            return (
                ("SISMEMBER", keys.workers(), name),
                ("GETRANGE", key, 0, _RECORD_BYTES - 1),
                ("HGET", keys.heartbeats(), name),
            )
        case "delayed":
            return (("ZSCORE", keys.delayed_schedule(), name), *of_list)
        case "failed":
            first: Command = ("LRANGE", key, 0, 0)
            return (("SISMEMBER", keys.failed_queues(), name), ("LLEN", key), first)
        case "retry":
            return (("EXISTS", key), ("STRLEN", key), ("EXISTS", key))
        case "undo":
            return (("EXISTS", key), *of_list)
        case _:
            return (("SISMEMBER", keys.queues(), name), *of_list)


def _confirm(suspect: Stray, replies: tuple[Any, ...]) -> Stray | None:
    # A key of another type answers with an error, one that is gone with nothing.
    indexed, held, more = replies
    if suspect.kind == "record":
        return _record(suspect, indexed, held, more)
    if not isinstance(held, int) or not held:
        return None
    if suspect.kind in COPIES:
        return Stray(suspect.kind, suspect.name, suspect.key, held if suspect.kind == "undo" else 1)
    if indexed not in (0, None):
        return None
    if suspect.kind == "failed" and not _is_failure(more):
        return None
    return Stray(suspect.kind, suspect.name, suspect.key, held)


def _record(suspect: Stray, indexed: Any, raw: Any, beat: Any) -> Stray | None:
    # What else has such a name, the time of a start or another implementation's ping, has no job.
    if indexed != 0 or not isinstance(raw, bytes) or b'"payload"' not in raw:
        return None
    size, known_beat = len(raw), beat if isinstance(beat, bytes) else None
    is_whole = size < _RECORD_BYTES
    job = (
        workers.read_as(RunningJob, raw)
        if is_whole
        else workers.read_beginning(RunningJob, raw, size)
    )
    process = unregistered(suspect.name, job, known_beat)
    return Stray("record", suspect.name, suspect.key, 1, process)


def _is_failure(first: Any) -> bool:
    """Whether the first item of a list is a failure: other programs name lists so, too."""
    return isinstance(first, list) and bool(first) and b'"payload"' in first[0]
