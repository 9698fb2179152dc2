"""The queues: what waits, how fast it comes and goes, who serves it, what is wrong."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

from qtop import cells
from qtop.filter_terms import Subject
from qtop.keymap import Where
from qtop.model import QueueRow
from qtop.plans import look_at
from qtop.screens.base import bindings
from qtop.screens.jobs import JobsScreen, SetAsideScreen
from qtop.screens.leads import follow, to_serving
from qtop.screens.rows import MainScreen
from qtop.stage import View
from qtop.text import safe
from qtop.widgets import chrome
from qtop.widgets.columns import Column, Tone
from qtop.widgets.vtable import VTable
from resque.state import queues

_TREND_CELLS: Final = 10
#: Longer than that, a queue that drains is still a worry.
_LONG_S: Final = 3_600


def _depth_tone(row: QueueRow) -> Tone | None:
    return None if row.depth else "dim"


def _rate_tone(per_s: float | None) -> Tone | None:
    return None if per_s else "dim"


def _empty_tone(row: QueueRow) -> Tone | None:
    seconds = row.empty_in_s
    if seconds is None or seconds == 0:
        return "dim"
    if math.isinf(seconds):
        return "bad"
    return "warn" if seconds > _LONG_S else None


def _serving_tone(row: QueueRow) -> Tone | None:
    return "bad" if row.is_unserved else None if row.serving else "dim"


def _state_tone(row: QueueRow) -> Tone | None:
    return "bad" if row.problem or row.is_unserved else "warn"


def _state_rank(row: QueueRow) -> tuple[bool, bool, bool, int]:
    return row.problem is None, not row.is_unserved, not row.is_paused, -row.unreadable


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
        lambda r: cells.number(r.depth),
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
        lambda r: cells.trend(r.depths, r.looks, _TREND_CELLS),
        priority=68,
        align="right",
        style="accent",
    ),
    Column(
        "in",
        "in/s",
        6,
        lambda r: cells.rate(r.rates.in_per_s, is_estimate=r.rates.is_estimate),
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
        lambda r: cells.rate(r.rates.out_per_s, is_estimate=r.rates.is_estimate),
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
        cells.empty_in,
        priority=65,
        align="right",
        style=_empty_tone,
        sort_key=lambda r: r.empty_in_s,
        descends=True,
    ),
    Column(
        "workers",
        "workers",
        7,
        lambda r: cells.number(r.serving),
        priority=60,
        align="right",
        style=_serving_tone,
        sort_key=lambda r: r.serving,
        descends=True,
    ),
    Column(
        "in_hand",
        "in hand",
        7,
        lambda r: cells.number(r.in_hand),
        priority=30,
        align="right",
        style=lambda r: None if r.in_hand else "dim",
        sort_key=lambda r: r.in_hand,
        descends=True,
    ),
    Column(
        "failed",
        "failed",
        6,
        cells.queue_failed,
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
        cells.queue_state,
        flex=4,
        priority=80,
        style=_state_tone,
        sort_key=_state_rank,
    ),
)


class QueuesScreen(MainScreen):
    """All queues, the longest first."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "queues")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def make_table(self) -> VTable[Any]:
        """The table."""
        return VTable(COLUMNS, key=lambda row: row.name, sort="depth", clock=self.app.clock)

    def show_board(self, view: View) -> None:
        """Show the queues."""
        table: VTable[QueueRow] = self.table
        advice = "they appear with the first job, as from `qtop enqueue Sleep 5 --queue sleep`."
        table.empty_text = chrome.empty_word(view, "queues", advice)
        table.stale = view.is_stale
        self.show_rows(view.board.queues if view.board else ())

    def subject(self, row: QueueRow) -> Subject:
        """A queue as filters see it: words also find its state."""
        return Subject(queue=row.name, words=(cells.queue_state(row),))

    def on_vtable_opened(self, event: VTable.Opened[QueueRow]) -> None:
        """Show the jobs that wait in the queue."""
        self.app.push_screen(JobsScreen(event.row.name))

    def action_pause(self) -> None:
        """Pause the chosen queues; resume them when all of them are paused."""
        rows: list[QueueRow] = self.chosen()
        if rows:
            names = [row.name for row in rows]
            paused = not all(row.is_paused for row in rows)
            self.app.desk.begin(self.app.desk.plans.pause(names, paused=paused), self.table)

    def action_clear_queue(self) -> None:
        """Ask whether to delete what waits in the queue under the cursor."""
        row: QueueRow | None = self.table.cursor_row
        if row is None:
            return
        name, keys = row.name, self.app.keys
        self.app.desk.begin_after(
            f"looking at {safe(name)}",
            look_at(queues.extent(keys, name), keys.queue(name)),
            lambda seen: self.app.desk.plans.clear_queue(name, seen),
        )

    def action_remove_queue(self) -> None:
        """Ask whether to remove the queue under the cursor with what waits in it."""
        row: QueueRow | None = self.table.cursor_row
        if row is None:
            return
        name, keys = row.name, self.app.keys
        self.app.desk.begin_after(
            f"looking at {safe(name)}",
            look_at(queues.extent(keys, name), keys.queue(name)),
            lambda seen: self.app.desk.job_plans.remove_queue(name, seen),
        )

    def action_show_aside(self) -> None:
        """Show what was set aside from the queue under the cursor."""
        row: QueueRow | None = self.table.cursor_row
        if row is None:
            return
        if row.unreadable:
            self.app.push_screen(SetAsideScreen(row.name))
        else:
            self.app.say(f"nothing is set aside from {safe(row.name)}", "dim")

    async def action_show_serving(self) -> None:
        """Show the workers that serve the queue under the cursor."""
        row: QueueRow | None = self.table.cursor_row
        if row is not None:
            await follow(self.app, to_serving(row.name))

    def action_start_workers(self) -> None:
        """Ask which workers to start here, for the chosen queues in this order."""
        self.app.desk.local.ask([row.name for row in self.chosen()] or ["*"])
