"""Delayed jobs as people read them: a page at a time, all of them in turn, or how many come due
when.

There may be 100,000 moments, and 50,000 jobs in one: everything here reads a bounded number at a
time. A moment whose key is no list is shown too, as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from math import isfinite

from queuecore.exchange import Arg, Exchange, Steps, single
from queuecore.keys import name_text, turn
from queuecore.values import Any, value
from queuecore.windows import RawItem, read_item
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import delayed
from resque.store.delayed import DelayedJob

_LENGTHS = load_script("lengths")
_STRETCHES = load_script("stretches")

#: Moments looked at in one round trip, and jobs read in one.
MOMENTS = 500
JOBS = 250
#: Moments that one page looks at, at most: they may be empty, as Ruby leaves them.
_MOST_MOMENTS = 2_000
#: Where it is asked what is overdue: so many moments at once, and so often.
_EMPTY_MOMENTS, _EMPTY_PAGES = 200, 5
#: Of longer jobs only the beginning is read.
LISTED_BYTES = 4_096


@value
class Position:
    """A place among all delayed jobs: a moment, by how many come before it, and a job in it."""

    rank: int = 0
    offset: int = 0


@value
class Moment:
    """A moment until which jobs are delayed. `at` is the epoch, `stamp` how Redis spells it;
    `size` is -1 where its key is no list."""

    stamp: str
    at: float
    size: int


@value
class DelayedRef:
    """One delayed job as it was seen: its moment, its place from the head of that moment's list,
    the SHA-1 and the size of its bytes."""

    stamp: str
    place: int
    sha: str
    size: int


@value
class DelayedEntry:
    """One delayed job as it was seen. `place` counts from the head of its moment's list. `job` is
    None for a moment that cannot be read because its key is no list."""

    moment: Moment
    place: int
    job: DelayedJob | None

    @property
    def ref(self) -> DelayedRef | None:
        """What names it to an action; None for a moment that cannot be read."""
        if self.job is None:
            return None
        return DelayedRef(self.moment.stamp, self.place, self.job.item.sha, self.job.item.size)


@value
class Page:
    """Some delayed jobs, the next first, as they were made. `after` is where the following ones
    begin; None at the end. `first` and `last` count the moments they are of, from 1; `moments` is
    how many there are altogether."""

    jobs: tuple[Any, ...]
    after: Position | None
    first: int
    last: int
    moments: int


def entry_of(moment: Moment, place: int, reply: RawItem | None) -> DelayedEntry:
    """A delayed job as a script returned it; None in place of one is for a moment that cannot be
    read. Never raises. O(bytes)."""
    job = None if reply is None else delayed.read(read_item(reply), place - moment.size)
    return DelayedEntry(moment, place, job)


#: Makes of a reply what a walk or a page is to hold of it.
Make = Callable[[Moment, int, "RawItem | None"], Any]


def page(
    keys: Keys,
    start: Position,
    count: int,
    *,
    max_bytes: int = LISTED_BYTES,
    make: Make = entry_of,
) -> Steps[Page]:
    """Read `count` jobs from a position on. Three round trips, more where moments are empty;
    O(count + moments looked at)."""
    jobs: list[Any] = []
    rank, offset = start.rank, start.offset
    while True:
        total, found = yield from moments(keys, rank, min(count, MOMENTS))
        spans, rank, offset = _cut(found, rank, offset, count - len(jobs))
        jobs += yield _read(keys, spans, max_bytes, make)
        is_end = rank >= total or not found
        if is_end or len(jobs) >= count or rank - start.rank >= _MOST_MOMENTS:
            last = min(total, rank + (offset > 0))
            after = None if is_end else Position(rank, offset)
            return Page(tuple(jobs), after, min(total, start.rank + 1), last, total)


def moments(keys: Keys, start: int, count: int) -> Steps[tuple[int, list[Moment]]]:
    """How many moments there are, and those from place `start` (0 is the next), at most `count`.
    Two round trips, O(count + log moments)."""
    total, found = yield Exchange(
        (
            ("ZCARD", keys.delayed_schedule()),
            ("ZRANGE", keys.delayed_schedule(), start, start + count - 1, "WITHSCORES"),
        ),
        lambda replies: (int(replies[0]), delayed.stamps(replies[1])),
    )
    sizes = yield lengths(keys, [stamp for stamp, _ in found])
    return total, [Moment(stamp, at, size) for (stamp, at), size in zip(found, sizes, strict=True)]


def before(keys: Keys, end: Position, count: int) -> Steps[Position]:
    """Where the `count` jobs before a position begin. Two round trips for each 500 moments."""
    if end.offset >= count:
        return Position(end.rank, end.offset - count)
    left, rank = count - end.offset, end.rank
    lowest = max(0, rank - _MOST_MOMENTS)
    while rank > lowest:
        first = max(lowest, rank - MOMENTS)
        _, found = yield from moments(keys, first, rank - first)
        for each in reversed(found):
            rank -= 1
            size = _rows_of(each)
            if size >= left:
                return Position(rank, size - left)
            left -= size
        rank = first
    return Position(rank, 0)


#: Takes jobs as they were made, how many moments are done, and of how many; returns whether to go
#: on.
VisitDelayed = Callable[[Sequence[Any], int, int], bool]


def walk(
    keys: Keys, visit: VisitDelayed, *, max_bytes: int = LISTED_BYTES, make: Make = entry_of
) -> Steps[None]:
    """Show all delayed jobs to `visit`, the next first, until it returns False. Moments that come
    or go meanwhile move no others out of sight. Two round trips for each 500 moments, one more for
    each 250 jobs; holds no more than these."""
    score, seen, done = b"-inf", set[str](), 0
    while True:
        total, pairs, sizes = yield from _from_score(keys, score, max(0, len(seen) - 1))
        found = [
            Moment(stamp, float(at), size)
            for (stamp, at), size in zip(pairs, sizes, strict=True)
            if stamp not in seen
        ]
        total = max(total, done + len(found))
        for spans, many in _stretches(found):
            step: Exchange[list[Any]] = _read(keys, spans, max_bytes, make, (done, total))
            jobs = yield step
            done += many
            if not visit(jobs, done, total):
                return
        if len(pairs) < MOMENTS:
            return
        last = pairs[-1][1]
        seen = {stamp for stamp, at in pairs if at == last} | (seen if last == score else set())
        score = last


def _from_score(
    keys: Keys, score: bytes, skip: int
) -> Steps[tuple[int, list[tuple[str, bytes]], list[int]]]:
    """How many moments there are, the next ones with their scores as they are spelled, sizes."""
    key = keys.delayed_schedule()
    total, flat = yield Exchange(
        (
            ("ZCARD", key),
            ("ZRANGEBYSCORE", key, score, "+inf", "WITHSCORES", "LIMIT", skip, MOMENTS),
        ),
        lambda replies: (int(replies[0]), replies[1]),
    )
    named = delayed.stamps(flat)
    pairs = [(stamp, at) for (stamp, _), at in zip(named, flat[1::2], strict=True)]
    sizes = yield lengths(keys, [stamp for stamp, _ in pairs])
    return total, pairs, sizes


def lengths(keys: Keys, stamps: Sequence[str]) -> Exchange[list[int]]:
    """How many jobs are delayed until some moments; -1 where the key is no list. One round trip,
    O(moments)."""
    lists = [keys.delayed(stamp) for stamp in stamps]
    return _LENGTHS.read(lists, (), list) if lists else Exchange((), lambda _: [])


def first_with_jobs(keys: Keys, until: float) -> Steps[float | None]:
    """The earliest moment up to `until` (epoch) that has jobs, or whose key cannot hold any; a
    scheduler clears away those without when it passes them. Infinite when there is none, None when
    the first thousand have none and there are more. Two round trips for each 200 moments."""
    key, start = keys.delayed_schedule(), 0
    for _ in range(_EMPTY_PAGES):
        limit = ("LIMIT", start, _EMPTY_MOMENTS)
        found: list[bytes] = yield single(
            ("ZRANGEBYSCORE", key, "-inf", repr(until), "WITHSCORES", *limit), list
        )
        sizes: list[int] = yield lengths(keys, [name_text(stamp) for stamp in found[::2]])
        for score, size in zip(found[1::2], sizes, strict=True):
            if size:
                return float(score)
        if len(sizes) < _EMPTY_MOMENTS:
            return float("inf")
        start += _EMPTY_MOMENTS
    return None


_Span = tuple[Moment, int, int]


def _rows_of(moment: Moment) -> int:
    """How many jobs a moment shows: a broken one shows itself."""
    return 1 if moment.size < 0 else moment.size


def _cut(
    found: Sequence[Moment], rank: int, offset: int, count: int
) -> tuple[list[_Span], int, int]:
    """The stretches with the next `count` jobs, and where those after them begin."""
    spans: list[_Span] = []
    for each in found:
        many = min(count, max(0, _rows_of(each) - offset))
        if many:
            spans.append((each, offset, many))
            count -= many
        if offset + many < _rows_of(each):
            return spans, rank, offset + many
        rank, offset = rank + 1, 0
        if not count:
            break
    return spans, rank, offset


def _stretches(found: Sequence[Moment]) -> Iterator[tuple[list[_Span], int]]:
    """Stretches of some moments that one round trip may read, and how many moments they end."""
    spans: list[_Span] = []
    room, ended = JOBS, 0
    for each in found:
        offset, rows = 0, _rows_of(each)
        while offset < rows:
            many = min(room, rows - offset)
            spans.append((each, offset, many))
            offset, room = offset + many, room - many
            if not room:
                yield spans, ended + (offset >= rows)
                spans, room, ended = [], JOBS, -(offset >= rows)
        ended += 1
    if spans or ended:
        yield spans, ended


def _list_of(keys: Keys, moment: Moment) -> tuple[bytes, bytes]:
    """The list of a moment, and what tells how far it is turned: one job is always in order."""
    key = keys.delayed(moment.stamp)
    return key, turn(key) if moment.size > 1 else key


def _read(
    keys: Keys,
    spans: Sequence[_Span],
    max_bytes: int,
    make: Make,
    progress: tuple[int, int] | None = None,
) -> Exchange[list[Any]]:
    sound = [span for span in spans if span[0].size >= 0]
    args: list[Arg] = [max_bytes]
    for _, start, many in sound:
        args += [start, start + many - 1]

    def parse(replies: list[list[list[RawItem]]]) -> list[Any]:
        stretches = iter(replies[0] if replies else ())
        jobs: list[Any] = []
        for moment, start, _ in spans:
            if moment.size < 0:
                jobs.append(make(moment, 0, None))
            else:
                jobs += [make(moment, at, each) for at, each in enumerate(next(stretches), start)]
        return jobs

    call = _STRETCHES.call([key for each, _, _ in sound for key in _list_of(keys, each)], args)
    return Exchange((call,) if sound else (), parse, progress=progress)


#: Of more moments than twice this the first and last so many are counted.
_SAMPLED = 100


@value
class Share:
    """How many jobs come due within a stretch of time. `jobs` is an estimate unless `is_exact`:
    those of the moments at both ends, and for each one between as many as the median of these; a
    moment whose key is no list counts as empty."""

    moments: int
    jobs: int
    is_exact: bool


@value
class Outlook:
    """What comes due: overdue, then within each of some times ahead, then later. `first_at` is the
    earliest moment (epoch) with jobs, as far as was looked; None when there is none."""

    shares: tuple[Share, ...]
    first_at: float | None

    @property
    def total(self) -> Share:
        parts = self.shares
        return Share(
            sum(part.moments for part in parts),
            sum(part.jobs for part in parts),
            all(part.is_exact for part in parts),
        )


def outlook(keys: Keys, now: float, ahead_s: Sequence[int]) -> Steps[Outlook]:
    """How many jobs are overdue at `now` (epoch), come due within each of `ahead_s` seconds (in
    growing order), and later. Two round trips; O(log moments + 200) for each."""
    key = keys.delayed_schedule()
    edges = ["-inf", *(str(int(now) + ahead) for ahead in (0, *ahead_s)), "+inf"]
    commands: list[tuple[Arg, ...]] = [("ZRANGE", key, 0, 0, "WITHSCORES")]
    for place, end in enumerate(edges[1:]):
        start = "-inf" if place == 0 else f"({edges[place]}"
        limit = ("LIMIT", 0, _SAMPLED)
        commands.append(("ZCOUNT", key, start, end))
        commands.append(("ZRANGEBYSCORE", key, start, end, *limit))
        commands.append(("ZREVRANGEBYSCORE", key, end, start, *limit))
    first, *rest = yield Exchange(tuple(commands), list)
    sampled = [list(dict.fromkeys(rest[at] + rest[at + 1])) for at in range(1, len(rest), 3)]
    seen: list[int] = yield lengths(keys, [name_text(m) for m in chain(*sampled)])
    rest_of = iter(seen)
    sizes = [list(islice(rest_of, len(members))) for members in sampled]
    counts = [int(count) for count in rest[::3]]
    shares = tuple(_share(count, seen) for count, seen in zip(counts, sizes, strict=True))
    return Outlook(shares, _first_with_jobs(chain(*sampled), chain(*sizes), first))


def _first_with_jobs(
    stamps: Iterable[bytes], sizes: Iterable[int], first: list[bytes]
) -> float | None:
    """The earliest of the moments looked at that has jobs; where none has, or its name is no time,
    the first of all. A scheduler clears away those without when it passes them."""
    stamp = next((stamp for stamp, size in zip(stamps, sizes, strict=True) if size), b"")
    with suppress(ValueError):
        if isfinite(at := float(stamp)):
            return at
    return delayed.stamps(first)[0][1] if first else None


def _share(moments: int, sizes: Sequence[int]) -> Share:
    jobs = sum(size for size in sizes if size > 0)
    unseen = moments - len(sizes)
    if unseen <= 0 or not sizes:
        # What a moment holds whose key is no list is not known.
        return Share(moments, jobs, unseen <= 0 and min(sizes, default=0) >= 0)
    # Imported here: it loads much, and few look at so many moments.
    from statistics import median_low

    # Not the mean: one moment with thousands of jobs says nothing of the others.
    return Share(moments, jobs + unseen * max(0, median_low(sizes)), is_exact=False)
