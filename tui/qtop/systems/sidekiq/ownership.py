"""Where Sidekiq and Resque live in a database, as neutral values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from qtop.model.health import Ownership, SystemsSeen
from queuecore.exchange import Steps
from queuecore.times import wall_now
from sidekiq.keys import SidekiqKeys
from sidekiq.store import systems
from sidekiq.store.systems import Expected, SidekiqSigns

#: All queues that are seen are Sidekiq's, as far as is known.
_SYSTEM: Final = "sidekiq"


def ownership(keys: SidekiqKeys) -> Steps[Ownership]:
    """Find out whether Resque is there, too. Two round trips."""
    found: tuple[SidekiqSigns, ...] = yield from systems.look([keys.namespace], now=wall_now())
    return Ownership(others_system=_SYSTEM, note=note(found[0]))


def note(found: SidekiqSigns) -> str | None:
    """What to say beside a listing. Pure."""
    if not found.of_resque:
        return None
    signs = "; ".join(found.of_resque)
    if found.is_sure:
        return f"Resque lives here, too ({signs}): each takes jobs of the other from these queues"
    return f"this may be Resque, and nothing of Sidekiq's is sure to be here ({signs})"


def glance(expected: Mapping[str, Expected]) -> Steps[tuple[SystemsSeen, ...]]:
    """Which systems live under these namespaces, of each of which it is said what usually does.
    Costs as `systems.glance`: one round trip, or two."""
    found: tuple[SidekiqSigns, ...] = yield from systems.glance(expected, now=wall_now())
    return tuple(map(_seen, found))


def search(known: Sequence[str]) -> Steps[tuple[tuple[SystemsSeen, ...], bool]]:
    """Which systems live under other namespaces than the `known` ones, and whether all keys were
    looked at. Costs as `systems.search`: up to 200 round trips. Raises StoreError."""
    found: tuple[SidekiqSigns, ...]
    found, is_complete = yield from systems.search(known, now=wall_now(), is_wanted=_is_any)
    return tuple(map(_seen, found)), is_complete


def _is_any(found: SidekiqSigns) -> bool:
    return found.is_sure or bool(found.of_resque) or found.problem is not None


def _seen(found: SidekiqSigns) -> SystemsSeen:
    there = ("resque" if found.of_resque else "", _SYSTEM if found.is_sure else "")
    doubt = found.signs[0] if found.sureness == "weak" else None
    # In a cluster it is known: there is none.
    problem = None if found.problem == systems.IN_CLUSTER else found.problem
    return SystemsSeen(found.namespace, tuple(filter(None, there)), doubt, problem)
