"""The rows of the console: what is known of each queue, worker and failure at one look. Pure.

`qtop.monitor.row_builder` makes them.

Rows hold names and texts as they are in Redis. `qtop.text.format` makes them safe, once, where
the text of a cell is made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from qtop.monitor.condition import Condition
from qtop.monitor.drops import NO_FALLS, Drop, Falls
from qtop.monitor.rates import Rates
from resque.store.failures import Failure
from resque.store.snapshot import WorkerState
from resque.store.workers import Identity, Record

DEPTHS_KEPT: Final = 60
"""How many looks back the depths of a queue are known."""
#: A clock of a worker may be ahead by so much before its moments count as unknown.
CLOCK_TOLERANCE_S: Final = 5

#: A queue whose rates differ by less than this part neither drains nor grows.
_STEADY: Final = 0.05


class QueueRow(NamedTuple):
    """One queue. None means unknown.

    Attributes:
        depths: Depths of the last looks, oldest first.
        looks: How many looks there were of it.
        empty_in_s: Seconds until it is empty at these rates; infinite when it never will be.
        serving: Workers that take from it and are not known to be dead.
        in_hand: Jobs of it that workers hold now.
        failed: Its failures among those that were read, which are all when `failed_is_all`.
        falls: Where its depth fell by more than workers took, the oldest first.
        next_waits_s: How long the job that is next has waited, as of some seconds ago; None when
            it does not tell.
        others: Whose the queue is, if it is not Resque's alone: `Sidekiq's`, for example.
    """

    name: str
    depth: int | None
    depths: tuple[int | None, ...]
    looks: int
    rates: Rates
    empty_in_s: float | None
    is_paused: bool | None
    unreadable: int | None
    serving: int | None
    in_hand: int | None
    failed: int | None
    failed_is_all: bool
    problem: str | None
    falls: tuple[Drop, ...] = ()
    next_waits_s: float | None = None
    others: str = ""

    @property
    def is_unserved(self) -> bool:
        """Whether jobs of Resque's wait that no worker will take, as far as it is known."""
        return self.serving == 0 and bool(self.depth) and not self.others


class WorkerRow(NamedTuple):
    """One registered worker, at the server's time `now`. There may be thousands of them at each
    look, so that what few need is found when it is asked for."""

    state: WorkerState
    condition: Condition
    now: datetime
    is_local: bool

    @property
    def identity(self) -> Identity:
        """Its id."""
        return self.state.identity

    @property
    def record(self) -> Record | None:
        """The job it holds; None when it is idle."""
        return self.state.record

    @property
    def is_at_work(self) -> bool:
        """Whether it holds a job and is not dead, as far as it is known."""
        return bool(self.state.is_busy) and self.condition != "dead?"

    @property
    def elapsed_s(self) -> float | None:
        """How long it has had its job; None when it is idle or that is unknown."""
        record = self.state.record
        return None if record is None else age_at(self.now, record.run_at)

    @property
    def heartbeat_age_s(self) -> float | None:
        """The age of its last heartbeat; None when unknown."""
        return self.state.heartbeat_age_s

    @property
    def has_heartbeat(self) -> bool | None:
        """Whether it ever beat; None when unknown."""
        return self.state.has_heartbeat

    @property
    def started(self) -> datetime | None:
        """When it started; None when unknown."""
        return self.state.started

    @property
    def processed(self) -> int | None:
        """How many jobs it has run; None when unknown."""
        return self.state.processed

    @property
    def failed(self) -> int | None:
        """How many of them failed; None when unknown."""
        return self.state.failed


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failure. `key` tells it from others with the same bytes."""

    key: tuple[str, int]
    failure: Failure
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The fleet in figures. None means unknown.

    Attributes:
        waiting: Of all queues; of those whose depth is known when `waiting_is_least`.
        working: Workers with a job; at least so many when `working_is_least`.
        troubled: Workers that are silent or dead, as far as it is known.
        failed: How long the list of failures is.
        failed_ever: Resque's own count.
        problems: Why what is unknown could not be read, by what that is in words.
    """

    queues: int | None
    waiting: int | None
    working: int | None
    workers: int | None
    troubled: int
    failed: int | None
    failed_ever: int | None
    processed_per_s: float | None
    failed_per_s: float | None
    is_paused: bool | None
    problems: Mapping[str, str]
    falls: Falls = NO_FALLS
    waiting_is_least: bool = False
    working_is_least: bool = False


@dataclass(frozen=True, slots=True)
class FleetRows:
    """All rows at one look; None for those that could not be read."""

    server_time: datetime
    queues: tuple[QueueRow, ...] | None
    workers: tuple[WorkerRow, ...] | None
    failures: tuple[FailureRow, ...] | None
    totals: Totals


def empty_in_s(depth: int | None, rates: Rates) -> float | None:
    """Seconds until a queue is empty; infinite when it does not drain, None when unknown: also
    when as many come as leave, which is neither."""
    if depth is None:
        return None
    if depth == 0:
        return 0.0
    if rates.in_per_s is None or rates.out_per_s is None:
        return None
    drain_per_s = rates.out_per_s - rates.in_per_s
    if rates.out_per_s > 0 and abs(drain_per_s) < _STEADY * rates.out_per_s:
        return None
    return depth / drain_per_s if drain_per_s > 0 else math.inf


def failure_rows(
    failures: Sequence[Failure], now: datetime, seen: Counter[str] | None = None
) -> tuple[FailureRow, ...]:
    """Failures, newest first, each with a key of its own; `now` is the server's clock. `seen`
    counts the same bytes among older ones, for lists that come in parts. O(failures)."""
    seen = Counter() if seen is None else seen
    rows: list[FailureRow] = []
    # Counted from the oldest, so that a newcomer with the same bytes takes no other's key.
    for failure in reversed(failures):
        sha = failure.item.sha
        age_s = age_at(now, failure.failed_at)
        rows.append(FailureRow((sha, seen[sha]), failure, age_s))
        seen[sha] += 1
    return tuple(reversed(rows))


def age_at(now: datetime, moment: datetime | None) -> float | None:
    """Seconds since a moment; None when it is unknown or lies in the future."""
    if moment is None:
        return None
    age_s = (now - moment).total_seconds()
    return max(0.0, age_s) if age_s > -CLOCK_TOLERANCE_S else None
