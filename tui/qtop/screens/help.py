"""What the keys do: those of the screen in front first, then all others. From the key map."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar, Final

from qtop.actions.plan import danger_in_production
from qtop.config.own_commands import OwnCommand
from qtop.keymap import keymap
from qtop.keymap.keymap import Action, Danger, Where
from qtop.monitor.state import UiPolicy, ViewState
from qtop.screens.base import TextScreen
from qtop.text.safe import pad, safe
from qtop.widgets.text_lines import TextLine

_KEY_CELLS = 16
#: What comes between a key and its action, as a sign after the keys; the legend is at the end.
_SIGNS: Final[dict[Danger, str]] = {"none": " ", "undoable": "u", "confirm": "?", "typed": "!"}
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
    yield TextLine("What the signs mean", "title")
    for danger in _SIGNS:
        if danger != "none" and danger_in_production(danger, policy.production) == danger:
            yield TextLine(keymap.DANGERS[danger].replace("`", ""), "", _label("", danger))
    yield TextLine("")
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
        danger = danger_in_production(action.danger, policy.production)
        yield TextLine(_described(action, also, policy), "", _label(keymap.signs(action), danger))
    yield TextLine("")


def _label(keys: str, danger: Danger) -> str:
    return f"{pad(keys, _KEY_CELLS)}{_SIGNS[danger]}"


def _described(action: Action, also: Iterable[str], policy: UiPolicy) -> str:
    not_on = [f"not {keymap.PLACES[other]}" for other in action.but_not]
    forbidden = policy.forbidden.get(action.id, "")
    every = (*(f"also {each}" for each in also), *not_on, forbidden)
    notes = "; ".join(note for note in every if note)
    return f"{action.help} ({notes})" if notes else action.help


_COLUMNS = tuple(
    TextLine(meaning, "", column)
    for column, meaning in (
        ("in/s out/s", "jobs a second over the last 10 s; ~ is an estimate from the workers"),
        ("trend", "the number of waiting jobs over the last 60 refreshes"),
        ("empty in", "time to empty at these rates; never: it grows, or no jobs are taken"),
        ("oldest age", "age of the oldest job, read each 10 s; only where its payload has a time"),
        ("workers", "live workers that serve the queue"),
        ("running", "jobs of the queue that workers run now"),
        ("failed", "among the 500 newest failures; 7+: there are older ones"),
        ("–", "unknown (not zero)"),  # noqa: RUF001
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
        yield from _own_lines(self.app.settings.commands, self._here)
        yield from help_lines(self._here, read_only=view.read_only, policy=view.policy)


def _own_lines(commands: Iterable[OwnCommand], here: Collection[Where]) -> Iterator[TextLine]:
    """The commands of the settings that work here."""
    listed = [each for each in commands if set(each.where) & set(here)]
    if listed:
        yield TextLine("Commands of the settings", "title")
        for each in listed:
            danger: Danger = "confirm" if each.confirm else "none"
            key = _label(keymap.key_sign(each.key), danger)
            yield TextLine(f"{each.name}: {safe(' '.join(each.run))}", "", key)
        yield TextLine("")
