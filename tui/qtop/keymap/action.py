"""What an entry of the table of keys says, and the words for places and dangers."""

from __future__ import annotations

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
    "workers",
    "failed",
    "failure",
    "scheduled",
    "local",
    "history",
    "texts",
    "dialogs",
    "filter",
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
    "workers": "on Workers",
    "failed": "on Failed",
    "failure": "on one failure",
    "scheduled": "on Scheduled",
    "local": "on Local",
    "history": "on History",
    "texts": "on details",
    "dialogs": "in a question",
    "filter": "in a filter",
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
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: tuple[Where, ...]
    danger: Danger = "none"
    changes: bool = False
