"""Keys on delayed jobs and recurring schedules."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "run_now",
        ("r",),
        "run now",
        "Put the marked delayed jobs, or the jobs of the marked schedules, onto their queues now.",
        ("scheduled", "delayed", "schedule"),
        "undoable",
        changes=True,
    ),
    Action(
        "drop",
        ("d",),
        "delete",
        "Delete the marked delayed jobs or schedules; one alone goes at once.",
        ("scheduled", "delayed", "schedule"),
        "undoable",
        changes=True,
    ),
    Action(
        "reschedule",
        ("m",),
        "move",
        "Reschedule the marked delayed jobs to another time; asks for it.",
        ("scheduled", "delayed"),
        "confirm",
        changes=True,
    ),
    Action(
        "jobs_or_schedules",
        ("t",),
        "schedules",
        "Recurring schedules, or the delayed jobs again.",
        ("scheduled",),
    ),
    Action(
        "by_class",
        ("b",),
        "classes",
        "Count the delayed jobs of each class, or list them by time.",
        ("scheduled",),
    ),
    Action(
        "run_matching",
        ("R",),
        "",
        "Run all delayed jobs that match the filter now.",
        ("scheduled",),
        "confirm",
        changes=True,
    ),
    Action(
        "drop_matching",
        ("D",),
        "",
        "Delete all delayed jobs that match the filter.",
        ("scheduled",),
        "confirm",
        changes=True,
    ),
    Action(
        "stop_search",
        ("x",),
        "",
        "Stop looking through all delayed jobs; once more begins anew.",
        ("scheduled",),
    ),
)
