"""Keys on the workers that were started here, and on their logs."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "log",
        ("l",),
        "log",
        "Show what a worker started here prints; of a group, what one of its workers does.",
        ("workers", "worker", "local"),
    ),
    Action(
        "more_workers",
        ("+", "="),
        "more",
        "One worker more for the group under the cursor; those that gave up try again.",
        ("local",),
        changes=True,
    ),
    Action(
        "fewer_workers",
        ("-",),
        "fewer",
        "One worker less for the group under the cursor, when its job is done.",
        ("local",),
        changes=True,
    ),
    Action(
        "follow",
        ("f",),
        "follow",
        "Stay at the end of the log, or stay where you are.",
        ("log",),
    ),
    Action(
        "hold",
        ("p",),
        "pause",
        "Take in no new lines; once more goes on at the end.",
        ("log",),
    ),
    Action("search", ("slash",), "search", "Find a text in the lines there are.", ("log",)),
    Action("next_match", ("n",), "next", "To the next line with the text.", ("log",)),
    Action("previous_match", ("N",), "", "To the line with the text before.", ("log",)),
)
