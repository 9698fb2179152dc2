"""Questions before something is done. The focus is never on what does it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.actions.plan import Plan
from qtop.screens.frame import FrontScreen
from qtop.widgets.field import FigureField, InputField

ResultT = TypeVar("ResultT")

DIALOG_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("y,ctrl+s", "yes", show=False, id="dialog.yes"),
    Binding("escape,n", "no", show=False, id="dialog.no"),
)
"""Every key a question answers, for the console's table of keys."""
#: What touches more than so many is never confirmed by one letter: it may be part of a word that
#: was meant for something else.
MOST_BY_LETTER: Final = 50
#: From how many lines and columns on a box has room around what is in it.
_HIGH_LINES: Final = 22
_HEIGHTS: Final = [(0, "-low"), (_HIGH_LINES, "-high")]
_WIDTHS: Final = [(0, "-slim"), (72, "-wide")]
#: The frame of a box and its buttons; and the blank lines in it, where it has room.
_AROUND_LINES, _BLANK_LINES = 3, 3


class Dialog(FrontScreen[ResultT], ModalScreen[ResultT]):
    """A box with a title, some lines, perhaps fields, and buttons."""

    VERTICAL_BREAKPOINTS = _HEIGHTS
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = [
        *DIALOG_BINDINGS,
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("down,j", "scroll_told(1)", show=False),
        Binding("up,k", "scroll_told(-1)", show=False),
        Binding("pagedown", "page_told(1)", show=False),
        Binding("pageup", "page_told(-1)", show=False),
        Binding("ctrl+c,ctrl+q", "no", show=False, priority=True),
    ]

    def __init__(self, title: str, lines: Iterable[str]) -> None:
        super().__init__()
        self._title, self._lines = title, tuple(lines)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(id="box"):
            with VerticalScroll(id="told", can_focus=False):
                yield Label(Text(self._title), id="title")
                for line in self._lines:
                    yield Label(Text(line), classes="line")
                yield from self.compose_fields()
            with Horizontal(id="buttons"):
                yield from self.compose_buttons()

    def on_resize(self, event: events.Resize) -> None:
        """Keep the buttons in view however low the terminal is: what is above them scrolls."""
        height = event.size.height
        around = _AROUND_LINES + (_BLANK_LINES if height >= _HIGH_LINES else 0)
        self.query_one("#told").styles.max_height = max(1, height - around)

    def compose_fields(self) -> Iterable[Widget]:
        """What is to be filled in."""
        return ()

    def compose_buttons(self) -> Iterable[Button]:
        """The buttons, the harmless one first."""
        raise NotImplementedError

    def action_scroll_told(self, lines: int) -> None:
        """Move what is told, where it is longer than the terminal is high."""
        self.query_one("#told").scroll_relative(y=lines, animate=False)

    def action_page_told(self, pages: int) -> None:
        """Move what is told by as much as is in view."""
        told = self.query_one("#told")
        told.scroll_relative(y=pages * max(1, told.size.height - 1), animate=False)

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
        self._has_moved = asyncio.Event()

    def on_screen_resume(self) -> None:
        """Come to the front."""
        self._has_moved.set()

    def on_unmount(self) -> None:
        """End."""
        self._has_moved.set()

    async def comes_to_front(self) -> bool:
        """Wait until this is in front, where a terminal that is too small shows something else.

        Returns:
            Whether it is; False when it has been left.
        """
        while not self.is_active and self in self.app.screen_stack:
            self._has_moved.clear()
            await self._has_moved.wait()
        return self.is_active

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel."""
        yield Button("Cancel", id="no", compact=True)

    def tell(self, done: int, of: int) -> None:
        """Show how much was looked at."""
        if self.is_mounted:
            share = f", {done * 100 // of} %" if of else ""
            self.query_one(".line", Label).update(Text(f"{done:,} of {of:,} looked at{share}"))

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Ask nothing."""
        self.dismiss(None)


class ConfirmDialog(Dialog[bool]):
    """Asks whether to carry out a plan; a dangerous one only after its word was typed, a large one
    only by its button."""

    #: The first of these that there is: the fields for the word and for the pace, else Cancel.
    AUTO_FOCUS = "#word, #pace, #no"

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"{plan.what}?", (line for line in plan.details if line))
        self._plan = plan

    def compose_fields(self) -> Iterable[Widget]:
        """The fields for the word and for the pace, where they make sense."""
        if self._plan.word is not None:
            yield Label(Text(f"Type {self._plan.word} to go on:"), classes="line")
            yield InputField(id="word")
        if self._plan.pace is not None:
            yield Label("Jobs a second at most (empty: as fast as it goes):", classes="line")
            yield FigureField(id="pace", max_length=6)
        if self._needs_button:
            yield Label(
                Text(f"No letter confirms so much: Tab to {self._plan.verb}, then Enter."),
                classes="line",
                id="how",
            )

    def compose_buttons(self) -> Iterable[Button]:
        """Cancel and the deed."""
        yield Button("Cancel", id="no", compact=True)
        locked = self._plan.word is not None
        yield Button(self._plan.verb, id="yes", variant="error", compact=True, disabled=locked)

    @on(Input.Changed, "#word")
    def unlock(self, event: Input.Changed) -> None:
        """Let the deed be chosen once the word is right."""
        self.query_one("#yes", Button).disabled = event.value != self._plan.word

    @property
    def _needs_button(self) -> bool:
        """Whether it is too much for a letter."""
        return self._plan.many > MOST_BY_LETTER and self._plan.word is None

    def action_yes(self) -> None:
        """Carry it out, if a letter may."""
        if self._needs_button:
            # Where it says how, if that is scrolled away.
            self.query_one("#how").scroll_visible(animate=False)
        else:
            self.carry_out()

    @on(Input.Submitted, "#pace")
    def to_the_deed(self) -> None:
        """Go on to the button: a figure that was typed is no answer yet."""
        button = self.query_one("#yes", Button)
        self.set_focus(self.query_one("#word") if button.disabled else button)

    @on(Input.Submitted, "#word")
    @on(Button.Pressed, "#yes")
    def carry_out(self) -> None:
        """Carry it out, if the word is right."""
        word, pace = self._plan.word, self._plan.pace
        if word is not None and self.query_one("#word", Input).value != word:
            return
        if pace is not None:
            jobs_per_s = int(self.query_one("#pace", Input).value or 0)
            pace.jobs_per_s = jobs_per_s or None
        self.dismiss(True)

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Change nothing."""
        self.dismiss(False)
