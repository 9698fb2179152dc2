"""Keys on Overview."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action("next_part", ("tab",), "next part", "To the next part of the screen.", ("overview",)),
    Action("previous_part", ("shift+tab",), "", "To the part of the screen before.", ("overview",)),
)
