"""Which actions work in a place, their keys (rebound or not), and how keys are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from qtop.keymap.table import ACTIONS, DANGERS, PLACES, SCREENS, Action, Danger, Where

# Rebinding: what can be a key, and which keys would mean two things on one screen.

Rebound = Mapping[str, tuple[str, ...]]
"""The keys of rebound actions, by the action's id."""

_WITH_NAMES: Final = (
    *("enter", "escape", "space", "tab", "shift+tab", "backspace", "delete", "insert"),
    *("home", "end", "pageup", "pagedown", "up", "down", "left", "right"),
)
_NUMBERED: Final = re.compile(r"f([1-9]|1[0-2])|ctrl\+[a-z]")
ALLOWED: Final = (
    'use a character like "r", "R" or "?", or a name: '
    f"{', '.join(_WITH_NAMES)}, f1 to f12, ctrl+a to ctrl+z"
)
#: Characters for which the table uses Textual's names.
_NAMES: Final = {"/": "slash", ":": "colon", " ": "space", ",": "comma"}


def is_key(text: str) -> bool:
    """Whether this is the name of a key that a terminal can send."""
    is_character = len(text) == 1 and text.isascii() and text.isprintable()
    return is_character or text in _WITH_NAMES or _NUMBERED.fullmatch(text) is not None


def key_name(key: str) -> str:
    """The name of a key in the table of keys."""
    return _NAMES.get(key, key)


def with_keys(actions: Iterable[Action], rebound: Rebound) -> list[Action]:
    """The actions, those that were rebound with their new keys."""
    return [
        replace(action, keys=rebound[action.id]) if action.id in rebound else action
        for action in actions
    ]


def clashes(
    actions: Collection[Action], rebound: Rebound, screens: Iterable[Collection[Where]]
) -> list[tuple[str, str]]:
    """Keys that would mean two things on a screen; `screens` has the places of each. Returns for
    each clash the id of a rebound action and a sentence."""
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
    """Rebound keys of a filter's field that are text there; the result is that of `clashes`."""
    return [
        (action.id, f"{key!r} is typed there as text: use a key with a name")
        for action in actions
        if "filter" in action.where
        for key in rebound.get(action.id, ())
        if len(key) == 1 or key in _NAMES.values()
    ]


__all__ = ["ACTIONS", "DANGERS", "PLACES", "SCREENS", "Action", "Danger", "Sign", "Where"]

#: Gives the key of an action, by the action's id, for a sentence.
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
    """The first key of an action, as it is written for people. With `in_text` the first one that is
    no character: where text is typed. Raises KeyError for an unknown action."""
    keys = rebound.get(action_id) or _KEYS[action_id]
    return key_sign(next((key for key in keys if in_text and len(key) > 1), keys[0]))


def signs(action: Action) -> str:
    """All keys of an action, as they are written for people."""
    return " ".join(key_sign(key) for key in action.keys)


def of(
    places: Collection[Where], *, read_only: bool = False, rebound: Rebound = _AS_IN_TABLE
) -> list[Action]:
    """The actions that work in these places, in the order of the table; with `read_only` only those
    that change nothing."""
    return [
        action
        for action in with_keys(ACTIONS, rebound)
        if action.works_in(places) and not (read_only and action.changes)
    ]


def footer(actions: Iterable[Action], on: Collection[str] = ()) -> list[tuple[str, str, str]]:
    """What the footer says: key, label and id of the actions that have a label. `on` has the ids of
    those that are switched on: their keys switch them off."""
    return [
        (key_sign(a.keys[0]), (a.id in on and a.label_on) or a.label, a.id)
        for a in actions
        if a.label
    ]
