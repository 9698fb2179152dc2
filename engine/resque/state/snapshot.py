"""All that a console shows, in at most two round trips, whatever the number of queues and
workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resque.errors import StoreError
from resque.state import failures, pauses, workers
from resque.state.failures import Failure
from resque.state.workers import Identity, Record
from resque.wire import times
from resque.wire.exchange import Command, Exchange, Reply, Steps, load_script
from resque.wire.keys import Keys, name_text

_QUEUE_HEADS = load_script("queue_heads")

#: Queues of one script call: keeps each call well under 10 ms of the server's time.
_BATCH = 500
#: How many newest jobs are compared to find the one remembered from the look before.
_REACH = 500


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue at one look. None means unknown.

    `pushed` counts the jobs pushed since the look before; `tail` stands for the last job and
    goes into the next look. `unreadable` counts items set aside. `problem` says what is wrong
    with the key.
    """

    name: str
    size: int | None
    is_paused: bool = False
    is_registered: bool = True
    unreadable: int = 0
    pushed: int | None = None
    tail: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One registered worker at one look. `heartbeat_age_s` is by the server's clock; None when
    it never beat or its beat cannot be read. `record` is None when it is idle."""

    identity: Identity
    started: datetime | None
    heartbeat_age_s: float | None
    has_heartbeat: bool
    record: Record | None
    processed: int | None
    failed: int | None


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
    """Look at everything. `tails` are the `QueueState.tail` of the look before, by queue name;
    `failures_limit` is how many failures to read. Two round trips; O(queues + workers +
    failures read + jobs pushed since)."""
    first: _First = yield _first_look(keys, failures_limit)
    snapshot: Snapshot = yield _second_look(keys, first, tails)
    return snapshot


@dataclass(frozen=True, slots=True)
class _First:
    server_time: datetime
    queue_names: list[str]
    worker_ids: list[str]
    heartbeats: dict[bytes, bytes]
    failures: tuple[Failure, ...]
    failed: int | None
    processed_ever: int | None
    failed_ever: int | None
    is_paused: bool
    problems: tuple[str, ...]


def _first_look(keys: Keys, failures_limit: int) -> Exchange[_First]:
    newest = failures.newest(keys, limit=failures_limit)

    def parse(replies: list[Reply]) -> _First:
        clock, queues, ids, beats, switch, all_switch, processed, failed, entries = replies
        if isinstance(clock, StoreError):
            raise clock
        problems: list[str] = []

        def sound(reply: Any, what: str, otherwise: Any) -> Any:
            if isinstance(reply, StoreError):
                problems.append(f"{what}: {reply}")
                return otherwise
            return reply

        window = sound(entries, "failures", None)
        total, seen = (None, []) if window is None else newest.parse([window])
        return _First(
            server_time=times.from_server(*clock),
            queue_names=[name_text(raw) for raw in sorted(sound(queues, "queues", []))],
            worker_ids=[name_text(raw) for raw in sorted(sound(ids, "workers", []))],
            heartbeats=workers.pairs(sound(beats, "heartbeats", [])),
            failures=tuple(seen),
            failed=total,
            processed_ever=_integer(processed),
            failed_ever=_integer(failed),
            is_paused=pauses.means_paused(sound(switch, "pause", None))
            or bool(sound(all_switch, "pause", 0)),
            problems=tuple(problems),
        )

    commands: tuple[Command, ...] = (
        ("TIME",),
        ("SMEMBERS", keys.queues()),
        ("SMEMBERS", keys.workers()),
        ("HGETALL", keys.heartbeats()),
        ("GET", keys.pause_all_workers()),
        ("EXISTS", keys.pause_all()),
        ("GET", keys.stat("processed")),
        ("GET", keys.stat("failed")),
        *newest.commands,
    )
    return Exchange(commands, parse, tolerant=True)


def _integer(reply: bytes | StoreError | None) -> int | None:
    """A statistic: 0 when it was never counted, None when what lies there is no number."""
    try:
        return None if isinstance(reply, StoreError) else int(reply or 0)
    except ValueError:
        return None


def _second_look(keys: Keys, first: _First, tails: Mapping[str, str]) -> Exchange[Snapshot]:
    names, ids = first.queue_names, first.worker_ids
    batches = [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
    heads: list[Command] = [
        _QUEUE_HEADS.call(
            [keys.queue(n) for n in batch], [_REACH, *(tails.get(n, "") for n in batch)]
        )
        for batch in batches
    ]
    asides: list[Command] = [("LLEN", keys.unreadable(n)) for n in names]
    paused: list[Command] = [("MGET", *(keys.pause_queue(n) for n in names))] if names else []
    of_workers: list[Command] = []
    if ids:
        of_workers = [
            ("MGET", *(keys.worker(i) for i in ids)),
            ("MGET", *(keys.worker_started(i) for i in ids)),
            ("MGET", *(keys.worker_stat("processed", i) for i in ids)),
            ("MGET", *(keys.worker_stat("failed", i) for i in ids)),
        ]

    def parse(replies: list[Reply]) -> Snapshot:
        rest = list(replies)
        head_rows: list[Any] = []
        for batch in batches:
            reply = rest.pop(0)
            bad = isinstance(reply, StoreError)
            head_rows += [reply] * len(batch) if bad else reply
        unreadable = [rest.pop(0) for _ in names]
        pause_values = rest.pop(0) if names else []
        columns = [rest.pop(0) for _ in of_workers]
        return Snapshot(
            server_time=first.server_time,
            queues=tuple(
                _queue(n, head_rows[i], unreadable[i], _at(pause_values, i))
                for i, n in enumerate(names)
            ),
            workers=tuple(
                _worker(first, worker_id, [_at(column, i) for column in columns])
                for i, worker_id in enumerate(ids)
            ),
            failures=first.failures,
            failed=first.failed,
            processed_ever=first.processed_ever,
            failed_ever=first.failed_ever,
            is_paused=first.is_paused,
            problems=first.problems,
        )

    return Exchange((*heads, *asides, *paused, *of_workers), parse, tolerant=True)


def _at(column: Any, index: int) -> bytes | None:
    return None if isinstance(column, StoreError) else column[index]


def _queue(name: str, head: Any, unreadable: Any, pause: bytes | None) -> QueueState:
    aside = unreadable if isinstance(unreadable, int) else 0
    if isinstance(head, StoreError):
        return QueueState(name, None, pause is not None, unreadable=aside, problem=str(head))
    length, tail, pushed = head
    if length < 0:
        problem = "the key holds another kind of value than a list"
        return QueueState(name, None, pause is not None, unreadable=aside, problem=problem)
    return QueueState(
        name,
        length,
        pause is not None,
        unreadable=aside,
        pushed=None if pushed < 0 else pushed,
        tail=tail.decode(),
    )


def _worker(first: _First, worker_id: str, columns: Sequence[bytes | None]) -> WorkerState:
    record, started, processed, failed = columns
    beat = first.heartbeats.get(worker_id.encode("utf-8", "surrogateescape"))
    beaten = None if beat is None else times.parse(beat.decode("utf-8", "replace"))
    return WorkerState(
        identity=workers.identity(worker_id),
        started=None if started is None else times.parse(started.decode("utf-8", "replace")),
        heartbeat_age_s=(None if beaten is None else (first.server_time - beaten).total_seconds()),
        has_heartbeat=beat is not None,
        record=None if record is None else workers.read_record(record),
        processed=_integer(processed),
        failed=_integer(failed),
    )
