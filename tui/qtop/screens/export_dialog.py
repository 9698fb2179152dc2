"""The question into which file jobs are to be written, and which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual import on
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.screens.dialogs import Dialog
from qtop.widgets.field import Box, InputField


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Which jobs go into which file, and whether secrets go with them."""

    path: str
    is_all: bool
    with_secrets: bool


class ExportDialog(Dialog[ExportChoice | None]):
    """Asks for a file, and what to write into it."""

    AUTO_FOCUS = "#path"

    def __init__(self, path: str, chosen: str, all_of: str) -> None:
        super().__init__(
            "Write jobs to a file",
            ("One JSON object a line; an existing file is never overwritten.",),
        )
        self._path, self._chosen, self._all_of = path, chosen, all_of

    def compose_fields(self) -> Iterable[Widget]:
        """The file, and whether secrets are hidden."""
        yield Label("File:", classes="line")
        yield InputField(self._path, id="path")
        yield Box("with secrets, so that `qtop load` can put them back", id="secrets")

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel, and what to write."""
        yield Button("Cancel", id="no", compact=True)
        if self._chosen:
            yield Button(self._chosen, id="yes", variant="primary", compact=True)
        if self._all_of:
            yield Button(self._all_of, id="all", compact=True)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_yes(self) -> None:
        """Write the chosen ones."""
        self._leave(is_all=not self._chosen)

    @on(Button.Pressed, "#all")
    def write_all(self) -> None:
        """Write all that match."""
        self._leave(is_all=True)

    def _leave(self, *, is_all: bool) -> None:
        path = self.query_one("#path", Input).value.strip()
        if path:
            secrets = self.query_one("#secrets", Box).value
            self.dismiss(ExportChoice(path, is_all, secrets))

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Write nothing."""
        self.dismiss(None)
