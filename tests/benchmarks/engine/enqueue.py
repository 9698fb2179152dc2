"""`python -m tests.benchmarks.engine.enqueue resque|rq single|bulk|fill|paced N`: enqueues as
an application does, through the system's own client. Prints the seconds it took."""

from __future__ import annotations

import importlib
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

#: Puts jobs of a name with the same arguments onto the queue.
Put = Callable[[str, int, tuple[Any, ...]], object]

BATCH = 1_000
#: After a fill's jobs come so many whose stamps tell when the queue was worked off.
STAMPS_IN_A_FILL = 10
#: Pauses between two jobs whose pick-up is measured, in seconds.
PACE_S = (0.05, 0.15)


def resque() -> tuple[Put, Put]:
    """Our client: one by one, and in bulk."""
    from resque import Resque

    client = Resque(os.environ["BENCH_URL"])

    def one(name: str, count: int, args: tuple[Any, ...]) -> None:
        for _ in range(count):
            client.enqueue_to("bench", name, *args)

    def many(name: str, count: int, args: tuple[Any, ...]) -> None:
        jobs = importlib.import_module("tests.benchmarks.engine.jobs")
        client.enqueue_many([(getattr(jobs, name.lower()), list(args))] * count)

    return one, many


def rq() -> tuple[Put, Put]:
    """RQ's client. Imported by name: it is a dependency of the benchmark only."""
    library, redis = importlib.import_module("rq"), importlib.import_module("redis")
    queue = library.Queue("bench", connection=redis.Redis.from_url(os.environ["BENCH_URL"]))

    def function(name: str) -> str:
        return f"tests.benchmarks.engine.work.{name.lower()}"

    def one(name: str, count: int, args: tuple[Any, ...]) -> None:
        for _ in range(count):
            queue.enqueue(function(name), *args)

    def many(name: str, count: int, args: tuple[Any, ...]) -> None:
        prepare = library.Queue.prepare_data
        queue.enqueue_many([prepare(function(name), args) for _ in range(count)])

    return one, many


def main(system: str, mode: str, count: int) -> None:
    """Enqueue and print how long it took."""
    one, many = {"resque": resque, "rq": rq}[system]()
    one("Noop", 1, ())
    begun_s = time.perf_counter()
    if mode == "single":
        one("Noop", count, ())
    elif mode in ("bulk", "fill"):
        for start in range(0, count, BATCH):
            many("Noop", min(BATCH, count - start), ())
        if mode == "fill":
            one("Stamp", STAMPS_IN_A_FILL, ())
    else:
        pauses = random.Random(count)
        for _ in range(count):
            time.sleep(pauses.uniform(*PACE_S))
            one("Late", 1, (time.time(),))
    print(time.perf_counter() - begun_s)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
