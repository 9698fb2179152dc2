"""Taking an operator's action back: of entries of sets and of waiting jobs here, of processes and
the like in `sidekiq.store.taking_back`, of whole lists in `queuecore.undo`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from queuecore import undo as core
from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import BLANK
from queuecore.exchange import Arg, Exchange, Steps
from queuecore.undo import TakenBack
from queuecore.undo import Undone as Undone
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.taking_back import take_back

_UNDO = load_script("undo_jobs")

#: The shapes of memory that are taken back here.
_SHAPES: Final = ("entries", "waiting")


def undo(keys: SidekiqKeys, operation: str, record: ActionRecord | None = None) -> Steps[Undone]:
    """As `queuecore.undo.undo`, of every action of this engine: an entry or a waiting job is back
    at its score or in its place, or counted as lost where a worker or poller has it by now."""
    return core.undo(keys, operation, record, of_system=partial(_take_back, keys, operation))


def _take_back(
    keys: SidekiqKeys,
    operation: str,
    shape: str,
    memory: Sequence[list[bytes]],
    record: ActionRecord | None,
) -> Exchange[TakenBack] | None:
    """One round trip; the parts themselves are not sent, for the server has them."""
    if shape not in _SHAPES:
        return take_back(keys, operation, shape, memory, record)
    # The first text ends with the key that was acted on, which may hold any bytes.
    words = 3 if shape == "entries" else 2
    sources = sorted({part[0].split(b" ", words)[-1] for part in memory})
    targets = sorted({part[2] for part in memory} - {b"", *sources})
    own = [keys.undo(operation), keys.undo_items(operation), keys.queues()]
    args: list[Arg] = [shape, BLANK, len(memory), len(sources)]
    return recorded(_UNDO, keys, record, [*own, *sources, *targets], args, tuple)
