"""Whether Resque lives where Sidekiq does, as neutral values."""

from __future__ import annotations

from typing import Final

from qtop.model.health import Ownership
from queuecore.exchange import Steps
from queuecore.times import wall_now
from sidekiq.keys import SidekiqKeys
from sidekiq.store import systems
from sidekiq.store.systems import SidekiqSigns

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
