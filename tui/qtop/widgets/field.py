"""What people type in: like all that is shown, it holds nothing that a terminal would obey."""

from __future__ import annotations

from typing import Any

from textual.widgets import Input

from qtop.display.text import visible


class Field(Input):
    """A line to type in, whose cursor does not blink. What cannot be shown, as it may be pasted,
    becomes something that can."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """The text that is in the line instead."""
        return visible(value)
