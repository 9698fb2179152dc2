"""Keys on the workers."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "stop_worker",
        ("x",),
        "stop",
        "Stop workers started here: first press, when the job is done; second press, now.",
        ("workers",),
        changes=True,
    ),
)
