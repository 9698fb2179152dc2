"""What all screens of the console have in common: the bars around, and keys from the key map."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from qtop.config.values import SCREENS
from qtop.keymap import keymap
from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.frame import FrontScreen
from qtop.text.safe import counted
from qtop.widgets.bars import Bar, Span
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import TextView
from resque.store.snapshot import Snapshot

if TYPE_CHECKING:
    from qtop.app.app import QtopApp


#: Terminals drop longer clipboards, or the connection.
MOST_COPIED: Final = 74_000


def bindings(places: Iterable[Where]) -> list[BindingType]:
    """Bindings for the actions of these places; those of tables and texts have their own."""
    return [
        Binding(",".join(action.keys), action.id, action.label, show=False, id=action.id)
        for action in keymap.of(set(places))
        if "." not in action.id and "everywhere" not in action.where
    ]


def listed_in(screen: type[ConsoleScreen]) -> Where | None:
    """What the settings call the columns of a screen's table; None when they cannot be chosen."""
    return next((place for place in screen.PLACES if place in SCREENS), None)


class ConsoleScreen(FrontScreen[None]):
    """A whole page: status, tabs, trouble if there is any, a body, the last result, keys.

    The widgets are attributes: looks may come while they are not mounted yet, or no longer.
    """

    AUTO_FOCUS = "Table, TextView"
    PLACES: ClassVar[tuple[Where, ...]] = ()
    TAB: ClassVar[Where] = "queues"

    if TYPE_CHECKING:
        # Textual declares it as any app.
        @property
        def app(self) -> QtopApp: ...  # type: ignore[override]

    def __init__(self) -> None:
        super().__init__()
        self._status, self._tabs, self._trouble = (Bar(id=i) for i in ("status", "tabs", "trouble"))
        self._result, self._keys = Bar(id="result"), Bar(id="keys")

    def compose(self) -> ComposeResult:
        """The bars, and what a screen has to show between them."""
        yield self._status
        yield self._tabs
        yield self._trouble
        yield from self.compose_body()
        yield self._result
        yield self._keys

    def compose_body(self) -> Iterable[Widget]:
        """The widgets of the screen itself."""
        raise NotImplementedError

    def show_board(self, view: ViewState) -> None:
        """Show what the screen is for."""
        raise NotImplementedError

    def show(self, view: ViewState) -> None:
        """Show the state of the console. Cost: what has changed."""
        self._status.show(*frame_texts.status(view))
        self._tabs.show(*frame_texts.tabs(view, self.TAB))
        trouble = frame_texts.trouble(view)
        self._trouble.show(trouble)
        # Shown only when needed: the list gets its line.
        self._trouble.display = bool(trouble)
        places = {*self.PLACES, "everywhere"}
        shown = frame_texts.footer(places, read_only=view.read_only, manner=view.manner, on=view.on)
        self._keys.show(*shown)
        self._status.set_class(view.manner.production is not None, "-production")
        for table in self.query(Table):
            table.veil(view.manner.redactor.text)
        self.show_board(view)

    def say(self, text: str, tone: str = "") -> None:
        """Show a safe one-line result until the next one."""
        self._result.show([Span(f" {text}", tone)])

    def on_mount(self) -> None:
        """Show the first frame: there may be no data yet."""
        self.show(self.app.stage.view())
        self.say(*self.app.word_on(self))

    def on_screen_resume(self) -> None:
        """Show what happened while another screen was in front."""
        if self.is_mounted:
            self.show(self.app.stage.view())
            self.say(*self.app.word_on(self))

    def action_undo(self) -> None:
        """Take back the last action."""
        self.app.desk.undo()

    def copied(self) -> list[str]:
        """The lines to copy: safe texts."""
        raise NotImplementedError

    def action_copy(self) -> None:
        """Copy what was chosen, by way of the terminal: it works over ssh as well."""
        redact = self.app.stage.manner.redactor.text
        lines = [redact(line) for line in self.copied()]
        text = "\n".join(lines)
        if not text:
            self.app.say("nothing to copy", "dim")
        elif len(text) > MOST_COPIED:
            self.app.say(f"too much to copy: {len(text):,} characters{self._other_way()}", "warn")
        else:
            self.app.copy_to_clipboard(text)
            what = f"{counted(len(lines), 'line')}, {counted(len(text), 'character')}"
            self.app.say(f"copied {what}, if your terminal lets it", "dim")

    def _other_way(self) -> str:
        """How to have what is too much to copy, where there is a way."""
        actions = self.app.stage.manner.actions(self.PLACES, read_only=False)
        keys = [keymap.key_sign(each.keys[0]) for each in actions if each.id.startswith("export")]
        return f"; {keys[0]} writes to a file" if keys else ""

    def action_back(self) -> None:
        """Leave this screen for the one it was opened from."""
        self.dismiss()


class TextScreen(ConsoleScreen):
    """A page of text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = TextView()

    def compose_body(self) -> Iterable[Widget]:
        """The text."""
        yield self.text

    def show_board(self, view: ViewState) -> None:
        """Show the lines as they are now."""
        redact = view.manner.redactor.text
        self.text.show(line._replace(text=redact(line.text)) for line in self.lines(view))

    def copied(self) -> list[str]:
        """All lines, each with its label."""
        return self.text.plain()

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """What there is to read."""
        raise NotImplementedError


class ListScreen(ConsoleScreen):
    """A page with a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[Any] = self.make_table()
        self._seen: Snapshot | None = None
        #: When what is listed was read, where that is later than what is frozen.
        self.late: datetime | None = None
        place = listed_in(type(self))
        self.table.show_columns(self.app.settings.columns.get(place) if place else None)

    def has_news(self, view: ViewState) -> bool:
        """Whether there was a look since this was last asked. A frozen display takes in none but
        the one that it was frozen at: what a screen reads for that is later, which is said."""
        newest = view.look.snapshot
        if newest is self._seen:
            return False
        self._seen = newest
        self.tell_late()
        return True

    def tell_late(self) -> None:
        """Say that what is read now is later than what is frozen, where it is."""
        view = self.app.stage.view()
        self.late = view.newest if view.is_late else None
        if self.late is not None:
            moment = f"{self.late.astimezone():%H:%M:%S}"
            self.app.say(f"this list is read now, at {moment}: later than what is frozen", "warn")

    def make_table(self) -> Table[Any]:
        """The table, without rows."""
        raise NotImplementedError

    def compose_body(self) -> Iterable[Widget]:
        """The table."""
        yield self.table
