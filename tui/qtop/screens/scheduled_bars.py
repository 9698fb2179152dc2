"""What the lines above the scheduled screen's lists say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Final

from qtop.keymap import keymap
from qtop.keymap.keymap import Sign
from qtop.model.fleet import ListedSchedule, LockHolder, Schedules
from qtop.model.job_list import DueShare, JobPage, Outline
from qtop.search.list_search import ListSearch
from qtop.search.selection import Matches
from qtop.text.format import number
from qtop.text.safe import ago, counted, safe
from qtop.widgets.bars import Span

PARTS: Final = {"jobs": "Delayed jobs", "classes": "by class", "schedules": "Schedules"}
_BUCKETS: Final = ("overdue", "5 min", "1 h", "24 h", "later")
#: Overdue for longer, jobs are late: schedulers look every few seconds.
_LATE_S: Final = 30
#: Schedules that fire within so many seconds are counted.
_SOON_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class ScheduledLook:
    """What one look gave: what comes due, the schedules. None is what could not be read, `problems`
    say why, by what it is in words."""

    outline: Outline | None
    schedules: Schedules
    problems: Mapping[str, str]


def parts(current: str) -> list[Span]:
    """The parts of the screen."""
    spans: list[Span] = []
    for part, label in PARTS.items():
        here = part == current
        text = f"{'▌' if here else ' '}{label} "
        action = f"screen.show_part('{part}')"
        spans.append(Span(text, "current" if here else "dim", 99 if here else 80, action))
    return spans


def page(shown: JobPage | None) -> list[Span]:
    """Which moments the listed jobs are of."""
    if shown is None or not shown.length:
        return []
    span = f"{shown.first:,} to {shown.last:,} of {shown.length:,}"
    return [Span(f"due times {span} ", "dim", 60)]


def search(
    run: ListSearch[Matches] | None, sign: Sign = keymap.sign, *, is_by_class: bool
) -> list[Span]:
    """How far a search is, or what came of it; `is_by_class` shows counts instead of jobs."""
    if run is None or run.found is None:
        return []
    found = run.found
    seen = counted(found.seen, "job")
    if not run.is_over:
        of = f", times {run.done:,} of {run.of:,}" if run.of else ""
        return [Span(f"looking … {seen}{of}; {sign('stop_search')} stops ", "accent", 70)]
    more = ""
    if is_by_class and found.classes is not None and found.classes.has_more:
        more = ", with more classes than are listed"
    elif not is_by_class and found.count > found.most:
        more = f", the first {found.most:,} listed"
    if run.is_stopped:
        anew = f"{sign('stop_search')} anew"
        text = f"stopped: {number(found.count)} of the first {seen}{more}; {anew} "
        return [Span(text, "warn")]
    return [Span(f"{number(found.count)} of {seen}{more} ", "dim", 70)]


def share(of: DueShare) -> str:
    """A number of jobs; an estimate begins with `~`."""
    return number(of.jobs) if of.is_exact else f"~{number(of.jobs)}"


def forecast(
    outlook: Outline | None, rows: Sequence[ListedSchedule] | None, now: datetime
) -> tuple[list[Span], list[Span]]:
    """How many jobs come due when, and how many schedules fire soon."""
    left = [Span(" due ", "dim", 50)]
    if outlook is None:
        left.append(Span(" unknown", "warn"))
    else:
        for place, (label, part) in enumerate(zip(_BUCKETS, outlook.shares, strict=True)):
            tone = "warn" if not place and part.jobs else "strong" if part.jobs else "dim"
            left.append(Span(f" {label} ", "dim", 90 - place, group=label))
            left.append(Span(f"{share(part)} ", tone, 90 - place, group=label))
    if not rows:
        return left, []
    moments = (row.next_at for row in rows if row.next_at is not None)
    firing = sum((at - now).total_seconds() <= _SOON_S for at in moments)
    verb = "schedule fires" if firing == 1 else "schedules fire"
    return left, [Span(f"{number(firing)} {verb} within 1 h ", "dim", 40)]


def scheduler(seen: ScheduledLook | None, now_s: float, has_schedules: bool) -> list[Span]:
    """Who moves due jobs, in words, and whether that can be believed."""
    if seen is None:
        return [Span(" reading …", "dim")]
    if seen.problems:
        unread = (f"{what}: {why}" for what, why in seen.problems.items())
        return [Span(f" ⚠ cannot read {safe('; '.join(unread))}", "bad")]
    ahead = seen.outline
    overdue = None if ahead is None else ahead.shares[0]
    late_s = 0.0
    if ahead is not None and ahead.first_at is not None:
        late_s = now_s - ahead.first_at
    jobs = "" if overdue is None else share(overdue)
    noun = "job is" if overdue == DueShare(1, 1, is_exact=True) else "jobs are"
    holder = seen.schedules.holder
    if holder is None or holder.owner is None:
        if overdue is not None and overdue.jobs:
            return [Span(f" ⚠ no scheduler runs: {jobs} {noun} overdue", "bad")]
        waits = has_schedules or (ahead is not None and ahead.length)
        word = (
            "nothing will move what comes due: start `qtop scheduler`" if waits else "none needed"
        )
        return [Span(f" no scheduler runs: {word}", "warn" if waits else "dim")]
    if overdue is not None and overdue.jobs and late_s > _LATE_S:
        late = f" by up to {ago(late_s)}" if isfinite(late_s) else ""
        return [Span(f" ⚠ {jobs} {noun} overdue{late}, but {_held(holder)}", "warn")]
    held = [Span(f" ● {_held(holder)}", "dim")]
    if seen.schedules.file_problem is not None:
        held.append(Span("; the schedules of its file are unknown", "warn", 60))
    return held


def no_schedules(seen: ScheduledLook | None) -> str:
    """What is shown in place of the schedules when there are none; a file's may be unknown."""
    if seen is None or "schedules of a file" in seen.problems:
        return "No schedules in Redis; those of a scheduler's file are unknown."
    if seen.schedules.file_problem is not None:
        unknown = safe(seen.schedules.file_problem)
        return f"No schedules in Redis; of a file they are unknown: {unknown}."
    return "No schedules in Redis, nor in the file of a scheduler at work."


def _held(holder: LockHolder) -> str:
    owner = safe(holder.owner or "")
    if holder.left_s < 0:
        return f"scheduler {owner} holds the lock, which never runs out"
    return f"scheduler {owner} holds the lock, for {ago(holder.left_s)} more unless renewed"
