"""One look at everything, for commands."""

from __future__ import annotations

from qtop.commands.session import Session
from qtop.model import Board, History
from resque.state import snapshot


def look(session: Session, failures_limit: int) -> Board:
    """The rows of a console at one look; rates need two looks and are unknown. Two round trips,
    O(queues + workers + failures read). Raises StoreError."""
    taken = session.run(snapshot.take(session.keys, tails={}, failures_limit=failures_limit))
    return History().add(taken, 0.0)
