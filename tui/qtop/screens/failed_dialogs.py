"""Questions about failed jobs: to which queue, into which file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Label

from qtop.display.text import safe
from qtop.screens.dialogs import Dialog

if TYPE_CHECKING:
    pass


class QueueDialog(Dialog[str | None]):
    """Asks for a queue. Gives its name."""

    AUTO_FOCUS = "#queue"

    def __init__(self, names: Sequence[str], title: str = "Requeue to which queue?") -> None:
        super().__init__(title, ("The jobs go to its end, byte for byte.",))
        # What cannot be shown cannot be typed: a completion means the name it stands for.
        self._names: dict[str, str | None] = {}
        for name in sorted(names):
            # Of two that look alike nobody could tell which one is meant.
            self._names[safe(name)] = None if safe(name) in self._names else name

    def compose_fields(self) -> Iterable[Widget]:
        """The name, completed from those there are."""
        field = Input(id="queue", suggester=SuggestFromList(self._names, case_sensitive=True))
        field.cursor_blink = False
        yield field

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
        return f"There is no queue {safe(name)} yet: once more makes it"

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Move nothing."""
        self.dismiss(None)


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
        field = Input(self._path, id="path")
        field.cursor_blink = False
        yield field
        yield Checkbox("with secrets, so that `qtop load` can put them back", id="secrets")

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
            secrets = self.query_one("#secrets", Checkbox).value
            self.dismiss(ExportChoice(path, is_all, secrets))

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Write nothing."""
        self.dismiss(None)
