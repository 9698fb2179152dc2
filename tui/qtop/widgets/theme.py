"""The console's colours, dark and light: an accent, and three for good, warning and error."""

from __future__ import annotations

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

#: For terminals of 16 colours, which would show the shades above as greys: only colours that they
#: have.
DARK_OF_16: Final = Theme(
    name=DARK.name,
    primary="#55ffff",
    secondary="#aaaaaa",
    accent="#55ffff",
    success="#55ff55",
    warning="#ffff55",
    error="#ff5555",
    foreground="#aaaaaa",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    variables={
        "text-primary": "#55ffff",
        "text-accent": "#55ffff",
        "text-success": "#55ff55",
        "text-warning": "#ffff55",
        "text-error": "#ff5555",
        "primary-muted": "#0000aa",
        "warning-muted": "#aa5500",
        "error-muted": "#aa0000",
    },
)

LIGHT_OF_16: Final = Theme(
    name=LIGHT.name,
    primary="#0000aa",
    secondary="#555555",
    accent="#0000aa",
    success="#00aa00",
    warning="#aa5500",
    error="#aa0000",
    foreground="#000000",
    background="#ffffff",
    surface="#ffffff",
    panel="#ffffff",
    dark=False,
    variables={
        "text-primary": "#0000aa",
        "text-accent": "#0000aa",
        "text-success": "#00aa00",
        "text-warning": "#aa5500",
        "text-error": "#aa0000",
        "primary-muted": "#55ffff",
        "warning-muted": "#ffff55",
        "error-muted": "#ff5555",
    },
)
