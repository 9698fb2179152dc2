"""What lists share: a framed table, the filter on its rows, and the line in which a filter is
typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from qtop.search import filter_language
from qtop.search.fields import Subject
from qtop.search.filter_language import BadFilter, Filter
from qtop.search.saved_filters import expanded
from qtop.text.safe import safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Sort
from qtop.widgets.filter_input import SAVED, FilterInput
from qtop.widgets.panel import JOINED, OPEN, Panel
from qtop.widgets.table import HEADER_LINES, Table
from qtop.widgets.table_model import MOST_ELSEWHERE

#: What is said when the rows that were marked have left the list.
#: So many columns have a digit.
_MOST_NUMBERED: Final = 9
MARKS_GONE: Final = "the marked rows are no longer listed: nothing was changed"


#: From so many cells of the terminal on a preview is beside its list.
BESIDE_CELLS: Final = 140
#: The heights that a preview below a list may have, with its frame.
_HEIGHTS: Final = (18, 12, 8, 6)


class Preview(Panel):
    """What shows more about the row under the cursor, in a frame."""

    def point_at(self, row: Any) -> None:
        """The cursor is on another row: look at it once the cursor rests."""
        raise NotImplementedError

    def refresh_row(self, row: Any) -> None:
        """Show the same row as it is now, unless the cursor is moving."""
        raise NotImplementedError


class ListOwner(Protocol):
    """The screen that a list is on: it knows what the rows are."""

    def subject(self, row: Any) -> Subject:
        """A row as filters see it."""

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field of a filter with; see `ListPane.values_of`."""

    def hides(self, row: Any) -> bool:
        """Whether a row is of a place that is not shown now."""

    def filter_changed(self) -> None:
        """Show what matches now."""

    def shown_of(self) -> str:
        """How many rows match, of how many; see `ListPane.shown_of`."""

    @property
    def no_match(self) -> str:
        """What the list says when the filter leaves no row."""

    def tell(self, text: str, tone: str = "") -> None:
        """Show a safe one-line result."""


class ListPane(Widget):
    """One table, or several of which one is in front, in a frame, and the filter below it.

    Args:
        owner: The screen.
        table: The table in front at first.
        remembered: Earlier filters, the newest last; new ones are added.
        marks_gone: What is said instead of `MARKS_GONE`.
        saved: The filters of the settings, by their names.
    """

    DEFAULT_CSS = """
    ListPane {
        height: 1fr;

        & #parts { height: 1fr; layout: vertical; }
        & #parts.-beside { layout: horizontal; }
    }
    """

    def __init__(
        self,
        owner: ListOwner,
        table: Table[Any],
        remembered: list[str],
        marks_gone: str,
        saved: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.table = table
        self.filter = Filter("")
        #: What is listed, before a filter that looks at these rows.
        self.rows: Sequence[Any] = ()
        self._owner, self._marks_gone = owner, marks_gone
        self.tables = [table]
        self.panel = Panel()
        #: Lines between the title and the table.
        self.above: Sequence[Bar] = ()
        #: What shows more about the row under the cursor; None where nothing does.
        self.preview: Preview | None = None
        self._title: tuple[Sequence[Span], Sequence[Span]] = ((), ())
        self._place: tuple[bool, bool, int] | None = None
        self._filter_before = ""
        #: The next digit is the number of a column to sort by; and how it was sorted before.
        self._awaits_column = False
        self._sort_before: Sort | None = None
        self._filter_line = Bar(id="filter-line")
        self._filter_line.display = False
        self._saved = saved
        self._filter_bar = FilterInput(self._completing, remembered)

    def compose(self) -> ComposeResult:
        with Container(id="parts"):
            with self.panel:
                yield from self.above
                # The first one gets the focus.
                for table in sorted(self.tables, key=lambda table: table is not self.table):
                    table.on_order = self._show_title
                    if self.preview is not None:
                        table.on_cursor = self.preview.point_at
                    yield table
            if self.preview is not None:
                yield self.preview
        yield self._filter_line
        yield self._filter_bar

    def bring_to_front(self, table: Table[Any]) -> None:
        """Show this table instead of the one in front. A new one is added: before the pane is on
        the screen."""
        if table not in self.tables:
            self.tables.append(table)
        for each in self.tables:
            each.display = each is table
        self.table = table
        self._show_title()

    def entitle(self, left: Sequence[Span], right: Sequence[Span] = ()) -> None:
        """Show another title; the order of the rows is added at the right."""
        self._title = left, right
        self._show_title()

    def _show_title(self) -> None:
        left, right = self._title
        self.panel.show(left, [*right, *order_spans(self.table)])

    # The preview

    def place_preview(self, width: int, *, wants_preview: bool) -> None:
        """Give the preview a place, if it is wanted: beside the list from `BESIDE_CELLS` of the
        terminal's `width` on, else below it where the rows leave room; and show in it what is under
        the cursor now. Costs nothing when the place stays."""
        preview = self.preview
        if preview is None or not self.is_mounted:
            return
        is_beside = width >= BESIDE_CELLS
        lines = 0 if is_beside else self._lines_below()
        is_shown = wants_preview and (is_beside or lines > 0)
        place = (is_shown, is_beside, lines)
        if place != self._place:
            self._place = place
            self.query_one("#parts").set_class(is_beside, "-beside")
            self.panel.set_class(is_shown and not is_beside, OPEN)
            preview.set_class(not is_beside, JOINED)
            preview.styles.height = "1fr" if is_beside else lines
            preview.styles.width = max(44, width * 2 // 5 - 16) if is_beside else "1fr"
            preview.display = is_shown
        if is_shown:
            preview.refresh_row(self.table.cursor_row)

    def _lines_below(self) -> int:
        """How many lines a preview below the list may have; few heights, so that it does not change
        with each row."""
        above = sum(bar.display for bar in self.above)
        rows = max(1, self.table.row_count)
        free = self.size.height - (1 + above + HEADER_LINES + rows)
        return next((lines for lines in _HEIGHTS if lines <= free), 0)

    # Rows

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show the rows that match; those that do not keep their marks. O(rows) with a filter."""
        self.rows = rows
        if not self.filter.is_empty:
            rows = [row for row in rows if self.filter.matches(self._owner.subject(row))]
            self.table.empty_text = self._owner.no_match
        self.table.set_rows(rows, hidden=self._hidden)
        self.show_filter()

    def _hidden(self, row: Any) -> Any | None:
        """A marked row that a filter hides, as it is now; one that is hidden with its place, as it
        was. None where it is neither. O(rows)."""
        if self._owner.hides(row):
            return row
        key = self.table.rows.key_of(row)
        return next((each for each in self.rows if self.table.rows.key_of(each) == key), None)

    def show_matching(self, rows: Sequence[Any], none: str, *, is_all: bool = True) -> None:
        """Show rows that match already, or the text `none`; `is_all` says that there are no
        others than these."""
        self.rows = rows
        self.table.empty_text = none
        self.table.set_rows(rows, is_all=is_all)
        self.show_filter()

    def chosen(self) -> list[Any]:
        """The marked rows, else the one under the cursor."""
        row = self.table.cursor_row
        return self.table.rows.marked_rows() or ([] if row is None else [row])

    def meant(self) -> list[Any]:
        """The rows that an action is for: the chosen ones. None when those that were marked have
        gone, which is said: the row under the cursor is not meant then."""
        if self.table.rows.dropped_marks and not self.table.rows.marked_rows():
            self.table.clear_marks()
            self._owner.tell(self._marks_gone, "warn")
            return []
        return self.chosen()

    def copied(self) -> list[str]:
        """The chosen rows, their cells with tabs between them."""
        return [self.table.row_text(row) for row in self.chosen()]

    # The filter

    def values_of(self, field: str) -> set[str]:
        """The values of a field in the rows there are, as safe texts. O(rows)."""
        name = "class_name" if field == "class" else field
        values = (getattr(self._owner.subject(row), name, None) for row in self.rows)
        return {safe(value) for value in values if isinstance(value, str)}

    def _completing(self, field: str) -> Iterable[str]:
        return self._saved if field == SAVED else self._owner.values_of(field)

    def shown_of(self) -> str:
        return f"{self.table.row_count:,} of {len(self.rows):,}"

    def set_filter(self, text: str) -> bool:
        """Show only what matches; False when the text makes no filter, and then it says why."""
        try:
            wanted = filter_language.parse(expanded(text, self._saved))
        except BadFilter as error:
            self._owner.tell(safe(str(error)), "warn")
            return False
        if wanted.text != self.filter.text:
            self.filter = wanted
            self._owner.filter_changed()
        self.show_filter()
        return True

    def show_filter(self) -> None:
        """Say which filter there is, unless one is being typed."""
        self._filter_line.display = not self.filter.is_empty and not self._filter_bar.display
        if self._filter_line.display:
            text = Span(f" {safe(self.filter.text)}", "strong", 80, least=8)
            count = Span(f"  {self._owner.shown_of()} ", "dim", 85)
            self._filter_line.show([Span(" filter ", "flag", 90), text], [count])

    # The order

    def next_sort(self) -> None:
        """Sort by the next column, and wait for the number of another one."""
        self._sort_before = self.table.sort
        self.table.next_sort()
        columns = self.table.sortable[:_MOST_NUMBERED]
        numbered = "  ".join(f"{at} {label or key}" for at, (key, label) in enumerate(columns, 1))
        self._awaits_column = bool(columns)
        self._owner.tell(f"sort by: {numbered}", "dim")

    def on_key(self, event: events.Key) -> None:
        """Take a digit as the number of a column, once after the key that sorts."""
        if not self._awaits_column:
            return
        self._awaits_column = False
        digit = event.character or ""
        columns = self.table.sortable[:_MOST_NUMBERED]
        if digit.isdecimal() and 0 < int(digit) <= len(columns):
            event.stop()
            event.prevent_default()
            self._sort_by(columns[int(digit) - 1][0])

    def _sort_by(self, key: str) -> None:
        before = self._sort_before
        is_same = before is not None and before.column_key == key
        self.table.sort_by(key, reverse=not before.reverse if before and is_same else None)
        self._owner.tell("")

    def ask_for_filter(self) -> None:
        """Let a filter be typed, beginning with the one there is."""
        self._filter_before = self.filter.text
        self._filter_bar.ask(self.filter.text)
        self.show_filter()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed, as far as it makes sense; no more once typing has ended:
        several keys can come at once."""
        event.stop()
        if not self._filter_bar.display:
            return
        text = self._filter_bar.value
        try:
            filter_language.parse(expanded(text, self._saved))
        except BadFilter as error:
            self._owner.tell(safe(str(error)), "dim")
        else:
            self._owner.tell("")
            self.set_filter(text)

    def on_filter_input_left(self, event: FilterInput.Left) -> None:
        """Use what was typed, or what there was before."""
        event.stop()
        if event.text is None or not self.set_filter(event.text):
            self.set_filter(self._filter_before)
        self.table.focus()


def order_spans(table: Table[Any]) -> list[Span]:
    """By which column the rows are sorted, and in which direction; nothing without one."""
    order = table.order
    if order is None:
        return []
    label, sign = order
    # Left out together: the name alone would say nothing.
    parts = (("sort ", "dim"), (f"{label}{sign}", ""))
    return [Span(text, tone, 40, group="sort") for text, tone in parts]


def marks_spans(table: Table[Any]) -> list[Span]:
    """How many rows are marked, and how many of them are not on this page."""
    away = table.rows.marked_elsewhere
    number = len(table.rows.marked) + away
    if not number:
        return []
    where = f", {away:,} on other pages" if away else ""
    full = f" ({MOST_ELSEWHERE:,} at most)" if away >= MOST_ELSEWHERE else ""
    return [Span(f"   {number:,} marked{where}{full}", "accent", 96)]
