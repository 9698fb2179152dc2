"""All failures of a list by group and queue, once the whole list was gone through; the polls read
only the newest ones. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from qtop.model.job import GroupKey, JobRow, age_at
from qtop.monitor.rows import FleetRows, NewestGroup
from queuecore.values import replace

#: The times of failures are written in seconds, by the clocks of workers.
_CLOCKS_DIFFER: Final = timedelta(seconds=2)


class CountedGroup(NamedTuple):
    """Failures that are the same failure: how many there are, and when the last of them failed;
    None when that is unknown."""

    fingerprint: GroupKey
    number: int
    last: datetime | None


class FailureCensus(NamedTuple):
    """What was in the list of failures when all of it had been gone through.

    Attributes:
        groups: All of them.
        queues: How many failures came from each queue.
        is_of_all_queues: None came from a queue that is not counted.
        total: How many failures there were.
        at: When that was, by the server's clock.
    """

    groups: tuple[CountedGroup, ...]
    queues: Mapping[str, int]
    is_of_all_queues: bool
    total: int
    at: datetime


def brought_up_to_date(
    census: FailureCensus, fleet: FleetRows, key_of: Callable[[JobRow], GroupKey]
) -> FailureCensus | None:
    """A census with the failures that came since, as of a poll: those that are newer than it. None
    when others have left the list, or more came than the poll read: then nothing is known of all
    of it. O(groups + failures that came since).

    Args:
        key_of: The group of a failure of the poll.
    """
    newer = _newer(census, fleet)
    if newer is None:
        return None
    groups = {each.fingerprint: each for each in census.groups}
    for row in reversed(newer):
        key = key_of(row)
        before = groups.get(key) or CountedGroup(key, 0, None)
        groups[key] = CountedGroup(key, before.number + 1, row.job.failed_at or before.last)
    queues = Counter(census.queues)
    queues.update(row.job.queue for row in newer if row.job.queue is not None)
    return census._replace(
        groups=tuple(sorted(groups.values(), key=lambda each: -each.number)),
        queues=queues,
        is_of_all_queues=census.is_of_all_queues
        and all(row.job.queue is not None for row in newer),
        total=census.total + len(newer),
    )


def _newer(census: FailureCensus, fleet: FleetRows) -> Sequence[JobRow] | None:
    """The failures that are not in a census; None when some of that have left."""
    rows, failed = fleet.failures, fleet.totals.failed
    if rows is None or failed is None:
        return None
    number = failed - census.total
    if not 0 <= number <= len(rows):
        return None
    is_newer = [
        row.job.failed_at is None or row.job.failed_at >= census.at - _CLOCKS_DIFFER
        for row in rows[:number]
    ]
    is_older = [
        row.job.failed_at is None or row.job.failed_at <= census.at + _CLOCKS_DIFFER
        for row in rows[number : number + 1]
    ]
    return rows[:number] if all(is_newer) and all(is_older) else None


def census_groups(
    census: FailureCensus, newest: Sequence[NewestGroup], now: datetime
) -> tuple[NewestGroup, ...]:
    """The groups of an up-to-date census, each with the newest of its failures if the poll read it.
    O(groups)."""
    known = {each.fingerprint: each for each in newest}
    return tuple(
        known[each.fingerprint]._replace(number=each.number)
        if each.fingerprint in known
        else NewestGroup(each.fingerprint, each.number, None, last_s=age_at(now, each.last))
        for each in census.groups
    )


def with_queue_figures(fleet: FleetRows, census: FailureCensus | None) -> FleetRows:
    """The rows of a poll with the failures of each queue by an up-to-date census, if there is one.
    O(queues)."""
    if census is None or fleet.queues is None:
        return fleet
    queues = census.queues
    return replace(
        fleet,
        queues=tuple(
            row._replace(failed=queues.get(row.name, 0), failed_is_all=census.is_of_all_queues)
            for row in fleet.queues
        ),
    )
