"""Which actions a place has, with the keys that they have now, and how keys are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from qtop.keymap.action import DANGERS, PLACES, Action, Danger, Where
from qtop.keymap.table import ACTIONS, SCREENS

# Other keys for the actions of the table: what can be a key, and whether two get in each other's
# way.

Rebound = Mapping[str, tuple[str, ...]]
"""The keys of actions that have others than in the table, by the action's id."""

_WITH_NAMES: Final = (
    *("enter", "escape", "space", "tab", "shift+tab", "backspace", "delete", "insert"),
    *("home", "end", "pageup", "pagedown", "up", "down", "left", "right"),
)
_NUMBERED: Final = re.compile(r"f([1-9]|1[0-2])|ctrl\+[a-z]")
ALLOWED: Final = (
    'use a character like "r", "R" or "?", or a name: '
    f"{', '.join(_WITH_NAMES)}, f1 to f12, ctrl+a to ctrl+z"
)
#: Characters that the table calls by Textual's names for them.
_NAMES: Final = {"/": "slash", ":": "colon", " ": "space", ",": "comma"}


def is_key(text: str) -> bool:
    """Whether a terminal can send this key, and it is written as it should be."""
    is_character = len(text) == 1 and text.isascii() and text.isprintable()
    return is_character or text in _WITH_NAMES or _NUMBERED.fullmatch(text) is not None


def key_name(key: str) -> str:
    """A key as the table of keys names it."""
    return _NAMES.get(key, key)


def with_keys(actions: Iterable[Action], rebound: Rebound) -> list[Action]:
    """The actions with the keys they have now."""
    return [
        replace(action, keys=rebound[action.id]) if action.id in rebound else action
        for action in actions
    ]


def clashes(
    actions: Collection[Action], rebound: Rebound, screens: Iterable[Collection[Where]]
) -> list[tuple[str, str]]:
    """Keys that would mean two things on one screen.

    Args:
        actions: All actions, with the keys of the table.
        rebound: The other keys.
        screens: The places of each screen.

    Returns:
        For each clash the id of a rebound action and a sentence.
    """
    found: dict[tuple[str, str], None] = {}
    now = with_keys(actions, rebound)
    for places in screens:
        taken: dict[str, Action] = {}
        for action in now:
            if not action.works_in(places):
                continue
            for key in action.keys:
                other = taken.setdefault(key, action)
                if other is not action:
                    ids = sorted((other.id, action.id), key=lambda each: each not in rebound)
                    found[ids[0], f"the key {key!r} is that of {ids[1]}, too"] = None
    return list(found)


def typed_in_fields(actions: Iterable[Action], rebound: Rebound) -> list[tuple[str, str]]:
    """Keys of a field to type in that could not be typed any more, as `clashes` tells them."""
    return [
        (action.id, f"{key!r} is typed there as text: use a key with a name")
        for action in actions
        if "filter" in action.where
        for key in rebound.get(action.id, ())
        if len(key) == 1 or key in _NAMES.values()
    ]


__all__ = ["ACTIONS", "DANGERS", "PLACES", "SCREENS", "Action", "Danger", "Sign", "Where"]

#: Tells the key of an action, by the action's id, for a sentence.
Sign = Callable[[str], str]


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
        for action in with_keys(ACTIONS, rebound)
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
