"""Keys that work everywhere."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action, Where

_SHOWN: Final[tuple[tuple[Where, str, str], ...]] = (
    ("overview", "1", "Show what is wrong now."),
    ("queues", "2", "Show the queues."),
    ("workers", "3", "Show the workers."),
    ("failed", "4", "Show the failed jobs."),
    ("scheduled", "5", "Show the delayed jobs and the schedules."),
    ("local", "6", "Show the workers that were started here."),
    ("history", "7", "Show what was done, by whom, and take it back."),
)

SCREENS: Final[dict[Where, str]] = {place: digit for place, digit, _ in _SHOWN}
"""The screens that a digit shows, in the order of the digits."""

ACTIONS: Final = (
    *(
        Action(f"show_{place}", (digit,), "", help, ("everywhere",))
        for place, digit, help in _SHOWN
    ),
    Action("faster", ("+", "="), "", "Look more often.", ("everywhere",), but_not=("local",)),
    Action("slower", ("-",), "", "Look less often.", ("everywhere",), but_not=("local",)),
    Action("palette", ("colon",), "", "Find an action by its words, and do it.", ("everywhere",)),
    Action("next_theme", ("T",), "", "Change between dark and light colours.", ("everywhere",)),
    Action(
        "reveal",
        ("S",),
        "",
        "Show passwords, tokens and keys in what is shown; once more hides them.",
        ("everywhere",),
    ),
    Action(
        "repaint",
        ("ctrl+l",),
        "",
        "Draw the screen anew, where something else has written on it.",
        ("everywhere",),
    ),
    Action(
        "help",
        ("?",),
        "help",
        "What the keys do: those of this screen, then all others.",
        ("everywhere",),
    ),
    Action(
        "suspend_process", ("ctrl+z",), "", "Back to the shell; `fg` returns here.", ("everywhere",)
    ),
    Action(
        "quit",
        ("q", "ctrl+c", "ctrl+q"),
        "quit",
        "Leave; ctrl+c and ctrl+q leave a question, filter or palette first.",
        ("everywhere",),
    ),
)
