"""All keys, from the key map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from qtop import keymap
from qtop.display.text import pad
from qtop.keymap import Where
from qtop.manner import Manner
from qtop.plans import ladder
from qtop.screens.base import TextScreen, bindings
from qtop.stage import View
from qtop.widgets.text_lines import TextLine

_KEY_CELLS = 16
_USUAL = Manner()


def help_lines(*, read_only: bool, manner: Manner = _USUAL) -> Iterator[TextLine]:
    """The key map as text: a heading for each place, a line for each action."""
    for place, title in keymap.PLACES.items():
        known = keymap.of({place}, read_only=read_only, rebound=manner.rebound)
        actions = [action for action in known if action.where[0] == place]
        if not actions:
            continue
        yield TextLine(title[0].upper() + title[1:], "title")
        for action in actions:
            danger = keymap.DANGERS[ladder.danger(action.danger, manner.production)]
            also = [keymap.PLACES[other] for other in action.where[1:]]
            forbidden = manner.forbidden.get(action.id, "")
            not_on = [f"not {keymap.PLACES[other]}" for other in action.but_not]
            every = (*(f"also {each}" for each in also), *not_on, danger, forbidden)
            notes = "; ".join(note for note in every if note)
            text = f"{action.help} ({notes})" if notes else action.help
            yield TextLine(text, "", pad(keymap.signs(action), _KEY_CELLS))
        yield TextLine("")
    if read_only:
        yield TextLine("This console is read-only: keys that change something are left out.", "dim")
    yield TextLine("What the columns mean", "title")
    yield from _COLUMNS


_COLUMNS = (
    TextLine(
        "jobs a second over the last 10 s; ~ is an estimate from the workers", "", "in/s out/s"
    ),
    TextLine("how the number of waiting jobs changed over the last 60 looks", "", "trend"),
    TextLine("at these rates; never: it grows, or nothing takes from it", "", "empty in"),
    TextLine("workers that take from the queue and are not dead", "", "workers"),
    TextLine("jobs of the queue that workers hold now", "", "in hand"),
    TextLine("of the 500 newest failures; 7+ when there are more", "", "failed"),
    TextLine("unknown, which is not zero", "", "–"),  # noqa: RUF001
)


class HelpScreen(TextScreen):
    """The help."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts",)
    TAB: ClassVar[Where] = "everywhere"
    BINDINGS = bindings(PLACES)

    def lines(self, view: View) -> Iterable[TextLine]:
        """The keys."""
        return help_lines(read_only=view.read_only, manner=view.manner)
