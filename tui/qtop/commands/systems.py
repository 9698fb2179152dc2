"""Which systems live in a database, in words: for `qtop doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from qtop.commands import checks
from qtop.monitor.incidents.server_checks import Finding
from resque.store import ownership
from resque.store.neighbours import Neighbours
from resque.store.ownership import Ownership


def system_findings(found: Neighbours, ours: str) -> Iterator[Finding]:
    """Which systems there are, and whether ours is where we look."""
    yield _systems(found)
    if found.problem is not None:
        yield checks.failed("namespace", found.problem)
        return
    judged = {ours: found.own, **found.others}
    foreign = {name: whose.system for name, whose in judged.items() if whose.level != "none"}
    names = [*found.others]
    if found.own.of_resque or found.own.level != "none" or found.own.owners:
        names.append(ours)
    yield checks.namespaces(names, found.is_complete, ours, foreign)


def _systems(found: Neighbours) -> Finding:
    everything = [found.own, *found.others.values(), found.bare]
    told = [f"{each.system} under {each.place}{_why(each)}" for each in everything if each.system]
    told += [f"a connection calls itself {name}" for name in found.clients]
    text = "; ".join(told) or "neither Resque nor Sidekiq was found"
    if not found.is_complete:
        text += "; not all keys were searched"
    unread = [each for each in everything if each.problem is not None]
    if unread:
        text += f"; not all could be read under {unread[0].place} ({unread[0].problem})"
    # Where it was not looked, another system may live.
    return Finding("systems", "OK" if found.is_complete and not unread else "UNKNOWN", text)


def _why(whose: Ownership) -> str:
    told = [*whose.signs[:1]]
    if not whose.is_complete:
        told.append(f"{ownership.QUEUES} of its queues were looked at, not all")
    return f" ({'; '.join(told)})" if told else ""
