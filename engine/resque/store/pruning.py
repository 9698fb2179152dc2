"""Taking dead workers off the register."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from queuecore.action_record import ActionRecord
from queuecore.exchange import Exchange, Steps, single
from queuecore.keys import name_bytes
from queuecore.values import Literal
from resque.errors import WIRE_NAMES, DirtyExit, PruneDeadWorkerDirtyExit
from resque.keys import Keys
from resque.store import stale, workers
from resque.store.stale import Evidence

#: Ruby's: one worker prunes within this time.
_LOCK_S = 60

#: Tells a job, by its record, of its death, and returns the error to record; None when the job is
#: tried again and wants no record of it.
Tell = Callable[[workers.Record, DirtyExit], BaseException | None]

#: What became of a dead worker: its job failed, or went back to its queue; it held none; or it
#: turned out to be alive, and was left alone.
Fate = Literal["failed", "put back", "idle", "alive"]


def lock(keys: Keys, worker_id: str) -> Exchange[bool]:
    """Take the lock (60 s) that pruning needs. Returns whether it was free. One round trip."""
    return single(
        ("SET", keys.prune_lock(), name_bytes(worker_id), "EX", _LOCK_S, "NX"),
        lambda reply: reply is not None,
        writes=True,
    )


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

    A worker without a heartbeat may belong to another implementation and is left alone. The worker
    that holds the lock prunes; others do nothing. Two round trips and two or three for each dead
    one. (Ruby: Worker#prune_dead_workers. Ruby also prunes by process ids of the own host, which in
    containers takes the living for dead; we do not.)"""
    locked = yield lock(keys, worker_id)
    if not locked:
        return []
    silent: list[str] = yield stale.silent(keys, after_s=after_s)
    pruned: list[str] = []
    for dead_id in silent:
        [seen] = yield stale.evidence(keys, [dead_id])
        # Who prunes is alive, however old its last beat.
        if dead_id == worker_id or seen.silent_s is None or seen.silent_s <= after_s:
            continue
        fate = yield from take_off(
            keys, seen, now, requeue_lost=requeue_lost, own_lists=own_lists, tell=tell
        )
        if fate != "alive":
            pruned.append(dead_id)
    return pruned


def take_off(
    keys: Keys,
    seen: Evidence,
    now: Callable[[], datetime],
    *,
    requeue_lost: int = 0,
    own_lists: bool = False,
    tell: Tell = lambda record, error: error,
    action: ActionRecord | None = None,
) -> Steps[Fate]:
    """Take one dead worker off the register, unless it has beaten or holds something else since it
    was seen; its job fails or goes back as in `prune`, in the same step. One round trip or two."""
    record = seen.record
    if requeue_lost:
        again = stale.requeue(keys, seen, action, at_most=requeue_lost)
        times_lost = 0 if isinstance(again, str) else (yield again)
        if times_lost:
            return "put back"
    raw = None if record is None else record.raw
    entry = b"" if record is None else _failure(seen.worker_id, record, now, tell)
    _, done, _ = yield workers.take_off(
        keys,
        seen.worker_id,
        raw,
        entry,
        own_list=own_lists,
        beat=seen.beat or workers.NO_BEAT,
        action=action,
    )
    if not done:
        return "alive"
    return "idle" if record is None else "failed"


def _failure(
    dead_id: str, record: workers.Record, now: Callable[[], datetime], tell: Tell
) -> bytes:
    job = record.class_name or "<Unknown Job>"
    words = f"Worker {dead_id} did not gracefully exit while processing {job}"
    error = tell(record, PruneDeadWorkerDirtyExit(words))
    if error is None:
        return b""
    return workers.lost_job(
        record.raw,
        worker_id=dead_id,
        exception=WIRE_NAMES.get(type(error), type(error).__name__),
        error=str(error),
        now=now(),
    )
