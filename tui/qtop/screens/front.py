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

    def dismiss(self, result: ResultT | None = None) -> AwaitComplete:
        """Leave with a result, if this is the screen in front; else nothing happens."""
        return super().dismiss(result) if self.is_active else AwaitComplete()
