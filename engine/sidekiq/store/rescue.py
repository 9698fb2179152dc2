"""Jobs of processes that died: naming them, and putting them back to the front of their queues,
each exactly once however many operators do it at once.

What cannot be known: whether a job ended after the last heartbeat; what was taken after that;
whether the process was only cut off: then it may come back, and go on with a job that was put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import Result
from queuecore.codec import decode_object, encode, members
from queuecore.errors import StoreError
from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.keys import is_name, name_bytes
from queuecore.values import replace, value
from queuecore.windows import sha_of
from sidekiq.codec import JobRecord, instant_of, moment_of, read_job
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.work_memory import MEMORY_S, ProcessFate, RememberedProcess, WorkMemory

_RESCUE = load_script("rescue")

#: How long it is known that a job was put back: no memory that it could be put back from a second
#: time is as old.
LEDGER_S: Final = 2 * MEMORY_S
#: Jobs that one script puts back, also bounded by their bytes.
_AT_ONCE: Final = 100
_BYTES: Final = 1 << 20
_BARRED: Final = "the key of its queue holds no list"
_REFUSALS: Final[Mapping[int, str]] = {
    -1: "its process is there again",
    -2: "it was last seen too long ago",
}


@value
class LostJob:
    """A job that a process ran when it was last seen.

    Attributes:
        seen_s: When that was, in seconds by the server's clock.
        queue: The queue that it was taken from.
        run_at: When it was taken, as it is written.
        job: The job itself.
        problem: Why it cannot be put back.
    """

    identity: str
    thread: str
    seen_s: float
    queue: str
    run_at: str
    job: JobRecord
    problem: str | None = None

    @property
    def since(self) -> datetime | None:
        """When it was taken."""
        try:
            return moment_of(float(self.run_at))
        except ValueError:
            return None

    @property
    def entry(self) -> bytes:
        """What names it in the ledger of what was put back."""
        return encode([self.identity, self.thread, self.run_at, sha_of(self.job.raw)])


@value
class LostProcess:
    """A process that is gone, and what it ran when it was last seen.

    Attributes:
        beat: Its last heartbeat; None where that cannot be read.
        seen: When its hash was last seen to exist.
        left_out: How many more jobs it ran, which were too large or too many to remember.
    """

    identity: str
    fate: ProcessFate
    beat: datetime | None
    seen: datetime
    jobs: tuple[LostJob, ...]
    left_out: int = 0


def lost(memory: WorkMemory) -> tuple[LostProcess, ...]:
    """The processes of a memory that are gone, the last seen first, and their jobs, the oldest
    first. Pure."""
    gone = [each for each in memory.processes.values() if each.fate != "alive"]
    return tuple(map(_lost_process, sorted(gone, key=lambda each: -each.seen_s)))


def _lost_process(process: RememberedProcess) -> LostProcess:
    jobs = (
        read_lost(process.identity, thread, raw, process.seen_s)
        for thread, raw in process.work.items()
    )
    return LostProcess(
        process.identity,
        process.fate,
        _beat(process.beat),
        instant_of(process.seen_s) or datetime.fromtimestamp(0, UTC),
        tuple(sorted(jobs, key=_began)),
        process.left_out,
    )


def _began(job: LostJob) -> tuple[datetime, str]:
    # By thread, too: the order of a hash differs from server to server.
    return job.since or datetime.max.replace(tzinfo=UTC), job.thread


def _beat(raw: bytes) -> datetime | None:
    try:
        return instant_of(float(raw))
    except ValueError:
        return None


def read_lost(identity: str, thread: str, raw: bytes, seen_s: float) -> LostJob:
    """Read what a process wrote of a job that it runs: the job is an object in it up to 6.0.1, a
    text of JSON since. Its bytes are not changed. Never raises. O(bytes)."""
    try:
        told: Mapping[str, Any] = decode_object(raw)
        parts = members(raw)
    except ValueError as error:
        return LostJob(identity, thread, seen_s, "", "", JobRecord(b""), str(error))
    queue, payload = told.get("queue"), told.get("payload")
    run_at = parts.get("run_at", b"").decode("utf-8", "replace")
    if isinstance(payload, str) and is_name(payload):
        job = read_job(name_bytes(payload))
    else:
        job = read_job(parts["payload"] if isinstance(payload, dict) else b"")
    problem = job.problem
    if not isinstance(queue, str) or not is_name(queue):
        queue, problem = "", problem or "it does not say which queue it was taken from"
    if problem is None and job.class_name is None:
        problem = "it names no class"
    return LostJob(identity, thread, seen_s, queue, run_at, job, problem)


def rescued(keys: SidekiqKeys, jobs: Sequence[LostJob]) -> Exchange[list[datetime | None]]:
    """When each of these jobs was put back; None for those that were not, in the last two days. One
    round trip, O(jobs)."""

    def parse(replies: list[Reply]) -> list[datetime | None]:
        return [None if score is None else instant_of(float(score)) for score in replies]

    commands = tuple(("ZSCORE", keys.rescued(), each.entry) for each in jobs)
    return Exchange(commands, parse)


def put_back(
    keys: SidekiqKeys, jobs: Sequence[LostJob], record: ActionRecord | None = None
) -> Steps[Result]:
    """Put lost jobs back to the front of their queues, those of a process that ran longest first in
    line; `gone` are those that were put back before, by whomever. None of a process whose hash
    exists, or that was last seen more than a day ago. What no worker has taken can be taken back. A
    round trip for each 100 jobs of a process, fewer of large ones."""
    result = Result()
    tried = 0
    able = [each for each in jobs if each.problem is None]
    result = result.plus(refused=(each.problem for each in jobs if each.problem is not None))
    for part in _parts(able):
        step = replace(_put_back(keys, part, record), progress=(tried, len(able)))
        try:
            fates = yield step
        except StoreError as error:
            return replace(result, stopped=error)
        tried += len(part)
        if isinstance(fates, int):
            result = result.plus(refused=[_REFUSALS[fates]] * len(part))
        else:
            barred = [_BARRED] * fates.count(-1)
            result = result.plus(fates.count(1), fates.count(0), barred)
    return result


def _parts(jobs: Sequence[LostJob]) -> Iterator[list[LostJob]]:
    """The jobs of one process at a time: the youngest first, for each comes before those that were
    put back before it."""
    for _, group in groupby(sorted(jobs, key=_order), key=lambda each: each.identity):
        part: list[LostJob] = []
        size = 0
        for job in group:
            if part and (len(part) == _AT_ONCE or size + len(job.job.raw) > _BYTES):
                yield part
                part, size = [], 0
            part.append(job)
            size += len(job.job.raw)
        yield part


def _order(job: LostJob) -> tuple[str, float]:
    return job.identity, -job.since.timestamp() if job.since else 0.0


def _put_back(
    keys: SidekiqKeys, jobs: Sequence[LostJob], record: ActionRecord | None
) -> Exchange[list[int] | int]:
    touched = [keys.queues(), keys.rescued(), keys.process(jobs[0].identity)]
    touched += [keys.queue(each.queue) for each in jobs]
    # Of the jobs of one process that were seen at different times, the oldest look counts.
    args: list[Arg] = [repr(min(each.seen_s for each in jobs)), MEMORY_S, LEDGER_S]
    for each in jobs:
        args += [each.entry, name_bytes(each.queue), each.job.raw]
    return recorded(_RESCUE, keys, record, touched, args, lambda reply: reply)
