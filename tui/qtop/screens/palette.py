"""Everything that can be done here, found by typing a part of its words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from qtop import keymap
from qtop.keymap import DANGERS, Action, Where
from qtop.manner import Manner
from qtop.screens.front import FrontScreen
from qtop.widgets.columns import Column
from qtop.widgets.field import Field
from qtop.widgets.vtable import VTable

PALETTE_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("enter", "run", show=False, id="palette.run", priority=True),
    Binding("escape", "leave", show=False, id="palette.leave"),
    Binding("down", "next", show=False, id="palette.next", priority=True),
    Binding("up", "previous", show=False, id="palette.previous", priority=True),
)
"""Every key the palette answers, for the console's table of keys."""


def _safety(action: Action) -> str:
    # The table's words are Markdown, for the README.
    return DANGERS[action.danger].replace("`", "")


COLUMNS: Final[tuple[Column[Action], ...]] = (
    Column("key", "key", 6, lambda action: keymap.signs(action), priority=90, style="accent"),
    Column("help", "what it does", 30, lambda action: action.help, flex=1, priority=100),
    Column("danger", "safety", 12, _safety, priority=50, style="dim"),
)


def matching(actions: Sequence[Action], text: str) -> list[Action]:
    """The actions in whose words each typed word stands."""
    words = text.casefold().split()
    return [
        action
        for action in actions
        if all(
            word in f"{action.help} {action.label} {keymap.signs(action)}".casefold()
            for word in words
        )
    ]


class PaletteScreen(FrontScreen[Action | None], ModalScreen[Action | None]):
    """A line to type in, and the actions that match. Gives the one that was chosen.

    Args:
        places: Where the keys work that are offered.
        read_only: Leave out what changes something.
        manner: Which keys do it, and what the server refuses.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        *PALETTE_BINDINGS,
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(self, places: Collection[Where], *, read_only: bool, manner: Manner) -> None:
        super().__init__()
        actions = manner.actions(places, read_only=read_only)
        self._actions = [action for action in actions if action.id != "palette"]
        self._table = VTable(COLUMNS, key=lambda action: action.id, markable=False)
        self._table.can_focus = False
        self._table.empty_text = "Nothing here is called so; ? lists all keys."

    def compose(self) -> ComposeResult:
        """The line and the list."""
        with Vertical(id="palette"):
            yield Field(placeholder="what do you want to do?", id="wish", compact=True)
            yield self._table

    def on_mount(self) -> None:
        """Offer everything at first."""
        self._table.set_rows(self._actions)

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        """Offer what matches."""
        self._table.set_rows(matching(self._actions, event.value))
        self._table.action_cursor_first()

    def on_vtable_opened(self, event: VTable.Opened[Action]) -> None:
        """Choose with the mouse."""
        self.dismiss(event.row)

    def action_run(self) -> None:
        """Choose the one under the cursor."""
        if self._table.cursor_row is not None:
            self.dismiss(self._table.cursor_row)

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    def action_next(self) -> None:
        """One down."""
        self._table.action_cursor_down()

    def action_previous(self) -> None:
        """One up."""
        self._table.action_cursor_up()
