"""Taking back what was done to processes, lost jobs, totals, iterable jobs and names of queues;
of jobs in sets and queues see `sidekiq.store.undo`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from queuecore.action_record import ActionRecord, recorded
from queuecore.digests import sha1_hex
from queuecore.exchange import Arg, Steps
from queuecore.undo import Tally
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_TAKE_BACK = load_script("take_back")

#: The shapes of memory that are taken back here.
_SHAPES: Final = frozenset({"signals", "rescued", "totals", "cancelled", "names"})


def take_back(
    keys: SidekiqKeys,
    operation: str,
    shape: str,
    parts: Sequence[list[bytes]],
    record: ActionRecord | None,
    tally: Tally,
) -> Steps[None] | None:
    """For `queuecore.undo.undo`: takes back parts of an operation; None for a shape that it does
    not know. One round trip, O(parts), for rescued jobs x distance to their queue's end."""
    return _take_back(keys, operation, shape, parts, record, tally) if shape in _SHAPES else None


def _take_back(
    keys: SidekiqKeys,
    operation: str,
    shape: str,
    parts: Sequence[list[bytes]],
    record: ActionRecord | None,
    tally: Tally,
) -> Steps[None]:
    touched = [
        *(keys.undo(operation), keys.undo_items(operation), keys.queues(), keys.rescued()),
        *(part[2] for part in parts),
    ]
    args: list[Arg] = [shape, *(sha1_hex(b"".join(part)) for part in parts)]
    tally.note(*(yield recorded(_TAKE_BACK, keys, record, touched, args, tuple)))
