"""What each class of jobs did, minute by minute, and how long its jobs took.

| | 7 | 8 |
|---|---|---|
| a minute, for 8 h | runs, failures, milliseconds of successes | the same, under another name |
| ten minutes, for 3 days | - | the same |
| how long jobs took, by minute, for 8 h | counts of successes in 26 spans | the same |

All in UTC, by the minute of the beat at which a process wrote it, up to 10 s after the run. Spans
are never summed up by Sidekiq, so beyond 8 h nothing tells more than a mean.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from queuecore import times
from queuecore.exchange import Exchange, Reply, Steps
from queuecore.keys import name_text
from queuecore.read_cache import batches, problem_of, rows
from queuecore.values import value
from sidekiq.errors import StoreError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_HASHES = load_script("hashes")

#: How far back minutes and spans go, and ten minutes.
MINUTES: Final = 480
HOURS: Final = 72
#: Where each span ends, in ms; the last has no end. (Source: Sidekiq's metrics/shared.rb.)
BOUNDS_MS: Final = (
    *(20, 30, 45, 65, 100, 150, 225, 335, 500, 750, 1_100, 1_700, 2_500, 3_800, 5_750, 8_500),
    *(13_000, 20_000, 30_000, 45_000, 65_000, 100_000, 150_000, 225_000, 335_000),
)
_SPANS: Final = len(BOUNDS_MS) + 1
#: A counter that is full.
_FULL: Final = 0xFFFF
#: So many classes are counted, and so many fields of a minute are read.
MOST_CLASSES: Final = 2_000
_MOST_FIELDS: Final = 3 * MOST_CLASSES
_VALUE_BYTES: Final = 20
_LABEL_BYTES: Final = 1_024
#: Hashes of one script, hashes of one round trip, counts of one round trip.
_OF_SCRIPT, _OF_TRIP, _COUNTS_OF_TRIP = 10, 120, 1_000

Spelling = Literal["7", "8"]


@value
class DurationBound:
    """A bound of how long jobs took, in ms: they took `ms` at most, or, `is_over`, more than that.
    How long they took is not known."""

    ms: int
    is_over: bool = False


@value
class DurationCounts:
    """How long the jobs of a class took that succeeded: how many in each span.

    Attributes:
        counts: As many as there are spans, 26; see `BOUNDS_MS`.
        is_least: There were more: a counter of one minute was full.
    """

    counts: tuple[int, ...]
    is_least: bool = False

    def within(self, part: float) -> DurationBound | None:
        """What a part of them, from 0 to 1, stayed within: 0.95 for the 95th percentile; None
        where none is counted."""
        total, seen = sum(self.counts), 0
        if not total:
            return None
        for bound, count in zip(BOUNDS_MS, self.counts, strict=False):
            seen += count
            if seen >= part * total:
                return DurationBound(bound)
        return DurationBound(BOUNDS_MS[-1], is_over=True)


@value
class ClassMetrics:
    """What a class did.

    Attributes:
        runs: How often its jobs were run, failures among them.
        total_ms: How long those took that succeeded; None where none did, or not all tell.
        durations: None where the spans were not read.
    """

    class_name: str
    runs: int
    failures: int
    total_ms: int | None = None
    durations: DurationCounts | None = None

    @property
    def mean_ms(self) -> float | None:
        """How long a job took that succeeded; None where none did, or that is not known."""
        successes = self.runs - self.failures
        return None if self.total_ms is None or successes <= 0 else self.total_ms / successes


@value
class Metrics:
    """What all classes did in a time.

    Attributes:
        since: Of 8's from here on.
        since_7: Of 7's, which keeps less, from here on.
        until: The end of the last minute.
        classes: That with the most runs first.
        problem: Why not everything was counted; None when it was.
    """

    since: datetime
    since_7: datetime
    until: datetime
    classes: tuple[ClassMetrics, ...]
    problem: str | None = None


@value
class Deploy:
    """A mark that a deploy has left: the minute, and what it was called."""

    at: datetime | None
    label: str


def read(keys: SidekiqKeys, until: datetime, *, minutes: int = 60) -> Steps[Metrics]:
    """What each class did in the last `minutes` minutes, that of `until` among them, 480 at most,
    with how long its jobs took. A round trip for each hour, and for each 1,000 minutes in which a
    class had successes; O(minutes x classes). Raises StoreError when the server does not answer;
    what is refused singly is missing, and `problem` says so."""
    moments = _back(until, timedelta(minutes=1), min(minutes, MINUTES))
    tally = _Tally()
    for part in batches(moments, _OF_TRIP // 2):
        names = [*map(keys.minute, part), *map(keys.minute_of_7, part)]
        answers = yield _hashes(names)
        tally.add(answers[: len(part)], "8", part)
        tally.add(answers[len(part) :], "7", part)
        for some in batches(tally.take_ran(), _COUNTS_OF_TRIP):
            counts = yield _durations(keys, some)
            tally.add_spans(some, counts)
    since = moments[-1]
    return tally.metrics(since, since, moments[0] + timedelta(minutes=1), spans=True)


def read_long(keys: SidekiqKeys, until: datetime, *, hours: int = HOURS) -> Steps[Metrics]:
    """What each class did in the last hours, 72 at most, by tens of minutes, of 7's at most the
    last 8; not how long its jobs took. Costs as `read`, a round trip for each 20 hours."""
    moments = _back(_ten(until), timedelta(minutes=10), 6 * min(hours, HOURS))
    tally = _Tally()
    for part in batches(moments, _OF_TRIP):
        tally.add((yield _hashes(list(map(keys.ten_minutes, part)))), "8", part)
    minutes = _back(until, timedelta(minutes=1), min(60 * hours, MINUTES))
    for part in batches(minutes, _OF_TRIP):
        tally.add((yield _hashes(list(map(keys.minute_of_7, part)))), "7", part)
    end = minutes[0] + timedelta(minutes=1)
    return tally.metrics(moments[-1], minutes[-1], end, spans=False)


def deploys(keys: SidekiqKeys, days: Sequence[date]) -> Exchange[tuple[Deploy, ...]]:
    """The deploys of some days in UTC, the newest first; the marks live for 90 days. A day of which
    they are of another kind of value has none. One round trip, O(marks). Raises StoreError."""
    names = [keys.deploys(f"{day:%Y%m%d}") for day in days]
    call = _HASHES.call(names, [_MOST_FIELDS, _LABEL_BYTES])

    def parse(replies: list[Reply]) -> tuple[Deploy, ...]:
        found = []
        for pairs in filter(_is_list, replies[0]):
            for minute, label in zip(pairs[::2], pairs[1::2], strict=True):
                text = name_text(label) if isinstance(label, bytes) else "(too long to list)"
                found.append(Deploy(times.parse(name_text(minute)), text))
        long_ago = datetime.min.replace(tzinfo=UTC)
        return tuple(sorted(found, key=lambda each: each.at or long_ago, reverse=True))

    return Exchange((call,), parse)


def counts_of(raw: bytes) -> tuple[int, ...]:
    """The counters of a string: big-endian numbers of 16 bits. A tail that is missing is 0, half a
    number is filled up with 0 as Redis does, what is behind the last span does not count."""
    raw = raw[: 2 * _SPANS].ljust(2 * _SPANS, b"\0")
    return struct.unpack(f">{_SPANS}H", raw)


def _back(until: datetime, step: timedelta, count: int) -> list[datetime]:
    """Minutes from that of a moment on, one step further back each; one at least."""
    last = until.astimezone(UTC).replace(second=0, microsecond=0)
    return [last - ago * step for ago in range(max(1, count))]


def _ten(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // 10 * 10)


#: When a class had successes, and which version wrote so.
_Ran = tuple[str, Spelling, datetime]


class _Tally:
    """Counts what is read, hash by hash."""

    def __init__(self) -> None:
        self._figures: dict[str, dict[str, int]] = {}
        self._spans: dict[str, list[int]] = {}
        self._least: set[str] = set()
        #: Classes of which a figure is missing: none of theirs makes a mean.
        self._doubtful: set[str] = set()
        self._ran: list[_Ran] = []
        self.problem: str | None = None

    def add(self, answers: Sequence[Any], spelling: Spelling, moments: Sequence[datetime]) -> None:
        """What the script returned of some minutes."""
        for reply, at in zip(answers, moments, strict=True):
            self._add(reply, spelling, at)

    def _add(self, reply: Any, spelling: Spelling, at: datetime) -> None:
        if isinstance(reply, bytes | StoreError):
            self.problem = problem_of(reply)
            return
        if isinstance(reply, int):
            self.problem = f"a minute has {reply:,} figures, too many to count"
            return
        here: dict[str, dict[str, int]] = {}
        for field, raw in zip(reply[::2], reply[1::2], strict=True):
            class_name, _, figure = name_text(field).rpartition("|")
            number = _number(raw)
            if figure not in ("p", "f", "ms") or number is None:
                self._doubtful.add(class_name)
                self.problem = "something that is kept of a minute is no figure"
            elif class_name in self._figures or len(self._figures) < MOST_CLASSES:
                here.setdefault(class_name, {})[figure] = number
                sums = self._figures.setdefault(class_name, {})
                sums[figure] = sums.get(figure, 0) + number
            else:
                self.problem = f"only {MOST_CLASSES:,} classes were counted"
        self._ran += (
            (name, spelling, at)
            for name, figures in here.items()
            if figures.get("p", 0) > figures.get("f", 0)
        )

    def take_ran(self) -> list[_Ran]:
        """Which classes had successes, and when, in what was added since this was asked last."""
        ran, self._ran = self._ran, []
        return ran

    def add_spans(self, ran: Sequence[_Ran], answers: Sequence[Any]) -> None:
        """How long the jobs of classes took in a minute."""
        for (class_name, _, _), reply in zip(ran, answers, strict=True):
            if isinstance(reply, StoreError):
                self.problem = str(reply)
                continue
            counts = counts_of(reply)
            if _FULL in counts:
                self._least.add(class_name)
            sums = self._spans.get(class_name, [0] * _SPANS)
            self._spans[class_name] = [a + b for a, b in zip(sums, counts, strict=True)]

    def metrics(
        self, since: datetime, since_7: datetime, until: datetime, *, spans: bool
    ) -> Metrics:
        none = [0] * _SPANS
        found = [
            ClassMetrics(
                class_name=name,
                runs=sums.get("p", 0),
                failures=sums.get("f", 0),
                total_ms=None if name in self._doubtful else sums.get("ms"),
                durations=DurationCounts(tuple(self._spans.get(name, none)), name in self._least)
                if spans
                else None,
            )
            for name, sums in self._figures.items()
        ]
        found.sort(key=lambda each: (-each.runs, each.class_name))
        return Metrics(since, since_7, until, tuple(found), self.problem)


def _hashes(names: Sequence[bytes]) -> Exchange[list[Any]]:
    """What the script returns of each of some hashes; an error where it was refused."""
    calls = tuple(
        _HASHES.call(part, [_MOST_FIELDS, _VALUE_BYTES]) for part in batches(names, _OF_SCRIPT)
    )
    return Exchange(calls, lambda r: rows(iter(r), calls, len(names), _OF_SCRIPT), tolerant=True)


def _durations(keys: SidekiqKeys, ran: Sequence[_Ran]) -> Exchange[list[Reply]]:
    spell = {"7": keys.durations_of_7, "8": keys.durations}
    commands = tuple(
        ("GETRANGE", spell[spelling](name, at), 0, 2 * _SPANS - 1) for name, spelling, at in ran
    )
    return Exchange(commands, list, tolerant=True)


def _number(raw: Any) -> int | None:
    is_digits = isinstance(raw, bytes) and raw.isdigit()
    return int(raw) if is_digits else None


def _is_list(reply: Any) -> bool:
    return isinstance(reply, list)
