"""What the lines above the jobs of a list say: which these are, how far a search is, who serves
their queue. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from qtop.keymap import keymap
from qtop.keymap.keymap import Sign
from qtop.model.job import JobSource
from qtop.model.job_list import JobPage
from qtop.monitor import row_text
from qtop.monitor.rates import ServedBy
from qtop.monitor.rows import QueueRow, WorkerRow
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.search.list_search import ListSearch
from qtop.search.selection import JobSearch, Matches
from qtop.text import format
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Span

_HOSTS_SHOWN: Final = 3


def heading(source: JobSource) -> list[Span]:
    """Which list it is."""
    if source.kind == "failed":
        return [Span(f" {safe(source.name)}", "current", 100)]
    title = [Span(f" {safe(source.name) or '(no name)'}", "current", 89, least=8)]
    if source.kind == "unreadable":
        title.append(Span("  set aside: no worker could read them", "warn", 60))
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
        which = f"   entries {span} of {shown.length:,}"
        return [Span(which, "dim", 90), Span(", newest first", "dim", 60)]
    what, state = ("jobs", "waiting") if source.kind == "queue" else ("items", "set aside")
    total = "unknown" if is_unread else "reading …"
    if shown is not None:
        total = f"{f'{what} {span} of ' if rows else ''}{shown.length:,} {state}"
    return [Span(f"   {total}", "dim", 90)]


def found(source: JobSource, matches: Matches, rows: int) -> list[Span]:
    """How many of the jobs match."""
    which = "newest {}" if source.kind == "failed" else "{} nearest the front"
    listed = f", the {which.format(f'{rows:,}')} listed" if rows < matches.count else ""
    return [Span(f"   {matches.count:,} match{listed}", "dim", 90), *too_large(matches.search)]


def too_large(search: JobSearch) -> list[Span]:
    """How many entries were not looked into for their size."""
    large = search.too_large
    return [Span(f"; {large:,} too large to look into", "warn", 70)] if large else []


def progress(search: ListSearch[Any] | None, key: str) -> list[Span]:
    """How far the look through the whole list is, and which `key` stops it."""
    if search is None:
        return []
    if search.problem is not None:
        return [Span(f"looking stopped: {safe(search.problem)} ", "warn", 80)]
    if search.of == 0 or search.is_idle:
        return []
    share = search.done * 100 // search.of
    text = f"scanned {search.done:,} of {search.of:,}, {share} %"
    if search.is_stopped:
        return [Span(f"{text}; stopped, {key} goes on ", "warn", 80)]
    return [Span(f"{text}; {key} stops ", "accent", 80)]


def service_of(
    source: JobSource, view: ViewState, served_by: ServedBy
) -> tuple[list[Span], list[Span]]:
    """The line above the jobs of a queue, or of what was set aside from it: see `service`."""
    fleet, name = view.fleet, source.name
    if fleet is None:
        return [], []
    if fleet.queues is None:
        why = fleet.totals.problems.get("queues", "")
        return [Span(f" {frame_texts.unknown_word(why)}", "warn")], []
    row = next((row for row in fleet.queues if row.name == name), None)
    if row is not None and source.kind == "unreadable":
        row = row._replace(unreadable=0)
    serving = None
    if fleet.workers is not None:
        alive = (each for each in fleet.workers if each.condition != "dead?")
        serving = [each for each in alive if name in served_by(each.process.listed)]
    return service(row, serving, view.policy.sign)


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


def _served(row: QueueRow, serving: Sequence[WorkerRow] | None, sign: Sign) -> list[Span]:
    spans: list[Span] = []
    if serving is None:
        spans.append(Span(" who serves it is unknown", "warn", 95))
    elif not serving:
        tone = "bad" if row.depth else "dim"
        spans.append(Span(" nobody serves it", tone, 95))
    else:
        hosts = Counter(each.process.host or "(ids of another shape)" for each in serving)
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
