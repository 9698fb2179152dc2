"""The manual's tables of keys, made from the one table of keys: a table for each part of the
console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from qtop.keymap import keymap
from qtop.keymap.keymap import DANGERS, PLACES, Action

_IN: Final = keymap.SECTIONS
PARTS: Final[dict[str, tuple[Action, ...]]] = {
    "Everywhere": _IN["everywhere"],
    "In lists": (*_IN["opening"], *_IN["lists"], *_IN["overview"], *_IN["moving"]),
    "Queues and waiting jobs": (*_IN["queues"], *_IN["jobs"]),
    "Workers": _IN["workers"],
    "Failed": _IN["failed"],
    "Scheduled": _IN["scheduled"],
    "Local, and the logs": _IN["local"],
    "History": _IN["history"],
    "Details": _IN["texts"],
    "Questions, filters, the command line": _IN["dialogs"],
}


def key_tables() -> str:
    """All tables, each under its heading."""
    return "\n".join(f"### {title}\n\n{_table(actions)}" for title, actions in PARTS.items())


def _table(actions: Sequence[Action]) -> str:
    columns = [
        ("Key", [_keys(action) for action in actions]),
        ("Does", [action.help for action in actions]),
        ("Where", [_places(action) for action in actions]),
        ("Safety", [DANGERS[action.danger] for action in actions]),
        ("Id", [f"`{action.id}`" for action in actions]),
    ]
    if len({(action.where, action.but_not) for action in actions}) == 1:
        # The heading names the place already.
        del columns[2]
    shown = [(title, cells) for title, cells in columns if any(cells)]
    titles, cells = zip(*shown, strict=True)
    rows = [titles, ["---"] * len(titles), *zip(*cells, strict=True)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _keys(action: Action) -> str:
    return " ".join(f"`{keymap.key_sign(key)}`" for key in action.keys)


def _places(action: Action) -> str:
    # For keys that work everywhere, only the exceptions.
    where = [] if "everywhere" in action.where else list(_shortened(action))
    return ", ".join([*where, *(f"not {PLACES[place]}" for place in action.but_not)])


def _shortened(action: Action) -> Iterator[str]:
    """The words for the places, without a repeated `on`."""
    before = ""
    for place in action.where:
        word, _, name = PLACES[place].partition(" ")
        yield name if word == before else PLACES[place]
        before = word
