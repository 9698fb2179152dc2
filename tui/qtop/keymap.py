"""Every key of the console, in one table.

Bindings, footer, help and the README's table are made from it; a test checks that they agree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal

Where = Literal[
    "everywhere",
    "tables",
    "lists",
    "queues",
    "workers",
    "failed",
    "failure",
    "jobs",
    "texts",
    "dialogs",
]
Danger = Literal["none", "undoable", "confirm", "typed"]

PLACES: Final[dict[Where, str]] = {
    "everywhere": "everywhere",
    "tables": "in every list",
    "lists": "on Queues, Workers and Failed",
    "queues": "on Queues",
    "workers": "on Workers",
    "failed": "on Failed",
    "failure": "on one failure",
    "jobs": "on waiting jobs",
    "texts": "on details",
    "dialogs": "in a question",
}
"""What the places are called on the screen."""

DANGERS: Final[dict[Danger, str]] = {
    "none": "",
    "undoable": "at once; `u` takes it back",
    "confirm": "asks first",
    "typed": "asks for the name",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a key does.

    Attributes:
        id: Its name in code: the console's action of that name, or the id of a table's binding.
        keys: The keys, as Textual names them.
        label: One or two words for the footer; empty keeps it out of there.
        help: A sentence.
        where: The places where it works.
        danger: What stands between the key and the deed.
        changes: It changes something in Redis or starts and stops processes: not when read-only.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: tuple[Where, ...]
    danger: Danger = "none"
    changes: bool = False


ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "table.open",
        ("enter",),
        "open",
        "Open what is under the cursor: a queue's waiting jobs, a worker, a failure.",
        ("tables",),
    ),
    Action("back", ("escape",), "back", "Back to where you came from.", ("jobs", "texts")),
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
        "pause_all",
        ("P",),
        "pause all",
        "Let no worker take another job, or take that back.",
        ("lists",),
        "confirm",
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
    Action(
        "stop_worker",
        ("x",),
        "stop",
        "Stop workers started here: first press, when the job is done; second press, now.",
        ("workers",),
        "none",
        changes=True,
    ),
    Action(
        "undo",
        ("u",),
        "undo",
        "Take back the last action of this console.",
        ("lists",),
        "none",
        changes=True,
    ),
    Action("table.mark", ("space",), "mark", "Mark the row and go to the next.", ("lists",)),
    Action("table.mark_range", ("v",), "", "Begin a range of marks, or end it.", ("lists",)),
    Action("table.mark_all", ("a",), "", "Mark all rows; if all are marked, none.", ("lists",)),
    Action("next_sort", ("o",), "sort", "Sort by the next column.", ("lists",)),
    Action("reverse_sort", ("O",), "", "Sort the other way round.", ("lists",)),
    Action(
        "freeze",
        ("f",),
        "freeze",
        "Stop what is shown from changing; once more lets it go on.",
        ("lists",),
    ),
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
    Action("text.down", ("j", "down"), "scroll", "One line down.", ("texts",)),
    Action("text.up", ("k", "up"), "", "One line up.", ("texts",)),
    Action("text.first", ("g", "home"), "", "To the beginning.", ("texts",)),
    Action("text.last", ("G", "end"), "", "To the end.", ("texts",)),
    Action("text.page_down", ("pagedown", "space"), "", "One page down.", ("texts",)),
    Action("text.page_up", ("pageup",), "", "One page up.", ("texts",)),
    Action("dialog.yes", ("y",), "yes", "Do what the question asks.", ("dialogs",)),
    Action("dialog.no", ("escape", "n"), "no", "Leave the question, change nothing.", ("dialogs",)),
    Action("show_queues", ("1",), "", "Show the queues.", ("everywhere",)),
    Action("show_workers", ("2",), "", "Show the workers.", ("everywhere",)),
    Action("show_failed", ("3",), "", "Show the failed jobs.", ("everywhere",)),
    Action("faster", ("+", "="), "", "Look more often.", ("everywhere",)),
    Action("slower", ("-",), "", "Look less often.", ("everywhere",)),
    Action("help", ("?",), "help", "All keys.", ("everywhere",)),
    Action("quit", ("q", "ctrl+c", "ctrl+q"), "quit", "Leave.", ("everywhere",)),
)

_SIGNS: Final = {
    "escape": "esc",
    "down": "↓",
    "up": "↑",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
}


def key_sign(key: str) -> str:
    """How a key is written for people."""
    return _SIGNS.get(key, key)


def signs(action: Action) -> str:
    """All keys of an action, as written for people."""
    return " ".join(key_sign(key) for key in action.keys)


def of(places: Collection[Where], *, read_only: bool = False) -> list[Action]:
    """The actions of these places, in the order of the table."""
    return [
        action
        for action in ACTIONS
        if any(place in places for place in action.where) and not (read_only and action.changes)
    ]


def footer(places: Collection[Where], *, read_only: bool = False) -> list[tuple[str, str, str]]:
    """What the footer says: key, label and id of the actions that have a label."""
    actions = of(places, read_only=read_only)
    return [(key_sign(a.keys[0]), a.label, a.id) for a in actions if a.label]


def markdown_table(actions: Iterable[Action] = ACTIONS) -> str:
    """The table of keys for the README."""
    lines = ["| Key | Where | Does | Safety |", "|---|---|---|---|"]
    for action in actions:
        keys = " ".join(f"`{key_sign(key)}`" for key in action.keys)
        where = ", ".join(PLACES[place] for place in action.where)
        lines.append(f"| {keys} | {where} | {action.help} | {DANGERS[action.danger]} |")
    return "\n".join(lines) + "\n"
