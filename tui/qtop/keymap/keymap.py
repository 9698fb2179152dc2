"""Every key of the console, in one table: a module for each place, put together here.

Bindings, footer, help, palette and the README's tables are made from it; a test checks that they
agree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from qtop.keymap import (
    dialogs,
    everywhere,
    failed,
    history,
    jobs,
    lists,
    local,
    overview,
    queues,
    rebinding,
    scheduled,
    tables,
    texts,
    workers,
)
from qtop.keymap.action import DANGERS, PLACES, Action, Danger, Where
from qtop.keymap.everywhere import SCREENS
from qtop.keymap.rebinding import Rebound

__all__ = ["ACTIONS", "DANGERS", "PLACES", "SCREENS", "Action", "Danger", "Sign", "Where"]

#: Tells the key of an action, by the action's id, for a sentence.
Sign = Callable[[str], str]

ACTIONS: Final[tuple[Action, ...]] = (
    *tables.OPENING,
    *overview.ACTIONS,
    *failed.ACTIONS,
    *jobs.ACTIONS,
    *queues.ACTIONS,
    *workers.ACTIONS,
    *scheduled.ACTIONS,
    *local.ACTIONS,
    *history.ACTIONS,
    *lists.ACTIONS,
    *tables.MOVING,
    *texts.ACTIONS,
    *dialogs.ACTIONS,
    *everywhere.ACTIONS,
)
"""In the order in which the footer says them."""

_AS_IN_TABLE: Final[Rebound] = {}
_KEYS: Final = {action.id: action.keys for action in ACTIONS}
_SIGNS: Final = {
    "escape": "esc",
    "down": "Down",
    "up": "Up",
    "comma": ",",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "slash": "/",
    "colon": ":",
    "home": "Home",
    "end": "End",
}


def key_sign(key: str) -> str:
    """How a key is written for people."""
    return _SIGNS.get(key, key)


def sign(action_id: str, rebound: Rebound = _AS_IN_TABLE, *, in_text: bool = False) -> str:
    """The key of an action, as it is written for people: the first of those it has now; `in_text`
    the first that is not typed as a character. Raises KeyError for an action that is none."""
    keys = rebound.get(action_id) or _KEYS[action_id]
    return key_sign(next((key for key in keys if in_text and len(key) > 1), keys[0]))


def signs(action: Action) -> str:
    """All keys of an action, as written for people."""
    return " ".join(key_sign(key) for key in action.keys)


def of(
    places: Collection[Where], *, read_only: bool = False, rebound: Rebound = _AS_IN_TABLE
) -> list[Action]:
    """The actions of these places, in the order of the table, with other keys where `rebound`
    says so."""
    return [
        action
        for action in rebinding.with_keys(ACTIONS, rebound)
        if action.works_in(places) and not (read_only and action.changes)
    ]


def footer(actions: Iterable[Action], on: Collection[str] = ()) -> list[tuple[str, str, str]]:
    """What the footer says: key, label and id of the actions that have a label. `on` are the ids of
    those whose deed stands, so that the key would take it back."""
    return [
        (key_sign(a.keys[0]), (a.id in on and a.label_on) or a.label, a.id)
        for a in actions
        if a.label
    ]
