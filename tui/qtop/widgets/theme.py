"""The console's colours, dark and light: an accent, and three for good, warning and error."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

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


def _of_16(theme: Theme, muted: tuple[str, str, str]) -> Theme:
    """A theme for terminals of 16 colours, which would show the shades above as greys: only
    colours that they have. `muted` are the backgrounds of the accent, a warning and an error."""
    texts = ("primary", "accent", "success", "warning", "error")
    theme = replace(theme, accent=theme.primary, surface=theme.background, panel=theme.background)
    variables = {f"text-{name}": getattr(theme, name) for name in texts}
    backgrounds = zip(("primary", "warning", "error"), muted, strict=True)
    variables |= {f"{name}-muted": colour for name, colour in backgrounds}
    return replace(theme, variables=variables)


DARK_OF_16: Final = _of_16(
    Theme(
        name=DARK.name,
        primary="#55ffff",
        secondary="#aaaaaa",
        success="#55ff55",
        warning="#ffff55",
        error="#ff5555",
        foreground="#aaaaaa",
        background="#000000",
        dark=True,
    ),
    ("#0000aa", "#aa5500", "#aa0000"),
)

LIGHT_OF_16: Final = _of_16(
    Theme(
        name=LIGHT.name,
        primary="#0000aa",
        secondary="#555555",
        success="#00aa00",
        warning="#aa5500",
        error="#aa0000",
        foreground="#000000",
        background="#ffffff",
        dark=False,
    ),
    ("#55ffff", "#ffff55", "#ff5555"),
)
