"""Shows lines of safe text, wrapped to the width, with the keys of the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from qtop.widgets.columns import toned
from qtop.widgets.text_lines import TextLine, parts

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
