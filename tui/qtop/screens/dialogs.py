"""Questions before something is done. The focus is never on what does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.plans import Plan
from qtop.text import ago, safe

ResultT = TypeVar("ResultT")

DIALOG_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("y", "yes", show=False, id="dialog.yes"),
    Binding("escape,n", "no", show=False, id="dialog.no"),
)
"""Every key a question answers, for the console's table of keys."""

MOST_WORKERS: Final = 32


class Dialog(ModalScreen[ResultT]):
    """A box with a title, some lines, perhaps fields, and buttons."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *DIALOG_BINDINGS,
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("ctrl+c", "no", show=False, priority=True),
    ]

    def __init__(self, title: str, lines: Iterable[str]) -> None:
        super().__init__()
        self._title, self._lines = title, tuple(lines)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="box"):
            yield Label(Text(self._title), id="title")
            for line in self._lines:
                yield Label(Text(line), classes="line")
            yield from self.compose_fields()
            with Horizontal(id="buttons"):
                yield from self.compose_buttons()

    def compose_fields(self) -> Iterable[Widget]:
        """What is to be filled in."""
        return ()

    def compose_buttons(self) -> Iterable[Button]:
        """The buttons, the harmless one first."""
        raise NotImplementedError

    def action_yes(self) -> None:
        """Do it, where one key may."""

    def action_no(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)


class LookingDialog(Dialog[None]):
    """Stands where a question will be, while what it is about is looked at."""

    AUTO_FOCUS = "#no"

    def __init__(self, what: str) -> None:
        super().__init__(what, ("…",))

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel."""
        yield Button("Cancel", id="no", compact=True)

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Ask nothing."""
        self.dismiss(None)


class ConfirmDialog(Dialog[bool]):
    """Asks whether to carry out a plan; a dangerous one only after its word was typed."""

    #: The first thing that can be focused: the field for the word, else Cancel.
    AUTO_FOCUS = "Input, #no"

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"{plan.what}?", (line for line in plan.details if line))
        self._plan = plan

    def compose_fields(self) -> Iterable[Widget]:
        """The field for the word."""
        if self._plan.word is not None:
            yield Label(Text(f"Type {self._plan.word} to go on:"), classes="line")
            field = Input(id="word")
            field.cursor_blink = False
            yield field

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel and the deed."""
        yield Button("Cancel", id="no", compact=True)
        locked = self._plan.word is not None
        yield Button(self._plan.verb, id="yes", variant="error", compact=True, disabled=locked)

    @on(Input.Changed)
    def unlock(self, event: Input.Changed) -> None:
        """Let the deed be chosen once the word is right."""
        self.query_one("#yes", Button).disabled = event.value != self._plan.word

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_yes(self) -> None:
        """Carry it out, if the word is right."""
        word = self._plan.word
        if word is None or self.query_one(Input).value == word:
            self.dismiss(True)

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Change nothing."""
        self.dismiss(False)


class WorkersDialog(Dialog[tuple[str, int] | None]):
    """Asks which workers to start on this machine. Gives the queues and how many."""

    AUTO_FOCUS = "#queues"

    def __init__(self, queues: str) -> None:
        super().__init__(
            "Start workers on this machine?",
            ("They end with this console. Queues: names with commas, * for all, !x for not x.",),
        )
        self._queues = queues

    def compose_fields(self) -> Iterable[Widget]:
        """Two fields."""
        for name, value in (("queues", safe(self._queues)), ("count", "1")):
            yield Label(name, classes="line")
            field = Input(value, id=name)
            field.cursor_blink = False
            yield field

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel and start."""
        yield Button("Cancel", id="no", compact=True)
        yield Button("Start", id="yes", variant="primary", compact=True)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def action_yes(self) -> None:
        """Start them, if the fields make sense."""
        queues = self.query_one("#queues", Input).value.strip()
        count = self.query_one("#count", Input).value.strip()
        if not queues:
            self.query_one("#queues", Input).focus()
        elif not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_WORKERS):
            self.query_one("#title", Label).update(Text(f"How many? 1 to {MOST_WORKERS}"))
            self.query_one("#count", Input).focus()
        else:
            # What cannot be shown cannot be typed: untouched, it means the name it stands for.
            untouched = queues == safe(self._queues)
            self.dismiss((self._queues if untouched else queues, int(count)))

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Start nothing."""
        self.dismiss(None)


class QuitDialog(Dialog[str | None]):
    """Asks what becomes of the workers started here. Gives `finish`, `now` or None to stay."""

    AUTO_FOCUS = "#finish"

    def __init__(self, alive: int) -> None:
        workers = "1 worker" if alive == 1 else f"{alive} workers"
        super().__init__(
            f"Leave, with {workers} started here?",
            ("Finish: each ends its job first. Now: jobs in hand count as failed.",),
        )

    def compose_buttons(self) -> Iterable[Button]:
        """The ways out."""
        yield Button("Finish and stop", id="finish", variant="primary", compact=True)
        yield Button("Stop now", id="now", variant="error", compact=True)
        yield Button("Stay", id="no", compact=True)

    @on(Button.Pressed, "#finish")
    def action_yes(self) -> None:
        """Let them finish."""
        self.dismiss("finish")

    @on(Button.Pressed, "#now")
    def stop_now(self) -> None:
        """Stop them in the middle of their jobs."""
        self.dismiss("now")

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Stay."""
        self.dismiss(None)


class WaitingDialog(Dialog[None]):
    """Shows that workers are finishing their jobs; lets them be stopped instead."""

    AUTO_FOCUS = "#wait"

    def __init__(self, on_stop_now: Callable[[], None]) -> None:
        super().__init__("Waiting for workers to finish their jobs", ("…",))
        self._on_stop_now = on_stop_now

    def compose_buttons(self) -> Iterable[Button]:
        """Patience, or none."""
        yield Button("Wait", id="wait", compact=True)
        yield Button("Stop now", id="now", variant="error", compact=True)

    def tell(self, alive: int, waited_s: float) -> None:
        """Show how far it is."""
        workers = "1 worker" if alive == 1 else f"{alive} workers"
        self.query_one(".line", Label).update(Text(f"{workers} at it, {ago(waited_s)}"))

    @on(Button.Pressed, "#now")
    def stop_now(self) -> None:
        """Stop them in the middle of their jobs."""
        self._on_stop_now()

    def action_no(self) -> None:
        """Leaving has begun: there is no way back."""
