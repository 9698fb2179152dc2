"""Jobs that come new: from a client, or back from a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

from queuecore.action_record import ActionRecord, recorded
from queuecore.codec import encode
from queuecore.exchange import Arg, Exchange, single
from queuecore.keys import name_bytes
from sidekiq.codec import read_job
from sidekiq.errors import EncodeError, SidekiqError
from sidekiq.keys import SidekiqKeys
from sidekiq.scripts import load_script

_LOAD = load_script("load_jobs")

#: Bytes of a jid, which is written in hex. (Source: Sidekiq::JobUtil.)
_JID_BYTES: Final = 12


def new_job(
    class_name: str,
    args: Sequence[Any],
    queue: str,
    created_s: float,
    *,
    is_scheduled: bool = False,
) -> bytes:
    """A payload as a client of up to version 7 writes it, which all versions read: with a jid of
    its own and times in seconds; `enqueued_at` comes when a scheduled one is due. Raises
    EncodeError for what is no JSON or not UTF-8. (Source: Sidekiq::JobUtil#normalize_item.)"""
    at_s = float(created_s)
    job = {"retry": True, "queue": queue, "class": class_name, "args": list(args)}
    job |= {"jid": os.urandom(_JID_BYTES).hex(), "created_at": at_s}
    payload = encode(job if is_scheduled else job | {"enqueued_at": at_s})
    try:
        payload.decode()
        queue.encode()
    except UnicodeError:
        raise EncodeError("a text of the job, or its queue's name, is not UTF-8") from None
    return payload


def push(keys: SidekiqKeys, queue: str, payload: bytes) -> Exchange[int]:
    """Put a job at the back of a queue, and the queue's name on the set of queues. Returns how many
    wait then. One round trip, O(1). (Source: Client#atomic_push.)"""
    register = ("SADD", keys.queues(), name_bytes(queue))
    commands = (register, ("LPUSH", keys.queue(queue), payload))
    return Exchange(commands, lambda replies: int(replies[1]), writes=True)


def schedule(keys: SidekiqKeys, payload: bytes, at_s: float) -> Exchange[int]:
    """Let a job come to its queue at a time, in epoch seconds. Returns 1, or 0 where an equal one
    was scheduled before. One round trip, O(log(length of the set))."""
    return single(("ZADD", keys.jobs("schedule"), repr(float(at_s)), payload), int, writes=True)


def load(
    keys: SidekiqKeys, queue: str, jobs: Sequence[bytes], record: ActionRecord | None = None
) -> Exchange[int]:
    """Put jobs at the back of a queue, in their order, as they are; the queue gets its name.
    Returns how many. Cannot be undone. One round trip, O(jobs)."""
    args: list[Arg] = [0, name_bytes(queue), *jobs]
    return recorded(_LOAD, keys, record, [keys.queue(queue), keys.queues()], args, int)


def load_dead(
    keys: SidekiqKeys, jobs: Sequence[bytes], now_s: float, record: ActionRecord | None = None
) -> Exchange[int]:
    """Put jobs among the dead, byte for byte. Returns how many: an equal one that is there stays
    where it is. Each died when it failed last, as far as it says so; else at `now_s`, in epoch
    seconds, which is also the latest. Cannot be undone. One round trip, O(jobs x log(dead))."""
    if now_s != now_s:
        raise SidekiqError("not a number is no time")
    args: list[Arg] = [1, ""]
    for raw in jobs:
        args += (repr(_died_at_s(raw, float(now_s))), raw)
    return recorded(_LOAD, keys, record, [keys.jobs("dead"), keys.queues()], args, int)


def _died_at_s(raw: bytes, now_s: float) -> float:
    job = read_job(raw)
    failed_at = job.moment("retried_at") or job.moment("failed_at")
    return now_s if failed_at is None else min(now_s, failed_at.timestamp())
