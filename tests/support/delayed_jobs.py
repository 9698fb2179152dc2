"""Delayed jobs, written as Ruby writes them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.direct import Direct
from tests.support.operations import KEYS

from queuecore.stores import Store
from resque.codec import encode
from resque.store import delayed_windows
from resque.store.delayed_windows import DelayedEntry, DelayedRef, Position

MOMENTS = KEYS.delayed_schedule()


def job(number: object, queue: str = "q") -> bytes:
    return encode({"class": "Job", "args": [number], "queue": queue})


def park(direct: Direct, at: int | str, *jobs: bytes, score: object = None) -> None:
    """Delay jobs as Ruby does."""
    for raw in jobs:
        direct("RPUSH", f"resque:delayed:{at}", raw)
        direct("SADD", KEYS.delayed_stamps(raw), f"delayed:{at}")
    direct("ZADD", MOMENTS, str(score or at), at)


def listed(store: Store) -> list[DelayedEntry]:
    return list(store.run(delayed_windows.page(KEYS, Position(), 1000)).jobs)


def marks(store: Store, wanted: Sequence[int] | None = None) -> list[DelayedRef]:
    found = [each.ref for each in listed(store)]
    return [m for at, m in enumerate(found) if m and (wanted is None or at in wanted)]
