"""How fast jobs come and go, computed from two snapshots. Pure.

Resque counts no pushes and no jobs taken. What is known of a queue between two polls is, in this
order: how many jobs were pushed (the engine counts them when it can tell the jobs apart), and
how many jobs its workers took (an estimate, from their statistics and the jobs that they run).
Where neither is known, nothing is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from qtop.model.fleet import Process, RunningJob, Snapshot

#: How far back rates look.
WINDOW_S: Final = 10.0

#: The queues that workers with a list of queues serve, of those that are registered.
ServedBy = Callable[[tuple[str, ...]], Collection[str]]
#: A process at the poll before and now; None where it was not seen.
Pair = tuple[Process | None, Process]


class Flow(NamedTuple):
    """How many jobs came to a queue and left it between two polls."""

    seconds: float
    came: int
    left: int
    is_estimate: bool


class Rates(NamedTuple):
    """Jobs a second over the window; None when unknown."""

    in_per_s: float | None = None
    out_per_s: float | None = None
    is_estimate: bool = False


UNKNOWN: Final = Rates()


def sum_if_known(counts: Iterable[int | None]) -> int | None:
    """All together; None when one is unknown."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def paired(before: Snapshot, now: Snapshot) -> tuple[Sequence[Pair], bool] | None:
    """The workers of a snapshot beside what they were in the one before, and whether any has left;
    None when one of the two does not know them. O(workers); far less per worker while they are
    the same ones."""
    old, new = before.processes, now.processes
    if old is None or new is None:
        return None
    if len(old) == len(new) and all(
        was is worker or was.id == worker.id for was, worker in zip(old, new, strict=True)
    ):
        return list(zip(old, new, strict=True)), False
    earlier = {worker.id: worker for worker in old}
    pairs = [(earlier.pop(worker.id, None), worker) for worker in new]
    return pairs, bool(earlier)


def flows(
    before: Snapshot,
    now: Snapshot,
    workers: Sequence[Pair] | None,
    served_by: ServedBy,
    served: Collection[str],
    seconds: float,
) -> dict[str, Flow]:
    """What happened to the queues between two polls, for those of which that is known. O(queues +
    workers).

    Where the engine counted the pushes, the rest follows from the depths. For the others the
    workers are asked: what they took in all, less what is known to have left the queues counted,
    came from the rest. Where that leaves one queue, or no more jobs than were seen running or
    missing, it is an estimate; where several queues could have had them, it is unknown.

    Args:
        workers: Those of both snapshots; None when one has left, and its count with it, or they
            are unknown.
        served: The queues that any worker of the second snapshot serves.
        seconds: Between the two polls, more than 0.
    """
    if before.queues is None or now.queues is None:
        return {}
    was = {queue.name: queue.size for queue in before.queues}
    known: dict[str, Flow] = {}
    changes: dict[str, int] = {}
    for queue in now.queues:
        earlier = was.get(queue.name, 0)
        if earlier is None or queue.size is None:
            continue
        change = queue.size - earlier
        if queue.pushed is None:
            changes[queue.name] = change
        else:
            # Jobs put back at the head are no pushes that the engine counts.
            came = max(queue.pushed, change)
            known[queue.name] = Flow(seconds, came, came - change, False)
    if changes and workers is not None:
        for name, left in _left(workers, served_by, served, known, changes).items():
            left = max(left, -changes[name])
            known[name] = Flow(seconds, left + changes[name], left, True)
    return known


def _left(
    workers: Sequence[Pair],
    served_by: ServedBy,
    served: Collection[str],
    known: Mapping[str, Flow],
    changes: Mapping[str, int],
) -> dict[str, int]:
    """How many jobs left the queues whose pushes were not counted, as far as workers tell."""
    total = 0
    seen: Counter[str] = Counter()
    busy_lists: set[tuple[str, ...]] = set()
    for was, worker in workers:
        number = taken_by(was, worker)
        if number is None:
            return {}
        if number:
            total += number
            busy_lists.add(worker.listed)
            for job in _new_jobs(was, worker, number):
                if job.queue is not None:
                    seen[job.queue] += 1
    sources = set().union(*map(served_by, busy_lists))
    # At least as many left as are running, or as the queue has grown shorter by.
    least = {name: max(seen[name], -changes[name]) for name in changes if name in sources}
    unseen = total - sum(known[name].left for name in served if name in known)
    unseen -= sum(least.values())
    idle = {name: 0 for name in changes if name not in sources}
    if unseen > 0 and len(least) != 1:
        return idle
    return idle | {name: left + max(0, unseen) for name, left in least.items()}


def _new_jobs(was: Process | None, now: Process, taken: int) -> Sequence[RunningJob]:
    """Those of the jobs that a process runs that it took since the poll before."""
    jobs = now.jobs or ()
    if taken >= len(jobs) or was is None:
        return jobs
    before = {job.raw for job in was.jobs or ()}
    return [job for job in jobs if job.raw not in before]


def taken_by(was: Process | None, now: Process) -> int | None:
    """How many jobs a process took between two polls; None when its count was lost, and when it is
    unknown what it runs."""
    if was is now:
        return None if now.processed is None or now.jobs is None else 0
    before = 0 if was is None else was.processed
    if before is None or now.processed is None or now.processed < before:
        return None
    held, holds = () if was is None else was.jobs, now.jobs
    if held is None or holds is None:
        return None
    return max(0, now.processed - before + len(holds) - len(held))


class FlowWindow:
    """The flows of one queue over the last seconds."""

    def __init__(self) -> None:
        self._flows: deque[tuple[float, Flow]] = deque()
        # Kept up to date rather than summed up at each poll: there may be thousands of queues.
        self._came = self._left = self._estimates = 0
        self._seconds = 0.0

    def add(self, seen: Flow | None, at_mono: float) -> Rates:
        """Remember a flow that ended at `at_mono`, forget old ones, and return the rates. O(1) on
        average."""
        if seen is not None:
            self._flows.append((at_mono, seen))
            self._count(seen, 1)
        while self._flows and self._flows[0][0] <= at_mono - WINDOW_S:
            self._count(self._flows.popleft()[1], -1)
        if not self._flows:
            self._seconds = 0.0  # sums of fractions are never quite exact
            return UNKNOWN
        seconds = self._seconds
        return Rates(self._came / seconds, self._left / seconds, self._estimates > 0)

    def _count(self, flow: Flow, sign: int) -> None:
        self._came += sign * flow.came
        self._left += sign * flow.left
        self._estimates += sign * flow.is_estimate
        self._seconds += sign * flow.seconds


class CounterWindow:
    """A total that only grows, over the last seconds.

    Attributes:
        first: When it was first known, and the total then.
        oldest: The same for the begin of the window.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()
        self.first = self.oldest = (0.0, 0)

    def add(self, total: int | None, at_mono: float) -> float | None:
        """Remember a total and return its growth a second; None when unknown."""
        if total is None or (self._seen and total < self._seen[-1][1]):
            self._seen.clear()
        if total is None:
            return None
        self._seen.append((at_mono, total))
        if len(self._seen) == 1:
            self.first = self._seen[0]
        while len(self._seen) > 2 and self._seen[1][0] <= at_mono - self._window_s:
            self._seen.popleft()
        self.oldest = then_mono, then = self._seen[0]
        return (total - then) / (at_mono - then_mono) if at_mono > then_mono else None
