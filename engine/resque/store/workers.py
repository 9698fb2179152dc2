"""The registered workers: ids, what they hold, heartbeats, leaving and pruning."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from queuecore import times
from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.keys import is_name, name_bytes
from queuecore.values import Any, TypeVar
from queuecore.values import value as value_class
from resque.codec import decode, encode_failure, members, members_of_beginning, text_of
from resque.keys import Keys
from resque.scripts import load_script

T = TypeVar("T")

_UNREGISTER = load_script("unregister")

#: Ruby's: a worker beats this often ...
HEARTBEAT_INTERVAL_S = 60.0
#: ... and is dead when its last beat is older than this.
PRUNE_AFTER_S = 300.0
#: What `take_off` expects of a worker that never beat.
NO_BEAT = b"-"

#: Builds the failure entry for the record (bytes) of a job that will not be finished.
FailureOf = Callable[[bytes], bytes]

_ID = re.compile(r"(?P<host>.*?):(?P<pid>\d+)(?:[-+]\w+)?:(?P<queues>.*)", re.DOTALL)


#: What Jesque puts before the names of its queues. (Source: AbstractWorker.createName.)
_JESQUE = ("JAVA_DYNAMIC_QUEUES",)


@value_class
class Identity:
    """A worker's id taken apart: `host:pid:queue,queue`. Of an id in another shape only `text`
    is known."""

    text: str
    host: str | None
    pid: int | None
    queues: tuple[str, ...]


# The same few thousand ids are read at every poll of a console.
@lru_cache(maxsize=8192)
def identity(text: str) -> Identity:
    """Read a worker id of any implementation; never raises."""
    found = _ID.fullmatch(text)
    if found is None:
        return Identity(text, None, None, ())
    queues = tuple(found["queues"].split(",")) if found["queues"] else ()
    if queues[:1] == _JESQUE:
        queues = queues[1:]
    return Identity(text, found["host"], int(found["pid"][:10]), queues)


def may_run_on(who: Identity, host: str) -> bool:
    """Whether the id of a worker may name a process of a machine: by its host, also with the number
    that it gets where another worker bears the id (see `claims`). A machine can be called so, too.
    """
    if who.host is None:
        return False
    rest = who.host.removeprefix(f"{host}-")
    return who.host == host or (rest != who.host and rest.isascii() and rest.isdigit())


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
    return read_as(Record, raw)


def read_as(kind: Callable[..., T], raw: bytes) -> T:
    """As `read_record`, as a value of another kind with the same fields."""
    try:
        value, parts = decode(raw), members(raw)
    except ValueError as error:
        return kind(raw, None, None, None, None, None, str(error))
    job = value.get("payload")
    if not isinstance(job, dict):
        job = {}
    queue, class_name = value.get("queue"), job.get("class")
    return kind(
        raw,
        queue if isinstance(queue, str) and is_name(queue) else None,
        times.parse(value.get("run_at")),
        class_name if isinstance(class_name, str) else None,
        job.get("args"),
        parts.get("payload"),
    )


def is_pause(raw: bytes) -> bool:
    """Whether a record says that its worker is paused and holds nothing, as Jesque writes it.
    (Source: AbstractWorker.pauseMsg.)"""
    if b'"paused":true' not in raw:
        return False
    try:
        value = decode(raw)
    except ValueError:
        return False
    return value.get("paused") is True and value.get("payload") is None


def read_beginning(kind: Callable[..., T], raw: bytes, size: int) -> T:
    """Read as much of a record as its beginning tells, when the whole has `size` bytes, as a value
    of a kind like `Record`; never raises. `payload` is None: it is not whole."""
    parts = members_of_beginning(raw)
    job = members_of_beginning(parts.get("payload", b""))
    return kind(
        raw,
        text_of(parts.get("queue")),
        times.parse(text_of(parts.get("run_at"))),
        text_of(job.get("class")),
        None,
        None,
        f"too large to list ({size:,} bytes)",
    )


def unregister(
    keys: Keys, worker_id: str, failure_of: FailureOf, *, own_lists: bool = False, token: str = ""
) -> Steps[bool]:
    """Take a worker off the register; a job in its record becomes a failure in the same step, with
    `own_lists` in its queue's list of failures.

    `failure_of` builds the entry from the record. With a `token` (see `claims`) it is done only
    while the place and what is in it are that process's own. Returns whether there was such a job.
    One round trip, two when it has a job; more only while the worker takes job after job.
    """
    record: bytes | None = None
    while True:
        entry = failure_of(record) if record is not None else b""
        is_over, is_done, record_now = yield take_off(
            keys, worker_id, record, entry, own_list=own_lists, token=token
        )
        if is_over:
            return is_done and record is not None
        record = record_now


def take_off(
    keys: Keys,
    worker_id: str,
    record: bytes | None,
    entry: bytes,
    *,
    own_list: bool = False,
    beat: bytes = b"",
    action: ActionRecord | None = None,
    token: str = "",
) -> Exchange[tuple[bool, bool, bytes | None]]:
    """Take a worker off the register and put the failure `entry` (unless empty) on the list, with
    `own_list` its queue's; but only when it still holds `record` and, unless that is empty, its
    last heartbeat is still `beat` (`NO_BEAT`: there is still none), with a `token` as in
    `unregister`. Returns whether there is nothing left to do, whether it was done, and else what
    the worker holds now. One round trip, O(1)."""
    list_name = own_list_of(record) if own_list else ""
    touched = [
        keys.workers(),
        keys.heartbeats(),
        *keys.of_worker(worker_id),
        keys.failed_named(list_name) if list_name else keys.failed(),
        keys.failed_queues(),
        keys.claim(worker_id),
    ]
    args: list[Arg] = [name_bytes(worker_id), record or b"", entry]
    args += [name_bytes(list_name), beat, token]

    def parse(reply: Reply) -> tuple[bool, bool, bytes | None]:
        return reply[0] != 0, reply[0] == 1, reply[1]

    return recorded(_UNREGISTER, keys, action, touched, args, parse)


def own_list_of(record: bytes | None) -> str:
    """The name of the list of failures of a job's queue; '' when the record does not tell."""
    queue = None if record is None else read_record(record).queue
    return "" if queue is None else f"{queue}_failed"


def lost_job(record: bytes, *, worker_id: str, exception: str, error: str, now: datetime) -> bytes:
    """The failure entry for a job whose worker will not finish it."""
    seen = read_record(record)
    return encode_failure(
        failed_at=now,
        payload=seen.payload if seen.payload is not None else b"null",
        exception=exception,
        error=error,
        backtrace=[],
        worker=worker_id,
        queue=seen.queue if seen.queue is not None else "",
    )


def left_behind(worker_id: str, now: Callable[[], datetime]) -> FailureOf:
    """Builds failures for a worker that leaves the register while it has a job."""
    words = "Job still being processed"
    return lambda record: lost_job(
        record, worker_id=worker_id, exception="Resque::DirtyExit", error=words, now=now()
    )


def pairs(reply: list[bytes]) -> dict[bytes, bytes]:
    """The flat reply of HGETALL as a mapping."""
    return dict(zip(reply[::2], reply[1::2], strict=True))
