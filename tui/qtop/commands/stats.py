"""`qtop stats`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import click

from qtop.commands.connection import Connection, connection_options, json_option
from qtop.commands.output import OutputColumn, json_line, line, write
from qtop.commands.reading import Unread, note_unread, tell_owners
from queuecore.cooperative import at_once

T = TypeVar("T")

_COLUMNS: Final[tuple[OutputColumn[tuple[str, _Sum | bool | None]], ...]] = (
    OutputColumn("STATISTIC", lambda pair: pair[0]),
    OutputColumn("VALUE", lambda pair: _words(pair[1]), "right"),
)
#: What of a look the totals are made from.
_COUNTED: Final = frozenset(
    {
        *("queues", "items set aside", "workers", "jobs in hand", "failures"),
        *("jobs processed", "jobs failed", "pause of everything"),
    }
)


@click.command()
@connection_options
@json_option
def command(connection: Connection, as_json: bool) -> None:
    """Show the totals.

    `failed` is how many failures are listed, `failed_ever` how many jobs ever failed. What could
    not be read is unknown (null, and why in `unknown`), and the exit status 3 then.

    \b
    Example: qtop stats --json
    """
    unread = Unread()
    with connection.open() as session:
        tell_owners(session)
        look = at_once(session.run(session.new_system().snapshot()))
    note_unread(unread, look, _COUNTED)
    totals: Mapping[str, _Sum | bool | None] = {
        "queues": _length(look.queues),
        "waiting": _sum(look.queues, lambda queue: queue.size),
        "unreadable": _sum(look.queues, lambda queue: queue.unreadable),
        "workers": _length(look.processes),
        "working": _sum(look.processes, lambda worker: worker.is_busy),
        "failed": _Sum.of(look.failed),
        "processed_ever": _Sum.of(look.processed_ever),
        "failed_ever": _Sum.of(look.failed_ever),
        "paused": look.is_paused,
    }
    if as_json:
        line(json_line({**_values(totals), "unknown": unread.parts}))
    else:
        write(list(totals.items()), _COLUMNS, lambda pair: dict([pair]), as_json=False)
    unread.leave()


class _Sum(NamedTuple):
    """A figure; when it is a sum of what is known only, at least so many."""

    known: int
    is_least: bool = False

    @classmethod
    def of(cls, figure: int | None) -> _Sum | None:
        return None if figure is None else cls(figure)


def _length(rows: Sequence[object] | None) -> _Sum | None:
    return None if rows is None else _Sum(len(rows))


def _sum(rows: Sequence[T] | None, count: Callable[[T], int | None]) -> _Sum | None:
    if rows is None:
        return None
    counts = [count(row) for row in rows]
    known = [each for each in counts if each is not None]
    return _Sum(sum(known), len(known) < len(counts)) if known or not counts else None


def _values(totals: Mapping[str, _Sum | bool | None]) -> Mapping[str, Any]:
    """What is only at least so many is null, and told beside it."""
    values: dict[str, Any] = {}
    for name, figure in totals.items():
        if not isinstance(figure, _Sum):
            values[name] = figure
            continue
        values[name] = None if figure.is_least else figure.known
        if figure.is_least:
            values[f"{name}_at_least"] = figure.known
    return values


def _words(figure: _Sum | bool | None) -> str:
    if isinstance(figure, _Sum):
        return f"{'at least ' if figure.is_least else ''}{figure.known}"
    return {True: "yes", False: "no", None: "unknown"}[figure]
