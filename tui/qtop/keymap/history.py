"""Keys on the history."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "undo_deed",
        ("u",),
        "undo",
        "Take back the action under the cursor, whoever did it.",
        ("history", "deed"),
        "confirm",
        changes=True,
    ),
)
