"""Keys on the failed jobs."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "requeue",
        ("r",),
        "requeue",
        "Put the marked failed jobs back onto their queues; one alone goes at once.",
        ("failed", "failure"),
        "confirm",
        changes=True,
    ),
    Action(
        "delete",
        ("d",),
        "delete",
        "Delete the marked failed jobs; one alone goes at once.",
        ("failed", "failure"),
        "confirm",
        changes=True,
    ),
    Action(
        "clear_failures",
        ("c",),
        "clear",
        "Delete all failures there are at this moment.",
        ("failed",),
        "typed",
        changes=True,
    ),
)
