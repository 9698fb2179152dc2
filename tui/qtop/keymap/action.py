"""What an entry of the table of keys says, and the words for places and dangers."""

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
    "deed",
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
    "deed": "on one action",
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
    """One thing a key does.

    Attributes:
        id: Its name in code: the console's action of that name, or the id of a table's binding.
        keys: The keys, as Textual names them.
        label: One or two words for the footer; empty keeps it out of there.
        help: A sentence.
        where: The places where it works.
        danger: What stands between the key and the deed.
        changes: It changes something in Redis or starts and stops processes: not when read-only.
        but_not: Places among those of `where` in which its keys mean something else.
        label_on: The label while what it switches on is on; empty where that makes no difference.
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
        """Where it works, in words."""
        words = ", ".join(PLACES[place] for place in self.where)
        return " ".join([words, *(f"but {PLACES[place]}" for place in self.but_not)])

    def works_in(self, places: Collection[Where]) -> bool:
        """Whether its keys do this on a screen with these places."""
        is_there = any(place in places for place in self.where)
        return is_there and not any(place in places for place in self.but_not)
