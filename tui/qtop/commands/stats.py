"""`qtop stats`: the totals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import click

from qtop.commands.connection import Connection, Session, connection_options
from qtop.commands.options import json_option
from qtop.commands.output import OutputColumn, json_line, line, plain
from qtop.commands.reading import Unread, note_unread, read_whole, tell_owners, visit_all
from qtop.model.fleet import Snapshot

T = TypeVar("T")

_COLUMNS: Final[tuple[OutputColumn[tuple[str, int | None]], ...]] = (
    OutputColumn("STATISTIC", lambda pair: pair[0]),
    OutputColumn("VALUE", lambda pair: _words(pair[1]), "right"),
)
#: What of a snapshot the totals are made from.
_COUNTED: Final = frozenset(
    {
        *("queues", "items set aside", "workers", "jobs in hand", "failures"),
        *("jobs processed", "jobs failed", "pause of everything"),
    }
)


@click.command()
@connection_options
@json_option
def stats(connection: Connection, as_json: bool) -> None:
    """Show the totals.

    `failed` is how many failures are listed, `failed_ever` how many jobs ever failed. What could
    not be read is unknown (null, and why in `unknown`), and the exit status 3 then.

    \b
    Example: qtop stats --json
    """
    unread = Unread()
    with connection.open_all() as places:
        rows = connection.listing(places, _COLUMNS, lambda pair: dict([pair]), as_json=False)

        def visit(session: Session, part: Unread) -> None:
            tell_owners(session)
            seen = session.run(read_whole(session.new_system().snapshot()))
            note_unread(part, seen, _COUNTED)
            totals = _totals(seen)
            if as_json:
                line(json_line(session.named({**_values(totals), "unknown": part.parts})))
            else:
                rows.add_all(list(totals.items()))

        visit_all(places, unread, visit)
    if not as_json:
        rows.end()
    unread.leave()


def _totals(seen: Snapshot) -> Mapping[str, int | None]:
    return {
        "queues": _sum(seen.queues, lambda queue: 1),
        "waiting": _sum(seen.queues, lambda queue: queue.size),
        "unreadable": _sum(seen.queues, lambda queue: queue.unreadable),
        "workers": _sum(seen.processes, lambda worker: 1),
        "working": _sum(seen.processes, lambda worker: worker.is_busy),
        "failed": seen.failed,
        "processed_ever": seen.processed_ever,
        "failed_ever": seen.failed_ever,
        "paused": seen.is_paused,
    }


class _Least(int):
    """A sum of what is known only: at least so many."""


def _sum(rows: Sequence[T] | None, count: Callable[[T], int | None]) -> int | None:
    if rows is None:
        return None
    counts = [count(row) for row in rows]
    known = [each for each in counts if each is not None]
    if len(known) == len(counts):
        return sum(known)
    return _Least(sum(known)) if known else None


def _values(totals: Mapping[str, int | None]) -> Mapping[str, int | None]:
    """What is only at least so many is null, and told beside it."""
    values: dict[str, int | None] = {}
    for name, figure in totals.items():
        values[name] = None if isinstance(figure, _Least) else figure
        if isinstance(figure, _Least):
            values[f"{name}_at_least"] = figure
    return values


def _words(figure: int | None) -> str:
    if isinstance(figure, bool):
        return "yes" if figure else "no"
    return f"{'at least ' if isinstance(figure, _Least) else ''}{plain(figure)}"
