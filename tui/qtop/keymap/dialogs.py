"""Keys in a question, in the line of a filter and in the palette."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "dialog.yes",
        ("y", "ctrl+s"),
        "yes",
        "Do what the question asks; for more than 50 jobs only tab to the button and enter do it.",
        ("dialogs",),
    ),
    Action("dialog.no", ("escape", "n"), "no", "Leave the question, change nothing.", ("dialogs",)),
    Action("filter.keep", ("enter",), "", "Filter by what was typed.", ("filter",)),
    Action("filter.leave", ("escape",), "", "Back to the filter there was.", ("filter",)),
    Action("filter.complete", ("tab",), "", "Take the completion.", ("filter",)),
    Action("filter.older", ("up",), "", "The filter used before.", ("filter",)),
    Action("filter.newer", ("down",), "", "The filter used after.", ("filter",)),
    Action("palette.run", ("enter",), "", "Do what is under the cursor.", ("palette",)),
    Action("palette.leave", ("escape",), "", "Do nothing.", ("palette",)),
    Action("palette.next", ("down",), "", "The next action.", ("palette",)),
    Action("palette.previous", ("up",), "", "The action before.", ("palette",)),
)
