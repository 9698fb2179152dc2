"""Groups of equal failures: of one class and exception, whose messages differ only in ids and
numbers, raised at one place of the application. Pure.

First the pattern of a message, then the fingerprint of a failure, then the groups with their
counts, times and trends. All failures of a long list pass through here: it has to be fast.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal

from qtop.model.job import GroupKey, Job
from qtop.model.job_list import Entry, GroupFacts
from qtop.text import backtraces
from qtop.text.safe import safe
from queuecore import times

# The pattern of a message: without ids, numbers and other parts that differ.

#: Characters of a message that are looked into.
MOST_CHARACTERS: Final = 300

#: The result of a request or of a program. Which digits they are makes no difference to what is
#: found here, so that messages which differ in others can be known together.
_STATUS: Final = r"""
    \b(?i: (?: http(?:/\d(?:\.\d)?)? | status | response[ _\-]?code ) (?:[ _\-]?(?:status|code))*
        [\W_]{1,3} \d{3}
      | exit(?:ed)? (?:[ ]with)? [ _\-](?:status|code) [\W_]{1,3} \d{1,3} ) (?! \w | [.,:]\d )
  | (?<![\w.,:]) \d{3} (?= [\W_]{1,4}
      (?: Bad[ ](?:Request|Gateway) | Unauthorized | Forbidden | Not[ ](?:Found|Implemented)
        | Method[ ]Not | Request[ ]Time | Conflict | Gone | Unprocessable | Too[ ]Many
        | Internal[ ]Server | Service[ ]Unavailable | Gateway[ ]Time | (?:Client|Server)[ ]Error ) )
"""
_DAY: Final = "(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
_MONTH: Final = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    "|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE: Final = rf"""
    \d{{4}}[\-/]\d\d[\-/]\d\d
  | (?: {_DAY},?[ ] )?
    (?: \d{{1,2}}[ \-/]{_MONTH} (?: [ \-/]\d{{4}} )?
      | {_MONTH}[ ]{{1,2}}\d{{1,2}} (?: ,[ ]\d{{4}} )? )
"""
_CLOCK: Final = r"""
    [ T:_\-] \d\d:\d\d (?: :\d\d (?:[.,]\d+)? )?
    (?: [ ]? (?: Z | UTC | GMT | [+\-]\d\d:?\d\d ) )? (?: [ ]\d{4}(?!\d) )?
"""
_TIME: Final = rf"""
    (?<![^\W_]) (?: (?: {_DATE} ) (?: {_CLOCK} )?
                  | {_DAY} | (?: mon|tues|wednes|thurs|fri|satur|sun )day
                  | (?<=[\-_.]) (?: mon|tue|wed|thu|fri|sat|sun ) (?=[\-_.]) ) (?![^\W_])
"""
_VARIABLE: Final = re.compile(
    rf"""
      (?P<status> {_STATUS} )
    | (?P<url> \b[a-zA-Z][a-zA-Z0-9+.\-]{{1,20}}://[^\s'"<>]+ )
    | (?P<mail> (?<![\w.+\-])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+ )
    | (?P<uuid> \b[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}\b )
    | (?P<text> "[^"\n]*" | (?<!\w)'[^'\n]*'(?!\w) )
    | (?P<path> (?<![\w<])(?:[A-Za-z]:)?(?:[/\\][\w.@+~\-]+){{2,}}[/\\]?
              | (?<![\w.@+~\-/<])(?:[\w.@+~\-]+/)+[\w.@+~\-]+\.[a-zA-Z]\w{{1,4}}(?![\w/]) )
    | (?P<time> {_TIME} )
    | (?P<ip> \b\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d+)?\b
            | (?<![\w:])(?:[0-9a-fA-F]{{1,4}}:){{3,7}}:?[0-9a-fA-F]{{1,4}}\b
            | (?<![\w:.])(?:[0-9a-f]{{1,4}}(?::[0-9a-f]{{1,4}})*)?::(?=[a-f:]*\d)[0-9a-f:]+(?!\w) )
    | (?P<jwt> (?<![^\W_])eyJ[\w\-]{{8,}}(?:\.[\w\-]*){{0,2}} )
    | (?P<hex> 0x[0-9a-fA-F]+
             | (?<![^\W_]) (?: (?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{{6,}} | [a-fA-F]{{8,}} )
               (?![^\W_]) )
    | (?P<id> (?<![^\W_])(?=[a-zA-Z]*\d+[a-zA-Z]+\d)[a-zA-Z0-9]{{10,}}(?![^\W_])={{0,2}} )
    | (?P<n> (?:(?<![\w.)\]\-])-)?\d+(?:[.,:]\d+)* )
    """,
    re.VERBOSE | re.ASCII,
)
_INSTEAD: Final = {
    "url": "<url>",
    "mail": "<address>",
    "uuid": "<id>",
    "text": '"…"',
    "path": "<path>",
    "time": "<time>",
    "ip": "<ip>",
    "jwt": "<id>",
    "hex": "<hex>",
    "id": "<id>",
    "n": "#",
}
_STATUSES: Final = re.compile(_STATUS, re.VERBOSE | re.ASCII)
_BLANKS: Final = re.compile(r"\s+")


def normalised(message: str) -> str:
    """A message without what differs from case to case: numbers, ids, hashes, dates, addresses,
    paths, quoted texts. What a request or a program ended with stays: 404 is not 503. Bounded,
    whatever the length of the message."""
    text = _VARIABLE.sub(_instead, message[:MOST_CHARACTERS])
    return _BLANKS.sub(" ", text).strip()[:MOST_CHARACTERS]


def first_line(error: str) -> str:
    """What was said of an error. In the lines below, Ruby adds the source with a mark below it, and
    what else may have been meant; those differ where the error is the same. Bounded."""
    return error.lstrip()[:MOST_CHARACTERS].partition("\n")[0].rstrip()


def statuses(message: str) -> tuple[str, ...]:
    """The figures that stay. Whether there are any does not depend on which they are."""
    return tuple(_STATUSES.findall(message[:MOST_CHARACTERS]))


def _instead(found: re.Match[str]) -> str:
    return found[0] if found.lastgroup == "status" else _INSTEAD[found.lastgroup or "n"]


_MOST_REMEMBERED: Final = 20_000
#: Two messages that differ in figures only are normalised once, but for figures that stay.
_FIGURES: Final = str.maketrans("123456789", "0" * 9)


class KeyMaker:
    """Makes the keys of groups, and remembers what it has normalised. Bounded memory."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, ...], GroupKey] = {}
        self._places: dict[str, str | None] = {}

    def key_of(self, job: Job) -> GroupKey:
        """What makes a failure the same as others. Never raises."""
        if job.problem is None or (
            job.item.is_cut and not (job.class_name is None and job.exception is None)
        ):
            return self.key(job.unwrapped[0], job.exception, job.error, job.backtrace)
        return unreadable("too large to list" if job.item.is_cut else job.problem)

    def key(
        self, name: str | None, exception: str | None, error: str | None, backtrace: Iterable[str]
    ) -> GroupKey:
        """The key of failures of a class with an exception that said `error`, and was raised where
        the lines of `backtrace` say."""
        place = backtraces.top(backtrace, self._place)
        message = first_line(error or "")
        known_as: tuple[str | None, ...] = (name, exception, message.translate(_FIGURES), place)
        found = self._known.get(known_as)
        if found is None:
            known_as += statuses(message)
            found = self._known.get(known_as)
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = GroupKey(_cut(name), _cut(exception), normalised(message), place)
            self._known[known_as] = found
        return found

    def _place(self, line: str) -> str | None:
        try:
            return self._places[line]
        except KeyError:
            place = backtraces.place(line)
        if len(self._places) >= _MOST_REMEMBERED:
            self._places.clear()
        if len(line) <= MOST_CHARACTERS:
            self._places[line] = place
        return place


class KnownEntry:
    """An entry of a walk whose job was read before. `place` is its order in the list."""

    __slots__ = ("_maker", "job", "place")

    def __init__(self, job: Job, maker: KeyMaker, place: int | None = None) -> None:
        self.job = job
        self.place = (job.place or 0) if place is None else place
        self._maker = maker

    @property
    def raw(self) -> None:
        """Its job is there already."""

    value = raw

    @property
    def group(self) -> GroupFacts:
        job = self.job
        key = self._maker.key_of(job)
        is_retried = job.is_retried is True
        return GroupFacts(key, job.queue, job.failed_at, is_retried, job.system, _kept_in(job))


def _kept_in(job: Job) -> Literal["", "retry", "dead"]:
    if job.state is None:
        return ""
    return "retry" if job.due is not None else "dead" if job.state == "dead" else ""


def unreadable(reason: str) -> GroupKey:
    """The key of what cannot be read, for a reason."""
    return GroupKey(None, None, "", "", f"unreadable: {normalised(reason)}")


def _cut(name: str | None) -> str | None:
    return None if name is None else name[:MOST_CHARACTERS]


def title(key: GroupKey) -> str:
    if key.problem is not None:
        return safe(key.problem)
    return safe(f"{key.class_name or '(no class)'}: {key.exception or '?'}")


# Groups: how many failures, since when, from which queues, and their trend.

MOST_GROUPS: Final = 1_000
#: The trend of a group: failures in each of its last hours.
TREND_HOURS: Final = 12
_HOUR_S: Final = 3_600
#: For so many hours failures are counted: all of yesterday, however late it is and long it was.
_HOURS_KEPT: Final = 50
_MOST_QUEUES: Final = 50
_GROUPS_MOST_REMEMBERED: Final = 10_000

OTHER: Final = GroupKey(None, None, "", "", f"other: beyond {MOST_GROUPS:,} groups")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that are the same failure.

    Attributes:
        count: How many there are among those that were seen.
        first, last: When the earliest and the latest of them failed; None when no time is known.
        trend: How many failed in each of the last hours, the present one last.
        yesterday: How many failed on the day before this one, by local time, in whole hours.
        queues: The queues and how many came from each, the most first.
        retried: How many were requeued before and kept.
        to_retry, dead: How many are tried again by themselves, and how many are dead; of a system
            that does neither, none are.
        systems: The labels of their places, where there are several.
    """

    fingerprint: GroupKey
    id: str
    count: int
    first: datetime | None
    last: datetime | None
    trend: tuple[int, ...]
    yesterday: int
    queues: tuple[tuple[str, int], ...]
    retried: int
    systems: frozenset[str] = frozenset()
    to_retry: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Tally:
    """A group while it is counted. A moment is its hour and how it is written: within an hour
    texts of one shape compare as moments do, and parsing is for those that are shown."""

    id: str
    count: int = 0
    retried: int = 0
    to_retry: int = 0
    dead: int = 0
    first: tuple[int, str] | None = None
    last: tuple[int, str] | None = None
    hours: dict[int, int] = field(default_factory=dict)
    queues: Counter[str] = field(default_factory=Counter)
    systems: set[str] = field(default_factory=set)


class FailureGroups:
    """Counts failures by group, in any order, each once.

    Args:
        now: The present moment, by the server's clock: where the trend ends.
    """

    def __init__(self, now: datetime) -> None:
        self._tallies: dict[GroupKey, _Tally] = {}
        self._hours: dict[str, int | None] = {}
        self._hour = int(now.timestamp()) // _HOUR_S
        self.count = 0
        #: Everything there is was counted.
        self.is_complete = False

    def __len__(self) -> int:
        return len(self._tallies)

    def now_is(self, now: datetime) -> None:
        """Let the trend end at another moment."""
        self._hour = int(now.timestamp()) // _HOUR_S

    def add(self, entry: Entry) -> None:
        """Count an entry. O(1), besides what it takes to read its group."""
        facts = entry.group
        tally = self._tallies.get(facts.fingerprint) or self._new_tally(facts.fingerprint)
        self.count += 1
        tally.count += 1
        tally.retried += facts.is_retried
        tally.to_retry += facts.kept_in == "retry"
        tally.dead += facts.kept_in == "dead"
        queue, queues = facts.queue, tally.queues
        if queue is not None and (queue in queues or len(queues) < _MOST_QUEUES):
            queues[queue] += 1
        if facts.system:
            tally.systems.add(facts.system)
        self._note_moment(tally, facts.failed_at)

    def take_in(self, other: FailureGroups) -> None:
        """Count what another one has counted, too. O(groups)."""
        self.count += other.count
        for key, theirs in other._tallies.items():
            mine = self._tallies.get(key) or self._new_tally(key)
            mine.count += theirs.count
            mine.retried += theirs.retried
            mine.to_retry += theirs.to_retry
            mine.dead += theirs.dead
            mine.systems |= theirs.systems
            mine.queues.update(theirs.queues)
            for hour, number in theirs.hours.items():
                mine.hours[hour] = mine.hours.get(hour, 0) + number
            moments = [each for each in (mine.first, theirs.first) if each is not None]
            mine.first = min(moments, default=None)
            moments = [each for each in (mine.last, theirs.last) if each is not None]
            mine.last = max(moments, default=None)

    def fingerprints(self) -> Iterable[GroupKey]:
        return self._tallies.keys()

    def count_of(self, key: GroupKey) -> int | None:
        """How many failures a group has; None when it has none by itself."""
        tally = self._tallies.get(key)
        return None if tally is None else tally.count

    def groups(self) -> tuple[FailureGroup, ...]:
        """All groups, the one with the most failures first, "other" last. O(groups)."""
        day = _yesterday(self._hour)
        found = [self._group(key, tally, day) for key, tally in self._tallies.items()]
        found.sort(key=lambda group: (group.fingerprint is OTHER, -group.count))
        return tuple(found)

    def _new_tally(self, key: GroupKey) -> _Tally:
        if len(self._tallies) >= MOST_GROUPS:
            key = OTHER
        # Not by `setdefault`: it would make the id, a digest, for each of the others.
        if key not in self._tallies:
            self._tallies[key] = _Tally(key.id)
        return self._tallies[key]

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
        if hour > self._hour - _HOURS_KEPT:
            tally.hours[hour] = tally.hours.get(hour, 0) + 1

    def _remembered_hour(self, key: str, text: str) -> int | None:
        moment = times.parse(text)
        hour = None if moment is None else int(moment.timestamp()) // _HOUR_S
        if len(self._hours) >= _GROUPS_MOST_REMEMBERED:
            self._hours.clear()
        self._hours[key] = hour
        return hour

    def _group(self, key: GroupKey, tally: _Tally, day: range) -> FailureGroup:
        if len(tally.hours) > 2 * _HOURS_KEPT:
            oldest = self._hour - _HOURS_KEPT + 1
            tally.hours = {hour: n for hour, n in tally.hours.items() if hour >= oldest}
        hours = range(self._hour - TREND_HOURS + 1, self._hour + 1)
        return FailureGroup(
            fingerprint=key,
            id=tally.id,
            count=tally.count,
            first=_moment(tally.first),
            last=_moment(tally.last),
            trend=tuple(tally.hours.get(hour, 0) for hour in hours),
            yesterday=sum(tally.hours.get(hour, 0) for hour in day),
            queues=tuple(tally.queues.most_common()),
            retried=tally.retried,
            systems=frozenset(tally.systems),
            to_retry=tally.to_retry,
            dead=tally.dead,
        )


def _yesterday(hour: int) -> range:
    """The hours of the day before the one with this hour, by local time."""
    now = datetime.fromtimestamp(hour * _HOUR_S, UTC).astimezone()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    before = (today - timedelta(days=1)).replace(tzinfo=None).astimezone()
    today = today.replace(tzinfo=None).astimezone()
    return range(int(before.timestamp()) // _HOUR_S, int(today.timestamp()) // _HOUR_S)


@lru_cache(maxsize=4 * MOST_GROUPS)
def _moment(noted: tuple[int, str] | None) -> datetime | None:
    moment = None if noted is None else times.parse(noted[1])
    return None if moment is None else moment.astimezone(UTC)
