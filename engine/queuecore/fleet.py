"""A fleet at one moment: queues, processes and the jobs that they run. Values only, which each
queue system's store makes of what it reads.

None means unknown: what could not be read is never 0 or empty. Why it is unknown is beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from queuecore.values import Generic, TypeVar, value

F = TypeVar("F")


@value
class Queue:
    """One queue.

    Attributes:
        size: How many jobs wait in it; None with the reason as `problem`.
        unreadable: How many items were set aside because no worker can read them.
        pushed: How many jobs came since the snapshot before.
        next_since: Since when the next job waits, as it says; None without one, and where it does
            not say. It may be in the future.
        is_put_back: The next job is older than others that were taken before it: it came back to
            the front, and how long it waits says nothing about the queue.
    """

    name: str
    size: int | None
    is_paused: bool | None = False
    unreadable: int | None = 0
    pushed: int | None = None
    problem: str | None = None
    next_since: datetime | None = None
    is_put_back: bool = False

    def latency_s(self, now: datetime) -> float | None:
        """For how many seconds the next job has waited: 0 when none does, never negative, None
        where that is unknown."""
        if self.size == 0:
            return 0.0
        since = self.next_since
        return None if since is None else max(0.0, (now - since).total_seconds())


@value
class RunningJob:
    """A job that a process runs. What cannot be read of it is None, with the reason as `problem`.

    Attributes:
        raw: What the system keeps of it, which tells it from the job before and after it.
        queue: Where it was taken from.
        since: When it was taken.
        payload: The bytes of the job as they were in its queue.
        thread: Which of the process's threads runs it; None where a process runs one job.
        jid: The id that its system gave it.
    """

    raw: bytes
    queue: str | None
    since: datetime | None
    class_name: str | None
    args: Any
    payload: bytes | None = None
    problem: str | None = None
    thread: str | None = None
    jid: str | None = None


@value
class Capsule:
    """A part of a process that has threads and queues of its own.

    Attributes:
        mode: How it goes through its queues, in its system's word.
        weights: Its queues, each with how often it is asked; 0 where they are asked in order.
    """

    name: str | None
    threads: int | None
    mode: str | None
    weights: tuple[tuple[str, int], ...]


@value
class ProcessFacts:
    """What a process of a system with threads tells about itself besides. None: it does not tell.

    Attributes:
        is_gone: It is listed, but tells nothing any more: it has died, or was cut off.
        busy: How many of its threads run a job, by its own count.
        version: The version of its system: as it says, or what shows it (`<= 6.4.1`).
        says_version: Whether it says its version itself.
        rss_bytes: Its memory.
        round_trip_us: How long a question to Redis took it, in microseconds.
        is_embedded: It runs within a process of the application, which it may not end.
        signal: What became of a signal that was sent to it, in words, while that is of interest.
        last_jobs: What one that is gone ran when it was last seen, the longest running first.
    """

    is_gone: bool = False
    busy: int | None = None
    is_quiet: bool | None = None
    is_leader: bool | None = None
    is_embedded: bool | None = None
    version: str | None = None
    says_version: bool = False
    tag: str | None = None
    labels: tuple[str, ...] = ()
    capsules: tuple[Capsule, ...] = ()
    rss_bytes: int | None = None
    round_trip_us: int | None = None
    signal: str | None = None
    last_jobs: tuple[RunningJob, ...] | None = None


@value
class Process:
    """A process that runs jobs, as its system lists it. There may be thousands at each moment.

    Attributes:
        id: What the system calls it.
        host, pid: Where it runs; None where its id does not tell.
        listed: Its list of queues, as it is written; `System.serves` says which queues that are.
        beat_at: When it had its last heartbeat, as it says; None also when it has none.
        has_beat: Whether it ever had a heartbeat.
        threads: How many jobs it can run at the same time.
        jobs: What it runs now; None with the reason as `problem`.
        processed, failed: How many jobs it has run, and how many of them failed.
        problem: Why something of it is unknown, or why not all of its jobs are known.
        facts: What else it tells; None where its system's processes tell no more.
    """

    id: str
    host: str | None
    pid: int | None
    listed: tuple[str, ...]
    started: datetime | None
    beat_at: datetime | None
    has_beat: bool | None
    threads: int | None
    jobs: tuple[RunningJob, ...] | None
    processed: int | None
    failed: int | None
    problem: str | None = None
    facts: ProcessFacts | None = None

    @property
    def is_busy(self) -> bool | None:
        """Whether it runs a job; None when that is unknown."""
        return None if self.jobs is None else bool(self.jobs)

    @property
    def is_gone(self) -> bool:
        """Whether it is listed, but is known to tell nothing any more."""
        return self.facts is not None and self.facts.is_gone

    @property
    def is_quiet(self) -> bool:
        """Whether it says that it takes no more jobs."""
        return self.facts is not None and self.facts.is_quiet is True


@value
class FleetSnapshot(Generic[F]):
    """Everything at one moment.

    Attributes:
        server_time: The server's clock.
        failures: The newest failed jobs, newest first; `failed` counts all.
        processed_ever, failed_ever: The system's own counts, which only grow.
        is_paused: Whether everything is paused.
        problems: Why what is unknown could not be read, by what that is in words.
        sizes: How many jobs are in each set of jobs that is no queue, by the system's name of it;
            one that is unknown is not there.
    """

    server_time: datetime
    queues: tuple[Queue, ...] | None
    processes: tuple[Process, ...] | None
    failures: tuple[F, ...] | None
    failed: int | None
    processed_ever: int | None
    failed_ever: int | None
    is_paused: bool | None
    problems: Mapping[str, str] = MappingProxyType({})
    sizes: Mapping[str, int] = MappingProxyType({})


StrayKind = Literal["record", "queue", "unreadable", "delayed", "failed", "held", "undo", "retry"]
"""What lies under a key that no index leads to: what a process runs, a queue, items set aside from
one, jobs that are delayed to one moment, a list of failures, jobs that a process took and kept
until it died; or only copies of jobs."""

#: Not lost: what an undo would put back, and the last failure of a job that is tried again.
COPIES: Final = frozenset({"undo", "retry"})


@value
class Stray:
    """A key with jobs that no index leads to.

    Attributes:
        name: That of the process, queue, moment, list, operation, or job that is tried again.
        key: The whole key.
        process: What is known of a process that is on no register.
    """

    kind: StrayKind
    name: str
    key: bytes
    jobs: int = 1
    process: Process | None = None


@value
class Strays:
    """What was found, and whether all keys were looked at: at most 200,000 are."""

    found: tuple[Stray, ...] = ()
    is_complete: bool = True

    @property
    def lost(self) -> tuple[Stray, ...]:
        """Those that are no copies."""
        return tuple(each for each in self.found if each.kind not in COPIES)

    def of(self, kind: StrayKind) -> tuple[Stray, ...]:
        return tuple(each for each in self.found if each.kind == kind)
