"""Sidekiq's side of a database: queues, processes that beat, and jobs that are tried again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import redis

from sidekiq.keys import SidekiqKeys

THREADS = 10
_AT_ONCE = 2_000
_KEYS = SidekiqKeys()
#: Each process serves so many queues.
_SERVED = 20


def fill_sidekiq(
    client: redis.Redis, queues: int, processes: int, retries: int, entry_bytes: int
) -> None:
    """Add a fleet to a database: depths differ, all threads of all processes are busy."""
    now_s = time.time()
    pipe = client.pipeline(transaction=False)
    for index in range(queues):
        name = _queue(index)
        pipe.sadd(_KEYS.queues(), name)
        jobs = [json.dumps(_job(n, name) | {"enqueued_at": now_s}) for n in range(index % 9)]
        if jobs:
            pipe.lpush(_KEYS.queue(name), *jobs)
    pipe.execute()
    for index in range(processes):
        pipe.sadd(_KEYS.processes(), _identity(index))
    pipe.execute()
    beat(client, range(processes), queues)
    add_retries(client, retries, entry_bytes)


def beat(client: redis.Redis, processes: Iterable[int], queues: int, turn: int = 0) -> None:
    """Let some processes beat: each writes its state anew, and what its threads run by now."""
    now_s = time.time()
    pipe = client.pipeline(transaction=False)
    for index in processes:
        identity = _identity(index)
        # Longer than any measurement, not the 60 s of a true one: others beat at other times.
        pipe.hset(identity, mapping=_state(index, now_s, queues))
        pipe.expire(identity, 3_600)
        work = f"{identity}:work"
        pipe.delete(work)
        pipe.hset(work, mapping=dict(_works(index, turn, int(now_s))))
        pipe.expire(work, 3_600)
        if len(pipe) >= _AT_ONCE:
            pipe.execute()
    pipe.execute()


def add_retries(client: redis.Redis, number: int, entry_bytes: int) -> None:
    """Add jobs that failed, of about so many bytes: ten classes, twenty errors. They are due from
    an hour from now on, twenty a second."""
    begun_s = time.time()
    for start in range(0, number, _AT_ONCE):
        entries = {}
        for index in range(start, min(number, start + _AT_ONCE)):
            failed = _job(index, "mail") | {
                "error_class": f"Error{index % 20}",
                "error_message": f"no answer from mx{index % 97} in {index} ms",
                "failed_at": begun_s - index % 3_600,
                "retry_count": index % 25,
            }
            room = entry_bytes - len(json.dumps(failed))
            failed["error_backtrace"] = "x" * max(0, room - 23)
            entries[json.dumps(failed)] = begun_s + 3_600 + index * 0.05
        client.zadd(_KEYS.jobs("retry"), entries)


def _queue(index: int) -> str:
    return f"sq-{index:04}"


def _identity(index: int) -> str:
    return f"host-{index % 100:03}:{10_000 + index}:{index:012x}"


def _job(number: int, queue: str) -> dict[str, Any]:
    job = {"retry": True, "queue": queue, "class": f"Kind{number % 10}", "args": [number]}
    return job | {"jid": f"{number:024x}", "created_at": 1795435000.25}


def _state(index: int, now_s: float, queues: int) -> dict[Any, Any]:
    served = [_queue((index + step) % max(1, queues)) for step in range(_SERVED)]
    info = {
        **{"hostname": f"host-{index % 100:03}", "started_at": now_s - 600, "pid": 10_000 + index},
        **{"tag": "app", "concurrency": THREADS, "queues": served, "labels": []},
        **{"weights": [dict.fromkeys(served, 1)], "identity": _identity(index)},
        **{"version": "7.3.0", "embedded": False},
    }
    state = {"info": json.dumps(info), "busy": THREADS, "beat": repr(now_s), "rtt_us": 100}
    return state | {"quiet": "false", "rss": 200_000, "concurrency": THREADS}


def _works(index: int, turn: int, now_s: int) -> Iterable[tuple[str, str]]:
    for thread in range(THREADS):
        queue = _queue(index)
        payload = json.dumps(_job(index * THREADS + thread + turn, queue))
        work = {"queue": queue, "payload": payload, "run_at": now_s}
        yield f"t{thread}", json.dumps(work)
