"""What each setting may be: a function for each that takes what TOML gave and returns the value, or
raises ValueError with what is allowed. Pure."""

from __future__ import annotations

import math
import shlex
import string
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final

from qtop.config.limits import Thresholds
from qtop.config.settings import INTERVAL_S
from qtop.keymap import keymap, rebinding
from qtop.local.launch import COMMAND_WORDS

Reader = Callable[[Any], Any]

THEMES: Final = ("dark", "light")
MOST_UNDO: Final = 1_000_000.0


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _number(least: float, most: float) -> Reader:
    def read(value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not (math.isfinite(value) and least <= value <= most):
            raise ValueError(f"must be a number from {least:g} to {most:,.10g}")
        return float(value)

    return read


def _one_of(*allowed: str) -> Reader:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError("must be " + " or ".join(f'"{each}"' for each in allowed))
        return str(value)

    return read


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise ValueError('must be a list of texts, like ["one", "two"]')
    return tuple(value)


def _patterns(value: Any) -> tuple[str, ...] | bool:
    """`true` hides what usual names hold, `false` nothing."""
    if isinstance(value, bool):
        return value
    try:
        return _texts(value)
    except ValueError as error:
        raise ValueError(f"{error}, or false to hide nothing") from None


def _columns(value: Any) -> tuple[str, ...]:
    shown = _texts(value)
    if not shown or len(set(shown)) < len(shown):
        raise ValueError("must name at least one column, and each once")
    return shown


def _keys(value: Any) -> tuple[str, ...]:
    keys = (value,) if isinstance(value, str) else _texts(value)
    wrong = [key for key in keys if not rebinding.is_key(key)]
    if wrong or not keys:
        named = f"cannot be {wrong[0]!r}" if wrong else "must have at least one key"
        raise ValueError(f"{named}: {rebinding.ALLOWED}")
    return tuple(map(rebinding.key_name, keys))


def _command(value: Any) -> str:
    command = _text(value)
    try:
        words = [word for _, word, _, _ in string.Formatter().parse(command) if word is not None]
        shlex.split(command)
    except ValueError as error:
        raise ValueError(f"is no command ({error})") from None
    allowed = " and ".join(f"{{{word}}}" for word in COMMAND_WORDS)
    if not set(words) <= set(COMMAND_WORDS) or "queues" not in words:
        raise ValueError(f"must hold {{queues}}, and in braces nothing but {allowed}")
    return command


SCALARS: Final[Mapping[str, Reader]] = {
    "url": _text,
    "namespace": _text,
    "interval": _number(*INTERVAL_S),
    "theme": _one_of(*THEMES),
    "production": _switch,
    "read_only": _switch,
    "ascii": _switch,
    "redact": _patterns,
    "require": _texts,
    "undo_hours": _number(0, MOST_UNDO),
    "undo_mib": _number(0, MOST_UNDO),
    "worker_command": _command,
}
"""The settings that have one value."""

SCREENS: Final = (
    "overview",
    "queues",
    "jobs",
    "workers",
    "failed",
    "scheduled",
    "local",
    "history",
)

TABLES: Final[Mapping[str, Mapping[str, Reader]]] = {
    "thresholds": {
        each.name: _number(0, 1 if each.name.endswith("_part") else 1e9)
        for each in fields(Thresholds)
    },
    "columns": dict.fromkeys(SCREENS, _columns),
    "keys": {action.id: _keys for action in keymap.ACTIONS},
}
"""The settings that are tables, and what may be in each."""
