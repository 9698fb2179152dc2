"""What the lines above a queue's jobs say: which these are, who serves them, how fast. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from qtop.keymap import keymap
from qtop.keymap.keymap import Sign
from qtop.model.job import JobSource
from qtop.model.job_list import JobPage
from qtop.monitor import row_text
from qtop.monitor.rows import QueueRow, WorkerRow
from qtop.search.follower import Follower
from qtop.search.job_search import Matches
from qtop.text import format
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Span

_HOSTS_SHOWN: Final = 3


def window(
    source: JobSource, page: JobPage | None, rows: int, *, is_unread: bool = False
) -> list[Span]:
    """Which of the jobs are listed; without a page they are being read, or could not be
    (`is_unread`)."""
    is_queue = source.kind == "queue"
    what, state = ("jobs", "waiting") if is_queue else ("items", "set aside")
    total = "unknown" if is_unread else "reading …"
    if page is not None:
        span = f"{page.first:,} to {page.first + rows - 1:,}"
        total = f"{f'{what} {span} of ' if rows else ''}{page.length:,} {state}"
    return [*_title(source), Span(f"   {total}", "dim", 90)]


def matches(source: JobSource, found: Matches | None, rows: int) -> list[Span]:
    """How many of the jobs match."""
    spans = _title(source)
    if found is None:
        return spans
    listed = f", the {rows:,} nearest the front listed" if rows < found.count else ""
    spans.append(Span(f"   {found.count:,} match{listed}", "dim", 90))
    if found.search.too_large:
        spans.append(Span(f"; {found.search.too_large:,} too large to look into", "warn", 70))
    return spans


def _title(source: JobSource) -> list[Span]:
    title = [Span(f" {safe(source.name) or '(no name)'}", "current", 89, least=8)]
    if source.kind == "unreadable":
        title.append(Span("  set aside: no worker could read them", "warn", 60))
    return title


def progress(follower: Follower, sign: Sign) -> list[Span]:
    """How far the look through the whole list is."""
    if follower.problem is not None:
        return [Span(f"looking stopped: {safe(follower.problem)} ", "warn", 80)]
    if follower.of == 0 or (follower.is_complete and not follower.is_stopped):
        return []
    share = follower.done * 100 // follower.of
    key, stopped = sign("stop_looking"), follower.is_stopped
    how, tone = (f"stopped, {key} goes on", "warn") if stopped else (f"{key} stops", "accent")
    text = f"scanned {follower.done:,} of {follower.of:,}, {share} %; {how} "
    return [Span(text, tone, 80)]


def service(
    row: QueueRow | None, serving: Sequence[WorkerRow] | None, sign: Sign = keymap.sign
) -> tuple[list[Span], list[Span]]:
    """Who serves a queue (None: unknown), how fast it goes, when it will be empty, and what is
    wrong with it."""
    if row is None:
        return [Span(" not on the list of queues", "dim")], []
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
        return "empty", "never", "bad"
    if row.empty_in_s:
        return "empty in", format.duration(row.empty_in_s), "strong"
    figure = row_text.empty_in(row)
    return "empty in" if figure == format.NOTHING else "is", figure, "dim"


def serving(
    queue: str,
    workers: Iterable[WorkerRow],
    served_by: Callable[[tuple[str, ...]], Collection[str]],
) -> list[WorkerRow]:
    """The workers that take from a queue and are not dead. O(workers)."""
    alive = (row for row in workers if row.condition != "dead?")
    return [row for row in alive if queue in served_by(row.process.listed)]


def _served(row: QueueRow, serving: Sequence[WorkerRow] | None, sign: Sign) -> list[Span]:
    spans: list[Span] = []
    if serving is None:
        spans.append(Span(" who serves it is unknown", "warn", 95))
    elif not serving:
        tone = "bad" if row.depth else "dim"
        spans.append(Span(" nobody serves it", tone, 95))
    else:
        hosts = Counter(who.process.host or "(ids of another shape)" for who in serving)
        shown = [f"{safe(host)} {n:,}" for host, n in hosts.most_common(_HOSTS_SHOWN)]
        if len(hosts) > _HOSTS_SHOWN:
            shown.append(f"{counted(len(hosts) - _HOSTS_SHOWN, 'machine')} more")
        spans.append(Span(f" {counted(len(serving), 'worker')}", "strong", 95))
        spans.append(Span(f" on {', '.join(shown)}", "dim", 60))
        busy = f", {row.in_hand:,} in hand" if row.in_hand else ""
        if row.in_hand is None:
            busy = ", in hand unknown"
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
        spans.append(Span("  set aside unknown", "warn", 90))
    elif row.unreadable:
        aside = f"  {row.unreadable:,} set aside ({sign('show_aside')})"
        spans.append(Span(aside, "warn", 90))
    return spans
