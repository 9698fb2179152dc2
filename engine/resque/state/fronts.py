"""The jobs that are next: the payload at the head of each of some queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from resque.errors import StoreError
from resque.state.columns import batches
from resque.wire.exchange import Command, Exchange, Reply, load_script
from resque.wire.keys import Keys

#: Longer payloads are left out.
LONGEST_BYTES = 4_096
_QUEUE_FRONTS = load_script("queue_fronts")


def take(keys: Keys, queues: Sequence[str]) -> Exchange[Mapping[str, bytes]]:
    """Read the payload that is next in each queue. Those that are empty, of another kind, not to
    be read or over `LONGEST_BYTES` are left out. One round trip, O(queues)."""
    return Exchange(asking(keys, queues), lambda replies: read(queues, replies), tolerant=True)


def asking(keys: Keys, queues: Sequence[str]) -> tuple[Command, ...]:
    """The commands of `take`, to be sent with others."""
    return tuple(
        _QUEUE_FRONTS.call([keys.queue(name) for name in batch], [LONGEST_BYTES])
        for batch in batches(queues)
    )


def read(queues: Sequence[str], replies: Iterable[Reply]) -> Mapping[str, bytes]:
    """What the replies to `asking` say."""
    found: dict[str, bytes] = {}
    for batch, items in zip(batches(queues), replies, strict=True):
        if not isinstance(items, StoreError):
            found.update((name, item) for name, item in zip(batch, items, strict=True) if item)
    return found
