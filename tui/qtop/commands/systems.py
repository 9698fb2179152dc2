"""Which systems live in a database, in words: for `qtop doctor`, and beside every listing."""

from __future__ import annotations

from collections.abc import Iterator

from qtop.commands import checks
from qtop.commands.output import message
from qtop.commands.session import Session
from qtop.display.text import counted
from qtop.verdicts.server_checks import Finding
from resque.state import ownership
from resque.state.neighbours import Neighbours
from resque.state.ownership import Ownership
from resque.wire.times import wall_now


def findings(found: Neighbours, ours: str) -> Iterator[Finding]:
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


def tell(session: Session) -> Ownership:
    """Say on stderr what lives in the namespace, unless it is Resque alone, or nothing. Two round
    trips. Raises StoreError."""
    whose = session.run(ownership.look(session.keys, now=wall_now()))
    if (text := note(whose)) is not None:
        message(f"note: {text}")
    return whose


def note(whose: Ownership) -> str | None:
    """What to say beside a listing; None where Resque lives alone, or nothing."""
    if whose.is_all_sidekiqs:
        text = f"Sidekiq lives under {whose.place}: {whose.signs[0]}; nothing of Resque's does"
    elif whose.is_sure:
        barred = sum(whose.refusal(name) is not None for name in whose.owners)
        queues = f"; {counted(barred, 'queue')} refused to Resque" if barred else ""
        text = f"Sidekiq and Resque share {whose.place}: {whose.signs[0]}{queues}"
    else:
        return whose.warning
    if whose.has_failures_set:
        text += "; `failed` is sidekiq-failures', a sorted set"
    return text
