"""Whether Sidekiq shares the namespace, in words beside a listing.

Apart from `lists`: commands that show no rows of the console load less.
"""

from __future__ import annotations

from qtop.commands.connection import Session
from qtop.commands.output import message
from qtop.text.safe import counted
from queuecore.times import wall_now
from resque.store import ownership


def tell(session: Session) -> ownership.KeyOwners:
    """Say on stderr what lives in the namespace, unless it is Resque alone, or nothing. Two round
    trips. Raises StoreError."""
    whose = session.run(ownership.find_owners(session.keys, now=wall_now()))
    if (text := note(whose)) is not None:
        message(f"note: {text}")
    return whose


def note(whose: ownership.KeyOwners) -> str | None:
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
