"""The registered workers: ids, what they hold, heartbeats, leaving and pruning."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from resque.state import failure_entry
from resque.state.trail import Trail, trail_args, trail_keys
from resque.wire import times
from resque.wire.codec import decode, members, members_of_beginning, text_of
from resque.wire.exchange import Exchange, Reply, Steps, load_script, single
from resque.wire.keys import Keys, name_bytes
from resque.wire.values import value as value_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNREGISTER = load_script("unregister")

#: Ruby's: a worker beats this often ...
HEARTBEAT_INTERVAL_S = 60.0
#: ... and is dead when its last beat is older than this.
PRUNE_AFTER_S = 300.0

#: Builds the failure entry for the record (bytes) of a job that will not be finished.
FailureOf = Callable[[bytes], bytes]

_ID = re.compile(r"(?P<host>.*?):(?P<pid>\d+)(?:[-+]\w+)?:(?P<queues>.*)", re.DOTALL)


@value_class
class Identity:
    """A worker's id taken apart: `host:pid:queue,queue`. Of an id in another shape only `text`
    is known."""

    text: str
    host: str | None
    pid: int | None
    queues: tuple[str, ...]


# The same few thousand ids are read at every look of a console.
@lru_cache(maxsize=8192)
def identity(text: str) -> Identity:
    """Read a worker id of any implementation; never raises."""
    found = _ID.fullmatch(text)
    if found is None:
        return Identity(text, None, None, ())
    queues = tuple(found["queues"].split(",")) if found["queues"] else ()
    return Identity(text, found["host"], int(found["pid"][:10]), queues)


@value_class
class Record:
    """What a worker holds: the job, its queue, since when; what cannot be read is None.
    `raw` are the record's bytes, `payload` those of the job in it."""

    raw: bytes
    queue: str | None
    run_at: datetime | None
    class_name: str | None
    args: Any
    payload: bytes | None
    problem: str | None = None


def read_record(raw: bytes) -> Record:
    """Read a worker's record written by any implementation; never raises."""
    try:
        value, parts = decode(raw), members(raw)
    except ValueError as error:
        return Record(raw, None, None, None, None, None, str(error))
    job = value.get("payload")
    if not isinstance(job, dict):
        job = {}
    queue, class_name = value.get("queue"), job.get("class")
    return Record(
        raw,
        queue if isinstance(queue, str) and _is_name(queue) else None,
        times.parse(value.get("run_at")),
        class_name if isinstance(class_name, str) else None,
        job.get("args"),
        parts.get("payload"),
    )


def _is_name(text: str) -> bool:
    """Whether a text can be a part of a key: JSON can hold halves of surrogate pairs."""
    try:
        name_bytes(text)
    except UnicodeEncodeError:
        return False
    return True


def read_beginning(raw: bytes, size: int) -> Record:
    """Read as much of a record as its beginning tells, when the whole has `size` bytes; never
    raises. `payload` is None: it is not whole."""
    parts = members_of_beginning(raw)
    job = members_of_beginning(parts.get("payload", b""))
    return Record(
        raw,
        text_of(parts.get("queue")),
        times.parse(text_of(parts.get("run_at"))),
        text_of(job.get("class")),
        None,
        None,
        f"too large to list ({size:,} bytes)",
    )


def register(keys: Keys, worker_id: str, started: datetime) -> Exchange[None]:
    """Put a worker on the register. One round trip."""
    return Exchange(
        (
            ("SADD", keys.workers(), name_bytes(worker_id)),
            ("SET", keys.worker_started(worker_id), times.started(started)),
        ),
        lambda _: None,
        writes=True,
    )


def server_time(keys: Keys, worker_id: str) -> Exchange[datetime]:
    """Forget an older heartbeat of this id and read the server's clock. One round trip."""
    return Exchange(
        (("HDEL", keys.heartbeats(), name_bytes(worker_id)), ("TIME",)),
        lambda replies: times.from_server(*replies[1]),
        writes=True,
    )


def beat(keys: Keys, worker_id: str, moment: datetime) -> Exchange[datetime]:
    """Write a heartbeat; `moment` is the server's clock as the worker reckons it. Returns what
    that clock really said, for the next beat. One round trip.

    The worker is put back on the register too: one that was pruned by mistake, while it was cut
    off, becomes visible again (Ruby's stay hidden)."""
    return Exchange(
        (
            ("SADD", keys.workers(), name_bytes(worker_id)),
            ("HSET", keys.heartbeats(), name_bytes(worker_id), times.heartbeat(moment)),
            ("TIME",),
        ),
        lambda replies: times.from_server(*replies[2]),
        writes=True,
    )


def held(keys: Keys, worker_id: str) -> Exchange[bytes | None]:
    """The record of the job in a worker's hands. One round trip."""
    return single(("GET", keys.worker(worker_id)), lambda reply: reply)


def unregister(
    keys: Keys, worker_id: str, failure_of: FailureOf, *, own_lists: bool = False
) -> Steps[bool]:
    """Take a worker off the register; a job in its hands becomes a failure in the same step, with
    `own_lists` in its queue's list of failures.

    `failure_of` builds the entry from the record. Returns whether there was such a job. One round
    trip, two with a job in its hands; more only while the worker changes jobs meanwhile.
    """
    record: bytes | None = None
    while True:
        entry = failure_of(record) if record is not None else b""
        done, record_now = yield take_off(keys, worker_id, record, entry, own_list=own_lists)
        if done:
            return record is not None
        record = record_now


def take_off(
    keys: Keys,
    worker_id: str,
    record: bytes | None,
    entry: bytes,
    *,
    own_list: bool = False,
    beat: bytes = b"",
    trail: Trail | None = None,
) -> Exchange[tuple[bool, bytes | None]]:
    """Take a worker off the register and put the failure `entry` (unless empty) on the list, with
    `own_list` its queue's; but only when it still holds `record` and, unless that is empty, its
    last heartbeat is still `beat`. Returns whether that was so, and else what it holds now. One
    round trip, O(1)."""
    queue = read_record(record).queue if record is not None and own_list else None
    list_name = "" if queue is None else f"{queue}_failed"
    return single(
        _UNREGISTER.call(
            [
                *trail_keys(keys, trail),
                keys.workers(),
                keys.heartbeats(),
                keys.worker(worker_id),
                keys.worker_started(worker_id),
                keys.worker_stat("processed", worker_id),
                keys.worker_stat("failed", worker_id),
                keys.failed_named(list_name) if list_name else keys.failed(),
                keys.failed_queues(),
            ],
            [
                *(*trail_args(trail), name_bytes(worker_id), record or b"", entry),
                *(name_bytes(list_name), beat),
            ],
        ),
        lambda reply: (reply[0] == 1, reply[1]),
        writes=True,
    )


def lost_job(record: bytes, *, worker_id: str, exception: str, error: str, now: datetime) -> bytes:
    """The failure entry for a job whose worker will not finish it."""
    seen = read_record(record)
    return failure_entry.entry(
        failed_at=now,
        payload=seen.payload if seen.payload is not None else b"null",
        exception=exception,
        error=error,
        backtrace=[],
        worker=worker_id,
        queue=seen.queue if seen.queue is not None else "",
    )


def left_behind(worker_id: str, now: Callable[[], datetime]) -> FailureOf:
    """Builds failures for a worker that leaves the register with a job in its hands."""
    words = "Job still being processed"
    return lambda record: lost_job(
        record, worker_id=worker_id, exception="Resque::DirtyExit", error=words, now=now()
    )


def in_hand(keys: Keys, worker_id: str) -> Exchange[tuple[Record | None, int]]:
    """What a worker holds, and its count of closed jobs. One round trip."""

    def parse(replies: list[Reply]) -> tuple[Record | None, int]:
        record, processed = replies
        return None if record is None else read_record(record), int(processed or 0)

    return Exchange(
        (("GET", keys.worker(worker_id)), ("GET", keys.worker_stat("processed", worker_id))),
        parse,
    )


def pairs(reply: list[bytes]) -> dict[bytes, bytes]:
    """The flat reply of HGETALL as a mapping."""
    return dict(zip(reply[::2], reply[1::2], strict=True))
