"""Lines of a text and how they are wrapped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from qtop.text import pad


class TextLine(NamedTuple):
    """A line: a safe text, what it means (nothing, `title`, `dim`, `bad`), and a label."""

    text: str
    tone: str = ""
    label: str = ""


def parts(line: TextLine, margin: int, width: int) -> Sequence[TextLine]:
    """A line in parts that fit, its label before the first, a margin before the others."""
    if line.tone == "title" or not line.text:
        return [line]
    label = pad(line.label, margin)
    pieces = wrapped(line.text, max(1, width - margin))
    return [
        TextLine(piece, line.tone, " " * margin if number else label)
        for number, piece in enumerate(pieces)
    ]


def wrapped(text: str, width: int) -> list[str]:
    """Cut safe text into pieces of at most `width` cells, behind a space where there is one in
    the second half. Together the pieces are the text. O(text)."""
    if cell_len(text) <= width:
        return [text]
    pieces: list[str] = []
    at = 0
    while at < len(text):
        end, cells = at, 0
        while end < len(text) and (cells := cells + cell_len(text[end])) <= width:
            end += 1
        end = max(end, at + 1)
        space = text.rfind(" ", at + (end - at) // 2, end)
        if end < len(text) and space >= 0:
            end = space + 1
        pieces.append(text[at:end])
        at = end
    return pieces
