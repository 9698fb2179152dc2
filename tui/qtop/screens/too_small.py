"""What stands on a terminal that is too small for anything else."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from qtop.screens.frame import FrontScreen

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
        """One sentence."""
        yield Static(self._sentence(), markup=False)

    def on_screen_resume(self) -> None:
        """Leave, where the terminal has grown while a question was in front of this."""
        if not is_too_small(self.app.size):
            self.dismiss()

    def on_resize(self, event: events.Resize) -> None:
        """Say the new size."""
        self.query_one(Static).update(self._sentence())

    def _sentence(self) -> Text:
        size = self.app.size
        return Text(
            f"terminal too small: needs {MIN_SIZE.width}x{MIN_SIZE.height}, "
            f"has {size.width}x{size.height}"
        )
