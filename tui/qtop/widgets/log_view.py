"""Shows the end of a log: it follows new lines, stops when scrolled, and can be searched."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from textual import events
from textual.geometry import Size
from textual.message import Message

from qtop.widgets.text_lines import cut_to_width
from qtop.widgets.text_view import ScrolledText

#: Older lines are dropped; the file still has them.
MOST_LINES: Final = 4_000


class LogLine(NamedTuple):
    """A safe text and its level: nothing, `bad`, `warn`, `dim` or `own`."""

    text: str
    level: str = ""


class _Piece(NamedTuple):
    """A part of a log line that fits on one line of the screen. `number` is the number of the log
    line, counted from the first that was ever shown."""

    text: str
    level: str
    number: int


class LogView(ScrolledText):
    """Lines of a log, wrapped to the width: new ones are added at the end."""

    class Moved(Message):
        """Scrolling has started or stopped following."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follows = True
        self._lines: list[LogLine] = []
        self._first = 0
        self._pieces: list[_Piece] = []
        self._width = 0
        self._needle = ""
        self._here = -1

    @property
    def lines(self) -> Sequence[LogLine]:
        """The lines that are kept."""
        return self._lines

    def append(self, lines: Iterable[LogLine]) -> None:
        """Show more lines; the oldest are dropped. O(new lines)."""
        added = list(lines)
        if not added:
            return
        begin = self._first + len(self._lines)
        self._lines += added
        if self._width:
            self._pieces += self._wrap(added, begin)
        self._forget_oldest()
        self._settle()

    def clear(self) -> None:
        self._first += len(self._lines)
        self._lines, self._pieces = [], []
        self._settle()

    def search(self, needle: str) -> None:
        """Mark the lines that contain a text, in any case; an empty one marks none."""
        self._needle = needle.casefold()
        self._here = -1
        self.refresh()

    def to_match(self, step: int) -> bool:
        """Go to the next line that contains the text (`step` 1) or the one before (-1), and stop
        following. After the last comes the first. False when there is none. O(lines)."""
        count = len(self._lines)
        if not self._needle or not count:
            return False
        at = self._here - self._first
        if not 0 <= at < count:
            at = self._top_line() - (step if step > 0 else 0)
        for distance in range(1, count + 1):
            index = (at + step * distance) % count
            if self._needle in self._lines[index].text.casefold():
                self._go_to(self._first + index)
                return True
        return False

    def matches(self) -> int:
        """How many lines contain the text. O(lines)."""
        return sum(self._needle in line.text.casefold() for line in self._lines)

    def follow(self, follows: bool) -> None:
        """Follow new lines, or stay at the present ones."""
        self.follows = follows
        self._settle()

    # Painting

    def toned_at(self, index: int) -> Iterable[tuple[str, Sequence[str]]]:
        if index < len(self._pieces):
            piece = self._pieces[index]
            names = [piece.level] if piece.level else []
            if self._needle and self._needle in piece.text.casefold():
                names.append("match")
            if piece.number == self._here:
                names.append("here")
            yield piece.text, names

    def on_resize(self, event: events.Resize) -> None:
        width = self.scrollable_content_region.width
        if width > 0 and width != self._width:
            self._width = width
            self._pieces = self._wrap(self._lines, self._first)
        self._settle()

    def _wrap(self, lines: Sequence[LogLine], begin: int) -> list[_Piece]:
        width = self._width
        pieces: list[_Piece] = []
        for number, line in enumerate(lines, begin):
            text = line.text
            if text.isascii():
                parts = [text[at : at + width] for at in range(0, max(1, len(text)), width)]
            else:
                parts = cut_to_width(text, width)
            pieces += [_Piece(part, line.level, number) for part in parts]
        return pieces

    def _forget_oldest(self) -> None:
        excess = len(self._lines) - MOST_LINES
        if excess <= 0:
            return
        del self._lines[:excess]
        self._first += excess
        gone = bisect_left(self._pieces, self._first, key=lambda piece: piece.number)
        del self._pieces[:gone]
        if not self.follows:
            # The lines on the screen stay where they are, until they are dropped.
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, force=True)

    def _settle(self) -> None:
        if not self.is_mounted:
            return
        self.virtual_size = Size(self._width, len(self._pieces))
        if self.follows:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.refresh()

    def _top_line(self) -> int:
        index = self.scroll_offset.y
        return self._pieces[index].number - self._first if index < len(self._pieces) else 0

    def _go_to(self, number: int) -> None:
        self.follows = False
        self._here = number
        at = bisect_left(self._pieces, number, key=lambda piece: piece.number)
        self.scroll_to(y=max(0, at - self.size.height // 3), animate=False, force=True)
        self.refresh()

    def move(self, y: float) -> None:
        """Scroll, as `ScrolledText.move`: follow new lines at the end, and there only."""
        before = self.follows
        self.follows = y >= self.max_scroll_y
        if self.follows != before:
            self.post_message(self.Moved())
        super().move(y)
