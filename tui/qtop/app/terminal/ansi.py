"""What Textual writes to paint a frame: moves of the cursor, each followed by text in styles."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from qtop.app.terminal.styles import Style, after

Cell = tuple[str, Style]

_SGR: Final = r"\x1b\[[0-9;]*m"
_TEXT: Final = r"[^\x00-\x1f\x7f-\x9f]+"
_LINE: Final = re.compile(rf"\x1b\[([0-9]+);([0-9]+)H((?:{_SGR}|{_TEXT})*+)(\n?)")
_RUN: Final = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b]+)")
#: Characters that every terminal draws in one cell, whatever it thinks of Unicode: those of ASCII,
#: and the signs that this console draws with.
CERTAIN: Final = re.compile(r"[ -~─-▟●◆▲▼↑↓→←…·×–—‘’“”]*")  # noqa: RUF001


class StyledRun(NamedTuple):
    """Text in one style; None when it is not known."""

    style: Style | None
    text: str


class FrameLine(NamedTuple):
    """What is painted after one move of the cursor.

    `cells` is None where terminals may disagree about how wide the text is, or a style is not
    known. `ends` is whether a newline follows. `pen` is the style in force at the end.
    """

    x: int
    y: int
    runs: list[StyledRun]
    cells: list[Cell] | None
    ends: bool
    pen: Style | None


def lines_of(data: str, pen: Style | None) -> list[FrameLine] | None:
    """Read what was written at once.

    Args:
        data: What was written.
        pen: The style in force before it; None when nobody knows it.

    Returns:
        The lines of a frame in their order; None when this is anything else than moves, styles and
        text.
    """
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


def _cells(runs: list[StyledRun]) -> list[Cell] | None:
    if CERTAIN.fullmatch("".join([run.text for run in runs])) is None:
        return None
    cells: list[Cell] = []
    for style, text in runs:
        if style is None:
            return None
        cells += [(character, style) for character in text]
    return cells
