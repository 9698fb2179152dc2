"""All that a console shows, in at most two round trips, whatever the number of queues and
workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from queuecore import times
from queuecore.cooperative import Slices, at_once
from queuecore.exchange import Command, Exchange, Reply, Steps
from queuecore.fleet import FleetSnapshot
from queuecore.keys import name_text
from queuecore.read_cache import integer
from queuecore.windows import Stretch
from resque.errors import Busy, StoreError
from resque.keys import Keys
from resque.store import pauses
from resque.store.failures import Failure, NewestFailures
from resque.store.queue_reader import QueueReader
from resque.store.worker_reader import RECORD_BYTES as RECORD_BYTES
from resque.store.worker_reader import USUAL_FLEET, LargeFleet, WorkerReader, WorkerRegister

T = TypeVar("T")


EngineSnapshot = FleetSnapshot[Failure]
"""A snapshot with failures as they are in Resque."""


def take(keys: Keys, *, failures_limit: int) -> Steps[EngineSnapshot]:
    """Look at everything, once; `failures_limit` is how many failures to read. Two round trips;
    O(queues + workers + failures read). Raises as `SnapshotReader.look`."""
    reading = yield from SnapshotReader(keys, failures_limit=failures_limit).look()
    return at_once(reading)


class SnapshotReader:
    """Reads everything again and again, one poll after the other. What has not changed since
    the poll before is not read again, and stays the same object.
    """

    def __init__(self, keys: Keys, *, failures_limit: int, large: LargeFleet = USUAL_FLEET) -> None:
        self._keys = keys
        self._queues = QueueReader(keys)
        self._register = WorkerRegister(keys, large)
        self._workers = WorkerReader(keys, large)
        self._newest = NewestFailures(keys, limit=failures_limit)
        #: How often everything was to be read, and up to which time that was done.
        self._wanted = self._done = 0

    def read_all(self) -> None:
        """Leave nothing out at the next look, which begins after this: something was changed."""
        self._wanted += 1

    def look(self) -> Steps[Slices[EngineSnapshot]]:
        """Ask for everything; what is returned reads the answers, in slices, and must be done
        before the next look. Two round trips; O(queues + workers + failures read + jobs pushed
        since), the reading O(what has changed) but for little. Raises Busy when the server answers
        nothing for now; what it refuses singly is unknown."""
        wanted = self._wanted
        first: _First = yield self._first_look()
        second: list[list[Reply]] = yield self._second_look(first)
        self._done = wanted
        return self._read(first, *second)

    def _first_look(self) -> Exchange[_First]:
        keys, whole = self._keys, self._wanted != self._done
        register = self._register.ask(whole=whole)
        of_queues, of_workers = self._queues.ask_first(), self._workers.ask_first(whole=whole)
        commands: tuple[Command, ...] = (
            ("TIME",),
            *register,
            ("SMEMBERS", keys.queues()),
            ("GET", keys.pause_all_workers()),
            ("EXISTS", keys.pause_all()),
            ("GET", keys.stat("processed")),
            ("GET", keys.stat("failed")),
            self._newest.ask(sparing=self._register.is_sparing),
            *of_queues,
            *of_workers,
        )
        begin, end = 1 + len(register), len(commands) - len(of_workers)

        def parse(replies: list[Reply]) -> _First:
            parts = replies[:begin], replies[begin:end], replies[end:]
            return self._parse_first(*parts)

        return Exchange(commands, parse, tolerant=True)

    def _parse_first(
        self, of_register: list[Reply], of_all: list[Reply], of_workers: list[Reply]
    ) -> _First:
        clock, *roll = of_register
        queues, switch, all_switch, processed, failed, entries, *of_queues = of_all
        _raise_busy([*of_register, *of_all, *of_workers])
        if isinstance(clock, StoreError):
            raise clock
        server_time = times.from_server(*clock)
        problems: dict[str, str] = {}

        def read(what: str, reply: Reply, meaning: Callable[[Any], T]) -> T | None:
            if isinstance(reply, StoreError):
                problems[what] = str(reply)
                return None
            return meaning(reply)

        ids, beats = self._register.parse(roll, server_time, problems)
        seen = read("failures", entries, self._newest.parse)
        count, newest = (None, None) if seen is None else seen
        names = read("queues", queues, _names)
        seen_so_far = EngineSnapshot(
            *(server_time, None, None, None, count),
            processed_ever=_counted("jobs processed", processed, problems),
            failed_ever=_counted("jobs failed", failed, problems),
            is_paused=_either(
                read("pause of everything", switch, pauses.means_paused),
                read("pause of everything", all_switch, bool),
            ),
            problems=problems,
        )
        return _First(seen_so_far, names, ids, beats, newest, problems, of_queues, of_workers)

    def _second_look(self, first: _First) -> Exchange[list[list[Reply]]]:
        of_queues = self._queues.ask(first.queue_names or [], first.of_queues)
        totals = first.snapshot.processed_ever, first.snapshot.failed_ever
        ids = first.worker_ids or []
        of_workers = self._workers.ask(ids, first.heartbeats, totals, first.of_workers)
        middle = len(of_queues)

        def parse(replies: list[Reply]) -> list[list[Reply]]:
            _raise_busy(replies)
            return [replies[:middle], replies[middle:]]

        return Exchange((*of_queues, *of_workers), parse, tolerant=True)

    def _read(
        self, first: _First, of_queues: Iterable[Reply], of_workers: Iterable[Reply]
    ) -> Slices[EngineSnapshot]:
        newest = first.newest
        seen = None if newest is None else (yield from self._newest.read(newest))
        processes = yield from self._workers.read(iter(of_workers), first.problems)
        # Last: pushes are counted from the last look that was read to its end.
        queues = yield from self._queues.read(iter(of_queues), first.problems)
        return replace(
            first.snapshot,
            queues=None if first.queue_names is None else tuple(queues),
            processes=None if first.worker_ids is None else tuple(processes),
            failures=seen,
        )


def _raise_busy(replies: Iterable[Reply]) -> None:
    """Raise what says that the server answers nothing for now: then all is unknown."""
    for each in replies:
        if isinstance(each, Busy):
            raise each


def _names(reply: list[bytes]) -> list[str]:
    return [name_text(raw) for raw in sorted(reply)]


def _counted(what: str, reply: Reply, problems: dict[str, str]) -> int | None:
    found = integer(reply)
    if found is None:
        is_error = isinstance(reply, StoreError)
        problems[what] = str(reply) if is_error else "what is kept there is no number"
    return found


def _either(one: bool | None, other: bool | None) -> bool | None:
    """Whether one of the two is so; None when that depends on one that is unknown."""
    if one or other:
        return True
    return None if one is None or other is None else False


@dataclass(frozen=True, slots=True)
class _First:
    """What the first round trip answered; `snapshot` is without what is read of the second."""

    snapshot: EngineSnapshot
    queue_names: list[str] | None
    worker_ids: list[bytes] | None
    heartbeats: Mapping[bytes, bytes] | None
    newest: Stretch | None
    problems: dict[str, str]
    of_queues: list[Reply]
    of_workers: list[Reply]
