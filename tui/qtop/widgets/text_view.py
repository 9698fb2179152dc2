"""Shows lines of safe text, wrapped to the width, with the keys of the tables."""

from __future__ import annotations

from collections.abc import Iterable
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
    Binding("j,down", "scroll_down", show=False, id="text.down"),
    Binding("k,up", "scroll_up", show=False, id="text.up"),
    Binding("g,home", "scroll_home", show=False, id="text.first"),
    Binding("G,end", "scroll_end", show=False, id="text.last"),
    Binding("pagedown,space", "page_down", show=False, id="text.page_down"),
    Binding("pageup", "page_up", show=False, id="text.page_up"),
)
"""The keys of a text, for the console's table of keys."""

_GAP_CELLS: Final = 2


class TextView(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines of safe text, wrapped to the width. Only visible lines are painted.

    When a line has a label, all lines have a margin for labels.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*TEXT_BINDINGS]
    DEFAULT_CSS = """
    TextView {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        padding: 0 1;
    }
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
        """Wrap again for another width."""
        if self.scrollable_content_region.width != self._wrapped_for:
            self._wrap()

    def render_line(self, y: int) -> Strip:
        """Paint one line of the screen."""
        width = self.scrollable_content_region.width
        ground = self.rich_style
        index = self.scroll_offset.y + y
        if index >= len(self._wrapped):
            return Strip([Segment(" " * width, ground)], width)
        line = self._wrapped[index]
        segments = [
            Segment(text, toned(self, tone) if tone else ground) for text, tone in line.toned()
        ]
        if line.label:
            segments.insert(0, Segment(line.label, toned(self, "label")))
        return Strip(segments).adjust_cell_length(width, ground)

    def action_scroll_down(self) -> None:
        """One line down."""
        self.scroll_relative(y=1, animate=False)

    def action_scroll_up(self) -> None:
        """One line up."""
        self.scroll_relative(y=-1, animate=False)

    def action_scroll_home(self) -> None:
        """To the beginning."""
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self) -> None:
        """To the end."""
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def action_page_down(self) -> None:
        """One page down."""
        self.scroll_relative(y=max(1, self.size.height - 1), animate=False)

    def action_page_up(self) -> None:
        """One page up."""
        self.scroll_relative(y=-max(1, self.size.height - 1), animate=False)

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
