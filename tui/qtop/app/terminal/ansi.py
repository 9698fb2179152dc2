"""Reads the frames that Textual writes: moves of the cursor, each followed by text in styles.

Also finds the shortest change from one style to another.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

# Styles: colours and attributes.

#: The attributes that all terminals treat alike, and the code that turns each off.
_OFF: Final = {
    **{"1": "22", "2": "22", "3": "23", "4": "24"},
    **{"5": "25", "7": "27", "8": "28", "9": "29"},
}
#: How many numbers follow `38` or `48`, by the first of them.
_COLOUR_NUMBERS: Final = {"5": 2, "2": 4}

_FOREGROUND: Final = re.compile(r"[39][0-7]|3[89]")
_BACKGROUND: Final = re.compile(r"(?:4|10)[0-7]|4[89]")


class Style(NamedTuple):
    """How a cell is drawn: the codes of its colours (empty: the terminal's own), and those of its
    attributes (`marks`)."""

    foreground: str = ""
    background: str = ""
    marks: frozenset[str] = frozenset()


PLAIN: Final = Style()


@lru_cache(1_024)
def after(style: Style | None, codes: str) -> Style | None:
    """The style of a terminal after the codes of one SGR sequence, the text between `ESC [` and
    `m`. None when there is a code that is not known here. `style` is the one before, None: unknown.
    """
    rest = codes.split(";")
    while rest:
        code = rest.pop(0)
        if code in ("", "0"):
            style = PLAIN
        elif style is None:
            pass
        elif code in _OFF:
            style = style._replace(marks=style.marks | {code})
        elif code in _OFF.values():
            kept = frozenset(mark for mark in style.marks if _OFF[mark] != code)
            style = style._replace(marks=kept)
        elif code in ("38", "48"):
            numbers = rest[: _COLOUR_NUMBERS.get(rest[0], 0)] if rest else []
            if not numbers or len(numbers) < _COLOUR_NUMBERS[numbers[0]] or "" in numbers:
                return None
            del rest[: len(numbers)]
            style = _coloured(style, code, ";".join((code, *numbers)))
        else:
            style = _coloured(style, code, "" if code in ("39", "49") else code)
    return style


def _coloured(style: Style, code: str, colour: str) -> Style | None:
    """The style with another colour; None when the code is no colour."""
    if _BACKGROUND.fullmatch(code):
        return style._replace(background=colour)
    return style._replace(foreground=colour) if _FOREGROUND.fullmatch(code) else None


@lru_cache(4_096)
def change(old: Style | None, new: Style) -> str:
    """The shortest sequence that changes the style; empty when it is the same."""
    if old == new:
        return ""
    anew = "\x1b[m" if new == PLAIN else f"\x1b[0;{';'.join(_codes(new))}m"
    if old is None:
        return anew
    return min(anew, f"\x1b[{';'.join(_differences(old, new))}m", key=len)


def _codes(style: Style) -> list[str]:
    colours = (style.foreground, style.background)
    return [*sorted(style.marks), *(colour for colour in colours if colour)]


def _differences(old: Style, new: Style) -> list[str]:
    off = sorted({_OFF[mark] for mark in old.marks - new.marks})
    # The code that turns bold off turns dim off, too.
    on = sorted(mark for mark in new.marks if mark not in old.marks or _OFF[mark] in off)
    codes = [*off, *on]
    if old.foreground != new.foreground:
        codes.append(new.foreground or "39")
    if old.background != new.background:
        codes.append(new.background or "49")
    return codes


ScreenCell = tuple[str, Style]

_SGR: Final = r"\x1b\[[0-9;]*m"
_TEXT: Final = r"[^\x00-\x1f\x7f-\x9f]+"
_LINE: Final = re.compile(rf"\x1b\[([0-9]+);([0-9]+)H((?:{_SGR}|{_TEXT})*+)(\n?)")
_RUN: Final = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b]+)")
#: Characters that every terminal draws in one cell, whichever version of Unicode it has: those of
#: ASCII, the signs of this console, and the dots of its charts.
CERTAIN: Final = re.compile(r"[ -~─-▟⠀-⣿●○✓◆▲▼↑↓→←…·×–—‘’“”]*")  # noqa: RUF001


class StyledRun(NamedTuple):
    """Text in one style; None when it is not known."""

    style: Style | None
    text: str


class FrameLine(NamedTuple):
    """What is painted after one move of the cursor.

    `cells` is None when terminals may disagree about the width of the text, or a style is unknown.
    `ends` says that a newline follows. `pen` is the style at the end.
    """

    x: int
    y: int
    runs: list[StyledRun]
    cells: list[ScreenCell] | None
    ends: bool
    pen: Style | None


def lines_of(data: str, pen: Style | None) -> list[FrameLine] | None:
    """Read a text that Textual wrote at once. `pen` is the style before it; None when it is
    unknown. Returns the lines of a frame, in order; None when the text holds anything but moves,
    styles, text."""
    found: list[FrameLine] = []
    end = 0
    for part in _LINE.finditer(data):
        if part.start() != end:
            return None
        end = part.end()
        runs: list[StyledRun] = []
        for codes, text in _RUN.findall(part[3]):
            if text:
                runs.append(StyledRun(pen, text))
            else:
                pen = after(pen, codes)
        at_x, at_y = int(part[2]) - 1, int(part[1]) - 1
        found.append(FrameLine(at_x, at_y, runs, _cells(runs), bool(part[4]), pen))
    return found if found and end == len(data) else None


def _cells(runs: list[StyledRun]) -> list[ScreenCell] | None:
    if CERTAIN.fullmatch("".join([run.text for run in runs])) is None:
        return None
    cells: list[ScreenCell] = []
    for style, text in runs:
        if style is None:
            return None
        cells += [(character, style) for character in text]
    return cells
