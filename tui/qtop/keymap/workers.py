"""Keys on the workers."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "stop_worker",
        ("x",),
        "stop",
        "Stop workers on this machine: first press, when the job is done; second press, now.",
        ("workers", "local"),
        "confirm",
        changes=True,
    ),
    Action(
        "pause_worker",
        ("p",),
        "pause",
        "Let workers on this machine take no more jobs, or take jobs again.",
        ("workers", "local"),
        changes=True,
    ),
    Action(
        "unregister",
        ("d",),
        "unregister",
        "Take the marked workers off the register; the jobs in their hands become failures.",
        ("workers",),
        "confirm",
        changes=True,
    ),
    Action(
        "prune",
        ("D",),
        "prune",
        "Take all dead workers off the register, after showing the evidence.",
        ("workers",),
        "confirm",
        changes=True,
    ),
    Action(
        "hosts",
        ("t",),
        "hosts",
        "Show the machines that workers run on, or the workers again.",
        ("workers", "hosts"),
    ),
)
