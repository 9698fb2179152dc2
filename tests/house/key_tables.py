"""The README's tables of keys, made from the one table of keys: a table for each part of the
console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from qtop.keymap import (
    dialogs,
    everywhere,
    failed,
    history,
    jobs,
    keymap,
    lists,
    local,
    overview,
    queues,
    scheduled,
    tables,
    texts,
    workers,
)
from qtop.keymap.keymap import DANGERS, PLACES, Action

PARTS: Final[dict[str, tuple[Action, ...]]] = {
    "Everywhere": everywhere.ACTIONS,
    "In lists": (*tables.OPENING, *lists.ACTIONS, *overview.ACTIONS, *tables.MOVING),
    "Queues and waiting jobs": (*queues.ACTIONS, *jobs.ACTIONS),
    "Workers": workers.ACTIONS,
    "Failed": failed.ACTIONS,
    "Scheduled": scheduled.ACTIONS,
    "Local, and the logs": local.ACTIONS,
    "History": history.ACTIONS,
    "Details": texts.ACTIONS,
    "Questions, filters, the palette": dialogs.ACTIONS,
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
    if len({action.places for action in actions}) == 1:
        # The heading says it.
        del columns[2]
    told = [(title, cells) for title, cells in columns if any(cells)]
    titles, cells = zip(*told, strict=True)
    rows = [titles, ["---"] * len(titles), *zip(*cells, strict=True)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _keys(action: Action) -> str:
    return " ".join(f"`{keymap.key_sign(key)}`" for key in action.keys)


def _places(action: Action) -> str:
    # Of what works everywhere, only the exceptions.
    where = [] if "everywhere" in action.where else list(_shortened(action))
    return ", ".join([*where, *(f"not {PLACES[place]}" for place in action.but_not)])


def _shortened(action: Action) -> Iterator[str]:
    """The words for the places; `on` is not said again."""
    before = ""
    for place in action.where:
        word, _, name = PLACES[place].partition(" ")
        yield name if word == before else PLACES[place]
        before = word
