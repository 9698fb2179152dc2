"""Changes in the depths of long lists: the list is turned until each place comes to its first end,
where others take items; newcomers arrive at the other end.

Redis walks to a place in the middle of a list, so that each script that removes or inserts there
takes as long as the list is long. Where many items are meant, their list is turned once instead:
scripts move items from its first end to the other, one after the other, and what is to leave leaves
on the way. No item is hidden from any reader meanwhile, and none can be lost: whatever is killed,
the list is only turned, and the next program that changes it here puts it in order first. Newcomers
stay behind the others. `turned.inc.lua` says how a list that is turned is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from queuecore.action_record import ActionRecord, new_id, recorded
from queuecore.errors import StoreError
from queuecore.exchange import Arg, Exchange, Reply, Script, Steps, load_script
from queuecore.keys import ListEnd, QueueKeys, name_bytes, turn, turn_apart
from queuecore.values import TypeVar, replace, value

T = TypeVar("T")

_TURN = load_script("turn")
_TURN_BACK = load_script("turn_back")
_TURNED = load_script("turned")

#: Fewer places than these from either end of a list are walked to: a script that removes items
#: there takes 0.2 ms longer than at the end.
SHALLOW_ITEMS = 10_000
#: So few items are not worth a turn of their list.
FEW_ITEMS = 20
#: Items that one step takes, and the places that they are in.
STEP_ITEMS = 200
STEP_PLACES = 500
#: Bytes that a script moves, where each item costs 500 more: some milliseconds. Of items of 1 KB
#: they are as many as the places of a step: each script has its own costs, as much as 100 items.
STEP_BYTES = 768 << 10
#: Items that one step of an undo puts back.
BACK_ITEMS: Final = 500
#: The type of a turn's key. Of another it is something else: such as a queue of that name.
STATE_TYPE: Final = b"string"
#: After so long without a step the owner of a turn is taken for dead.
GRACE_S: Final = 3.0
_WAIT_S: Final = 0.1
#: Lists that are looked at in one round trip.
_LISTS: Final = 1000
_BUSY: Final = 0
#: More than any list holds: nothing is turned.
_NOWHERE: Final = 2**53


def is_deep(places: Iterable[int], length: int) -> bool:
    """Whether so many of the places of a list are so far from its ends that it is to be turned.
    O(places)."""
    deepest = length - SHALLOW_ITEMS
    few = FEW_ITEMS
    for place in places:
        if SHALLOW_ITEMS <= place < deepest:
            few -= 1
            if few < 0:
                return True
    return False


def settled(keys: QueueKeys, key: bytes, newest: ListEnd = "tail") -> Steps[int]:
    """Wait until no other program turns a list, at the end `newest` of which newcomers arrive, and
    put it in order where one was killed. Returns the list's length. One round trip, if it is in
    order. Raises StoreError."""
    while True:
        length, kind = yield Exchange((("LLEN", key), ("TYPE", turn(key))), tuple)
        if kind != STATE_TYPE:
            return int(length)
        other = Turn(keys, key, None, newest)
        yield from other.begin()
        yield from other.end()


@value
class Turned:
    """How many items of a list are turned, how many are not yet, and how many seconds ago the last
    step was, by the server's clock."""

    turned: int
    rest: int
    idle_s: float

    @property
    def is_left(self) -> bool:
        """Whether the program that turned the list is taken for dead."""
        return self.idle_s >= GRACE_S


def turned(lists: Sequence[bytes]) -> Steps[dict[bytes, Turned]]:
    """Which of some lists are turned, and how far. One round trip for each 1,000; another where
    there is one. Raises StoreError."""
    candidates: list[bytes] = []
    for at in range(0, len(lists), _LISTS):
        page = lists[at : at + _LISTS]
        are_known = yield Exchange(tuple(("EXISTS", turn(key)) for key in page), list)
        candidates += [key for key, is_known in zip(page, are_known, strict=True) if is_known]
    if not candidates:
        return {}
    found = yield Exchange(tuple(_TURNED.call([key, turn(key)]) for key in candidates), list)
    return {
        key: Turned(reply[0], reply[1], reply[2] / 1000)
        for key, reply in zip(candidates, found, strict=True)
        if reply
    }


@value
class Taking:
    """What becomes of one item: it leaves the list, and `payload` goes onto `queue` (None: it is
    deleted), or, if `stays`, into its place. `place` is how many items others take before it, `sha`
    its SHA-1. `cut` is in which of the item's bytes the payload is, from 1 on; (0, 0): they are not
    known to hold it. Then a turn needs neither `raw` nor `payload`."""

    place: int
    raw: bytes
    queue: str | None = None
    payload: bytes = b""
    sha: str = ""
    cut: tuple[int, int] = (0, 0)
    stays: bool = False


def cut_of(taking: Taking) -> tuple[int, int]:
    """In which of an item's bytes its payload is: see `Taking`. O(bytes)."""
    payload = taking.payload
    start = taking.raw.find(payload) if payload else -1
    return (start + 1, start + len(payload)) if start >= 0 else (0, 0)


@value
class TurnStep:
    """What one step of a turn came to: how many were taken, how many it reached, the numbers of
    those that were not there, and of those whose queue's key holds no list; the next items; how
    much farther on items were than expected."""

    done: int
    reached: int
    gone: Sequence[int]
    barred: Sequence[int]
    items: Sequence[bytes]
    drift: int


def described(taking: Taking, target: int) -> tuple[Arg, ...]:
    """What `turning_items.inc.lua` is to know of an item that goes onto the list of this number;
    for one that `stays` it is none."""
    # Mostly it is a part of the item: so it need not be sent.
    first, last = taking.cut if taking.cut[0] else cut_of(taking)
    sent = b"" if first else taking.payload
    return taking.place, taking.sha, -1 if taking.stays else target, f"{first} {last}", sent


@value
class Back:
    """How items are put back while their list is turned: by a script that includes
    `turning_back.inc.lua`, what else it touches, and what else it is to know."""

    script: Script
    touched: tuple[bytes, ...] = ()
    args: tuple[Arg, ...] = ()


@value
class BackStep:
    """What one step of an undo came to: how many were put back, how many cannot be any more, how
    many remain (-1: the operation is not known any more), the lists that the next were pushed
    to."""

    done: int
    lost: int
    remain: int
    lists: set[bytes]


class TurnEnded(Exception):
    """Another program has put the list in order meanwhile: this one had stopped for too long. Or
    nothing is left of the list."""


class Turn:
    """One turn of one list. To be begun, and to be ended whatever happens.

    Args:
        newest: The end of the list at which newcomers arrive.

    Attributes:
        turned, rest: How many items have been passed, and how many not, as far as is known.
        meanwhile: See `Exchange`; of every step.
    """

    def __init__(
        self,
        keys: QueueKeys,
        key: bytes,
        record: ActionRecord | None,
        newest: ListEnd = "tail",
    ) -> None:
        self._keys, self._key, self._record, self._newest = keys, key, record, newest
        self._owner = new_id()
        self.turned = self.rest = 0
        self.meanwhile: Callable[[], object] | None = None

    def begin(self) -> Steps[None]:
        """Wait until no other program turns the list, and take it over in its order. Two round
        trips; while it waits, one each 0.1 s. Raises StoreError."""
        while True:
            reply = yield self._turn(_NOWHERE, expects=False)
            if reply[0] != _BUSY:
                break
            yield Exchange((), lambda _: None, wait_s=_WAIT_S)
        if self.turned and self.rest:
            # Another program was killed here.
            yield from self.end()
            yield from self.begin()

    def take(
        self,
        part: Sequence[Taking],
        leave: int,
        wanted: Sequence[int],
        progress: tuple[int, int],
    ) -> Steps[TurnStep]:
        """Take items off the list, turn it until no more than `leave` are not turned, and read the
        `wanted` ones. Their places, and those of `part`, are how many items not yet turned there
        are from there to the last. One round trip, O(places passed + items). Raises StoreError
        and TurnEnded."""
        names = list(dict.fromkeys(t.queue for t in part if t.queue is not None))
        targets = {None: 0} | {name: number for number, name in enumerate(names, 1)}
        args: list[Arg] = [leave, len(part), len(names), *map(name_bytes, names)]
        for each in part:
            args += described(each, targets[each.queue])
        touched = list(map(self._keys.queue, names))
        return (yield from self.take_by(_TURN, touched, [*args, *wanted], progress))

    def take_by(
        self,
        script: Script,
        touched: Sequence[bytes],
        args: Sequence[Arg],
        progress: tuple[int, int],
    ) -> Steps[TurnStep]:
        """As `take`, by a script that includes `turning_items.inc.lua`."""
        reply = yield self._exchange(script, touched, args, progress=progress)
        return TurnStep(*self._own(reply)[3:])

    def hold(self) -> Steps[None]:
        """Say that the turn is still its owner's. One round trip. Raises StoreError, TurnEnded."""
        self._own((yield self._turn(_NOWHERE)))

    def put_back(
        self, operation: str, lists: Sequence[bytes], back: Back | None
    ) -> Steps[BackStep]:
        """Put items that an operation removed back to their places, the last first. `lists` are
        the keys of those that they were pushed to. One round trip, O(places turned + items), and
        what was pushed is looked for from its list's end. Raises StoreError, and TurnEnded where
        the list is empty by now: it cannot be turned."""
        back = back or Back(_TURN_BACK)
        memory = self._keys.undo(operation), self._keys.undo_items(operation)
        touched, args = [*memory, *back.touched, *lists], [BACK_ITEMS, *back.args]
        while True:
            reply = yield self._exchange(back.script, touched, args)
            if reply[0] == 1:
                _, _, _, done, lost, remain, following = reply
                return BackStep(done, lost, remain, set(following))
            yield from self.begin()
            if not self.turned and not self.rest:
                raise TurnEnded

    def through(self, steps: Steps[T]) -> Steps[T]:
        """Carry out the steps of this turn, and put the list in order, whatever came of them. As
        many round trips as they take, and those of `end`. Raises StoreError."""
        try:
            result = yield from steps
        except StoreError:
            with suppress(StoreError):
                yield from self.end()
            raise
        yield from self.end()
        return result

    def back(self, places: int) -> Steps[None]:
        """Turn the list back from its order, until `places` items that were its last are not yet
        turned. A round trip for each 500 of 1 KB. Raises StoreError and TurnEnded."""
        while (self.turned and self.rest < places) or (not self.turned and self.rest > places):
            self._own((yield self._turn(-places)))

    def end(self) -> Steps[None]:
        """Put the list in order, the shorter way. A round trip for each 500 places of 1 KB. Raises
        StoreError."""
        leave = 0 if self.rest <= self.turned else -_NOWHERE
        if not self.turned:
            leave = _NOWHERE
        while True:
            reply = yield self._turn(leave, ends=True)
            if reply[0] != 1 or not (self.turned and self.rest):
                return

    def _turn(self, leave: int, *, expects: bool = True, ends: bool = False) -> Exchange[Reply]:
        return self._exchange(_TURN, (), [leave, 0, 0], expects=expects, ends=ends)

    def _exchange(
        self,
        script: Script,
        touched: Sequence[bytes],
        args: Sequence[Arg],
        *,
        expects: bool = True,
        ends: bool = False,
        progress: tuple[int, int] | None = None,
    ) -> Exchange[Reply]:
        key = self._key
        first: list[Arg] = [self._owner, int(expects), int(ends), int(GRACE_S * 1000), STEP_BYTES]
        first.append(self._newest)

        def parse(reply: Reply) -> Reply:
            self.turned, self.rest = reply[1:3]
            return reply

        touched = [key, self._keys.queues(), turn(key), turn_apart(key), *touched]
        call = recorded(script, self._keys, self._record, touched, [*first, *args], parse)
        return replace(call, progress=progress, meanwhile=self.meanwhile)

    def _own(self, reply: Reply) -> Reply:
        if reply[0] != 1:
            raise TurnEnded
        return reply
