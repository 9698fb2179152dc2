"""Keys on the jobs that wait in a queue, and on what was set aside from it."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "put_back",
        ("r",),
        "requeue",
        "Put the marked items back onto their queue, if they can be read by now.",
        ("aside",),
        "confirm",
        changes=True,
    ),
    Action(
        "put_back_matching",
        ("R",),
        "",
        "Put all items that match the filter back onto their queue, if they can be read by now.",
        ("aside",),
        "confirm",
        changes=True,
    ),
    Action(
        "delete_jobs",
        ("d",),
        "delete",
        "Delete the marked waiting jobs; one alone goes at once.",
        ("jobs", "job", "aside"),
        "confirm",
        changes=True,
    ),
    Action(
        "delete_matching",
        ("D",),
        "",
        "Delete all waiting jobs that match the filter, however many are listed.",
        ("jobs", "aside"),
        "confirm",
        changes=True,
    ),
    Action(
        "move_jobs",
        ("m",),
        "move",
        "Move the marked waiting jobs to the end of another queue; asks which.",
        ("jobs", "job", "aside"),
        "confirm",
        changes=True,
    ),
    Action(
        "move_matching",
        ("M",),
        "",
        "Move all waiting jobs that match the filter to the end of another queue.",
        ("jobs", "aside"),
        "confirm",
        changes=True,
    ),
    Action(
        "edit_job",
        ("e",),
        "edit",
        "Edit a waiting job where it is; what was set aside goes back to its queue with it.",
        ("jobs", "job", "aside"),
        "confirm",
        changes=True,
    ),
    Action(
        "export_jobs",
        ("w",),
        "write",
        "Write waiting jobs to a file: the marked ones, or all that match.",
        ("jobs", "job", "aside"),
    ),
    Action(
        "stop_looking",
        ("x",),
        "",
        "Stop the look through the queue, or an action over many jobs; once more goes on.",
        ("jobs", "aside"),
    ),
)
