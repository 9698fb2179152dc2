"""Taking dead workers off the register."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from resque.state import lost, workers
from resque.wire import times
from resque.wire.exchange import Exchange, Steps, single
from resque.wire.keys import Keys, name_bytes, name_text

#: Ruby's: one worker prunes within this time, whoever it is.
_LOCK_S = 60


def prune(
    keys: Keys,
    worker_id: str,
    now: Callable[[], datetime],
    *,
    after_s: float = workers.PRUNE_AFTER_S,
    requeue_lost: int = 0,
) -> Steps[list[str]]:
    """Take dead workers off the register: those whose last heartbeat is older than `after_s` by
    the server's clock. Their jobs become failures, or go back to their queues up to
    `requeue_lost` times. Returns their ids.

    A worker without a heartbeat may belong to another implementation and is left alone. Whoever
    holds the lock (60 s) prunes; others do nothing. Two round trips and two or three for each
    dead one. (Ruby: Worker#prune_dead_workers. Ruby also prunes by process ids of the own host,
    which in containers takes the living for dead; we do not.)
    """
    locked = yield single(
        ("SET", keys.prune_lock(), name_bytes(worker_id), "EX", _LOCK_S, "NX"),
        lambda reply: reply is not None,
        writes=True,
    )
    if not locked:
        return []
    beats, clock = yield Exchange(
        (("HGETALL", keys.heartbeats()), ("TIME",)),
        lambda replies: (workers.pairs(replies[0]), times.from_server(*replies[1])),
    )
    dead = [name_text(raw) for raw, text in beats.items() if _is_old(text, clock, after_s)]
    for dead_id in dead:
        if requeue_lost:
            record, _ = yield workers.in_hand(keys, dead_id)
            if record is not None:
                yield lost.put_back(keys, dead_id, record, at_most=requeue_lost)
        yield from workers.unregister(keys, dead_id, _failure_of(dead_id, now))
    return dead


def _is_old(text: bytes, clock: datetime, after_s: float) -> bool:
    beaten = times.parse(text.decode("utf-8", "replace"))
    return beaten is not None and (clock - beaten).total_seconds() > after_s


def _failure_of(dead_id: str, now: Callable[[], datetime]) -> workers.FailureOf:
    def failure(record: bytes) -> bytes:
        job = workers.read_record(record).class_name or "<Unknown Job>"
        return workers.lost_job(
            record,
            worker_id=dead_id,
            exception="Resque::PruneDeadWorkerDirtyExit",
            error=f"Worker {dead_id} did not gracefully exit while processing {job}",
            now=now(),
        )

    return failure
