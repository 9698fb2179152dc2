"""What all screens of the console have in common: the bars around, and keys from the key map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from qtop.config.settings import SCREENS
from qtop.keymap import keymap
from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.console import Console
from qtop.screens.frame import FrontScreen
from qtop.search import filter_language
from qtop.search.fields import Subject
from qtop.search.filter_language import BadFilter, Filter
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.filter_input import FilterInput
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import TextView

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
        def app(self) -> Console: ...  # type: ignore[override]

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

    def show_view(self, view: ViewState) -> None:
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
        shown = frame_texts.footer(places, read_only=view.read_only, policy=view.policy, on=view.on)
        self._keys.show(*shown)
        self._status.set_class(view.policy.production is not None, "-production")
        for table in self.query(Table):
            table.redact_with(view.policy.redactor.text)
        self.show_view(view)

    def say(self, text: str, tone: str = "") -> None:
        """Show a safe one-line result until the next one."""
        self._result.show([Span(f" {text}", tone)])

    def on_mount(self) -> None:
        """Show the first frame: there may be no data yet."""
        self.show(self.app.state.view())
        self.say(*self.app.word_on(self))

    def on_screen_resume(self) -> None:
        """Show what happened while another screen was in front."""
        if self.is_mounted:
            self.show(self.app.state.view())
            self.say(*self.app.word_on(self))

    def action_undo(self) -> None:
        """Take back the last action."""
        self.app.actions.undo()

    def copied(self) -> list[str]:
        """The lines to copy: safe texts."""
        raise NotImplementedError

    def action_copy(self) -> None:
        """Copy what was chosen, by way of the terminal: it works over ssh as well."""
        redact = self.app.state.policy.redactor.text
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
        actions = self.app.state.policy.actions(self.PLACES, read_only=False)
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

    def show_view(self, view: ViewState) -> None:
        """Show the lines as they are now."""
        redact = view.policy.redactor.text
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
        self._seen: object | None = None
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
        view = self.app.state.view()
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


# What all lists have in common: a filter, marks, an order.


class RowsScreen(ListScreen):
    """A list whose rows can be filtered, marked and sorted.

    A filter looks at the rows there are. A screen that knows better (it reads only a window of a
    long list) overrides `filter_changed`.
    """

    marks_gone: ClassVar[str] = "what was marked is not listed any more: nothing was done"

    def __init__(self) -> None:
        super().__init__()
        self.filter = Filter("")
        self._all_rows: Sequence[Any] = ()
        self._typing: str | None = None
        self._filter_line = Bar(id="filter-line")
        self._filter_line.display = False
        place = type(self).__name__
        self._filter_bar = FilterInput(self.values_of, self.app.remembered_filters(place))

    # What a list defines

    def subject(self, row: Any) -> Subject:
        """A row as filters see it."""
        raise NotImplementedError

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field of a filter with. O(rows)."""
        found: set[str] = set()
        for row in self._all_rows:
            value = getattr(self.subject(row), "class_name" if field == "class" else field, None)
            if isinstance(value, str):
                found.add(safe(value))
        return found

    def filter_changed(self) -> None:
        """Show what matches now."""
        self.show_rows(self._all_rows)

    def shown_of(self) -> str:
        """How many rows match, of how many."""
        return f"{self.table.row_count:,} of {len(self._all_rows):,}"

    # For the lists

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show the rows that match. O(rows) with a filter."""
        self._all_rows = rows
        if not self.filter.is_empty:
            rows = [row for row in rows if self.filter.matches(self.subject(row))]
            self.table.empty_text = self.no_match
        self.table.set_rows(rows)
        self._show_filter()

    def chosen(self) -> list[Any]:
        """The marked rows, else the one under the cursor."""
        row = self.table.cursor_row
        return self.table.marked_rows() or ([] if row is None else [row])

    @property
    def no_match(self) -> str:
        """What an empty list says when there is a filter."""
        is_numbered = "lists" in self.PLACES
        key = self.app.state.policy.sign("clear_filter" if is_numbered else "back")
        return f"Nothing matches the filter; {key} takes it away."

    def meant(self) -> list[Any]:
        """The rows that an action is for: the chosen ones; none when those that were marked have
        gone: who marked some does not mean another."""
        if self.table.dropped_marks and not self.table.marked_rows():
            self.table.clear_marks()
            self.app.say(self.marks_gone, "warn")
            return []
        return self.chosen()

    def copied(self) -> list[str]:
        """The chosen rows, their cells with tabs between them."""
        return [self.table.row_text(row) for row in self.chosen()]

    def compose_body(self) -> Iterable[Widget]:
        """The table, and the filter below it."""
        yield self.table
        yield self._filter_line
        yield self._filter_bar

    def set_filter(self, text: str) -> bool:
        """Show only what matches; False when the text makes no filter, and the reason is said."""
        try:
            wanted = filter_language.parse(text)
        except BadFilter as error:
            self.app.say(safe(str(error)), "warn")
            return False
        if wanted.text != self.filter.text:
            self.filter = wanted
            self.filter_changed()
        self._show_filter()
        return True

    def _show_filter(self) -> None:
        self._filter_line.display = not self.filter.is_empty and not self._filter_bar.display
        if self._filter_line.display:
            text = Span(f" {safe(self.filter.text)}", "strong", 80, least=8)
            count = Span(f"  {self.shown_of()} ", "dim", 85)
            self._filter_line.show([Span(" filter ", "flag", 90), text], [count])

    # Keys

    def action_filter(self) -> None:
        """Ask for a filter."""
        self._typing = self.filter.text
        self._filter_bar.ask(self.filter.text)
        self._show_filter()

    def action_back(self) -> None:
        """Take the filter away; without one, leave the screen for the one before."""
        if not self.filter.is_empty:
            self.set_filter("")
        else:
            super().action_back()

    def action_next_sort(self) -> None:
        """Sort by the next column."""
        self.table.next_sort()

    def action_reverse_sort(self) -> None:
        """Sort the other way round."""
        self.table.reverse_sort()

    def on_filter_input_typed(self, event: FilterInput.Typed) -> None:
        """Filter while it is typed, as far as it makes sense."""
        event.stop()
        try:
            filter_language.parse(event.text)
        except BadFilter as error:
            self.app.say(safe(str(error)), "dim")
        else:
            self.app.say("")
            self.set_filter(event.text)

    def on_filter_input_left(self, event: FilterInput.Left) -> None:
        """Use what was typed, or what there was before."""
        event.stop()
        before = self._typing or ""
        if event.text is None or not self.set_filter(event.text):
            self.set_filter(before)
        self.table.focus()


class MainKeys(ConsoleScreen):
    """The keys that all numbered screens have."""

    def action_freeze(self) -> None:
        """Stop the display, or let it go on."""
        self.app.toggle_freeze()

    def action_pause_all(self) -> None:
        """Pause everything, or resume it."""
        self.app.actions.pause_or_resume_all(is_paused=self.app.state.is_paused)

    def action_start_workers(self) -> None:
        """Ask which workers to start here."""
        self.app.actions.local.ask(["*"])


class MainScreen(MainKeys, RowsScreen):
    """One of the console's numbered lists."""

    def action_clear_filter(self) -> None:
        """Back to where a lead came from, or show everything again."""
        back = self.app.way_back(self.filter.text)
        self.set_filter("")
        if back is not None:
            self.app.switch_mode(back)
