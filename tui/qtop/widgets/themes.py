"""The themes that can be chosen: our two, and those of Textual, with the colours of states moved
away from the background until they can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from textual.color import BLACK, WHITE, Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from qtop.widgets.theme import CURSOR_ROW, DARK, DARK_OF_16, GREY, LIGHT, LIGHT_OF_16

#: The least contrast of a state's colour with what is behind it; WCAG 2.1 asks for that of texts.
LEAST_CONTRAST: Final = 4.5
#: The backgrounds on which texts about states are: of the screen, of bars, of the cursor's row.
GROUNDS: Final = ("background", "surface", CURSOR_ROW)
#: The colours of states, of what has the focus, and of what is idle or known.
STATES: Final = (
    *("text-success", "text-warning", "text-error", "text-primary"),
    *("foreground", GREY),
)

_STEPS: Final = 20
#: How much of the accent the row of the cursor has.
_TINT: Final = 0.16
#: Our own themes by what the settings call them, and the same for terminals of 16 colours.
_OWN: Final = {"dark": DARK, "light": LIGHT}
_OWN_OF_16: Final = {"dark": DARK_OF_16, "light": LIGHT_OF_16}


def theme_names(*, of_16: bool) -> list[str]:
    """What the settings call the themes there are: all whose states can be read. A terminal of 16
    colours shows the others as greys. Cost: some 50 ms at the first call."""
    if of_16:
        return list(_OWN_OF_16)
    return [*_OWN, *(name for name in sorted(BUILTIN_THEMES) if _readable(name) is not None)]


def theme_named(name: str, *, of_16: bool) -> Theme:
    """The theme that the settings call so. On a terminal of 16 colours it is our dark or our light
    one. Raises ValueError where there is none."""
    if of_16:
        builtin = BUILTIN_THEMES.get(name)
        is_light = builtin is not None and not builtin.dark
        return _OWN_OF_16[name if name in _OWN_OF_16 else "light" if is_light else "dark"]
    theme = _readable(name)
    if theme is None:
        raise ValueError(f"there is no theme {name!r}")
    return theme


@cache
def _readable(name: str) -> Theme | None:
    theme = _OWN.get(name) or BUILTIN_THEMES.get(name)
    return None if theme is None else readable(theme)


def readable(theme: Theme) -> Theme | None:
    """The theme with each colour of a state as near to its own as can be read on all backgrounds;
    None where one cannot be, or the colours are the terminal's own."""
    generated = {**theme.to_color_system().generate(), **theme.variables}
    try:
        colours = {name: Color.parse(text) for name, text in _with_tints(generated).items()}
    except ColorParseError:
        return None
    if any(colour.ansi is not None or colour.a < 1 for colour in colours.values()):
        return None
    grounds = [colours[name] for name in GROUNDS]
    far = WHITE if theme.dark else BLACK
    found = {name: _moved(colours[name], far, grounds) for name in STATES}
    variables = {name: colour.hex for name, colour in found.items() if colour is not None}
    if len(variables) < len(found):
        return None
    variables[CURSOR_ROW] = colours[CURSOR_ROW].hex
    return replace(theme, variables={**theme.variables, **variables})


def _with_tints(generated: Mapping[str, str]) -> dict[str, str]:
    """The colours that matter among those of a theme, with ours: the row of the cursor, and a grey
    half-way between the background and the texts. Raises ColorParseError."""
    names = ("background", "foreground", "primary")
    background, foreground, primary = (Color.parse(generated[name]) for name in names)
    # From the theme's own shade: Textual's for texts are paler, and red must not look pink.
    known = {name: generated[name.removeprefix("text-")] for name in STATES if name != GREY}
    known |= {name: generated[name] for name in GROUNDS if name in generated}
    row, grey = background.blend(primary, _TINT), background.blend(foreground, 0.5)
    return {**known, CURSOR_ROW: row.hex, GREY: grey.hex}


def _moved(colour: Color, far: Color, grounds: Sequence[Color]) -> Color | None:
    """A colour, as little nearer to white or black as it can be for enough contrast."""
    shades = (colour.blend(far, step / _STEPS) for step in range(_STEPS + 1))
    return next((shade for shade in shades if _least(shade, grounds) >= LEAST_CONTRAST), None)


def _least(colour: Color, grounds: Iterable[Color]) -> float:
    return min(contrast(colour, ground) for ground in grounds)


def contrast(one: Color, other: Color) -> float:
    """The contrast of two colours by WCAG 2.1: from 1, the same, to 21, black and white."""
    lower, higher = sorted((_luminance(one), _luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
