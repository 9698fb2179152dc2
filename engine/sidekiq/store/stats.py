"""How many jobs were run and failed: since ever, and of each day in UTC, for five years. A process
adds what it did at its beats; a success leaves nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal

from queuecore.exchange import Command, Exchange, Reply
from queuecore.read_cache import batches, integer, rows
from queuecore.values import value
from sidekiq.keys import SidekiqKeys

#: Days of a history, as Sidekiq's pages show it.
USUAL_DAYS: Final = 90

_NAMES: Final[tuple[Literal["processed", "failed"], ...]] = ("processed", "failed")


@value
class RunCounts:
    """How many jobs were run, those that failed among them, and how many failed. None: what is kept
    there is no number, or it may not be read."""

    processed: int | None
    failed: int | None


@value
class DayCounts:
    """The counts of one day in UTC."""

    day: date
    counts: RunCounts


def totals(keys: SidekiqKeys) -> Exchange[RunCounts]:
    """The counts since ever, or since they were reset. One round trip, O(1)."""
    asked = tuple(("GET", keys.stat(name)) for name in _NAMES)
    return Exchange(asked, lambda replies: RunCounts(*map(integer, replies)), tolerant=True)


def days(
    keys: SidekiqKeys, last: date, *, count: int = USUAL_DAYS
) -> Exchange[tuple[DayCounts, ...]]:
    """The counts of `count` days, the newest first, of which `last` is the newest, in UTC. A day on
    which nothing was run has 0. One round trip, O(days)."""
    wanted = [last - timedelta(days=ago) for ago in range(count)]
    names = [keys.day(name, f"{day:%Y-%m-%d}") for day in wanted for name in _NAMES]
    asked: tuple[Command, ...] = tuple(("MGET", *part) for part in batches(names))

    def parse(replies: list[Reply]) -> tuple[DayCounts, ...]:
        found = list(map(integer, rows(iter(replies), asked, len(names))))
        counts = map(RunCounts, found[::2], found[1::2])
        return tuple(map(DayCounts, wanted, counts))

    return Exchange(asked, parse, tolerant=True)
