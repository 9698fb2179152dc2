"""Figures that fell off a cliff: a queue was cleared, the database was emptied or is another one.
Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.monitor.drops import Fall
from qtop.monitor.incidents.incident import Lead, Verdict, first_few
from qtop.monitor.rows import Board
from qtop.text.format import number
from qtop.text.safe import counted

_WHO: Final = "History (7) tells whether it was done with qtop"


def judged(board: Board) -> Iterator[Verdict]:
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
        lead = Lead("workers")
        yield Verdict("workers", "note", text, "fell", lead=lead, since=falls.workers.at)
    if falls.failed is not None and falls.failed.at != at:
        yield Verdict(
            "failures",
            "note",
            f"of {counted(falls.failed.was, 'failure')} {number(falls.failed.left)} are left",
            "fell",
            lead=Lead("failed"),
            remedy=_WHO,
            since=falls.failed.at,
        )
    if falls.processed is None:
        yield from _queues(board)


def _other(board: Board, fall: Fall) -> Verdict:
    falls = board.totals.falls
    parts = [f"jobs processed from {number(fall.was)} to {number(fall.left)}"]
    named = (("waiting", falls.waiting), ("workers", falls.workers), ("failed", falls.failed))
    parts += [
        f"{name} {each.was:,} to {each.left:,}"
        for name, each in named
        if each and each.at == fall.at
    ]
    return Verdict(
        "server",
        "bad",
        f"the database was emptied or is another one: {', '.join(parts)}",
        "fell",
        remedy="a FLUSHALL, a failover to an empty replica, an older dump, or a restart without "
        "data: find out before jobs are enqueued again",
        since=fall.at,
    )


def _all_waiting(fall: Fall) -> Verdict:
    text = f"of {counted(fall.was, 'waiting job')} {number(fall.left)} are left: nobody took them"
    return Verdict("keys", "warn", text, "fell", remedy=_WHO, since=fall.at, lead=Lead("queues"))


def _queues(board: Board) -> list[Verdict]:
    fallen = [(row.name, row.falls[-1]) for row in board.queues or () if row.falls]
    fallen += board.totals.falls.gone
    fallen.sort(key=lambda each: each[1].left - each[1].was)
    return first_few(
        [_queue(name, fall) for name, fall in fallen],
        lambda rest: Verdict(
            "queues",
            "note",
            f"{rest:,} more queues fell by more than workers took",
            "fell",
            lead=Lead("queues", filter="fell"),
            remedy=_WHO,
        ),
    )


def _queue(name: str, fall: Fall) -> Verdict:
    return Verdict(
        "queues",
        "note",
        f"{name} fell from {number(fall.was)} to {number(fall.left)}: more than workers took",
        "fell",
        name,
        Lead("queues", name),
        _WHO,
        fall.at,
    )
