"""How rows become lines on the screen: layout, painting and scrolling of a table.

Keys, mouse and what screens call are in `table`.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Final, Generic

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
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
    SortMark,
    TableLine,
    arranged,
    changed_spans,
    fit,
    header_line,
    row_line,
    toned,
)
from qtop.widgets.table_model import TableRows

HEADER_LINES: Final = 1
_MARK_CELLS: Final = 2
_BAR_STEP_CELLS: Final = 1 / 8


class TablePainter(ScrollView, Generic[RowT]):
    """Paints rows, a line each, below a header line.

    What was painted is kept for each line of the screen. After a change the new lines are compared
    with it, and only the cells that differ are painted again.
    """

    stale: reactive[bool] = reactive(False)
    """Whether the rows are old: then everything is dimmed."""

    empty_text: reactive[str] = reactive("")
    """Safe text shown instead of rows when there are none."""

    DEFAULT_CSS = """
    TablePainter {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(
        self,
        columns: Sequence[Column[RowT]],
        *,
        key: Callable[[RowT], Hashable],
        markable: bool,
        clock: Callable[[], float],
        id: str | None,
    ) -> None:
        super().__init__(id=id)
        self._columns = self._shown = tuple(columns)
        self._redact: Callable[[str], str] = str
        self._rows: TableRows[RowT] = TableRows(key, clock)
        self._sort: Sort | None = None
        self._markable = markable
        self._painted_for: tuple[tuple[str, int, int], ...] = ()
        self._painted: dict[int, TableLine] = {}
        self._placed: tuple[int, tuple[PlacedColumn[RowT], ...]] = (-1, ())
        self._found_styles: dict[tuple[str, ...], Style] = {}

    @property
    def body_lines(self) -> int:
        """How many lines there are for rows."""
        return max(0, self.size.height - HEADER_LINES)

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

    def label(self, key: str, label: str) -> None:
        """Give a column another label; it becomes wide enough for it."""

        def named(column: Column[RowT]) -> Column[RowT]:
            if column.key != key or column.label == label:
                return column
            return replace(column, label=label, width=max(column.width, len(label)))

        columns = tuple(map(named, self._columns))
        if columns != self._columns:
            self._columns, self._shown = columns, tuple(map(named, self._shown))
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
        if width != self._placed[0]:
            x = _MARK_CELLS if self._markable else 0
            self._placed = width, fit(self._shown, x, max(0, width - x))
        return self._placed[1]

    def _row_index(self, y: int) -> int | None:
        """The row at a line of the screen."""
        index = self.scroll_offset.y + y - HEADER_LINES
        return index if y >= HEADER_LINES and index < len(self._rows) else None

    def _line(self, y: int) -> TableLine:
        if y < HEADER_LINES:
            return header_line(self._layout(), self._sort_mark())
        if not len(self._rows):
            notice = self._notice()
            at = y - HEADER_LINES - max(0, self.body_lines - len(notice)) // 2
            return notice[at] if 0 <= at < len(notice) else TableLine("blank")
        index = self._row_index(y)
        if index is None:
            return TableLine("blank")
        key = self._rows.key_at(index)
        marked = key in self._rows.marked
        mark = MARKED if marked else ""
        return row_line(
            self._rows[index],
            self._layout(),
            mark=RANGE_BEGIN if self._rows.is_anchor(key) else mark,
            marked=marked,
            cursor=index == self._rows.cursor_index,
            redact=self._redact,
        )

    def _notice(self) -> list[TableLine]:
        """What is shown in place of rows: in the middle, in as many lines as it needs."""
        width = self.size.width
        lines = wrapped(self.empty_text, max(1, width - 2))
        padded = [pad(line, width, "center") for line in lines]
        return [TableLine("notice", (Cell(text, "dim"),)) for text in padded]

    def _sort_mark(self) -> SortMark | None:
        if self._sort is None:
            return None
        mark = DESCENDING if self._sort.reverse else ASCENDING
        return SortMark(self._sort.column_key, mark)

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
        # Several reversed colours in the row of the cursor would be hard to read.
        if tone is not None and not (line.cursor and self.has_focus):
            names.append(tone)
        if line.cursor:
            names.append("focused-cursor" if self.has_focus else "cursor")
        if self.stale:
            names.append("stale")
        return self._style(tuple(names))

    def _style(self, names: tuple[str, ...]) -> Style:
        if names not in self._found_styles:
            self._found_styles[names] = toned(self, *names)
        return self._found_styles[names]

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
        size = Size(0, HEADER_LINES + len(self._rows))
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

    def _cursor_is_visible(self) -> bool:
        top = self.scroll_offset.y
        return top <= self._rows.cursor_index < top + self.body_lines

    def _scroll_to_cursor(self) -> None:
        """Scroll as little as possible so that the cursor is in view."""
        if not self.is_mounted or not self.body_lines:
            return
        top, index = self.scroll_offset.y, self._rows.cursor_index
        wanted = min(max(top, index - self.body_lines + 1), index)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)
