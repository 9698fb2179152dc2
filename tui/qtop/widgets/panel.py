"""A frame around a part of a screen, with a title and figures in its upper line.

The frame is painted once: only what has changed in its title is painted again, and its lines when
the focus comes or goes. Where the terminal has no Unicode, the driver draws it in ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from qtop.widgets.bars import PlacedSpan, Span, changed_cells, place
from qtop.widgets.theme import toned

#: A corner, and a cell of the line beside it.
_CORNER_CELLS: Final = 2
_LINE: Final = "─"
_SIDE: Final = "│"

#: A panel without a lower line: another one is joined to it below.
OPEN: Final = "-open"
#: A panel whose upper line is the lower line of the one above.
JOINED: Final = "-joined"


class Panel(Widget):
    """A framed part of a screen. Its frame has the accent while a widget in it has the focus.

    Args:
        children: What is in the frame, from top to bottom.
        classes: `OPEN`, `JOINED`, or what the style of the screen needs.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Panel {
        width: 1fr;
        height: 1fr;
        padding: 1;
        overflow: hidden;

        &.-open { padding: 1 1 0 1; }
    }
    """

    def __init__(
        self, *children: Widget, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(*children, id=id, classes=classes)
        self._left: tuple[Span, ...] = ()
        self._right: tuple[Span, ...] = ()
        self._painted: list[PlacedSpan] | None = None

    def show(self, left: Sequence[Span], right: Sequence[Span] = ()) -> None:
        """Show another title: `left` behind the first corner, `right` before the second, without
        blanks around. Where both do not fit, see `place`. Costs nothing when they are the same."""
        if (tuple(left), tuple(right)) == (self._left, self._right):
            return
        self._left, self._right = tuple(left), tuple(right)
        self.repaint_title()

    def repaint_title(self) -> None:
        """Have the parts of the upper line painted that differ from what is on the screen."""
        if self.is_mounted and self._title_cells > 0:
            placed = self._placed()
            cells = changed_cells(self._painted, placed, self._title_cells)
            # Regions are counted from the contents on.
            regions = [Region(x + _CORNER_CELLS - 1, -1, number, 1) for x, number in cells]
            if regions:
                self.refresh(*regions)

    @property
    def title_text(self) -> str:
        """What the upper line says, as far as it fits."""
        return "".join(span.text for _, span in self._placed()).strip()

    # Painting

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint a part of the frame. What is in it paints itself, over this."""
        width, height = self.outer_size
        frame, ground = self._frame_style(), self.rich_style
        side = Segment(_SIDE, frame)
        middle = Strip([side, Segment(" " * max(0, width - 2), ground), side], width)
        lines = range(crop.y, crop.bottom)
        strips = [middle] * len(lines)
        if 0 in lines:
            strips[0] = Strip(self._upper_line(width)).adjust_cell_length(width, ground)
        if height - 1 in lines and height > 1 and not self.has_class(OPEN):
            lower = f"╰{_LINE * (width - 2)}╯"
            strips[-1] = Strip([Segment(lower, frame)], width)
        if crop.x == 0 and crop.width == width:
            return strips
        return [strip.crop(crop.x, crop.right) for strip in strips]

    def _upper_line(self, width: int) -> list[Segment]:
        frame, ground = self._frame_style(), self.rich_style
        begin, end = "├┤" if self.has_class(JOINED) else "╭╮"
        self._painted = placed = self._placed()
        segments = [Segment(f"{begin}{_LINE}", frame)]
        x = 0
        for at, span in placed:
            segments.append(Segment(_LINE * (at - x), frame))
            segments.append(Segment(span.text, toned(self, span.tone) if span.tone else ground))
            x = at + cell_len(span.text)
        segments.append(Segment(f"{_LINE * max(0, self._title_cells - x)}{_LINE}{end}", frame))
        return segments

    def _frame_style(self) -> Style:
        return toned(self, "focused-frame" if self.has_focus_within else "frame")

    @property
    def _title_cells(self) -> int:
        return int(self.outer_size.width) - 2 * _CORNER_CELLS

    def _placed(self) -> list[PlacedSpan]:
        left = [Span(" "), *self._left, Span(" ")] if self._left else []
        right = [Span(" "), *self._right, Span(" ")] if self._right else []
        return place(left, right, max(0, self._title_cells))

    # What changes it

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the part of the title that was clicked."""
        if event.widget is self and event.y == 0:
            for at, span in self._painted or ():
                if span.action and at <= event.x - _CORNER_CELLS < at + cell_len(span.text):
                    event.stop()
                    await self.run_action(span.action)

    def on_descendant_focus(self) -> None:
        self._repaint_frame()

    def on_descendant_blur(self) -> None:
        self._repaint_frame()

    def _repaint_frame(self) -> None:
        width, height = self.outer_size
        upper, left, right = (
            Region(-1, -1, width, 1),
            Region(-1, -1, 1, height),
            Region(width - 2, -1, 1, height),
        )
        lower = () if self.has_class(OPEN) else (Region(-1, height - 2, width, 1),)
        self.refresh(upper, left, right, *lower)
