"""Every action of the console that has a key: its id, keys, label, help, places, danger.

Bindings, footer, help, palette and the README's tables of keys come from here.
"""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action, Where

_SHOWN: Final[tuple[tuple[Where, str, str], ...]] = (
    ("overview", "1", "Show what is wrong now."),
    ("queues", "2", "Show the queues."),
    ("workers", "3", "Show the workers."),
    ("failed", "4", "Show the failed jobs."),
    ("scheduled", "5", "Show the delayed jobs and the schedules."),
    ("local", "6", "Show the workers that were started here."),
    ("history", "7", "Show what was done, by whom, and take it back."),
)

SCREENS: Final[dict[Where, str]] = {place: digit for place, digit, _ in _SHOWN}
"""The screens that a digit shows, in the order of the digits."""

#: Keys of every list.
OPENING: Final = (
    Action(
        "table.open",
        ("enter",),
        "open",
        "Open what is under the cursor: a queue's waiting jobs, a worker, a failure; on Overview, "
        "go where more is told about it.",
        ("tables",),
    ),
    Action(
        "back",
        ("escape",),
        "back",
        "Back to where you came from.",
        ("jobs", "aside", "hosts", "group", "texts"),
    ),
)

#: Keys on Overview.
OVERVIEW: Final = (
    Action("next_part", ("tab",), "next part", "To the next part of the screen.", ("overview",)),
    Action("previous_part", ("shift+tab",), "", "To the part of the screen before.", ("overview",)),
)

#: Keys on the failed jobs.
FAILED: Final = (
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

#: Keys on the jobs that wait in a queue, and on what was set aside from it.
JOBS: Final = (
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

#: Keys on the queues.
QUEUES: Final = (
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

#: Keys on the workers.
WORKERS: Final = (
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

#: Keys on delayed jobs and recurring schedules.
SCHEDULED: Final = (
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

#: Keys on the workers that were started here, and on their logs.
LOCAL: Final = (
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

#: Keys on the history.
HISTORY: Final = (
    Action(
        "undo_deed",
        ("u",),
        "undo",
        "Take back the action under the cursor, whoever did it.",
        ("history", "action"),
        "confirm",
        changes=True,
    ),
)

#: Keys of the console's main lists.
LISTS: Final = (
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

#: The cursor of every list.
MOVING: Final = (
    Action("table.down", ("j", "down"), "", "One row down.", ("tables",)),
    Action("table.up", ("k", "up"), "", "One row up.", ("tables",)),
    Action("table.first", ("g", "home"), "", "To the first row.", ("tables",)),
    Action("table.last", ("G", "end"), "", "To the last row.", ("tables",)),
    Action(
        "table.page_down",
        ("pagedown",),
        "",
        "One page down; at the end of waiting jobs, the next ones.",
        ("tables",),
    ),
    Action(
        "table.page_up",
        ("pageup",),
        "",
        "One page up; at the beginning of waiting jobs, the ones before.",
        ("tables",),
    ),
)

#: Keys on pages of text.
TEXTS: Final = (
    Action("text.down", ("j", "down"), "scroll", "One line down.", ("texts",)),
    Action("text.up", ("k", "up"), "", "One line up.", ("texts",)),
    Action("text.first", ("g", "home"), "", "To the beginning.", ("texts",)),
    Action("text.last", ("G", "end"), "", "To the end.", ("texts",)),
    Action("text.page_down", ("pagedown", "space"), "", "One page down.", ("texts",)),
    Action("text.page_up", ("pageup",), "", "One page up.", ("texts",)),
)

#: Keys in a question, in the line of a filter and in the palette.
DIALOGS: Final = (
    Action(
        "dialog.yes",
        ("y", "ctrl+s"),
        "yes",
        "Do what the question asks; for more than 50 jobs only tab to the button and enter do it.",
        ("dialogs",),
    ),
    Action("dialog.no", ("escape", "n"), "no", "Leave the question, change nothing.", ("dialogs",)),
    Action("filter.keep", ("enter",), "", "Filter by what was typed.", ("filter",)),
    Action("filter.leave", ("escape",), "", "Back to the filter there was.", ("filter",)),
    Action("filter.complete", ("tab",), "", "Take the completion.", ("filter",)),
    Action("filter.older", ("up",), "", "The filter used before.", ("filter",)),
    Action("filter.newer", ("down",), "", "The filter used after.", ("filter",)),
    Action("palette.run", ("enter",), "", "Do what is under the cursor.", ("palette",)),
    Action("palette.leave", ("escape",), "", "Do nothing.", ("palette",)),
    Action("palette.next", ("down",), "", "The next action.", ("palette",)),
    Action("palette.previous", ("up",), "", "The action before.", ("palette",)),
)

#: Keys that work everywhere.
EVERYWHERE: Final = (
    *(
        Action(f"show_{place}", (digit,), "", help, ("everywhere",))
        for place, digit, help in _SHOWN
    ),
    Action("faster", ("+", "="), "", "Look more often.", ("everywhere",), but_not=("local",)),
    Action("slower", ("-",), "", "Look less often.", ("everywhere",), but_not=("local",)),
    Action("palette", ("colon",), "", "Find an action by its words, and do it.", ("everywhere",)),
    Action("next_theme", ("T",), "", "Change between dark and light colours.", ("everywhere",)),
    Action(
        "reveal",
        ("S",),
        "",
        "Show passwords, tokens and keys in what is shown; once more hides them.",
        ("everywhere",),
    ),
    Action(
        "repaint",
        ("ctrl+l",),
        "",
        "Draw the screen anew, where something else has written on it.",
        ("everywhere",),
    ),
    Action(
        "help",
        ("?",),
        "help",
        "What the keys do: those of this screen, then all others.",
        ("everywhere",),
    ),
    Action(
        "suspend_process", ("ctrl+z",), "", "Back to the shell; `fg` returns here.", ("everywhere",)
    ),
    Action(
        "quit",
        ("q", "ctrl+c", "ctrl+q"),
        "quit",
        "Leave; ctrl+c and ctrl+q leave a question, filter or palette first.",
        ("everywhere",),
    ),
)

ACTIONS: Final[tuple[Action, ...]] = (
    *OPENING,
    *OVERVIEW,
    *FAILED,
    *JOBS,
    *QUEUES,
    *WORKERS,
    *SCHEDULED,
    *LOCAL,
    *HISTORY,
    *LISTS,
    *MOVING,
    *TEXTS,
    *DIALOGS,
    *EVERYWHERE,
)
"""In the order in which the footer says them."""
