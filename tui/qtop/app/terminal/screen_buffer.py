"""What the terminal shows, as far as that is certain, and how to make it show something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from qtop.app.terminal.ansi import Cell, FrameLine
from qtop.app.terminal.ansi_writer import AnsiWriter
from qtop.app.terminal.styles import PLAIN, Style

#: Cells that are drawn again rather than jumped over: a move takes as many bytes.
_GAP_CELLS: Final = 4


class Stroke(NamedTuple):
    """Neighbouring cells of one style to be drawn."""

    x: int
    y: int
    text: str
    style: Style


class ScreenBuffer:
    """The cells of a terminal that is driven by frames only.

    Args:
        width: Columns.
        height: Lines.
        pen: The style in force; None when nobody knows.
    """

    def __init__(self, width: int, height: int, pen: Style | None = PLAIN) -> None:
        self.width = width
        self.height = height
        self.pen = pen
        self._at: tuple[int, int] | None = None
        self._rows: list[list[Cell | None]] = [[None] * width for _ in range(height)]

    def can_show(self, lines: Sequence[FrameLine]) -> bool:
        """Whether all lines stay on the screen in known styles, and the cursor ends in a known
        place."""
        last = lines[-1]
        if last.runs or last.ends or last.pen is None:
            return False
        return all(map(self._fits, lines))

    def show(self, lines: Sequence[FrameLine]) -> str:
        """Show the lines of a frame that can be shown. Returns what to send for it: the cells that
        differ, or all if the lines cover the whole screen. Text of uncertain width is sent as it
        came. The cursor and the style in force are those after the frame."""
        is_whole = self._cover_all(lines)
        if is_whole:
            # As often as Textual paints everything, whatever else wrote on the screen goes away.
            self._rows = [[None] * self.width for _ in range(self.height)]
        # Not from where the cursor was left: whoever else writes on this terminal moves it.
        brush = AnsiWriter(self.width, None, self.pen)
        wanted: dict[int, list[Cell | None]] = {}
        for line in lines:
            if line.cells is None:
                brush = self._paint(wanted, brush, is_whole)
                wanted.clear()
                self._send(line, brush)
            elif line.cells:
                row = wanted.setdefault(line.y, self._rows[line.y].copy())
                row[line.x : line.x + len(line.cells)] = line.cells
        brush = self._paint(wanted, brush, is_whole)
        last = lines[-1]
        if brush.drawn() or self._at != (last.x, last.y):
            brush.go(last.x, last.y)
        if last.pen is not None:
            brush.use(last.pen)
        self._at, self.pen = (last.x, last.y), brush.pen
        return brush.drawn()

    def _fits(self, line: FrameLine) -> bool:
        if any(run.style is None for run in line.runs):
            return False
        cells = len(line.cells) if line.cells is not None else 0
        if not (0 <= line.y < self.height and line.x >= 0 and line.x + cells <= self.width):
            return False
        return line.x < self.width and not (line.ends and line.y == self.height - 1)

    def _cover_all(self, lines: Sequence[FrameLine]) -> bool:
        whole = {
            line.y
            for line in lines
            if line.x == 0 and (line.cells is None or len(line.cells) == self.width)
        }
        return len(whole) == self.height

    def _paint(
        self, wanted: dict[int, list[Cell | None]], brush: AnsiWriter, is_whole: bool
    ) -> AnsiWriter:
        """Draw what differs, and know it from now on. Returns the brush that did."""
        strokes: list[Stroke] = []
        for y, row in wanted.items():
            strokes += _strokes(y, self._rows[y], row)
            self._rows[y] = row
        downwards = _drawing(brush, strokes)
        if is_whole:
            # On a slow line a screen comes from its top, not colour by colour.
            return downwards
        by_style = _drawing(brush, sorted(strokes, key=_by_style))
        return min(downwards, by_style, key=lambda drawing: len(drawing.drawn()))

    def _send(self, line: FrameLine, brush: AnsiWriter) -> None:
        """Draw a line as it came. Wide characters may have covered any cell beside them, and an
        accent may stand on the last cell of the line above."""
        brush.go(line.x, line.y)
        for style, text in line.runs:
            if style is not None:
                brush.use(style)
            brush.draw(text, None)
        for y in {line.y, max(0, line.y - 1)}:
            self._rows[y] = [None] * self.width


def _by_style(stroke: Stroke) -> tuple[object, ...]:
    style = stroke.style
    return style.background, style.foreground, sorted(style.marks)


def _drawing(brush: AnsiWriter, strokes: Iterable[Stroke]) -> AnsiWriter:
    new = brush.copy()
    for stroke in strokes:
        new.go(stroke.x, stroke.y)
        new.use(stroke.style)
        new.draw(stroke.text, len(stroke.text))
    return new


def _strokes(y: int, shown: list[Cell | None], wanted: list[Cell | None]) -> Iterator[Stroke]:
    """The parts of a row that differ; unchanged cells between two of them where that is shorter."""
    if shown == wanted:
        return
    begin = end = 0
    style = PLAIN
    for x, (old, new) in enumerate(zip(shown, wanted, strict=True)):
        if new is None or new == old:
            continue
        is_near = end and x - end <= _GAP_CELLS and new[1] == style
        if is_near and (x == end or _is_all(wanted[end:x], style)):
            end = x + 1
            continue
        if end:
            yield _stroke(begin, y, wanted[begin:end], style)
        begin, end, style = x, x + 1, new[1]
    if end:
        yield _stroke(begin, y, wanted[begin:end], style)


def _is_all(cells: Sequence[Cell | None], style: Style) -> bool:
    return all(cell is not None and cell[1] == style for cell in cells)


def _stroke(x: int, y: int, cells: Sequence[Cell | None], style: Style) -> Stroke:
    return Stroke(x, y, "".join(cell[0] for cell in cells if cell is not None), style)
