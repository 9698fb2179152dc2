"""All that a console shows, in two round trips, whatever the number of queues and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from queuecore import times
from queuecore.cooperative import Slices, at_once
from queuecore.exchange import Command, Exchange, Reply, Steps, first_error
from queuecore.fleet import FleetSnapshot
from queuecore.keys import name_text
from queuecore.read_cache import integer
from queuecore.values import replace, value
from sidekiq.errors import Busy, StoreError, WrongType
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.store import processes
from sidekiq.store.newest_failed import FailedEntry, NewestFailed
from sidekiq.store.processes import ProcessReader
from sidekiq.store.queue_reader import SidekiqQueueReader

T = TypeVar("T")

_SETS: Final[tuple[SetName, ...]] = ("retry", "schedule", "dead")

SidekiqSnapshot = FleetSnapshot[FailedEntry]
"""A snapshot with failed jobs as Sidekiq keeps them; its sizes are those of `retry`, `schedule` and
`dead`, and of `failed`, the copies of sidekiq-failures, where there are any."""


def take(keys: SidekiqKeys, *, failures_limit: int) -> Steps[SidekiqSnapshot]:
    """Look at everything, once; `failures_limit` is how many failed jobs to read. Two round trips;
    O(queues + processes + threads + failed jobs read). Raises as `SidekiqSnapshotReader.look`."""
    reading = yield from SidekiqSnapshotReader(keys, failures_limit=failures_limit).look()
    return at_once(reading)


class SidekiqSnapshotReader:
    """Reads everything again and again, one poll after the other. What has not changed since the
    poll before is not read again, and stays the same object; what processes run is read again when
    they have beaten."""

    def __init__(self, keys: SidekiqKeys, *, failures_limit: int) -> None:
        self._keys = keys
        self._queues = SidekiqQueueReader(keys)
        self._processes = ProcessReader(keys)
        self._newest = NewestFailed(keys, limit=failures_limit)
        #: How often everything was to be read, and up to which time that was done.
        self._wanted = self._done = 0

    def read_all(self) -> None:
        """Leave nothing out at the next look, which begins after this: something was changed."""
        self._wanted += 1

    def look(self) -> Steps[Slices[SidekiqSnapshot]]:
        """Ask for everything; what is returned reads the answers, in slices, and must be done
        before the next look. Two round trips; O(queues + processes + threads that have beaten +
        failed jobs read + jobs pushed since). Raises Busy when the server answers nothing for now,
        StoreError when it does not tell the time; what it refuses singly is unknown, with the
        reason in `problems`."""
        wanted = self._wanted
        is_whole = wanted != self._done
        first: _First = yield self._first_look(whole=is_whole)
        of_queues = self._queues.ask(first.queues or [], whole=is_whole)
        of_processes = self._processes.ask(first.identities or [], whole=is_whole)
        second = (*of_queues, *of_processes)
        replies: list[Reply] = []
        if second:
            replies = yield Exchange(second, _answers, tolerant=True)
        self._done = wanted
        middle = len(of_queues)
        return self._read(first, replies[:middle], replies[middle:])

    def _first_look(self, *, whole: bool) -> Exchange[_First]:
        keys = self._keys
        commands: tuple[Command, ...] = (
            ("TIME",),
            ("SMEMBERS", keys.queues()),
            ("SMEMBERS", keys.paused()),
            *processes.register(keys),
            ("GET", keys.stat("processed")),
            ("GET", keys.stat("failed")),
            *(("ZCARD", keys.jobs(name)) for name in _SETS),
            ("ZCARD", keys.copies_of_failures()),
            *self._newest.ask(whole=whole),
        )
        return Exchange(commands, _first, tolerant=True)

    def _read(
        self, first: _First, of_queues: Iterable[Reply], of_processes: Iterable[Reply]
    ) -> Slices[SidekiqSnapshot]:
        seen, problems = first.snapshot, dict(first.snapshot.problems)
        newest = yield from self._newest.read(first.newest)
        running = yield from self._processes.read(iter(of_processes), first.leader, problems)
        # Last: pushes are counted from the last look that was read to its end.
        queues = yield from self._queues.read(iter(of_queues), first.paused, seen.server_time)
        return replace(
            seen,
            queues=None if first.queues is None else tuple(queues),
            processes=None if first.identities is None else tuple(running),
            failures=None if _all_refused(first.newest) else newest,
            problems=problems,
        )


@value
class _First:
    """What the first round trip answered; `snapshot` is without what is read of the second."""

    snapshot: SidekiqSnapshot
    queues: list[str] | None
    paused: frozenset[str] | None
    identities: list[str] | None
    leader: str | None
    newest: list[Reply]


def _all_refused(replies: list[Reply]) -> bool:
    return bool(replies) and all(isinstance(each, StoreError) for each in replies)


def _answers(replies: list[Reply]) -> list[Reply]:
    """Replies, unless one of them says that the server answers nothing for now: then all is
    unknown. Raises Busy."""
    for each in replies:
        if isinstance(each, Busy):
            raise each
    return replies


def _first(replies: list[Reply]) -> _First:
    clock, queues, paused, members, leader, processed, failed, *sets = _answers(replies)
    if isinstance(clock, StoreError):
        raise clock
    problems: dict[str, str] = {}

    def read(what: str, reply: Reply, meaning: Callable[[Any], T]) -> T | None:
        if isinstance(reply, StoreError):
            problems[what] = str(reply)
            return None
        return meaning(reply)

    counts, (copies, *newest) = sets[: len(_SETS)], sets[len(_SETS) :]
    sizes: dict[str, int | None] = {
        name: read(f"jobs in {name!r}", reply, int)
        for name, reply in zip(_SETS, counts, strict=True)
    }
    # Resque keeps a list of its own there.
    if not isinstance(copies, WrongType) and copies != 0:
        sizes["failed"] = read("copies of failures", copies, int)
    if (refused := first_error(newest)) is not None:
        problems.setdefault("failures", str(refused))
    retries, dead = sizes["retry"], sizes["dead"]
    snapshot = SidekiqSnapshot(
        *(times.read_server_time(clock), None, None, None),
        failed=None if retries is None or dead is None else retries + dead,
        processed_ever=_counted("jobs processed", processed, problems),
        failed_ever=_counted("jobs failed", failed, problems),
        is_paused=False,
        problems=problems,
        sizes={name: size for name, size in sizes.items() if size is not None},
    )
    return _First(
        snapshot,
        read("queues", queues, processes.names),
        read("paused queues", paused, lambda reply: frozenset(map(name_text, reply))),
        read("workers", members, processes.names),
        None if leader is None else read("leader", leader, name_text),
        newest,
    )


def _counted(what: str, reply: Reply, problems: dict[str, str]) -> int | None:
    found = integer(reply)
    if found is None:
        is_error = isinstance(reply, StoreError)
        problems[what] = str(reply) if is_error else "what is kept there is no number"
    return found
