"""Questions before something is done. The focus is never on what does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final, Literal, NamedTuple, Protocol, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.actions.plan import Plan
from qtop.model.job import JobSource
from qtop.screens.console import Console
from qtop.screens.frame import FrontScreen
from qtop.search.filter_language import ALLOWED, BadMoment, parse_moment
from qtop.text.format import both_times, due_in
from qtop.text.safe import ago, counted, safe
from qtop.widgets.filter_input import FigureField, InputField

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


class DialogButton(NamedTuple):
    """A button: `no` leaves without doing anything, `yes` does it."""

    id: str
    label: str
    variant: Literal["default", "primary", "error"] = "default"
    is_locked: bool = False


CANCEL: Final = DialogButton("no", "Cancel")


class Dialog(FrontScreen[ResultT], ModalScreen[ResultT]):
    """A box with a title, some lines, perhaps fields, and buttons.

    Args:
        title: The question.
        lines: What it is about.
        buttons: Left to right, the harmless one first.
    """

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

    def __init__(self, title: str, lines: Iterable[str], buttons: Iterable[DialogButton]) -> None:
        super().__init__()
        self._title, self._lines, self._buttons = title, tuple(lines), tuple(buttons)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            with VerticalScroll(id="told", can_focus=False):
                yield Label(Text(self._title), id="title")
                for line in self._lines:
                    yield Label(Text(line), classes="line")
                yield from self.compose_fields()
            with Horizontal(id="buttons"):
                for id, label, variant, is_locked in self._buttons:
                    yield Button(label, variant, id=id, compact=True, disabled=is_locked)

    def on_resize(self, event: events.Resize) -> None:
        """Keep the buttons in view however low the terminal is: what is above them scrolls."""
        height = event.size.height
        around = _AROUND_LINES + (_BLANK_LINES if height >= _HIGH_LINES else 0)
        # What is left as soon as it was in front may never have had its parts.
        for told in self.query("#told"):
            told.styles.max_height = max(1, height - around)

    def compose_fields(self) -> Iterable[Widget]:
        """What is to be filled in."""
        return ()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.press(event.button.id)

    def press(self, button: str | None) -> None:
        """Do what the button with this id is for."""
        self.action_no() if button == "no" else self.action_yes()

    def action_scroll_told(self, lines: int) -> None:
        """Scroll the lines above the buttons, where they do not all fit."""
        self.query_one("#told").scroll_relative(y=lines, animate=False)

    def action_page_told(self, pages: int) -> None:
        """Scroll them by as much as is in view."""
        told = self.query_one("#told")
        told.scroll_relative(y=pages * max(1, told.size.height - 1), animate=False)

    def action_yes(self) -> None:
        """Do it, where one key may."""

    def action_no(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)


class LookingDialog(Dialog[None]):
    """Is in front before a question, while what the question is about is read."""

    AUTO_FOCUS = "#no"

    def __init__(self, what: str) -> None:
        super().__init__(what, ("…",), (CANCEL,))
        self._has_moved = asyncio.Event()

    def on_screen_resume(self) -> None:
        self._has_moved.set()

    def on_unmount(self) -> None:
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

    def tell(self, done: int, of: int) -> None:
        """Show how much was looked at."""
        if self.is_mounted:
            share = f", {done * 100 // of} %" if of else ""
            self.query_one(".line", Label).update(Text(f"{done:,} of {of:,} looked at{share}"))


class ConfirmDialog(Dialog[bool]):
    """Asks whether to carry out a plan; a dangerous one only after its word was typed, a large one
    only by its button."""

    #: The first of these that there is: the fields for the word and for the pace, else Cancel.
    AUTO_FOCUS = "#word, #pace, #no"

    def __init__(self, plan: Plan) -> None:
        yes = DialogButton("yes", plan.verb, "error", plan.word is not None)
        super().__init__(f"{plan.what}?", filter(None, plan.details), (CANCEL, yes))
        self._plan = plan

    def compose_fields(self) -> Iterable[Widget]:
        """The fields for the word and for the pace, where they make sense."""
        if self._plan.word is not None:
            yield Label(Text(f"Type {self._plan.word} to go on:"), classes="line")
            yield InputField(id="word")
        if self._plan.pace is not None:
            yield Label("Jobs a second at most (empty: as fast as it goes):", classes="line")
            yield FigureField(id="pace", max_length=6, restrict=r"[0-9]*")
        if self._needs_button:
            yield Label(
                Text(f"No letter confirms so much: Tab to {self._plan.verb}, then Enter."),
                classes="line",
                id="how",
            )

    @on(Input.Changed, "#word")
    def unlock(self, event: Input.Changed) -> None:
        """Unlock the button once the word is right."""
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
    def to_button(self) -> None:
        """Go on to the button: a figure that was typed is no answer yet."""
        button = self.query_one("#yes", Button)
        self.set_focus(self.query_one("#word") if button.disabled else button)

    def press(self, button: str | None) -> None:
        """Cancel, or carry it out: a button may what no letter may."""
        self.action_no() if button == "no" else self.carry_out()

    @on(Input.Submitted, "#word")
    def carry_out(self) -> None:
        """Carry it out, if the word is right."""
        word, pace = self._plan.word, self._plan.pace
        if word is not None and self.query_one("#word", Input).value != word:
            return
        if pace is not None:
            jobs_per_s = int(self.query_one("#pace", Input).value or 0)
            pace.jobs_per_s = jobs_per_s or None
        self.dismiss(True)

    def action_no(self) -> None:
        """Change nothing."""
        self.dismiss(False)


# Asks for the time until which jobs are to be delayed.


class DateDialog(Dialog[datetime | None]):
    """Gives a moment to come, or None. What is typed is explained while it is typed.

    Args:
        what: The question.
        lines: What it is about.
        now: The server's clock, in the zone of the person who types.
    """

    AUTO_FOCUS = "#moment"

    def __init__(self, what: str, lines: Iterable[str], now: Callable[[], datetime]) -> None:
        yes = DialogButton("yes", "Reschedule", "primary", is_locked=True)
        super().__init__(what, lines, (CANCEL, yes))
        self._now = now

    def compose_fields(self) -> Iterable[Widget]:
        """The field, and what it means."""
        yield InputField(id="moment", placeholder=ALLOWED)
        yield Label(Text(f"Until when? {ALLOWED}"), id="meaning", classes="line")

    @on(Input.Changed)
    def explain(self, event: Input.Changed) -> None:
        """Say what is meant, or why nothing is."""
        now = self._now()
        try:
            moment = parse_moment(event.value, now)
        except BadMoment as error:
            meaning, is_bad = str(error), True
        else:
            ahead_s = (moment - now).total_seconds()
            meaning, is_bad = f"{both_times(moment)}, {due_in(ahead_s)}", False
        self.query_one("#meaning", Label).update(Text(meaning))
        self.query_one("#yes", Button).disabled = is_bad

    @on(Input.Submitted)
    def action_yes(self) -> None:
        """Take the moment, if it is one."""
        try:
            self.dismiss(parse_moment(self.query_one(Input).value, self._now()))
        except BadMoment:
            self.query_one(Input).focus()


# The question to which queue jobs are to go.


class QueueDialog(Dialog[str | None]):
    """Asks for a queue. Gives its name. `names` are those there are; None when that is unknown."""

    AUTO_FOCUS = "#queue"

    def __init__(self, names: Sequence[str] | None, title: str = "Requeue to which queue?") -> None:
        line = "What is moved goes to its end, byte for byte."
        super().__init__(title, (line,), (CANCEL, DialogButton("yes", "Move", "primary")))
        # What cannot be shown cannot be typed: a completion means the real name.
        self._names: dict[str, str | None] = {}
        self._is_known = names is not None
        for name in sorted(names or ()):
            # Of two names that look alike neither can be chosen.
            self._names[safe(name)] = None if safe(name) in self._names else name

    def compose_fields(self) -> Iterable[Widget]:
        """The name, completed from those there are."""
        yield InputField(id="queue", suggester=SuggestFromList(self._names, case_sensitive=True))

    @on(Input.Submitted)
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


# Asks to which queue jobs are to go.


def ask_for_queue(app: Console, source: JobSource, title: str, move: Callable[[str], None]) -> None:
    """Ask for a queue other than the one the jobs are in, and go on with its name."""

    def chosen(queue: str | None) -> None:
        if queue is None:
            app.say("nothing was changed", "dim")
        elif source.kind == "queue" and queue == source.name:
            app.say(f"they are in {safe(queue)}: nothing was moved", "warn")
        else:
            move(queue)

    if not app.actions.refuses():
        fleet = app.state.view().fleet
        queues = None if fleet is None else fleet.queues
        names = None if queues is None else [row.name for row in queues]
        app.push_screen(QueueDialog(names, title), chosen)


# Questions at the end, when workers that were started here are still there.


class QuitDialog(Dialog[str | None]):
    """Asks what becomes of the workers started here. Gives `finish`, `now`, `leave` or None to
    stay in the console.

    Args:
        alive: How many there are.
        are_to_stay: All of them were left running before: that is proposed again.
    """

    def __init__(self, alive: int, *, are_to_stay: bool) -> None:
        super().__init__(
            f"Leave, with {counted(alive, 'worker')} started here?",
            (
                "Finish: each ends its job first. Now: jobs in hand count as failed.",
                "Leave running: they go on without a console; the next one finds them again.",
            ),
            (
                DialogButton("finish", "Finish and stop", "primary"),
                DialogButton("now", "Stop now", "error"),
                DialogButton("leave", "Leave running"),
                DialogButton("no", "Stay"),
            ),
        )
        self._proposed = "leave" if are_to_stay else "finish"

    def on_mount(self) -> None:
        """What happens by pressing enter."""
        self.query_one(f"#{self._proposed}").focus()

    def action_yes(self) -> None:
        """Do what is proposed."""
        self.dismiss(self._proposed)

    def press(self, button: str | None) -> None:
        """Leave in this way, or stay."""
        self.dismiss(None if button == "no" else button)


class Leaver(Protocol):
    """What can be done with workers that are finishing their jobs."""

    def stop_now(self) -> None:
        """Stop them in the middle of their jobs."""

    def leave_running(self) -> None:
        """Leave the console; they finish by themselves."""


class WaitingDialog(Dialog[None]):
    """Shows that workers are finishing their jobs; lets them be stopped instead, or finish by
    themselves."""

    AUTO_FOCUS = "#wait"

    def __init__(self, leaver: Leaver) -> None:
        buttons = (
            DialogButton("wait", "Wait"),
            DialogButton("now", "Stop now", "error"),
            DialogButton("leave", "Do not wait"),
        )
        super().__init__("Waiting for workers to finish their jobs", ("…",), buttons)
        self._leaver = leaver

    def tell(self, alive: int, waited_s: float) -> None:
        """Show how far it is."""
        workers = counted(alive, "worker")
        self.query_one(".line", Label).update(Text(f"{workers} at it, {ago(waited_s)}"))

    def press(self, button: str | None) -> None:
        """Wait, stop them, or leave now."""
        if button == "now":
            self._leaver.stop_now()
        elif button == "leave":
            self._leaver.leave_running()

    def action_no(self) -> None:
        """Leaving has begun: there is no way back."""
