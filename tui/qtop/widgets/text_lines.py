"""Lines of a text and how they are wrapped. Pure: commands print them, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from qtop.text.safe import pad

#: How many characters of a text mean what.
TextSpan = tuple[int, str]


class TextLine(NamedTuple):
    """A line: a safe text, what it means (nothing, or the name of a tone), a label,
    and what its parts mean, if those differ: spans that are as long as the text together."""

    text: str
    tone: str = ""
    label: str = ""
    spans: tuple[TextSpan, ...] = ()

    def toned(self) -> Iterator[tuple[str, str]]:
        """The text in parts, each with its tone."""
        if sum(length for length, _ in self.spans) != len(self.text):
            # Something was hidden in it since.
            yield self.text, self.tone
            return
        at = 0
        for length, tone in self.spans:
            yield self.text[at : at + length], tone
            at += length


def parts(line: TextLine, margin: int, width: int) -> Sequence[TextLine]:
    """A line in parts that fit, its label before the first, a margin before the others."""
    if line.tone == "title" or not line.text:
        return [line]
    label = pad(line.label, margin)
    cut: list[TextLine] = []
    at = 0
    for piece in cut_to_width(line.text, max(1, width - margin)):
        spans = _within(line.spans, at, at + len(piece))
        cut.append(TextLine(piece, line.tone, " " * margin if at else label, spans))
        at += len(piece)
    return cut


def _within(spans: Sequence[TextSpan], start: int, end: int) -> tuple[TextSpan, ...]:
    """The spans of a part of a text."""
    found: list[TextSpan] = []
    at = 0
    for length, tone in spans:
        shown = min(end, at + length) - max(start, at)
        if shown > 0:
            found.append((shown, tone))
        at += length
    return tuple(found)


def cut_to_width(text: str, width: int) -> list[str]:
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
