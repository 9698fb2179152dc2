"""Moving, colouring and drawing in as few bytes as that takes."""

from __future__ import annotations

from qtop.app.terminal.styles import Style, change


class AnsiWriter:
    """Draws from where the terminal's cursor is, in the style that is in force.

    Args:
        width: Columns of the terminal.
        at: Column and line of the cursor, from 0; None when nobody knows.
        pen: The style in force; None when nobody knows.
    """

    def __init__(self, width: int, at: tuple[int, int] | None, pen: Style | None) -> None:
        self._width = width
        self._drawn: list[str] = []
        self.at = at
        self.pen = pen

    def drawn(self) -> str:
        """What to send for all that was done."""
        return "".join(self._drawn)

    def copy(self) -> AnsiWriter:
        """One that goes on from here."""
        new = AnsiWriter(self._width, self.at, self.pen)
        new._drawn = self._drawn.copy()
        return new

    def go(self, x: int, y: int) -> None:
        """Put the cursor there."""
        if self.at != (x, y):
            self._drawn.append(_shortest_move(self.at, x, y))
            self.at = x, y

    def use(self, style: Style) -> None:
        """Draw in this style from now on."""
        if self.pen != style:
            self._drawn.append(change(self.pen, style))
            self.pen = style

    def draw(self, text: str, cells: int | None) -> None:
        """Draw text that fills so many cells; None when terminals may disagree about that."""
        self._drawn.append(text)
        if self.at is None or cells is None or self.at[0] + cells >= self._width:
            # At the right edge, too, terminals disagree about where the cursor is.
            self.at = None
        else:
            self.at = self.at[0] + cells, self.at[1]


def _shortest_move(at: tuple[int, int] | None, x: int, y: int) -> str:
    there = f"\x1b[{y + 1};{x + 1}H" if x or y else "\x1b[H"
    if at is None:
        return there
    from_x, from_y = at
    lines = _steps(y - from_y, "B", "A")
    by_columns = lines + _across(x - from_x)
    from_edge = f"\r{lines}{_across(x)}"
    return min(there, by_columns, from_edge, key=len)


def _across(columns: int) -> str:
    return "\b" * -columns if -4 <= columns <= 0 else _steps(columns, "C", "D")


def _steps(number: int, onwards: str, back: str) -> str:
    if number == 0:
        return ""
    far = abs(number)
    return f"\x1b[{far if far > 1 else ''}{onwards if number > 0 else back}"
