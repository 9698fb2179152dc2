"""The way of everything that Textual writes to the terminal.

Textual sends each cell that it paints with a move, all colours and a reset, and of a line that
changed somewhere everything before it, too. Over SSH these are most of the bytes. Here a frame is
compared with what the terminal shows, and only what differs goes on. Whatever is no frame goes on
as it is; and unless it is known to change nothing on the screen, all that was known is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from qtop.app.terminal.ansi import PLAIN, Cell, FrameLine, Style, change, lines_of

# What the terminal shows, as far as that is certain, and how to make it show something else.

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


SYNC_BEGIN: Final = "\x1b[?2026h"
SYNC_END: Final = "\x1b[?2026l"

_NO_WRAP: Final = "\x1b[?7l"
#: Reports of mouse, focus, keys and sizes, questions, the clipboard, the shape of the pointer, the
#: bell, and whether the cursor can be seen.
_CHANGES_NO_CELL: Final = re.compile(
    r"\x1b\[\?(?:25|100[0-6]|1015|1016|2004|2048)[hl]|\x1b\[\?[0-9]+\$p|\x1b\[[<>][0-9]*u"
    r"|\x1b\](?:22|52);[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\)|\x07"
)


class Output:
    """Makes what is written as short as it can be.

    Until the size is known and lines do not wrap, everything goes on as it is.
    """

    def __init__(self) -> None:
        self._picture = ScreenBuffer(0, 0)
        self._wraps = True
        self._held = ""

    def resize(self, width: int, height: int) -> None:
        """The terminal has, or had for a moment, another size: what it shows is not known."""
        self._picture = ScreenBuffer(width, height, self._picture.pen)

    def forget(self) -> None:
        """Something else may have written to the terminal: what it shows is not known."""
        self.resize(self._picture.width, self._picture.height)

    def passed(self, data: str) -> str:
        """What to send for something that was written at once. Empty when it changes nothing."""
        if data == SYNC_BEGIN:
            self._held = data
            return ""
        if data == SYNC_END:
            # A frame in which nothing changed leaves nothing to hold together.
            held, self._held = self._held, ""
            return "" if held else data
        # What Textual paints begins without a style; who wrote last may not have known.
        lines = lines_of(data, self._picture.pen or PLAIN)
        if lines is None:
            if _CHANGES_NO_CELL.fullmatch(data) is None:
                self._learn(data)
            return data
        if self._wraps or not self._picture.can_show(lines):
            self.forget()
            self._picture.pen = lines[-1].pen
            return data
        sent = self._picture.show(lines)
        if sent:
            sent, self._held = self._held + sent, ""
        return sent

    def _learn(self, data: str) -> None:
        """Forget all that this may have changed."""
        if data == _NO_WRAP:
            self._wraps = False
            return
        self.forget()
        self._wraps = True
        self._picture.pen = None


# Moving, colouring and drawing in as few bytes as that takes.


class AnsiWriter:
    """Draws from where the terminal's cursor is, in the style that is in force.

    Args:
        width: Columns of the terminal.
        at: Column and line of the cursor, from 0; None when nobody knows.
        pen: The style in force; None when nobody knows.
    """

    def __init__(self, width: int, at: tuple[int, int] | None, pen: Style | None) -> None:
        self._width = width
        self._drawn: list[str] = []
        self.at = at
        self.pen = pen

    def drawn(self) -> str:
        """What to send for all that was done."""
        return "".join(self._drawn)

    def copy(self) -> AnsiWriter:
        """One that goes on from here."""
        new = AnsiWriter(self._width, self.at, self.pen)
        new._drawn = self._drawn.copy()
        return new

    def go(self, x: int, y: int) -> None:
        """Put the cursor there."""
        if self.at != (x, y):
            self._drawn.append(_shortest_move(self.at, x, y))
            self.at = x, y

    def use(self, style: Style) -> None:
        """Draw in this style from now on."""
        if self.pen != style:
            self._drawn.append(change(self.pen, style))
            self.pen = style

    def draw(self, text: str, cells: int | None) -> None:
        """Draw text that fills so many cells; None when terminals may disagree about that."""
        self._drawn.append(text)
        if self.at is None or cells is None or self.at[0] + cells >= self._width:
            # At the right edge, too, terminals disagree about where the cursor is.
            self.at = None
        else:
            self.at = self.at[0] + cells, self.at[1]


def _shortest_move(at: tuple[int, int] | None, x: int, y: int) -> str:
    there = f"\x1b[{y + 1};{x + 1}H" if x or y else "\x1b[H"
    if at is None:
        return there
    from_x, from_y = at
    lines = _steps(y - from_y, "B", "A")
    by_columns = lines + _across(x - from_x)
    from_edge = f"\r{lines}{_across(x)}"
    return min(there, by_columns, from_edge, key=len)


def _across(columns: int) -> str:
    return "\b" * -columns if -4 <= columns <= 0 else _steps(columns, "C", "D")


def _steps(number: int, onwards: str, back: str) -> str:
    if number == 0:
        return ""
    far = abs(number)
    return f"\x1b[{far if far > 1 else ''}{onwards if number > 0 else back}"
