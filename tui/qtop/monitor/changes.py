"""What has changed between two polls: how fast jobs come and go, and which figures dropped, because
a queue was cleared, the database was emptied or another one is in its place. A drop is marked, and
no rate is computed across it. Pure.

Resque counts no pushes and no jobs taken. What is known of a queue between two polls is, in this
order: how many jobs were pushed (the engine counts them when it can tell the jobs apart), and
how many jobs its workers took (an estimate, from their statistics and the jobs that they run).
Where neither is known, nothing is. A queue has dropped when more jobs are missing than workers can
have taken, by the count of processed jobs and by the jobs that they run.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from qtop.model.fleet import Process, RunningJob, Snapshot

#: Rates are those of so many last seconds.
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


class InflowWindow:
    """How fast jobs come to all queues together, where that is not known of each: what waits, runs
    and was done grows by them."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, jobs: int | None, at_mono: float, window_s: float = WINDOW_S) -> float | None:
        """Remember how many jobs wait, run or were done, and return how many came a second; None
        when unknown: also until half of the window is known."""
        if jobs is None:
            self._seen.clear()
            return None
        self._seen.append((at_mono, jobs))
        while len(self._seen) > 2 and self._seen[1][0] <= at_mono - window_s:
            self._seen.popleft()
        then_mono, then = self._seen[0]
        if at_mono - then_mono < window_s / 2:
            return None
        # Not all of it is read at one moment: a little less is none.
        return max(0.0, (jobs - then) / (at_mono - then_mono))


#: A total that moves only with beats is compared over so many seconds, and is known not to change
#: after so many without a move: two beats of 10 s, and some.
BEATS_S: Final = 30.0
_STILL_S: Final = 25.0


class BeatWindow:
    """A total that grows only when processes beat, every 5 or 10 s. Its rate is from one of its
    moves to another: no part of a beat counts."""

    def __init__(self) -> None:
        #: The moments at which it moved; before it did, when it was first known.
        self._moves: deque[tuple[float, int]] = deque()
        self._has_moved = False

    def add(self, total: int | None, at_mono: float) -> float | None:
        """Remember a total and return its growth a second; None when unknown: also until it has
        moved twice, or has not moved for 25 s."""
        moves = self._moves
        if total is None or (moves and total < moves[-1][1]):
            moves.clear()
            self._has_moved = False
        if total is None:
            return None
        if not moves:
            moves.append((at_mono, total))
        elif total != moves[-1][1]:
            if not self._has_moved:
                moves.clear()  # What was first known was no move.
            self._has_moved = True
            moves.append((at_mono, total))
        is_still = at_mono - moves[-1][0] > _STILL_S
        end_mono, end = (at_mono, total) if is_still else moves[-1]
        while len(moves) > 2 and moves[1][0] <= end_mono - BEATS_S:
            moves.popleft()
        if is_still and moves[-1][0] <= end_mono - BEATS_S:
            return 0.0
        begin_mono, begin = moves[0]
        if end_mono <= begin_mono:
            return None
        return (end - begin) / (end_mono - begin_mono)


# Sudden drops.

#: A figure has dropped when no more than one in so many is left.
_PART: Final = 10
#: Jobs are counted in two round trips, between which workers go on: so many times what they took
#: may be missing from the queues they serve.
_DOUBT: Final = 2

#: A queue's name, its depth before and now.
_Drop = tuple[str, int, int]
#: By their list of queues: how many jobs workers took together, and how many threads they have.
_Counts = Mapping[tuple[str, ...], tuple[int, int]]


class Drop(NamedTuple):
    """What a figure was before it dropped and after; `at` is the server's time of the poll that
    found it, `after` that of the poll before it, `polls_ago` how many polls ago it was found."""

    was: int
    left: int
    at: datetime
    after: datetime
    polls_ago: int = 0


class Drops(NamedTuple):
    """Which figures of the fleet have dropped of late; None where none has.

    Attributes:
        waiting: The jobs of all queues.
        workers: Those on the register.
        failed: The list of failures.
        processed: Resque's own count of jobs that were performed; it grows for ever, unless the
            database was emptied or is another one.
        gone: The queues that are not listed any more though jobs waited in them, the fullest
            first.
        breaks_waiting: Jobs are missing since the poll before that no worker took.
        breaks_counts: What was counted since that poll says nothing.
    """

    waiting: Drop | None = None
    workers: Drop | None = None
    failed: Drop | None = None
    processed: Drop | None = None
    gone: tuple[tuple[str, Drop], ...] = ()
    breaks_waiting: bool = False
    breaks_counts: bool = False


NO_DROPS: Final = Drops()


class DropWatch:
    """Remembers drops for as many polls as `polls_kept`."""

    def __init__(self, polls_kept: int, served_by: ServedBy) -> None:
        self._polls_kept = polls_kept
        self._served_by = served_by
        self._before: Snapshot | None = None
        self._poll = 0
        #: Each drop with the number of its poll.
        self._queues: dict[str, deque[tuple[int, Drop]]] = {}
        self._fleet: dict[str, tuple[int, Drop]] = {}
        #: The queues that dropped and are not listed any more.
        self._gone: set[str] = set()
        #: The count of processed jobs before it dropped: when it is reached again at once, the
        #: earlier database is back.
        self._lost: int | None = None

    def add(self, now: Snapshot, served: Container[str], served_before: Container[str]) -> Drops:
        """Take in a snapshot. `served` are the queues that a living worker takes from, now and at
        the poll before. What one of the two does not know has not dropped. O(queues), and
        O(workers) when a queue has dropped."""
        self._poll += 1
        before, self._before = self._before, now
        if before is None:
            return NO_DROPS
        self._forget()
        is_other = self._is_other(before, now)
        dropped = self._dropped(before, now, served, served_before, is_other=is_other)
        listed = {queue.name for queue in now.queues or ()} if dropped or self._gone else set()
        self._gone = (self._gone | {name for name, _, _ in dropped}) - listed
        for name, was, left in dropped:
            drop = Drop(was, left, now.server_time, before.server_time)
            self._queues.setdefault(name, deque()).append((self._poll, drop))
        figures: dict[str, tuple[int | None, int | None]] = {
            "waiting": (_waiting(before), _waiting(now)) if dropped else (None, None),
            "workers": (_number(before.processes), _number(now.processes)),
            # Where jobs are tried again by themselves, so they leave.
            "failed": (None, None) if now.sizes else (before.failed, now.failed),
        }
        for figure, (had, has) in figures.items():
            if had is not None and has is not None and has < had and has * _PART <= had:
                drop = Drop(had, has, now.server_time, before.server_time)
                self._fleet[figure] = self._poll, drop
        return self._drops(breaks_waiting=bool(dropped), breaks_counts=is_other)

    def of(self, queue: str) -> tuple[Drop, ...]:
        """A queue's drops, the oldest first."""
        drops = self._queues.get(queue)
        return () if drops is None else tuple(self._aged(each) for each in drops)

    def dropped_now(self, queue: str) -> bool:
        drops = self._queues.get(queue)
        return drops is not None and drops[-1][0] == self._poll

    def _drops(self, *, breaks_waiting: bool, breaks_counts: bool) -> Drops:
        if not self._queues and not self._fleet:
            return Drops(breaks_counts=breaks_counts) if breaks_counts else NO_DROPS
        gone = [(name, self.of(name)[-1]) for name in self._gone]
        gone.sort(key=lambda each: (-each[1].was, each[0]))
        fleet = {name: self._aged(noted) for name, noted in self._fleet.items()}
        return Drops(
            **fleet,
            gone=tuple(gone),
            breaks_waiting=breaks_waiting,
            breaks_counts=breaks_counts,
        )

    def _aged(self, noted: tuple[int, Drop]) -> Drop:
        poll, drop = noted
        return drop._replace(polls_ago=self._poll - poll)

    def _forget(self) -> None:
        oldest = self._poll - self._polls_kept
        for drops in self._queues.values():
            while drops and drops[0][0] <= oldest:
                drops.popleft()
        self._queues = {name: drops for name, drops in self._queues.items() if drops}
        self._fleet = {name: noted for name, noted in self._fleet.items() if noted[0] > oldest}
        self._gone &= self._queues.keys()

    def _is_other(self, before: Snapshot, now: Snapshot) -> bool:
        """Whether counts that only grow show that the database was emptied, is another one, or is
        the one from before such a drop."""
        was, count = before.processed_ever, now.processed_ever
        if was is None or count is None:
            return False
        if count < was:
            if _is_reset(before, now):
                return False
            self._lost = was
            drop = Drop(was, count, now.server_time, before.server_time)
            self._fleet["processed"] = self._poll, drop
            return True
        if self._lost is not None and count >= self._lost:
            self._lost = None
            return True
        failed_was, failed = before.failed_ever, now.failed_ever
        if failed_was is None or failed is None or failed >= failed_was:
            return False
        return not _is_reset(before, now)

    def _dropped(
        self,
        before: Snapshot,
        now: Snapshot,
        served: Container[str],
        served_before: Container[str],
        *,
        is_other: bool,
    ) -> list[_Drop]:
        low = _low(before, now, is_other=is_other)
        if not low or is_other:
            return low
        knows_workers = before.processes is not None and now.processes is not None
        counts, taken = _taken(before, now)
        doubtful: list[_Drop] = []
        dropped: list[_Drop] = []
        for each in low:
            name, was, left = each
            is_served = not knows_workers or name in served or name in served_before
            most = None if counts is None else self._most(name, counts)
            is_clear = not is_served or (most is not None and was - left > most)
            (dropped if is_clear else doubtful).append(each)
        # As few as are needed to make up for what no worker took: the others may be drained.
        doubtful.sort(key=lambda each: each[1] - each[2])
        missing = sum(was - left for _, was, left in doubtful)
        while doubtful and taken is not None and missing > taken:
            dropped.append(doubtful.pop())
            missing -= dropped[-1][1] - dropped[-1][2]
        return dropped

    def _most(self, queue: str, counts: _Counts) -> int:
        """How many jobs the workers that serve a queue can have taken at most."""
        serving = [counts[listed] for listed in counts if queue in self._served_by(listed)]
        return sum(_DOUBT * taken + threads for taken, threads in serving)


def _low(before: Snapshot, now: Snapshot, *, is_other: bool) -> list[_Drop]:
    """The queues with next to nothing left, or with less in another database."""
    if before.queues is None or now.queues is None:
        return []
    sizes = {queue.name: queue.size for queue in now.queues}
    low = []
    for queue in before.queues:
        was = queue.size
        if not was:
            continue
        left = sizes.get(queue.name, 0)
        if left is not None and left < was and (is_other or left * _PART <= was):
            low.append((queue.name, was, left))
    return low


def _taken(before: Snapshot, now: Snapshot) -> tuple[_Counts | None, int | None]:
    """What workers took by their own counts, and how many jobs all can have taken at most; None
    when unknown."""
    both, old, new = paired(before, now), before.processes, now.processes
    if both is None or old is None or new is None:
        return None, None
    if before.processed_ever is None or now.processed_ever is None:
        return None, None
    if any(each.facts is not None for each in (*old, *new)):
        # Those with threads add what they did to the counts only now and then.
        return None, None
    processed = now.processed_ever - before.processed_ever
    # Of one that may have had jobs, it had none then and has as many as it can now: at most.
    held = sum(len(each.jobs or ()) for each in old)
    holds = sum(_threads(each) if each.jobs is None else len(each.jobs) for each in new)
    # Each thread may have one between queue and record, or have died with it.
    most = _DOUBT * max(0, processed + holds - held)
    most += max(sum(map(_threads, old)), sum(map(_threads, new)))
    pairs, some_left = both
    counts: dict[tuple[str, ...], tuple[int, int]] = {}
    for was, worker in pairs:
        taken = taken_by(was, worker)
        if taken is None or some_left:
            return None, most
        all_taken, threads = counts.get(worker.listed, (0, 0))
        counts[worker.listed] = all_taken + taken, threads + _threads(worker)
    # Not all workers count, or some came and left: then the counts do not add up.
    is_all = sum(taken for taken, _ in counts.values()) >= processed
    return counts if is_all else None, most


def _is_reset(before: Snapshot, now: Snapshot) -> bool:
    """Whether counts that fell were perhaps reset by people, as a system with sets of jobs lets
    them: its queues and most of its jobs are still there."""
    names = {queue.name for queue in now.queues or ()}
    return (
        bool(now.sizes)
        and all(queue.name in names for queue in before.queues or () if queue.size)
        and all(now.sizes.get(name, 0) * _PART > was for name, was in before.sizes.items() if was)
    )


def _threads(process: Process) -> int:
    return process.threads or 1


def _number(rows: Sequence[object] | None) -> int | None:
    return None if rows is None else len(rows)


def _waiting(snapshot: Snapshot) -> int | None:
    queues = snapshot.queues
    return None if queues is None else sum_if_known(queue.size for queue in queues)
