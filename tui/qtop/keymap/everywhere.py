"""Keys that work everywhere."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action, Where

_SHOWN: Final[tuple[tuple[Where, str, str], ...]] = (
    ("queues", "2", "Show the queues."),
    ("workers", "3", "Show the workers."),
    ("failed", "4", "Show the failed jobs."),
)

SCREENS: Final[dict[Where, str]] = {place: digit for place, digit, _ in _SHOWN}
"""The screens that a digit shows, in the order of the digits."""

ACTIONS: Final = (
    *(
        Action(f"show_{place}", (digit,), "", help, ("everywhere",))
        for place, digit, help in _SHOWN
    ),
    Action("faster", ("+", "="), "", "Look more often.", ("everywhere",)),
    Action("slower", ("-",), "", "Look less often.", ("everywhere",)),
    Action("help", ("?",), "help", "All keys.", ("everywhere",)),
    Action("quit", ("q", "ctrl+c", "ctrl+q"), "quit", "Leave.", ("everywhere",)),
)
