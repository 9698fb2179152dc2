"""Keys on the queues and on the jobs that wait in one."""

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
        "start_workers",
        ("s",),
        "start",
        "Start workers on this machine; asks which queues and how many.",
        ("queues", "workers"),
        "confirm",
        changes=True,
    ),
)
