"""Jobs in Sidekiq's sets and queues, as its clients leave them, and what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.support.direct import Direct

from queuecore.action_record import ActionRecord, Actor
from queuecore.bulk import JobRef
from queuecore.windows import sha_of
from sidekiq.keys import SidekiqKeys
from sidekiq.store.entry_search import EntryRef

KEYS = SidekiqKeys()
NOON_S = 1795435200.5


def job(number: int, **members: Any) -> bytes:
    """A payload as Ruby writes it; None leaves a member out."""
    usual = {"class": "HardJob", "args": [number], "retry": True, "queue": "default"}
    usual |= {"jid": f"{number:024x}", "created_at": 1795435000.25}
    whole = {name: each for name, each in {**usual, **members}.items() if each is not None}
    return json.dumps(whole, separators=(",", ":")).encode()


def failed_job(number: int, **members: Any) -> bytes:
    """One that failed once."""
    more = {"enqueued_at": 1795435001.0, "error_class": "E", "retry_count": 0}
    return job(number, **{**more, **members})


def fill_set(direct: Direct, key: bytes, entries: Mapping[bytes, float]) -> list[EntryRef]:
    """Put entries into a set. Returns what names them."""
    pairs = [part for raw, score in entries.items() for part in (repr(score), raw)]
    for start in range(0, len(pairs), 1000):
        direct("ZADD", key, *pairs[start : start + 1000])
    return [EntryRef(score, sha_of(raw)) for raw, score in entries.items()]


def fill_queue(direct: Direct, queue: str, items: Sequence[bytes]) -> list[JobRef]:
    """Push jobs as clients do, the next one first. Returns what names them, in this order."""
    direct("SADD", KEYS.queues(), queue)
    for start in range(0, len(items), 1000):
        direct("LPUSH", KEYS.queue(queue), *items[start : start + 1000])
    return [JobRef(place, sha_of(item)) for place, item in enumerate(items)]


def waiting_in(direct: Direct, queue: str) -> list[bytes]:
    """The jobs of a queue, the next one first."""
    found: list[bytes] = direct("LRANGE", KEYS.queue(queue), 0, -1)
    return found[::-1]


def record(action: str, source: bytes, *, undo_s: int = 1000) -> ActionRecord:
    return ActionRecord(Actor("me@here", "tests"), action, "jobs", source, 1, undo_s=undo_s)


def is_of_jobs(key: str) -> bool:
    """Whether jobs, or the names of queues, are under a key."""
    return key in ("retry", "schedule", "dead", "queues") or key.startswith("queue:")


def state_of(direct: Direct, keys: SidekiqKeys = KEYS) -> dict[str, Any]:
    """What is in the sets and queues, by the keys without their namespace. A queue's jobs are from
    the head of its list."""
    lead = b"app:" if keys.namespace else b""
    found: dict[str, Any] = {}
    for key in direct("KEYS", "*"):
        name = key.removeprefix(lead).decode()
        if not is_of_jobs(name):
            continue
        kind = direct("TYPE", key)
        if kind == b"zset":
            flat = direct("ZRANGE", key, 0, -1, "WITHSCORES")
            found[name] = {m: float(s) for m, s in zip(flat[::2], flat[1::2], strict=True)}
        elif kind == b"list":
            found[name] = direct("LRANGE", key, 0, -1)
        else:
            found[name] = sorted(direct("SMEMBERS", key))
    return found


def all_jobs(direct: Direct) -> Iterable[bytes]:
    """Every job that is anywhere, at one instant, as often as it is."""
    keys = sorted(key for key in direct("KEYS", "*") if is_of_jobs(key.decode()))
    lists = [key for key in keys if direct("TYPE", key) == b"list"]
    direct("MULTI")
    for name in ("retry", "schedule", "dead"):
        direct("ZRANGE", name, 0, -1)
    for key in lists:
        direct("LRANGE", key, 0, -1)
    return [item for part in direct("EXEC") for item in part]
