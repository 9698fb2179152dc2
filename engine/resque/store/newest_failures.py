"""The newest failures, from look to look."""

from __future__ import annotations

from typing import Any

from queuecore import windows
from queuecore.cooperative import Slices
from queuecore.digests import sha1_hex
from queuecore.exchange import Command, Reply
from queuecore.windows import Stretch
from resque.keys import Keys
from resque.scripts import load_script
from resque.store import failures
from resque.store.failures import Failure

_NEWER = load_script("newer")

#: So many are read between two pauses.
_SLICE = 100
#: What a reading may cost at each look, in bytes that the server copies: some 5 ms.
_BUDGET_BYTES = 8_388_608
#: A longer entry comes cut and with its SHA-1, which takes as long as to copy it ten times.
_CUT_BYTES, _CUT_COSTS = 65_536, 10
#: However large they are, so many are read.
_LEAST = 40
#: What costs more is read again at every so many looks, unless the list has another length.
_TURNS = 10


class Newest:
    """Asks for the newest failures and reads the answer; used for one look at a time: `ask`,
    `parse`, then `read`. An entry that is where it was, byte for byte, is not read again, and stays
    the same object. At a sparing look only those are asked for that have come since, where the
    others seem to be as they were: a mark on one of them shows later. Entries so large that to read
    them burdens the server are read less often, and fewer of them.

    Args:
        keys: Where they are.
        limit: How many to read, as long as they are of a usual size.
    """

    def __init__(self, keys: Keys, *, limit: int) -> None:
        self._keys = keys
        self._most = self._limit = limit
        self._turn = 0
        self._is_heavy = self._has_changed = False
        self._seen = Stretch(0, ())
        self._known: dict[int, tuple[Any, Failure]] = {}

    def ask(self, *, sparing: bool = False) -> Command:
        """What to send. O(limit)."""
        self._turn = (self._turn + 1) % _TURNS
        if self._is_heavy and self._turn and not self._has_changed:
            return ("LLEN", self._keys.failed())
        if not self._turn:
            self._limit = min(self._most, self._limit * 2)
        if sparing and self._seen.replies and not self._is_heavy:
            return self._ask_newer()
        window = failures.newest_as_they_came(self._keys, limit=self._limit, max_bytes=_CUT_BYTES)
        return window.commands[0]

    def _ask_newer(self) -> Command:
        seen = self._seen
        first, last = (_print(seen.replies[at]) for at in (0, -1))
        known = (seen.length, len(seen.replies), first, last)
        return _NEWER.call([self._keys.failed()], [self._limit, _CUT_BYTES, *known])

    def parse(self, reply: Reply) -> tuple[int, Stretch]:
        """How many failures there are, and those to read."""
        if isinstance(reply, int):
            self._has_changed = reply != self._seen.length
            return reply, self._seen
        length, replies, *is_since = reply
        if is_since:
            if not replies:
                return length, self._seen
            replies = [*self._seen.replies, *replies][-self._limit :]
        return length, Stretch(length, replies)

    def read(self, seen: Stretch) -> Slices[tuple[Failure, ...]]:
        """The failures, newest first. O(failures), and the reading of what is new."""
        known: dict[int, tuple[Any, Failure]] = {}
        for place, reply in enumerate(seen.replies, seen.length - len(seen.replies)):
            was = self._known.get(place)
            if was is None or was[0] != reply:
                was = reply, failures.read(windows.read_item(reply), place)
                if len(known) % _SLICE == 0:
                    yield
            known[place] = was
        self._known = known
        if seen is not self._seen:
            self._weigh(seen)
        return tuple(failure for _, failure in reversed(known.values()))

    def _weigh(self, seen: Stretch) -> None:
        self._seen, self._has_changed = seen, False
        left, fitting = _BUDGET_BYTES, 0
        for reply in reversed(seen.replies):
            left -= len(reply) if isinstance(reply, bytes) else int(reply[1]) * _CUT_COSTS
            if left < 0:
                break
            fitting += 1
        self._is_heavy = left < 0
        if self._is_heavy:
            self._limit = min(self._most, max(_LEAST, fitting))


def _print(reply: bytes | list[bytes | int]) -> bytes | str | int:
    """The SHA-1 of an entry as it came; of one that came cut, it came along."""
    return sha1_hex(reply) if isinstance(reply, bytes) else reply[2]
