"""Asks for the time until which jobs are to be delayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from rich.text import Text
from textual import on
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.screens.dialogs import Dialog
from qtop.search import when
from qtop.text.format import both_times, due_in
from qtop.widgets.field import InputField


class DateDialog(Dialog[datetime | None]):
    """Gives a moment to come, or None. What is typed is explained while it is typed.

    Args:
        what: The question.
        lines: What it is about.
        now: The server's clock, in the zone of whoever types.
    """

    AUTO_FOCUS = "#moment"

    def __init__(self, what: str, lines: Iterable[str], now: Callable[[], datetime]) -> None:
        super().__init__(what, lines)
        self._now = now

    def compose_fields(self) -> Iterable[Widget]:
        """The field, and what it means."""
        yield InputField(id="moment", placeholder=when.ALLOWED)
        yield Label(Text(f"Until when? {when.ALLOWED}"), id="meaning", classes="line")

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel and the deed."""
        yield Button("Cancel", id="no", compact=True)
        yield Button("Reschedule", id="yes", variant="primary", compact=True, disabled=True)

    @on(Input.Changed)
    def explain(self, event: Input.Changed) -> None:
        """Say what is meant, or why nothing is."""
        now = self._now()
        try:
            moment = when.parse_moment(event.value, now)
        except when.BadMoment as error:
            meaning, is_bad = str(error), True
        else:
            ahead_s = (moment - now).total_seconds()
            meaning, is_bad = f"{both_times(moment)}, {due_in(ahead_s)}", False
        self.query_one("#meaning", Label).update(Text(meaning))
        self.query_one("#yes", Button).disabled = is_bad

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_yes(self) -> None:
        """Take the moment, if it is one."""
        try:
            self.dismiss(when.parse_moment(self.query_one(Input).value, self._now()))
        except when.BadMoment:
            self.query_one(Input).focus()

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Change nothing."""
        self.dismiss(None)
