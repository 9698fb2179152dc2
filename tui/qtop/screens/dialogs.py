"""Dialogs: questions before something is done, and what is shown while it is prepared or ends. The
focus is never on what does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import ClassVar, Final, Literal, NamedTuple, Protocol, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from qtop.actions.plan import Plan, Refusal
from qtop.actions.request import MOST_PER_START, LaunchRequest
from qtop.model.job import JobSource
from qtop.screens.console import Console
from qtop.screens.frame import FrontScreen
from qtop.search.filter_language import ALLOWED, BadMoment, parse_moment
from qtop.text.format import both_times, due_in
from qtop.text.progress import ProgressMeter
from qtop.text.safe import ago, counted, safe
from qtop.widgets.filter_input import Box, FigureField, InputField
from queuecore.errors import BadOption

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
_REDRAW_S: Final = 1.0


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
        Binding("down,j", "scroll_body(1)", show=False),
        Binding("up,k", "scroll_body(-1)", show=False),
        Binding("pagedown", "page_body(1)", show=False),
        Binding("pageup", "page_body(-1)", show=False),
        Binding("ctrl+c,ctrl+q", "no", show=False, priority=True),
    ]

    def __init__(self, title: str, lines: Iterable[str], buttons: Iterable[DialogButton]) -> None:
        super().__init__()
        self._title, self._lines, self._buttons = title, tuple(lines), tuple(buttons)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            with VerticalScroll(id="body", can_focus=False):
                yield Label(Text(self._title), id="title")
                yield from self.compose_choices()
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
        for body in self.query("#body"):
            body.styles.max_height = max(1, height - around)

    def compose_choices(self) -> Iterable[Widget]:
        """What is to be chosen first."""
        return ()

    def compose_fields(self) -> Iterable[Widget]:
        """What is to be filled in."""
        return ()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.press(event.button.id)

    def press(self, button: str | None) -> None:
        """Do what the button with this id is for."""
        self.action_no() if button == "no" else self.action_yes()

    def action_scroll_body(self, lines: int) -> None:
        """Scroll the lines above the buttons, where they do not all fit."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)

    def action_page_body(self, pages: int) -> None:
        body = self.query_one("#body")
        body.scroll_relative(y=pages * max(1, body.size.height - 1), animate=False)

    def action_yes(self) -> None:
        """Do it, where one key may."""

    def action_no(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)


class LookingDialog(Dialog[None]):
    """Is in front before a question, while what the question is about is read.

    Args:
        stop: Goes on to the question with what was read so far; None: it needs all of it.
    """

    AUTO_FOCUS = "#no"

    def __init__(
        self, what: str, clock: Callable[[], float], stop: Callable[[], None] | None = None
    ) -> None:
        stopping = DialogButton("stop", "Stop search")
        super().__init__(what, ("…",), (CANCEL,) if stop is None else (CANCEL, stopping))
        self._stop = stop
        self._has_moved = asyncio.Event()
        self._meter = ProgressMeter(clock)

    def on_mount(self) -> None:
        # Also when nothing advances: then the time left is not known any more.
        self.set_interval(_REDRAW_S, self._show_progress)
        # What does not say how far it is takes no time that would be worth a stop.
        self.query("#stop").set(display=False)

    def press(self, button: str | None) -> None:
        """Leave, or stop what goes on."""
        if button == "stop" and self._stop is not None:
            self._stop()
        else:
            self.action_no()

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
        self._meter.note(done, of)
        if self.is_mounted:
            self._show_progress()

    def _show_progress(self) -> None:
        meter = self._meter
        if meter.of:
            far = f"{meter.done:,} of {meter.of:,} searched"
            parts = filter(None, (far, meter.percent, meter.speed, meter.time_left))
            self.query_one(".line", Label).update(Text(", ".join(parts)))
            self.query("#stop").set(display=True)


class ConfirmDialog(Dialog[bool]):
    """Asks whether to carry out a plan; a dangerous one only after its word was typed, a large one
    only by its button. Of one with parts it asks which; `plan` is what was confirmed."""

    #: The first of these that there is: the parts, the fields for the word and for the pace, else
    #: Cancel.
    AUTO_FOCUS = ".part, #word, #pace, #no"

    def __init__(self, plan: Plan) -> None:
        yes = DialogButton("yes", plan.verb, "error", plan.word is not None)
        super().__init__(f"{plan.what}?", filter(None, plan.details), (CANCEL, yes))
        self._plan = self.plan = plan
        #: The labels of the parts that are chosen; None where there are none.
        self._chosen = None if plan.parts is None else list(plan.parts.titles)

    def compose_choices(self) -> Iterable[Widget]:
        parts = self._plan.parts
        for label, title in {} if parts is None else parts.titles.items():
            # A title with brackets is no markup.
            yield Box(Content(title), True, name=label, classes="part")

    @on(Box.Changed)
    def choose(self) -> None:
        """Only what is chosen is confirmed."""
        parts = self._plan.parts
        if parts is None:
            return
        self._chosen = [each.name or "" for each in self.query(Box) if each.value]
        is_all = len(self._chosen) == len(parts.titles)
        if self._chosen:
            self.plan = self._plan if is_all else parts.only(self._chosen)
        button = self.query_one("#yes", Button)
        button.disabled, button.label = self._is_locked, self.plan.verb
        self.query_one("#title", Label).update(Text(f"{self.plan.what}?"))

    @property
    def _is_locked(self) -> bool:
        """Whether nothing is chosen, or the word is not typed."""
        word = self._plan.word
        return self._chosen == [] or (
            word is not None and self.query_one("#word", Input).value != word
        )

    def compose_fields(self) -> Iterable[Widget]:
        if self._plan.word is not None:
            yield Label(Text(f'Type "{self._plan.word}" to confirm:'), classes="line")
            yield InputField(id="word")
        if self._plan.pace is not None:
            yield Label("Rate limit, jobs/s (empty = unlimited):", classes="line")
            yield FigureField(id="pace", max_length=6, restrict=r"[0-9]*")
        if self._needs_button:
            yield Label(Text(f"Too many for a single key: {self._how}."), classes="line", id="how")

    @on(Input.Changed, "#word")
    def unlock(self) -> None:
        self.query_one("#yes", Button).disabled = self._is_locked

    @property
    def _how(self) -> str:
        """The keys that confirm, from where the cursor is at first: from the field for the pace tab
        would lead to Cancel."""
        verb = self._plan.verb
        if self._plan.pace is not None and self._plan.parts is None:
            return f"Enter to {verb}, then Enter"
        return f"Tab to {verb}, then Enter"

    @property
    def _needs_button(self) -> bool:
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
        """Cancel, or carry it out: a button may do what no letter may."""
        self.action_no() if button == "no" else self.carry_out()

    @on(Input.Submitted, "#word")
    def carry_out(self) -> None:
        pace = self.plan.pace
        if self._is_locked:
            return
        if pace is not None:
            jobs_per_s = int(self.query_one("#pace", Input).value or 0)
            pace.jobs_per_s = jobs_per_s or None
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


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
        yield InputField(id="moment")
        yield Label(Text(f"New run time: {ALLOWED}"), id="meaning", classes="line")

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
        try:
            self.dismiss(parse_moment(self.query_one(Input).value, self._now()))
        except BadMoment:
            self.query_one(Input).focus()


class QueueDialog(Dialog[str | None]):
    """Asks for a queue. Gives its name. `names` are those there are; None when that is unknown."""

    AUTO_FOCUS = "#queue"

    def __init__(
        self, names: Collection[str] | None, title: str = "Requeue to which queue?"
    ) -> None:
        line = "Jobs go to its end."
        super().__init__(title, (line,), (CANCEL, DialogButton("yes", "Move", "primary")))
        # What cannot be shown cannot be typed: a completion means the real name.
        self._names: dict[str, str | None] = {}
        self._is_known = names is not None
        for name in sorted(names or ()):
            # Of two names that look alike neither can be chosen.
            self._names[safe(name)] = None if safe(name) in self._names else name

    def compose_fields(self) -> Iterable[Widget]:
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
            title.update(Text("Several queues are shown like that: `qtop move` takes exact bytes"))
            return
        if known is None and str(title.content) != self._doubt(name):
            title.update(Text(self._doubt(name)))
            return
        self.dismiss(name if known is None else known)

    def _doubt(self, name: str) -> str:
        if not self._is_known:
            return f'Unknown whether queue "{safe(name)}" exists. Press again to use it'
        return f'Queue "{safe(name)}" does not exist. Press again to create it'


def ask_for_queue(app: Console, source: JobSource, title: str, move: Callable[[str], None]) -> None:
    """Ask for a queue other than the one the jobs are in, and go on with its name."""

    def chosen(queue: str | None) -> None:
        if queue is None:
            app.say("nothing was changed", "dim")
        elif source.kind == "queue" and queue == source.name:
            app.say(f"they are already in {safe(queue)}: nothing was moved", "warn")
        else:
            move(queue)

    if not app.actions.refuses():
        fleet = app.state.view().fleet
        queues = None if fleet is None else fleet.queues
        names: set[str] | None = None
        if queues is not None:
            # Of a place: there its jobs stay. Places may have queues of the same name.
            names = {row.name for row in queues if source.place in ("", row.system)}
        app.push_screen(QueueDialog(names, title), chosen)


#: The fields: their names in code, their labels, what they show when they are empty.
_FIELDS: Final = (
    ("queues", "queues", "comma-separated, in order; * all, !x not x"),
    ("count", "workers", f"1 to {MOST_PER_START}"),
    ("modules", "load", "comma-separated modules with jobs: app.jobs"),
    ("interval", "refresh, s", "5; used only where waiting is impossible"),
    ("jobs_per_fork", "jobs per fork", "1"),
    ("time_limit", "time limit", "seconds a job may run: none"),
    ("template", "command", "instead of qtop's worker: QUEUES={queues} bundle exec ..."),
)
#: What means something to our own worker only.
_OWN: Final = ("modules", "jobs_per_fork", "time_limit")
_MOST_SHOWN: Final = 600


class LaunchCheck(Protocol):
    """What comes of a request."""

    def shown(self, request: LaunchRequest) -> str | Refusal:
        """The command line, without secrets, safe; or what to change, safe."""

    async def trouble(self, request: LaunchRequest) -> str | None:
        """Why the request cannot be carried out, safe; None when it can."""


class StartDialog(Dialog[LaunchRequest | None]):
    """Gives a request that was found to be possible.

    At first the fields show `request`. `check` is asked while it is typed, and before anything
    starts; the dialog waits for it.
    """

    AUTO_FOCUS = "#queues"

    def __init__(self, request: LaunchRequest, check: LaunchCheck) -> None:
        start = DialogButton("yes", "Start", "primary")
        super().__init__("Start workers on this machine?", (), (CANCEL, start))
        self._request, self._check = request, check
        self._is_checking = False

    def compose_fields(self) -> Iterable[Widget]:
        values = _texts(self._request)
        for name, label, placeholder in _FIELDS:
            with Horizontal(classes="field"):
                yield Label(label, classes="label")
                yield InputField(values[name], id=name, placeholder=placeholder)
        yield Label("", id="shown", markup=False)
        yield Label("", id="why-not", markup=False)

    @on(Input.Changed)
    def show_command(self) -> None:
        has_template = bool(self._field("template").value.strip())
        for name in _OWN:
            self._field(name).disabled = has_template
        if found := self._find():
            self._tell(found[1], "")

    @on(Input.Submitted)
    def action_yes(self) -> None:
        found = self._find()
        if found is not None and not self._is_checking:
            self._is_checking = True
            self._tell(found[1], "checking …")
            self.run_worker(self._try(*found), exclusive=True)

    async def _try(self, request: LaunchRequest, shown: str) -> None:
        try:
            reason = await self._check.trouble(request)
        finally:
            self._is_checking = False
        if reason is None:
            self.dismiss(request)
        else:
            self._tell(shown, reason)

    def _tell(self, shown: str, reason: str) -> None:
        runs = f"runs: {shown[:_MOST_SHOWN]}" if shown else ""
        self.query_one("#shown", Label).update(Text(runs))
        why_not = self.query_one("#why-not", Label)
        why_not.update(Text(reason))
        if reason:
            self.call_after_refresh(why_not.scroll_visible, animate=False)

    def _field(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    def _find(self) -> tuple[LaunchRequest, str] | None:
        """What was typed, and the command line; None after showing what is wrong with it."""
        refused = request = self._read()
        if isinstance(request, LaunchRequest):
            shown = self._check.shown(request)
            if isinstance(shown, str):
                return request, shown
            refused = shown
        if isinstance(refused, Refusal):
            self._tell("", refused.text)
        return None

    def _read(self) -> LaunchRequest | Refusal:
        values = {name: self._field(name).value.strip() for name, _, _ in _FIELDS}
        # What cannot be shown cannot be typed: untouched, it means the names it stands for.
        if values["queues"] == safe(self._request.queues).strip():
            values["queues"] = self._request.queues
        return read_request(values)


def read_request(values: Mapping[str, str]) -> LaunchRequest | Refusal:
    """The request that was typed, or what to change."""
    template = values["template"]
    try:
        return LaunchRequest(
            values["queues"],
            _whole(values["count"], "how many", MOST_PER_START) or 1,
            () if template else tuple(values["modules"].replace(",", " ").split()),
            template,
            _seconds(values["interval"], "the interval"),
            None if template else _whole(values["jobs_per_fork"], "jobs per fork", 1_000_000),
            None if template else _seconds(values["time_limit"], "the time limit"),
        )
    except BadOption as error:
        return Refusal(str(error))


def _texts(request: LaunchRequest) -> dict[str, str]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:g}"

    return {
        "queues": safe(request.queues),
        "count": str(request.count),
        "modules": ",".join(request.modules),
        "interval": number(request.interval_s),
        "jobs_per_fork": number(request.jobs_per_fork),
        "time_limit": number(request.time_limit_s),
        "template": request.template,
    }


def _whole(text: str, what: str, most: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= most):
        raise BadOption(f"{what}? a whole number from 1 to {most:,}")
    return int(text)


def _seconds(text: str, what: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e7:
        raise BadOption(f"{what} is a number of seconds")
    return seconds


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
                "Finish: each finishes its job. Now: running jobs move to Failed.",
                "Leave running: they run on without a console; the next one shows them.",
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
        self.dismiss(self._proposed)

    def press(self, button: str | None) -> None:
        self.dismiss(None if button == "no" else button)


class WaitingDialog(Dialog[None]):
    """Shows that workers are finishing their jobs; lets them be stopped instead, or finish by
    themselves: `on_choice` is called with `now` or `leave`."""

    AUTO_FOCUS = "#wait"

    def __init__(self, on_choice: Callable[[str], None]) -> None:
        buttons = (
            DialogButton("wait", "Wait"),
            DialogButton("now", "Stop now", "error"),
            DialogButton("leave", "Do not wait"),
        )
        super().__init__("Waiting for workers to finish their jobs", ("…",), buttons)
        self._on_choice = on_choice

    def tell(self, alive: int, waited_s: float) -> None:
        workers = counted(alive, "worker")
        self.query_one(".line", Label).update(Text(f"{workers} running, {ago(waited_s)}"))

    def press(self, button: str | None) -> None:
        if button in ("now", "leave"):
            self._on_choice(button)

    def action_no(self) -> None:
        """Leaving has begun: there is no way back."""
