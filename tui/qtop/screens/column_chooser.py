"""Which columns a list shows, and in which order: chosen on the screen, for this session."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Label

from qtop.screens.dialogs import CANCEL, Dialog, DialogButton
from qtop.widgets.columns import Column
from qtop.widgets.table import Table


class ColumnChoice(NamedTuple):
    """A column, and whether it is shown."""

    key: str
    label: str
    is_shown: bool


_COLUMNS: Final[tuple[Column[ColumnChoice], ...]] = (
    Column("shown", "", 3, lambda row: "[x]" if row.is_shown else "[ ]", priority=100),
    Column("key", "column", 14, lambda row: row.key, priority=90, flex=1),
    Column("label", "heading", 14, lambda row: row.label, priority=80, flex=1, style="dim"),
)


def choices(columns: Sequence[Column[Any]], shown: Sequence[str]) -> list[ColumnChoice]:
    """The columns that are shown, in their order, then the others."""
    known = {column.key: column for column in columns}
    keys = [*shown, *(key for key in known if key not in shown)]
    return [ColumnChoice(key, known[key].label.strip(), key in shown) for key in keys]


def setting(screen: str, keys: Iterable[str]) -> str:
    """The line of the settings that says the same."""
    return f"[columns]  {screen} = {json.dumps(list(keys))}"


class ColumnDialog(Dialog[tuple[str, ...] | None]):
    """Asks which columns to show. Gives their keys in their order.

    Args:
        screen: What the settings call the list.
        rows: The columns; see `choices`.
    """

    AUTO_FOCUS = "Table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "turn", show=False, priority=True),
        Binding("shift+up,K", "shift(-1)", show=False, priority=True),
        Binding("shift+down,J", "shift(1)", show=False, priority=True),
    ]
    DEFAULT_CSS = "ColumnDialog Table { height: 12; }"

    def __init__(self, screen: str, rows: Sequence[ColumnChoice]) -> None:
        line = "space shows or hides, K and J move a column, enter applies."
        yes = DialogButton("yes", "Apply", "primary")
        super().__init__(f"Columns of {screen.capitalize()}", (line,), (CANCEL, yes))
        self._screen, self._rows = screen, list(rows)
        self._list = Table(_COLUMNS, key=lambda row: row.key, markable=False)

    def compose_fields(self) -> Iterable[Widget]:
        yield self._list
        yield Label(Text(setting(self._screen, self._keys)), id="setting", classes="line")

    @property
    def _keys(self) -> tuple[str, ...]:
        return tuple(row.key for row in self._rows if row.is_shown)

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        self._list.set_rows(list(self._rows))
        text = setting(self._screen, self._keys) if self._keys else "One column must be shown."
        self.query_one("#setting", Label).update(Text(text))

    def action_turn(self) -> None:
        """Show the column under the cursor, or hide it."""
        at = self._list.rows.cursor_index
        row = self._rows[at]
        self._rows[at] = row._replace(is_shown=not row.is_shown)
        self._show()

    def action_shift(self, step: int) -> None:
        """Move the column under the cursor."""
        at = self._list.rows.cursor_index
        to = max(0, min(at + step, len(self._rows) - 1))
        self._rows.insert(to, self._rows.pop(at))
        self._show()

    def on_table_opened(self, event: Table.Opened[ColumnChoice]) -> None:
        event.stop()
        self.action_yes()

    def action_yes(self) -> None:
        if self._keys:
            self.dismiss(self._keys)
