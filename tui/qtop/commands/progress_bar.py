"""The line that shows how far a command is, drawn by Rich, which takes a while to load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from qtop.text.progress import ProgressMeter
from qtop.text.safe import crop

_REDRAWS_PER_S: Final = 5
_GAP: Final = "  "
_LEAST_BAR_CELLS, _MOST_BAR_CELLS = 6, 20
#: Room for what a terminal shows of ctrl+c: a line that wraps could not be taken away.
_SPARE_CELLS: Final = 3


class _Terminal(Console):
    """A terminal. Its cursor stays: a command that is killed could not restore it."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


def live(stream: TextIO, read: Callable[[], tuple[str, ProgressMeter]]) -> Live:
    """A line on a terminal, to be started, which shows what is under way and how far it is. Both
    are read several times a second, in a thread. Nothing is left of it when it is stopped."""
    console = _Terminal(file=stream)
    return Live(
        get_renderable=lambda: _drawn(*read(), console.width),
        console=console,
        transient=True,
        refresh_per_second=_REDRAWS_PER_S,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _drawn(what: str, meter: ProgressMeter, width: int) -> RenderableType:
    """The line in so many cells; the bar is left out where there is no room for it."""
    figures = meter.words()
    room = width - _SPARE_CELLS - cell_len(figures)
    bar_cells = min(_MOST_BAR_CELLS, room - cell_len(what) - 2 * len(_GAP))
    cells: list[RenderableType] = []
    if name := crop(what, max(0, room - len(_GAP))):
        cells.append(Text(name))
    if bar_cells >= _LEAST_BAR_CELLS:
        cells.append(ProgressBar(max(1, meter.of), meter.done, bar_cells))
    line = Table.grid(padding=(0, len(_GAP), 0, 0))
    line.add_row(*cells, Text(crop(figures, width - _SPARE_CELLS)))
    return line
