"""Taking an operator's action back: of delayed jobs and schedules here, of all else in
`queuecore.undo`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import Final

from queuecore import turning
from queuecore import undo as core
from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import BLANK
from queuecore.digests import sha1_hex
from queuecore.exchange import Arg, Exchange, Steps
from queuecore.keys import name_text, turn
from queuecore.turning import Back
from queuecore.undo import TakenBack, Tally
from queuecore.undo import Undone as Undone
from resque.keys import Keys
from resque.scripts import load_script

_UNDO = load_script("undo_scheduled")
_TURN_BACK = load_script("delayed_turn_back")

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
    tally: Tally,
) -> Steps[None] | None:
    if shape not in _SHAPES:
        return None
    walk = partial(_walk, keys, operation, shape, parts, record)
    if shape == "delayed":
        return _delayed_back(keys, operation, parts, record, tally, walk)
    return _noted(walk(0), tally)


def _noted(exchange: Exchange[TakenBack], tally: Tally) -> Steps[None]:
    tally.note(*(yield exchange))


def _delayed_back(
    keys: Keys,
    operation: str,
    parts: Sequence[list[bytes]],
    record: ActionRecord | None,
    tally: Tally,
    walk: Callable[[int], Exchange[TakenBack]],
) -> Steps[None]:
    """Put delayed jobs back. One round trip; where many go into the long list of one moment, this
    is turned for all of them that follow."""
    stamp = _moment(parts[0])
    alike = list(takewhile(lambda part: _moment(part) == stamp, parts))
    key = keys.delayed(name_text(stamp))
    is_worth = len(alike) > turning.FEW_ITEMS and all(part[2] != key for part in alike)
    before = tally.gone_through
    yield from _noted(walk(turning.SHALLOW_ITEMS if is_worth else 0), tally)
    if tally.gone_through > before:
        return
    # The list is long, or another program turns it, or another undo was here.
    length = yield from turning.settled(keys, key)
    if is_worth and length > turning.SHALLOW_ITEMS:
        args = stamp, keys.delayed_member(""), keys.delayed_stamps(b"")
        back = Back(_TURN_BACK, (keys.delayed_schedule(),), args)
        yield from core.turn_back(keys, operation, key, record, tally, back)
        if tally.gone_through == before:
            yield from _noted(walk(0), tally)


def _walk(
    keys: Keys,
    operation: str,
    shape: str,
    parts: Sequence[list[bytes]],
    record: ActionRecord | None,
    longest: int,
) -> Exchange[TakenBack]:
    """One round trip, O(parts x length of their lists); only into lists of at most `longest` jobs,
    if that is not 0."""
    touched = [key for part in parts for key in _touched(keys, operation, shape, part)]
    prints = [sha1_hex(b"".join(part)) for part in parts]
    undo = [
        *(keys.undo(operation), keys.undo_items(operation)),
        *(keys.delayed_schedule(), keys.queues()),
    ]
    args: list[Arg] = [shape, BLANK, keys.delayed_member(""), longest, *prints]
    return recorded(_UNDO, keys, record, [*undo, *touched], args, tuple)


def _moment(part: Sequence[bytes]) -> bytes:
    """Until which moment a job of a memory was delayed."""
    return part[0].split(b" ", 3)[-1]


def _touched(keys: Keys, operation: str, shape: str, part: Sequence[bytes]) -> list[bytes]:
    none = keys.undo(operation)
    if shape == "schedules":
        return [keys.persistent_schedules(), keys.schedules_changed(), none, none]
    if shape == "pushed":
        return [none, none, part[2], none]
    moment = keys.delayed(name_text(_moment(part)))
    return [moment, keys.delayed_stamps(part[1]), part[2] or none, turn(moment)]
