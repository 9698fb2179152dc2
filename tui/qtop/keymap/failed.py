"""Keys on the failed jobs."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "requeue",
        ("r",),
        "requeue",
        "Put the marked failed jobs, or those of the groups, back onto their queues; one at once.",
        ("failed", "group", "failure"),
        "confirm",
        changes=True,
    ),
    Action(
        "requeue_all",
        ("R",),
        "all",
        "Put all failed jobs that match the filter back onto their queues, or all of the group.",
        ("failed", "group"),
        "confirm",
        changes=True,
    ),
    Action(
        "delete",
        ("d",),
        "delete",
        "Delete the marked failed jobs, or those of the groups; one alone goes at once.",
        ("failed", "group", "failure"),
        "confirm",
        changes=True,
    ),
    Action(
        "delete_all",
        ("D",),
        "",
        "Delete all failed jobs that match the filter, or all of the group.",
        ("failed", "group"),
        "confirm",
        changes=True,
    ),
    Action(
        "toggle_groups",
        ("t",),
        "groups",
        "Change between groups of failures that are alike, and the failures one by one.",
        ("failed", "group"),
    ),
    Action(
        "edit",
        ("e",),
        "edit",
        "Edit the payload of a failed job and requeue it; $VISUAL or $EDITOR opens it.",
        ("failed", "group", "failure"),
        "confirm",
        changes=True,
    ),
    Action(
        "move",
        ("m",),
        "move",
        "Requeue the marked failed jobs, or those of the groups, to another queue.",
        ("failed", "group", "failure"),
        "confirm",
        changes=True,
    ),
    Action(
        "export",
        ("w",),
        "write",
        "Write failed jobs to a file: the marked ones, or all that match.",
        ("failed", "group", "failure"),
    ),
    Action(
        "next_list",
        ("b",),
        "",
        "Show the next list of failures, where each queue has its own.",
        ("failed",),
    ),
    Action(
        "stop",
        ("x",),
        "",
        "Stop an action over many jobs, or the looking through the list; once more goes on.",
        ("failed", "group"),
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
