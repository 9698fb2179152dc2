"""What texts look like by what they mean: a name for each colour and attribute, on every widget.

Textual's way would be component classes. It styles each of them like a widget of its own, on every
widget that may use it, whenever anything is styled: that was a third of what the first frame cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from rich.style import Style
from textual.color import Color
from textual.widget import Widget


class _Look(NamedTuple):
    """Attributes in Rich's words, and the theme's names of two colours; nothing keeps what is."""

    attributes: str
    color: str = ""
    background: str = ""


_LOOKS: Final[Mapping[str, _Look]] = {
    # What a text says.
    "good": _Look("", "text-success"),
    "warn": _Look("", "text-warning"),
    "bad": _Look("bold", "text-error"),
    "dim": _Look("dim"),
    "strong": _Look("bold"),
    "accent": _Look("", "text-accent"),
    "own": _Look("italic", "text-accent"),
    # What it is.
    "title": _Look("bold", "primary"),
    "key": _Look("bold", "primary"),
    "current": _Look("bold", "primary"),
    "label": _Look("dim"),
    "header": _Look("bold", background="panel"),
    "badge": _Look("bold reverse", "primary", "background"),
    "flag": _Look("bold reverse", "warning", "background"),
    "danger": _Look("bold reverse", "error", "background"),
    # What has come over it.
    "stale": _Look("dim"),
    "marked": _Look("bold", "text-accent"),
    "match": _Look("bold underline"),
    "cursor": _Look("bold underline"),
    "focused-cursor": _Look("bold reverse", "primary"),
    "here": _Look("reverse"),
}

TONES: Final = frozenset(_LOOKS)
"""Every name there is."""


def toned(widget: Widget, *tones: str) -> Style:
    """The style of a text on a widget: the widget's own, and over it that of each tone.

    Raises KeyError for a name that is none of `TONES`.
    """
    style = widget.rich_style
    variables = widget.app.theme_variables
    for tone in tones:
        look = _LOOKS[tone]
        style += _style(look, variables.get(look.color, ""), variables.get(look.background, ""))
    return style


@lru_cache(maxsize=256)
def _style(look: _Look, color: str, background: str) -> Style:
    return Style.parse(look.attributes) + Style(
        color=Color.parse(color).rich_color if color else None,
        bgcolor=Color.parse(background).rich_color if background else None,
    )
