"""Putting items back that were kept elsewhere, in a file for example: byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from queuecore.action_record import ActionRecord, trail_args, trail_keys
from queuecore.exchange import Exchange, Steps, single
from queuecore.keys import name_bytes
from resque.keys import Keys
from resque.scripts import load_script

_LOAD = load_script("load")

#: What one script puts back at most.
_ITEMS = 500
_BYTES = 1 << 20


def load(
    keys: Keys,
    key: bytes,
    items: Iterable[bytes],
    trail: ActionRecord | None,
    *,
    queue: str | None = None,
) -> Steps[int]:
    """Put items at the end of the list `key`, in their order; `queue` is registered, if it is one.

    Returns how many were put there. Raises StoreError at the first part that fails: those before
    are there. A round trip for each 500 items, or each MiB; cannot be undone.
    """
    done = 0
    for part in _parts(items):
        yield _loading(keys, key, part, trail, queue)
        done += len(part)
    return done


def _parts(items: Iterable[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for item in items:
        if part and (len(part) == _ITEMS or size + len(item) > _BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item)
    if part:
        yield part


def _loading(
    keys: Keys, key: bytes, part: list[bytes], trail: ActionRecord | None, queue: str | None
) -> Exchange[int]:
    # A flag besides the name: a queue's name may be empty.
    registration = (0, "") if queue is None else (1, name_bytes(queue))
    return single(
        _LOAD.call(
            [*trail_keys(keys, trail), key, keys.queues()],
            [*trail_args(trail), *registration, *part],
        ),
        int,
        writes=True,
    )
