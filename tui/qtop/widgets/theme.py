"""The console's colours, dark and light: an accent, and three for good, warning and error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from textual.theme import Theme

DARK: Final = Theme(
    name="qtop-dark",
    primary="#5fb3c8",
    secondary="#8fa8b8",
    accent="#5fb3c8",
    success="#8fbf7f",
    warning="#e0b062",
    error="#e8736c",
    foreground="#d5dbe0",
    background="#14181c",
    surface="#1a1f24",
    panel="#242b32",
    dark=True,
)

LIGHT: Final = Theme(
    name="qtop-light",
    primary="#1f6f8b",
    secondary="#4f6472",
    accent="#1f6f8b",
    success="#3b7a3b",
    warning="#9a6400",
    error="#b3261e",
    foreground="#1d2429",
    background="#fbfbf9",
    surface="#f3f3ef",
    panel="#e4e6e4",
    dark=False,
)

#: For terminals of 16 colours: accent, success, warning and error.
_DEEP: Final = ("#0000aa", "#00aa00", "#aa5500", "#aa0000")
_BRIGHT: Final = ("#55ffff", "#55ff55", "#ffff55", "#ff5555")


def _of_16(theme: Theme, texts: Sequence[str], muted: Sequence[str], *others: str) -> Theme:
    """A theme for terminals of 16 colours, which would show the shades above as greys: only
    colours that they have. `muted` are backgrounds, `others` the background of the screen, the
    foreground and the secondary colour."""
    names = ("primary", "success", "warning", "error")
    colours: dict[str, Any] = dict(zip(names, texts, strict=True), accent=texts[0])
    variables = {f"text-{name}": colour for name, colour in colours.items()}
    backgrounds = zip(names, muted, strict=True)
    variables |= {f"{name}-muted": each for name, each in backgrounds if name != "success"}
    colours |= zip(("background", "foreground", "secondary"), others, strict=True)
    colours |= dict.fromkeys(("surface", "panel"), colours["background"])
    return replace(theme, **colours, variables=variables)


DARK_OF_16: Final = _of_16(DARK, _BRIGHT, _DEEP, "#000000", "#aaaaaa", "#aaaaaa")
LIGHT_OF_16: Final = _of_16(LIGHT, _DEEP, _BRIGHT, "#ffffff", "#000000", "#555555")
