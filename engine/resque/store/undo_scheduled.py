"""Taking back what an operator did to delayed jobs and schedules; a part of `undo`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from queuecore.action_record import ActionRecord, trail_args, trail_keys
from queuecore.bulk import BLANK
from queuecore.exchange import Exchange, single
from queuecore.keys import name_text
from resque.keys import Keys
from resque.scripts import load_script

_UNDO = load_script("undo_scheduled")

#: The shapes of memory that are taken back here.
SHAPES: Final = ("delayed", "schedules", "pushed")


def take_back(
    keys: Keys, operation: str, shape: str, parts: Sequence[list[bytes]], trail: ActionRecord | None
) -> Exchange[tuple[int, int, int]]:
    """Take back some parts of an operation, the last first. Returns how many were, how many can
    not be any more, how many remain. One round trip, O(parts x length of their lists)."""
    touched = [key for part in parts for key in _touched(keys, operation, shape, part)]
    prints = [hashlib.sha1(b"".join(part), usedforsecurity=False).hexdigest() for part in parts]
    undo = [
        *(keys.undo(operation), keys.undo_items(operation)),
        *(keys.delayed_schedule(), keys.queues()),
    ]
    return single(
        _UNDO.call(
            [*trail_keys(keys, trail), *undo, *touched],
            [*trail_args(trail), shape, BLANK, keys.delayed_member(""), *prints],
        ),
        lambda reply: (reply[0], reply[1], reply[2]),
        writes=True,
    )


def _touched(keys: Keys, operation: str, shape: str, part: Sequence[bytes]) -> list[bytes]:
    none = keys.undo(operation)
    if shape == "schedules":
        return [keys.persistent_schedules(), keys.schedules_changed(), none]
    if shape == "pushed":
        return [none, none, part[2]]
    stamp = part[0].split(b" ", 3)[-1]
    return [keys.delayed(name_text(stamp)), keys.delayed_stamps(part[1]), part[2] or none]
