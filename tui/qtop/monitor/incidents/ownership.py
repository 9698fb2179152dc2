"""What is wrong where Sidekiq lives in the namespace that is looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from qtop.monitor.incidents.incident import Incident, Link
from qtop.monitor.incidents.server_checks import named
from qtop.monitor.rows import FleetRows
from resque.store.ownership import Ownership

_OWN = "give Resque a namespace of its own: both take jobs, from opposite ends"


def ownership_incidents(seen: Ownership) -> Iterator[Incident]:
    """Which systems live here, unless it is Resque alone."""
    if seen.is_all_sidekiqs:
        text = f"Sidekiq lives under {seen.place}: {seen.signs[0]}; Resque's actions are refused"
        remedy = "name the namespace of a Resque: qtop doctor lists the systems there are"
        yield Incident("keys", "warn", text, "sidekiq", remedy=remedy)
    elif seen.is_sure:
        lead = Link("queues")
        text = f"Sidekiq and Resque share {seen.place}: {seen.signs[0]}{_barred(seen)}"
        yield Incident("keys", "warn", text, "sidekiq", "", lead, _OWN)
    elif seen.warning is not None:
        yield Incident("keys", "note", seen.warning, "sidekiq")
    if seen.has_failures_set:
        text = "the list of failures is sidekiq-failures', a sorted set, and not Resque's"
        remedy = "leave it as it is; " + _OWN
        yield Incident("keys", "warn", text, "sidekiq-failures", remedy=remedy)


def _barred(seen: Ownership) -> str:
    names = [name for name in seen.owners if seen.refusal(name) is not None]
    return f"; Resque's actions are refused on {named(names)}" if names else ""


def without_sidekiqs(board: FleetRows, seen: Ownership) -> FleetRows:
    """The same without the queues on which Resque's actions are refused: no worker of Resque's may
    serve them. O(queues)."""
    if not seen.is_sure and not seen.has_failures_set:
        return board
    rows = tuple(row for row in board.queues or () if seen.refusal(row.name) is None)
    problems = board.totals.problems
    if seen.has_failures_set:
        problems = {what: why for what, why in problems.items() if what != "failures"}
    queues = None if board.queues is None else rows
    return replace(board, queues=queues, totals=replace(board.totals, problems=problems))
