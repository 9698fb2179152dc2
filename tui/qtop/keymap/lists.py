"""Keys of the console's main lists."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

ACTIONS: Final = (
    Action(
        "filter",
        ("slash",),
        "filter",
        "Show only rows that match: class:, error:, queue:, args.0:, age>1h, /regex/, !not, words.",
        ("rows",),
    ),
    Action(
        "pause_all",
        ("P",),
        "pause all",
        "Let no worker take another job, or take that back.",
        ("overview", "lists"),
        "confirm",
        changes=True,
        label_on="resume all",
    ),
    Action(
        "undo",
        ("u",),
        "undo",
        "Take back the last action of this console; one under way is stopped and asked about.",
        (
            *("overview", "queues", "jobs", "job", "aside", "workers", "failed", "local"),
            *("group", "failure", "scheduled", "delayed", "schedule"),
        ),
        changes=True,
    ),
    Action("table.mark", ("space",), "mark", "Mark the row and go to the next.", ("rows",)),
    Action("table.mark_range", ("v",), "", "Begin a range of marks, or end it.", ("rows",)),
    Action("table.mark_all", ("a",), "", "Mark all rows; if all are marked, none.", ("rows",)),
    Action("next_sort", ("o",), "sort", "Sort by the next column.", ("rows",)),
    Action("reverse_sort", ("O",), "", "Sort the other way round.", ("rows",)),
    Action(
        "copy",
        ("y",),
        "",
        "Copy the marked rows, or what is shown, to the clipboard of your terminal.",
        ("overview", "rows", "texts"),
    ),
    Action(
        "clear_filter",
        ("escape",),
        "",
        "Take the filter away; after `enter` or `W` led here, back to where you were.",
        ("lists",),
    ),
    Action(
        "freeze",
        ("f",),
        "freeze",
        "Stop all that is shown from changing, on every screen; once more lets it go on.",
        ("overview", "lists"),
        label_on="go on",
    ),
)
