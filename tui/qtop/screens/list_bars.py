"""What the lines above the jobs of a list say: which these are, how far a search is, who serves
their queue, due jobs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Final

from qtop.keymap import keymap
from qtop.keymap.keymap import Sign
from qtop.model.fleet import ListedSchedule, LockHolder, Schedules
from qtop.model.job import JobSource
from qtop.model.job_list import DueShare, JobPage, Outline
from qtop.model.placed import UnreadPart
from qtop.monitor import row_text
from qtop.monitor.changes import ServedBy
from qtop.monitor.rows import TAKES_NONE, QueueRow, WorkerRow
from qtop.monitor.state import ViewState
from qtop.screens import frame
from qtop.search.joint_search import AnySearch
from qtop.search.selection import JobSearch, Matches
from qtop.text import format
from qtop.text.safe import ago, counted, safe
from qtop.widgets.bars import Span

_HOSTS_SHOWN: Final = 3
#: What the items of lists are called, and how they are.
_NAMES: Final = {"queue": ("jobs", "waiting"), "quarantine": ("jobs", "in quarantine")}


def heading(source: JobSource) -> list[Span]:
    place = f"{safe(source.place)}: " if source.place else ""
    if source.kind == "failed":
        return [Span(f"{place}{safe(source.name)}", "strong", 100)]
    title = [Span(f"{place}{safe(source.name) or '(no name)'}", "strong", 89, least=8)]
    if source.kind == "quarantine":
        title.append(Span("  in quarantine: no worker takes them", "warn", 60))
    if source.kind == "unreadable":
        title.append(Span("  unreadable: moved out of the queue", "warn", 60))
    return title


def page(
    source: JobSource, shown: JobPage | None, rows: int, *, is_unread: bool = False
) -> list[Span]:
    """Which of the jobs are listed; without a page they are being read, or could not be
    (`is_unread`)."""
    span = "" if shown is None else f"{shown.first:,} to {shown.first + rows - 1:,}"
    if source.kind == "failed":
        if shown is None or not rows or not shown.jobs:
            return []
        least = "at least " if shown.unread else ""
        which = f"   entries {span} of {least}{shown.length:,}"
        return [Span(which, "dim", 90), Span(_order(shown, rows), "dim", 60)]
    what, state = _NAMES.get(source.kind, ("items", "unreadable"))
    total = "unknown" if is_unread else "reading …"
    if shown is not None:
        total = f"{f'{what} {span} of ' if rows else ''}{shown.length:,} {state}"
    return [Span(f"   {total}", "dim", 90)]


def _order(shown: JobPage, rows: int) -> str:
    """In which order the entries of a page of failures are."""
    if len({job.system for job in shown.jobs}) > 1:
        return ", newest first" if shown.length <= rows else ", newest first on each page"
    is_by_age = shown.length <= rows or all(job.state is None for job in shown.jobs)
    return ", newest first" if is_by_age else ", by set, the highest score first"


def unread(parts: Sequence[UnreadPart]) -> list[Span]:
    """Which places are missing in what is listed, and why."""
    spans: list[Span] = []
    for part in parts:
        spans.append(Span(f"   {safe(part.place)} unknown", "warn", 96))
        spans.append(Span(f": {safe(part.why)}", "warn", 52, least=12))
    return spans


def unknown_parts(parts: Sequence[UnreadPart]) -> str:
    """The same as the text of a table without rows."""
    return "; ".join(f"{safe(part.place)} is unknown: {safe(part.why)}" for part in parts)


def but_for(parts: Sequence[UnreadPart]) -> str:
    """The same, to follow a sentence about what was found."""
    words = (f"{safe(part.place)} could not be read: {safe(part.why)}" for part in parts)
    return "".join(f"; {each}" for each in words)


def found(source: JobSource, matches: Matches, rows: int) -> list[Span]:
    which = "newest {}" if source.kind == "failed" else "{} nearest the front"
    listed = f", the {which.format(f'{rows:,}')} listed" if rows < matches.count else ""
    return [Span(f"   {matches.count:,} match{listed}", "dim", 90), *too_large(matches.search)]


def too_large(search: JobSearch) -> list[Span]:
    """How many entries were not looked into for their size."""
    large = search.too_large
    return [Span(f"; {large:,} too large to search", "warn", 70)] if large else []


def progress(search: AnySearch | None, key: str) -> list[Span]:
    """How far the search through the whole list is, how fast it goes, and which `key` stops it."""
    if search is None:
        return []
    if search.problem is not None:
        return [Span(f"search stopped: {safe(search.problem)} ", "warn", 80)]
    if search.of == 0 or search.is_idle:
        return []
    far, percent = f"{search.done:,} of {search.of:,}", search.done * 100 // search.of
    if search.is_stopped:
        return [Span(f"scanned {far}, {percent} %; stopped, {key} continues ", "warn", 80)]
    parts = {
        "scanned ": 50,
        far: 80,
        f", {percent} %": 54,
        f", {search.meter.speed}": 53,
        f", {search.meter.time_left}": 56,
        f"; {key} stops ": 82,
    }
    return [Span(text, "accent", priority) for text, priority in parts.items() if text != ", "]


def service_of(
    source: JobSource, view: ViewState, served_by: ServedBy
) -> tuple[list[Span], list[Span]]:
    """The line above the jobs of a queue, or of what was set aside from it: see `service`."""
    fleet, name = view.fleet, source.name
    if fleet is None:
        return [], []
    if fleet.queues is None:
        why = fleet.totals.problems.get("queues", "")
        return [Span(f" {frame.unknown_word(why)}", "warn")], []
    row = next((row for row in fleet.queues if is_of(row, source)), None)
    if row is not None and source.kind == "unreadable":
        row = row._replace(unreadable=0)
    serving = None
    if fleet.workers is not None:
        alive = (each for each in fleet.workers if each.condition not in TAKES_NONE)
        serving = [
            each
            for each in alive
            if source.place in ("", each.system) and name in served_by(each.process.listed)
        ]
    return service(row, serving, view.policy.sign)


def is_of(row: QueueRow, source: JobSource) -> bool:
    """Whether a row is that of the queue whose jobs are a list."""
    return row.name == source.name and source.place in ("", row.system)


def service(
    row: QueueRow | None, serving: Sequence[WorkerRow] | None, sign: Sign = keymap.sign
) -> tuple[list[Span], list[Span]]:
    """Who serves a queue (None: unknown), how fast it goes, when it will be empty, and what is
    wrong with it."""
    if row is None:
        return [Span(" not registered", "dim")], []
    rates = row.rates
    figures = [
        ("in", f"{format.rate(rates.in_per_s, is_estimate=rates.is_estimate)}/s", "strong"),
        ("out", f"{format.rate(rates.out_per_s, is_estimate=rates.is_estimate)}/s", "strong"),
        _end(row),
    ]
    right: list[Span] = []
    for rank, (label, figure, tone) in enumerate(figures):
        right.append(Span(f" {label} ", "dim", 70 + rank, group=label))
        right.append(Span(f"{figure} ", tone, 70 + rank, group=label))
    return _served(row, serving, sign), right


def _end(row: QueueRow) -> tuple[str, str, str]:
    """When the queue will be empty: label, figure, tone."""
    if row.empty_in_s == math.inf:
        return "empty", "never", "strong"
    if row.empty_in_s:
        return "empty in", format.duration(row.empty_in_s), "strong"
    figure = row_text.empty_in(row)
    return "empty in" if figure == format.NOTHING else "is", figure, "dim"


def _served(row: QueueRow, serving: Sequence[WorkerRow] | None, sign: Sign) -> list[Span]:
    spans: list[Span] = []
    if serving is None:
        spans.append(Span(" workers unknown", "warn", 95))
    elif not serving:
        tone = "warn" if row.depth else "dim"
        spans.append(Span(" no live workers", tone, 95))
    else:
        hosts = Counter(each.process.host or "(ids of another shape)" for each in serving)
        shown = [f"{safe(host)} {n:,}" for host, n in hosts.most_common(_HOSTS_SHOWN)]
        if len(hosts) > _HOSTS_SHOWN:
            shown.append(f"{counted(len(hosts) - _HOSTS_SHOWN, 'machine')} more")
        spans.append(Span(f" {counted(len(serving), 'worker')}", "strong", 95))
        spans.append(Span(f" on {', '.join(shown)}", "dim", 60))
        busy = f", {row.in_hand:,} running" if row.in_hand else ""
        if row.in_hand is None:
            busy = ", running unknown"
        spans.append(Span(busy, "dim", 65))
    return [*spans, *_wrong(row, sign)]


def _wrong(row: QueueRow, sign: Sign) -> list[Span]:
    spans: list[Span] = []
    if row.is_paused:
        spans += [Span("  ", "", 93), Span(" PAUSED ", "flag", 93)]
    if row.is_paused is None:
        spans.append(Span("  pause unknown", "warn", 93))
    if row.drops:
        spans.append(Span(f"  fell from {format.number(row.drops[-1].was)}", "warn", 91))
    if row.problem is not None:
        spans.append(Span(f"  {safe(row.problem)}", "bad", 92))
    elif row.unreadable is None:
        spans.append(Span("  unreadable unknown", "warn", 90))
    elif row.unreadable:
        aside = f"  {row.unreadable:,} unreadable ({sign('show_aside')})"
        spans.append(Span(aside, "warn", 90))
    return spans


# The same of what is scheduled.

PARTS: Final = {"jobs": "Delayed jobs", "classes": "by class", "schedules": "Schedules"}
_BUCKETS: Final = ("overdue", "5 min", "1 h", "24 h", "later")
#: Overdue for longer, jobs are late: schedulers look every few seconds.
_LATE_S: Final = 30
#: Schedules that fire within so many seconds are counted.
_SOON_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class ScheduledLook:
    """What was read at one time: due jobs, the schedules. None is what could not be read;
    `problems` say why, by what it is in words."""

    outline: Outline | None
    schedules: Schedules
    problems: Mapping[str, str]


def parts(current: str) -> list[Span]:
    spans: list[Span] = []
    for part, label in PARTS.items():
        here = part == current
        text = f"{'▌' if here else ' '}{label} "
        action = f"screen.show_part('{part}')"
        spans.append(Span(text, "current" if here else "dim", 99 if here else 80, action))
    return spans


def due_times(shown: JobPage | None) -> list[Span]:
    """Which jobs are listed, by their due times where several share one."""
    if shown is None or not shown.length:
        return []
    span = f"{shown.first:,} to {shown.last:,} of {shown.length:,}"
    what = "jobs" if any(each.state is not None for each in shown.jobs) else "due times"
    return [Span(f"{what} {span} ", "dim", 60)]


def delayed_search(
    run: AnySearch | None,
    sign: Sign = keymap.sign,
    *,
    is_by_class: bool,
) -> list[Span]:
    """How far a search is, or what came of it; `is_by_class` shows counts instead of jobs."""
    if run is None or run.found is None:
        return []
    found = run.found
    seen = counted(found.seen, "job")
    if not run.is_over:
        of = f", times {run.done:,} of {run.of:,}" if run.of else ""
        of += f", {run.meter.time_left}" if run.meter.time_left else ""
        return [Span(f"searching … {seen}{of}; {sign('stop_search')} stops ", "accent", 70)]
    more = ""
    if is_by_class and found.classes is not None and found.classes.has_more:
        more = ", with more classes than are listed"
    elif not is_by_class and found.count > found.most:
        more = f", the first {found.most:,} listed"
    if run.is_stopped:
        anew = f"{sign('stop_search')} restarts"
        text = f"stopped: {format.number(found.count)} of the first {seen}{more}; {anew} "
        return [Span(text, "warn")]
    return [Span(f"{format.number(found.count)} of {seen}{more} ", "dim", 70)]


def share(of: DueShare) -> str:
    """A number of jobs; an estimate begins with `~`."""
    return format.number(of.jobs) if of.is_exact else f"~{format.number(of.jobs)}"


def forecast(
    outlook: Outline | None, rows: Sequence[ListedSchedule] | None, now: datetime
) -> tuple[list[Span], list[Span]]:
    """How many jobs come due when, and how many schedules fire soon."""
    missing = [] if outlook is None else unread(outlook.unread)
    if outlook is None:
        left = [Span(" due ", "dim", 50), Span(" unknown", "warn")]
    else:
        shares, retries = outlook.shares, outlook.retries or ()
        if retries:
            shares = tuple(_both(*each) for each in zip(shares, retries, strict=True))
        left = [Span(" due, with retries " if retries else " due ", "dim", 50)]
        if missing:
            left.append(Span(" at least", "warn", 91))
        left += _buckets(shares)
    if not rows:
        return left, missing
    moments = (row.next_at for row in rows if row.next_at is not None)
    firing = sum((at - now).total_seconds() <= _SOON_S for at in moments)
    verb = "schedule fires" if firing == 1 else "schedules fire"
    return left, [*missing, Span(f"{format.number(firing)} {verb} within 1 h ", "dim", 40)]


def retries_due(outlook: Outline | None) -> list[Span]:
    """How many of those that come due are retries; nothing where there are none apart."""
    if outlook is None or outlook.retries == ():
        return []
    if outlook.retries is None:
        return [Span(" retries due ", "dim", 50), Span(" unknown", "warn")]
    return [Span(" of these retries  ", "dim", 50), *_buckets(outlook.retries)]


def _buckets(shares: Sequence[DueShare]) -> list[Span]:
    spans: list[Span] = []
    for place, (label, part) in enumerate(zip(_BUCKETS, shares, strict=True)):
        tone = "warn" if not place and part.jobs else "strong" if part.jobs else "dim"
        spans.append(Span(f" {label} ", "dim", 90 - place, group=label))
        spans.append(Span(f"{share(part)} ", tone, 90 - place, group=label))
    return spans


def _both(one: DueShare, other: DueShare) -> DueShare:
    return DueShare(
        one.moments + other.moments,
        one.jobs + other.jobs,
        is_exact=one.is_exact and other.is_exact,
    )


def scheduler(seen: ScheduledLook | None, now_s: float, has_schedules: bool) -> list[Span]:
    """Who moves due jobs, in words, and whether that is believable; of several systems each."""
    if seen is None:
        return [Span(" reading …", "dim")]
    if seen.schedules.parts:
        return _schedulers(seen, now_s)
    if seen.problems:
        unread = (f"{what}: {why}" for what, why in seen.problems.items())
        return [Span(f" ⚠ cannot read {safe('; '.join(unread))}", "bad")]
    if seen.schedules.movers is not None:
        moved = _movers(seen.schedules.movers, seen.outline, now_s)
        hidden = seen.schedules.hidden
        return [*moved, Span(f"; {safe(hidden)}", "warn", 70)] if hidden else moved
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
        word = "due jobs will not run: start `qtop scheduler`" if waits else "none needed"
        return [Span(f" no scheduler runs: {word}", "warn" if waits else "dim")]
    if overdue is not None and overdue.jobs and late_s > _LATE_S:
        late = f" by up to {ago(late_s)}" if math.isfinite(late_s) else ""
        return [Span(f" ⚠ {jobs} {noun} overdue{late}, but {_held(holder)}", "warn")]
    held = [Span(f" ● {_held(holder)}", "dim")]
    if seen.schedules.file_problem is not None:
        held.append(Span("; the schedules of its file are unknown", "warn", 60))
    return held


_TONES: Final = ("bad", "warn")
#: Where several systems share a line, texts are cut to so many cells before they are left out.
_LEAST_CELLS: Final = 16


def _schedulers(seen: ScheduledLook, now_s: float) -> list[Span]:
    """As `scheduler`, of each of several places: what is wrong comes first."""
    found: list[tuple[int, list[Span]]] = []
    outlines = {} if seen.outline is None else seen.outline.parts
    for place, part in seen.schedules.parts.items():
        look = ScheduledLook(outlines.get(place), part, part.problems)
        spans = [
            span._replace(least=span.least or _LEAST_CELLS)
            for span in scheduler(look, now_s, bool(part.listed))
        ]
        tones = [_TONES.index(each.tone) for each in spans if each.tone in _TONES]
        rank = min(tones, default=len(_TONES))
        found.append((rank, [Span(f" {safe(place)}:", "dim", 101), *spans]))
    found.sort(key=lambda each: each[0])
    (_, worst), *others = found
    # What is wrong is on the bar in any case, as far as there is room for it.
    rest: list[Span] = []
    for _, (name, *said) in others:
        after = [name._replace(text=f";{name.text}"), *said]
        rest += [span._replace(priority=min(span.priority, 60)) for span in after]
    return [*worst, *rest]


def _movers(at_work: int, ahead: Outline | None, now_s: float) -> list[Span]:
    """As `scheduler`, where any of the processes `at_work` moves what is due."""
    overdue = None if ahead is None else ahead.shares[0]
    first_at = None if ahead is None else ahead.first_at
    late_s = 0.0 if first_at is None else now_s - first_at
    jobs = "" if overdue is None else f"{share(overdue)} {'is' if overdue.jobs == 1 else 'are'}"
    if not at_work:
        late = f": {jobs} overdue" if overdue is not None and overdue.jobs else ""
        tone = "bad" if late else "warn" if ahead is not None and ahead.length else "dim"
        return [Span(f" no process moves due jobs{late}", tone)]
    who = "1 process moves" if at_work == 1 else f"{at_work:,} processes move"
    who += " due jobs"
    if overdue is not None and overdue.jobs and late_s > _LATE_S:
        late = f" by up to {ago(late_s)}" if math.isfinite(late_s) else ""
        return [Span(f" ⚠ {jobs} overdue{late}, though {who}", "warn")]
    return [Span(f" ● {who}, each checks every few seconds", "dim")]


def no_schedules(seen: ScheduledLook | None) -> str:
    """What is shown in place of the schedules when there are none; a file's may be unknown. Of
    several systems for each."""
    if seen is not None and seen.schedules.parts:
        return " ".join(starmap(_no_schedules_of, seen.schedules.parts.items()))
    if seen is not None and seen.schedules.movers is not None:
        hidden = seen.schedules.hidden
        also = f"; {safe(hidden)}" if hidden else ""
        return f"No recurring jobs of a plug-in in Redis{also}."
    if seen is None or "schedules of a file" in seen.problems:
        return "No schedules in Redis; those of a scheduler's file are unknown."
    if seen.schedules.file_problem is not None:
        unknown = safe(seen.schedules.file_problem)
        return f"No schedules in Redis; of a file they are unknown: {unknown}."
    return "No schedules in Redis, nor in the file of a scheduler at work."


def _no_schedules_of(place: str, part: Schedules) -> str:
    if part.listed is None:
        return f"{safe(place)} is unknown: {safe('; '.join(part.problems.values()))}."
    return f"{safe(place)}: {no_schedules(ScheduledLook(None, part, part.problems))}"


def _held(holder: LockHolder) -> str:
    owner = safe(holder.owner or "")
    if holder.left_s < 0:
        return f"scheduler {owner} holds the lock, which never expires"
    return f"scheduler {owner} holds the lock, for {ago(holder.left_s)} more unless renewed"
