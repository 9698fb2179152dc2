"""Other keys for the actions of the table: what can be a key, and whether two get in each other's
way. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from qtop.keymap.action import Action, Where

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
