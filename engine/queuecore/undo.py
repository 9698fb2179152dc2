"""Undoes an operator's action, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from queuecore import turning
from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import BLANK
from queuecore.digests import sha1_hex
from queuecore.errors import AuthRefused, MissingCommand, StoreError, WrongType
from queuecore.exchange import Exchange, Reply, Steps, load_script
from queuecore.keys import ListEnd, QueueKeys, name_text
from queuecore.turning import Back, Turn, TurnEnded

_UNDO = load_script("undo")

#: The end at which newcomers arrive of the list that items were taken from, by the memory's shape.
_NEWEST: Final[Mapping[str, ListEnd]] = {"items": "tail", "waiting": "head"}
#: Shapes of memory that are the list itself: it goes back to the head, or to the tail.
_LISTS = ("list", "tail")

#: For a place that is so many times nearer to a list's other end than to its head, it is turned.
_NEAR: Final = 50
#: Parts taken back by one script: few, because each may walk through a long list.
_PARTS = 100
#: Where there are many to come: then a script may reach their place once for all of them.
_MANY_PARTS = 1000
#: A cleared list goes back from its end: no walking.
_LIST_PARTS = 2000


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of an undo. `done` items are back; `lost` could not be taken back any more (a
    worker has taken the job since, a switch was changed again). `is_known` is False when there is
    nothing to undo: too late, never possible, or undone before. `stopped` is what ended it before
    its end: then `left` can still be taken back."""

    done: int = 0
    lost: int = 0
    is_known: bool = True
    left: int = 0
    stopped: StoreError | None = None


class Tally:
    """How many are back, cannot come back, and remain, at any moment."""

    def __init__(self) -> None:
        self.done = self.lost = self.left = 0

    @property
    def gone_through(self) -> int:
        return self.done + self.lost

    @property
    def progress(self) -> tuple[int, int]:
        return self.gone_through, self.gone_through + self.left

    def note(self, done: int, lost: int, left: int) -> None:
        """Add what one script did; `left` is -1 where the memory was not as it was read."""
        self.done, self.lost = self.done + done, self.lost + lost
        self.left = left if left >= 0 else self.left


#: How many parts were taken back, how many cannot be any more, how many remain.
TakenBack = tuple[int, int, int]
#: Takes back parts of memory that have a shape of a queue system's own (four texts each), the last
#: first, and notes that; None for a shape that it does not know.
TakeBack = Callable[
    [str, Sequence[list[bytes]], "ActionRecord | None", Tally], "Steps[None] | None"
]


def undo(
    keys: QueueKeys,
    operation: str,
    record: ActionRecord | None = None,
    *,
    of_system: TakeBack = lambda shape, parts, record, tally: None,
) -> Steps[Undone]:
    """Take back what is left to take back of an operation.

    Bytes, order and the queue's registration come back; what was pushed is removed again, unless
    a worker has it by now. Two undos at once share the work: nothing is restored twice. `record` is
    that of the undo itself, which cannot be undone; its `planned` is what there was to take back.
    `of_system` is asked for each shape of memory first.
    Three round trips for each 100 items (1,000 where there are many, 2,000 of a cleared list); in
    the depths of a long list, which is turned for that, one for each 500 items and 500 places.
    """
    tally = Tally()
    try:
        is_known: bool = yield from _undo(keys, operation, record, of_system, tally)
    except StoreError as error:
        if not tally.gone_through:
            raise
        return Undone(tally.done, tally.lost, left=tally.left, stopped=error)
    return Undone(tally.done, tally.lost, is_known or tally.gone_through > 0)


def _undo(
    keys: QueueKeys,
    operation: str,
    record: ActionRecord | None,
    of_system: TakeBack,
    tally: Tally,
) -> Steps[bool]:
    """Take back all there is. Returns whether there was anything."""
    parts = _PARTS
    while True:
        facts: _Facts | None = yield _read_memory(keys, operation, parts, tally)
        if facts is None or facts.left == 0:
            if facts is not None and facts.turned is not None:
                # An undo before this one may have been killed before it put the list in order.
                yield from turning.settled(keys, facts.turned, _NEWEST.get(facts.shape, "tail"))
            return False
        if record is not None and not tally.gone_through:
            record = replace(record, planned=facts.left, undo_s=0)
        tally.left = facts.left
        before = tally.gone_through
        own = of_system(facts.shape, facts.parts, record, tally)
        yield from own or _take_some_back(keys, operation, facts, record, tally)
        if tally.left == 0:
            return True
        if done := tally.gone_through - before:
            # A script takes back fewer where it has to walk far.
            most = _MANY_PARTS if tally.left >= _MANY_PARTS else _PARTS
            parts = min(most, 2 * done)


def _take_some_back(
    keys: QueueKeys, operation: str, facts: _Facts, record: ActionRecord | None, tally: Tally
) -> Steps[None]:
    """Take back the last parts, or all of them while their list is turned."""
    if facts.shape != "switches":
        newest = _NEWEST.get(facts.shape, "tail")
        length = yield from turning.settled(keys, facts.source, newest)
        before = tally.gone_through
        if _is_turned(facts, length):
            yield from turn_back(keys, operation, facts.source, record, tally, newest=newest)
        if tally.gone_through > before:
            return
    tally.note(*(yield _take_back(keys, operation, facts, record)))


def _is_turned(facts: _Facts, length: int) -> bool:
    """Whether the list is to be turned for what is left of a memory."""
    if facts.shape not in _NEWEST or length <= turning.SHALLOW_ITEMS:
        return False
    if any(part[2] == facts.source for part in facts.parts):
        return False
    # To reach a place from the head of a list, Redis walks along all that is before.
    is_far = _NEWEST[facts.shape] == "head" and _NEAR * _deepest(facts.parts) < length
    return facts.left > turning.FEW_ITEMS or is_far


def _deepest(parts: Sequence[list[bytes]]) -> int:
    """The place that is the farthest from where others take items. What is no place is none."""
    places = (part[0].split(b" ", 1)[0] for part in parts)
    return max((int(place) for place in places if place.isdigit() and len(place) < 16), default=0)


def turn_back(
    keys: QueueKeys,
    operation: str,
    source: bytes,
    record: ActionRecord | None,
    tally: Tally,
    back: Back | None = None,
    *,
    newest: ListEnd = "tail",
) -> Steps[None]:
    """Take back what can be while the list `source` is turned: the way `back`, or that of items.
    Nothing where it cannot be turned. Two round trips, one for each 500 items and each 500 places
    of the list. Raises StoreError."""
    turn = Turn(keys, source, record, newest)
    try:
        yield from turn.begin()
    except (MissingCommand, AuthRefused, WrongType):
        # Redis before 6.2 cannot turn a list, nor is it when a key for that is in use.
        return
    yield from turn.through(_put_back(turn, operation, tally, back))


def _put_back(turn: Turn, operation: str, tally: Tally, back: Back | None) -> Steps[None]:
    lists: set[bytes] = set()
    while True:
        # Here it can be stopped.
        yield Exchange((), lambda _: None, progress=tally.progress)
        turned = turn.turned
        try:
            step = yield from turn.put_back(operation, sorted(lists), back)
        except TurnEnded:
            return
        tally.note(step.done, step.lost, step.remain)
        is_stuck = turn.turned == turned and lists >= step.lists
        if step.remain <= 0 or (is_stuck and not step.done + step.lost):
            return
        lists = step.lists


@dataclass(frozen=True, slots=True)
class _Facts:
    shape: str
    source: bytes
    #: The queue's name that was taken off the set of queues; None where none was.
    unnamed: bytes | None
    #: How many parts there are to take back.
    left: int
    #: The last parts of the memory, last first: four texts each; empty for a list.
    parts: list[list[bytes]]
    #: The list that an undo turned.
    turned: bytes | None


def _read_memory(
    keys: QueueKeys, operation: str, count: int, tally: Tally
) -> Exchange[_Facts | None]:
    def parse(replies: list[Reply]) -> _Facts | None:
        (shape, source, unnamed, turned), tail, length = replies
        if shape is None or source is None:
            return None
        kind = name_text(shape)
        is_list = kind in _LISTS
        if not is_list and length % 4:
            return None
        parts = [] if is_list else [tail[at : at + 4] for at in range(0, len(tail), 4)][::-1]
        left = length if is_list else length // 4
        return _Facts(kind, source, unnamed, left, parts, turned)

    memory = keys.undo_items(operation)
    return Exchange(
        (
            ("HMGET", keys.undo(operation), "shape", "source", "unnamed", "turned"),
            ("LRANGE", memory, -4 * count, -1),
            ("LLEN", memory),
        ),
        parse,
        progress=tally.progress if tally.gone_through else None,
    )


def _take_back(
    keys: QueueKeys, operation: str, facts: _Facts, record: ActionRecord | None
) -> Exchange[TakenBack]:
    hash_key = keys.undo(operation)
    is_switch = facts.shape == "switches"
    touched = [(part[0] if is_switch else part[2]) or hash_key for part in facts.parts]
    prints = [sha1_hex(b"".join(part)) for part in facts.parts]
    count = _LIST_PARTS if facts.shape in _LISTS else len(facts.parts)
    registration = (0, "") if facts.unnamed is None else (1, facts.unnamed)
    memory = keys.undo_items(operation)
    return recorded(
        *(_UNDO, keys, record),
        [hash_key, memory, facts.source, keys.queues(), *touched],
        [facts.shape, BLANK, count, *registration, *prints],
        tuple,
    )
