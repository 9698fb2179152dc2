"""Every key of the console, in one table: a module for each place, put together here.

Bindings, footer, help, palette and the README's table are made from it; a test checks that they
agree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from qtop.keymap import dialogs, everywhere, failed, lists, queues, tables, texts, workers
from qtop.keymap.action import DANGERS, PLACES, Action, Danger, Where
from qtop.keymap.everywhere import SCREENS

__all__ = ["ACTIONS", "DANGERS", "PLACES", "SCREENS", "Action", "Danger", "Where"]

ACTIONS: Final[tuple[Action, ...]] = (
    *tables.OPENING,
    *failed.ACTIONS,
    *queues.ACTIONS,
    *workers.ACTIONS,
    *lists.ACTIONS,
    *tables.MOVING,
    *texts.ACTIONS,
    *dialogs.ACTIONS,
    *everywhere.ACTIONS,
)
"""In the order in which the footer says them."""

_SIGNS: Final = {
    "escape": "esc",
    "down": "↓",
    "up": "↑",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "slash": "/",
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
