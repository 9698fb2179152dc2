"""An entry of the table of keys, and the words for places and dangers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

Where = Literal[
    "everywhere",
    "tables",
    "lists",
    "rows",
    "overview",
    "queues",
    "jobs",
    "job",
    "aside",
    "workers",
    "worker",
    "hosts",
    "failed",
    "group",
    "failure",
    "scheduled",
    "delayed",
    "schedule",
    "local",
    "log",
    "history",
    "action",
    "texts",
    "dialogs",
    "filter",
    "palette",
]
Danger = Literal["none", "undoable", "confirm", "typed"]

PLACES: Final[dict[Where, str]] = {
    "everywhere": "everywhere",
    "tables": "in every table",
    "lists": "on the numbered screens",
    "rows": "in every list",
    "overview": "on Overview",
    "queues": "on Queues",
    "jobs": "on waiting jobs",
    "job": "on one waiting job",
    "aside": "on items set aside",
    "workers": "on Workers",
    "worker": "on one worker",
    "hosts": "on the machines",
    "failed": "on Failed",
    "group": "on a group of failures",
    "failure": "on one failure",
    "scheduled": "on Scheduled",
    "delayed": "on one delayed job",
    "schedule": "on one schedule",
    "local": "on Local",
    "log": "on a log",
    "history": "on History",
    "action": "on one action",
    "texts": "on details",
    "dialogs": "in a question",
    "filter": "in a filter",
    "palette": "in the palette",
}
"""What the places are called on the screen."""

DANGERS: Final[dict[Danger, str]] = {
    "none": "",
    "undoable": "at once; `u` takes it back",
    "confirm": "asks first",
    "typed": "asks for the name",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does.

    Attributes:
        id: Its name in code: a screen's `action_<id>`, or the id of a widget's binding.
        keys: The keys, as Textual names them.
        label: One or two words for the footer; empty: not in the footer.
        help: A sentence.
        where: The places where it works.
        danger: What comes between the key and the action: nothing, a question, a name to type.
        changes: It changes something in Redis or starts or stops processes: not when read-only.
        but_not: Places within those of `where` in which its keys mean something else.
        label_on: The label while what it switches is on; empty: the same label.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: tuple[Where, ...]
    danger: Danger = "none"
    changes: bool = False
    but_not: tuple[Where, ...] = ()
    label_on: str = ""

    @property
    def places(self) -> str:
        """The places where it works, in words."""
        words = ", ".join(PLACES[place] for place in self.where)
        return " ".join([words, *(f"but {PLACES[place]}" for place in self.but_not)])

    def works_in(self, places: Collection[Where]) -> bool:
        """Whether its keys work on a screen with these places."""
        is_there = any(place in places for place in self.where)
        return is_there and not any(place in places for place in self.but_not)
