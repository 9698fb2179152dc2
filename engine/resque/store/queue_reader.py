"""The queues, from poll to poll: how deep they are, what was pushed, whether they are paused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from queuecore.cooperative import Slices
from queuecore.exchange import Command, Reply, refusal
from queuecore.fleet import Queue
from queuecore.keys import name_text
from queuecore.read_cache import batches, note, rows
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script

_QUEUE_TAILS = load_script("queue_tails")

#: How many newest jobs are compared to find the one remembered from the poll before.
_REACH = 500
#: So many queues are read between two pauses.
_SLICE = 500


class QueueReader:
    """Asks for the registered queues and reads the answers: `ask_first` and `ask`, in one poll's
    first and second round trip, then `read` with the answers.

    Items set aside are rare. While there were none at the poll before, `ask_first` asks whether
    there are any at all, and only then `ask` wants to know how many of each queue.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._names: list[str] = []
        self._asides: list[bytes] = []
        self._queues: list[bytes] = []
        self._pauses: list[Command] = []
        #: Whether nothing was set aside at the poll before, from any of the queues.
        self._none_aside = False
        self._heads: list[Command] = []
        #: What the newest jobs of the queues were, at the poll before.
        self._tails: dict[str, str] = {}
        self._lengths: list[Command] = []

    def ask_first(self) -> list[Command]:
        """What to send at first. O(queues)."""
        return [("EXISTS", *each) for each in batches(self._asides)] if self._none_aside else []

    def ask(self, names: list[str], first_replies: list[Reply]) -> list[Command]:
        """What to send then. `first_replies` are the answers to the first. O(queues)."""
        is_same = names == self._names
        if not is_same:
            self._arrange(names)
        tails = [self._tails.get(name, "") for name in names]
        heads = zip(batches(self._queues), batches(tails), strict=True)
        self._heads = [_QUEUE_TAILS.call(queues, [_REACH, *batch]) for queues, batch in heads]
        still_none = is_same and self._none_aside and not any(first_replies)
        self._lengths = [] if still_none else [("LLEN", key) for key in self._asides]
        return [*self._heads, *self._lengths, *self._pauses]

    def _arrange(self, names: list[str]) -> None:
        keys = self._keys
        self._names = names
        self._queues = [keys.queue(name) for name in names]
        self._asides = [keys.unreadable(name) for name in names]
        pauses = [keys.pause_queue(name) for name in names]
        self._pauses = [("MGET", *part) for part in batches(pauses)]

    def read(self, replies: Iterator[Reply], problems: dict[str, str]) -> Slices[list[Queue]]:
        """The queues, in the order of their names; `replies` are those to `ask`. Why something
        is unknown of several is added to the `problems`. O(queues)."""
        names = self._names
        heads = rows(replies, self._heads, len(names))
        asides = list(islice(replies, len(self._lengths))) or [0] * len(names)
        self._none_aside = not any(asides)
        pauses = rows(replies, self._pauses, len(names))
        for what, answers in (("items set aside", asides), ("paused queues", pauses)):
            note(what, answers, problems)
        found: list[Queue] = []
        for at in range(0, len(names), _SLICE):
            part = slice(at, at + _SLICE)
            found += map(_queue, names[part], heads[part], asides[part], pauses[part])
            yield
        tails = self._tails
        self._tails = {
            name: _tail(head, tails.get(name, "")) for name, head in zip(names, heads, strict=True)
        }
        return found


def _queue(name: str, head: Any, unreadable: Any, pause: Any) -> Queue:
    aside = unreadable if isinstance(unreadable, int) else None
    is_paused = None if isinstance(pause, StoreError) else pause is not None
    size, pushed, problem = None, None, None
    if isinstance(head, list):
        size, _, pushed = head
        pushed = None if pushed < 0 else pushed
    elif isinstance(head, StoreError):
        problem = str(head)
    elif isinstance(head, bytes):
        problem = str(refusal(name_text(head)))
    elif head < 0:
        problem = "the key holds another kind of value than a list"
    else:
        size, pushed = head, 0 if head else None
    return Queue(name, size, is_paused, aside, pushed, problem)


def _tail(head: Any, before: str) -> str:
    """What a queue's newest job is, for the poll to come; nothing where that is not known."""
    if isinstance(head, list):
        return str(head[1], "ascii")
    return before if isinstance(head, int) and head > 0 else ""
