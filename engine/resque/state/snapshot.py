"""All that a console shows, in at most two round trips, whatever the number of queues and
workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resque.errors import StoreError
from resque.state import pauses
from resque.state.columns import integer
from resque.state.failures import Failure
from resque.state.heads import Heads
from resque.state.heads import QueueState as QueueState
from resque.state.newest_failures import Newest
from resque.state.register import Register
from resque.state.roster import RECORD_BYTES as RECORD_BYTES
from resque.state.roster import Roster
from resque.state.roster import WorkerState as WorkerState
from resque.state.thrift import USUAL, Thrift
from resque.state.windows import Stretch
from resque.wire import times
from resque.wire.exchange import Command, Exchange, Reply, Steps
from resque.wire.keys import Keys, name_text
from resque.wire.slices import Slices, at_once


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one look. `server_time` is the server's clock. `failures` are the newest,
    newest first; `failed` counts all, None when unknown. `problems` are keys that could not be
    read, in words."""

    server_time: datetime
    queues: tuple[QueueState, ...]
    workers: tuple[WorkerState, ...]
    failures: tuple[Failure, ...]
    failed: int | None
    processed_ever: int | None
    failed_ever: int | None
    is_paused: bool
    problems: tuple[str, ...] = field(default=())


def take(keys: Keys, *, tails: Mapping[str, str], failures_limit: int) -> Steps[Snapshot]:
    """Look at everything, once. `tails` are the `QueueState.tail` of the look before, by queue
    name; `failures_limit` is how many failures to read. Two round trips; O(queues + workers +
    failures read + jobs pushed since)."""
    reading = yield from Looker(keys, failures_limit=failures_limit).look(tails)
    return at_once(reading)


class Looker:
    """Looks at everything again and again, one look after the other. What has not changed since
    the look before is not read again, and stays the same object.

    Args:
        keys: Where to look.
        failures_limit: How many failures to read.
        thrift: How a large fleet is looked at; see `Register` and `Signs`.
    """

    def __init__(self, keys: Keys, *, failures_limit: int, thrift: Thrift = USUAL) -> None:
        self._keys = keys
        self._heads = Heads(keys)
        self._register = Register(keys, thrift)
        self._roster = Roster(keys, thrift)
        self._newest = Newest(keys, limit=failures_limit)
        #: How often somebody wanted everything to be read, and up to which time that was done.
        self._wanted = self._done = 0

    def read_all(self) -> None:
        """Leave nothing out at the next look, which begins after this: something was changed."""
        self._wanted += 1

    def look(self, tails: Mapping[str, str]) -> Steps[Slices[Snapshot]]:
        """Ask for everything; what is returned reads the answers, in slices, and must be done
        before the next look. `tails` as for `take`. Two round trips; O(queues + workers +
        failures read + jobs pushed since), the reading O(what has changed) but for little."""
        wanted = self._wanted
        first: _First = yield self._first_look()
        second: list[list[Reply]] = yield self._second_look(first, tails)
        self._done = wanted
        return self._read(first, *second)

    def _first_look(self) -> Exchange[_First]:
        keys, whole = self._keys, self._wanted != self._done
        register = self._register.ask(whole=whole)
        of_queues, of_workers = self._heads.glance(), self._roster.glance(whole=whole)
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
        if isinstance(clock, StoreError):
            raise clock
        server_time = times.from_server(*clock)
        problems: list[str] = []

        def sound(reply: Any, what: str, otherwise: Any) -> Any:
            if isinstance(reply, StoreError):
                problems.append(f"{what}: {reply}")
                return otherwise
            return reply

        ids, beats = self._register.parse(roll, server_time, problems)
        answer = sound(entries, "failures", None)
        count, newest = (None, None) if answer is None else self._newest.parse(answer)
        return _First(
            server_time=server_time,
            queue_names=[name_text(raw) for raw in sorted(sound(queues, "queues", []))],
            worker_ids=ids,
            heartbeats=beats,
            failed=count,
            newest=newest,
            processed_ever=integer(processed),
            failed_ever=integer(failed),
            is_paused=pauses.means_paused(sound(switch, "pause", None))
            or bool(sound(all_switch, "pause", 0)),
            problems=tuple(problems),
            of_queues=of_queues,
            of_workers=of_workers,
        )

    def _second_look(self, first: _First, tails: Mapping[str, str]) -> Exchange[list[list[Reply]]]:
        of_queues = self._heads.ask(first.queue_names, first.of_queues, tails)
        totals = first.processed_ever, first.failed_ever
        of_workers = self._roster.ask(first.worker_ids, first.heartbeats, totals, first.of_workers)
        middle = len(of_queues)
        return Exchange(
            (*of_queues, *of_workers),
            lambda replies: [replies[:middle], replies[middle:]],
            tolerant=True,
        )

    def _read(
        self, first: _First, of_queues: Iterable[Reply], of_workers: Iterable[Reply]
    ) -> Slices[Snapshot]:
        newest = Stretch(0, ()) if first.newest is None else first.newest
        seen = yield from self._newest.read(newest)
        queues = yield from self._heads.read(iter(of_queues))
        states = yield from self._roster.read(iter(of_workers), first.server_time)
        return Snapshot(
            server_time=first.server_time,
            queues=tuple(queues),
            workers=tuple(states),
            failures=seen,
            failed=first.failed,
            processed_ever=first.processed_ever,
            failed_ever=first.failed_ever,
            is_paused=first.is_paused,
            problems=first.problems,
        )


@dataclass(frozen=True, slots=True)
class _First:
    server_time: datetime
    queue_names: list[str]
    worker_ids: list[bytes]
    heartbeats: Mapping[bytes, bytes]
    failed: int | None
    newest: Stretch | None
    processed_ever: int | None
    failed_ever: int | None
    is_paused: bool
    problems: tuple[str, ...]
    of_queues: list[Reply]
    of_workers: list[Reply]
