"""Taking an operator's action back: of delayed jobs and schedules here, of all else in
`queuecore.undo`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from queuecore import undo as core
from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import BLANK
from queuecore.digests import sha1_hex
from queuecore.exchange import Arg, Exchange, Steps
from queuecore.keys import name_text
from queuecore.undo import TakenBack
from queuecore.undo import Undone as Undone
from resque.keys import Keys
from resque.scripts import load_script

_UNDO = load_script("undo_scheduled")

#: The shapes of memory that are taken back here.
_SHAPES: Final = ("delayed", "schedules", "pushed")


def undo(keys: Keys, operation: str, record: ActionRecord | None = None) -> Steps[Undone]:
    """As `queuecore.undo.undo`, also of actions on delayed jobs and schedules."""
    return core.undo(keys, operation, record, of_system=partial(_take_back, keys, operation))


def _take_back(
    keys: Keys,
    operation: str,
    shape: str,
    parts: Sequence[list[bytes]],
    record: ActionRecord | None,
) -> Exchange[TakenBack] | None:
    """One round trip, O(parts x length of their lists)."""
    if shape not in _SHAPES:
        return None
    touched = [key for part in parts for key in _touched(keys, operation, shape, part)]
    prints = [sha1_hex(b"".join(part)) for part in parts]
    undo = [
        *(keys.undo(operation), keys.undo_items(operation)),
        *(keys.delayed_schedule(), keys.queues()),
    ]
    args: list[Arg] = [shape, BLANK, keys.delayed_member(""), *prints]
    return recorded(_UNDO, keys, record, [*undo, *touched], args, tuple)


def _touched(keys: Keys, operation: str, shape: str, part: Sequence[bytes]) -> list[bytes]:
    none = keys.undo(operation)
    if shape == "schedules":
        return [keys.persistent_schedules(), keys.schedules_changed(), none]
    if shape == "pushed":
        return [none, none, part[2]]
    stamp = part[0].split(b" ", 3)[-1]
    return [keys.delayed(name_text(stamp)), keys.delayed_stamps(part[1]), part[2] or none]
