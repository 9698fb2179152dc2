"""Iterable jobs (since 7.3.3): asking one to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Exchange
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_CANCEL = load_script("cancel_iteration")

#: How long the state of an iterable job is kept. (Source: IterableJob.)
STATE_S: Final = 30 * 24 * 3600

Cancelled = Literal["asked", "asked before", "no state", "no cursor"]
"""What came of cancelling a job. Without a state, or with one that has no cursor yet, nothing was
done: its next start would fail, at every try. It may be no iterable job, not have begun, or have
ended; one that waits can be deleted."""

_ANSWERS: Final[Mapping[int, Cancelled]] = {
    1: "asked",
    2: "asked before",
    0: "no state",
    -1: "no cursor",
}


def cancel(keys: SidekiqKeys, jid: str, record: ActionRecord | None = None) -> Exchange[Cancelled]:
    """Ask an iterable job to end. It does when it next writes its state (every 5 s, between two
    iterations); until then that can be taken back. One round trip, O(size of its cursor).
    (Source: IterableJob#cancel!.)"""
    state = [keys.iteration(jid)]
    return recorded(_CANCEL, keys, record, state, [STATE_S], lambda reply: _ANSWERS[reply])
