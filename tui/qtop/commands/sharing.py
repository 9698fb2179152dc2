"""Whether another system shares the namespace, in words beside a listing."""

from __future__ import annotations

from qtop.commands.connection import Session
from qtop.commands.output import message
from qtop.model.health import Ownership


def tell(session: Session) -> Ownership:
    """Say on stderr what lives in the namespace, unless it is this system alone, or nothing. Costs
    as `System.ownership`. Raises StoreError."""
    whose = session.run(session.system.ownership())
    if whose.note is not None:
        message(f"note: {whose.note}")
    return whose
