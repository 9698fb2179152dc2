"""Registered workers, as their own keys in Redis describe them, and changes of these keys."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from tests.support.direct import Direct
from tests.support.known import known

from queuecore.fleet import Process, RunningJob
from queuecore.values import replace
from resque.store.snapshot import EngineSnapshot

NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def record(queue: str = "a", number: int = 1, text: str = "") -> str:
    job = f'{{"class":"A","args":[{number},"{text}"]}}'
    return f'{{"queue":"{queue}","run_at":"2026-11-23T12:00:00Z","payload":{job}}}'


def hire(direct: Direct, *names: str, beat: str = "2026-11-23T12:00:00+00:00") -> None:
    """Registered workers with a heartbeat."""
    for name in names:
        direct("SADD", "resque:workers", name)
        direct("SET", f"resque:worker:{name}:started", "2026-11-23 12:00:00 +0000")
        direct("HSET", "resque:workers:heartbeat", name, beat)


def changes(direct: Direct, dice: random.Random) -> None:
    """A change that may happen between two polls."""
    name = f"h:{dice.randrange(8)}:a"
    number = dice.randrange(3)
    match dice.randrange(10):
        case 0 | 1:
            direct("SET", f"resque:worker:{name}", record(number=number))
        case 2:
            direct("DEL", f"resque:worker:{name}")
            direct("INCR", "resque:stat:processed")
            direct("INCR", f"resque:stat:processed:{name}")
        case 3:
            direct("INCR", "resque:stat:failed")
            direct("INCR", f"resque:stat:failed:{name}")
            direct("RPUSH", "resque:failed", f'{{"error":"{number}"}}')
        case 4:
            hire(direct, name, beat=f"2026-11-23T12:00:{dice.randrange(60):02}+00:00")
            direct("SET", f"resque:worker:{name}:started", "2026-11-23 14:00:00 +0000")
        case 5:
            direct("SREM", "resque:workers", name)
            direct("HDEL", "resque:workers:heartbeat", name)
            for key in (f"worker:{name}", f"stat:processed:{name}", f"stat:failed:{name}"):
                direct("DEL", f"resque:{key}")
        case 6:
            direct("SADD", "resque:queues", f"q{number}")
            direct("RPUSH", f"resque:queue:q{number}", str(dice.random()))
        case 7:
            direct("RPUSH" if number else "LPOP", "resque:unreadable:q1", *["x"] * bool(number))
        case 8:
            direct("LPOP", "resque:failed")
        case _:
            direct("SET" if number else "DEL", "resque:pause:queue:q1", *["true"] * bool(number))


def held(worker: Process) -> RunningJob | None:
    """The job that a worker runs; None when it is idle, or when that is unknown."""
    return worker.jobs[0] if worker.jobs else None


def timeless(seen: EngineSnapshot) -> EngineSnapshot:
    """A snapshot without what depends on the moment and on the poll before."""
    return replace(
        seen,
        server_time=NEVER,
        queues=tuple(replace(queue, pushed=None) for queue in known(seen.queues)),
        processes=tuple(replace(worker, beat_at=None) for worker in known(seen.processes)),
    )
