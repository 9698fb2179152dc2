"""Workers that fell silent, and jobs whose process died: the evidence of a worker's death, and
putting its job back, a bounded number of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain

from queuecore import times
from queuecore.action_record import ActionRecord, recorded
from queuecore.digests import sha1_hex
from queuecore.exchange import Arg, Command, Exchange, Reply
from queuecore.keys import name_bytes, name_text
from queuecore.values import replace, value
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import workers
from resque.store.workers import Record

_REQUEUE_STALE = load_script("requeue_stale")
_PUT_BACK = load_script("put_back")

#: How long it is remembered that a job was lost.
LOST_FOR_S = 24 * 3600


def may_be_put_back(record: Record) -> bool:
    """Whether what a worker held can be read as a job of a queue."""
    return record.queue is not None and record.class_name is not None


def lost_key(keys: Keys, queue: str, payload: bytes) -> bytes:
    """The key under which it is counted how often a job was lost."""
    job = b"%s %s" % (name_bytes(queue), payload)
    return keys.lost(sha1_hex(job))


def times_lost(keys: Keys, jobs: Sequence[tuple[str, bytes]]) -> Exchange[list[int]]:
    """How often jobs (queue and payload each) were put back within a day after their process had
    died. (Only workers that put lost jobs back count that.) One round trip, O(jobs)."""
    return times_lost_under([lost_key(keys, *job) for job in jobs])


def times_lost_under(wanted: Sequence[bytes]) -> Exchange[list[int]]:
    """As `times_lost`, of jobs whose `lost_key`s are known."""
    commands: tuple[Command, ...] = (("MGET", *wanted),) if wanted else ()
    return Exchange(commands, lambda replies: [int(n or 0) for n in chain.from_iterable(replies)])


def put_back(keys: Keys, worker_id: str, record: Record, *, at_most: int) -> Exchange[int]:
    """Put a lost job back to the head of its queue, unless that has happened `at_most` times to
    a job of these bytes within a day. Returns how often it has happened now; 0 when it was too
    often or the worker holds another job: nothing is done then. One round trip, O(1)."""
    queue = name_bytes(record.queue or "")
    payload = record.payload or b""
    return _PUT_BACK.write(
        [
            keys.worker(worker_id),
            keys.queue(record.queue or ""),
            keys.queues(),
            lost_key(keys, record.queue or "", payload),
        ],
        [record.raw, payload, queue, at_most, LOST_FOR_S],
        int,
    )


@value
class Evidence:
    """What a worker held when it was read (None: nothing), and its last heartbeat (`beat`, as it is
    in Redis; None: it never sent one). `server_time` is the server's clock at that time."""

    worker_id: str
    record: Record | None
    beat: bytes | None
    server_time: datetime
    is_registered: bool = True

    @property
    def has_old_job(self) -> bool:
        """Whether it holds a job for longer than a heart may be silent, by the server's clock."""
        run_at = None if self.record is None else self.record.run_at
        if run_at is None:
            return False
        return (self.server_time - run_at).total_seconds() > workers.PRUNE_AFTER_S

    @property
    def silent_s(self) -> float | None:
        """How long ago it last beat, by the server's clock; negative when the beat is ahead of it,
        None when that is unknown."""
        since = times.parse(self.beat)
        return None if since is None else (self.server_time - since).total_seconds()


def silent(keys: Keys, *, after_s: float = workers.PRUNE_AFTER_S) -> Exchange[list[str]]:
    """The ids of the workers whose last heartbeat is older than `after_s`, by the server's clock,
    also of those that are on no register any more. One round trip, O(workers)."""

    def parse(replies: list[Reply]) -> list[str]:
        now = times.from_server(*replies[1])
        beats = ((raw, times.parse(beat)) for raw, beat in workers.pairs(replies[0]).items())
        return [
            name_text(raw)
            for raw, beaten in beats
            if beaten is not None and (now - beaten).total_seconds() > after_s
        ]

    return Exchange((("HGETALL", keys.heartbeats()), ("TIME",)), parse)


def evidence(keys: Keys, worker_ids: Sequence[str]) -> Exchange[list[Evidence]]:
    """What there is to know about some workers. One round trip, O(size of their jobs)."""
    commands: list[Command] = [("TIME",)]
    for worker_id in worker_ids:
        commands.append(("GET", keys.worker(worker_id)))
        commands.append(("HGET", keys.heartbeats(), name_bytes(worker_id)))
        commands.append(("SISMEMBER", keys.workers(), name_bytes(worker_id)))

    def parse(replies: list[Reply]) -> list[Evidence]:
        now = times.from_server(*replies[0])
        seen = zip(worker_ids, replies[1::3], replies[2::3], replies[3::3], strict=True)
        return [
            Evidence(each, None if raw is None else workers.read_record(raw), beat, now, known == 1)
            for each, raw, beat, known in seen
        ]

    return Exchange(tuple(commands), parse)


def doubt(seen: Evidence, *, host: str, is_running: Callable[[int], bool]) -> str | None:
    """Why a worker may be alive after all, in words; None when all speaks for its death. `host`
    is the name of this machine, and `is_running` tells of its processes. Pure."""
    who = workers.identity(seen.worker_id)
    if workers.may_run_on(who, host) and who.pid is not None and is_running(who.pid):
        return f"process {who.pid} is running on this machine"
    if seen.beat is None and not seen.is_registered:
        # A living one is registered, or beats, or has just begun.
        return None if seen.has_old_job else "it may have begun its job within five minutes"
    if seen.beat is None:
        return "it never sent a heartbeat: another implementation may be at work"
    if seen.silent_s is None:
        return "its heartbeat cannot be read"
    if seen.silent_s < 0:
        return f"its last heartbeat is {-seen.silent_s:.0f} s ahead of the server's clock"
    if seen.silent_s <= workers.PRUNE_AFTER_S:
        return f"its last heartbeat is only {seen.silent_s:.0f} s old"
    return None


def requeue(
    keys: Keys, seen: Evidence, action: ActionRecord | None = None, *, at_most: int
) -> Exchange[int] | str:
    """Put the job back to the head of its queue, byte for byte, and take the worker off the
    register: in one step, and only when it still holds these bytes, has not beaten since, and a
    job of these bytes was not lost `at_most` times within a day before. Returns the round trip,
    whose result is how often it was lost now, or 0 when nothing was done; or else why it cannot
    be. It cannot be undone. O(1)."""
    record = seen.record
    if record is None or not may_be_put_back(record) or not record.class_name:
        return "what the worker holds cannot be read as a job of a queue"
    action = None if action is None else replace(action, undo_s=0)
    queue, payload = record.queue or "", record.payload or b""
    touched = [
        keys.workers(),
        keys.heartbeats(),
        *keys.of_worker(seen.worker_id),
        keys.queues(),
        keys.queue(queue),
        lost_key(keys, queue, payload),
        keys.claim(seen.worker_id),
    ]
    args: list[Arg] = [name_bytes(seen.worker_id), record.raw, seen.beat or b""]
    args += [payload, name_bytes(queue), at_most, LOST_FOR_S]
    return recorded(_REQUEUE_STALE, keys, action, touched, args, int)
