"""How fast jobs come and go, reckoned from what two looks show. Pure.

Resque counts no pushes and no jobs taken. What is known of a queue between two looks is, in this
order: how many jobs were pushed (the engine counts them when it can tell the jobs apart), and
how many jobs its workers took (an estimate, from their statistics and the jobs in their hands).
Where neither is known, nothing is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from resque.state.snapshot import Snapshot, WorkerState

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


def flows(before: Snapshot, now: Snapshot, served_by: ServedBy, seconds: float) -> dict[str, Flow]:
    """What happened to the queues between two looks, for those of which it can be told.

    Where the engine counted the pushes, the rest follows from the depths. Of the others the
    workers tell: what they took in all, less what is known to have left the queues counted, came
    from the rest. Where that leaves one queue, or no more jobs than were seen in hand or missing,
    it is an estimate; where several queues could have had them, it is unknown.

    Args:
        served_by: The queues that a worker serves, of those that are registered.
        seconds: Between the two looks, more than 0. O(queues + workers).
    """
    was = {queue.name: queue for queue in before.queues}
    known: dict[str, Flow] = {}
    changes: dict[str, int] = {}
    for queue in now.queues:
        earlier = was[queue.name].size if queue.name in was else 0
        if earlier is None or queue.size is None:
            continue
        change = queue.size - earlier
        if queue.pushed is None:
            changes[queue.name] = change
        else:
            # Jobs put back at the head are no pushes that the engine counts.
            came = max(queue.pushed, change)
            known[queue.name] = Flow(seconds, came, came - change, False)
    for name, left in _left(before, now, served_by, known, changes).items():
        left = max(left, -changes[name])
        known[name] = Flow(seconds, left + changes[name], left, True)
    return known


def _left(
    before: Snapshot,
    now: Snapshot,
    served_by: ServedBy,
    known: Mapping[str, Flow],
    changes: Mapping[str, int],
) -> dict[str, int]:
    """How many jobs left the queues whose pushes were not counted, as far as workers tell."""
    earlier = {worker.identity.text: worker for worker in before.workers}
    total = 0
    seen: Counter[str] = Counter()
    served: set[str] = set()
    sources: set[str] = set()
    for worker in now.workers:
        was = earlier.pop(worker.identity.text, None)
        number = _taken_by(was, worker)
        if number is None:
            return {}
        queues = set(served_by(worker))
        served |= queues
        sources |= queues if number else set()
        total += number
        record = worker.record
        if number and record is not None and record.queue is not None:
            seen[record.queue] += 1
    if earlier:  # a worker has left, and its count with it
        return {}
    # At least as many left as are in hand, or as the queue has grown shorter by.
    least = {name: max(seen[name], -changes[name]) for name in changes if name in sources}
    unseen = total - sum(known[name].left for name in served if name in known)
    unseen -= sum(least.values())
    idle = {name: 0 for name in changes if name not in sources}
    if unseen > 0 and len(least) != 1:
        return idle
    return idle | {name: left + max(0, unseen) for name, left in least.items()}


def _taken_by(was: WorkerState | None, now: WorkerState) -> int | None:
    """How many jobs a worker took between two looks; None when its count was lost."""
    before = 0 if was is None else was.processed
    if before is None or now.processed is None or now.processed < before:
        return None
    held = was is not None and was.record is not None
    return max(0, now.processed - before + (now.record is not None) - held)


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
