"""What is shown of queues."""

from __future__ import annotations

import math
from typing import Final

from qtop.monitor.rows import QueueRow
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.columns import Column, ToneOf, figure

_TREND_CELLS: Final = 10
#: Longer than that, a queue that drains is still a worry.
_LONG_S: Final = 3_600


def _depth_tone(row: QueueRow) -> ToneOf | None:
    return "warn" if row.falls else None if row.depth else "dim"


def _rate_tone(per_s: float | None) -> ToneOf | None:
    return None if per_s else "dim"


def _empty_tone(row: QueueRow) -> ToneOf | None:
    seconds = row.empty_in_s
    if seconds is None or seconds == 0:
        return "dim"
    if math.isinf(seconds):
        return "bad"
    return "warn" if seconds > _LONG_S else None


def _waits_tone(row: QueueRow) -> ToneOf | None:
    if row.next_waits_s is None:
        return "dim"
    return "warn" if row.next_waits_s > _LONG_S else None


def _serving_tone(row: QueueRow) -> ToneOf | None:
    return "bad" if row.is_unserved else None if row.serving != 0 else "dim"


def _state_tone(row: QueueRow) -> ToneOf | None:
    return "bad" if row.problem or row.is_unserved else "warn"


def _state_rank(row: QueueRow) -> tuple[bool, bool, bool, int]:
    return row.problem is None, not row.is_unserved, not row.is_paused, -(row.unreadable or 0)


COLUMNS: Final[tuple[Column[QueueRow], ...]] = (
    Column(
        "queue",
        "queue",
        12,
        lambda r: safe(r.name),
        flex=3,
        priority=100,
        sort_key=lambda r: r.name,
    ),
    Column(
        "depth",
        "waiting",
        8,
        format.depth,
        priority=95,
        align="right",
        style=_depth_tone,
        sort_key=lambda r: r.depth,
        descends=True,
    ),
    Column(
        "trend",
        "trend",
        _TREND_CELLS,
        lambda r: format.trend(r.depths, r.looks, _TREND_CELLS, r.falls),
        priority=68,
        align="right",
        style="accent",
    ),
    Column(
        "in",
        "in/s",
        6,
        lambda r: format.rate(r.rates.in_per_s, is_estimate=r.rates.is_estimate),
        priority=70,
        align="right",
        style=lambda r: _rate_tone(r.rates.in_per_s),
        sort_key=lambda r: r.rates.in_per_s,
        descends=True,
    ),
    Column(
        "out",
        "out/s",
        6,
        lambda r: format.rate(r.rates.out_per_s, is_estimate=r.rates.is_estimate),
        priority=75,
        align="right",
        style=lambda r: _rate_tone(r.rates.out_per_s),
        sort_key=lambda r: r.rates.out_per_s,
        descends=True,
    ),
    Column(
        "empty",
        "empty in",
        8,
        format.empty_in,
        priority=65,
        align="right",
        style=_empty_tone,
        sort_key=lambda r: r.empty_in_s,
        descends=True,
    ),
    Column(
        "next_waits",
        "next waits",
        10,
        lambda r: format.duration(r.next_waits_s),
        priority=35,
        align="right",
        style=_waits_tone,
        sort_key=lambda r: r.next_waits_s,
        descends=True,
    ),
    figure(
        "workers",
        "workers",
        7,
        lambda r: r.serving,
        format.number,
        priority=60,
        style=_serving_tone,
    ),
    figure(
        "in_hand",
        "in hand",
        7,
        lambda r: r.in_hand,
        format.number,
        priority=30,
        style=lambda r: None if r.in_hand else "dim",
    ),
    Column(
        "failed",
        "failed",
        6,
        lambda r: format.number(r.failed),
        priority=55,
        align="right",
        style=lambda r: "bad" if r.failed else "dim",
        sort_key=lambda r: r.failed,
        descends=True,
    ),
    Column(
        "state",
        "state",
        9,
        format.queue_state,
        flex=4,
        priority=80,
        style=_state_tone,
        sort_key=_state_rank,
    ),
)
