"""Keys on pages of text."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action("text.down", ("j", "down"), "scroll", "One line down.", ("texts",)),
    Action("text.up", ("k", "up"), "", "One line up.", ("texts",)),
    Action("text.first", ("g", "home"), "", "To the beginning.", ("texts",)),
    Action("text.last", ("G", "end"), "", "To the end.", ("texts",)),
    Action("text.page_down", ("pagedown", "space"), "", "One page down.", ("texts",)),
    Action("text.page_up", ("pageup",), "", "One page up.", ("texts",)),
)
