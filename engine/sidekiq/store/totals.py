"""The totals since ever: setting them to 0."""

from __future__ import annotations

from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Exchange, Reply
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_RESET_TOTALS = load_script("reset_totals")


def reset(keys: SidekiqKeys, record: ActionRecord | None = None) -> Exchange[tuple[int, int] | str]:
    """Set both totals to 0; the counts of days stay. Returns what they were, processed and failed;
    or why it cannot be. An undo adds that again to what was counted since. One round trip, O(1).
    (Source: Stats#reset.)"""
    totals = [keys.stat("processed"), keys.stat("failed")]
    return recorded(_RESET_TOTALS, keys, record, totals, [], _were)


def _were(reply: Reply) -> tuple[int, int] | str:
    if reply == 0:
        return "a total is no whole number: nothing was changed"
    processed, failed = (int(was or 0) for was in reply)
    return processed, failed
