"""What the line above a queue's jobs says: who serves them, how fast. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from qtop.keymap import keymap
from qtop.keymap.keymap import Sign
from qtop.model.job import JobSource
from qtop.monitor import row_text
from qtop.monitor.rows import QueueRow, WorkerRow
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.text import format
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Span

_HOSTS_SHOWN: Final = 3

#: The queues that a list of queues in a worker's id means.
ServedBy = Callable[[tuple[str, ...]], Collection[str]]


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
