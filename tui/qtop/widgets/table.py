"""The one table of the console: any number of rows, painted a line at a time.

Cells are computed for visible lines only, and only the cells that changed are painted again. Text
reaches the screen as plain segments: no markup is ever parsed. The order of the rows, the cursor
and the marks are in `table_model`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from qtop.text.safe import pad, wrapped
from qtop.widgets.columns import (
    ASCENDING,
    DESCENDING,
    MARKED,
    RANGE_BEGIN,
    Cell,
    Column,
    PlacedColumn,
    RowT,
    Sort,
    TableLine,
    arranged,
    changed_spans,
    filled,
    fit_with,
)
from qtop.widgets.table_model import TableRows
from qtop.widgets.theme import toned

TABLE_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("j,down", "move(1)", "Down", show=False, id="table.down"),
    Binding("k,up", "move(-1)", "Up", show=False, id="table.up"),
    Binding("g,home", "cursor_first", "First row", show=False, id="table.first"),
    Binding("G,end", "cursor_last", "Last row", show=False, id="table.last"),
    Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
    Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
    Binding("space", "toggle_mark", "Mark", show=False, id="table.mark"),
    Binding("v", "mark_range", "Mark a range", show=False, id="table.mark_range"),
    Binding("a", "mark_all", "Mark all", show=False, id="table.mark_all"),
    Binding("enter", "open", "Open", show=False, id="table.open"),
)
"""The keys of a table, for the console's table of keys."""

HEADER_LINES: Final = 1
_MARK_CELLS: Final = 2
#: Between a frame and the texts of a table whose rows cannot be marked.
_EDGE_CELLS: Final = 1
_BAR_STEP_CELLS: Final = 1 / 8

EventRowT = TypeVar("EventRowT")


class Pages(Protocol):
    """What reads another part of a long list when a key meets the end of the page."""

    def turn(self, pages: int) -> bool:
        """Go to the next page (+1) or the one before (-1); False when there is none."""

    def turn_to_end(self, way: int) -> None:
        """Go to the first page of all (-1) or the last (+1), if it is another one."""


class Table(ScrollView, Generic[RowT], can_focus=True, inherit_bindings=False):
    """Rows that are replaced as a whole at every poll, a line each, below a header line.

    What was painted is kept for each line of the screen. After a change the new lines are compared
    with it, and only the cells that differ are painted again.

    Args:
        columns: Left to right; see `Column`.
        key: What makes a row the same row after a poll; unique among the rows.
        sort: The key of the column to sort by at first; None for the rows' natural order.
        markable: Rows can be marked; they get a column for the mark.
        on_cursor: Called with the row under the cursor when it has changed, before the frame is
            painted: so a detail beside the table changes in the same frame.
        clock: Monotonic seconds.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*TABLE_BINDINGS]
    DEFAULT_CSS = """
    Table {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """

    stale: reactive[bool] = reactive(False)
    """Whether the rows are old: then everything is dimmed."""

    empty_text: reactive[str] = reactive("")
    """Safe text shown instead of rows when there are none."""

    class Opened(Message, Generic[EventRowT]):
        """A row was opened, by enter or a double click."""

        def __init__(self, table: Widget, row: EventRowT) -> None:
            self.table, self.row = table, row
            super().__init__()

    class Marked(Message):
        """Other rows are marked than before."""

        def __init__(self, table: Widget, marked: frozenset[Hashable]) -> None:
            self.table, self.marked = table, marked
            super().__init__()

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Table.Marked) and message.table is self.table

    def __init__(
        self,
        columns: Sequence[Column[RowT]],
        *,
        key: Callable[[RowT], Hashable],
        sort: str | None = None,
        markable: bool = True,
        on_cursor: Callable[[RowT | None], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._columns = self._shown = tuple(columns)
        #: The column before all others, and which rows are old besides those of a whole old table.
        self._lead: Column[RowT] | None = None
        self._is_old: Callable[[RowT], bool] | None = None
        self._redact: Callable[[str], str] = str
        self.rows: TableRows[RowT] = TableRows(key, clock)
        #: Turns the pages; without it the keys stay on this one.
        self.pages: Pages | None = None
        #: Called when the rows are sorted by another column, or the other way round.
        self.on_order: Callable[[], None] | None = None
        self._sort: Sort | None = None
        #: How many lines are above the rows: one for the labels of the columns, or none.
        self.head_lines = HEADER_LINES
        self._markable = markable
        self.on_cursor = on_cursor
        self._reported_cursor: tuple[Hashable, ...] | None = None
        self._reported_marks: tuple[frozenset[Hashable], int] = (frozenset(), 0)
        self._painted_for: tuple[tuple[str, int, int], ...] = ()
        self._painted: dict[int, TableLine] = {}
        self._placed: tuple[int, tuple[PlacedColumn[RowT], ...]] = (-1, ())
        #: How wide the texts were that were on the screen since the columns were laid out last.
        self._contents: dict[str, int] = {}
        self._measured: tuple[int, int, int] | None = None
        self._laid_out_for = -1
        self._found_styles: dict[tuple[str, ...], Style] = {}
        if sort is not None:
            self.sort_by(sort)

    @property
    def row_count(self) -> int:
        return len(self.rows)

    @property
    def cursor_row(self) -> RowT | None:
        """The row under the cursor; None when there are no rows."""
        return self.rows.cursor_row

    @property
    def cursor_key(self) -> Hashable:
        """The key of the row under the cursor; None when there are no rows."""
        return self.rows.key_at(self.rows.cursor_index) if len(self.rows) else None

    @property
    def sort(self) -> Sort | None:
        """The column the rows are sorted by, and the direction; None for their natural order."""
        return self._sort

    @property
    def order(self) -> tuple[str, str] | None:
        """The label of the column the rows are sorted by, and a sign for the direction."""
        if self._sort is None:
            return None
        sort = self._sort
        labels = (each.label for each in self._all_columns if each.key == sort.column_key)
        return next(labels, "").strip(), DESCENDING if sort.reverse else ASCENDING

    def row_text(self, row: RowT) -> str:
        """All cells of a row, separated by tabs; also those of columns that do not fit."""
        return "\t".join(column.cell(row).strip() for column in self._all_columns)

    def set_rows(
        self,
        rows: Sequence[RowT],
        *,
        is_all: bool = True,
        hidden: Callable[[RowT], RowT | None] = lambda row: None,
    ) -> None:
        """Show other rows, in their natural order. `is_all` says that there are no rows but these,
        and those that are `hidden` (see `TableRows.replace`); else they are a page of a long list.
        Marks on other pages, and of what is hidden, are kept.

        The cursor and the marks stay on their rows, the scroll offset stays, and the cursor stays
        in view if it was. Rows are kept, not copied: do not change them later. Cost: the cells of
        the visible lines; see `TableRows.replace` for what depends on all rows.
        """
        was_visible = 0 <= self.rows.cursor_index - self.scroll_offset.y < self.body_lines
        self.rows.replace(rows, is_all=is_all, hidden=hidden)
        self._sync_height()
        if was_visible:
            self._scroll_to_cursor()
        self._show_changes()

    def move_to(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key. O(n). False when there is no such row."""
        index = self.rows.index_of(key)
        if index is not None:
            self._move_cursor(index)
        return index is not None

    def sort_by(self, column_key: str | None, *, reverse: bool | None = None) -> None:
        """Sort by a column, at once and at every `set_rows`; None: the natural order of the rows.
        `reverse` is the highest first; None: the direction the column starts with.

        Raises ValueError when there is no such column, or it cannot be sorted by.
        """
        sort_key = None
        if column_key is None:
            self._sort = None
        else:
            column = next((c for c in self._all_columns if c.key == column_key), None)
            if column is None or column.sort_key is None:
                raise ValueError(f"no column to sort by: {column_key}")
            sort_key = column.sort_key
            self._sort = Sort(column_key, column.descends if reverse is None else reverse)
        self.rows.sort(sort_key, reverse=self._sort is not None and self._sort.reverse)
        if self.on_order is not None:
            self.on_order()
        self._scroll_to_cursor()
        self._show_changes()

    def next_sort(self) -> None:
        """Sort by the next column that is on the screen; after the last one, by none."""
        placed = self._layout()
        keys = [p.column.key for p in placed if p.column.sort_key is not None]
        now = self._sort.column_key if self._sort else None
        after = keys.index(now) + 1 if now in keys else 0
        self.sort_by(keys[after] if after < len(keys) else None)

    @property
    def sortable(self) -> list[tuple[str, str]]:
        """The keys and labels of the columns on the screen that rows can be sorted by."""
        columns = [place.column for place in self._layout()]
        return [(each.key, each.label.strip()) for each in columns if each.sort_key is not None]

    @property
    def column_keys(self) -> tuple[str, ...]:
        """The keys of the columns that are shown as far as there is room, in their order."""
        return tuple(column.key for column in self._shown)

    def reverse_sort(self) -> None:
        """Turn the direction of the sort; nothing without one."""
        if self._sort is not None:
            self.sort_by(self._sort.column_key, reverse=not self._sort.reverse)

    def clear_marks(self) -> None:
        """Take all marks away, also those on other pages."""
        self.rows.clear_marks()
        self._show_changes()

    # Keys

    def action_move(self, rows: int) -> None:
        """Move the cursor some rows down, or up when that is below zero."""
        self._move_cursor(self.rows.cursor_index + rows)

    def action_page(self, pages: int) -> None:
        """One page down (1) or up (-1), or the next rows or those before."""
        index = self.rows.cursor_index
        is_at_end = index == (max(0, self.row_count - 1) if pages > 0 else 0)
        if not (is_at_end and self.pages is not None and self.pages.turn(pages)):
            self._move_cursor(index + pages * max(1, self.body_lines))

    def action_cursor_first(self) -> None:
        """To the first row here; from there, to the first of all."""
        if self.rows.cursor_index == 0 and self.pages is not None:
            self.pages.turn_to_end(-1)
        self.to_end(-1)

    def action_cursor_last(self) -> None:
        """To the last row here; from there, to the last of all."""
        if self.rows.cursor_index >= self.row_count - 1 and self.pages is not None:
            self.pages.turn_to_end(+1)
        self.to_end(+1)

    def to_end(self, way: int) -> None:
        """Put the cursor on the first row here (-1) or the last (+1)."""
        self._move_cursor(0 if way < 0 else self.row_count - 1)

    def action_toggle_mark(self) -> None:
        """Mark the row under the cursor or take its mark away, and go to the next row."""
        if self._markable:
            self.rows.toggle_mark()
            self.action_move(1)

    def action_mark_range(self) -> None:
        if self._markable:
            self.rows.mark_range()
            self._show_changes()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether it has an action: where no rows can be marked, the screen may use the key."""
        return self._markable or action not in ("mark", "mark_range", "mark_all")

    def action_mark_all(self) -> None:
        if self._markable:
            self.rows.mark_all()
            self._show_changes()

    def action_open(self) -> None:
        row = self.cursor_row
        if row is not None:
            self.post_message(self.Opened(self, row))

    # Mouse, and what follows a change

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row; a second click opens it; on the header, sort."""
        at = event.get_content_offset(self)
        if at is None:
            return
        event.stop()
        if at.y < self.head_lines:
            self._sort_at(at.x)
            return
        index = self._row_index(at.y)
        if index is None:
            return
        self._move_cursor(index)
        if event.chain == 2:
            self.action_open()

    def on_mount(self) -> None:
        """Report the rows that were set before there was a screen."""
        self._report()

    def _sort_at(self, x: int) -> None:
        for place in self._layout():
            if place.x <= x < place.x + place.width and place.column.sort_key is not None:
                if self._sort is not None and self._sort.column_key == place.column.key:
                    self.reverse_sort()
                else:
                    self.sort_by(place.column.key)

    def _move_cursor(self, index: int) -> None:
        self.rows.move_to(index)
        self._scroll_to_cursor()
        self._show_changes()

    def _show_changes(self) -> None:
        # Before it is mounted there is no screen: `on_mount` reports later.
        if self.is_mounted:
            self._paint_changes()
            self._report()

    def _report(self) -> None:
        """Report a new cursor row and new marks, if they have changed since the last report."""
        row = self.cursor_row
        cursor = () if row is None else (self.rows.key_at(self.rows.cursor_index),)
        if cursor != self._reported_cursor:
            self._reported_cursor = cursor
            if self.on_cursor is not None:
                self.on_cursor(row)
        marks = self.rows.marked, self.rows.marked_elsewhere
        if marks != self._reported_marks:
            self._reported_marks = marks
            self.post_message(self.Marked(self, self.rows.marked))

    @property
    def body_lines(self) -> int:
        return max(0, self.size.height - self.head_lines)

    def redact_with(self, redact: Callable[[str], str]) -> None:
        """Pass all texts of rows through a function that hides secrets."""
        if redact != self._redact:
            self._redact = redact
            if self.is_mounted:
                self._paint_changes()

    def show_columns(self, keys: Sequence[str] | None) -> None:
        """Show only these columns, in this order; None: all. Raises ValueError."""
        self._shown = arranged(self._columns, keys)
        self._placed = (-1, ())

    def show_labels(self, shows: bool) -> None:
        """Show the labels of the columns above the rows, or not."""
        lines = HEADER_LINES if shows else 0
        if lines != self.head_lines:
            self.head_lines = lines
            self._sync_height()
            self._painted.clear()
            self.refresh()

    def lead_with(self, column: Column[RowT] | None) -> None:
        """Show a column before all others, which costs none of them its place; None: no such."""
        if column is not self._lead:
            self._lead, self._placed = column, (-1, ())

    def dim_rows(self, is_old: Callable[[RowT], bool] | None) -> None:
        """Dim the rows that are old; None: none is, unless all are (`stale`)."""
        if is_old is None and self._is_old is None:
            return
        self._is_old = is_old
        if self.is_mounted:
            self._paint_changes()

    def label(self, key: str, label: str) -> None:
        """Give a column another label; it becomes wide enough for it."""

        def named(column: Column[RowT]) -> Column[RowT]:
            if column.label == label:
                return column
            return replace(column, label=label, width=max(column.width, len(label)))

        self._change(key, named)

    def widen(self, key: str, width: int) -> None:
        """Give a column so many cells at least."""
        self._change(key, lambda column: replace(column, width=width))

    def _change(self, key: str, change: Callable[[Column[RowT]], Column[RowT]]) -> None:
        def changed(column: Column[RowT]) -> Column[RowT]:
            return change(column) if column.key == key else column

        columns = tuple(map(changed, self._columns))
        if columns != self._columns:
            self._columns, self._shown = columns, tuple(map(changed, self._shown))
            self._placed = (-1, ())

    def render_line(self, y: int) -> Strip:
        """Paint one line of the screen, and remember what it shows."""
        line = self._line(y)
        self._forget_other_layout(self._layout())
        self._painted[y] = line
        return self._strip(line)

    def notify_style_update(self) -> None:
        """Forget the styles that were looked up: the theme or the focus has changed."""
        super().notify_style_update()
        self._found_styles.clear()

    def on_resize(self, event: events.Resize) -> None:
        """Keep the cursor in view when the terminal becomes smaller."""
        self._scroll_to_cursor()

    # Layout

    def _layout(self) -> tuple[PlacedColumn[RowT], ...]:
        width = self.size.width - self.scrollbar_size_vertical
        if width != self._laid_out_for:
            self._laid_out_for, self._measured = width, None
            self._contents.clear()
        self._measure()
        if width != self._placed[0]:
            x = _MARK_CELLS if self._markable else _EDGE_CELLS
            room = max(0, width - x)
            self._placed = width, fit_with(self._lead, self._shown, x, room, self._contents)
        return self._placed[1]

    def _measure(self) -> None:
        """Take note of how wide the texts are that are on the screen now. Columns become wider for
        them, and not narrower again: a list that changes at every poll must not dance. O(cells on
        the screen), where others are on it than before."""
        top, lines = self.scroll_offset.y, self.body_lines
        now = (self.rows.changes, top, lines)
        if self._measured == now:
            return
        self._measured = now
        rows = [self.rows[at] for at in range(top, min(top + lines, len(self.rows)))]
        if not rows:
            return
        before = dict(self._contents)
        for column in self._shown:
            widest = max(filled(column, row) for row in rows)
            self._contents[column.key] = max(before.get(column.key, 0), widest)
        if self._contents != before:
            self._placed = (-1, ())

    @property
    def _all_columns(self) -> Sequence[Column[RowT]]:
        return self._columns if self._lead is None else (self._lead, *self._columns)

    def _row_index(self, y: int) -> int | None:
        index = self.scroll_offset.y + y - self.head_lines
        return index if y >= self.head_lines and index < len(self.rows) else None

    def _line(self, y: int) -> TableLine:
        layout = self._layout()
        if y < self.head_lines:
            return TableLine("header", tuple(place.header(self._sort) for place in layout))
        if not len(self.rows):
            notice = self._notice()
            at = y - self.head_lines - max(0, self.body_lines - len(notice)) // 2
            return notice[at] if 0 <= at < len(notice) else TableLine("blank")
        index = self._row_index(y)
        if index is None:
            return TableLine("blank")
        key = self.rows.key_at(index)
        marked = key in self.rows.marked
        mark = RANGE_BEGIN if self.rows.is_anchor(key) else MARKED if marked else ""
        row, has_cursor = self.rows[index], index == self.rows.cursor_index
        cells = tuple(place.cell(row, self._redact) for place in layout)
        is_old = self._is_old is not None and self._is_old(row)
        return TableLine("row", cells, mark, marked, has_cursor, is_old)

    def _notice(self) -> list[TableLine]:
        """What is shown in place of rows: in the middle, in as many lines as it needs."""
        width = self.size.width
        lines = wrapped(self.empty_text, max(1, width - 2))
        padded = [pad(line, width, "center") for line in lines]
        return [TableLine("notice", (Cell(text, "dim"),)) for text in padded]

    # Painting

    def _strip(self, line: TableLine) -> Strip:
        width = self.size.width
        around = self._style_of(line, None)
        if line.kind == "notice":
            return Strip([Segment(line.cells[0].text, self._style_of(line, "dim"))], width)
        if line.kind == "blank":
            return Strip([Segment(" " * width, around)], width)
        segments: list[Segment] = []
        filled = 0
        if line.mark:
            segments.append(Segment(line.mark, around))
            filled = 1
        for place, cell in zip(self._layout(), line.cells, strict=True):
            if place.x > filled:
                segments.append(Segment(" " * (place.x - filled), around))
            segments.append(Segment(cell.text, self._style_of(line, cell.tone)))
            filled = place.x + place.width
        segments.append(Segment(" " * max(0, width - filled), around))
        return Strip(segments).adjust_cell_length(width, around).simplify()

    def _style_of(self, line: TableLine, tone: str | None) -> Style:
        """The style of a cell of a line; later names go over earlier ones."""
        names: list[str] = []
        if line.kind == "header":
            names.append("header")
        if line.marked:
            names.append("marked")
        if tone is not None:
            names.append(tone)
        if line.cursor and self.has_focus:
            names.append("cursor")
        if self.stale or line.stale:
            names.append("stale")
        key = tuple(names)
        if key not in self._found_styles:
            self._found_styles[key] = toned(self, *key)
        return self._found_styles[key]

    def _forget_other_layout(self, placed: Sequence[PlacedColumn[RowT]]) -> None:
        """Forget what was painted if it was painted for other columns or widths: a screen behind
        another one gets a new size without being painted."""
        spans = tuple((place.column.key, place.x, place.width) for place in placed)
        if spans != self._painted_for:
            self._painted_for = spans
            self._painted.clear()

    def _paint_changes(self) -> None:
        """Have the cells painted that differ from what is on the screen. O(visible cells)."""
        placed = self._layout()
        width, height = self.size
        self._forget_other_layout(placed)
        regions = [
            Region(x, y, cells, 1)
            for y in range(height)
            for x, cells in changed_spans(self._painted.get(y), self._line(y), placed, width)
        ]
        if regions:
            self.refresh(*regions)

    # Scrolling

    def _sync_height(self) -> None:
        """Tell the scroll bar how many lines there are; without a new layout if that can be."""
        size = Size(0, self.head_lines + len(self.rows))
        if size == self.virtual_size:
            return
        height = self.styles.height
        if height is not None and height.is_auto:
            self.virtual_size = size
            return
        # Assigning `virtual_size` lays out and repaints the whole screen; a list that grows by
        # one row at every poll would do that every second.
        self.set_reactive(Widget.virtual_size, size)
        if self.container_size and self._scroll_bar_differs(size.height):
            self._scroll_update(size)
        else:
            self.scroll_y = self.validate_scroll_y(self.scroll_y)

    def _scroll_bar_differs(self, lines: int) -> bool:
        """Whether the change could be seen: repainting the bar costs more than many cells."""
        height = self.container_size.height
        if not self.show_vertical_scrollbar or lines <= height:
            return True
        drawn_lines = max(1, self.vertical_scrollbar.window_virtual_size)
        return any(
            abs(part * height / drawn_lines - part * height / lines) >= _BAR_STEP_CELLS
            for part in (height, self.scroll_offset.y)
        )

    def _scroll_to_cursor(self) -> None:
        """Scroll as little as possible so that the cursor is in view."""
        if not self.is_mounted or not self.body_lines:
            return
        top, index = self.scroll_offset.y, self.rows.cursor_index
        wanted = min(max(top, index - self.body_lines + 1), index)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)
