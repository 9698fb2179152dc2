"""Removing a whole queue as an operator's action, and how much room a list takes."""

from __future__ import annotations

from queuecore import windows
from queuecore.action_record import ActionRecord
from queuecore.exchange import Exchange, Reply
from queuecore.windows import Extent
from resque.keys import Keys


def remove(
    keys: Keys, queue: str, seen: Extent, trail: ActionRecord | None = None
) -> Exchange[int | None]:
    """Delete the jobs that waited in `queue` when `seen` was read, and, when no newer ones came,
    the queue's name. An empty queue stays: see `registration.forget`. Returns and costs as
    `windows.clear_to`."""
    return windows.clear_to(keys, keys.queue(queue), seen, trail=trail, remove_queue=queue)


def size_bytes(key: bytes) -> Exchange[int | None]:
    """About how much memory a list takes; None when the server does not tell. One round trip."""

    def parse(replies: list[Reply]) -> int | None:
        return replies[0] if isinstance(replies[0], int) else None

    return Exchange((("MEMORY", "USAGE", key, "SAMPLES", 50),), parse, tolerant=True)
