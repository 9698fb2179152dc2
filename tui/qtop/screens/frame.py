"""What every screen has that can be left: it is left once, and takes no other with it."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

ResultT = TypeVar("ResultT")


class FrontScreen(Screen[ResultT]):
    """A screen that can be left while it is in front.

    A key pressed twice, or an answer that comes late, may ask a screen to leave that has left.
    Textual would take away whatever is in front then.
    """

    def __init__(self) -> None:
        super().__init__()
        # Textual learns the shape when all has been styled and laid out, and does both again.
        width, height = self.app.size
        for cells, shapes in (
            (width, self.HORIZONTAL_BREAKPOINTS),
            (height, self.VERTICAL_BREAKPOINTS),
        ):
            fitting = [shape for shape in shapes or () if shape[0] <= cells]
            if fitting:
                self.add_class(max(fitting)[1], update=False)

    def dismiss(self, result: ResultT | None = None) -> AwaitComplete:
        """Leave with a result, if this is the screen in front; else nothing happens."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
