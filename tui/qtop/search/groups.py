"""Failures in groups: how many, since when, from where, and whether they come more often. Pure.

Memory is bounded by the number of groups, not of failures: what is beyond the limit counts
as "other".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from qtop.search.failure_groups import GroupKey, GroupKeyParts, Reader
from queuecore import times
from queuecore.windows import read_item

MOST_GROUPS: Final = 1_000
#: The trend of a group: failures in each of its last hours.
TREND_HOURS: Final = 12
_HOUR_S: Final = 3_600
_MOST_QUEUES: Final = 50
_MOST_REMEMBERED: Final = 10_000

OTHER: Final = GroupKey(None, None, "", "", f"other: beyond {MOST_GROUPS:,} groups")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that are the same failure.

    Attributes:
        count: How many there are among those that were seen.
        first, last: When the earliest and the latest of them failed; None when no time is known.
        trend: How many failed in each of the last hours, the present one last.
        queues: The queues and how many came from each, the most first.
        retried: How many were requeued before and kept.
        place, sha: The newest of them, to open it.
    """

    fingerprint: GroupKey
    id: str
    count: int
    first: datetime | None
    last: datetime | None
    trend: tuple[int, ...]
    queues: tuple[tuple[str, int], ...]
    retried: int
    place: int
    sha: str


@dataclass(slots=True)
class _Tally:
    """A group while it is counted. A moment is its hour and how it is written: within an hour
    texts of one shape compare as moments do, and parsing is for those that are shown."""

    id: str
    place: int
    sha: str
    count: int = 0
    retried: int = 0
    first: tuple[int, str] | None = None
    last: tuple[int, str] | None = None
    hours: dict[int, int] = field(default_factory=dict)
    queues: Counter[str] = field(default_factory=Counter)


class FailureGroups:
    """Counts failures by group, in any order, each once.

    Args:
        now: The present moment, by the server's clock: where the trend ends.
    """

    def __init__(self, now: datetime) -> None:
        self._tallies: dict[GroupKey, _Tally] = {}
        self._reader = Reader()
        self._hours: dict[str, int | None] = {}
        self._hour = int(now.timestamp()) // _HOUR_S
        self.total = 0
        #: Everything there is was counted.
        self.is_complete = False

    def __len__(self) -> int:
        return len(self._tallies)

    def now_is(self, now: datetime) -> None:
        """Let the trend end at another moment."""
        self._hour = int(now.timestamp()) // _HOUR_S

    def add(self, reply: bytes | list[bytes | int], place: int) -> GroupKey:
        """Count an entry as a stretch holds it. About 10 us a KB; never raises."""
        facts = self._reader.read(reply)
        tally = self._tallies.get(facts.fingerprint)
        if tally is None or place > tally.place:
            tally = self._named_by(facts, reply, place)
        self.total += 1
        tally.count += 1
        tally.retried += facts.is_retried
        if facts.queue is not None:
            self._note_queue(tally.queues, facts.queue)
        self._note_moment(tally, facts.failed_at)
        return facts.fingerprint

    def fingerprints(self) -> Iterable[GroupKey]:
        """Those of all groups."""
        return self._tallies.keys()

    def count_of(self, mark: GroupKey) -> int | None:
        """How many failures a group has; None when it has none by itself."""
        tally = self._tallies.get(mark)
        return None if tally is None else tally.count

    def groups(self) -> tuple[FailureGroup, ...]:
        """All groups, the one with the most failures first, "other" last. O(groups)."""
        found = [self._group(mark, tally) for mark, tally in self._tallies.items()]
        found.sort(key=lambda group: (group.fingerprint is OTHER, -group.count))
        return tuple(found)

    def _named_by(
        self, facts: GroupKeyParts, reply: bytes | list[bytes | int], place: int
    ) -> _Tally:
        """The tally of a group, of which this is the newest entry."""
        mark = facts.fingerprint
        tally = self._tallies.get(mark)
        if tally is None and len(self._tallies) >= MOST_GROUPS:
            mark = OTHER
            tally = self._tallies.get(mark)
        if tally is not None and place <= tally.place:
            return tally
        sha = read_item(reply).sha
        if tally is None:
            tally = self._tallies[mark] = _Tally(mark.id, place, sha)
        tally.place, tally.sha = place, sha
        return tally

    def _note_queue(self, queues: Counter[str], name: str) -> None:
        if name in queues or len(queues) < _MOST_QUEUES:
            queues[name] += 1

    def _note_moment(self, tally: _Tally, written: Any) -> None:
        if isinstance(written, datetime):
            written = times.failed_at(written)
        text = written if isinstance(written, str) else str(written)
        # `2026/11/23 12:15:48 UTC`: the hour and the zone say which hour it was.
        key = f"{text[:13]}{text[19:]}" if text[10:11] in (" ", "T") else text
        try:
            hour = self._hours[key]
        except KeyError:
            hour = self._remembered_hour(key, text)
        if hour is None:
            return
        moment = (hour, text)
        if tally.first is None or moment < tally.first:
            tally.first = moment
        if tally.last is None or moment > tally.last:
            tally.last = moment
        if hour > self._hour - TREND_HOURS:
            tally.hours[hour] = tally.hours.get(hour, 0) + 1

    def _remembered_hour(self, key: str, text: str) -> int | None:
        moment = times.parse(text)
        hour = None if moment is None else int(moment.timestamp()) // _HOUR_S
        if len(self._hours) >= _MOST_REMEMBERED:
            self._hours.clear()
        self._hours[key] = hour
        return hour

    def _group(self, mark: GroupKey, tally: _Tally) -> FailureGroup:
        oldest = self._hour - TREND_HOURS + 1
        if len(tally.hours) > 2 * TREND_HOURS:
            tally.hours = {hour: n for hour, n in tally.hours.items() if hour >= oldest}
        hours = range(oldest, self._hour + 1)
        return FailureGroup(
            fingerprint=mark,
            id=tally.id,
            count=tally.count,
            first=_moment(tally.first),
            last=_moment(tally.last),
            trend=tuple(tally.hours.get(hour, 0) for hour in hours),
            queues=tuple(tally.queues.most_common()),
            retried=tally.retried,
            place=tally.place,
            sha=tally.sha,
        )


def _moment(noted: tuple[int, str] | None) -> datetime | None:
    return None if noted is None else _parsed(noted[1])


@lru_cache(maxsize=4 * MOST_GROUPS)
def _parsed(text: str) -> datetime | None:
    moment = times.parse(text)
    return None if moment is None else moment.astimezone(UTC)
