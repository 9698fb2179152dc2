"""Delayed jobs leave the long list of one moment while it is turned (see `queuecore.turning`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, Literal

from queuecore import bulk, turning
from queuecore.exchange import Arg, Steps
from queuecore.keys import name_bytes
from queuecore.turning import Taking, Turn, TurnStep
from queuecore.values import TypeVar
from queuecore.windows import Item
from resque.keys import Keys
from resque.scripts import load_script
from resque.store.delayed_windows import LISTED_BYTES

T = TypeVar("T")

_TURN = load_script("delayed_turn")

#: What is done with jobs: deleted, put onto their queues, delayed until another moment.
Act = Literal["drop", "queue", "delay"]
#: After so many pages the owner of a turn that only reads says that it lives.
_HOLD_PAGES: Final = 10
#: As many equal jobs as no list has: one is always left.
_ALWAYS: Final = 2**53


class MomentInTurn:
    """Takes jobs off the list of one moment: `take` is for `bulk.take_by_turning`. `shas` are those
    of the jobs that are meant; `until` is the new moment of those that are delayed."""

    def __init__(
        self, keys: Keys, stamp: str, shas: Collection[str], act: Act, until: str = ""
    ) -> None:
        self._keys, self._stamp, self._shas = keys, stamp, shas
        self._act, self._until = act, until
        #: How many equal jobs there are of each; None before they are counted.
        self._equal: Counter[str] | None = None
        self._places = 0

    def take(
        self,
        turn: Turn,
        part: Sequence[Taking],
        leave: int,
        wanted: Sequence[int],
        progress: tuple[int, int],
    ) -> Steps[TurnStep]:
        """As `Turn.take`. Before the first step all jobs are counted: one round trip for each
        1,000."""
        equal = self._equal
        if equal is None:
            self._places = turn.turned + turn.rest
            equal = self._equal = yield from self._counted(turn, progress)
        if turn.turned + turn.rest > self._places:
            # So many came that they are among the others by now, and were not counted.
            equal.update(dict.fromkeys(self._shas, _ALWAYS))
        keys, until = self._keys, self._until
        queues = list(dict.fromkeys(each.queue for each in part if each.queue is not None))
        lists = [keys.delayed(until)] if until else list(map(keys.queue, queues))
        names = [b""] if until else list(map(name_bytes, queues))
        new = (keys.delayed_member(until), until) if until else (b"", b"")
        stamp = self._stamp
        args: list[Arg] = [self._act, keys.delayed_member(stamp), name_bytes(stamp), *new]
        args += [leave, len(part), len(names), *names]
        for each in part:
            target = 0 if each.queue is None else queues.index(each.queue) + 1
            args += turning.described(each, 1 if until else target)
            args.append(equal[each.sha])
        touched = [*lists, keys.delayed_schedule()]
        touched += [keys.delayed_stamps(each.raw) for each in part]
        step = yield from turn.take_by(_TURN, touched, [*args, *wanted], progress)
        stayed = {*step.gone, *step.barred}
        taken = enumerate(part[: step.reached], 1)
        equal.subtract(each.sha for number, each in taken if number not in stayed)
        self._places = turn.turned + turn.rest
        return step

    def _counted(self, turn: Turn, progress: tuple[int, int]) -> Steps[Counter[str]]:
        def choose(item: Item, _: int) -> str | None:
            return item.sha if item.sha in self._shas else None

        key = self._keys.delayed(self._stamp)
        scan = bulk.scan(key, choose, max_bytes=LISTED_BYTES, within=progress)
        found: list[str] = yield from _held(turn, scan)
        return Counter(found)


def _held(turn: Turn, steps: Steps[T]) -> Steps[T]:
    """The same steps, with the turn held meanwhile."""
    reply, pages = None, 0
    while True:
        try:
            exchange = steps.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if pages % _HOLD_PAGES == _HOLD_PAGES - 1:
            yield from turn.hold()
        reply = yield exchange
        pages += 1
