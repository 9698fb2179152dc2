"""The queues: what waits, how fast it comes and goes, who serves it, what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from qtop.actions.request import Clear, Pause, placed
from qtop.keymap.keymap import Where
from qtop.model.job import JobSource
from qtop.monitor.changes import Drop, Rates
from qtop.monitor.folding import Fold, Folding, fold_of, fold_with, folded
from qtop.monitor.incidents.incident import to_serving
from qtop.monitor.row_text import depth, empty_in, failed_label, queue_state, queue_subject, trend
from qtop.monitor.rows import QueueRow
from qtop.monitor.state import ViewState
from qtop.screens import frame
from qtop.screens.base import RowsScreen
from qtop.search.fields import Subject
from qtop.text.format import rate, stepped
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, ToneOf, figure
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine

if TYPE_CHECKING:
    from qtop.screens.preview import RowLook

_TREND_CELLS: Final = 10
#: Longer than that, a queue that drains is still a worry.
_LONG_S: Final = 3_600


def _depth_tone(row: QueueRow) -> ToneOf | None:
    return "warn" if row.drops else None if row.depth else "dim"


def _empty_tone(row: QueueRow) -> ToneOf | None:
    seconds = row.empty_in_s
    if seconds is None or seconds == 0:
        return "dim"
    return "warn" if seconds > _LONG_S and not math.isinf(seconds) else None


def _waits_tone(row: QueueRow) -> ToneOf | None:
    if row.next_waits_s is None:
        return "dim"
    return "warn" if row.next_waits_s > _LONG_S else None


def _serving_tone(row: QueueRow) -> ToneOf | None:
    return None if row.serving != 0 or row.is_unserved else "dim"


def _state_tone(row: QueueRow) -> ToneOf | None:
    is_known = row.is_paused and not (row.problem or row.unreadable or row.drops or row.others)
    return "dim" if is_known else "warn"


def _state_rank(row: QueueRow) -> tuple[bool, bool, bool, int]:
    return row.problem is None, not row.is_unserved, not row.is_paused, -(row.unreadable or 0)


def _trend(row: QueueRow) -> str:
    return trend(row.depths, row.polls, _TREND_CELLS, row.drops)


def _rate(key: str, of: Callable[[Rates], float | None], priority: int) -> Column[QueueRow]:
    def cell(row: QueueRow) -> str:
        return rate(of(row.rates), is_estimate=row.rates.is_estimate)

    return figure(
        key, f"{key}/s", 6, lambda r: of(r.rates), cell=cell, priority=priority, zero="dim"
    )


COLUMNS: Final[tuple[Column[QueueRow], ...]] = (
    Column(
        "queue", "queue", 12, lambda r: safe(r.name), 3, priority=100, sort_key=lambda r: r.name
    ),
    figure("depth", "waiting", 8, lambda r: r.depth, priority=95, cell=depth, style=_depth_tone),
    Column(
        *("trend", "trend", _TREND_CELLS, _trend),
        priority=68,
        align="right",
        style="accent",
        is_steady=True,
    ),
    _rate("in", lambda rates: rates.in_per_s, 70),
    _rate("out", lambda rates: rates.out_per_s, 75),
    figure(
        "empty",
        "empty in",
        8,
        lambda r: r.empty_in_s,
        priority=65,
        cell=empty_in,
        style=_empty_tone,
    ),
    figure(
        "next_waits",
        "oldest age",
        10,
        lambda r: r.next_waits_s,
        stepped,
        priority=35,
        style=_waits_tone,
    ),
    figure(
        *("latency", "latency", 7, lambda r: r.latency_s, stepped),
        priority=90,
        style=_waits_tone,
    ),
    figure("workers", "workers", 7, lambda r: r.serving, priority=60, style=_serving_tone),
    figure("in_hand", "running", 7, lambda r: r.in_hand, priority=30, zero="dim"),
    figure("failed", "failed", 6, lambda r: r.failed, priority=55, zero="dim"),
    Column(
        *("state", "state", 9, queue_state, 4),
        priority=80,
        style=_state_tone,
        sort_key=_state_rank,
        # `paused, draining 12`: cut, it looks like `paused, drained`.
        whole=19,
    ),
)


class QueuesScreen(RowsScreen):
    """All queues, the longest first."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "queues")
    TAB: ClassVar[Where] = "queues"

    def make_table(self) -> Table[Any]:
        tone = self._tone
        columns = [replace(c, style=tone) if c.key == "state" else c for c in COLUMNS]
        return Table(columns, key=lambda row: row.key, sort="depth", clock=self.app.clock)

    def __init__(self) -> None:
        #: The queues of which something critical is known.
        self._critical: frozenset[tuple[str, str]] = frozenset()
        super().__init__()
        #: Of the columns that stay empty in most fleets, the one that is shown.
        self._waits: str | None = None
        values = self.app.settings.values
        self._folding = Folding(tuple(values["fold"]), int(values["fold_from"]))
        #: What was folded and is shown.
        self._opened: set[Fold] = set()
        self._show_waits(())

    def _tone(self, row: QueueRow) -> ToneOf | None:
        is_critical = any(each.key in self._critical for each in row.queues)
        return "bad" if is_critical else _state_tone(row)

    def show_view(self, view: ViewState) -> None:
        table: Table[QueueRow] = self.table
        self._critical = frozenset(
            (each.system, each.subject)
            for each in view.insights.incidents
            if each.severity == "crit" and each.check == "queues" and not each.is_over
        )
        rows = (view.fleet.queues or ()) if view.fleet else ()
        self._show_waits(rows)
        advice = "they appear with the first job, as from `qtop enqueue Sleep 5 --queue sleep`."
        is_known = view.fleet is not None and view.fleet.queues is not None
        gone = view.fleet.totals.drops.gone if view.fleet and is_known else ()
        word = frame.empty_word(view, "queues", advice, "queues")
        table.empty_text = _gone(gone) if gone else word
        table.label("failed", failed_label(view.fleet))
        self.pane.show_rows(self._folded(rows))

    def _folded(self, rows: Sequence[QueueRow]) -> Sequence[QueueRow]:
        """The rows, some of them as one; not where a filter asks for queues by themselves."""
        if self._folding.is_off or not self.pane.filter.is_empty:
            return rows
        return folded(rows, self._folding, self._opened)

    def filter_changed(self) -> None:
        self.show_view(self.app.state.view())

    def reveal_row(self, key: Hashable) -> None:
        """Show a queue that is folded, so that the cursor can go to it."""
        fleet = self.app.state.view().fleet
        rows = (fleet.queues or ()) if fleet is not None else ()
        fold = fold_with(rows, key, self._folding)
        if fold is not None:
            self._opened.add(fold)
            self.show_view(self.app.state.view())

    def action_unfold(self) -> None:
        """Show the queues of the folded row under the cursor."""
        row: QueueRow | None = self.table.cursor_row
        if row is None or not row.members:
            self.app.say("nothing to unfold: this row is one queue", "dim")
            return
        first = row.members[0]
        self.reveal_row(first.key)
        self.table.move_to(first.key)

    def action_fold(self) -> None:
        """Show the queues that were unfolded, with that under the cursor, as one row again."""
        row: QueueRow | None = self.table.cursor_row
        fold = None if row is None or row.members else fold_of(row, self._folding)
        if fold is None or fold not in self._opened:
            self.app.say("nothing to fold: this row was not unfolded", "dim")
            return
        self._opened.discard(fold)
        self.show_view(self.app.state.view())
        system, prefix = fold
        self.table.move_to(("folded", system, f"{prefix}*"))

    def own_row(self) -> Subject | None:
        row = self._single()
        return None if row is None else self.subject(row)

    def _single(self) -> QueueRow | None:
        """The queue under the cursor; None where there is none, or several, which is said."""
        row: QueueRow | None = self.table.cursor_row
        if row is None or not row.members:
            return row
        key = self.app.state.policy.sign("unfold")
        many = counted(len(row.members), "queue")
        self.app.say(f"{safe(row.name)} is {many}: {key} shows them", "dim")
        return None

    def figures(self) -> list[Span]:
        rows = [each for row in self.pane.rows for each in row.queues]
        parts = {
            "without workers": (sum(row.is_unserved for row in rows), "warn"),
            "paused": (sum(bool(row.is_paused) for row in rows), ""),
        }
        return [
            Span(f" · {number:,} {what}", tone or "dim", 80 - at)
            for at, (what, (number, tone)) in enumerate(parts.items())
            if number
        ]

    def _show_waits(self, rows: Sequence[QueueRow]) -> None:
        """Show how long next jobs have waited once one tells; where all tell, as their latency."""
        shown = self._waits
        if any(row.latency_s is not None for row in rows):
            shown = "latency"
        elif shown is None and any(row.next_waits_s is not None for row in rows):
            shown = "next_waits"
        if "queues" not in self.app.settings.columns and (shown is None or shown != self._waits):
            left_out = {"latency", "next_waits"} - {shown}
            self.table.show_columns([each.key for each in COLUMNS if each.key not in left_out])
        self._waits = shown

    def look_at(self, row: QueueRow) -> RowLook:
        # Imported here: Overview shows queues too, and the first frame must not wait.
        from qtop.screens import preview

        view, source = self.app.state.view(), JobSource("queue", row.name, row.system)
        if row.members:
            # No queue has its name, or another one.
            those = tuple(preview.fold_lines(row))
            keys = tuple(preview.keys(view, self.PLACES, ("pause", "start_workers")))
            return preview.RowLook(row.key, preview.queue_title(row), those, last=keys)

        async def read() -> Sequence[TextLine]:
            page = await self.app.read(
                self.app.system.jobs(source).page(None, preview.JOBS_READ, most_bytes=4_096)
            )
            return list(preview.next_jobs(page.jobs, page.length))

        served = partial(self.app.state.served_by, system=row.system)
        known = preview.queue_lines(row, view, served)
        wanted = ("pause", "clear_queue", "start_workers", "show_serving")
        last = preview.keys(view, self.PLACES, wanted)
        return preview.RowLook(row.key, preview.queue_title(row), tuple(known), read, tuple(last))

    def subject(self, row: QueueRow) -> Subject:
        return queue_subject(row, self.app.system.name)

    def on_table_opened(self, event: Table.Opened[QueueRow]) -> None:
        if event.row.members:
            self.action_unfold()
            return
        # Imported here, as above.
        from qtop.screens.jobs import JobsScreen

        self.app.push_screen(JobsScreen(event.row.name, event.row.system))

    def action_pause(self) -> None:
        rows = [each for row in self.pane.meant() for each in row.queues]
        lacking = self.app.state.lacking("pause")
        if any(row.is_paused is None and row.system not in lacking for row in rows):
            self.app.say("unknown whether they are paused: nothing was changed", "warn")
        elif rows:
            paused = not all(row.is_paused for row in rows if row.system not in lacking)
            self.ask_of(rows, lambda rows: Pause(tuple(row.name for row in rows), paused), "pause")

    def action_clear_queue(self) -> None:
        self._clear(removes=False)

    def action_remove_queue(self) -> None:
        self._clear(removes=True)

    def _clear(self, *, removes: bool) -> None:
        row = self._single()
        if row is not None:
            request = placed([row], lambda _: Clear(JobSource("queue", row.name), removes))
            self.app.actions.request(request, looking=f"checking {safe(row.name)}")

    def action_show_aside(self) -> None:
        from qtop.screens.jobs import SetAsideScreen

        row = self._single()
        if row is None:
            return
        # When it is unknown, the screen says why.
        if row.unreadable != 0:
            self.app.push_screen(SetAsideScreen(row.name, row.system))
        else:
            self.app.say(f"{safe(row.name)} has no unreadable items", "dim")

    async def action_show_serving(self) -> None:
        row = self._single()
        if row is not None:
            await self.app.follow(to_serving(row.name, row.serving, row.system))

    def action_start_workers(self) -> None:
        rows = [each for row in self.pane.chosen() for each in row.queues]
        self.app.worker_actions.ask(
            [row.name for row in rows] or ["*"], [row.system for row in rows]
        )


def _gone(gone: Sequence[tuple[str, Drop]]) -> str:
    jobs, queues = sum(drop.was for _, drop in gone), counted(len(gone), "queue")
    at = f"{gone[0][1].at.astimezone():%H:%M:%S}"
    return f"No queues left: {counted(jobs, 'job')} waited in {queues} until {at}."
