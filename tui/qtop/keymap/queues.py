"""Keys on the queues."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "clear_queue",
        ("c",),
        "clear",
        "Delete the jobs that wait at this moment in the queue under the cursor.",
        ("queues",),
        "typed",
        changes=True,
    ),
    Action(
        "pause",
        ("p",),
        "pause",
        "Pause the queue under the cursor, or the marked ones; resume them if all are paused.",
        ("queues",),
        "undoable",
        changes=True,
    ),
    Action(
        "show_serving",
        ("W",),
        "workers",
        "Show the workers that serve the queue.",
        ("queues", "jobs", "aside"),
    ),
    Action(
        "show_aside",
        ("b",),
        "",
        "Show what workers set aside from the queue because they could not read it.",
        ("queues", "jobs"),
    ),
    Action(
        "remove_queue",
        ("D",),
        "",
        "Remove the queue under the cursor, with the jobs that wait in it at this moment.",
        ("queues",),
        "typed",
        changes=True,
    ),
    Action(
        "start_workers",
        ("s",),
        "start",
        "Start workers on this machine; asks which queues and how many.",
        ("overview", "queues", "workers", "local"),
        "confirm",
        changes=True,
    ),
)
