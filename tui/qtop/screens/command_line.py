"""The command line: a line to type in, and below it what is offered for the text."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input

from qtop.screens.frame import FrontScreen
from qtop.screens.offers import (
    CommandChoice,
    Offer,
    Offerable,
    completed,
    nothing_word,
    offers,
)
from qtop.widgets.columns import Column
from qtop.widgets.filter_input import InputField, remember
from qtop.widgets.table import Table

PALETTE_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("enter", "run", show=False, id="palette.run", priority=True),
    Binding("escape", "leave", show=False, id="palette.leave"),
    Binding("tab", "complete", show=False, id="palette.complete", priority=True),
    Binding("down", "next", show=False, id="palette.next", priority=True),
    Binding("up", "previous", show=False, id="palette.previous", priority=True),
)
"""Every key of the command line, for the console's table of keys."""

COLUMNS: Final[tuple[Column[Offer], ...]] = (
    Column("key", "key", 6, lambda offer: offer.key, priority=80, style="accent"),
    Column("name", "command", 14, lambda offer: offer.text, flex=1, priority=90),
    Column("help", "what it does", 30, lambda offer: offer.help, flex=3, priority=100),
    Column("danger", "safety", 12, lambda offer: offer.safety, priority=50, style="dim"),
)


class _Completion(Suggester):
    def __init__(self, known: Offerable) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        return completed(self._known, value)


class CommandLine(FrontScreen[CommandChoice], ModalScreen[CommandChoice]):
    """A line to type in, and what is offered. Gives what was chosen.

    Args:
        known: What can be offered.
        remembered: The lines that were used before, the newest last; new ones are added.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        *PALETTE_BINDINGS,
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(self, known: Offerable, remembered: list[str]) -> None:
        super().__init__()
        self._known = known
        self._remembered = remembered
        #: How many lines back the one is that is shown; 0: what is typed now.
        self._back = 0
        self._table = Table(COLUMNS, key=lambda offer: offer, markable=False)
        self._table.can_focus = False

    def compose(self) -> ComposeResult:
        with Vertical(id="palette"):
            yield InputField(
                placeholder="Command or action ...",
                id="wish",
                compact=True,
                suggester=_Completion(self._known),
            )
            yield self._table

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def on_mount(self) -> None:
        self._offer("")

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        if self._back and event.value != self._remembered[-self._back]:
            self._back = 0
        self._offer(event.value)

    def _offer(self, text: str) -> None:
        self._table.empty_text = nothing_word(text, self._known.saved)
        # Two actions may be alike in all that is shown of them.
        self._table.set_rows(list(dict.fromkeys(offers(self._known, text))))
        self._table.action_cursor_first()

    def on_table_opened(self, event: Table.Opened[Offer]) -> None:
        self._take(event.row)

    def action_run(self) -> None:
        """Choose what is under the cursor."""
        offer = self._table.cursor_row
        if offer is not None:
            self._take(offer)

    def _take(self, offer: Offer) -> None:
        if offer.choice is None:
            self._write(f"{offer.text} ")
            return
        remember(self._remembered, offer.text)
        self.dismiss(offer.choice)

    def action_complete(self) -> None:
        """Take the completion, or what is under the cursor."""
        suggested, offer = completed(self._known, self._input.value), self._table.cursor_row
        if suggested is not None:
            self._write(suggested)
        elif offer is not None:
            self._write(offer.text if offer.choice is not None else f"{offer.text} ")

    def _write(self, text: str) -> None:
        self._input.value = text
        self._input.cursor_position = len(text)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_next(self) -> None:
        """The next offer; among the lines used before, the one after."""
        if self._back:
            self._recall(self._back - 1)
        else:
            self._table.action_move(1)

    def action_previous(self) -> None:
        """The offer before; above the first one, the lines that were used before."""
        if self._back or self._table.rows.cursor_index == 0 or not self._table.row_count:
            self._recall(self._back + 1)
        else:
            self._table.action_move(-1)

    def _recall(self, back: int) -> None:
        self._back = max(0, min(back, len(self._remembered)))
        self._write(self._remembered[-self._back] if self._back else "")
