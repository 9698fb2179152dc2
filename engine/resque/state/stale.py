"""The job in a dead worker's hands, put back onto its queue by an operator, on evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from resque.state import lost, workers
from resque.state.trail import Trail, trail_args, trail_keys
from resque.state.workers import Record
from resque.wire import times
from resque.wire.exchange import Exchange, Reply, load_script, single
from resque.wire.keys import Keys, name_bytes

_REQUEUE_STALE = load_script("requeue_stale")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a worker held at one look, and its last sign of life (`beat`, as it is in Redis; None:
    it never gave one). `server_time` is the server's clock at the look."""

    worker_id: str
    record: Record
    beat: bytes | None
    server_time: datetime

    @property
    def silent_since(self) -> datetime | None:
        """When it last beat; None when that is unknown."""
        return None if self.beat is None else times.parse(self.beat.decode("utf-8", "replace"))


def look(keys: Keys, worker_id: str) -> Exchange[Evidence | None]:
    """What there is to know about a worker and its job; None when it holds none. One round trip,
    O(size of the job)."""

    def parse(replies: list[Reply]) -> Evidence | None:
        record, beat, clock = replies
        if record is None:
            return None
        seen = workers.read_record(record)
        return Evidence(worker_id, seen, beat, times.from_server(*clock))

    return Exchange(
        (
            ("GET", keys.worker(worker_id)),
            ("HGET", keys.heartbeats(), name_bytes(worker_id)),
            ("TIME",),
        ),
        parse,
    )


def doubt(
    seen: Evidence,
    *,
    host: str,
    is_running: Callable[[int], bool],
    after_s: float = workers.PRUNE_AFTER_S,
) -> str | None:
    """Why a worker may be alive after all, in words; None when all speaks for its death. `host`
    is the name of this machine, and `is_running` tells of its processes. Pure."""
    who = workers.identity(seen.worker_id)
    if who.host == host and who.pid is not None and is_running(who.pid):
        return f"process {who.pid} is running on this machine"
    if seen.beat is None:
        return "it never sent a heartbeat: another implementation may be at work"
    if seen.silent_since is None:
        return "its heartbeat cannot be read"
    age_s = (seen.server_time - seen.silent_since).total_seconds()
    if age_s < 0:
        return f"its last heartbeat is {-age_s:.0f} s ahead of the server's clock"
    if age_s <= after_s:
        return f"its last heartbeat is only {age_s:.0f} s old"
    return None


def requeue(keys: Keys, seen: Evidence, trail: Trail | None = None) -> Exchange[bool] | str:
    """Put the job back to the head of its queue, byte for byte, and take the worker off the
    register: in one step, and only when it still holds these bytes and has not beaten since.
    Returns the round trip (whose result says whether that was so), or why it cannot be done. It
    cannot be undone. O(1)."""
    record = seen.record
    if not lost.may_be_put_back(record) or not record.class_name:
        return "what the worker holds cannot be read as a job of a queue"
    trail = None if trail is None else replace(trail, undo_s=0)
    queue = record.queue or ""
    return single(
        _REQUEUE_STALE.call(
            [
                *trail_keys(keys, trail),
                keys.workers(),
                keys.heartbeats(),
                keys.worker(seen.worker_id),
                keys.worker_started(seen.worker_id),
                keys.worker_stat("processed", seen.worker_id),
                keys.worker_stat("failed", seen.worker_id),
                keys.queues(),
                keys.queue(queue),
            ],
            [
                *(*trail_args(trail), name_bytes(seen.worker_id), record.raw, seen.beat or b""),
                *(record.payload or b"", name_bytes(queue)),
            ],
        ),
        lambda reply: reply == 1,
        writes=True,
    )
