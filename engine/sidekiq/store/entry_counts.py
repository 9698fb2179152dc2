"""What is in the sets, in figures: how many entries, when they come due, minute by minute, and of
which classes and queues they are.

The first three are cheap however long a set is. Only who reads every entry knows its class and its
queue: that is done in the background, with pauses that leave Redis to the jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from queuecore.exchange import Command, Exchange, Reply, Steps
from queuecore.values import replace, value
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.entries import ListedSet, SetEntry, set_key
from sidekiq.store.entry_walk import EntryWalk

_ENDS = load_script("set_ends")

#: Where both failed and scheduled jobs wait for their time.
TO_COME: Final[tuple[ListedSet, ...]] = ("schedule", "retry")
#: Minutes counted in one round trip, at most.
MOST_MINUTES: Final = 240


@value
class SetSize:
    """How many entries a set has, with its lowest and its highest score as Redis spells them; None
    where it is empty. Everything is None where the key holds another kind of value."""

    name: ListedSet
    length: int | None
    lowest: str | None = None
    highest: str | None = None


def sizes(keys: SidekiqKeys, names: Sequence[ListedSet]) -> Exchange[list[SetSize]]:
    """Read the sizes of sets. One round trip, O(log entries) each."""

    def parse(reply: list[Reply]) -> list[SetSize]:
        return [_size(name, found) for name, found in zip(names, reply, strict=True)]

    return _ENDS.read([set_key(keys, name) for name in names], (), parse)


def _size(name: ListedSet, found: list[Reply] | None) -> SetSize:
    if found is None:
        return SetSize(name, None)
    length, *ends = found
    return SetSize(name, length, *(each.decode() for each in ends))


@value
class DueCounts:
    """When the entries of a set come due, by their scores.

    Attributes:
        overdue: How many have a score up to now.
        shares: How many come due within each of the times asked for, without those before it.
        later: How many come due after all these.
        first_at: The lowest score, as a number; None where the set is empty.
    """

    name: ListedSet
    overdue: int
    shares: tuple[int, ...]
    later: int
    first_at: float | None

    @property
    def length(self) -> int:
        """How many entries there are."""
        return self.overdue + sum(self.shares) + self.later


def due(
    keys: SidekiqKeys,
    now_s: float,
    ahead_s: Sequence[int],
    names: Sequence[ListedSet] = TO_COME,
) -> Exchange[list[DueCounts]]:
    """How many entries of each set are overdue at `now_s` (epoch), come due within each of
    `ahead_s` seconds (in growing order), and later. One round trip, O(log entries) a figure."""
    edges = ["-inf", *(repr(now_s + ahead) for ahead in (0, *ahead_s)), "+inf"]
    starts = [edges[0], *(f"({edge}" for edge in edges[1:-1])]
    counts: list[Command] = [
        ("ZCOUNT", set_key(keys, name), start, end)
        for name in names
        for start, end in zip(starts, edges[1:], strict=True)
    ]
    ends = sizes(keys, names)

    def parse(replies: list[Reply]) -> list[DueCounts]:
        of_each = len(starts)
        found = []
        for at, size in enumerate(ends.parse(replies[:1])):
            overdue, *shares, later = replies[1 + at * of_each :][:of_each]
            first_at = None if size.lowest is None else float(size.lowest)
            found.append(DueCounts(size.name, overdue, tuple(shares), later, first_at))
        return found

    return Exchange((*ends.commands, *counts), parse)


def by_minute(
    keys: SidekiqKeys, name: ListedSet, start_s: float, minutes: int
) -> Exchange[tuple[int, ...]]:
    """How many entries have their score in each of some minutes, at most 240, from `start_s`
    (epoch) on. One round trip, O(log entries) for each."""
    edges = [repr(start_s + 60 * at) for at in range(min(minutes, MOST_MINUTES) + 1)]
    key = set_key(keys, name)
    commands = tuple(("ZCOUNT", key, start, f"({end}") for start, end in pairwise(edges))
    return Exchange(commands, tuple)


# Classes and queues.

#: Of Redis's time so much is taken, at most.
SHARE: Final = 0.05
#: A window of so many entries is read within a few milliseconds here.
_AT_ONCE: Final = 250
#: So many classes and queues are told apart, if their names are no longer than this; others are
#: counted together.
MOST_NAMES: Final = 5_000
_LONGEST_NAME: Final = 500


@value
class EntryCounts:
    """How many entries of a set are of which class and queue, as they were counted once.

    Attributes:
        entries: How many there were.
        jobs: How many of a class and a queue. The class is that within ActiveJob's wrapper. None:
            it does not say, or only the beginning was looked at, or it is no job.
        unreadable: How many are no jobs at all.
        others: How many are of classes and queues beyond the first 5,000, or with endless names.
        began_at, ended_at: The server's clock (epoch) when the count began and ended: how old these
            figures are.
        is_broken: As of `EntryWalk`.
    """

    name: ListedSet
    entries: int
    jobs: Mapping[tuple[str | None, str | None], int]
    unreadable: int
    others: int
    began_at: float
    ended_at: float
    is_broken: bool

    @property
    def by_class(self) -> dict[str | None, int]:
        """How many are of each class."""
        return _summed(self.jobs, 0)

    @property
    def by_queue(self) -> dict[str | None, int]:
        """How many belong to each queue."""
        return _summed(self.jobs, 1)


def _summed(jobs: Mapping[tuple[str | None, str | None], int], part: int) -> dict[str | None, int]:
    found = Counter[str | None]()
    for names, many in jobs.items():
        found[names[part]] += many
    return dict(found)


def count(
    keys: SidekiqKeys,
    name: ListedSet,
    *,
    below: str | None = None,
    lowest: float = float("-inf"),
    share: float = SHARE,
) -> Steps[EntryCounts]:
    """Count the classes and queues of all entries, or of those with a score below `below` (as Redis
    spells it) and from `lowest` on. A round trip for each 250 entries or 1 MB of them; before each
    a wait, so long that Redis, by its own clock, spends at most a `share` of its time on it. May be
    stopped at any moment."""
    way = EntryWalk(keys, name, below=below, lowest=lowest, most=_AT_ONCE)
    found = _Counting()
    wait_s = 0.0
    while (window := way.window()) is not None:
        progress = (way.done, way.length or 0)
        entries: list[SetEntry] = yield replace(window, wait_s=wait_s, progress=progress)
        for entry in entries:
            found.add(entry)
        wait_s = way.took_us / 1e6 * (1 / share - 1)
    return EntryCounts(
        *(name, found.entries, dict(found.jobs), found.unreadable, found.others),
        *(way.began_us / 1e6, way.ended_us / 1e6, way.is_broken),
    )


class _Counting:
    """Figures that grow."""

    def __init__(self) -> None:
        self.entries = self.unreadable = self.others = 0
        self.jobs = Counter[tuple[str | None, str | None]]()

    def add(self, entry: SetEntry) -> None:
        job = entry.record
        self.entries += 1
        self.unreadable += job.problem is not None and not job.members
        names = job.unwrapped[0], job.queue
        is_short = all(name is None or len(name) <= _LONGEST_NAME for name in names)
        if names in self.jobs or (is_short and len(self.jobs) < MOST_NAMES):
            self.jobs[names] += 1
        else:
            self.others += 1
