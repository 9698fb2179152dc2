"""The one table of the console: any number of rows, painted a line at a time.

Cells are computed for visible lines only, and only the cells that changed are painted again. Text
reaches the screen as plain segments: no markup is ever parsed. The table's keys and messages are
here, its painting is in `table_painter`, its rows are in `table_model`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from qtop.widgets.columns import Column, RowT, Sort
from qtop.widgets.table_painter import HEADER_LINES, TablePainter

# Keys.

TABLE_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("j,down", "cursor_down", "Down", show=False, id="table.down"),
    Binding("k,up", "cursor_up", "Up", show=False, id="table.up"),
    Binding("g,home", "cursor_first", "First row", show=False, id="table.first"),
    Binding("G,end", "cursor_last", "Last row", show=False, id="table.last"),
    Binding("pagedown", "page_down", "Page down", show=False, id="table.page_down"),
    Binding("pageup", "page_up", "Page up", show=False, id="table.page_up"),
    Binding("space", "toggle_mark", "Mark", show=False, id="table.mark"),
    Binding("v", "mark_range", "Mark a range", show=False, id="table.mark_range"),
    Binding("a", "mark_all", "Mark all", show=False, id="table.mark_all"),
    Binding("enter", "open", "Open", show=False, id="table.open"),
)
"""The keys of a table, for the console's table of keys."""


# Messages to the screen: `Table.Opened`, `Table.Moved`, `Table.Marked`.

EventRowT = TypeVar("EventRowT")


class TableEvent(Message):
    """Something happened in a table.

    Attributes:
        table: The table it happened in.
    """

    def __init__(self, table: Widget) -> None:
        self.table = table
        super().__init__()

    @property
    def control(self) -> Widget:
        """The table, for `@on(Table.Opened, "#failures")`."""
        return self.table

    def can_replace(self, message: Message) -> bool:
        """Whether this message makes an older one obsolete that still waits."""
        return False


class Opened(TableEvent, Generic[EventRowT]):
    """A row was opened, by enter or a double click."""

    def __init__(self, table: Widget, row: EventRowT) -> None:
        self.row = row
        super().__init__(table)


class Moved(TableEvent, Generic[EventRowT]):
    """Another row is under the cursor, or none is."""

    def __init__(self, table: Widget, row: EventRowT | None) -> None:
        self.row = row
        super().__init__(table)

    def can_replace(self, message: Message) -> bool:
        """Only the newest place of the cursor matters."""
        return isinstance(message, Moved) and message.table is self.table


class Marked(TableEvent):
    """Other rows are marked than before."""

    def __init__(self, table: Widget, marked: frozenset[Hashable]) -> None:
        self.marked = marked
        super().__init__(table)

    def can_replace(self, message: Message) -> bool:
        """Only the newest marks matter."""
        return isinstance(message, Marked) and message.table is self.table


__all__ = ["TABLE_BINDINGS", "Column", "Sort", "Table"]


class Table(TablePainter[RowT], Generic[RowT], can_focus=True, inherit_bindings=False):
    """A table of rows that are replaced as a whole at every poll.

    Args:
        columns: Left to right; see `Column`.
        key: What makes a row the same row after a poll; unique among the rows.
        sort: The key of the column to sort by at first; None for the rows' natural order.
        markable: Rows can be marked; they get a column for the mark.
        on_cursor: Called with the row under the cursor when it has changed, before the frame is
            painted: so a detail beside the table changes in the same frame.
        clock: Monotonic seconds.
        id: As for every widget.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*TABLE_BINDINGS]

    class Opened(Opened[EventRowT]):
        """A row was opened, by enter or a double click."""

    class Moved(Moved[EventRowT]):
        """Another row is under the cursor, or none is."""

    class Marked(Marked):
        """Other rows are marked than before."""

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
        super().__init__(columns, key=key, markable=markable, clock=clock, id=id)
        self._on_cursor = on_cursor
        self._reported_cursor: tuple[Hashable, ...] | None = None
        self._reported_marks: frozenset[Hashable] = frozenset()
        if sort is not None:
            self.sort_by(sort)

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def cursor_index(self) -> int:
        """The place of the cursor among the rows; 0 when there are none."""
        return self._rows.cursor_index

    @property
    def cursor_row(self) -> RowT | None:
        """The row under the cursor; None when there are no rows."""
        return self._rows.cursor_row

    @property
    def marked(self) -> frozenset[Hashable]:
        """The keys of the marked rows."""
        return self._rows.marked

    @property
    def dropped_marks(self) -> int:
        """How many marked rows vanished since the marks were last cleared."""
        return self._rows.dropped_marks

    @property
    def sort(self) -> Sort | None:
        """The column the rows are sorted by, and the direction; None for their natural order."""
        return self._sort

    def marked_rows(self) -> list[RowT]:
        """The marked rows in the order shown. O(n) in the rows when any is marked."""
        return self._rows.marked_rows()

    def row_text(self, row: RowT) -> str:
        """All cells of a row, separated by tabs; also those of columns that do not fit."""
        return "\t".join(column.cell(row).strip() for column in self._columns)

    def set_rows(self, rows: Sequence[RowT], marked: Collection[Hashable] = ()) -> None:
        """Show other rows. The cursor and the marks stay on their rows, the scroll offset stays.

        The cursor stays in view if it was. Rows are kept, not copied: do not change them later.

        Args:
            rows: All rows in their natural order.
            marked: Keys of rows to mark as well.

        Cost: the cells of the visible lines; see `TableRows.replace` for what depends on all rows.
        """
        was_visible = self._cursor_is_visible()
        self._rows.replace(rows, marked)
        self._sync_height()
        if was_visible:
            self._scroll_to_cursor()
        self._show_changes()

    def move_to(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key. O(n). False when there is no such row."""
        index = self._rows.index_of(key)
        if index is not None:
            self._move_cursor(index)
        return index is not None

    def sort_by(self, column_key: str | None, *, reverse: bool | None = None) -> None:
        """Sort by a column, at once and at every `set_rows`.

        Args:
            column_key: The column; None for the natural order of the rows.
            reverse: The highest first; None for the direction the column starts with.

        Raises:
            ValueError: There is no such column, or it cannot be sorted by.
        """
        sort_key = None
        if column_key is None:
            self._sort = None
        else:
            column = next((c for c in self._columns if c.key == column_key), None)
            if column is None or column.sort_key is None:
                raise ValueError(f"no column to sort by: {column_key}")
            sort_key = column.sort_key
            self._sort = Sort(column_key, column.descends if reverse is None else reverse)
        self._rows.sort(sort_key, reverse=self._sort is not None and self._sort.reverse)
        self._scroll_to_cursor()
        self._show_changes()

    def next_sort(self) -> None:
        """Sort by the next column that is on the screen; after the last one, by none."""
        placed = self._layout()
        keys = [p.column.key for p in placed if p.column.sort_key is not None]
        now = self._sort.column_key if self._sort else None
        after = keys.index(now) + 1 if now in keys else 0
        self.sort_by(keys[after] if after < len(keys) else None)

    def reverse_sort(self) -> None:
        """Turn the direction of the sort; nothing without one."""
        if self._sort is not None:
            self.sort_by(self._sort.column_key, reverse=not self._sort.reverse)

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._rows.clear_marks()
        self._show_changes()

    # Keys

    def action_cursor_down(self) -> None:
        """Move the cursor one row down."""
        self._move_cursor(self.cursor_index + 1)

    def action_cursor_up(self) -> None:
        """Move the cursor one row up."""
        self._move_cursor(self.cursor_index - 1)

    def action_cursor_first(self) -> None:
        """Move the cursor to the first row."""
        self._move_cursor(0)

    def action_cursor_last(self) -> None:
        """Move the cursor to the last row."""
        self._move_cursor(self.row_count - 1)

    def action_page_down(self) -> None:
        """Move the cursor one page down."""
        self._move_cursor(self.cursor_index + max(1, self.body_lines))

    def action_page_up(self) -> None:
        """Move the cursor one page up."""
        self._move_cursor(self.cursor_index - max(1, self.body_lines))

    def action_toggle_mark(self) -> None:
        """Mark the row under the cursor or take its mark away, and go to the next row."""
        if self._markable:
            self._rows.toggle_mark()
            self._move_cursor(self.cursor_index + 1)

    def action_mark_range(self) -> None:
        """Begin a range of marks at the cursor, or end it there."""
        if self._markable:
            self._rows.mark_range()
            self._show_changes()

    def action_mark_all(self) -> None:
        """Mark every row; when all are marked, none."""
        if self._markable:
            self._rows.mark_all()
            self._show_changes()

    def action_open(self) -> None:
        """Open the row under the cursor."""
        row = self.cursor_row
        if row is not None:
            self.post_message(self.Opened(self, row))

    # These have no key here: keys of the console call them.
    action_clear_marks = clear_marks
    action_next_sort = next_sort
    action_reverse_sort = reverse_sort

    # Mouse, and what follows a change

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row; a second click opens it; on the header, sort."""
        at = event.get_content_offset(self)
        if at is None:
            return
        event.stop()
        if at.y < HEADER_LINES:
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
        self._rows.move_to(index)
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
        cursor = () if row is None else (self._rows.key_at(self.cursor_index),)
        if cursor != self._reported_cursor:
            self._reported_cursor = cursor
            if self._on_cursor is not None:
                self._on_cursor(row)
            self.post_message(self.Moved(self, row))
        if self.marked != self._reported_marks:
            self._reported_marks = self.marked
            self.post_message(self.Marked(self, self.marked))
