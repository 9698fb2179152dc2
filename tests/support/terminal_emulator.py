"""A terminal emulator: what a person would see."""

import pyte


class Emulator(pyte.Screen):
    """A terminal of so many columns and lines."""

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__(columns, lines)
        self._parser = pyte.Stream(self)

    def draw(self, data: str) -> None:
        # pyte leaves out what follows a character without a width, up to the next sequence.
        for character in data:
            super().draw(character)

    def feed(self, data: str) -> None:
        """Take what was written."""
        self._parser.feed(data)

    @property
    def display(self) -> list[str]:
        """The lines. Those of pyte fail where half of a wide character was drawn over, as on a
        terminal that has just changed its size."""
        return [
            "".join(self.buffer[y][x].data for x in range(self.columns)) for y in range(self.lines)
        ]

    def cells(self) -> list[pyte.screens.Char]:
        """Every cell with its style, line by line."""
        return [self.buffer[y][x] for y in range(self.lines) for x in range(self.columns)]

    def text(self) -> str:
        """All lines."""
        return "\n".join(self.display)
