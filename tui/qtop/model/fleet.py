"""A fleet at one moment: queues, processes and the jobs that they run. Values only.

None means unknown: what could not be read is never 0 or empty. Why it is unknown is beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from qtop.model.job import Job
from queuecore.values import value


@value
class Queue:
    """One queue.

    Attributes:
        size: How many jobs wait in it; None with the reason as `problem`.
        unreadable: How many items were set aside because no worker can read them.
        pushed: How many jobs came since the snapshot before.
    """

    name: str
    size: int | None
    is_paused: bool | None = False
    unreadable: int | None = 0
    pushed: int | None = None
    problem: str | None = None


@value
class RunningJob:
    """A job that a process runs. What cannot be read of it is None, with the reason as `problem`.

    Attributes:
        queue: Where it was taken from.
        since: When it was taken.
        raw: What the system keeps of it, which tells it from the job before and after it.
        payload: The bytes of the job as they were in its queue.
    """

    queue: str | None
    class_name: str | None
    args: Any
    since: datetime | None
    raw: bytes
    payload: bytes | None = None
    problem: str | None = None


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

    @property
    def is_busy(self) -> bool | None:
        """Whether it runs a job; None when that is unknown."""
        return None if self.jobs is None else bool(self.jobs)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Attributes:
        server_time: The server's clock.
        failures: The newest failed jobs, newest first; `failed` counts all.
        processed_ever, failed_ever: The system's own counts, which only grow.
        is_paused: Whether everything is paused.
        problems: Why what is unknown could not be read, by what that is in words.
    """

    server_time: datetime
    queues: tuple[Queue, ...] | None
    processes: tuple[Process, ...] | None
    failures: tuple[Job, ...] | None
    failed: int | None
    processed_ever: int | None
    failed_ever: int | None
    is_paused: bool | None
    problems: Mapping[str, str] = field(default_factory=dict, hash=False)


_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
#: A snapshot of which all is unknown.
NOTHING_SEEN: Final = Snapshot(_LONG_AGO, None, None, None, None, None, None, None)
