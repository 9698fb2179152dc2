"""Taking dead workers off the register."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from resque.errors import WIRE_NAMES, DirtyExit, PruneDeadWorkerDirtyExit
from resque.state import lost, workers
from resque.wire import times
from resque.wire.exchange import Exchange, Steps, single
from resque.wire.keys import Keys, name_bytes, name_text

#: Ruby's: one worker prunes within this time, whoever it is.
_LOCK_S = 60

#: Tells a job, by its record, of its death, and returns the error to record.
Tell = Callable[[workers.Record, DirtyExit], BaseException]


def prune(
    keys: Keys,
    worker_id: str,
    now: Callable[[], datetime],
    *,
    after_s: float = workers.PRUNE_AFTER_S,
    requeue_lost: int = 0,
    own_lists: bool = False,
    tell: Tell = lambda record, error: error,
) -> Steps[list[str]]:
    """Take dead workers off the register: those whose last heartbeat is older than `after_s` by
    the server's clock. Their jobs become failures (with `own_lists` in the list of their queue),
    or go back to their queues up to `requeue_lost` times. Returns their ids.

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
    # Who prunes is alive, however old its last beat.
    dead = [dead_id for dead_id in dead if dead_id != worker_id]
    for dead_id in dead:
        if requeue_lost:
            record, _ = yield workers.in_hand(keys, dead_id)
            if record is not None and lost.may_be_put_back(record):
                yield lost.put_back(keys, dead_id, record, at_most=requeue_lost)
        failure_of = _failure_of(dead_id, now, tell)
        yield from workers.unregister(keys, dead_id, failure_of, own_lists=own_lists)
    return dead


def _is_old(text: bytes, clock: datetime, after_s: float) -> bool:
    beaten = times.parse(text.decode("utf-8", "replace"))
    return beaten is not None and (clock - beaten).total_seconds() > after_s


def _failure_of(dead_id: str, now: Callable[[], datetime], tell: Tell) -> workers.FailureOf:
    def failure(raw: bytes) -> bytes:
        record = workers.read_record(raw)
        job = record.class_name or "<Unknown Job>"
        words = f"Worker {dead_id} did not gracefully exit while processing {job}"
        error = tell(record, PruneDeadWorkerDirtyExit(words))
        return workers.lost_job(
            raw,
            worker_id=dead_id,
            exception=WIRE_NAMES.get(type(error), type(error).__name__),
            error=str(error),
            now=now(),
        )

    return failure
