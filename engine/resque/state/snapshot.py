"""All that a console shows, in at most two round trips, whatever the number of queues and
workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any

from resque.errors import StoreError
from resque.state import failures, pauses, workers
from resque.state.failures import Failure
from resque.state.workers import Identity, Record
from resque.wire import times
from resque.wire.exchange import Command, Exchange, Reply, Steps, T, load_script
from resque.wire.keys import Keys, name_text

_QUEUE_HEADS = load_script("queue_heads")
_BEGINNINGS = load_script("beginnings")

#: Keys of one command: keeps each well under 10 ms of the server's time.
_BATCH = 500
#: How many newest jobs are compared to find the one remembered from the look before.
_REACH = 500
#: A worker's record that is longer comes cut.
RECORD_BYTES = 65_536


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
    heads: list[Command] = [
        _QUEUE_HEADS.call(
            [keys.queue(n) for n in batch], [_REACH, *(tails.get(n, "") for n in batch)]
        )
        for batch in _batches(names)
    ]
    asides: list[Command] = [("LLEN", keys.unreadable(n)) for n in names]
    paused = _texts(keys.pause_queue(n) for n in names)
    records: list[Command] = [
        _BEGINNINGS.call([keys.worker(i) for i in batch], [RECORD_BYTES]) for batch in _batches(ids)
    ]
    of_workers = (
        records,
        _texts(keys.worker_started(i) for i in ids),
        _texts(keys.worker_stat("processed", i) for i in ids),
        _texts(keys.worker_stat("failed", i) for i in ids),
    )

    def parse(replies: list[Reply]) -> Snapshot:
        rest = iter(replies)
        head_rows = _rows(rest, heads, len(names))
        unreadable = list(islice(rest, len(names)))
        pauses = _rows(rest, paused, len(names))
        columns = [_rows(rest, commands, len(ids)) for commands in of_workers]
        return Snapshot(
            server_time=first.server_time,
            queues=tuple(
                _queue(*each) for each in zip(names, head_rows, unreadable, pauses, strict=True)
            ),
            workers=tuple(_worker(first, *each) for each in zip(ids, *columns, strict=True)),
            failures=first.failures,
            failed=first.failed,
            processed_ever=first.processed_ever,
            failed_ever=first.failed_ever,
            is_paused=first.is_paused,
            problems=first.problems,
        )

    commands = (*heads, *asides, *paused, *chain(*of_workers))
    return Exchange(commands, parse, tolerant=True)


def _batches(names: Sequence[T]) -> Iterator[Sequence[T]]:
    return (names[at : at + _BATCH] for at in range(0, len(names), _BATCH))


def _texts(keys: Iterable[bytes]) -> list[Command]:
    return [("MGET", *batch) for batch in _batches(list(keys))]


def _rows(replies: Iterator[Reply], commands: Sequence[Command], count: int) -> list[Any]:
    """The replies to the commands of some batches, one for each of `count` names."""
    rows: list[Any] = []
    for reply in islice(replies, len(commands)):
        length = min(_BATCH, count - len(rows))
        rows += [reply] * length if isinstance(reply, StoreError) else reply
    return rows


def _known(reply: Any) -> Any:
    return None if isinstance(reply, StoreError) else reply


def _queue(name: str, head: Any, unreadable: Any, pause: Any) -> QueueState:
    aside = unreadable if isinstance(unreadable, int) else 0
    is_paused = _known(pause) is not None
    if isinstance(head, StoreError):
        return QueueState(name, None, is_paused, unreadable=aside, problem=str(head))
    length, tail, pushed = head
    if length < 0:
        problem = "the key holds another kind of value than a list"
        return QueueState(name, None, is_paused, unreadable=aside, problem=problem)
    return QueueState(
        name,
        length,
        is_paused,
        unreadable=aside,
        pushed=None if pushed < 0 else pushed,
        tail=tail.decode(),
    )


def _worker(
    first: _First, worker_id: str, held: Any, started: Any, processed: Any, failed: Any
) -> WorkerState:
    started = _known(started)
    beat = first.heartbeats.get(worker_id.encode("utf-8", "surrogateescape"))
    beaten = None if beat is None else times.parse(beat.decode("utf-8", "replace"))
    return WorkerState(
        identity=workers.identity(worker_id),
        started=None if started is None else times.parse(started.decode("utf-8", "replace")),
        heartbeat_age_s=(None if beaten is None else (first.server_time - beaten).total_seconds()),
        has_heartbeat=beat is not None,
        record=_record(held),
        processed=_integer(processed),
        failed=_integer(failed),
    )


def _record(held: Any) -> Record | None:
    if isinstance(held, StoreError):
        return Record(b"", None, None, None, None, None, str(held))
    if isinstance(held, list):
        return workers.read_beginning(held[0], held[1])
    return None if held is None else workers.read_record(held)
