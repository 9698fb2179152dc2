"""What the console looks like: its colours, dark and light (an accent, and three for good, warning
and error), and the colours and attributes of each meaning of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rich.style import Style
from textual.color import Color
from textual.theme import Theme
from textual.widget import Widget

#: The names of two colours that Textual's themes do not have: behind the row of the cursor, and of
#: what is idle or known. See `themes`.
CURSOR_ROW: Final = "cursor-row"
GREY: Final = "grey"

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
    variables[CURSOR_ROW] = muted[0]
    colours |= zip(("background", "foreground", "secondary"), others, strict=True)
    colours |= dict.fromkeys(("surface", "panel"), colours["background"])
    return replace(theme, **colours, variables=variables)


DARK_OF_16: Final = _of_16(DARK, _BRIGHT, _DEEP, "#000000", "#aaaaaa", "#aaaaaa")
LIGHT_OF_16: Final = _of_16(LIGHT, _DEEP, _BRIGHT, "#ffffff", "#000000", "#555555")


# Tones: what a text looks like by what it means.


class _Appearance(NamedTuple):
    """Attributes in Rich's words, and the theme's names of two colours. An empty one leaves the
    widget's own."""

    attributes: str
    color: str = ""
    background: str = ""


#: By the name of a tone.
_APPEARANCES: Final[Mapping[str, _Appearance]] = {
    # How good it is, and how important. Red is for what is critical, and for nothing else.
    "good": _Appearance("", "text-success"),
    "warn": _Appearance("", "text-warning"),
    "bad": _Appearance("bold", "text-error"),
    "dim": _Appearance("", GREY),
    "strong": _Appearance("bold"),
    "accent": _Appearance("", "text-primary"),
    "own": _Appearance("italic", "text-primary"),
    # What part of the screen it is.
    "title": _Appearance("bold", "text-primary"),
    "key": _Appearance("bold", "text-primary"),
    "current": _Appearance("bold", "text-primary"),
    "label": _Appearance("", GREY),
    "header": _Appearance("", GREY),
    "frame": _Appearance("dim", "secondary"),
    "focused-frame": _Appearance("", "text-primary"),
    "badge": _Appearance("bold reverse", "primary", "background"),
    "flag": _Appearance("bold reverse", "warning", "background"),
    "danger": _Appearance("bold reverse", "error", "background"),
    # What state it is in.
    "stale": _Appearance("dim"),
    "marked": _Appearance("bold", "text-primary"),
    "match": _Appearance("bold underline"),
    "cursor": _Appearance("", "", CURSOR_ROW),
    "here": _Appearance("reverse"),
}
#: What looks otherwise where the theme has no such colour, or the terminal has no colours.
_WITHOUT_COLOURS: Final[Mapping[str, _Appearance]] = {
    "dim": _Appearance("dim"),
    "label": _Appearance("dim"),
    "header": _Appearance("bold"),
    "focused-frame": _Appearance("bold"),
    "cursor": _Appearance("reverse"),
}


def toned(widget: Widget, *tones: str) -> Style:
    """The style of a text on a widget: the widget's own, and over it that of each tone in order.
    Raises KeyError for a name that no tone has."""
    style = widget.rich_style
    variables = widget.app.theme_variables
    for tone in tones:
        of = _APPEARANCES[tone]
        lacks = any(name and name not in variables for name in (of.color, of.background))
        if lacks or widget.app.no_color:
            of = _WITHOUT_COLOURS.get(tone, of)
        style += _style(of, variables.get(of.color, ""), variables.get(of.background, ""))
    return style


@lru_cache(maxsize=256)
def _style(appearance: _Appearance, color: str, background: str) -> Style:
    return Style.parse(appearance.attributes) + Style(
        color=Color.parse(color).rich_color if color else None,
        bgcolor=Color.parse(background).rich_color if background else None,
    )
