"""One look at everything, for commands."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from qtop.commands.session import Session
from qtop.rows.boards import History
from qtop.rows.model import Board
from qtop.source import skew_s
from resque.state import fronts, snapshot, survey
from resque.state.ownership import Ownership
from resque.state.survey import Survey
from resque.wire.times import wall_now


def look(
    session: Session,
    failures_limit: int,
    *,
    has_waits: bool = False,
    whose: Ownership | None = None,
) -> Board:
    """The rows of a console at one look; rates need two looks and are unknown, and so is how long
    jobs have waited, unless `has_waits`. `whose` says whose the queues are. Two round trips, with
    `has_waits` three, O(queues + workers + failures read). Raises StoreError."""
    taken = session.run(snapshot.take(session.keys, tails={}, failures_limit=failures_limit))
    history = History()
    if whose is not None:
        history.note_ownership(whose)
    if has_waits:
        names = [queue.name for queue in taken.queues if queue.size]
        history.note_fronts(session.run(fronts.take(session.keys, names)))
    return history.add(taken, 0.0)


def look_around(session: Session) -> Survey:
    """What a console wants to know beside its looks. Three round trips. Raises
    StoreError."""
    lock = session.keys.master_lock(os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", ""))
    before_s = time.time()
    found = session.run(survey.look(session.keys, lock, now=wall_now()))
    if found.taken is None:
        return found
    return replace(found, skew_s=skew_s(found.taken.timestamp(), before_s, time.time()))
