"""Entries in the audit stream for actions that no script writes down itself: undo, prune."""

from __future__ import annotations

from resque.state.trail import AUDIT_ENTRIES, DEFAULT_UNDO_S, Trail
from resque.wire.exchange import Exchange
from resque.wire.keys import Keys


def note(keys: Keys, trail: Trail, done: int) -> Exchange[None]:
    """Write down that an operation happened, after it did, and to how many items. It cannot be
    undone by way of this. One round trip, O(1)."""
    return Exchange(
        (
            ("MULTI",),
            ("XADD", keys.audit(), "MAXLEN", "~", AUDIT_ENTRIES, "*", *trail.fields()),
            ("HSET", keys.undo(trail.id), "done", done),
            ("EXPIRE", keys.undo(trail.id), DEFAULT_UNDO_S),
            ("EXEC",),
        ),
        lambda _: None,
        writes=True,
    )
