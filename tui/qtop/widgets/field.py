"""What people type in: like all that is shown, it holds nothing that a terminal would obey."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.content import Content
from textual.widgets import Checkbox, Input

from qtop.text.safe import visible


class InputField(Input):
    """A line to type in, whose cursor does not blink. What cannot be shown, as it may be pasted,
    becomes something that can."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """The text that is in the line instead."""
        return visible(value)


class FigureField(InputField):
    """A line for a whole number. What is no digit goes on to the question around it, where it may
    be a key."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, restrict=r"[0-9]*", **options)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Digits only."""
        return character is not None and character.isdecimal()

    async def _on_key(self, event: events.Key) -> None:
        if not self.check_consume_key(event.key, event.character):
            event.prevent_default()


class Box(Checkbox):
    """Something that is wanted or not, told apart without colours: `[x]` and `[ ]`."""

    BUTTON_LEFT = "["
    BUTTON_RIGHT = "]"

    @property
    def _button(self) -> Content:
        self.BUTTON_INNER = "x" if self.value else " "
        style = self.get_visual_style("toggle--label")
        return Content.assemble((f"[{self.BUTTON_INNER}]", style))
