"""The question to which queue jobs are to go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual import on
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.screens.dialogs import Dialog
from qtop.text.safe import safe
from qtop.widgets.field import InputField


class QueueDialog(Dialog[str | None]):
    """Asks for a queue. Gives its name. `names` are those there are; None when that is unknown."""

    AUTO_FOCUS = "#queue"

    def __init__(self, names: Sequence[str] | None, title: str = "Requeue to which queue?") -> None:
        super().__init__(title, ("What is moved goes to its end, byte for byte.",))
        # What cannot be shown cannot be typed: a completion means the name it stands for.
        self._names: dict[str, str | None] = {}
        self._is_known = names is not None
        for name in sorted(names or ()):
            # Of two that look alike nobody could tell which one is meant.
            self._names[safe(name)] = None if safe(name) in self._names else name

    def compose_fields(self) -> Iterable[Widget]:
        """The name, completed from those there are."""
        yield InputField(id="queue", suggester=SuggestFromList(self._names, case_sensitive=True))

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel and move."""
        yield Button("Cancel", id="no", compact=True)
        yield Button("Move", id="yes", variant="primary", compact=True)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_yes(self) -> None:
        """To this queue; a new one says so first."""
        typed = self.query_one(Input).value
        name = typed if typed in self._names else typed.strip()
        if not name:
            self.query_one(Input).focus()
            return
        known = self._names.get(name)
        title = self.query_one("#title", Label)
        if known is None and name in self._names:
            title.update(Text("Several queues look like that: `qtop move` takes their bytes"))
            return
        if known is None and str(title.content) != self._doubt(name):
            title.update(Text(self._doubt(name)))
            return
        self.dismiss(name if known is None else known)

    def _doubt(self, name: str) -> str:
        if not self._is_known:
            return f"Whether there is a queue {safe(name)} is unknown: once more goes there"
        return f"There is no queue {safe(name)} yet: once more makes it"

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Move nothing."""
        self.dismiss(None)
