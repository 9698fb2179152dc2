"""What tests of Sidekiq's sets and queues share: the recorded states, jobs, and sets of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.support.direct import Direct
from tests.support.golden import FOLDER

from sidekiq.keys import SidekiqKeys

#: The names of all recordings, for `golden.restore` and `golden.load`.
STATES = sorted(f"sidekiq/{path.stem}" for path in (FOLDER / "sidekiq").glob("*.json"))
KEYS = SidekiqKeys()


def keys_of(state: str) -> SidekiqKeys:
    """The keys of a recording."""
    return SidekiqKeys("app" if "-namespaced-" in state else "")


def payload(number: int, **members: Any) -> bytes:
    """A job as Sidekiq writes it."""
    job = {"retry": True, "queue": "default", "class": f"Job{number % 3}", "args": [number]}
    job |= {"jid": f"{number:024x}", **members}
    return json.dumps(job, separators=(",", ":")).encode()


def add(direct: Direct, key: bytes, entries: Iterable[tuple[str | float, bytes]]) -> None:
    """Put members into a set, each at its score."""
    pairs = [part for score, member in entries for part in (str(score), member)]
    for at in range(0, len(pairs), 2_000):
        direct("ZADD", key, *pairs[at : at + 2_000])
