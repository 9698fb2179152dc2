"""How many delayed jobs come due when, counted cheaply: where there are too many moments to look at
each, from some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from math import isfinite
from statistics import median_low

from queuecore.exchange import Arg, Exchange, Steps
from queuecore.keys import name_text
from resque.keys import Keys
from resque.store import delayed, delayed_windows

#: Of more moments than twice this the first and last so many are counted.
_SAMPLED = 100


@dataclass(frozen=True, slots=True)
class Share:
    """How many jobs come due within a stretch of time. `jobs` is an estimate unless `is_exact`:
    those of the moments at both ends, and for each one between as many as the median of these; a
    moment whose key is no list counts as empty."""

    moments: int
    jobs: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes due: overdue, then within each of some times ahead, then later. `first_at` is the
    earliest moment (epoch) with jobs, as far as was looked; None when there is none."""

    shares: tuple[Share, ...]
    first_at: float | None

    @property
    def total(self) -> Share:
        """All of it."""
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
    seen: list[int] = yield delayed_windows.lengths(keys, [name_text(m) for m in chain(*sampled)])
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
    # Not the mean: one moment with thousands of jobs says nothing of the others.
    return Share(moments, jobs + unseen * max(0, median_low(sizes)), is_exact=False)
