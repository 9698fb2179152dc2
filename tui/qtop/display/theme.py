"""The console's own colours, dark and light: one accent, and three that mean something."""

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
