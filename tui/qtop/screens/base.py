"""What all screens of the console have in common: the bars around, and keys from the key map."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.keys import _character_to_key
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from qtop.actions.request import Request, placed
from qtop.config.own_commands import key_clash
from qtop.config.settings import SCREENS, BadSettings, Settings
from qtop.keymap import keymap
from qtop.keymap.keymap import Where, clashes, typed_in_fields
from qtop.monitor.state import ALL, ViewState
from qtop.screens import frame
from qtop.screens.console import Console
from qtop.screens.frame import take_shape
from qtop.search.fields import Subject
from qtop.search.filter_language import BadFilter, parse
from qtop.search.saved_filters import expanded
from qtop.text.safe import counted
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import WIDE_CELLS, Column, arranged, system_column
from qtop.widgets.list_pane import MARKS_GONE, ListOwner, ListPane, marks_spans
from qtop.widgets.panel import Panel
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import TextView

if TYPE_CHECKING:
    from qtop.screens.preview import RowLook

#: Terminals drop longer clipboards, or the connection.
MOST_COPIED: Final = 74_000
#: What the numbered screens are called in titles.
_TITLES: Final[Mapping[str, str]] = {
    name: keymap.PLACES[name].removeprefix("on ") for name in keymap.SCREENS
}


def listed_in(screen: type[ConsoleScreen]) -> Where | None:
    """What the settings call the columns of a screen's table; None when they cannot be chosen."""
    return next((place for place in screen.PLACES if place in SCREENS), None)


class ConsoleScreen(Screen[None]):
    """A whole page: status, tabs, trouble if there is any, a body, the last result, keys.

    The widgets are attributes: polls may come while they are not mounted yet, or no longer.
    """

    AUTO_FOCUS = "Table, TextView"
    PLACES: ClassVar[tuple[Where, ...]] = ()
    TAB: ClassVar[Where] = "queues"

    #: What it is called behind those that it was opened from; empty: as its tab.
    NAME: ClassVar[str] = ""

    #: The list, or the text, of a screen that is one; `bars` are the lines above it, in its frame.
    pane: ListPane | None = None
    text: TextView | None = None

    if TYPE_CHECKING:
        # Textual declares it as any app.
        @property
        def app(self) -> Console: ...  # type: ignore[override]

    def __init_subclass__(cls) -> None:
        """Bind the keys of the screen's places; tables and texts have their own."""
        cls.BINDINGS = [
            Binding(",".join(action.keys), action.id, action.label, show=False, id=action.id)
            for action in keymap.of(set(cls.PLACES))
            if "." not in action.id and "everywhere" not in action.where
        ]
        super().__init_subclass__()

    def __init__(self) -> None:
        super().__init__()
        take_shape(self)
        for command in self.app.settings.commands:
            if command.key and set(command.where) & set(self.PLACES):
                key = command.key
                key = _character_to_key(key) if len(key) == 1 else key
                self._bindings.bind(key, f"own_command({command.name!r})")
        self._status, self._tabs, self._trouble = (Bar(id=i) for i in ("status", "tabs", "trouble"))
        self._result, self._keys = Bar(id="result"), Bar(id="keys")
        self.bars: list[Bar] = []
        #: The frame around the text, where the screen is one.
        self._text_panel = Panel()
        self._repeating: list[Timer] = []
        self._seen: object | None = None
        #: The place that was shown last; None before the first frame.
        self._shown: str | None = None
        #: On which rows the cursors of the tables were when each place was shown last.
        self._cursors: dict[str, list[Hashable]] = {}
        #: Its rows are of one system, whatever is shown.
        self.is_of_one = False
        #: When what is listed was read, where that is later than what is frozen.
        self.late: datetime | None = None

    def compose(self) -> ComposeResult:
        yield self._status
        yield self._tabs
        yield self._trouble
        yield from self.compose_body()
        yield self._result
        yield self._keys

    def compose_body(self) -> Iterable[Widget]:
        if self.pane is not None:
            self.pane.above = self.bars
            yield self.pane
        if self.text is not None:
            with self._text_panel:
                yield self.text

    def show_view(self, view: ViewState) -> None:
        """Show what the screen is for: its lines without secrets, where it is a text."""
        if self.text is not None:
            redact = view.policy.redactor.text
            self.text.show(line._replace(text=redact(line.text)) for line in self.lines(view))

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """What there is to read."""
        raise NotImplementedError

    def show(self, view: ViewState) -> None:
        """Show the state of the console. Cost: what has changed."""
        before, self._shown = self._shown, view.shown
        is_other = before not in (None, view.shown)
        if is_other:
            self._cursors.pop(before or "", None)
            self._cursors[before or ""] = [table.cursor_key for table in self.tables]
            self.place_changed()
        width = self.app.size.width
        self._status.show(*frame.status(view, width))
        self._tabs.show(*frame.tabs(view, self.TAB, width))
        trouble = frame.trouble(view)
        self._trouble.show(trouble)
        # Shown only when needed: the list gets its line.
        self._trouble.display = bool(trouble)
        places = {*self.PLACES, "everywhere"}
        shown = frame.footer(places, read_only=view.read_only, policy=view.policy, on=view.on)
        self._keys.show(*shown)
        self._status.set_class(view.policy.production is not None, "-production")
        lead, is_old = (None, None) if self.is_of_one else _of_places(view, self.app.size.width)
        for table in self.tables:
            table.redact_with(view.policy.redactor.text)
            table.stale = view.is_stale
            table.lead_with(lead)
            table.dim_rows(is_old)
        self.show_view(view)
        self.show_title()
        self.place_preview()
        if is_other:
            self._restore_cursors(before or "", view.shown)

    def _restore_cursors(self, before: str, shown: str) -> None:
        """Put the cursors on the rows where they were, and where those are not shown now, on those
        where they were when this place was shown last, or another one."""
        places = (before, shown, *reversed(self._cursors))
        for at, table in enumerate(self.tables):
            keys = (self._cursors.get(place, []) for place in places)
            any(at < len(each) and table.move_to(each[at]) for each in keys)

    def reveal_row(self, key: Hashable) -> None:
        """Show a row that is part of another one, before the cursor goes to it."""

    # The title

    @property
    def name(self) -> str:
        """What it is called behind those that it was opened from: a safe text."""
        return self.NAME or keymap.PLACES[self.TAB].removeprefix("on ")

    def heading(self) -> list[Span]:
        """What the title says, behind where it was opened from."""
        return [Span(self.name, "strong", 95, least=8)]

    def opened_from(self) -> list[Span]:
        """The screens behind this one, from the numbered one on."""
        pages = [each for each in self.app.screen_stack if isinstance(each, ConsoleScreen)]
        if self not in pages:
            return []
        behind = [each.name for each in pages[: pages.index(self)]]
        linked = [_TITLES.get(name, name) for name in self.app.trail]
        return [Span(f"{name} > ", "dim", 45, least=10) for name in (*linked, *behind)]

    def show_title(self) -> None:
        """Say in the frame what this is, and where it was opened from."""
        title = [*self.opened_from(), *self.heading()]
        if self.pane is not None:
            self.pane.entitle([*title, *marks_spans(self.pane.table)])
        elif self.text is not None:
            self._text_panel.show(title)

    # The preview

    def look_at(self, row: Any) -> RowLook | None:
        """What a preview says of a row; None: nothing besides what the list shows."""
        return None

    def redact(self, text: str) -> str:
        """A text without secrets, unless those are shown."""
        return self.app.state.policy.redactor.text(text)

    def place_preview(self) -> None:
        """Give the preview a place, and show in it what is under the cursor."""
        if self.pane is not None:
            self.pane.place_preview(self.app.size.width, wants_preview=self.app.shows_preview)

    def on_resize(self, event: events.Resize) -> None:
        """What has room depends on the size; that of the parts is known a moment later."""
        self.call_after_refresh(lambda: self.show(self.app.state.view()))

    def action_preview(self) -> None:
        """Show previews, or none from now on; where that changes nothing here, it is said."""
        wants = self.app.shows_preview = not self.app.shows_preview
        preview = None if self.pane is None else self.pane.preview
        was_shown = preview is not None and preview.display
        self.place_preview()
        if preview is not None and preview.display == was_shown:
            self.say("preview on, but it has no room here" if wants else "preview off", "dim")

    def place_changed(self) -> None:
        """Another place is shown, or all are, from now on: what was read of the system is that of
        others. Called before what is new is shown."""

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
        for timer in self._repeating:
            timer.resume()

    def on_screen_suspend(self) -> None:
        """Read nothing while another screen is in front."""
        for timer in self._repeating:
            timer.pause()

    # What a screen reads by itself

    def repeat(self, every_s: float, work: Callable[[], None]) -> None:
        """Do something now and again and again, while this screen is in front."""
        self._repeating.append(self.set_interval(every_s, work))
        work()

    def has_news(self, view: ViewState) -> bool:
        """Whether there was a poll since this was last asked. A frozen display takes in none but
        the one that it was frozen at: what a screen reads for that is later, which is said."""
        newest = view.poll.snapshot
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

    @property
    def now(self) -> datetime:
        """The server's clock at the poll that is shown, or when what is listed was read."""
        if self.late is not None:
            return self.late
        fleet = self.app.state.view().fleet
        return datetime.now(UTC) if fleet is None else fleet.server_time

    @property
    def is_frozen(self) -> bool:
        return self.app.state.view().frozen_since_mono is not None

    def in_background(
        self, group: str, work: Callable[[], Coroutine[Any, Any, None]], *, exclusive: bool = True
    ) -> None:
        """Begin some work; with `exclusive` instead of what is under way in its group."""
        # A function and not a coroutine: what is given up before it began leaves nothing behind.
        self.run_worker(work, exclusive=exclusive, group=group)  # type: ignore[arg-type]

    # Keys

    def action_undo(self) -> None:
        self.app.actions.undo()

    def action_freeze(self) -> None:
        self.app.toggle_freeze()

    def action_pause_all(self) -> None:
        self.app.actions.pause_or_resume_all()

    def action_start_workers(self) -> None:
        self.app.worker_actions.ask(["*"])

    def copied(self) -> list[str]:
        """The lines to copy: safe texts."""
        if self.text is not None:
            return self.text.plain()
        return [] if self.pane is None else self.pane.copied()

    def ticket(self) -> list[str]:
        """The lines of a ticket about what was chosen: safe texts; none where there is none."""
        return []

    def action_copy_ticket(self) -> None:
        """Copy the text of a ticket."""
        self._copy(self.ticket())

    def action_copy(self) -> None:
        """Copy what was chosen, by way of the terminal: it works over ssh as well."""
        self._copy(self.copied())

    def _copy(self, plain: Iterable[str]) -> None:
        redact = self.app.state.policy.redactor.text
        lines = [redact(line) for line in plain]
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
        """Take the filter away; without one, leave this screen for the one it was opened from."""
        if self.pane is None or self.pane.filter.is_empty:
            self.dismiss()
        else:
            self.pane.set_filter("")

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Leave, if this is the screen in front; see `FrontScreen`."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def ask_of(
        self, rows: Sequence[Any], make: Callable[[list[Any]], Request], action_id: str
    ) -> None:
        """Ask for an action on rows, each of its own system. Where some cannot do it, it is for the
        others; where none can, it is said why."""
        lacking = self.app.state.lacking(action_id)
        if rows and all(row.system in lacking for row in rows):
            self.app.say("; ".join(dict.fromkeys(lacking[row.system] for row in rows)), "warn")
            return
        table = None if self.pane is None else self.pane.table
        self.app.actions.request(placed(rows, make, lacking), table)

    # The list, where the screen is one

    @property
    def tables(self) -> Sequence[Table[Any]]:
        """The tables, also those that are not on the screen yet."""
        return () if self.pane is None else self.pane.tables

    def new_pane(self, table: Table[Any], marks_gone: str = MARKS_GONE) -> ListPane:
        """The list of a screen that is a `ListOwner`; see `ListPane`."""
        place = listed_in(type(self))
        table.show_columns(self.app.settings.columns.get(place) if place else None)
        remembered = self.app.remembered_filters(type(self).__name__)
        saved = self.app.settings.filters
        pane = ListPane(cast(ListOwner, self), table, remembered, marks_gone, saved)
        if "preview" in {action.id for action in keymap.of(set(self.PLACES))}:
            # Imported here: Overview has none, and the first frame must not wait.
            from qtop.screens.preview import RowPreview

            pane.preview = RowPreview(self, self.app.clock)
        return pane

    @property
    def no_match(self) -> str:
        is_numbered = "lists" in self.PLACES
        key = self.app.state.policy.sign("clear_filter" if is_numbered else "back")
        return f"Nothing matches the filter; {key} takes it away."

    def tell(self, text: str, tone: str = "") -> None:
        self.app.say(text, tone)

    def action_filter(self) -> None:
        if self.pane is not None:
            self.pane.ask_for_filter()

    def action_clear_filter(self) -> None:
        """Back to where a link came from, or show everything again."""
        if self.pane is not None and not self.app.go_back(self.pane):
            self.pane.set_filter("")

    def action_next_sort(self) -> None:
        if self.pane is not None:
            self.pane.next_sort()

    def own_row(self) -> Subject | None:
        """What a command of the settings is about: the row under the cursor, if there is one."""
        row = None if self.pane is None else self.pane.table.cursor_row
        return None if row is None else cast(ListOwner, self).subject(row)

    def action_own_command(self, name: str) -> None:
        """Run a command of the settings."""
        command = next((each for each in self.app.settings.commands if each.name == name), None)
        if command is not None:
            self.app.own_commands.request(command, self.own_row())

    def action_choose_columns(self) -> None:
        """Choose the columns of the list. What is chosen holds as if the settings said so."""
        # Imported here: seldom needed.
        from qtop.screens.column_chooser import ColumnDialog, choices

        place, pane = listed_in(type(self)), self.pane
        known = {each.key: each for each in columns().get(place or "", ())}
        if place is None or pane is None or not known.keys() >= set(pane.table.column_keys):
            self.app.say("the columns of this list cannot be chosen", "dim")
            return
        table = pane.table

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys is not None:
                self.app.settings = self.app.settings.with_columns(place, keys)
                table.show_columns(keys)
                table.refresh()

        offered = choices(list(known.values()), table.column_keys)
        self.app.push_screen(ColumnDialog(place, offered), chosen)

    def action_reverse_sort(self) -> None:
        if self.pane is not None:
            self.pane.table.reverse_sort()


def _of_places(
    view: ViewState, cells: int
) -> tuple[Column[Any] | None, Callable[[Any], bool] | None]:
    """The column that says of which system each row is, and which rows are of a place that does not
    answer; none where only one place is shown."""
    if not view.parts:
        return None, None
    failing = view.failing

    def is_old(row: Any) -> bool:
        return getattr(row, "system", "") in failing

    labels = tuple(part.label for part in view.parts)
    column = system_column(labels, is_wide=cells >= WIDE_CELLS)
    return column, is_old if failing and not view.is_stale else None


class TextScreen(ConsoleScreen):
    """A page of text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = TextView()


class RowsScreen(ConsoleScreen):
    """A list: its `ListPane`, and what that asks of a screen.

    A filter looks at the rows there are. A screen that knows better (it reads only a window of a
    long list) overrides `filter_changed`.
    """

    pane: ListPane

    def __init__(self) -> None:
        super().__init__()
        self.pane = self.new_pane(self.make_table())

    @property
    def table(self) -> Table[Any]:
        return self.pane.table

    # What a list defines

    def make_table(self) -> Table[Any]:
        """The table, without rows."""
        raise NotImplementedError

    def subject(self, row: Any) -> Subject:
        """A row as filters see it."""
        raise NotImplementedError

    def values_of(self, field: str) -> Iterable[str]:
        return self.pane.values_of(field)

    def hides(self, row: Any) -> bool:
        shown, system = self.app.state.view().shown, getattr(row, "system", "")
        return shown not in ("", ALL) and system not in ("", shown)

    def filter_changed(self) -> None:
        self.pane.show_rows(self.pane.rows)

    def on_table_marked(self) -> None:
        self.show_title()

    def heading(self) -> list[Span]:
        """How many rows there are, whatever a filter shows of them."""
        number = f" {len(self.pane.rows):,}" if self.pane.rows else ""
        return [*super().heading(), Span(number, "dim", 90), *self.figures()]

    def figures(self) -> list[Span]:
        """What the title says of the rows besides their number."""
        return []

    def shown_of(self) -> str:
        return self.pane.shown_of()


# Whether the settings fit the screens: keys that mean two things, columns that do not exist.


def load_screens() -> None:
    """Import the pages that are imported late: all that a digit shows, jobs, the help."""
    for name in (*SCREENS, "running", "help", "findings"):
        import_module(f"qtop.screens.{name}")


def screens() -> Iterator[type[ConsoleScreen]]:
    """All pages of the console."""
    load_screens()
    waiting: list[type[ConsoleScreen]] = [ConsoleScreen]
    while waiting:
        page = waiting.pop()
        waiting += page.__subclasses__()
        if page.PLACES:
            yield page


def check_settings(settings: Settings) -> None:
    """Raises BadSettings, which names the place in the file, when keys, columns or saved filters do
    not fit."""
    for name, text in settings.filters.items():
        try:
            parse(expanded(text, {}))
        except BadFilter as error:
            where = settings.origins[f"filters.{name}"]
            raise BadSettings(f"{where}: {name}: {error}") from None
    if settings.keys:
        places = [{*page.PLACES, "everywhere"} for page in screens()]
        places += [{"dialogs"}, {"filter"}, {"palette"}]
        wrong = clashes(keymap.ACTIONS, settings.keys, places)
        wrong += typed_in_fields(keymap.ACTIONS, settings.keys)
        for action_id, sentence in wrong:
            where = settings.origins[f"keys.{action_id}"]
            raise BadSettings(f"{where}: {action_id}: {sentence}")
    _check_own_keys(settings)
    known = columns() if settings.columns else {}
    for place, keys in settings.columns.items():
        try:
            if place not in known:
                raise ValueError(f"the columns of {place} cannot be chosen")
            arranged(known[place], keys)
        except ValueError as error:
            raise BadSettings(f"{settings.origins[f'columns.{place}']}: {error}") from None


def _check_own_keys(settings: Settings) -> None:
    """Raises BadSettings where a command of the settings has a key that does something else."""
    commands = settings.commands
    if not any(command.key for command in commands):
        return
    places = [{*page.PLACES, "everywhere"} for page in screens()]

    def taken(on: set[Where]) -> dict[str, str]:
        actions = keymap.of(on, rebound=settings.keys)
        return {key: action.id for action in actions for key in action.keys}

    for at, command in enumerate(commands):
        clash = key_clash(command, commands[:at], places, taken)
        if clash is not None:
            where = settings.origins[f"commands.{command.name}"]
            raise BadSettings(f"{where}: {command.name}: {clash}")


def columns() -> dict[str, Sequence[Column[Any]]]:
    """The columns that can be chosen from, by screen: the COLUMNS of its module."""
    found: dict[str, Sequence[Column[Any]]] = {}
    for page in screens():
        place, known = listed_in(page), getattr(sys.modules[page.__module__], "COLUMNS", None)
        if place is not None and known is not None and "rows" in page.PLACES:
            found[place] = known
    return found
