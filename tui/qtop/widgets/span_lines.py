"""Lines of short texts below each other, painted as one: fewer widgets make keys faster."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from qtop.widgets.bars import Span
from qtop.widgets.theme import toned


class SpanLines(Widget):
    """Lines of spans, each one cell from the left. What does not fit is cut."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    SpanLines {
        height: 1fr;
        width: 1fr;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[tuple[Span, ...], ...] = ()

    def show(self, lines: Sequence[Sequence[Span]]) -> None:
        """Show other lines. Only those that differ are painted."""
        before, self._lines = self._lines, tuple(map(tuple, lines))
        if not self.is_mounted:
            return
        width, height = self.size
        regions = [
            Region(0, y, width, 1)
            for y in range(height)
            if _line(before, y) != _line(self._lines, y)
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self.rich_style
        segments = [Segment(" ", ground)]
        for span in _line(self._lines, y):
            segments.append(Segment(span.text, toned(self, span.tone) if span.tone else ground))
        return Strip(segments).adjust_cell_length(width, ground)


def _line(lines: Sequence[Sequence[Span]], y: int) -> Sequence[Span]:
    return lines[y] if y < len(lines) else ()
