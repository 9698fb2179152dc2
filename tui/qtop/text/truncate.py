"""The beginnings of values that came as JSON, however large they are. Pure."""

from __future__ import annotations

from typing import Any, Final

MOST_CHARACTERS: Final = 300
_MOST_ITEMS: Final = 20
_MOST_LEVELS: Final = 6


def beginning(
    value: Any,
    characters: int = MOST_CHARACTERS,
    items: int = _MOST_ITEMS,
    levels: int = _MOST_LEVELS,
) -> Any:
    """A value with the first `items` of each list and the first `characters` of each text, and with
    lists within lists so many `levels` deep. Costs no more for a huge value than for a small one.
    """
    if isinstance(value, str):
        return value if len(value) <= characters else value[:characters] + "…"
    if isinstance(value, int) and value.bit_length() > 4 * characters:
        return "a huge number"
    if not isinstance(value, list | dict):
        return value
    if levels < 0:
        return "…"
    if isinstance(value, list):
        return [beginning(item, characters, items, levels - 1) for item in value[:items]]
    return {
        key[:characters]: beginning(item, characters, items, levels - 1)
        for key, item in list(value.items())[:items]
    }
