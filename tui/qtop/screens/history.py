"""What operators did: by whom, when, how many, and whether it can still be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual import events
from textual.widget import Widget

from qtop.keymap.keymap import Where
from qtop.monitor.rows import Totals
from qtop.monitor.series import STEP_S, Trend, fewer
from qtop.monitor.state import ViewState
from qtop.screens import audit_text, frame_texts
from qtop.screens.base import RowsScreen, TextScreen, bindings
from qtop.search.fields import Subject
from qtop.text import format
from qtop.text.safe import ago, area, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column, figure
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from queuecore.action_record import AUDIT_ENTRIES
from queuecore.audit import AuditEntry
from queuecore.errors import StoreError

# The lines that draw how the totals went since the console began.

LINES: Final = 4
_HIGHEST_CELLS: Final = 13
TrendLine = tuple[list[Span], list[Span]]


def trend_lines(trend: Trend, totals: Totals | None, width: int) -> list[TrendLine]:
    """A heading, and for each of three figures what it is now, its course, the highest it was."""
    room = max(1, width - frame_texts.HEAD_CELLS - _HIGHEST_CELLS)
    _, together = fewer(trend.waiting, room)
    since = "" if trend.began is None else f", {trend.began.astimezone():%Y-%m-%d %H:%M}"
    step = ago(max(STEP_S, trend.step_s * together))
    heading = [Span(f" since the console began{since}", "strong", 90)]
    lines = [(heading, [Span(f"  each bar the highest of {step} ", "dim", 50)])]
    courses = (trend.waiting, trend.processed_per_s, trend.failed_per_s)
    for (head, tone), values in zip(frame_texts.chart_heads(totals), courses, strict=True):
        bars, _ = fewer(values, room)
        left = [Span(head, "dim", 90), Span(area(bars, room)[0], tone, 80)]
        highest = max((value for value in values if value is not None), default=None)
        # Jobs that wait are counted; the others are rates.
        if len(lines) == 1:
            text = format.number(None if highest is None else int(highest))
        else:
            text = format.rate(highest)
        lines.append((left, [Span(f"  max {text:>6} ", "dim", 70)]))
    return lines


#: Actions read at first, and each time the page key meets the end of them.
PAGE: Final = 200
#: In a low terminal the actions need the lines.
_SHAPES: Final = [(0, "-low"), (20, "-usual")]


COLUMNS: Final[tuple[Column[AuditEntry], ...]] = (
    Column("when", "when", 14, audit_text.moment, priority=95, sort_key=lambda d: d.at),
    Column(
        "who",
        "who",
        12,
        lambda d: safe(d.actor.who),
        flex=1,
        priority=80,
        sort_key=lambda d: d.actor.who,
    ),
    Column(
        "action", "action", 8, lambda d: safe(d.action), priority=100, sort_key=lambda d: d.action
    ),
    Column("what", "what", 18, lambda d: safe(d.subject), flex=3, priority=98),
    Column("done", "done", 9, audit_text.done_cell, flex=1, priority=85, align="right"),
    figure(
        "undo",
        "undo",
        8,
        lambda d: d.undo_left_s,
        priority=90,
        cell=audit_text.undo_left,
        zero="dim",
    ),
    Column("client", "client", 10, lambda d: safe(d.actor.client), priority=40, style="dim"),
    Column("id", "id", 16, lambda d: safe(d.id), priority=30, style="dim"),
)


class HistoryScreen(RowsScreen):
    """The audit stream, the last action first, below how the totals went meanwhile."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "history")
    TAB: ClassVar[Where] = "history"
    BINDINGS = bindings(PLACES)
    VERTICAL_BREAKPOINTS = _SHAPES
    DEFAULT_CSS = """
    HistoryScreen {
        & #trend { background: $panel; }
        &.-low .trend { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._trend = [Bar(id="trend" if at == 0 else None, classes="trend") for at in range(LINES)]
        self._limit = PAGE
        self._entries: list[AuditEntry] | None = None

    def make_table(self) -> Table[Any]:
        table = Table(COLUMNS, key=lambda d: d.id, clock=self.app.clock)
        table.pages = self
        return table

    def compose_body(self) -> Iterable[Widget]:
        yield from self._trend
        yield from super().compose_body()

    def on_resize(self, event: events.Resize) -> None:
        self._show_trend(self.app.state.view(), event.size.width)

    def _show_trend(self, view: ViewState, width: int) -> None:
        totals = view.fleet.totals if view.fleet else None
        drawn = trend_lines(view.insights.trend, totals, width)
        for bar, (left, right) in zip(self._trend, drawn, strict=True):
            bar.show(left, right)

    def show_view(self, view: ViewState) -> None:
        """Read the stream again whenever there was a look."""
        self._show_trend(view, self.app.size.width)
        self.table.stale = view.is_stale
        if self._entries is None and view.fleet is None:
            self.table.empty_text = frame_texts.empty_word(view, "actions", "")
        if self.has_news(view):
            self._load()

    def subject(self, row: AuditEntry) -> Subject:
        """An action as filters see it: words find who, what and with which client."""
        words = (row.actor.who, row.actor.client, row.action, row.subject)
        return Subject(queue=row.queue, id=row.id, words=words)

    def shown_of(self) -> str:
        """How many match, of those that were read."""
        return f"{self.table.row_count:,} of the last {len(self._entries or ()):,}"

    def turn(self, pages: int) -> bool:
        """Read more of the stream; what there is stays listed."""
        if pages > 0 and self._entries is not None and len(self._entries) >= self._limit:
            self.tell_late()
            self._limit = min(AUDIT_ENTRIES, self._limit + PAGE)
            self._load()
        return False

    def turn_to_end(self, way: int) -> None:
        """The keys for it stay in what was read."""

    def _load(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="history")

    async def _read(self) -> None:
        try:
            self._entries = await self.app.read(self.app.system.history(self._limit))
        except StoreError as error:
            self.app.say(f"the history: {safe(str(error))}", "bad")
            self.table.stale = True
            if self._entries is None:
                self.table.empty_text = frame_texts.unknown_word(str(error))
                self.pane.show_rows(())
            return
        self.table.empty_text = (
            "Nothing was done here yet: what you do is listed, "
            f"and {self.app.state.policy.sign('undo_deed')} takes it back."
        )
        self.pane.show_rows(self._entries)

    def on_table_opened(self, event: Table.Opened[AuditEntry]) -> None:
        self.app.push_screen(ActionScreen(event.row))

    def action_undo_deed(self) -> None:
        entry: AuditEntry | None = self.table.cursor_row
        if entry is not None:
            self.app.actions.undo_deed(entry)


class ActionScreen(TextScreen):
    """One action with everything that is on record of it."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "action")
    TAB: ClassVar[Where] = "history"
    BINDINGS = bindings(PLACES)

    def __init__(self, entry: AuditEntry) -> None:
        super().__init__()
        self._entry = entry

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The action as it was when it was opened."""
        return audit_text.lines(self._entry)

    def action_undo_deed(self) -> None:
        self.app.actions.undo_deed(self._entry)
