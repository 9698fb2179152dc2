"""Figures that fell off a cliff: a queue was cleared, the database was emptied or is another one.
Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.monitor.drops import Drop
from qtop.monitor.incidents.incident import Incident, Link, first_few
from qtop.monitor.rows import FleetRows
from qtop.text.format import number
from qtop.text.safe import counted

_WHO: Final = "History (7) tells whether it was done with qtop"


def drop_incidents(board: FleetRows) -> Iterator[Incident]:
    """What has fallen of late. O(queues)."""
    falls = board.totals.falls
    if falls.processed is not None:
        yield _other(board, falls.processed)
    elif falls.waiting is not None:
        yield _all_waiting(falls.waiting)
    at = None if falls.processed is None else falls.processed.at
    if falls.workers is not None and falls.workers.at != at:
        was = counted(falls.workers.was, "worker")
        text = f"of {was} on the register {number(falls.workers.left)} are left"
        lead = Link("workers")
        yield Incident("workers", "note", text, "fell", lead=lead, since=falls.workers.at)
    if falls.failed is not None and falls.failed.at != at:
        yield Incident(
            "failures",
            "note",
            f"of {counted(falls.failed.was, 'failure')} {number(falls.failed.left)} are left",
            "fell",
            lead=Link("failed"),
            remedy=_WHO,
            since=falls.failed.at,
        )
    if falls.processed is None:
        yield from _queues(board)


def _other(board: FleetRows, fall: Drop) -> Incident:
    falls = board.totals.falls
    parts = [f"jobs processed from {number(fall.was)} to {number(fall.left)}"]
    named = (("waiting", falls.waiting), ("workers", falls.workers), ("failed", falls.failed))
    parts += [
        f"{name} {each.was:,} to {each.left:,}"
        for name, each in named
        if each and each.at == fall.at
    ]
    return Incident(
        "server",
        "bad",
        f"the database was emptied or is another one: {', '.join(parts)}",
        "fell",
        remedy="a FLUSHALL, a failover to an empty replica, an older dump, or a restart without "
        "data: find out before jobs are enqueued again",
        since=fall.at,
    )


def _all_waiting(fall: Drop) -> Incident:
    text = f"of {counted(fall.was, 'waiting job')} {number(fall.left)} are left: nobody took them"
    return Incident("keys", "warn", text, "fell", remedy=_WHO, since=fall.at, lead=Link("queues"))


def _queues(board: FleetRows) -> list[Incident]:
    fallen = [(row.name, row.falls[-1]) for row in board.queues or () if row.falls]
    fallen += board.totals.falls.gone
    fallen.sort(key=lambda each: each[1].left - each[1].was)
    return first_few(
        [_queue(name, fall) for name, fall in fallen],
        lambda rest: Incident(
            "queues",
            "note",
            f"{rest:,} more queues fell by more than workers took",
            "fell",
            lead=Link("queues", filter="fell"),
            remedy=_WHO,
        ),
    )


def _queue(name: str, fall: Drop) -> Incident:
    return Incident(
        "queues",
        "note",
        f"{name} fell from {number(fall.was)} to {number(fall.left)}: more than workers took",
        "fell",
        name,
        Link("queues", name),
        _WHO,
        fall.at,
    )
