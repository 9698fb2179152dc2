"""How fast jobs come and go, reckoned from what two looks show. Pure.

Resque counts no pushes and no jobs taken. What is known of a queue between two looks is, in this
order: how many jobs were pushed (the engine counts them when it can tell the jobs apart), and
how many jobs its workers took (an estimate, from their statistics and the jobs in their hands).
Where neither is known, nothing is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from resque.state.snapshot import QueueState, Snapshot, WorkerState

WINDOW_S: Final = 10.0
"""How far back rates look."""

#: The queues that a worker serves, of those that are registered.
ServedBy = Callable[[WorkerState], Collection[str]]


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened to a queue between two looks: jobs that came and that left."""

    seconds: float
    came: int
    left: int
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """Jobs a second over the window; None when unknown."""

    in_per_s: float | None = None
    out_per_s: float | None = None
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """Jobs that workers took from queues between two looks. `unclear` are queues from which an
    unknown number may have been taken."""

    counts: Counter[str] = field(default_factory=Counter)
    unclear: frozenset[str] = frozenset()


def taken(before: Snapshot, now: Snapshot, served_by: ServedBy) -> Taken:
    """Count the jobs that workers took between two looks. O(workers) when few have changed."""
    counts: Counter[str] = Counter()
    unclear: set[str] = set()
    earlier = {worker.identity.text: worker for worker in before.workers}
    for worker in now.workers:
        was = earlier.pop(worker.identity.text, None)
        number = _taken_by(was, worker)
        if number == 0:
            continue
        sources = _sources(was, worker, number)
        source = sources.pop() if len(sources) == 1 else None
        if number is None or source is None:
            unclear.update(served_by(worker))
        else:
            counts[source] += number
    for vanished in earlier.values():
        unclear.update(served_by(vanished))
    return Taken(counts, frozenset(unclear))


def _taken_by(was: WorkerState | None, now: WorkerState) -> int | None:
    before = 0 if was is None else was.processed
    if before is None or now.processed is None or now.processed < before:
        return None
    held = was is not None and was.record is not None
    return max(0, now.processed - before + (now.record is not None) - held)


def _sources(was: WorkerState | None, now: WorkerState, number: int | None) -> set[str | None]:
    """The queues that the jobs may have come from, as far as anything names them."""
    queues = now.identity.queues
    if len(queues) == 1 and not set("*?{}[]!") & set(queues[0]):
        return {queues[0]}
    if number == 1 and now.record is not None:
        return {now.record.queue}
    records = (was.record if was else None, now.record)
    return {record.queue for record in records if record is not None}


def flow(was: QueueState | None, now: QueueState, jobs_taken: Taken, seconds: float) -> Flow | None:
    """What happened to a queue since the look before; None when it cannot be told.

    Args:
        was: The queue at the look before; None when it was not registered then.
        now: The same queue at this look.
        jobs_taken: What the workers took meanwhile.
        seconds: Between the two looks, more than 0.
    """
    before = 0 if was is None else was.size
    if before is None or now.size is None:
        return None
    change = now.size - before
    if now.pushed is not None:
        # Jobs put back at the head are no pushes that the engine counts.
        came = max(now.pushed, change)
        return Flow(seconds, came, came - change, False)
    if now.name in jobs_taken.unclear:
        return None
    left = max(jobs_taken.counts[now.name], -change)
    return Flow(seconds, left + change, left, True)


class FlowWindow:
    """The flows of one queue over the last seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._flows: deque[tuple[float, Flow]] = deque()

    def add(self, seen: Flow | None, at_mono: float) -> Rates:
        """Remember a flow that ended at `at_mono`, forget old ones, and return the rates."""
        if seen is not None:
            self._flows.append((at_mono, seen))
        while self._flows and self._flows[0][0] <= at_mono - self._window_s:
            self._flows.popleft()
        if not self._flows:
            return Rates()
        flows = [known for _, known in self._flows]
        seconds = sum(known.seconds for known in flows)
        return Rates(
            sum(known.came for known in flows) / seconds,
            sum(known.left for known in flows) / seconds,
            any(known.is_estimate for known in flows),
        )


class CounterWindow:
    """A total that only grows, over the last seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, total: int | None, at_mono: float) -> float | None:
        """Remember a total and return its growth a second; None when unknown."""
        if total is None or (self._seen and total < self._seen[-1][1]):
            self._seen.clear()
        if total is None:
            return None
        self._seen.append((at_mono, total))
        while len(self._seen) > 2 and self._seen[1][0] <= at_mono - self._window_s:
            self._seen.popleft()
        first_mono, first = self._seen[0]
        return (total - first) / (at_mono - first_mono) if at_mono > first_mono else None
