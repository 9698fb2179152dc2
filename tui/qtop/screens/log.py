"""What a worker that was started here prints, as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from qtop.keymap.keymap import Where
from qtop.local.groups import LocalWorker
from qtop.local.levels import level, without_colours
from qtop.local.logs import Tail
from qtop.local.rows import LocalWorkerRow
from qtop.monitor.state import ViewState
from qtop.screens import local_cells as texts
from qtop.screens.base import ConsoleScreen, bindings
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.field import InputField
from qtop.widgets.log_view import LogLine, LogView

#: How often more of the file is read, while the screen shows.
READ_EVERY_S: Final = 0.1


class SearchLine(InputField):
    """A line to type what to look for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c,ctrl+q", "leave", show=False, priority=True)
    ]

    def action_leave(self) -> None:
        """Look for nothing."""
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class LogScreen(ConsoleScreen):
    """The log of one place of a group: also of the processes that follow in it."""

    AUTO_FOCUS = "LogView"
    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "log")
    TAB: ClassVar[Where] = "local"
    BINDINGS = bindings(PLACES)

    def __init__(self, worker: LocalWorker) -> None:
        super().__init__()
        self.log_view = LogView()
        self._worker = worker
        self._tail = Tail(worker.log)
        self._is_held = False
        self._shows_secrets: bool | None = None
        self._head = Bar(id="log-head")
        self._search = SearchLine(id="search", compact=True, placeholder="find")
        self._search.display = False
        self._reading: Timer | None = None

    def compose_body(self) -> Iterable[Widget]:
        """Whose log, the log, and what to find in it."""
        yield self._head
        yield self.log_view
        yield self._search

    def show_board(self, view: ViewState) -> None:
        """Show what has become of the worker."""
        if self._shows_secrets not in (None, view.manner.is_revealed):
            self._tail.restart()
            self.log_view.clear()
        self._shows_secrets = view.manner.is_revealed
        group = self._worker.group
        number = self._worker.place.number
        place = next((each for each in group.places if each.number == number), self._worker.place)
        self._worker = LocalWorker(group, place)
        registered = (view.board.workers or ()) if view.board else ()
        seen = next((r for r in registered if r.is_local and r.identity.pid == place.pid), None)
        row = LocalWorkerRow(self._worker, seen, None, view.now_mono)
        self._show_head(row)

    def _show_head(self, row: LocalWorkerRow) -> None:
        who = f" {texts.name(row).strip()} of {safe(self._worker.queues)}  "
        left = [Span(who, "strong", 90), Span(f"{texts.state(row)}  ", "accent", 85)]
        reason = texts.reason(row)
        if problems := texts.problems(row):
            left.append(Span(f"{problems}  ", "bad", 80))
        if reason:
            left.append(Span(reason, "warn", 60))
        right = [Span(" PAUSED ", "flag", 95)] if self._is_held else []
        if not self._is_held and not self.log_view.follows:
            right = [Span(" not following ", "flag", 94)]
        self._head.show(left, [*right, Span(f" {safe(str(self._tail.path))} ", "dim", 20)])

    # What comes

    def on_mount(self) -> None:
        """Begin to read."""
        super().on_mount()
        self._reading = self.set_interval(READ_EVERY_S, self.read_more)
        self.read_more()

    def on_screen_suspend(self) -> None:
        """Read nothing while nobody looks."""
        if self._reading is not None:
            self._reading.pause()

    def on_screen_resume(self) -> None:
        """Read on."""
        super().on_screen_resume()
        if self._reading is not None and not self._is_held:
            self._reading.resume()

    def on_unmount(self) -> None:
        """Let go of the file."""
        self._tail.close()

    def read_more(self) -> None:
        """Show a little of what is new: a bounded step, however much there is."""
        if self._is_held or not self.is_mounted:
            return
        try:
            piece = self._tail.read()
        except OSError as error:
            self.app.say(f"the log cannot be read: {safe(str(error.strerror))}", "bad")
            return
        lines: list[LogLine] = []
        if piece.passed_over:
            lines.append(LogLine(f"… {piece.passed_over:,} bytes passed over …", "own"))
        redact = self.app.stage.manner.redactor.text
        for raw in piece.lines:
            plain = without_colours(raw).replace(b"\t", b"    ").rstrip(b"\r")
            text = redact(safe(plain))
            lines.append(LogLine(text, level(text)))
        self.log_view.append(lines)

    def copied(self) -> list[str]:
        """The lines that are shown."""
        return [line.text for line in self.log_view.lines]

    # Keys

    def action_follow(self) -> None:
        """Stay at the end, or where it is."""
        self.log_view.follow(not self.log_view.follows)
        self.show_board(self.app.stage.view())

    @on(LogView.Moved)
    def show_whether_it_follows(self) -> None:
        """Say it where one looks."""
        self.show_board(self.app.stage.view())

    def action_hold(self) -> None:
        """Take in nothing new, or go on."""
        self._is_held = not self._is_held
        if self._reading is not None:
            (self._reading.pause if self._is_held else self._reading.resume)()
        self.show_board(self.app.stage.view())

    def action_search(self) -> None:
        """Ask what to find."""
        self._search.display = True
        self._search.focus()

    @on(Input.Changed, "#search")
    def search_for(self, event: Input.Changed) -> None:
        """Mark while it is typed."""
        self.log_view.search(event.value)

    @on(Input.Submitted, "#search")
    def found(self, event: Input.Submitted) -> None:
        """Go to the newest line that has it."""
        self._search.display = False
        self.log_view.focus()
        if event.value:
            self._go(-1)

    def action_next_match(self) -> None:
        """To the next line with the text."""
        self._go(1)

    def action_previous_match(self) -> None:
        """To the line with the text before."""
        self._go(-1)

    def _go(self, step: int) -> None:
        if self.log_view.to_match(step):
            self.app.say(f"{counted(self.log_view.matches(), 'line')} with it", "dim")
        else:
            self.app.say("not in the lines there are; / looks for something", "dim")
        self.show_board(self.app.stage.view())
