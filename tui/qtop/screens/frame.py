"""What every screen has that can be left: it is left once, and takes no other with it."""

from __future__ import annotations

from typing import Any, ClassVar, Final, TypeVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

ResultT = TypeVar("ResultT")


def take_shape(screen: Screen[Any]) -> None:
    """Give a new screen the classes of its breakpoints. Textual learns the shape when all has been
    styled and laid out, and does both again."""
    width, height = screen.app.size
    for cells, shapes in (
        (width, screen.HORIZONTAL_BREAKPOINTS),
        (height, screen.VERTICAL_BREAKPOINTS),
    ):
        fitting = [shape for shape in shapes or () if shape[0] <= cells]
        if fitting:
            screen.add_class(max(fitting)[1], update=False)


class FrontScreen(Screen[ResultT]):
    """A box that can be left while it is in front.

    A key pressed twice, or an answer that comes late, may ask a screen to leave that has left.
    Textual would take away whatever is in front then.
    """

    def __init__(self) -> None:
        super().__init__()
        take_shape(self)

    def dismiss(self, result: ResultT | None = None) -> AwaitComplete:
        """Leave with a result, if this is the screen in front; else nothing happens."""
        return super().dismiss(result) if self.is_active else AwaitComplete()


# What a terminal shows that is too small for anything else.

MIN_SIZE: Final = Size(60, 15)


def is_too_small(size: Size) -> bool:
    """Whether the console cannot be drawn in this size."""
    return size.width < MIN_SIZE.width or size.height < MIN_SIZE.height


class TooSmallScreen(FrontScreen[None], ModalScreen[None]):
    """Covers everything until the terminal has grown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "app.quit", show=False, priority=True)
    ]

    def compose(self) -> ComposeResult:
        yield Static(self._sentence(), markup=False)

    def on_screen_resume(self) -> None:
        """Leave, where the terminal has grown while a question was in front of this."""
        if not is_too_small(self.app.size):
            self.dismiss()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one(Static).update(self._sentence())

    def _sentence(self) -> Text:
        size = self.app.size
        return Text(
            f"terminal too small: needs {MIN_SIZE.width}x{MIN_SIZE.height}, "
            f"has {size.width}x{size.height}"
        )
