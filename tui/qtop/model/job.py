"""A job as every queue system has it: failed, waiting, set aside or delayed; and where it is. Pure.

What cannot be read is shown as its bytes, with the reason, and never evaluated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, Final, Literal, NamedTuple

from queuecore.active_job import unwrapped
from queuecore.values import value
from queuecore.windows import Item

SourceKind = Literal["failed", "queue", "unreadable", "quarantine", "delayed"]

#: The list of failures where there is one for all queues.
FAILED: Final = "failed"
#: A clock of a worker may be ahead by so much before its moments count as unknown.
CLOCK_TOLERANCE_S: Final = 5
#: Epochs further away are no dates: milliseconds, or anything at all.
_LAST_EPOCH: Final = 60_000_000_000.0
_ID_CHARACTERS: Final = 12


@value
class JobSource:
    """A list of jobs. `name` is that of the list of failures, or of the queue; of delayed jobs it
    is the moment as the system spells it, empty for all of them. `place` is the label of the place
    that it is in, where there are several; empty: there is one, or the lists of all are meant."""

    kind: SourceKind
    name: str
    place: str = ""

    @property
    def queue(self) -> str:
        """The name of the queue; empty for lists that no queue has."""
        return self.name if self.kind in ("queue", "unreadable", "quarantine") else ""

    @property
    def noun(self) -> str:
        nouns = {"failed": "failed job", "queue": "waiting job", "unreadable": "item"}
        nouns["quarantine"] = "quarantined job"
        return nouns.get(self.kind, "delayed job")

    def __str__(self) -> str:
        """How it is written on the command line."""
        is_only = (self.kind, self.name) in (("delayed", ""), ("failed", FAILED))
        return self.kind if is_only else f"{self.kind}:{self.name}"


@value
class DueTime:
    """When a delayed job is due. `at` is the epoch, `stamp` how the system spells it; `jobs` is how
    many are due then, -1 when that cannot be read."""

    at: float
    stamp: str
    jobs: int

    @property
    def moment(self) -> datetime | None:
        """The same as a date; None when it is none, or one that no time zone can show."""
        return moment_of(self.at)


def moment_of(epoch: float) -> datetime | None:
    """A moment from its epoch; None when it is no date, or one that no time zone can show."""
    is_date = -_LAST_EPOCH < epoch < _LAST_EPOCH
    return datetime.fromtimestamp(epoch, UTC) if is_date else None


@value
class Job:
    """One job of a list, as far as it can be read; what is missing is None.

    Attributes:
        item: Its bytes in the list, perhaps only their beginning, and its identity.
        ref: What names it to its list and to actions: only its list can read it. None when
            there is no job: `problem` says what could not be read in place of some.
        place: Where it was seen, counted from the front of its list; None in lists without places.
        class_name, args: As they are written: ActiveJob's wrapper with the job in it.
        extra: What else a waiting job's payload holds.
        retried_at: When a failure was requeued and kept, as it is written.
        is_retried: Whether it was; None when that is unknown, or when it has not failed.
        problem: Why it cannot be read, in words.
        due: When it is due, or tried again.
        state: How far it is, in its system's words: `retry 3 of 25`, `dead`; None where its list
            says all there is.
        jid: The id that its system gave it.
        cautions: What else hangs on it and would not be changed with it, such as a lock, in words.
        system: The label of its place, where there are several; empty where there is one.
        has_died: It failed because its process died, as far as its entry tells.
    """

    item: Item
    ref: Hashable = None
    place: int | None = None
    class_name: str | None = None
    args: Any = None
    queue: str | None = None
    problem: str | None = None
    extra: Any = None
    failed_at: datetime | None = None
    retried_at: str | None = None
    is_retried: bool | None = None
    exception: str | None = None
    error: str | None = None
    backtrace: tuple[str, ...] = ()
    worker: str | None = None
    due: DueTime | None = None
    state: str | None = None
    jid: str | None = None
    tags: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    system: str = ""
    has_died: bool = False

    @property
    def id(self) -> str:
        """The SHA-1 of its bytes, in hex."""
        return self.item.sha

    @property
    def unwrapped(self) -> tuple[str | None, Any]:
        """Its class and arguments, taken out of ActiveJob's wrapper."""
        return unwrapped(self.class_name, self.args)


@value
class JobRow:
    """A job at one poll. `key` tells it from others with the same bytes; `age_s` is how long ago it
    failed, `due_s` how soon it is due (negative when overdue); None when that is unknown."""

    key: Hashable
    job: Job
    age_s: float | None = None
    due_s: float | None = None

    @property
    def system(self) -> str:
        """The label of its place; see `Job`."""
        return self.job.system


def job_rows(jobs: Iterable[Job], now: datetime, seen: Counter[Any] | None = None) -> list[JobRow]:
    """Jobs in their order, each with a key of its own: those with equal bytes are counted from the
    first. `now` is the server's clock. `seen` counts those before them, for lists that come in
    parts. O(jobs)."""
    seen = Counter() if seen is None else seen
    now_s = now.timestamp()
    rows: list[JobRow] = []
    for job in jobs:
        due = job.due
        stamp = "" if due is None else due.stamp
        name = (job.system, job.item.sha, stamp) if job.system else (job.item.sha, stamp)
        due_s = None if due is None else due.at - now_s
        rows.append(JobRow((*name, seen[name]), job, age_at(now, job.failed_at), due_s))
        seen[name] += 1
    return rows


def failure_rows(
    jobs: Sequence[Job], now: datetime, seen: Counter[Any] | None = None
) -> tuple[JobRow, ...]:
    """As `job_rows`, of failures, newest first: `seen` counts older ones."""
    # Counted from the oldest, so that a newcomer with the same bytes takes no other's key.
    return tuple(reversed(job_rows(reversed(jobs), now, seen)))


def age_at(now: datetime, moment: datetime | None) -> float | None:
    """Seconds since a moment; None when it is unknown or lies in the future."""
    if moment is None:
        return None
    age_s = (now - moment).total_seconds()
    return max(0.0, age_s) if age_s > -CLOCK_TOLERANCE_S else None


class GroupKey(NamedTuple):
    """What failures of one group share. `problem` is why entries cannot be read; None when they
    can, and then the other four say what happened."""

    class_name: str | None
    exception: str | None
    message: str
    frame: str
    problem: str | None = None

    @property
    def id(self) -> str:
        """The same for the same group, in every console."""
        text = "\0".join("" if part is None else f"={part}" for part in self)
        raw = text.encode("utf-8", "surrogatepass")
        return sha1(raw, usedforsecurity=False).hexdigest()[:_ID_CHARACTERS]
