"""Taking an operator's action back: of entries of sets here, of processes and the like in
`sidekiq.store.taking_back`, of waiting jobs and whole lists in `queuecore.undo`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from queuecore import undo as core
from queuecore.action_record import ActionRecord, recorded
from queuecore.exchange import Arg, Steps
from queuecore.undo import Tally
from queuecore.undo import Undone as Undone
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script
from sidekiq.store.taking_back import take_back

_UNDO = load_script("undo_entries")

#: The shape of memory that is taken back here.
_SHAPE: Final = "entries"


def undo(keys: SidekiqKeys, operation: str, record: ActionRecord | None = None) -> Steps[Undone]:
    """As `queuecore.undo.undo`, of every action of this engine: an entry or a waiting job is back
    at its score or in its place, or counted as lost where a worker or poller has it by now."""
    return core.undo(keys, operation, record, of_system=partial(_of_system, keys, operation))


def _of_system(
    keys: SidekiqKeys,
    operation: str,
    shape: str,
    memory: Sequence[list[bytes]],
    record: ActionRecord | None,
    tally: Tally,
) -> Steps[None] | None:
    if shape == _SHAPE:
        return _entries_back(keys, operation, memory, record, tally)
    return take_back(keys, operation, shape, memory, record, tally)


def _entries_back(
    keys: SidekiqKeys,
    operation: str,
    memory: Sequence[list[bytes]],
    record: ActionRecord | None,
    tally: Tally,
) -> Steps[None]:
    """One round trip; the parts themselves are not sent, for the server has them."""
    # The first text ends with the key that was acted on, which may hold any bytes.
    sources = sorted({part[0].split(b" ", 3)[-1] for part in memory})
    targets = sorted({part[2] for part in memory} - {b"", *sources})
    own = [keys.undo(operation), keys.undo_items(operation), keys.queues()]
    args: list[Arg] = [len(memory), len(sources)]
    touched = [*own, *sources, *targets]
    tally.note(*(yield recorded(_UNDO, keys, record, touched, args, tuple)))
