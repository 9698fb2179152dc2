"""Taking a job, and closing the one before, in one round trip (`scripts/work.lua`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from queuecore import times
from queuecore.exchange import Call, Exchange, Reply
from queuecore.keys import name_bytes
from queuecore.values import Literal, replace, value
from resque.codec import decode, encode
from resque.keys import Keys
from resque.scripts import load_script
from resque.store.claims import Claim
from resque.store.workers import Record, read_record

TakenState = Literal["none", "paused", "empty", "job", "lost", "shared"]

_WORK = load_script("work")
#: The script looks into items up to this length, and passes one JSON object each.
_UNCHECKED_BYTES = 2**20
_SET_ASIDE = load_script("set_aside")


@value
class Closing:
    """A job that ended. `failure` is its entry, None when it went well, empty when it is on no
    list because the job is tried again; `counts` says whether the failure counts in the totals (a
    dirty exit does not, as in Ruby). `failed_list` is the name of the queue's own list of
    failures, '' where there is one list for all."""

    failure: bytes | None = None
    counts: bool = False
    failed_list: str = ""


@value
class Taken:
    """What came of asking for a job. `processed` is the worker's count; `record` is the job,
    already written to this worker's record; `paused` are queues that are paused, `foreign`
    those whose next job is Sidekiq's, and was left there. `lost`: the worker's id is no longer its
    own, and nothing was done; `shared`: one without a claim bears it, too, and nothing was
    taken."""

    processed: int
    state: TakenState
    record: Record | None = None
    set_aside: int = 0
    paused: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()


def work(
    keys: Keys,
    claim: Claim,
    queues: Sequence[str],
    *,
    closing: Closing | None,
    processed: int,
    take: bool,
    now: datetime,
) -> Exchange[Taken]:
    """Close a finished job, if any, and take the next from the first queue that has one.

    `processed` is the count that the call before returned. A call whose answer was lost may be
    made again: it closes nothing twice, and returns the job that the first one took. Where the
    worker's id is no longer its own, it closes nothing (`lost`) or takes none (`shared`). One
    round trip, O(queues).
    """
    own_list = closing.failed_list if closing is not None else ""
    places, own_name, names = _places(keys.namespace, claim.worker_id, own_list, tuple(queues))
    call = Call(
        _WORK,
        places,
        (
            "" if closing is None else processed,
            (closing and closing.failure) or b"",
            "1" if closing is not None and closing.counts else "0",
            own_name,
            "1" if take else "0",
            times.run_at(now),
            claim.token,
            name_bytes(claim.worker_id),
            *names,
        ),
    )
    return Exchange((call,), lambda replies: _taken(replies[0], queues), writes=True)


# A worker asks for the same queues again and again.
@lru_cache(maxsize=16)
def _places(
    namespace: str, worker_id: str, own_list: str, queues: tuple[str, ...]
) -> tuple[tuple[bytes, ...], bytes, tuple[bytes, ...]]:
    """The keys of the call, the name of the list of failures, and those of the queues as JSON."""
    keys = Keys(namespace)
    fixed = (
        keys.worker(worker_id),
        keys.stat("processed"),
        keys.worker_stat("processed", worker_id),
        keys.failed_named(own_list) if own_list else keys.failed(),
        keys.stat("failed"),
        keys.worker_stat("failed", worker_id),
        keys.pause_all_workers(),
        keys.pause_all(),
        keys.failed_queues(),
        keys.claim(worker_id),
        keys.workers(),
        keys.heartbeats(),
    )
    per_queue = (
        key
        for queue in queues
        for key in (keys.queue(queue), keys.pause_queue(queue), keys.unreadable(queue))
    )
    return (*fixed, *per_queue), name_bytes(own_list), tuple(encode(queue) for queue in queues)


def _taken(reply: Reply, queues: Sequence[str]) -> Taken:
    processed, state = reply[0], reply[1]
    if state == b"job":
        raw = reply[2]
        taken = Taken(processed, "job", read(raw), reply[3])
        return replace(taken, foreign=_those(queues, reply[4])) if reply[4] else taken
    if state == b"empty":
        paused, foreign = _those(queues, reply[2]), _those(queues, reply[3])
        return Taken(processed, "empty", paused=paused, foreign=foreign)
    return Taken(processed, state.decode())


def _those(queues: Sequence[str], indices: Sequence[int]) -> frozenset[str]:
    return frozenset(queues[index - 1] for index in indices)


def read_at_once(raw: bytes) -> Record | None:
    """Read a record in the shape that the script writes, when all is well with it: without the
    search for the payload's place in other shapes."""
    if len(raw) > _UNCHECKED_BYTES:
        return None
    try:
        value = decode(raw)
        job, run_at = value["payload"], datetime.fromisoformat(value["run_at"])
        class_name = job["class"]
    except (ValueError, TypeError, KeyError):
        return None
    if not isinstance(class_name, str):
        return None
    # Inside a JSON text each quote has a backslash before it, so this is the member.
    payload = raw[:-1].partition(b'","payload":')[2].strip(b" \t\r\n")
    return Record(raw, value["queue"], run_at, class_name, job.get("args"), payload)


def read(raw: bytes) -> Record:
    """Read the record that the script wrote. Its queue is known also when the payload, which the
    script looks at with other eyes than ours, spoils the whole."""
    record = read_at_once(raw)
    if record is not None:
        return record
    record = read_record(raw)
    if record.problem is None:
        return record
    try:
        queue = decode(raw.partition(b',"run_at":')[0] + b"}")["queue"]
    except (ValueError, TypeError, KeyError):
        return record
    return replace(record, queue=queue)


def set_aside(keys: Keys, worker_id: str, queue: str, record: Record) -> Exchange[bool]:
    """Move a payload that cannot be read from the worker's record to `unreadable:<queue>`. One
    round trip."""
    payload = record.raw.partition(b'"payload":')[2][:-1]
    return _SET_ASIDE.write(
        [keys.worker(worker_id), keys.unreadable(queue)], [record.raw, payload], bool
    )
