"""Sends only what differs from what the terminal shows.

Textual writes each painted cell with a move, all colours and a reset, and of a changed line also
all cells before the change. Over SSH these are most of the bytes. Here each frame is compared with
the cells of the terminal, and only cells that differ are sent. Everything that is no frame is sent
as it is; if it may change cells, the cells are unknown from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from qtop.app.terminal.ansi import PLAIN, FrameLine, ScreenCell, Style, change, lines_of

# The cells of the terminal, as far as they are known, and how to change them.

#: Cells that are drawn again rather than jumped over: a move takes as many bytes.
_GAP_CELLS: Final = 4


class Stroke(NamedTuple):
    """Neighbouring cells of one style that are to be drawn."""

    x: int
    y: int
    text: str
    style: Style


class ScreenBuffer:
    """The cells that a terminal shows after the frames that were sent to it. `pen` is the present
    style; None when it is unknown."""

    def __init__(self, width: int, height: int, pen: Style | None = PLAIN) -> None:
        self.width = width
        self.height = height
        self.pen = pen
        self._at: tuple[int, int] | None = None
        self._rows: list[list[ScreenCell | None]] = [[None] * width for _ in range(height)]

    def can_show(self, lines: Sequence[FrameLine]) -> bool:
        """Whether all lines are on the screen in known styles, and the cursor ends at a known
        place."""
        last = lines[-1]
        if last.runs or last.ends or last.pen is None:
            return False
        return all(map(self._fits, lines))

    def show(self, lines: Sequence[FrameLine]) -> str:
        """Show the lines of a frame; see `can_show`. Returns what to send: the cells that differ,
        or all cells if the lines cover the whole screen. Text of uncertain width is sent as it
        came. Cursor and style are afterwards as Textual expects them."""
        is_whole = self._cover_all(lines)
        if is_whole:
            # Textual paints everything now and then: that removes what other programs wrote.
            self._rows = [[None] * self.width for _ in range(self.height)]
        # The place of the cursor is not relied on: other programs may have moved it.
        writer = AnsiWriter(self.width, None, self.pen)
        wanted: dict[int, list[ScreenCell | None]] = {}
        for line in lines:
            if line.cells is None:
                writer = self._paint(wanted, writer, is_whole)
                wanted.clear()
                self._send(line, writer)
            elif line.cells:
                row = wanted.setdefault(line.y, self._rows[line.y].copy())
                row[line.x : line.x + len(line.cells)] = line.cells
        writer = self._paint(wanted, writer, is_whole)
        last = lines[-1]
        if writer.drawn() or self._at != (last.x, last.y):
            writer.go(last.x, last.y)
        if last.pen is not None:
            writer.use(last.pen)
        self._at, self.pen = (last.x, last.y), writer.pen
        return writer.drawn()

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
        self, wanted: dict[int, list[ScreenCell | None]], writer: AnsiWriter, is_whole: bool
    ) -> AnsiWriter:
        """Draw the cells that differ, and keep the new ones. Returns the writer that did."""
        strokes: list[Stroke] = []
        for y, row in wanted.items():
            strokes += _strokes(y, self._rows[y], row)
            self._rows[y] = row
        downwards = _drawing(writer, strokes)
        if is_whole:
            # On a slow line the screen appears from the top down, not colour by colour.
            return downwards
        by_style = _drawing(writer, sorted(strokes, key=_by_style))
        return min(downwards, by_style, key=lambda drawing: len(drawing.drawn()))

    def _send(self, line: FrameLine, writer: AnsiWriter) -> None:
        """Draw a line as it came. Its cells are unknown afterwards, since wide characters may cover
        others, and those of the line above, since an accent may change its last cell."""
        writer.go(line.x, line.y)
        for style, text in line.runs:
            if style is not None:
                writer.use(style)
            writer.draw(text, None)
        for y in {line.y, max(0, line.y - 1)}:
            self._rows[y] = [None] * self.width


def _by_style(stroke: Stroke) -> tuple[object, ...]:
    style = stroke.style
    return style.background, style.foreground, sorted(style.marks)


def _drawing(writer: AnsiWriter, strokes: Iterable[Stroke]) -> AnsiWriter:
    new = writer.copy()
    for stroke in strokes:
        new.go(stroke.x, stroke.y)
        new.use(stroke.style)
        new.draw(stroke.text, len(stroke.text))
    return new


def _strokes(
    y: int, shown: list[ScreenCell | None], wanted: list[ScreenCell | None]
) -> Iterator[Stroke]:
    """The parts of a row that differ, with unchanged cells between them where that is shorter."""
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


def _is_all(cells: Sequence[ScreenCell | None], style: Style) -> bool:
    return all(cell is not None and cell[1] == style for cell in cells)


def _stroke(x: int, y: int, cells: Sequence[ScreenCell | None], style: Style) -> Stroke:
    return Stroke(x, y, "".join(cell[0] for cell in cells if cell is not None), style)


SYNC_BEGIN: Final = "\x1b[?2026h"
SYNC_END: Final = "\x1b[?2026l"

_NO_WRAP: Final = "\x1b[?7l"
#: Sequences for reports of mouse, focus, keys and sizes, queries, the clipboard, the shape of the
#: pointer, the bell, and the visibility of the cursor.
_CHANGES_NO_CELL: Final = re.compile(
    r"\x1b\[\?(?:25|100[0-6]|1015|1016|2004|2048)[hl]|\x1b\[\?[0-9]+\$p|\x1b\[[<>][0-9]*u"
    r"|\x1b\](?:22|52);[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\)|\x07"
)


class Output:
    """Makes what Textual writes as short as possible.

    Until the size is known and wrapping is switched off, everything is passed on unchanged.
    """

    def __init__(self) -> None:
        self._screen = ScreenBuffer(0, 0)
        self._wraps = True
        self._held = ""

    def resize(self, width: int, height: int) -> None:
        """The terminal has, or had for a moment, another size: its cells are unknown."""
        self._screen = ScreenBuffer(width, height, self._screen.pen)

    def forget(self) -> None:
        """Something else may have written to the terminal: its cells are unknown."""
        self.resize(self._screen.width, self._screen.height)

    def passed(self, data: str) -> str:
        """What to send for a text that was written at once. Empty when it changes nothing."""
        if data == SYNC_BEGIN:
            self._held = data
            return ""
        if data == SYNC_END:
            # Nothing was sent since the beginning: neither is the end.
            held, self._held = self._held, ""
            return "" if held else data
        # Frames of Textual begin without a style.
        lines = lines_of(data, self._screen.pen or PLAIN)
        if lines is None:
            if _CHANGES_NO_CELL.fullmatch(data) is None:
                self._learn(data)
            return data
        if self._wraps or not self._screen.can_show(lines):
            self.forget()
            self._screen.pen = lines[-1].pen
            return data
        sent = self._screen.show(lines)
        if sent:
            sent, self._held = self._held + sent, ""
        return sent

    def _learn(self, data: str) -> None:
        """Forget what this text may have changed."""
        if data == _NO_WRAP:
            self._wraps = False
            return
        self.forget()
        self._wraps = True
        self._screen.pen = None


# Writing: moves, styles and text in as few bytes as possible.


class AnsiWriter:
    """Collects moves, styles and text for a terminal, each in its shortest form. `at` is the column
    and line of the cursor, from 0, and `pen` the present style; None where it is unknown."""

    def __init__(self, width: int, at: tuple[int, int] | None, pen: Style | None) -> None:
        self._width = width
        self._drawn: list[str] = []
        self.at = at
        self.pen = pen

    def drawn(self) -> str:
        return "".join(self._drawn)

    def copy(self) -> AnsiWriter:
        """A copy that goes on from here."""
        new = AnsiWriter(self._width, self.at, self.pen)
        new._drawn = self._drawn.copy()
        return new

    def go(self, x: int, y: int) -> None:
        if self.at != (x, y):
            self._drawn.append(_shortest_move(self.at, x, y))
            self.at = x, y

    def use(self, style: Style) -> None:
        if self.pen != style:
            self._drawn.append(change(self.pen, style))
            self.pen = style

    def draw(self, text: str, cells: int | None) -> None:
        """Draw text that fills `cells` cells; None when terminals may disagree about the width."""
        self._drawn.append(text)
        if self.at is None or cells is None or self.at[0] + cells >= self._width:
            # At the right edge, too, terminals disagree about the place of the cursor.
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
