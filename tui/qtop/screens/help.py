"""What the keys do: those of the screen in front first, then all others; and the palette, which
finds them by their words. From the key map."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from qtop.actions.plan import danger_in_production
from qtop.keymap import keymap
from qtop.keymap.keymap import COMMANDS, DANGERS, OTHER_NAMES, SYNONYMS, Action, Where
from qtop.monitor.incidents.incident import Link
from qtop.monitor.state import UiPolicy, ViewState
from qtop.screens.base import TextScreen
from qtop.screens.frame import FrontScreen
from qtop.search.filter_language import BadFilter, parse
from qtop.text.safe import pad, safe
from qtop.widgets.columns import Column
from qtop.widgets.filter_input import InputField
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine

_KEY_CELLS = 16
_USUAL = UiPolicy()


#: What many screens have in common: listed after what a screen has of its own.
_COMMON: Final[tuple[Where, ...]] = ("tables", "texts", "everywhere")


def help_lines(
    here: Collection[Where] = (), *, read_only: bool, policy: UiPolicy = _USUAL
) -> Iterator[TextLine]:
    """The key map as text, each action once: what works `here` first, then moving about and what
    works everywhere, then the other places."""
    known = _known(read_only, policy)
    own = set(here).difference(_COMMON)
    first = [action for action in known if action.works_in(own)]
    if first:
        named = [place for place in here if place in own.difference(("rows", "lists"))]
        yield from _section(f"here, {keymap.PLACES[named[-1]]}", first, policy, is_here=True)
    common = [place for place in _COMMON if place in here or place == "everywhere"]
    for place in (*common, *(each for each in keymap.PLACES if each not in common)):
        actions = [each for each in known if each.where[0] == place and each not in first]
        if actions:
            yield from _section(keymap.PLACES[place], actions, policy)
    if read_only:
        yield TextLine("This console is read-only: keys that change something are left out.", "dim")
    yield TextLine("What the columns mean", "title")
    yield from _COLUMNS


def _known(read_only: bool, policy: UiPolicy) -> list[Action]:
    """All actions, also those that give way to others in some place, in the order of the map."""
    found = {
        action.id: action
        for place in keymap.PLACES
        for action in keymap.of({place}, read_only=read_only, rebound=policy.rebound)
    }
    return [policy.worded(found[each.id]) for each in keymap.ACTIONS if each.id in found]


def _section(
    title: str, actions: Iterable[Action], policy: UiPolicy, *, is_here: bool = False
) -> Iterator[TextLine]:
    """A heading, and a line for each action; where else it works does not matter here."""
    yield TextLine(title[0].upper() + title[1:], "title")
    for action in actions:
        also = [] if is_here else [keymap.PLACES[other] for other in action.where[1:]]
        yield TextLine(_described(action, also, policy), "", pad(keymap.signs(action), _KEY_CELLS))
    yield TextLine("")


def _described(action: Action, also: Iterable[str], policy: UiPolicy) -> str:
    danger = keymap.DANGERS[danger_in_production(action.danger, policy.production)]
    not_on = [f"not {keymap.PLACES[other]}" for other in action.but_not]
    forbidden = policy.forbidden.get(action.id, "")
    every = (*(f"also {each}" for each in also), *not_on, danger, forbidden)
    notes = "; ".join(note for note in every if note)
    return f"{action.help} ({notes})" if notes else action.help


_COLUMNS = tuple(
    TextLine(meaning, "", column)
    for column, meaning in (
        ("in/s out/s", "jobs a second over the last 10 s; ~ is an estimate from the workers"),
        ("trend", "how the number of waiting jobs changed over the last 60 looks"),
        ("empty in", "at these rates; never: it grows, or nothing takes from it"),
        ("next waits", "how long the next job has waited, seen each 10 s; ActiveJob's jobs tell"),
        ("workers", "workers that take from the queue and are not dead"),
        ("in hand", "jobs of the queue that workers hold now"),
        ("failed", "of the 500 newest failures; 7+ when older ones were not looked at"),
        ("–", "unknown, which is not zero"),  # noqa: RUF001
    )
)


class HelpScreen(TextScreen):
    """The help.

    Args:
        here: Where it was asked for: the places of the screen in front.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("texts",)
    TAB: ClassVar[Where] = "everywhere"
    NAME = "keys"

    def __init__(self, here: Collection[Where]) -> None:
        super().__init__()
        self._here = here

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        return help_lines(self._here, read_only=view.read_only, policy=view.policy)


# Everything that can be done here, found by typing a part of its words.

PALETTE_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("enter", "run", show=False, id="palette.run", priority=True),
    Binding("escape", "leave", show=False, id="palette.leave"),
    Binding("down", "next", show=False, id="palette.next", priority=True),
    Binding("up", "previous", show=False, id="palette.previous", priority=True),
)
"""Every key the palette answers, for the console's table of keys."""

#: What is chosen: an action, a place to go to, nothing.
PaletteChoice = Action | Link | None


def _safety(action: Action) -> str:
    # The table's words are Markdown, for the README.
    return DANGERS[action.danger].replace("`", "")


COLUMNS: Final[tuple[Column[Action], ...]] = (
    Column("key", "key", 6, lambda action: keymap.signs(action), priority=90, style="accent"),
    Column("help", "what it does", 30, lambda action: action.help, flex=1, priority=100),
    Column("danger", "safety", 12, _safety, priority=50, style="dim"),
)


def matching(actions: Sequence[Action], text: str) -> list[Action]:
    """The actions whose words contain each typed word; then those of which only a synonym does."""
    words = text.casefold().split()
    own = {each.id: f"{each.help} {each.label} {keymap.signs(each)}".casefold() for each in actions}
    named = [each for each in actions if all(word in own[each.id] for word in words)]
    called = [
        each
        for each in actions
        if all(word in f"{own[each.id]} {SYNONYMS.get(each.id, '')}" for word in words)
    ]
    return [*named, *(each for each in called if each not in named)]


def place_of(text: str) -> Link | None:
    """Where to go, for a screen's name and a filter, such as `failed class:Mail`; None when it is
    not both."""
    name, _, wanted = text.strip().partition(" ")
    name = OTHER_NAMES.get(name.casefold(), name.casefold())
    place = next((each for each in keymap.SCREENS if each == name and each != "overview"), None)
    if place is None or not wanted.strip():
        return None
    try:
        return Link(place, filter=parse(wanted).text)
    except BadFilter:
        return None


def nothing_word(text: str) -> str:
    link = place_of(text)
    if link is not None:
        return f"Enter shows {link.place}, filtered by: {safe(link.filter)}"
    word = text.split()[0].casefold() if text.split() else ""
    if word in COMMANDS:
        return f"That is a command for a shell: qtop {word} --help tells more."
    return "Nothing here is called so; ? lists all keys, / filters a list."


class PaletteScreen(FrontScreen[PaletteChoice], ModalScreen[PaletteChoice]):
    """A line to type in, and the actions that match. Gives the one that was chosen, or where to go.

    Args:
        places: Where the keys work that are offered.
        read_only: Leave out what changes something.
        policy: Which keys do it, and what the server refuses.
    """

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        *PALETTE_BINDINGS,
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(self, places: Collection[Where], *, read_only: bool, policy: UiPolicy) -> None:
        super().__init__()
        actions = policy.actions(places, read_only=read_only)
        self._actions = [action for action in actions if action.id != "palette"]
        self._table = Table(COLUMNS, key=lambda action: action.id, markable=False)
        self._table.can_focus = False

    def compose(self) -> ComposeResult:
        with Vertical(id="palette"):
            yield InputField(placeholder="what do you want to do?", id="wish", compact=True)
            yield self._table

    def on_mount(self) -> None:
        self._table.set_rows(self._actions)

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        self._table.empty_text = nothing_word(event.value)
        self._table.set_rows(matching(self._actions, event.value))
        self._table.action_cursor_first()

    def on_table_opened(self, event: Table.Opened[Action]) -> None:
        self.dismiss(event.row)

    def action_run(self) -> None:
        """Choose the one under the cursor, or go where the words lead."""
        row = self._table.cursor_row
        chosen = place_of(self.query_one(Input).value) if row is None else row
        if chosen is not None:
            self.dismiss(chosen)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_next(self) -> None:
        self._table.action_move(1)

    def action_previous(self) -> None:
        self._table.action_move(-1)
