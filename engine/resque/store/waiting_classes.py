"""Which classes wait in queues, as far as the ends of the queues show.

A worker that lacks a class turns each of its jobs into a failure: what starts a worker, or advises
to start one, looks here first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from queuecore.exchange import Call, Exchange, Reply, Steps
from queuecore.values import value
from resque.codec import members_of_beginning, text_of
from resque.errors import StoreError
from resque.keys import Keys
from resque.scripts import load_script
from resque.store.queue_list import QueueList
from resque.store.queue_list import names as queue_names

_QUEUE_ENDS = load_script("queue_ends")
#: So many items are read from each end of a queue.
ENDS = 10
#: Of each item so many bytes: the class is its first member.
_BEGINNING_BYTES = 1_024
#: Of a worker's queues so many are looked at.
MOST_QUEUES = 500
#: Queues in one script.
_AT_ONCE = 100


@value
class QueueSample:
    """What waits in a queue. `length` is None when that cannot be known; `classes` are those of
    the jobs that were looked at, each once, the next job's first; `seen` is how many items were
    looked at. `newest` are the classes of the last ones of them, None for what is no job."""

    queue: str
    length: int | None = None
    classes: tuple[str, ...] = ()
    seen: int = 0
    newest: tuple[str | None, ...] = ()

    def unknown(self, knows: Callable[[str], bool]) -> tuple[str, ...]:
        """Those of the classes that are not known."""
        return tuple(name for name in self.classes if not knows(name))


def take(keys: Keys, queues: Sequence[str], *, ends: int = ENDS) -> Exchange[list[QueueSample]]:
    """Look at the first and the last `ends` jobs of queues. What may not be read stays unknown.
    One round trip, O(queues x ends), at most 8 MiB a queue read in Redis."""
    parts = [queues[at : at + _AT_ONCE] for at in range(0, len(queues), _AT_ONCE)]
    calls = tuple(_call(keys, part, ends) for part in parts)

    def parse(replies: list[Reply]) -> list[QueueSample]:
        found: list[QueueSample] = []
        for part, reply in zip(parts, replies, strict=True):
            answers = [-1] * len(part) if isinstance(reply, StoreError) else reply
            found += [
                _waiting(name, answer, ends) for name, answer in zip(part, answers, strict=True)
            ]
        return found

    return Exchange(calls, parse, tolerant=True)


def _call(keys: Keys, queues: Sequence[str], ends: int) -> Call:
    return _QUEUE_ENDS.call([keys.queue(name) for name in queues], [ends, _BEGINNING_BYTES])


def _waiting(queue: str, answer: Reply, ends: int) -> QueueSample:
    if not isinstance(answer, list):
        return QueueSample(queue)
    length, *items = answer
    names = [text_of(members_of_beginning(item).get("class")) for item in items]
    classes = tuple(dict.fromkeys(name for name in names if name))
    return QueueSample(queue, length, classes, len(items), tuple(names[-ends:]))


def of_list(keys: Keys, served: QueueList) -> Steps[list[QueueSample]]:
    """Read the queues that a worker with this list would serve, at most 500 of them. One round
    trip, two where the list has patterns."""
    names = served.wanted
    if served.is_dynamic:
        registered: list[str] = yield queue_names(keys)
        names = tuple(served.resolve(registered))
    found: list[QueueSample] = yield take(keys, names[:MOST_QUEUES])
    return found
