"""Shows lines of safe text, wrapped to the width, with the keys of the tables: a text that is
replaced as a whole, or the end of a log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qtop.widgets.text_lines import TextLine, cut_to_width, parts
from qtop.widgets.theme import toned

TEXT_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("j,down", "scroll_lines(1)", show=False, id="text.down"),
    Binding("k,up", "scroll_lines(-1)", show=False, id="text.up"),
    Binding("g,home", "scroll_home", show=False, id="text.first"),
    Binding("G,end", "scroll_end", show=False, id="text.last"),
    Binding("pagedown,space", "scroll_pages(1)", show=False, id="text.page_down"),
    Binding("pageup", "scroll_pages(-1)", show=False, id="text.page_up"),
)
"""The keys of a text, for the console's table of keys."""

_GAP_CELLS: Final = 2


class ScrolledText(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines of safe text with the keys of texts. Only visible lines are painted."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*TEXT_BINDINGS]
    DEFAULT_CSS = """
    ScrolledText {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        padding: 0 1;
    }
    """

    def toned_at(self, index: int) -> Iterable[tuple[str, Sequence[str]]]:
        """The texts of a line, each with its tones; none behind the last line."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        toned_texts = self.toned_at(self.scroll_offset.y + y)
        segments = [Segment(text, toned(self, *tones)) for text, tones in toned_texts]
        width = self.scrollable_content_region.width
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def move(self, y: float) -> None:
        """Scroll so that this line is at the top, or the nearest that can be."""
        self.scroll_to(y=min(max(0, y), self.max_scroll_y), animate=False, force=True)

    def action_scroll_lines(self, lines: int) -> None:
        """Some lines down, or up when that is below zero."""
        self.move(self.scroll_offset.y + lines)

    def action_scroll_pages(self, pages: int) -> None:
        """Some pages down, or up when that is below zero; a line stays in view."""
        self.action_scroll_lines(pages * max(1, self.size.height - 1))

    def action_scroll_home(self) -> None:
        self.move(0)

    def action_scroll_end(self) -> None:
        self.move(self.max_scroll_y)


class TextView(ScrolledText):
    """Lines that are replaced as a whole, wrapped to the width.

    When a line has a label, all lines have a margin for labels.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[TextLine, ...] = ()
        self._wrapped: list[TextLine] = []
        self._wrapped_for = -1

    def show(self, lines: Iterable[TextLine]) -> None:
        """Show other lines; the scroll offset stays. O(text) when they differ."""
        new = tuple(lines)
        if new != self._lines:
            self._lines = new
            self._wrap()

    def plain(self) -> list[str]:
        """All lines as text, each with its label."""
        return [f"{line.label.strip()}  {line.text}".strip() for line in self._lines]

    def on_resize(self, event: events.Resize) -> None:
        if self.scrollable_content_region.width != self._wrapped_for:
            self._wrap()

    def toned_at(self, index: int) -> Iterable[tuple[str, Sequence[str]]]:
        if index < len(self._wrapped):
            line = self._wrapped[index]
            if line.label:
                yield line.label, ("label",)
            for text, tone in line.toned():
                yield text, (tone,) if tone else ()

    def _wrap(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        self._wrapped_for = width
        labels = max((cell_len(line.label) for line in self._lines), default=0)
        margin = labels + _GAP_CELLS if labels else 0
        self._wrapped = [part for line in self._lines for part in parts(line, margin, width)]
        self.virtual_size = Size(width, len(self._wrapped))
        self.refresh()


#: Older lines of a log are dropped; the file still has them.
MOST_LINES: Final = 4_000


class _Piece(NamedTuple):
    """A part of a log line that fits on one line of the screen. `number` is the number of the log
    line, counted from the first that was ever shown."""

    text: str
    tone: str
    number: int


class LogView(ScrolledText):
    """Lines of a log, wrapped to the width: new ones are added at the end."""

    class Moved(Message):
        """Scrolling has started or stopped following."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.follows = True
        #: The lines that are kept.
        self.lines: list[TextLine] = []
        self._first = 0
        self._pieces: list[_Piece] = []
        self._width = 0
        self._needle = ""
        self._here = -1

    def append(self, lines: Iterable[TextLine]) -> None:
        """Show more lines; the oldest are dropped. O(new lines)."""
        added = list(lines)
        if not added:
            return
        begin = self._first + len(self.lines)
        self.lines += added
        if self._width:
            self._pieces += self._wrap(added, begin)
        self._forget_oldest()
        self._settle()

    def clear(self) -> None:
        self._first += len(self.lines)
        self.lines, self._pieces = [], []
        self._settle()

    def search(self, needle: str) -> None:
        """Mark the lines that contain a text, in any case; an empty one marks none."""
        self._needle = needle.casefold()
        self._here = -1
        self.refresh()

    def to_match(self, step: int) -> bool:
        """Go to the next line that contains the text (`step` 1) or the one before (-1), and stop
        following. After the last comes the first. False when there is none. O(lines)."""
        count = len(self.lines)
        if not self._needle or not count:
            return False
        at = self._here - self._first
        if not 0 <= at < count:
            at = self._top_line() - (step if step > 0 else 0)
        for distance in range(1, count + 1):
            index = (at + step * distance) % count
            if self._needle in self.lines[index].text.casefold():
                self._go_to(self._first + index)
                return True
        return False

    def matches(self) -> int:
        """How many lines contain the text. O(lines)."""
        return sum(self._needle in line.text.casefold() for line in self.lines)

    def follow(self, follows: bool) -> None:
        """Follow new lines, or stay at the present ones."""
        self.follows = follows
        self._settle()

    # Painting

    def toned_at(self, index: int) -> Iterable[tuple[str, Sequence[str]]]:
        if index < len(self._pieces):
            piece = self._pieces[index]
            names = [piece.tone] if piece.tone else []
            if self._needle and self._needle in piece.text.casefold():
                names.append("match")
            if piece.number == self._here:
                names.append("here")
            yield piece.text, names

    def on_resize(self, event: events.Resize) -> None:
        width = self.scrollable_content_region.width
        if width > 0 and width != self._width:
            self._width = width
            self._pieces = self._wrap(self.lines, self._first)
        self._settle()

    def _wrap(self, lines: Sequence[TextLine], begin: int) -> list[_Piece]:
        width = self._width
        pieces: list[_Piece] = []
        for number, line in enumerate(lines, begin):
            text = line.text
            if text.isascii():
                cut = [text[at : at + width] for at in range(0, max(1, len(text)), width)]
            else:
                cut = cut_to_width(text, width)
            pieces += [_Piece(part, line.tone, number) for part in cut]
        return pieces

    def _forget_oldest(self) -> None:
        excess = len(self.lines) - MOST_LINES
        if excess <= 0:
            return
        del self.lines[:excess]
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
