"""The jobs of Sidekiq's sets by their times: what is overdue, how many retries come, what died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from qtop.model.health import STORM_MINUTES, TimedJobs, TimedSet, storm_begin
from qtop.systems.sidekiq.job_reader import names_of
from queuecore.active_job import unwrapped
from queuecore.exchange import Steps
from sidekiq.errors import Refused
from sidekiq.keys import SidekiqKeys
from sidekiq.store import entry_counts
from sidekiq.store.entries import ListedSet, SetEntry
from sidekiq.store.entry_counts import DueCounts, SetSize
from sidekiq.store.entry_walk import EntryWalk

#: So many minutes are looked ahead.
_MINUTES: Final = 60
#: Of fewer retries within five minutes it is not asked of which classes they are.
_MANY: Final = 100
#: So many of them are looked at, each up to so many bytes.
_LOOKED_AT, _JOB_BYTES = 200, 4_096


def look(keys: SidekiqKeys, sizes: Mapping[str, SetSize], now_s: float) -> Steps[TimedJobs]:
    """Look at the sets at `now_s`, the server's clock (epoch). `sizes` are those of `schedule`,
    `retry` and `dead`; one that is missing, or holds another kind of value, is unknown. Two round
    trips, three where many retries come; O(log entries) for each minute. Raises StoreError when
    the server does not answer; what is refused singly is unknown."""
    known = {name: each for name, each in sizes.items() if each.length is not None}
    waiting: list[ListedSet] = [name for name in entry_counts.TO_COME if name in known]
    due: dict[str, DueCounts] = {}
    try:
        counts: list[DueCounts] = yield entry_counts.due(keys, now_s, (), waiting)
        due = {each.name: each for each in counts}
    except Refused:
        pass
    ahead: tuple[int, ...] | None = None
    classes: Mapping[str | None, int] = {}
    if "retry" in due:
        try:
            ahead = yield entry_counts.by_minute(keys, "retry", now_s, _MINUTES)
            classes = yield from _classes(keys, now_s, ahead)
        except Refused:
            pass
    timed = {name: _timed(known[name], each.overdue) for name, each in due.items()}
    dead = None if "dead" not in known else _timed(known["dead"], 0)
    return TimedJobs(now_s, timed.get("schedule"), timed.get("retry"), dead, ahead, classes)


def _classes(
    keys: SidekiqKeys, now_s: float, ahead: tuple[int, ...]
) -> Steps[Mapping[str | None, int]]:
    """How many are of which class, among some retries of the minutes with the most."""
    begin = storm_begin(ahead)
    end = begin + STORM_MINUTES
    if sum(ahead[begin:end]) < _MANY:
        return {}
    walk = EntryWalk(
        *(keys, "retry"),
        below=repr(now_s + 60 * end),
        lowest=now_s + 60 * begin,
        most=_LOOKED_AT,
        max_bytes=_JOB_BYTES,
    )
    window = walk.window()
    seen: list[SetEntry] = [] if window is None else (yield window)
    return Counter(unwrapped(*names_of(each.record))[0] for each in seen)


def _timed(size: SetSize, overdue: int) -> TimedSet:
    """A set whose size is known."""
    assert size.length is not None  # noqa: S101  as asked
    first_at = None if size.lowest is None else float(size.lowest)
    last_at = None if size.highest is None else float(size.highest)
    return TimedSet(size.length, first_at, last_at, overdue)
