"""Chooses the theme: the console is shown in the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.timer import Timer

from qtop.screens.frame import FrontScreen
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column
from qtop.widgets.panel import Panel
from qtop.widgets.table import Table

#: How long the cursor rests before the console is painted in another theme: that takes longer than
#: a key may.
RESTS_S: Final = 0.15

_COLUMNS: Final[tuple[Column[str], ...]] = (
    Column("name", "theme", 24, lambda name: name, flex=1, priority=100),
)


class ThemeScreen(FrontScreen[str | None], ModalScreen[str | None]):
    """A list of themes. Gives the name of the one that was chosen, or None.

    Args:
        names: What can be chosen.
        now: The one in use.
        show: Paints the console in a theme.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, id="palette.leave"),
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    ThemeScreen {
        align: right middle;

        & #themes { width: 32; height: 80%; max-height: 26; background: $surface; }
    }
    """

    def __init__(self, names: Sequence[str], now: str, show: Callable[[str], None]) -> None:
        super().__init__()
        self._names, self._now, self._show = names, now, show
        self._rests: Timer | None = None
        self._table: Table[str] = Table(
            _COLUMNS, key=lambda name: name, markable=False, on_cursor=self._look
        )
        self._table.set_rows(names)
        self._table.move_to(now)

    def compose(self) -> ComposeResult:
        panel = Panel(self._table, id="themes")
        panel.show([Span("Theme", "title")], [Span("enter keeps", "dim", 50)])
        yield panel

    def _look(self, name: str | None) -> None:
        """Show what another theme looks like, once the cursor rests on it."""
        if self._rests is not None:
            self._rests.stop()
        if name is not None:
            self._rests = self.set_timer(RESTS_S, lambda: self._show(name))

    def on_table_opened(self, event: Table.Opened[str]) -> None:
        event.stop()
        self._leave(event.row)

    def action_leave(self) -> None:
        self._leave(None)

    def _leave(self, name: str | None) -> None:
        if self._rests is not None:
            self._rests.stop()
        self._show(name or self._now)
        self.dismiss(name)
