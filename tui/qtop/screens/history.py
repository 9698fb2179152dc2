"""What operators did: by whom, when, how many, and whether it can still be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Final

from textual import events

from qtop.keymap.keymap import Where
from qtop.model.placed import UnreadPart
from qtop.monitor.rows import Totals, keyed
from qtop.monitor.series import STEP_S, Trend, fewer
from qtop.monitor.state import ViewState
from qtop.screens import details, frame, list_bars
from qtop.screens.base import RowsScreen, TextScreen
from qtop.screens.runs import RunsScreen
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
from queuecore.exchange import Operation

LINES: Final = 4
_HIGHEST_CELLS: Final = 13
#: Of the frame around them.
_FRAME_CELLS: Final = 2
TrendLine = tuple[list[Span], list[Span]]


def trend_lines(trend: Trend, totals: Totals | None, width: int) -> list[TrendLine]:
    """A heading, and for each of three figures what it is now, its course, the highest it was."""
    room = max(1, width - frame.HEAD_CELLS - _HIGHEST_CELLS)
    _, together = fewer(trend.waiting, room)
    since = "" if trend.began is None else f", {trend.began.astimezone():%Y-%m-%d %H:%M}"
    step = ago(max(STEP_S, trend.step_s * together))
    heading = [Span(f" since the console began{since}", "strong", 90)]
    lines = [(heading, [Span(f"  each bar the highest of {step} ", "dim", 50)])]
    courses = (trend.waiting, trend.processed_per_s, trend.failed_per_s)
    for (head, tone), values in zip(frame.chart_heads(totals), courses, strict=True):
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


# What is said of actions on record.

_MOVES_ON: Final = frozenset({"requeue", "move", "edit", "enqueue", "run now", "reschedule"})


def _moment(entry: AuditEntry) -> str:
    return f"{entry.at.astimezone():%m-%d %H:%M:%S}"


def _done(entry: AuditEntry) -> str:
    """How many items it concerned, and how many of them were undone since."""
    if entry.done is None:
        return "unknown"
    taken_back = f" (-{format.number(entry.undone)})" if entry.undone else ""
    return f"{format.number(entry.done)}{taken_back}"


def _done_cell(entry: AuditEntry) -> str:
    """The same in few characters: the cell beside it says when all of it was undone."""
    return format.number(entry.done) if _is_undone(entry) else _done(entry)


def _is_undone(entry: AuditEntry) -> bool:
    """Whether all of it was undone."""
    return bool(entry.done) and entry.undone == entry.done


def _undo_left(entry: AuditEntry) -> str:
    """How long it can still be undone, or why it cannot."""
    if entry.undo_left_s is not None:
        return ago(entry.undo_left_s)
    return "undone" if _is_undone(entry) else "no"


def _lines(entry: AuditEntry) -> Iterator[TextLine]:
    yield TextLine(f"{safe(entry.action)} {safe(entry.subject)}", "title")
    yield TextLine(format.both_times(entry.at), "", "when")
    yield TextLine(safe(entry.actor.who), "", "who")
    yield TextLine(safe(entry.actor.client), "", "client")
    yield TextLine(f"{format.number(entry.planned)} named by the preview", "", "planned")
    unknown = "unknown: the undo data is gone"
    yield TextLine(unknown if entry.done is None else format.number(entry.done), "", "done")
    if entry.undone:
        yield TextLine(format.number(entry.undone), "", "undone")
    yield from details.system_lines(entry.system)
    if entry.queue:
        yield TextLine(safe(entry.queue), "", "queue")
    for at, name in enumerate(entry.processes):
        yield TextLine(safe(name), "", "processes" if not at else " ")
    yield TextLine(safe(entry.source), "dim", "key")
    yield TextLine(safe(entry.id), "dim", "id")
    yield TextLine("")
    yield TextLine("Undo", "title")
    for text in consequence(entry):
        yield TextLine(text, "" if entry.undo_left_s else "dim", " ")


def consequence(entry: AuditEntry) -> tuple[str, ...]:
    """What an undo would do, in sentences."""
    if entry.undo_left_s is None:
        why = "all of it was undone" if _is_undone(entry) else "too long ago, or irreversible"
        return (f"Cannot be undone: {why}.",)
    left = f"Can be undone for another {ago(entry.undo_left_s)}."
    if entry.action in ("pause", "resume"):
        return (left, "Switches return to their earlier state, unless changed since.")
    if entry.action in _MOVES_ON:
        return (left, "Jobs that a worker has taken since are not changed.")
    return (left, "What was removed returns: same bytes, same order, nothing twice.")


def question(entry: AuditEntry) -> tuple[str, ...]:
    """What to know before an action is undone."""
    by = f"By {safe(entry.actor.who)} with {safe(entry.actor.client)}"
    return (f"{by}, {format.both_times(entry.at)}.", f"Done: {_done(entry)}.", *consequence(entry))


#: Actions read at first, and each time the page key meets the end of them.
PAGE: Final = 200
#: In a low terminal the actions need the lines.
_SHAPES: Final = [(0, "-low"), (20, "-usual")]


COLUMNS: Final[tuple[Column[AuditEntry], ...]] = (
    Column("when", "when", 14, _moment, priority=95, sort_key=lambda e: e.at),
    Column(
        "who",
        "who",
        12,
        lambda e: safe(e.actor.who),
        flex=1,
        priority=80,
        sort_key=lambda e: e.actor.who,
    ),
    Column(
        "action", "action", 8, lambda e: safe(e.action), priority=100, sort_key=lambda e: e.action
    ),
    Column("what", "what", 18, lambda e: safe(e.subject), flex=3, priority=98),
    Column("done", "done", 9, _done_cell, flex=1, priority=85, align="right"),
    figure("undo", "undo", 8, lambda e: e.undo_left_s, priority=90, cell=_undo_left, zero="dim"),
    Column("client", "client", 10, lambda e: safe(e.actor.client), priority=40, style="dim"),
    Column("id", "id", 16, lambda e: safe(e.id), priority=30, style="dim"),
)


class HistoryScreen(RowsScreen):
    """The audit stream, the last action first, below how the totals went meanwhile."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "history")
    TAB: ClassVar[Where] = "history"
    VERTICAL_BREAKPOINTS = _SHAPES
    DEFAULT_CSS = """
    HistoryScreen {
        &.-low .trend { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.bars = [Bar(classes="trend") for _ in range(LINES)]
        self._limit = PAGE
        self._entries: list[AuditEntry] | None = None

    def make_table(self) -> Table[Any]:
        table = Table(COLUMNS, key=lambda e: keyed(e.system, e.id), clock=self.app.clock)
        table.pages = self
        return table

    def on_resize(self, event: events.Resize) -> None:
        self._show_trend(self.app.state.view(), event.size.width)

    def _show_trend(self, view: ViewState, width: int) -> None:
        totals = view.fleet.totals if view.fleet else None
        drawn = trend_lines(view.insights.trend, totals, width - _FRAME_CELLS)
        for bar, (left, right) in zip(self.bars, drawn, strict=True):
            bar.show(left, right)

    def show_view(self, view: ViewState) -> None:
        self._show_trend(view, self.app.size.width)
        if self._entries is None and view.fleet is None:
            self.table.empty_text = frame.empty_word(view, "actions", "")
        if self.has_news(view):
            self._load()

    def place_changed(self) -> None:
        self._limit, self._entries = PAGE, None
        self._load()

    def subject(self, row: AuditEntry) -> Subject:
        """An action as filters see it: words find who, what and with which client."""
        words = (row.actor.who, row.actor.client, row.action, row.subject)
        system = row.system or self.app.system.name
        at_s = row.at.timestamp()
        return Subject(queue=row.queue, id=row.id, words=words, system=system, at_s=at_s)

    def shown_of(self) -> str:
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
        self.in_background("history", self._read)

    def _actions(self, tell: Callable[[UnreadPart], None]) -> Operation[list[AuditEntry]]:
        """What reads the actions; of several systems `tell` hears which could not be read."""
        system = self.app.system
        if self.app.state.view().parts:
            # Imported here: one system alone does without it.
            from qtop.systems.together import Together

            if isinstance(system, Together):
                return system.history(self._limit, tell)
        return system.history(self._limit)

    async def _read(self) -> None:
        unread: list[UnreadPart] = []
        try:
            self._entries = await self.app.read(self._actions(unread.append))
        except StoreError as error:
            self.app.say(f"the history: {safe(str(error))}", "bad")
            self.table.stale = True
            if self._entries is None:
                self.table.empty_text = frame.unknown_word(str(error))
                self.pane.show_rows(())
            return
        if unread:
            self.app.say(f"the history: {list_bars.unknown_parts(unread)}", "warn")
        key = self.app.state.policy.sign("undo_deed")
        self.table.empty_text = f"No actions yet: they are listed here, and {key} undoes them."
        self.pane.show_rows(self._entries)

    def on_table_opened(self, event: Table.Opened[AuditEntry]) -> None:
        self.app.push_screen(ActionScreen(event.row))

    def action_open_runs(self) -> None:
        self.app.push_screen(RunsScreen())

    def action_undo_deed(self) -> None:
        entry: AuditEntry | None = self.table.cursor_row
        if entry is not None:
            self.app.actions.undo_deed(entry)


class ActionScreen(TextScreen):
    """One action with everything that is on record of it."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "action")
    TAB: ClassVar[Where] = "history"
    NAME = "one action"

    def __init__(self, entry: AuditEntry) -> None:
        super().__init__()
        self._entry = entry

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        return _lines(self._entry)

    def action_undo_deed(self) -> None:
        self.app.actions.undo_deed(self._entry)
